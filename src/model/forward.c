#include "kernels/embed.h"
#include "kernels/glu.h"
#include "kernels/norm.h"
#include "kernels/rope.h"
#include "model/state.h"

struct mat model_q(const struct model *model, struct mat qkv)
{
    (void)model;
    return qkv;
}

struct mat model_k(const struct model *model, struct mat qkv)
{
    return mat_at(qkv, 0, (size_t)(model->config.q_heads * model->config.head_dim));
}

struct mat model_v(const struct model *model, struct mat qkv)
{
    const struct model_config *config = &model->config;

    return mat_at(qkv, 0, (size_t)((config->q_heads + config->kv_heads) * config->head_dim));
}

struct gemm layer_product(const struct layer *layer, enum param_kind kind, size_t rows,
                          struct mat a, struct mat c)
{
    const struct param *param = layer->param[kind];

    return (struct gemm){.m = rows,
                         .n = param->shape[param->dims - 1],
                         .k = param->shape[param->dims - 2],
                         .a = a.p,
                         .lda = a.ld,
                         .b = layer->pack[kind].p,
                         .b_packed = true,
                         .c = c};
}

static void rms(struct model *model, const struct layer *layer, enum param_kind gain, size_t rows,
                const float *h, struct mat out, float *r)
{
    size_t dim = (size_t)model->config.dim;
    struct rms norm = {rows, dim, (float)model->config.rms_eps, model_weight(model, layer, gain)};

    rms_forward(model->exec, &norm, mat_f32((float *)h, dim), out, r);
}

static void rms_add(struct model *model, const struct layer *layer, enum param_kind gain,
                    size_t rows, double eps, struct mat x, const float *h, float *out, float *r)
{
    struct rms norm = {rows, (size_t)model->config.dim, (float)eps,
                       model_weight(model, layer, gain)};

    rms_add_forward(model->exec, &norm, x, h, out, r);
}

static void attend_within(struct model *model, const struct pass *pass, size_t index)
{
    struct layer *layer = &model->layers[index];

    attention_forward(model->exec, &pass->at, model_q(model, layer->qkv),
                      model_k(model, layer->qkv), model_v(model, layer->qkv), layer->o, layer->lse);
}

static void attention_block(struct model *model, const struct pass *pass, size_t index)
{
    const struct model_config *config = &model->config;
    struct layer *layer = &model->layers[index];
    enum dtype type = model->options.precision;
    size_t rows = pass->rows;
    struct gemm list[3];

    rms(model, layer, PARAM_NORM_ATTENTION_IN, rows, layer->h, layer->a, layer->r1);
    list[0] = layer_product(layer, PARAM_Q, rows, layer->a, model_q(model, layer->qkv));
    list[1] = layer_product(layer, PARAM_K, rows, layer->a, model_k(model, layer->qkv));
    list[2] = layer_product(layer, PARAM_V, rows, layer->a, model_v(model, layer->qkv));
    gemm_run(model->exec, type, list, 3);
    /* The heads of q and k lie beside each other. */
    rope_apply(model->exec, rows, pass->time, pass->pos,
               (size_t)(config->q_heads + config->kv_heads), (size_t)config->head_dim,
               model->rope_cos, model->rope_sin, layer->qkv, false);
    pass->attend(model, pass, index);
    list[0] = layer_product(layer, PARAM_O, rows, layer->o, layer->y);
    gemm_run(model->exec, type, list, 1);
    rms_add(model, layer, PARAM_NORM_ATTENTION_OUT, rows, config->rms_eps, layer->y, layer->h,
            layer->h1, layer->r2);
}

/* The product of expert `i` with the rows that came to it. */
static struct gemm product_of_expert(const struct layer *layer, const struct ffn *ffn,
                                     enum param_kind kind, size_t i, struct mat in,
                                     const uint32_t *gather, struct mat out)
{
    size_t begin = ffn->offset[i], rows = ffn->offset[i + 1] - begin;
    struct gemm product =
        layer_product(layer, kind, rows, gather ? in : mat_at(in, begin, 0), mat_at(out, begin, 0));

    product.a_rows = gather ? gather + begin : NULL;
    product.b = layer->pack[kind].p + i * layer->pack[kind].bytes;
    return product;
}

/* out = ffn(m), or += when it accumulates; out has a row for each slot. */
static void ffn_forward(struct model *model, struct layer *layer, struct ffn *ffn, struct mat out,
                        bool accumulate)
{
    enum dtype type = model->options.precision;
    size_t slots = ffn->offset[ffn->experts];
    struct mat z = mat_of(type, model->z.p, ffn->width);
    struct gemm *list = model->list;

    for (size_t i = 0; i < ffn->experts; i++) { /* two that read the same rows, beside each other */
        list[2 * i] = product_of_expert(layer, ffn, ffn->w1, i, layer->m, ffn->token, ffn->g);
        list[2 * i + 1] = product_of_expert(layer, ffn, ffn->wv, i, layer->m, ffn->token, ffn->u);
    }
    gemm_run(model->exec, type, list, 2 * ffn->experts);
    glu_forward(model->exec, slots, ffn->width, ffn->g, ffn->u, z);
    for (size_t i = 0; i < ffn->experts; i++) {
        list[i] = product_of_expert(layer, ffn, ffn->w2, i, z, NULL, out);
        list[i].accumulate = accumulate;
    }
    gemm_run(model->exec, type, list, ffn->experts);
}

struct router model_router(const struct model *model, const struct layer *layer, size_t index,
                           size_t rows)
{
    const struct model_config *config = &model->config;
    size_t experts = (size_t)config->experts;

    return (struct router){rows,
                           (size_t)config->dim,
                           experts,
                           (size_t)config->experts_used,
                           (float)config->router_cap,
                           config->router_renormalize,
                           model_weight(model, layer, PARAM_ROUTER),
                           model->router_bias + index * experts};
}

static void route(struct model *model, struct layer *layer, size_t index, size_t rows)
{
    const struct model_config *config = &model->config;
    size_t experts = (size_t)config->experts, used = (size_t)config->experts_used;
    struct router router = model_router(model, layer, index, rows);

    router_forward(model->exec, &router, layer->m, &layer->routes);
    dispatch_plan(rows, used, experts, layer->routes.chosen, layer->experts.offset,
                  layer->experts.token, layer->slot);
}

static void moe_block(struct model *model, const struct pass *pass, size_t index)
{
    const struct model_config *config = &model->config;
    struct layer *layer = &model->layers[index];
    bool last = index + 1 == (size_t)config->layers, residual = layer->residual.width > 0;
    size_t rows = pass->rows, dim = (size_t)config->dim;
    /* (mlp + moe) / sqrt 2 in Grok-2. A norm undoes the factor but for its eps, so: no factor, and
     * twice the eps. */
    double eps = residual ? 2 * config->rms_eps : config->rms_eps;

    rms(model, layer, PARAM_NORM_MOE_IN, rows, layer->h1, layer->m, layer->r3);
    if (residual) {
        layer->residual.offset[0] = 0;
        layer->residual.offset[1] = (uint32_t)rows;
        ffn_forward(model, layer, &layer->residual, layer->mo, false);
    }
    if (model_has_router(model)) {
        route(model, layer, index, rows);
        ffn_forward(model, layer, &layer->experts, layer->e, false);
        combine_forward(model->exec, rows, (size_t)config->experts_used, dim, layer->slot,
                        layer->routes.gates, layer->e, layer->mo, residual);
    } else {
        layer->experts.offset[0] = 0;
        layer->experts.offset[1] = (uint32_t)rows;
        ffn_forward(model, layer, &layer->experts, layer->mo, residual);
    }
    rms_add(model, layer, PARAM_NORM_MOE_OUT, rows, eps, layer->mo, layer->h1,
            last ? model->h_last : layer[1].h, layer->r4);
}

struct pass pass_begin(struct model *model, size_t batch, size_t time)
{
    const struct model_config *config = &model->config;

    return (struct pass){.rows = batch * time,
                         .time = time,
                         .at = {.batch = batch,
                                .time = time,
                                .q_heads = (size_t)config->q_heads,
                                .kv_heads = (size_t)config->kv_heads,
                                .head_dim = (size_t)config->head_dim,
                                .scale = (float)config->attention_scale,
                                .cap = (float)config->attention_cap,
                                .temperature = model->temperature},
                         .attend = attend_within};
}

void pass_forward(struct model *model, const struct pass *pass)
{
    size_t dim = (size_t)model->config.dim;
    const struct param *embed = params_find(&model->params, PARAM_EMBED, -1);
    const struct param *gain = params_find(&model->params, PARAM_FINAL_NORM, -1);
    struct rms norm = {pass->rows, dim, (float)model->config.rms_eps,
                       model->weights + gain->offset};

    embed_forward(model->exec, pass->rows, dim, pass->tokens, model->weights + embed->offset,
                  (float)model->config.embed_scale, model->layers[0].h);
    for (size_t i = 0; i < (size_t)model->config.layers; i++) {
        attention_block(model, pass, i);
        moe_block(model, pass, i);
    }
    rms_forward(model->exec, &norm, mat_f32(model->h_last, dim), model->x, model->r_final);
}
