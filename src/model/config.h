/* model/config - every constant of the Grok family, and presets. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include "base/setting.h"

/* In the order of the forward pass; letters as in docs/design/model.md. */
struct model_config {
    int64_t vocab;        /* V */
    int64_t context;      /* longest sequence, tokens */
    int64_t dim;          /* D */
    int64_t layers;       /* L */
    int64_t q_heads;      /* Hq */
    int64_t kv_heads;     /* Hkv, divides q_heads */
    int64_t head_dim;     /* d, even */
    int64_t ffn;          /* F: width of one expert */
    int64_t experts;      /* E; 1: a dense model, without a router */
    int64_t experts_used; /* K */
    double rms_eps;
    double embed_scale;                 /* s_e */
    double output_scale;                /* s_o */
    bool tied;                          /* the output table is the embedding */
    double final_cap;                   /* of the logits; 0: none (Grok-1), 50 in Grok-2 */
    double attention_scale;             /* s_a */
    double attention_cap;               /* 30; 0: none */
    int64_t attention_temperature_from; /* Grok-2: 1024, positions beyond are scaled by log2(pos) /
                                           log2(from); 0: none */
    double rope_theta;
    double rope_factor; /* YaRN; 1: plain */
    int64_t rope_original_context;
    double rope_beta_fast, rope_beta_slow; /* turns within the original context, above and below
                                              which a pair keeps its frequency, or slows down */
    double rope_magnitude;                 /* factor of cos and sin */
    double router_cap;                     /* 0: none */
    bool router_renormalize;
    int64_t residual_ffn; /* Grok-2: width of the dense path beside the experts, out = (mlp + moe) /
                             sqrt 2; 0: none */
    int64_t pad, bos, eos, unk; /* token ids; -1: none */
};

/* Keys "model.vocab" and so on. */
extern const struct setting model_settings[];
extern const size_t model_setting_count;

/* "grok-nano", "grok-tiny", "grok-small", "grok-1", "grok-2", "gpt2-124m-shape". Returns 0 or
 * -ENOENT with a sentence that lists them. */
int model_preset(const char *name, struct model_config *out, struct err *err);

/* A line for each preset: name and what it is. */
void model_presets_list(struct buf *out);

/* Do the numbers go together? Returns 0 or -EINVAL with a sentence that names the keys. */
int model_config_check(const struct model_config *config, struct err *err);

/* FLOP of one token's training step (forward and backward, 6 per weight that it meets and the
 * attention of `time` positions): `causal` counts half of the attention, else all of it. */
double model_flop_per_token(const struct model_config *config, size_t time, bool causal);

#endif
