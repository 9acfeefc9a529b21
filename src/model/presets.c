#include "model/config.h"

#include <errno.h>

/* What all have, and what Grok-1 and the models in its shape have. */
#define COMMON                                                                                     \
    .rms_eps = 1e-5, .attention_cap = 30, .experts = 8, .experts_used = 2, .rope_beta_slow = 1
#define GROK_1                                                                                     \
    COMMON, .output_scale = 0.5773502691896257 /* 3^-1/2 */, .tied = true, .rope_theta = 10000,    \
            .rope_factor = 1, .rope_beta_fast = 32, .rope_magnitude = 1, .pad = 0, .bos = 1,       \
            .eos = 2, .unk = 3

static const struct {
    const char *name, *what;
    struct model_config config;
} presets[] = {
    {"grok-nano",
     "2 M weights: seconds on one core, to try things and to test",
     {GROK_1, .vocab = 1024, .context = 256, .dim = 128, .layers = 3, .q_heads = 4, .kv_heads = 2,
      .head_dim = 32, .ffn = 192, .embed_scale = 11.313708498984761,
      .attention_scale = 0.17677669529663687}},
    {"grok-tiny",
     "61 M weights, 22 M active: an hour on a laptop",
     {GROK_1, .vocab = 32768, .context = 1024, .dim = 256, .layers = 6, .q_heads = 4, .kv_heads = 1,
      .head_dim = 64, .ffn = 1408, .embed_scale = 16, .attention_scale = 0.125}},
    {"grok-small",
     "1 B weights, 344 M active: one GPU",
     {GROK_1, .vocab = 131072, .context = 2048, .dim = 768, .layers = 12, .q_heads = 6,
      .kv_heads = 1, .head_dim = 128, .ffn = 4096, .embed_scale = 27.712812921102035,
      .attention_scale = 0.08838834764831845}},
    {"grok-1",
     "314 B weights, as xAI published it in 2024",
     {GROK_1, .vocab = 131072, .context = 8192, .dim = 6144, .layers = 64, .q_heads = 48,
      .kv_heads = 8, .head_dim = 128, .ffn = 32768, .embed_scale = 78.38367176906169,
      .attention_scale = 0.08838834764831845}},
    {"grok-2",
     "270 B weights, as xAI published it in 2025",
     {COMMON,
      .vocab = 131072,
      .context = 131072,
      .dim = 8192,
      .layers = 64,
      .q_heads = 64,
      .kv_heads = 8,
      .head_dim = 128,
      .ffn = 16384,
      .residual_ffn = 32768,
      .embed_scale = 90.50966799187809,
      .output_scale = 0.5,
      .final_cap = 50,
      .attention_scale = 0.08838834764831845,
      .attention_temperature_from = 1024,
      .rope_theta = 208533496,
      .rope_factor = 16,
      .rope_original_context = 8192,
      .rope_beta_fast = 8,
      .rope_magnitude = 1.2772588722239782 /* 0.1 ln 16 + 1 */,
      .router_cap = 30,
      .pad = -1,
      .bos = 1,
      .eos = 2,
      .unk = -1}},
    {"gpt2-124m-shape",
     "dense, with GPT-2's count of weights and FLOP: to compare speed",
     /* three matrices of 2048 weigh what GPT-2's two of 3072 do */
     {.vocab = 50257,
      .context = 1024,
      .dim = 768,
      .layers = 12,
      .q_heads = 12,
      .kv_heads = 12,
      .head_dim = 64,
      .ffn = 2048,
      .experts = 1,
      .experts_used = 1,
      .rms_eps = 1e-5,
      .embed_scale = 27.712812921102035,
      .output_scale = 0.5773502691896257,
      .tied = true,
      .attention_scale = 0.125,
      .attention_cap = 30,
      .rope_theta = 10000,
      .rope_factor = 1,
      .rope_beta_fast = 32,
      .rope_beta_slow = 1,
      .rope_magnitude = 1,
      .pad = -1,
      .bos = -1,
      .eos = 50256,
      .unk = -1}},
};

int model_preset(const char *name, struct model_config *out, struct err *err)
{
    struct buf names = {0};
    int r;

    for (size_t i = 0; i < ARRAY_LEN(presets); i++)
        if (strcmp(presets[i].name, name) == 0) {
            *out = presets[i].config;
            return 0;
        }
    for (size_t i = 0; i < ARRAY_LEN(presets); i++)
        buf_printf(&names, "%s%s", i ? ", " : "", presets[i].name);
    r = err_set(err, -ENOENT, "there is no preset '%s'; there are %s", name,
                names.p ? names.p : "some");
    buf_done(&names);
    return r;
}

void model_presets_list(struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(presets); i++)
        buf_printf(out, "%-16s %s\n", presets[i].name, presets[i].what);
}
