#include "base/clock.h"
#include "train/meta.h"
#include "train/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *meta_text(const struct train *train)
{
    struct meta *meta = calloc(1, sizeof(*meta));
    char *text = NULL;

    if (!meta)
        return NULL;
    meta->config = *train->config;
    meta->step = train->step;
    meta->updates = train->updates;
    meta->tokens = train->tokens_seen;
    meta->data_hash = dataset_hash(train->data);
    meta->smooth_loss = train->smooth_loss;
    meta->watch = train->watch;
    (void)snprintf(meta->kernels, sizeof(meta->kernels), "%s",
                   kernel_level_name(train->exec.level));
    if (meta_init(meta, NULL) == 0) {
        memcpy(meta->router_bias, model_router_bias(train->model),
               meta->experts * sizeof(*meta->router_bias));
        memcpy(meta->dying, train->dying, meta->experts * sizeof(*meta->dying));
        text = meta_print(meta);
    }
    meta_done(meta);
    free(meta);
    return text;
}

/* Rank 0 tells of its own part when it tells what became of the whole. */
static void part_failed(struct train *train, const struct err *why)
{
    train->part_err = *why;
    if (coll_rank(train->coll) != 0)
        train_note(train, "checkpoint_failed", "step %lld: %s", (long long)train->saving,
                   why->text);
}

static void not_saved(struct train *train, const struct err *why, bool goes_on)
{
    const char *text = train->done.failed ? train->part_err.text : why->text;

    train_note(train, "checkpoint_failed", "step %lld was not saved: %s%s",
               (long long)train->saving, text, goes_on ? "; training goes on" : "");
}

int train_save_begin(struct train *train, struct err *err)
{
    struct str tokenizer = tokenizer_bytes(train->tokenizer);
    double start = clock_now_s();
    char *meta = meta_text(train);
    struct ckpt_file files[] = {
        {META_FILE, meta, meta ? strlen(meta) : 0},
        {META_TOKENIZER, tokenizer.p, tokenizer.len},
    };
    struct ckpt_request request = {
        .folder = train->config->out,
        .step = train->step,
        .rank = coll_rank(train->coll),
        .ranks = coll_size(train->coll),
        .items = train->items,
        .begin = train->begin,
        .end = train->end,
        .vectors = {{CKPT_WEIGHTS, model_weights(train->model) + train->begin},
                    {CKPT_M, train->m.p},
                    {CKPT_V, train->v.p}},
        .vector_count = 3,
        .files = files,
        .file_count = ARRAY_LEN(files),
        .keep_max = train_keep_bytes(train->end - train->begin),
    };
    int r = meta ? 0 : err_set(err, -ENOMEM, "no memory for a checkpoint's meta.json");

    if (r == 0)
        r = ckpt_writer_begin(train->writer, &request, err);
    free(meta);
    train->saving = train->step;
    train->saving_since = start;
    train->saving_stall = clock_now_s() - start;
    train->part_done = false;
    if (r < 0) { /* the others wait for what became of this part */
        train->done = (struct ckpt_done){.failed = r};
        train->part_done = true;
        part_failed(train, err);
    }
    return 0;
}

bool train_save_poll(struct train *train, bool wait)
{
    struct err err = {0};

    if (train->saving < 0)
        return false;
    if (!train->part_done && ckpt_writer_poll(train->writer, wait, &train->done, &err)) {
        train->part_done = true;
        if (train->done.failed)
            part_failed(train, &err);
    }
    return train->part_done;
}

int train_save_end(struct train *train, bool goes_on, struct err *err)
{
    const char *folder = train->config->out;
    int64_t step = train->saving;
    double start = clock_now_s();
    struct err why = {0};
    int64_t outcome = 0;
    char path[5000];
    int r;

    (void)train_save_poll(train, true);
    r = coll_gather(train->coll, &train->done, sizeof(train->done), train->all_done, err);
    if (r < 0)
        return r;
    if (coll_rank(train->coll) == 0)
        outcome = ckpt_commit(folder, step, train->all_done, coll_size(train->coll), &why);
    r = coll_broadcast(train->coll, 0, &outcome, sizeof(outcome), err);
    if (r < 0)
        return r;
    train->save_failed = (int)outcome;
    if (outcome < 0 && coll_rank(train->coll) == 0)
        not_saved(train, &why, goes_on);
    train->saving = -1;
    if (outcome < 0)
        return 0;
    /* While steps are not applied, the newest weights may be the bad ones. */
    if (coll_rank(train->coll) == 0 && !train->watch.skipped_in_a_row &&
        ckpt_prune(folder, step, (size_t)train->config->checkpoint.keep_last,
                   train->config->checkpoint.keep_every, &why) < 0)
        train_note(train, "prune_failed", "%s", why.text);
    train->saving_stall += clock_now_s() - start;
    (void)snprintf(path, sizeof(path), "%s/step-%08lld", folder, (long long)step);
    if (train->events->saved)
        train->events->saved(train->events->arg, path, step, clock_now_s() - train->saving_since,
                             train->saving_stall);
    return 0;
}
