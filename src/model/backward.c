#include "kernels/embed.h"
#include "kernels/glu.h"
#include "kernels/norm.h"
#include "kernels/rope.h"
#include "model/state.h"

/* What all steps of a way back need. */
struct back {
    struct model *model;
    const struct pass *pass;
    struct layer *layer;
    size_t rows_step;
    float *grad; /* as the flat vector of weights */
};

static float *grad_of(const struct back *back, enum param_kind kind)
{
    return back->grad + back->layer->param[kind]->offset;
}

/* dW = A^T dC, of one matrix. */
static struct gemm weight_gradient(const struct back *back, enum param_kind kind, size_t rows,
                                   struct mat a, struct mat dc)
{
    const struct param *param = back->layer->param[kind];
    size_t in = param->shape[param->dims - 2], out = param->shape[param->dims - 1];

    return (struct gemm){.m = in,
                         .n = out,
                         .k = rows,
                         .a = a.p,
                         .lda = a.ld,
                         .a_transposed = true,
                         .b = dc.p,
                         .ldb = dc.ld,
                         .c = mat_f32(grad_of(back, kind), out)};
}

/* dx (+)= what comes back through a norm of x, and the gradient of its gains. */
static void rms_back(const struct back *back, enum param_kind gain, double eps, struct mat x,
                     const float *r, struct mat dy, struct mat dx, bool add)
{
    struct model *model = back->model;
    struct rms norm = {back->pass->rows, (size_t)model->config.dim, (float)eps,
                       model_weight(model, back->layer, gain)};

    rms_backward(model->exec, &norm, x, r, dy, dx, add, grad_of(back, gain));
}

/* din = dout W^T, of one matrix, or of expert `i`'s. */
static struct gemm input_gradient(const struct back *back, enum param_kind kind, size_t i,
                                  size_t rows, struct mat dout, struct mat din)
{
    const struct param *param = back->layer->param[kind];
    size_t in = param->shape[param->dims - 2], out = param->shape[param->dims - 1];

    return (struct gemm){.m = rows,
                         .n = in,
                         .k = out,
                         .a = dout.p,
                         .lda = dout.ld,
                         .b = model_weight(back->model, back->layer, kind) + i * in * out,
                         .ldb = out,
                         .b_transposed = true,
                         .b_wide = true,
                         .c = din};
}

/* din (+)= dout W^T of each expert's rows. */
static size_t inputs_of_experts(const struct back *back, const struct ffn *ffn,
                                enum param_kind kind, struct mat dout, struct mat din,
                                bool accumulate, struct gemm *list)
{
    for (size_t i = 0; i < ffn->experts; i++) {
        size_t begin = ffn->offset[i], rows = ffn->offset[i + 1] - begin;

        list[i] =
            input_gradient(back, kind, i, rows, mat_at(dout, begin, 0), mat_at(din, begin, 0));
        list[i].accumulate = accumulate;
    }
    return ffn->experts;
}

/* The gradient of expert `i`'s matrix; in is gathered when the ffn gathered it. An expert without
 * rows gets zeros. */
static struct gemm weights_of_expert(const struct back *back, const struct ffn *ffn,
                                     enum param_kind kind, size_t i, struct mat in,
                                     const uint32_t *gather, struct mat dout)
{
    size_t begin = ffn->offset[i], rows = ffn->offset[i + 1] - begin;
    size_t matrix = back->layer->param[kind]->count / ffn->experts;
    struct gemm product = weight_gradient(back, kind, rows, gather ? in : mat_at(in, begin, 0),
                                          mat_at(dout, begin, 0));

    product.a_rows = gather ? gather + begin : NULL;
    product.c.p = (float *)product.c.p + i * matrix;
    return product;
}

/* From dout, a row for each slot, to din (likewise, fp32). g and u become dg and du. */
static void ffn_back(const struct back *back, struct ffn *ffn, struct mat dout, struct mat din,
                     bool accumulate)
{
    struct model *model = back->model;
    enum dtype type = model->options.precision;
    struct gemm *list = model->list;
    struct mat z = mat_of(type, model->z.p, ffn->width);
    struct mat dz = mat_of(type, model->dz.p, ffn->width);
    struct mat m = back->layer->m;
    size_t count = inputs_of_experts(back, ffn, ffn->w2, dout, dz, false, list);

    gemm_run(model->exec, type, list, count);
    glu_backward(model->exec, ffn->offset[ffn->experts], ffn->width, ffn->g, ffn->u, dz, ffn->g,
                 ffn->u, z);
    count = inputs_of_experts(back, ffn, ffn->w1, ffn->g, din, accumulate, list);
    for (size_t i = 0; i < ffn->experts; i++) { /* the last two read the same rows */
        list[count++] = weights_of_expert(back, ffn, ffn->w2, i, z, NULL, dout);
        list[count++] = weights_of_expert(back, ffn, ffn->w1, i, m, ffn->token, ffn->g);
        list[count++] = weights_of_expert(back, ffn, ffn->wv, i, m, ffn->token, ffn->u);
    }
    gemm_run(model->exec, type, list, count);
    /* Apart, since it adds to what the list before wrote. */
    count = inputs_of_experts(back, ffn, ffn->wv, ffn->u, din, true, list);
    gemm_run(model->exec, type, list, count);
}

static void router_back(const struct back *back, size_t index)
{
    struct model *model = back->model;
    const struct model_config *config = &model->config;
    struct layer *layer = back->layer;
    size_t rows = back->pass->rows, experts = (size_t)config->experts;
    size_t used = (size_t)config->experts_used;
    const uint32_t *offset = layer->experts.offset;
    struct router router = model_router(model, layer, index, rows);
    struct router_losses losses = {(float)model->options.z_weight, (float)model->options.aux_weight,
                                   1.0f / (float)back->rows_step, model->share};

    for (size_t i = 0; i < experts; i++)
        model->share[i] = (float)(offset[i + 1] - offset[i]) / (float)(rows * used);
    router_backward(model->exec, &router, &layer->routes, &losses, layer->m, model->dgates,
                    model->dlogits, model->wide, grad_of(back, PARAM_ROUTER));
}

/* dh of what the layer says becomes dh of h1. */
static void moe_back(const struct back *back, size_t index)
{
    struct model *model = back->model;
    const struct model_config *config = &model->config;
    struct layer *layer = back->layer;
    size_t rows = back->pass->rows, dim = (size_t)config->dim, used = (size_t)config->experts_used;
    struct mat dh = mat_f32(model->dh, dim), dm = mat_f32(model->wide, dim);
    bool residual = layer->residual.width > 0;
    double eps = residual ? 2 * config->rms_eps : config->rms_eps; /* as on the way there */

    rms_back(back, PARAM_NORM_MOE_OUT, eps, layer->mo, layer->r4, dh, model->narrow, false);
    if (model_has_router(model)) {
        struct mat dslots = mat_f32(model->wide_slots, dim);

        combine_backward(model->exec, rows, used, dim, layer->slot, layer->routes.gates, layer->e,
                         model->narrow, layer->e, model->dgates);
        ffn_back(back, &layer->experts, layer->e, dslots, false);
        combine_forward(model->exec, rows, used, dim, layer->slot, NULL, dslots, dm, false);
        router_back(back, index);
    } else {
        ffn_back(back, &layer->experts, model->narrow, dm, false);
    }
    if (residual)
        ffn_back(back, &layer->residual, model->narrow, dm, true);
    rms_back(back, PARAM_NORM_MOE_IN, config->rms_eps, mat_f32(layer->h1, dim), layer->r3, dm, dh,
             true);
}

/* dh of h1 becomes dh of h. */
static void attention_back(const struct back *back)
{
    struct model *model = back->model;
    const struct model_config *config = &model->config;
    const struct pass *pass = back->pass;
    struct layer *layer = back->layer;
    enum dtype type = model->options.precision;
    size_t rows = pass->rows, dim = (size_t)config->dim;
    struct mat dh = mat_f32(model->dh, dim), da = mat_f32(model->wide, dim);
    struct mat dq = model_q(model, model->dqkv), dk = model_k(model, model->dqkv);
    struct mat dv = model_v(model, model->dqkv);
    struct gemm list[4];

    rms_back(back, PARAM_NORM_ATTENTION_OUT, config->rms_eps, layer->y, layer->r2, dh,
             model->narrow, false);
    list[0] = input_gradient(back, PARAM_O, 0, rows, model->narrow, model->dattn);
    list[1] = weight_gradient(back, PARAM_O, rows, layer->o, model->narrow);
    gemm_run(model->exec, type, list, 2);
    attention_backward(model->exec, &pass->at, model_q(model, layer->qkv),
                       model_k(model, layer->qkv), model_v(model, layer->qkv), layer->o, layer->lse,
                       model->dattn, dq, dk, dv);
    rope_apply(model->exec, rows, pass->time, pass->pos,
               (size_t)(config->q_heads + config->kv_heads), (size_t)config->head_dim,
               model->rope_cos, model->rope_sin, model->dqkv, true);
    list[0] = input_gradient(back, PARAM_Q, 0, rows, dq, da);
    list[1] = weight_gradient(back, PARAM_Q, rows, layer->a, dq);
    list[2] = weight_gradient(back, PARAM_K, rows, layer->a, dk);
    list[3] = weight_gradient(back, PARAM_V, rows, layer->a, dv);
    gemm_run(model->exec, type, list, 4);
    list[0] = input_gradient(back, PARAM_K, 0, rows, dk, da);
    list[0].accumulate = true;
    gemm_run(model->exec, type, list, 1);
    list[0] = input_gradient(back, PARAM_V, 0, rows, dv, da);
    list[0].accumulate = true;
    gemm_run(model->exec, type, list, 1);
    rms_back(back, PARAM_NORM_ATTENTION_IN, config->rms_eps, mat_f32(layer->h, dim), layer->r1, da,
             dh, true);
}

void pass_backward(struct model *model, const struct pass *pass, float *grad, size_t rows_step)
{
    const struct model_config *config = &model->config;
    size_t dim = (size_t)config->dim;
    const struct param *gain = params_find(&model->params, PARAM_FINAL_NORM, -1);
    const struct param *embed = params_find(&model->params, PARAM_EMBED, -1);
    struct rms norm = {pass->rows, dim, (float)config->rms_eps, model->weights + gain->offset};
    struct back back = {model, pass, NULL, rows_step, grad};

    rms_backward(model->exec, &norm, mat_f32(model->h_last, dim), model->r_final, model->narrow,
                 mat_f32(model->dh, dim), false, grad + gain->offset);
    for (size_t i = (size_t)config->layers; i-- > 0;) {
        back.layer = &model->layers[i];
        moe_back(&back, i);
        attention_back(&back);
    }
    if (!config->tied)
        memset(grad + embed->offset, 0, embed->count * sizeof(*grad));
    embed_backward(model->exec, pass->rows, dim, (size_t)config->vocab, pass->tokens, model->dh,
                   (float)config->embed_scale, grad + embed->offset);
}
