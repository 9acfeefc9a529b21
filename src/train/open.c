/* All that a training has open, and all its memory: taken before its first step. */
#include "kernels/flat.h"
#include "train/memory.h"
#include "train/state.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "no memory for the training's state");
}

static int open_data(struct train *train, struct err *err)
{
    const struct train_config *config = train->config;
    struct dataset_options options = {
        .time = (size_t)config->train.time,
        .seed = (uint64_t)config->train.seed,
    };
    int r = dataset_open(config->sources, config->source_count, &options, &train->data, err);

    if (r == 0 && (int64_t)dataset_vocab(train->data) > config->model.vocab)
        r = err_set(err, -EINVAL,
                    "the data has a vocabulary of %zu tokens, the model (model.vocab) one of %lld",
                    dataset_vocab(train->data), (long long)config->model.vocab);
    if (r == 0)
        r = tokenizer_load(dataset_tokenizer_path(train->data), &train->tokenizer, err);
    if (r == 0 && tokenizer_hash(train->tokenizer) != dataset_tokenizer_hash(train->data))
        r = err_set(err, -EINVAL, "%s is not the tokenizer that the data was built with",
                    dataset_tokenizer_path(train->data));
    if (r == 0 && config->valid.every) {
        options.held_out = true;
        r = dataset_open(config->sources, config->source_count, &options, &train->held, err);
        if (r == 0 && !dataset_windows(train->held))
            r = err_set(err, -EINVAL,
                        "valid.every is set, but the data has no held-out split: 'data build "
                        "--held-out 0.1' keeps one");
    }
    return r;
}

static int open_model(struct train *train, struct err *err)
{
    const struct train_config *config = train->config;
    struct model_options options = train_model_options(config);
    size_t rank = coll_rank(train->coll), ranks = coll_size(train->coll);
    int r = model_new(&train->exec, &config->model, &options, NULL, &train->model, err);

    if (r < 0)
        return r;
    train->items = model_params(train->model)->total;
    reduce_range(train->items, rank, ranks, &train->begin, &train->end);
    r = reduce_new(&train->exec, train->coll, (size_t)config->train.shards, train->items,
                   &train->reduce, err);
    if (r == 0)
        r = storage_init(&train->m, (train->end - train->begin) * sizeof(float), "first moments",
                         err);
    if (r == 0)
        r = storage_init(&train->v, (train->end - train->begin) * sizeof(float), "second moments",
                         err);
    return r;
}

/* Everything of known size, before step 0. */
static int take_memory(struct train *train, struct err *err)
{
    size_t ranks = coll_size(train->coll), shards = (size_t)train->config->train.shards;
    size_t window = train->shard_windows * (size_t)train->config->train.time;
    size_t experts = (size_t)(train->config->model.layers * train->config->model.experts);
    size_t blocks = (train->items + FLAT_BLOCK - 1) / FLAT_BLOCK;

    train->shards_a_rank = (shards + ranks - 1) / ranks;
    train->message_bytes = sizeof(struct control) +
                           train->shards_a_rank * sizeof(struct shard_result) +
                           experts * sizeof(uint64_t);
    train->byte_range = calloc(ranks + 1, sizeof(*train->byte_range));
    train->block_range = calloc(ranks + 1, sizeof(*train->block_range));
    train->block_sums = calloc(blocks, sizeof(*train->block_sums));
    train->tokens = calloc(window, sizeof(*train->tokens));
    train->targets = calloc(window, sizeof(*train->targets));
    if (train->config->train.documents_apart)
        train->first_key = calloc(window, sizeof(*train->first_key));
    train->shards = calloc(shards, sizeof(*train->shards));
    train->round = calloc(ranks, sizeof(*train->round));
    train->controls = calloc(ranks, sizeof(*train->controls));
    train->all_done = calloc(ranks, sizeof(*train->all_done));
    train->hashes = calloc(ranks, sizeof(*train->hashes));
    train->gathered = calloc(ranks, train->message_bytes);
    train->mine = calloc(1, train->message_bytes);
    train->expert_rows = calloc(experts, sizeof(*train->expert_rows));
    train->shard_expert_rows = calloc(experts, sizeof(*train->shard_expert_rows));
    train->dying = calloc(experts, sizeof(*train->dying));
    if (!train->byte_range || !train->block_range || !train->block_sums || !train->tokens ||
        !train->targets || (train->config->train.documents_apart && !train->first_key) ||
        !train->shards || !train->round || !train->controls || !train->all_done || !train->hashes ||
        !train->gathered || !train->mine || !train->expert_rows || !train->shard_expert_rows ||
        !train->dying)
        return no_memory(err);
    for (size_t rank = 0; rank < ranks; rank++) {
        uint64_t begin, end;

        reduce_range(train->items, rank, ranks, &begin, &end);
        train->byte_range[rank] = begin * sizeof(float);
        train->byte_range[rank + 1] = end * sizeof(float);
        train->block_range[rank] = begin / FLAT_BLOCK * sizeof(double);
    }
    train->block_range[ranks] = blocks * sizeof(double);
    return 0;
}

/* Checkpoints go to one folder that all ranks see. */
static int open_folder(struct train *train, struct err *err)
{
    const char *out = train->config->out;
    struct {
        dev_t device;
        ino_t inode;
    } own = {0}, first;
    struct stat st;
    int r;

    if (coll_rank(train->coll) == 0 && mkdir(out, 0777) < 0 && errno != EEXIST)
        return err_set(err, -errno, "%s: %s", out, strerror(errno));
    r = coll_barrier(train->coll, err);
    if (r < 0)
        return r;
    if (stat(out, &st) == 0) {
        own.device = st.st_dev;
        own.inode = st.st_ino;
    }
    first = own;
    r = coll_broadcast(train->coll, 0, &first, sizeof(first), err);
    if (r < 0)
        return r;
    if (first.inode != own.inode || !own.inode)
        return err_set(err, -EINVAL,
                       "rank %zu does not see the folder %s of rank 0: checkpoints need one that "
                       "all ranks share",
                       coll_rank(train->coll), out);
    return 0;
}

int train_open(struct train *train, const char *resume, struct err *err)
{
    const struct train_config *config = train->config;
    int r = train_config_check(config, err);

    if (r == 0 && (size_t)config->train.shards < coll_size(train->coll))
        r = err_set(err, -EINVAL, "train.shards is %lld, but %zu ranks need at least one each",
                    (long long)config->train.shards, coll_size(train->coll));
    if (r == 0)
        r = exec_init(&train->exec, (size_t)config->train.threads, config->train.kernels, err);
    if (r < 0)
        return r;
    train->shard_windows = (size_t)(config->train.batch / config->train.shards);
    train->watch.window = (size_t)config->watch.window;
    train->saving = -1;
    train->known_step = -1;
    r = open_data(train, err);
    if (r == 0)
        r = train_agree(train, err);
    if (r == 0)
        r = open_folder(train, err);
    if (r == 0)
        r = open_model(train, err);
    if (r == 0)
        r = take_memory(train, err);
    if (r == 0)
        r = ckpt_writer_new(&train->writer, err);
    if (r < 0)
        return r;
    if (config->checkpoint.every) /* the last one is written when nothing moves any more */
        ckpt_writer_reserve(train->writer, train_keep_bytes(train->end - train->begin));
    model_init(train->model, (uint64_t)config->train.seed);
    r = train_resume(train, resume, err);
    if (r == 0 && train->watch.window != (size_t)config->watch.window) {
        train->watch.count = 0; /* another window begins empty */
        train->watch.window = (size_t)config->watch.window;
    }
    train->watch.spike_z = config->watch.spike_z;
    model_pack(train->model);
    return r;
}

void train_close(struct train *train)
{
    ckpt_writer_free(train->writer);
    reduce_free(train->reduce);
    model_free(train->model);
    storage_done(&train->m);
    storage_done(&train->v);
    dataset_free(train->data);
    dataset_free(train->held);
    tokenizer_free(train->tokenizer);
    free(train->byte_range);
    free(train->block_range);
    free(train->block_sums);
    free(train->tokens);
    free(train->targets);
    free(train->first_key);
    free(train->shards);
    free(train->round);
    free(train->controls);
    free(train->all_done);
    free(train->hashes);
    free(train->gathered);
    free(train->mine);
    free(train->expert_rows);
    free(train->shard_expert_rows);
    free(train->dying);
    if (train->exec.pool)
        exec_done(&train->exec);
}
