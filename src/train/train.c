#include "train/train.h"

#include "base/clock.h"
#include "kernels/flat.h"
#include "train/sampler.h"
#include "train/state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void train_note(const struct train *train, const char *kind, const char *format, ...)
{
    char text[ERR_TEXT_MAX * 2];
    va_list args;

    if (!train->events->note)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    train->events->note(train->events->arg, kind, text);
}

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
            r = err_set(err, -EINVAL, "valid.every is set, but the data has no held-out split");
    }
    return r;
}

static int open_model(struct train *train, struct err *err)
{
    const struct train_config *config = train->config;
    struct model_options options = {
        .precision = train_dtype(config),
        .batch = train->shard_windows,
        .time = (size_t)config->train.time,
        .train = true,
        .z_weight = config->router.z_weight,
        .aux_weight = config->router.aux_weight,
    };
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

static int begin(struct train *train, const char *resume, struct err *err)
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
        ckpt_writer_reserve(train->writer, train_keep_bytes(train));
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

static void done(struct train *train)
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

static bool is_due(int64_t step, int64_t every)
{
    return every && step % every == 0;
}

static int tell_hash(struct train *train, struct err *err)
{
    uint64_t hash;
    int r = train_weights_hash(train, &hash, err);

    if (r == 0 && train->events->hash)
        train->events->hash(train->events->arg, train->step, hash);
    return r;
}

static int validate(struct train *train, struct err *err)
{
    double loss, bits_per_byte;
    int r = train_evaluate(train, &loss, &bits_per_byte, err);

    if (r == 0 && train->events->valid)
        train->events->valid(train->events->arg, train->step, loss, bits_per_byte);
    return r;
}

/* By rank 0; the others meet it in the next step. */
static int say_something(struct train *train, struct err *err)
{
    struct sampler_options options = {
        .tokens = (size_t)train->config->sample.tokens,
        .temperature = train->config->sample.temperature,
        .top_p = train->config->sample.top_p,
        .seed = (uint64_t)train->config->train.seed,
        .step = (uint32_t)train->step,
    };
    const char *prompt = train->config->sample.prompt;
    struct buf text = {0};
    int r;

    if (coll_rank(train->coll) != 0 || !train->events->sample)
        return 0;
    r = sampler_text(train->model, train->tokenizer, &options, prompt, &text, err);
    if (r == 0)
        train->events->sample(train->events->arg, train->step, text.p ? text.p : "");
    buf_done(&text);
    return r;
}

static int save(struct train *train, struct err *err)
{
    int r = train->saving >= 0 ? train_save_end(train, err) : 0;

    return r < 0 ? r : train_save_begin(train, err);
}

/* What is due after a step. */
static int after_step(struct train *train, struct train_step *step, int64_t stop, bool saved,
                      struct err *err)
{
    const struct train_config *config = train->config;
    double start = clock_now_s();
    int r = 0;

    train->saving_stall += step->stall_seconds;
    if (saved)
        r = train_save_end(train, err);
    if (r == 0 && stop != 1 && (is_due(train->step, config->checkpoint.every) || stop == 2) &&
        train->step < config->train.steps)
        r = save(train, err);
    step->stall_seconds += clock_now_s() - start;
    step->seconds += clock_now_s() - start;
    if (train->events->step)
        train->events->step(train->events->arg, step);
    if (r == 0 && is_due(train->step, config->train.hash_every))
        r = tell_hash(train, err);
    if (r == 0 && is_due(train->step, config->valid.every))
        r = validate(train, err);
    if (r == 0 && is_due(train->step, config->sample.every))
        r = say_something(train, err);
    return r;
}

/* The last checkpoint is waited for. */
static int finish(struct train *train, struct train_summary *summary, bool moved, struct err *err)
{
    double start = clock_now_s();
    int r = 0;

    if (train->saving >= 0)
        r = train_save_end(train, err);
    if (r == 0 && moved) {
        r = train_save_begin(train, err);
        if (r == 0)
            r = train_save_end(train, err);
    }
    summary->stall_seconds += clock_now_s() - start;
    if (r == 0)
        r = train_weights_hash(train, &summary->hash, err);
    if (r == 0 && train->save_failed)
        r = err_set(err, train->save_failed, "the last checkpoint, step %lld, was not saved",
                    (long long)train->step);
    return r;
}

static int train_steps(struct train *train, struct train_summary *summary, struct err *err)
{
    double start = clock_now_s();
    int64_t first = train->step;
    int r = 0;

    while (r == 0 && train->step < train->config->train.steps && !summary->stopped) {
        struct train_step step;
        int64_t stop;
        bool saved;

        r = train_step(train, &step, &stop, &saved, err);
        if (r == 0)
            r = after_step(train, &step, stop, saved, err);
        if (r < 0)
            break;
        summary->stopped = stop == 1 && train->step < train->config->train.steps;
        summary->loss = step.loss;
        summary->tokens += step.tokens;
        summary->stall_seconds += step.stall_seconds;
    }
    if (r == 0)
        r = finish(train, summary, train->step > first, err);
    summary->step = train->step;
    summary->skipped = train->watch.skipped;
    summary->seconds = clock_now_s() - start;
    return r;
}

int train_run(const struct train_config *config, const char *resume, struct coll *coll,
              const struct train_events *events, struct train_summary *summary, struct err *err)
{
    struct train *train = calloc(1, sizeof(*train));
    int r;

    *summary = (struct train_summary){0};
    if (!train)
        return no_memory(err);
    train->config = config;
    train->events = events;
    train->coll = coll;
    r = begin(train, resume, err);
    if (r == 0 && events->ready)
        events->ready(events->arg, model_params(train->model), &train->exec, train->step,
                      dataset_tokens(train->data));
    if (r == 0)
        r = train_steps(train, summary, err);
    done(train);
    free(train);
    return r;
}
