#include "model/model.h"

#include "model/state.h"

#include <assert.h>
#include <errno.h>

const struct model_config *model_config_of(const struct model *model)
{
    return &model->config;
}

const struct params *model_params(const struct model *model)
{
    return &model->params;
}

float *model_weights(struct model *model)
{
    return model->weights;
}

float *model_router_bias(struct model *model)
{
    return model->router_bias;
}

int model_check_token(const struct model *model, int32_t token, struct err *err)
{
    if (token >= 0 && token < model->config.vocab)
        return 0;
    return err_set(err, -EINVAL, "token %d is not in the vocabulary of %lld", (int)token,
                   (long long)model->config.vocab);
}

static int check_batch(const struct model *model, const struct model_batch *batch, struct err *err)
{
    size_t rows = batch->batch * batch->time;

    if (batch->time == 0 || batch->time > (size_t)model->config.context ||
        batch->batch > model->rows_max / batch->time || rows == 0)
        return err_set(err, -EINVAL,
                       "a shard of %zu x %zu tokens, but the model has room for %zu and "
                       "sequences of at most %lld",
                       batch->batch, batch->time, model->rows_max,
                       (long long)model->config.context);
    for (size_t i = 0; i < rows; i++) {
        int r = model_check_token(model, batch->tokens[i], err);

        if (r < 0)
            return err_wrap(err, r, "row %zu", i);
        if (batch->targets && batch->targets[i] >= model->config.vocab)
            return err_set(err, -EINVAL, "row %zu: target %d is not in the vocabulary of %lld", i,
                           (int)batch->targets[i], (long long)model->config.vocab);
        if (batch->first_key &&
            (batch->first_key[i] < 0 || (size_t)batch->first_key[i] > i % batch->time))
            return err_set(err, -EINVAL, "row %zu: first key %d is not among its %zu keys", i,
                           (int)batch->first_key[i], i % batch->time + 1);
    }
    return 0;
}

/* Keys of padding are never seen. NULL when there is none. */
static const uint8_t *hide_padding(struct model *model, const struct model_batch *batch)
{
    bool any = false;

    for (size_t i = 0; model->config.pad >= 0 && i < batch->batch * batch->time; i++) {
        model->key_hidden[i] = batch->tokens[i] == model->config.pad;
        any |= model->key_hidden[i];
    }
    return any ? model->key_hidden : NULL;
}

static struct pass pass_of(struct model *model, const struct model_batch *batch)
{
    struct pass pass = pass_begin(model, batch->batch, batch->time);

    pass.tokens = batch->tokens;
    pass.at.first_key = batch->first_key;
    pass.at.key_hidden = hide_padding(model, batch);
    return pass;
}

/* The z-loss and the balance of one layer's router, summed in the order of rows. */
static void router_losses_of(const struct model *model, const struct layer *layer, size_t rows,
                             double *z, double *aux)
{
    size_t experts = (size_t)model->config.experts;
    const uint32_t *offset = layer->experts.offset;
    double slots = (double)rows * (double)model->config.experts_used;
    double squares = 0, balance = 0;

    for (size_t i = 0; i < rows; i++) {
        const float *probs = layer->routes.probs + i * experts;

        squares += (double)layer->routes.log_sum[i] * layer->routes.log_sum[i];
        for (size_t e = 0; e < experts; e++)
            balance += (offset[e + 1] - offset[e]) / slots * probs[e];
    }
    *z = squares / (double)rows;
    *aux = (double)experts * balance / (double)rows;
}

/* model_result.expert_rows is the caller's, and filled. */
static void fill_result(const struct model *model, const struct model_batch *batch,
                        struct model_result *result)
{
    size_t layers = (size_t)model->config.layers, experts = (size_t)model->config.experts;
    size_t rows = batch->batch * batch->time;
    uint64_t *expert_rows = result->expert_rows;

    *result = (struct model_result){.expert_rows = expert_rows};
    for (size_t i = 0; i < rows; i++) {
        result->loss_sum += model->losses[i];
        result->targets += batch->targets[i] >= 0;
    }
    for (size_t i = 0; i < layers; i++) {
        const struct layer *layer = &model->layers[i];
        const uint32_t *offset = layer->experts.offset;
        double z = 0, aux = 0;

        if (model_has_router(model) && model->options.train)
            router_losses_of(model, layer, rows, &z, &aux);
        result->z_loss += z / (double)layers;
        result->aux_loss += aux / (double)layers;
        for (size_t e = 0; expert_rows && e < experts; e++)
            expert_rows[i * experts + e] = offset[e + 1] - offset[e];
    }
}

/* What aligns the tensors is 0 in weights and gradient, so that sums and hashes may go over all. */
static void clear_gaps(const struct params *params, float *grad)
{
    for (size_t i = 0; i < params->count; i++) {
        size_t end = params->items[i].offset + params->items[i].count;
        size_t next = i + 1 < params->count ? params->items[i + 1].offset : params->total;

        memset(grad + end, 0, (next - end) * sizeof(*grad));
    }
}

int model_gradient(struct model *model, const struct model_batch *batch, double grad_scale,
                   size_t rows_step, float *grad, struct model_result *result, struct err *err)
{
    const struct param *table =
        params_find(&model->params, model->config.tied ? PARAM_EMBED : PARAM_HEAD, -1);
    struct pass pass;
    int r = check_batch(model, batch, err);

    assert(model->options.train);
    if (r < 0)
        return r;
    pass = pass_of(model, batch);
    pass_forward(model, &pass);
    head_loss(model->exec, &model->head, model->weights + table->offset, model->packed_head,
              pass.rows, model->x, batch->targets, model->losses, (float)grad_scale, &model->narrow,
              grad + table->offset, model->head_scratch);
    fill_result(model, batch, result);
    pass_backward(model, &pass, grad, rows_step);
    clear_gaps(&model->params, grad);
    return 0;
}

int model_loss(struct model *model, const struct model_batch *batch, struct model_result *result,
               struct err *err)
{
    struct pass pass;
    int r = check_batch(model, batch, err);

    if (r < 0)
        return r;
    pass = pass_of(model, batch);
    pass_forward(model, &pass);
    head_loss(model->exec, &model->head, NULL, model->packed_head, pass.rows, model->x,
              batch->targets, model->losses, 0, NULL, NULL, model->head_scratch);
    fill_result(model, batch, result);
    return 0;
}

int model_logits(struct model *model, const struct model_batch *batch, float *logits,
                 struct err *err)
{
    struct pass pass;
    int r = check_batch(model, batch, err);

    if (r < 0)
        return r;
    pass = pass_of(model, batch);
    pass_forward(model, &pass);
    head_logits(model->exec, &model->head, model->packed_head, pass.rows, model->x, logits);
    return 0;
}
