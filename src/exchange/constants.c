#include "exchange/constants.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#define OURS       "firstlight"
#define OUR_CONFIG "firstlight.config"
#define OUR_BIAS   "firstlight.router_bias"
#define BIAS_NOTE                                                                                  \
    "trained with a router bias, which is in " OUR_BIAS " and which others don't apply"
#define NO_CAP      1e6f /* so high that it caps nothing: llama.cpp divides by it */
#define ARCH        "grok"
#define JSON_FORMAT (JSON_INDENT(2) | JSON_REAL_PRECISION(17))

enum when { ALWAYS, POSITIVE, NOT_NEGATIVE, SCALED /* rope_factor is more than 1 */ };

static const struct row {
    const char *field; /* behind "model." */
    const char *json, *json_other, *gguf;
    enum when when;
    bool needed;
} rows[] = {
    {"vocab", "vocab_size", NULL, "grok.vocab_size", ALWAYS, true},
    {"context", "max_position_embeddings", NULL, "grok.context_length", ALWAYS, true},
    {"dim", "hidden_size", NULL, "grok.embedding_length", ALWAYS, true},
    {"layers", "num_hidden_layers", NULL, "grok.block_count", ALWAYS, true},
    {"q_heads", "num_attention_heads", NULL, "grok.attention.head_count", ALWAYS, true},
    {"kv_heads", "num_key_value_heads", NULL, "grok.attention.head_count_kv", ALWAYS, true},
    {"head_dim", "head_dim", NULL, "grok.attention.key_length", ALWAYS, false},
    {"ffn", "moe_intermediate_size", NULL, "grok.expert_feed_forward_length", ALWAYS, false},
    {"experts", "num_local_experts", "num_experts", "grok.expert_count", ALWAYS, true},
    {"experts_used", "num_experts_per_tok", NULL, "grok.expert_used_count", ALWAYS, true},
    {"rms_eps", "rms_norm_eps", NULL, "grok.attention.layer_norm_rms_epsilon", ALWAYS, true},
    {"embed_scale", "embedding_multiplier_scale", NULL, "grok.embedding_scale", ALWAYS, false},
    {"output_scale", "output_multiplier_scale", NULL, "grok.logit_scale", ALWAYS, false},
    {"tied", "tie_word_embeddings", NULL, NULL, ALWAYS, false},
    {"final_cap", "final_logit_softcapping", NULL, "grok.final_logit_softcapping", POSITIVE, false},
    {"attention_scale", "attn_output_multiplier", NULL, "grok.attention.output_scale", ALWAYS,
     false},
    {"attention_cap", "attn_logit_softcapping", "max_attn_value", "grok.attn_logit_softcapping",
     ALWAYS, false},
    {"attention_temperature_from", "attn_temperature_len", NULL,
     "grok.attention.temperature_length", POSITIVE, false},
    {"rope_theta", "rope_theta", NULL, "grok.rope.freq_base", ALWAYS, false},
    {"rope_factor", "scaling_factor", NULL, "grok.rope.scaling.factor", SCALED, false},
    {"rope_original_context", "original_max_position_embeddings", NULL,
     "grok.rope.scaling.original_context_length", SCALED, false},
    {"router_cap", "router_logit_softcapping", NULL, "grok.router_logit_softcapping", ALWAYS,
     false},
    {"pad", "pad_token_id", NULL, "tokenizer.ggml.padding_token_id", NOT_NEGATIVE, false},
    {"bos", "bos_token_id", NULL, "tokenizer.ggml.bos_token_id", NOT_NEGATIVE, false},
    {"eos", "eos_token_id", NULL, "tokenizer.ggml.eos_token_id", NOT_NEGATIVE, false},
    {"unk", "unk_token_id", NULL, "tokenizer.ggml.unknown_token_id", NOT_NEGATIVE, false},
};

static const struct setting *setting_of(const struct row *row)
{
    char key[64];

    (void)snprintf(key, sizeof(key), "model.%s", row->field);
    return setting_find(model_settings, model_setting_count, key);
}

static double value_of(const struct row *row, const struct model_config *config)
{
    const struct setting *setting = setting_of(row);
    const char *at = (const char *)config + setting->offset;

    switch (setting->type) {
    case SETTING_INT:
        return (double)*(const int64_t *)at;
    case SETTING_BOOL:
        return *(const bool *)at;
    default:
        return *(const double *)at;
    }
}

static void put_value(const struct row *row, struct model_config *config, double value)
{
    const struct setting *setting = setting_of(row);
    char *at = (char *)config + setting->offset;

    switch (setting->type) {
    case SETTING_INT:
        *(int64_t *)at = value >= -1e15 && value <= 1e15 ? (int64_t)value : -2;
        break;
    case SETTING_BOOL:
        *(bool *)at = value != 0;
        break;
    default:
        *(double *)at = value;
    }
}

static bool is_written(const struct row *row, const struct model_config *config)
{
    double value = value_of(row, config);

    switch (row->when) {
    case POSITIVE:
        return value > 0;
    case NOT_NEGATIVE:
        return value >= 0;
    case SCALED:
        return config->rope_factor > 1;
    case ALWAYS:
        break;
    }
    return true;
}

bool exchange_has_bias(const struct exchange_model *model)
{
    int64_t count = model->config.layers * model->config.experts;

    for (int64_t i = 0; model->router_bias && i < count; i++)
        if (model->router_bias[i] != 0)
            return true;
    return false;
}

static json_t *bias_to_json(const struct exchange_model *model)
{
    json_t *all = json_array();

    for (int64_t i = 0; i < model->config.layers * model->config.experts; i++)
        (void)json_array_append_new(all, json_real((double)model->router_bias[i]));
    return all;
}

static json_t *value_to_json(const struct row *row, const struct model_config *config)
{
    double value = value_of(row, config);

    switch (setting_of(row)->type) {
    case SETTING_INT:
        return json_integer((json_int_t)value);
    case SETTING_BOOL:
        return json_boolean(value != 0);
    default:
        return json_real(value);
    }
}

char *constants_to_json(const struct exchange_model *model, enum dtype type)
{
    const struct model_config *config = &model->config;
    json_t *ours = json_object(), *root;
    char *text = NULL;

    root = json_pack("{s:[s], s:s, s:s, s:s, s:b, s:I}", "architectures", "Grok1ForCausalLM",
                     "model_type", "grok-1", "torch_dtype",
                     type == DTYPE_F32 ? "float32" : "bfloat16", "hidden_act", "gelu",
                     "residual_moe", config->residual_ffn > 0, "intermediate_size",
                     (json_int_t)(config->residual_ffn ? config->residual_ffn : config->ffn));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!is_written(&rows[i], config))
            continue;
        (void)json_object_set_new(root, rows[i].json, value_to_json(&rows[i], config));
        if (rows[i].json_other)
            (void)json_object_set_new(root, rows[i].json_other, value_to_json(&rows[i], config));
    }
    if (config->rope_factor > 1)
        (void)json_object_set_new(root, "rope_type", json_string("yarn"));
    (void)json_object_set_new(ours, "config",
                              setting_to_json(model_settings, model_setting_count, config));
    if (exchange_has_bias(model))
        (void)json_object_set_new(ours, "router_bias", bias_to_json(model));
    if (json_object_set_new(root, OURS, ours) == 0 && json_object_get(ours, "config"))
        text = json_dumps(root, JSON_FORMAT);
    json_decref(root);
    return text;
}

/* What Grok-1 has, and no special tokens. */
static void start(struct model_config *config)
{
    (void)model_preset("grok-1", config, NULL);
    config->pad = config->bos = config->eos = config->unk = -1;
}

static int bias_from_json(const json_t *array, const struct model_config *config, float **out,
                          struct err *err)
{
    size_t count = (size_t)(config->layers * config->experts);

    if (json_array_size(array) != count)
        return err_set(err, -EINVAL, OURS ".router_bias has %zu numbers, not %zu",
                       json_array_size(array), count);
    *out = calloc(count, sizeof(**out));
    if (!*out)
        return err_set(err, -ENOMEM, "no memory for the router's bias");
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = (float)json_number_value(json_array_get(array, i));
        if (!json_is_number(json_array_get(array, i)) || !isfinite((*out)[i])) {
            free(*out);
            *out = NULL;
            return err_set(err, -EINVAL, OURS ".router_bias holds something else than numbers");
        }
    }
    return 0;
}

static int ours_from_json(const json_t *ours, struct model_config *config, float **router_bias,
                          struct err *err)
{
    const json_t *bias = json_object_get(ours, "router_bias");
    int r = setting_from_json(model_settings, model_setting_count, config,
                              json_object_get(ours, "config"), err);

    if (r == 0)
        r = model_config_check(config, err);
    if (r == 0 && bias)
        r = bias_from_json(bias, config, router_bias, err);
    return r;
}

static const json_t *find_json(const json_t *root, const struct row *row)
{
    const json_t *value = json_object_get(root, row->json);

    if ((!value || json_is_null(value)) && row->json_other)
        value = json_object_get(root, row->json_other);
    return json_is_null(value) ? NULL : value;
}

/* Without ours: what Hugging Face's ports and Grok-2 say, Grok-1's constants where they don't. */
static int theirs_from_json(const json_t *root, struct model_config *config, struct err *err)
{
    const json_t *width = json_object_get(root, "intermediate_size");
    const json_t *rope = json_object_get(root, "rope_type");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const json_t *value = find_json(root, &rows[i]);

        if (!value && rows[i].needed)
            return err_set(err, -EINVAL, "it lacks '%s': is it a Grok's?", rows[i].json);
        if (value && !json_is_number(value) && !json_is_boolean(value))
            return err_set(err, -EINVAL, "'%s' is no number", rows[i].json);
        if (value)
            put_value(&rows[i], config,
                      json_is_boolean(value) ? json_is_true(value) : json_number_value(value));
    }
    if (!json_object_get(root, "head_dim") && config->q_heads > 0)
        config->head_dim = config->dim / config->q_heads;
    if (!json_object_get(root, "attn_output_multiplier") && config->head_dim > 0)
        config->attention_scale = 1 / sqrt((double)config->head_dim);
    if (json_is_true(json_object_get(root, "residual_moe")))
        config->residual_ffn = json_integer_value(width);
    if (!json_object_get(root, "moe_intermediate_size"))
        config->ffn = json_integer_value(width);
    if (!json_is_string(rope)) { /* Grok-1 has none, whatever else it says */
        config->rope_factor = 1;
        config->rope_original_context = 0;
    }
    return model_config_check(config, err);
}

int constants_from_json(const char *text, size_t len, struct model_config *config,
                        float **router_bias, struct err *err)
{
    json_error_t why;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    int r;

    *router_bias = NULL;
    if (!root)
        return err_set(err, -EINVAL, "line %d: %.200s", why.line, why.text);
    start(config);
    if (json_is_object(json_object_get(root, OURS)))
        r = ours_from_json(json_object_get(root, OURS), config, router_bias, err);
    else
        r = theirs_from_json(root, config, err);
    json_decref(root);
    return r;
}

static void put_row(struct gguf_writer *writer, const struct row *row,
                    const struct model_config *config)
{
    double value = value_of(row, config);

    if (setting_of(row)->type == SETTING_INT)
        gguf_put_u32(writer, row->gguf, (uint32_t)value);
    else if (strcmp(row->field, "attention_cap") == 0 && value == 0)
        gguf_put_f32(writer, row->gguf, NO_CAP);
    else
        gguf_put_f32(writer, row->gguf, (float)value);
}

static int put_ours(const struct exchange_model *model, struct gguf_writer *writer, struct err *err)
{
    size_t count = (size_t)(model->config.layers * model->config.experts);
    json_t *json = setting_to_json(model_settings, model_setting_count, &model->config);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;

    json_decref(json);
    if (!text)
        return err_set(err, -ENOMEM, "no memory for the constants");
    gguf_put_text(writer, OUR_CONFIG, str_of(text));
    free(text);
    if (exchange_has_bias(model)) {
        gguf_put_array(writer, OUR_BIAS, GGUF_F32, count);
        buf_add(&writer->keys, (const char *)model->router_bias, count * sizeof(float));
    }
    return 0;
}

int constants_to_gguf(const struct exchange_model *model, struct gguf_writer *writer,
                      struct err *err)
{
    const struct model_config *config = &model->config;

    if (config->q_heads * config->head_dim != config->dim)
        return err_set(err, -EINVAL,
                       "llama.cpp's Grok needs heads that fill the width: model.q_heads %lld times "
                       "model.head_dim %lld is not model.dim %lld",
                       (long long)config->q_heads, (long long)config->head_dim,
                       (long long)config->dim);
    gguf_put_text(writer, "general.architecture", STR(ARCH));
    gguf_put_text(writer, "general.name", STR("firstlight"));
    if (exchange_has_bias(model))
        gguf_put_text(writer, "general.description", STR(BIAS_NOTE));
    gguf_put_u32(writer, "general.alignment", GGUF_ALIGN);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].gguf && is_written(&rows[i], config))
            put_row(writer, &rows[i], config);
    gguf_put_u32(writer, "grok.attention.value_length", (uint32_t)config->head_dim);
    gguf_put_u32(writer, "grok.rope.dimension_count", (uint32_t)config->head_dim);
    gguf_put_u32(writer, "grok.feed_forward_length",
                 (uint32_t)(config->residual_ffn ? config->residual_ffn : config->ffn));
    if (config->rope_factor > 1) {
        gguf_put_text(writer, "grok.rope.scaling.type", STR("yarn"));
        gguf_put_f32(writer, "grok.rope.scaling.yarn_beta_fast", (float)config->rope_beta_fast);
        gguf_put_f32(writer, "grok.rope.scaling.yarn_beta_slow", (float)config->rope_beta_slow);
    }
    return put_ours(model, writer, err);
}

static int ours_from_gguf(const struct gguf *gguf, struct str text, struct model_config *config,
                          float **router_bias, struct err *err)
{
    const struct gguf_value *bias = gguf_find(gguf, OUR_BIAS);
    json_t *json = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, NULL);
    uint64_t count;
    int r;

    r = setting_from_json(model_settings, model_setting_count, config, json, err);
    json_decref(json);
    if (r == 0)
        r = model_config_check(config, err);
    if (r < 0)
        return err_wrap(err, r, OUR_CONFIG);
    count = (uint64_t)(config->layers * config->experts);
    if (!bias)
        return 0;
    if (!bias->array || bias->type != GGUF_F32 || bias->count != count)
        return err_set(err, -EINVAL, OUR_BIAS " is no array of %llu floats",
                       (unsigned long long)count);
    *router_bias = calloc(count, sizeof(float));
    if (!*router_bias)
        return err_set(err, -ENOMEM, "no memory for the router's bias");
    memcpy(*router_bias, bias->bytes.p, count * sizeof(float));
    for (uint64_t i = 0; i < count; i++)
        if (!isfinite((*router_bias)[i])) {
            free(*router_bias);
            *router_bias = NULL;
            return err_set(err, -EINVAL, OUR_BIAS " holds a number that is not finite");
        }
    return 0;
}

static bool has_tensor(const struct gguf *gguf, const char *name)
{
    for (size_t i = 0; i < gguf->tensors.list.count; i++)
        if (strcmp(gguf->tensors.list.items[i].name, name) == 0)
            return true;
    return false;
}

/* The vocabulary may be said by the tokens alone. */
static void count_tokens(const struct gguf *gguf, struct model_config *config, bool *said)
{
    const struct gguf_value *tokens = gguf_find(gguf, "tokenizer.ggml.tokens");

    if (tokens && tokens->array) {
        config->vocab = tokens->count < INT32_MAX ? (int64_t)tokens->count : -1;
        *said = true;
    }
}

static int theirs_from_gguf(const struct gguf *gguf, struct model_config *config, struct err *err)
{
    const struct gguf_value *scaling = gguf_find(gguf, "grok.rope.scaling.type");
    int64_t width = 0;
    bool vocab_said = false;

    count_tokens(gguf, config, &vocab_said);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct gguf_value *value = rows[i].gguf ? gguf_find(gguf, rows[i].gguf) : NULL;
        bool said = value || (strcmp(rows[i].field, "vocab") == 0 && vocab_said);
        double number;

        if (!said && rows[i].needed)
            return err_set(err, -EINVAL, "it lacks the key %s", rows[i].gguf);
        if (value && !gguf_number(value, 0, &number))
            return err_set(err, -EINVAL, "the key %s is no number", rows[i].gguf);
        if (value)
            put_value(&rows[i], config, number);
    }
    if (!gguf_integer(gguf_find(gguf, "grok.feed_forward_length"), 0, &width))
        return err_set(err, -EINVAL, "it lacks the key grok.feed_forward_length");
    if (!gguf_find(gguf, "grok.attention.key_length") && config->q_heads > 0)
        config->head_dim = config->dim / config->q_heads;
    if (!gguf_find(gguf, "grok.expert_feed_forward_length"))
        config->ffn = width;
    if (has_tensor(gguf, "blk.0.ffn_gate.weight"))
        config->residual_ffn = width;
    config->tied = !has_tensor(gguf, "output.weight");
    if (!scaling) {
        config->rope_factor = 1;
        config->rope_original_context = 0;
    }
    return model_config_check(config, err);
}

int constants_from_gguf(const struct gguf *gguf, struct model_config *config, float **router_bias,
                        struct err *err)
{
    struct str arch, text;

    *router_bias = NULL;
    if (!gguf_text(gguf_find(gguf, "general.architecture"), &arch))
        return err_set(err, -EINVAL, "it does not say its general.architecture");
    if (!str_is(arch, ARCH))
        return err_set(err, -EINVAL, "its architecture is '%.*s'; only " ARCH " can be read",
                       (int)(arch.len < 40 ? arch.len : 40), arch.p);
    start(config);
    if (gguf_text(gguf_find(gguf, OUR_CONFIG), &text))
        return ours_from_gguf(gguf, text, config, router_bias, err);
    return theirs_from_gguf(gguf, config, err);
}
