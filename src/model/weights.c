/* The weights themselves: where they begin, and how they are packed for products. */
#include "model/state.h"
#include "tensor/random.h"

#include <errno.h>
#include <math.h>

#define INIT_CHUNK ((size_t)1 << 14) /* weights of one item of work */

struct init {
    float *out;
    size_t count;
    double std;
    uint64_t seed;
    uint32_t stream;
};

/* docs/design/model.md says why. Norms begin at 1. */
static double std_of(const struct param *param)
{
    if (param->kind == PARAM_EMBED || param->kind == PARAM_HEAD)
        return 1 / sqrt((double)param->shape[1]);
    return 1 / sqrt((double)param->shape[param->dims - 2]);
}

static void init_chunk(void *arg, size_t item, size_t thread)
{
    const struct init *init = arg;
    size_t first = item * INIT_CHUNK, left = init->count - first;

    (void)thread;
    random_normals(init->seed, 0, init->stream, first, left < INIT_CHUNK ? left : INIT_CHUNK,
                   init->std, init->out + first);
}

void model_init(struct model *model, uint64_t seed)
{
    memset(model->weights, 0, model->params.total * sizeof(float)); /* what aligns, too */
    for (size_t i = 0; i < model->params.count; i++) {
        const struct param *param = &model->params.items[i];
        struct init init = {.out = model->weights + param->offset,
                            .count = param->count,
                            .seed = seed,
                            .stream = RANDOM_INIT + (uint32_t)i};

        if (param->dims == 1) {
            for (size_t j = 0; j < param->count; j++)
                init.out[j] = 1;
            continue;
        }
        init.std = std_of(param);
        pool_run(model->exec->pool, (param->count + INIT_CHUNK - 1) / INIT_CHUNK, init_chunk,
                 &init);
    }
}

int model_check_weights(const struct model *model, struct err *err)
{
    for (size_t i = 0; i < model->params.count; i++) {
        const struct param *param = &model->params.items[i];
        const float *w = model->weights + param->offset;

        for (size_t j = 0; j < param->count; j++)
            if (!isfinite(w[j]))
                return err_set(err, -EBADMSG, "weight %zu of %s is %g", j, param->name,
                               (double)w[j]);
    }
    return 0;
}

static void pack_matrix(struct model *model, const struct layer *layer, enum param_kind kind)
{
    const struct param *param = layer->param[kind];
    const struct pack *pack = &layer->pack[kind];
    size_t k = param->shape[param->dims - 2], n = param->shape[param->dims - 1];
    enum dtype type = model->options.precision;

    for (size_t i = 0; i < param->count / (k * n); i++)
        gemm_pack(model->exec, type, k, n, model->weights + param->offset + i * k * n, n, false,
                  pack->p + i * pack->bytes);
}

void model_pack(struct model *model)
{
    const struct param *table =
        params_find(&model->params, model->config.tied ? PARAM_EMBED : PARAM_HEAD, -1);

    for (size_t i = 0; i < (size_t)model->config.layers; i++)
        for (int kind = 0; kind < PARAM_KINDS; kind++)
            if (model->layers[i].pack[kind].p)
                pack_matrix(model, &model->layers[i], kind);
    head_pack(model->exec, &model->head, model->weights + table->offset, model->packed_head);
}
