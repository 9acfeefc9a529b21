/* Memory: one walk says where everything lies. With nothing to carve from it only counts, which is
 * how the plan is made. */
#include "kernels/rope.h"
#include "model/state.h"
#include "tensor/real.h"

#include <errno.h>
#include <stdlib.h>

struct carves {
    struct carve packed, activations, scratch;
};

static void *floats(struct carve *carve, size_t count)
{
    return carve_take(carve, count * sizeof(float));
}

static struct mat mat_take(struct carve *carve, enum dtype type, size_t rows, size_t columns)
{
    return mat_of(type, carve_take(carve, rows * columns * dtype_bytes(type)), columns);
}

static enum dtype type_of(const struct model *model)
{
    return model->options.precision;
}

static size_t slots_of(const struct model *model)
{
    return model->rows_max * (size_t)model->config.experts_used;
}

static void lay_packs(struct model *model, struct layer *layer, struct carve *carve)
{
    for (int kind = 0; kind < PARAM_KINDS; kind++) {
        const struct param *param = layer->param[kind];
        struct pack *pack = &layer->pack[kind];
        size_t k, n, experts;

        if (!param || param->dims < 2 || kind == PARAM_ROUTER)
            continue;
        k = param->shape[param->dims - 2];
        n = param->shape[param->dims - 1];
        experts = param->count / (k * n);
        pack->bytes = gemm_packed_bytes(model->exec, type_of(model), k, n);
        pack->p = carve_take(carve, experts * pack->bytes);
    }
}

static void lay_ffn(struct model *model, struct ffn *ffn, struct carve *carve, size_t slots)
{
    ffn->offset = carve_take(carve, (ffn->experts + 1) * sizeof(*ffn->offset));
    ffn->g = mat_take(carve, type_of(model), slots, ffn->width);
    ffn->u = mat_take(carve, type_of(model), slots, ffn->width);
}

static void lay_routes(struct model *model, struct layer *layer, struct carve *carve)
{
    size_t rows = model->rows_max, slots = slots_of(model);

    layer->routes.probs = floats(carve, rows * (size_t)model->config.experts);
    layer->routes.log_sum = floats(carve, rows);
    layer->routes.chosen = carve_take(carve, slots * sizeof(*layer->routes.chosen));
    layer->routes.gates = floats(carve, slots);
    layer->slot = carve_take(carve, slots * sizeof(*layer->slot));
    layer->experts.token = carve_take(carve, slots * sizeof(*layer->experts.token));
    layer->e = mat_take(carve, type_of(model), slots, (size_t)model->config.dim);
}

static void lay_activations(struct model *model, struct layer *layer, struct carve *carve)
{
    const struct model_config *config = &model->config;
    size_t rows = model->rows_max, dim = (size_t)config->dim;
    size_t q = (size_t)(config->q_heads * config->head_dim);
    size_t kv = (size_t)(config->kv_heads * config->head_dim);
    enum dtype type = type_of(model);

    layer->h = floats(carve, rows * dim);
    layer->h1 = model->options.train ? floats(carve, rows * dim) : layer->h;
    layer->r1 = floats(carve, rows);
    layer->r2 = floats(carve, rows);
    layer->r3 = floats(carve, rows);
    layer->r4 = floats(carve, rows);
    layer->a = mat_take(carve, type, rows, dim);
    layer->qkv = mat_take(carve, type, rows, q + 2 * kv);
    layer->o = mat_take(carve, type, rows, q);
    layer->lse = floats(carve, rows * (size_t)config->q_heads);
    layer->y = mat_take(carve, type, rows, dim);
    layer->m = mat_take(carve, type, rows, dim);
    if (model_has_router(model))
        lay_routes(model, layer, carve);
    lay_ffn(model, &layer->experts, carve, slots_of(model));
    if (layer->residual.width)
        lay_ffn(model, &layer->residual, carve, rows);
    layer->mo = mat_take(carve, layer->residual.width ? DTYPE_F32 : type, rows, dim);
}

/* A model that never trains has the activations of one layer. */
static void share_activations(struct layer *to, const struct layer *from)
{
    struct layer own = *to;

    *to = *from;
    memcpy(to->param, own.param, sizeof(own.param));
    memcpy(to->pack, own.pack, sizeof(own.pack));
}

static void lay_experts_scratch(struct model *model, struct carve *carve)
{
    size_t rows = model->rows_max, slots = slots_of(model);
    size_t items = slots * (size_t)model->config.ffn;
    size_t residual = rows * (size_t)model->config.residual_ffn;

    if (items < residual)
        items = residual;
    model->z = mat_take(carve, type_of(model), 1, items); /* each user sets its own width */
    if (!model->options.train)
        return;
    model->dz = mat_take(carve, type_of(model), 1, items);
    if (!model_has_router(model))
        return;
    model->wide_slots = floats(carve, slots * (size_t)model->config.dim);
    model->dgates = floats(carve, slots);
    model->dlogits = floats(carve, rows * (size_t)model->config.experts);
    model->share = floats(carve, (size_t)model->config.experts);
}

static void lay_attention_scratch(struct model *model, struct carve *carve)
{
    const struct layer *layer = &model->layers[0];

    if (!model->options.train)
        return;
    model->dattn = mat_take(carve, type_of(model), model->rows_max, layer->o.ld);
    model->dqkv = mat_take(carve, type_of(model), model->rows_max, layer->qkv.ld);
}

static void lay_head_scratch(struct model *model, struct carve *carve)
{
    model->head_scratch =
        carve_take(carve, head_scratch_bytes(model->exec, &model->head, model->rows_max));
}

static void lay_scratch(struct model *model, struct carve *carve)
{
    static void (*const parts[])(struct model *, struct carve *) = {
        lay_experts_scratch, lay_attention_scratch, lay_head_scratch};
    const struct model_config *config = &model->config;
    size_t rows = model->rows_max, dim = (size_t)config->dim, begin, end;
    size_t table = (size_t)(config->context * config->head_dim / 2);

    model->router_bias = floats(carve, (size_t)(config->layers * config->experts));
    model->losses = floats(carve, rows);
    model->key_hidden = carve_take(carve, rows);
    model->rope_cos = floats(carve, table);
    model->rope_sin = floats(carve, table);
    if (config->attention_temperature_from)
        model->temperature = floats(carve, (size_t)config->context);
    /* Most are the way back of experts: four products of each. */
    model->list = carve_take(carve, 4 * ((size_t)config->experts + 1) * sizeof(*model->list));
    if (model->options.train) {
        model->dh = floats(carve, rows * dim);
        model->wide = floats(carve, rows * dim);
        model->narrow = mat_take(carve, type_of(model), rows, dim);
    }
    begin = end = carve->used;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        carve->used = begin;
        parts[i](model, carve);
        if (end < carve->used)
            end = carve->used;
    }
    carve->used = end;
}

static void lay_out(struct model *model, struct carves *carves)
{
    const struct model_config *config = &model->config;
    size_t layers = (size_t)config->layers, rows = model->rows_max, dim = (size_t)config->dim;

    for (size_t i = 0; i < layers; i++) {
        struct layer *layer = &model->layers[i];

        lay_packs(model, layer, &carves->packed);
        if (i == 0 || model->options.train)
            lay_activations(model, layer, &carves->activations);
        else
            share_activations(layer, &model->layers[0]);
    }
    model->packed_head = carve_take(&carves->packed, head_packed_bytes(model->exec, &model->head));
    model->h_last =
        model->options.train ? floats(&carves->activations, rows * dim) : model->layers[0].h;
    model->r_final = floats(&carves->activations, rows);
    model->x = mat_take(&carves->activations, type_of(model), rows, dim);
    lay_scratch(model, &carves->scratch);
}

/* Everything but the memory that is carved. */
static int prepare(struct model *model, const struct exec *exec, const struct model_config *config,
                   const struct model_options *options, struct err *err)
{
    int r = model_config_check(config, err);

    if (r < 0)
        return r;
    if (options->batch == 0 || options->time == 0 ||
        options->batch > MODEL_ROWS_MAX / options->time)
        return err_set(err, -EINVAL, "a shard of %zu x %zu tokens: at least 1, at most %zu fit",
                       options->batch, options->time, MODEL_ROWS_MAX);
    if (options->time > (size_t)config->context)
        return err_set(err, -EINVAL, "sequences of %zu tokens, but model.context is %lld",
                       options->time, (long long)config->context);
    model->exec = exec;
    model->config = *config;
    model->options = *options;
    model->rows_max = options->batch * options->time;
    model->head =
        (struct head){(size_t)config->vocab, (size_t)config->dim, (float)config->output_scale,
                      (float)config->final_cap, options->precision};
    r = params_init(&model->params, config, err);
    if (r < 0)
        return r;
    model->layers = calloc((size_t)config->layers, sizeof(*model->layers));
    if (!model->layers)
        return err_set(err, -ENOMEM, "no memory for the model's layers");
    for (size_t i = 0; i < model->params.count; i++) {
        const struct param *param = &model->params.items[i];

        if (param->layer >= 0)
            model->layers[param->layer].param[param->kind] = param;
    }
    for (size_t i = 0; i < (size_t)config->layers; i++) {
        struct layer *layer = &model->layers[i];

        layer->experts = (struct ffn){.w1 = PARAM_W1,
                                      .wv = PARAM_WV,
                                      .w2 = PARAM_W2,
                                      .experts = (size_t)config->experts,
                                      .width = (size_t)config->ffn};
        layer->residual = (struct ffn){.w1 = PARAM_RESIDUAL_W1,
                                       .wv = PARAM_RESIDUAL_WV,
                                       .w2 = PARAM_RESIDUAL_W2,
                                       .experts = 1,
                                       .width = (size_t)config->residual_ffn};
    }
    return 0;
}

static int take_memory(struct model *model, struct err *err)
{
    struct carves count = {0}, take = {0};
    int r;

    lay_out(model, &count);
    r = storage_init(&model->packed, count.packed.used, "packed weights", err);
    if (r == 0)
        r = storage_init(&model->activations, count.activations.used, "activations", err);
    if (r == 0)
        r = storage_init(&model->scratch, count.scratch.used, "scratch of the model", err);
    if (r == 0 && !model->weights)
        r = storage_init(&model->own_weights, model->params.total * sizeof(float), "weights", err);
    if (r < 0)
        return r;
    if (!model->weights)
        model->weights = model->own_weights.p;
    take.packed.base = model->packed.p;
    take.activations.base = model->activations.p;
    take.scratch.base = model->scratch.p;
    lay_out(model, &take);
    return 0;
}

static void fill_tables(struct model *model)
{
    const struct model_config *config = &model->config;
    size_t from = (size_t)config->attention_temperature_from;
    struct rope rope = {.head_dim = (size_t)config->head_dim,
                        .theta = config->rope_theta,
                        .factor = config->rope_factor,
                        .original_context = (size_t)config->rope_original_context,
                        .beta_fast = config->rope_beta_fast,
                        .beta_slow = config->rope_beta_slow,
                        .magnitude = config->rope_magnitude};

    rope_table(&rope, (size_t)config->context, model->rope_cos, model->rope_sin);
    for (size_t i = 0; model->temperature && i < (size_t)config->context; i++)
        model->temperature[i] =
            i > from ? (float)(real_log((double)i) / real_log((double)from)) : 1;
}

int model_new(const struct exec *exec, const struct model_config *config,
              const struct model_options *options, float *weights, struct model **out,
              struct err *err)
{
    struct model *model = calloc(1, sizeof(*model));
    int r;

    if (!model)
        return err_set(err, -ENOMEM, "no memory for a model");
    model->weights = weights;
    r = prepare(model, exec, config, options, err);
    if (r == 0)
        r = take_memory(model, err);
    if (r < 0) {
        model_free(model);
        return r;
    }
    fill_tables(model);
    *out = model;
    return 0;
}

void model_free(struct model *model)
{
    if (!model)
        return;
    storage_done(&model->own_weights);
    storage_done(&model->packed);
    storage_done(&model->activations);
    storage_done(&model->scratch);
    free(model->layers);
    params_done(&model->params);
    free(model);
}

int model_memory_plan(const struct exec *exec, const struct model_config *config,
                      const struct model_options *options, struct model_memory *out,
                      struct err *err)
{
    struct model *model = calloc(1, sizeof(*model));
    struct carves count = {0};
    int r;

    if (!model)
        return err_set(err, -ENOMEM, "no memory for a model");
    r = prepare(model, exec, config, options, err);
    if (r < 0)
        goto out;
    lay_out(model, &count);
    *out = (struct model_memory){.weights = model->params.total * sizeof(float),
                                 .packed = count.packed.used,
                                 .activations = count.activations.used,
                                 .scratch = count.scratch.used};
out:
    model_free(model);
    return r;
}
