#include "model/config.h"

#include "kernels/router.h"
#include "model/params.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>

/* More weights than anybody has, and few enough that no count of bytes wraps round. */
#define WEIGHTS_MAX 1e14

#define ROW(field, type, min, max, help)                                                           \
    {                                                                                              \
        "model." #field, type, offsetof(struct model_config, field), min, max, NULL, help          \
    }
#define INT(field, min, max, help)  ROW(field, SETTING_INT, min, max, help)
#define REAL(field, min, max, help) ROW(field, SETTING_REAL, min, max, help)
#define BOOL(field, help)           ROW(field, SETTING_BOOL, 0, 1, help)

const struct setting model_settings[] = {
    INT(vocab, 1, 1 << 24, "tokens in the vocabulary"),
    INT(context, 1, 1 << 24, "tokens in the longest sequence"),
    INT(dim, 1, 1 << 20, "width of the residual stream"),
    INT(layers, 1, 1024, "blocks of attention and experts"),
    INT(q_heads, 1, 4096, "heads of queries"),
    INT(kv_heads, 1, 4096, "heads of keys and values; divides q_heads"),
    INT(head_dim, 2, 1024, "width of a head, even"),
    INT(ffn, 1, 1 << 24, "width of one expert"),
    INT(experts, 1, ROUTER_EXPERTS_MAX, "experts of a layer; 1: a dense model"),
    INT(experts_used, 1, ROUTER_USED_MAX, "experts that a token goes to"),
    REAL(rms_eps, 0, 1, "added to the mean square in norms"),
    REAL(embed_scale, 1e-6, 1e6, "factor of the embedding"),
    REAL(output_scale, 1e-6, 1e6, "factor of the logits"),
    BOOL(tied, "the output table is the embedding"),
    REAL(final_cap, 0, 1e6, "cap of the logits; 0: none"),
    REAL(attention_scale, 1e-6, 1e6, "factor of query times key"),
    REAL(attention_cap, 0, 1e6, "cap of attention's logits; 0: none"),
    INT(attention_temperature_from, 0, 1 << 24,
        "queries beyond this position look sharper, by log2(position) / log2(this); 0: never"),
    REAL(rope_theta, 2, 1e12, "base of the rotary positions"),
    REAL(rope_factor, 1, 1e6, "YaRN: how many times longer than it was trained for; 1: plain"),
    INT(rope_original_context, 0, 1 << 24, "YaRN: what it was trained for"),
    REAL(rope_beta_fast, 1e-3, 1e6, "YaRN: pairs that turn more often keep their frequency"),
    REAL(rope_beta_slow, 1e-3, 1e6, "YaRN: pairs that turn less often are slowed down"),
    REAL(rope_magnitude, 1e-3, 1e3, "YaRN: factor of cosine and sine"),
    REAL(router_cap, 0, 1e6, "cap of the router's logits; 0: none"),
    BOOL(router_renormalize, "gates of the chosen experts sum to 1"),
    INT(residual_ffn, 0, 1 << 24, "width of a dense path beside the experts; 0: none"),
    INT(pad, -1, 1 << 24, "token that fills up, hidden from attention; -1: none"),
    INT(bos, -1, 1 << 24, "token that begins a document; -1: none"),
    INT(eos, -1, 1 << 24, "token that ends a document; -1: none"),
    INT(unk, -1, 1 << 24, "token of what has no other; -1: none"),
};
const size_t model_setting_count = ARRAY_LEN(model_settings);

static int check_ranges(const struct model_config *config, struct err *err)
{
    for (size_t i = 0; i < model_setting_count; i++) {
        const struct setting *row = &model_settings[i];
        const char *at = (const char *)config + row->offset;
        double value;

        if (row->type == SETTING_INT)
            value = (double)*(const int64_t *)at;
        else if (row->type == SETTING_REAL)
            value = *(const double *)at;
        else
            continue;
        if (!(value >= row->min && value <= row->max))
            return err_set(err, -EINVAL, "%s is %.15g, but takes %.15g to %.15g", row->key, value,
                           row->min, row->max);
    }
    return 0;
}

static int check_tokens(const struct model_config *config, struct err *err)
{
    const struct {
        const char *key;
        int64_t id;
    } tokens[] = {
        {"pad", config->pad}, {"bos", config->bos}, {"eos", config->eos}, {"unk", config->unk}};

    for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
        if (tokens[i].id >= config->vocab)
            return err_set(err, -EINVAL, "model.%s is %lld, but model.vocab is %lld", tokens[i].key,
                           (long long)tokens[i].id, (long long)config->vocab);
    return 0;
}

/* In doubles, which don't wrap round. */
static double weights_of(const struct model_config *config)
{
    double sum = 0;

    for (int kind = 0; kind < PARAM_KINDS; kind++) {
        size_t shape[3];
        size_t dims = param_shape(config, kind, shape);
        double count = dims ? 1 : 0;

        for (size_t i = 0; i < dims; i++)
            count *= (double)shape[i];
        sum += count * (param_of_layer(kind) ? (double)config->layers : 1);
    }
    return sum;
}

int model_config_check(const struct model_config *config, struct err *err)
{
    int r = check_ranges(config, err);

    if (r == 0)
        r = check_tokens(config, err);
    if (r < 0)
        return r;
    if (config->q_heads % config->kv_heads != 0)
        return err_set(err, -EINVAL, "model.kv_heads (%lld) does not divide model.q_heads (%lld)",
                       (long long)config->kv_heads, (long long)config->q_heads);
    if (config->head_dim % 2 != 0)
        return err_set(err, -EINVAL, "model.head_dim is %lld, but rotary positions need it even",
                       (long long)config->head_dim);
    if (config->experts_used > config->experts)
        return err_set(err, -EINVAL, "model.experts_used (%lld) is more than model.experts (%lld)",
                       (long long)config->experts_used, (long long)config->experts);
    if (config->attention_temperature_from == 1)
        return err_set(err, -EINVAL,
                       "model.attention_temperature_from is 1, whose logarithm is 0: take 0 for "
                       "none, or 2 and more");
    if (config->rope_factor > 1 && config->rope_original_context == 0)
        return err_set(err, -EINVAL,
                       "model.rope_factor is %g, but model.rope_original_context is not given",
                       config->rope_factor);
    if (weights_of(config) > WEIGHTS_MAX)
        return err_set(err, -EINVAL, "model.dim, ffn, layers ... make %.3g weights, more than %g",
                       weights_of(config), WEIGHTS_MAX);
    return 0;
}

double model_flop_per_token(const struct model_config *config, size_t time, bool causal)
{
    double keys = causal ? ((double)time + 1) / 2 : (double)time;
    double sum = 0;

    for (int kind = 0; kind < PARAM_KINDS; kind++) {
        size_t shape[3];
        size_t dims = param_shape(config, kind, shape);
        double count = 1;

        /* A table that is only looked up and a norm's gains make no product. */
        if (dims < 2 || (kind == PARAM_EMBED && !config->tied))
            continue;
        for (size_t i = 0; i < dims; i++)
            count *= (double)shape[i];
        if (dims == 3)
            count *= (double)config->experts_used / (double)config->experts;
        sum += count * (param_of_layer(kind) ? (double)config->layers : 1);
    }
    return 6 * sum +
           12 * (double)config->layers * (double)config->q_heads * (double)config->head_dim * keys;
}
