#include "model/params.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* In the order of the flat vector; those of a layer are beside each other. */
static const struct {
    enum param_kind kind;
    const char *name;
    bool of_layer;
} table[] = {
    {PARAM_EMBED, "embed", false},
    {PARAM_NORM_ATTENTION_IN, "attention.norm_in", true},
    {PARAM_Q, "attention.q", true},
    {PARAM_K, "attention.k", true},
    {PARAM_V, "attention.v", true},
    {PARAM_O, "attention.o", true},
    {PARAM_NORM_ATTENTION_OUT, "attention.norm_out", true},
    {PARAM_NORM_MOE_IN, "moe.norm_in", true},
    {PARAM_ROUTER, "moe.router", true},
    {PARAM_W1, "moe.w1", true},
    {PARAM_WV, "moe.wv", true},
    {PARAM_W2, "moe.w2", true},
    {PARAM_RESIDUAL_W1, "residual.w1", true},
    {PARAM_RESIDUAL_WV, "residual.wv", true},
    {PARAM_RESIDUAL_W2, "residual.w2", true},
    {PARAM_NORM_MOE_OUT, "moe.norm_out", true},
    {PARAM_FINAL_NORM, "final_norm", false},
    {PARAM_HEAD, "head", false},
};

static size_t shape_1(size_t shape[3], int64_t a)
{
    shape[0] = (size_t)a;
    shape[1] = shape[2] = 1;
    return 1;
}

/* No dimensions when one is 0: the model then lacks it. */
static size_t shape_2(size_t shape[3], int64_t a, int64_t b)
{
    shape[0] = (size_t)a;
    shape[1] = (size_t)b;
    shape[2] = 1;
    return a && b ? 2 : 0;
}

static size_t shape_3(size_t shape[3], int64_t a, int64_t b, int64_t c)
{
    shape[0] = (size_t)a;
    shape[1] = (size_t)b;
    shape[2] = (size_t)c;
    return 3;
}

size_t param_shape(const struct model_config *config, enum param_kind kind, size_t shape[3])
{
    int64_t dim = config->dim, residual = config->residual_ffn;
    int64_t q = config->q_heads * config->head_dim, kv = config->kv_heads * config->head_dim;

    switch (kind) {
    case PARAM_EMBED:
        return shape_2(shape, config->vocab, dim);
    case PARAM_HEAD:
        return shape_2(shape, config->tied ? 0 : config->vocab, dim);
    case PARAM_FINAL_NORM:
    case PARAM_NORM_ATTENTION_IN:
    case PARAM_NORM_ATTENTION_OUT:
    case PARAM_NORM_MOE_IN:
    case PARAM_NORM_MOE_OUT:
        return shape_1(shape, dim);
    case PARAM_Q:
        return shape_2(shape, dim, q);
    case PARAM_K:
    case PARAM_V:
        return shape_2(shape, dim, kv);
    case PARAM_O:
        return shape_2(shape, q, dim);
    case PARAM_ROUTER:
        return shape_2(shape, dim, config->experts > 1 ? config->experts : 0);
    case PARAM_W1:
    case PARAM_WV:
        return shape_3(shape, config->experts, dim, config->ffn);
    case PARAM_W2:
        return shape_3(shape, config->experts, config->ffn, dim);
    case PARAM_RESIDUAL_W1:
    case PARAM_RESIDUAL_WV:
        return shape_2(shape, dim, residual);
    case PARAM_RESIDUAL_W2:
        return shape_2(shape, residual, dim);
    case PARAM_KINDS:
        break;
    }
    return 0;
}

bool param_of_layer(enum param_kind kind)
{
    return kind != PARAM_EMBED && kind != PARAM_HEAD && kind != PARAM_FINAL_NORM;
}

static void add(struct params *params, const struct model_config *config, size_t row, int layer)
{
    struct param *param = &params->items[params->count];
    size_t dims = param_shape(config, table[row].kind, param->shape);

    if (dims == 0)
        return;
    param->kind = table[row].kind;
    param->layer = layer;
    if (layer < 0)
        snprintf(param->name, sizeof(param->name), "%s", table[row].name);
    else
        snprintf(param->name, sizeof(param->name), "layers.%d.%s", layer, table[row].name);
    param->dims = dims;
    param->count = param->shape[0] * param->shape[1] * param->shape[2];
    param->decay = dims > 1;
    param->offset = params->total;
    params->total += (param->count + PARAM_ALIGN - 1) / PARAM_ALIGN * PARAM_ALIGN;
    params->count++;
}

int params_init(struct params *params, const struct model_config *config, struct err *err)
{
    size_t first = 0, end;

    while (!table[first].of_layer)
        first++;
    for (end = first; table[end].of_layer;)
        end++;
    *params = (struct params){0};
    params->items =
        calloc((size_t)config->layers * (end - first) + ARRAY_LEN(table), sizeof(*params->items));
    if (!params->items)
        return err_set(err, -ENOMEM, "no memory for the table of weights");
    for (size_t row = 0; row < first; row++)
        add(params, config, row, -1);
    for (int layer = 0; layer < (int)config->layers; layer++)
        for (size_t row = first; row < end; row++)
            add(params, config, row, layer);
    for (size_t row = end; row < ARRAY_LEN(table); row++)
        add(params, config, row, -1);
    return 0;
}

void params_done(struct params *params)
{
    free(params->items);
    *params = (struct params){0};
}

const struct param *params_find(const struct params *params, enum param_kind kind, int layer)
{
    for (size_t i = 0; i < params->count; i++)
        if (params->items[i].kind == kind && params->items[i].layer == layer)
            return &params->items[i];
    return NULL;
}

uint64_t params_weights(const struct params *params)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < params->count; i++)
        sum += params->items[i].count;
    return sum;
}

uint64_t params_active(const struct params *params, const struct model_config *config)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < params->count; i++) {
        const struct param *param = &params->items[i];
        uint64_t part = param->count;

        if (param->dims == 3)
            part = part / (uint64_t)config->experts * (uint64_t)config->experts_used;
        sum += part;
    }
    return sum;
}
