/* Models small enough to be held against doubles, and batches for them. */
#ifndef TEST_MODEL_SMALL_H
#define TEST_MODEL_SMALL_H

#include "model/model.h"
#include "tensor/random.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What makes it a small Grok-2. */
#define SMALL_GROK_2                                                                               \
    "tied=0 final_cap=3 attention_cap=2 attention_temperature_from=3 rope_factor=4 "               \
    "rope_original_context=8 rope_beta_fast=2 rope_beta_slow=0.5 rope_magnitude=1.1 "              \
    "router_cap=1.5 residual_ffn=9 pad=0"

/* A small Grok-1 with what `assigns` says: "experts=1 tied=0 ...", without "model.". */
static struct model_config small_config(const char *assigns)
{
    struct model_config config = {.vocab = 19,
                                  .context = 64,
                                  .dim = 12,
                                  .layers = 2,
                                  .q_heads = 4,
                                  .kv_heads = 2,
                                  .head_dim = 6,
                                  .ffn = 10,
                                  .experts = 5,
                                  .experts_used = 2,
                                  .rms_eps = 1e-5,
                                  .embed_scale = 3.4,
                                  .output_scale = 0.6,
                                  .tied = true,
                                  .attention_scale = 0.4,
                                  .attention_cap = 30,
                                  .rope_theta = 100,
                                  .rope_factor = 1,
                                  .rope_beta_fast = 32,
                                  .rope_beta_slow = 1,
                                  .rope_magnitude = 1,
                                  .pad = -1,
                                  .bos = -1,
                                  .eos = -1,
                                  .unk = -1};
    struct str rest = str_of(assigns), word;
    struct err err = {0};

    while (str_word(&rest, &word)) {
        char text[128];

        snprintf(text, sizeof(text), "model.%.*s", STR_ARG(word));
        if (setting_assign(model_settings, model_setting_count, &config, text, &err) < 0) {
            fprintf(stderr, "%s\n", err.text);
            abort();
        }
    }
    if (model_config_check(&config, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return config;
}

#define SMALL_ROWS_MAX 256

struct small_batch {
    struct model_batch batch;
    int32_t tokens[SMALL_ROWS_MAX], targets[SMALL_ROWS_MAX], first_key[SMALL_ROWS_MAX];
};

/* Tokens at random with some targets masked; `apart`: two documents in each sequence. */
static void small_batch_fill(struct small_batch *small, const struct model_config *config,
                             size_t batch, size_t time, bool apart, uint64_t seed)
{
    assert(batch * time <= SMALL_ROWS_MAX);
    for (size_t i = 0; i < batch * time; i++) {
        size_t t = i % time, cut = time / 3 + i / time;

        small->tokens[i] = (int32_t)(random_u32(seed, 0, 1, i) % (uint64_t)config->vocab);
        small->targets[i] = (int32_t)(random_u32(seed, 0, 2, i) % (uint64_t)config->vocab);
        if (i % 5 == 3)
            small->targets[i] = -1;
        small->first_key[i] = (int32_t)(t >= cut ? cut : 0);
    }
    small->batch = (struct model_batch){.batch = batch,
                                        .time = time,
                                        .tokens = small->tokens,
                                        .targets = small->targets,
                                        .first_key = apart ? small->first_key : NULL};
}

/* Seeded weights, with gains that are not all 1 and a bias that is not 0. */
static inline struct model *small_model(const struct exec *exec, const struct model_config *config,
                                        const struct model_options *options, uint64_t seed)
{
    struct model *model = NULL;
    struct err err = {0};
    const struct params *params;

    if (model_new(exec, config, options, NULL, &model, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    model_init(model, seed);
    params = model_params(model);
    for (size_t i = 0; i < params->count; i++)
        for (size_t j = 0; params->items[i].dims == 1 && j < params->items[i].count; j++)
            model_weights(model)[params->items[i].offset + j] =
                (float)(0.7 + 0.6 * random_unit(seed, 1, (uint32_t)i, j));
    for (size_t i = 0; i < (size_t)(config->layers * config->experts); i++)
        model_router_bias(model)[i] = (float)(0.1 * random_unit(seed, 2, 0, i));
    model_pack(model);
    return model;
}

#endif
