#include "train/memory.h"

#include "kernels/gemm.h"
#include "train/reduce.h"
#include "train/state.h"

#include <errno.h>

struct model_options train_model_options(const struct train_config *config)
{
    return (struct model_options){
        .precision = train_dtype(config),
        .batch = (size_t)(config->train.batch / config->train.shards),
        .time = (size_t)config->train.time,
        .train = true,
        .z_weight = config->router.z_weight,
        .aux_weight = config->router.aux_weight,
    };
}

size_t train_keep_bytes(uint64_t items)
{
    size_t bytes = 3 * items * sizeof(float);

    return bytes < TRAIN_KEEP_BYTES_MAX ? bytes : TRAIN_KEEP_BYTES_MAX;
}

int train_memory_plan(const struct train_config *config, size_t ranks, struct train_memory *out,
                      struct err *err)
{
    struct model_options options = train_model_options(config);
    size_t shards = (size_t)config->train.shards;
    uint64_t items, begin, end, most = 0;
    struct exec exec;
    int r;

    if (ranks > shards)
        return err_set(err, -EINVAL, "train.shards is %zu, but %zu ranks need at least one each",
                       shards, ranks);
    r = exec_init(&exec, (size_t)config->train.threads, config->train.kernels, err);
    if (r < 0)
        return r;
    *out = (struct train_memory){0};
    r = model_memory_plan(&exec, &config->model, &options, &out->model, err);
    out->products = gemm_scratch_bytes(&exec);
    exec_done(&exec);
    if (r < 0)
        return r;
    items = out->model.weights / sizeof(float);
    for (size_t rank = 0; rank < ranks; rank++) {
        reduce_range(items, rank, ranks, &begin, &end);
        if (end - begin > most)
            most = end - begin;
    }
    out->gradients = reduce_bytes(shards, items, ranks);
    out->moments = 2 * most * sizeof(float);
    if (config->checkpoint.every)
        out->checkpoint = train_keep_bytes(most);
    return 0;
}

uint64_t train_memory_sum(const struct train_memory *memory)
{
    const struct model_memory *model = &memory->model;

    return model->weights + model->packed + model->activations + model->scratch +
           memory->gradients + memory->moments + memory->products + memory->checkpoint;
}
