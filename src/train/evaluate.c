#include "train/state.h"

#include <errno.h>

/* Windows go round the ranks in groups of a shard; each group's sum is computed alone and groups
 * are added in order. */
int train_evaluate(struct train *train, double *loss, double *bits_per_byte, struct err *err)
{
    size_t ranks = coll_size(train->coll), self = coll_rank(train->coll);
    size_t time = (size_t)train->config->train.time;
    uint64_t windows = dataset_windows(train->held), used = windows;
    double sum = 0;
    uint64_t targets = 0, groups;

    if (train->config->valid.windows && (uint64_t)train->config->valid.windows < windows)
        used = (uint64_t)train->config->valid.windows;
    groups = (used + train->shard_windows - 1) / train->shard_windows;
    for (uint64_t round = 0; round * ranks < groups; round++) {
        uint64_t group = round * ranks + self;
        struct shard_result own = {0};
        size_t rows = 0;
        int r;

        for (; group < groups && rows < train->shard_windows &&
               group * train->shard_windows + rows < used;
             rows++) {
            r = dataset_window(train->held, group * train->shard_windows + rows,
                               train->tokens + rows * time, train->targets + rows * time,
                               train->first_key ? train->first_key + rows * time : NULL, err);
            if (r < 0)
                return r;
        }
        if (rows) {
            struct model_batch batch = {rows, time, train->tokens, train->targets,
                                        train->first_key};
            struct model_result result = {0};

            r = model_loss(train->model, &batch, &result, err);
            if (r < 0)
                return r;
            own.loss_sum = result.loss_sum;
            own.targets = result.targets;
        }
        r = coll_gather(train->coll, &own, sizeof(own), train->round, err);
        if (r < 0)
            return r;
        for (size_t rank = 0; rank < ranks; rank++) {
            sum += train->round[rank].loss_sum;
            targets += train->round[rank].targets;
        }
    }
    if (!targets)
        return err_set(err, -ENODATA, "the held-out split has no tokens");
    *loss = sum / (double)targets;
    *bits_per_byte = used == windows && dataset_text_bytes(train->held)
                         ? sum / 0.69314718055994530942 / (double)dataset_text_bytes(train->held)
                         : 0;
    return 0;
}
