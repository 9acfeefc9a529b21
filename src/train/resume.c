/* Which checkpoint a training goes on from, and whether it may. */
#include "train/meta.h"
#include "train/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What must not change between a checkpoint and the run that goes on from it: of an imported one,
 * the model alone. */
static int compare_config(const struct train *train, const char *path, const struct meta *then,
                          struct err *err)
{
    size_t count;
    const struct setting *settings = train_settings(&count);
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        struct buf old = {0}, new = {0};

        if (!strcmp(settings[i].key, "train.threads")) /* each host has its own */
            continue;
        setting_print(&settings[i], &then->config, &old);
        setting_print(&settings[i], train->config, &new);
        if (old.len != new.len || memcmp(old.p, new.p, old.len) != 0) {
            if (train_config_is_fixed(&settings[i]) &&
                (*then->kernels || str_starts(str_of(settings[i].key), "model.")))
                r = err_set(err, -EINVAL, "%s has %s = %s, this run %s: a run can't change that",
                            path, settings[i].key, old.p, new.p);
            else
                train_note(train, "setting", "%s was %s, is %s from here on", settings[i].key,
                           old.p, new.p);
        }
        buf_done(&old);
        buf_done(&new);
    }
    return r;
}

/* The bits depend on the level, so it is part of the run, unless the user names another. */
static int compare_level(struct train *train, const char *path, const char *level, struct err *err)
{
    const char *now = kernel_level_name(train->exec.level);

    if (!*level || !strcmp(level, now))
        return 0;
    if (!strcmp(train->config->train.kernels, "auto"))
        return err_set(err, -EINVAL,
                       "%s was trained with kernels %s, this CPU's best are %s: the weights would "
                       "have other bits; if that may be, say train.kernels=%s",
                       path, level, now, now);
    train_note(train, "setting", "kernels were %s, are %s from here on: other bits", level, now);
    return 0;
}

static int take_meta(struct train *train, const char *path, const struct meta *meta,
                     struct err *err)
{
    int r = compare_config(train, path, meta, err);

    if (r == 0)
        r = compare_level(train, path, meta->kernels, err);
    if (r < 0)
        return r;
    if (*meta->kernels && meta->data_hash != dataset_hash(train->data))
        return err_set(err, -EINVAL,
                       "%s was trained on other data (%016llx, this is %016llx): its tokens, its "
                       "tokenizer or the weights of its sources differ",
                       path, (unsigned long long)meta->data_hash,
                       (unsigned long long)dataset_hash(train->data));
    memcpy(model_router_bias(train->model), meta->router_bias,
           meta->experts * sizeof(*meta->router_bias));
    memcpy(train->dying, meta->dying, meta->experts * sizeof(*meta->dying));
    train->watch = meta->watch;
    train->step = meta->step;
    train->updates = meta->updates;
    train->tokens_seen = meta->tokens;
    train->smooth_loss = meta->smooth_loss;
    return 0;
}

static int take_vectors(struct train *train, struct ckpt *ckpt, struct err *err)
{
    int r;

    if (ckpt_items(ckpt) != train->items)
        return err_set(err, -EINVAL, "%s has %llu weights, the model %llu", ckpt_path(ckpt),
                       (unsigned long long)ckpt_items(ckpt), (unsigned long long)train->items);
    r = ckpt_read(ckpt, CKPT_WEIGHTS, 0, train->items, model_weights(train->model), err);
    if (r == 0 && (r = model_check_weights(train->model, err)) < 0)
        err_wrap(err, r, "%s", ckpt_path(ckpt));
    if (!ckpt_has(ckpt, CKPT_M)) /* imported: moments begin at zero, as they are */
        return r;
    if (r == 0)
        r = ckpt_read(ckpt, CKPT_M, train->begin, train->end, train->m.p, err);
    if (r == 0)
        r = ckpt_read(ckpt, CKPT_V, train->begin, train->end, train->v.p, err);
    return r;
}

static int load(struct train *train, struct ckpt *ckpt, struct err *err)
{
    struct meta *meta = calloc(1, sizeof(*meta));
    int r = meta ? meta_read(ckpt, meta, err) : err_set(err, -ENOMEM, "no memory to resume");

    if (r == 0) {
        r = take_meta(train, ckpt_path(ckpt), meta, err);
        meta_done(meta);
    }
    free(meta);
    if (r == 0)
        r = take_vectors(train, ckpt, err);
    if (r == 0)
        train_note(train, "resume", "from %s, step %lld", ckpt_path(ckpt), (long long)train->step);
    return r;
}

struct search {
    const struct train *train;
    size_t passed;
};

static void passed_over(void *arg, const char *path, const char *why)
{
    struct search *search = arg;

    search->passed++;
    train_note(search->train, "checkpoint_passed_over", "%s: %s", path, why);
}

/* What rank 0 tells the others. */
struct choice {
    int64_t result; /* 0, or a negative errno */
    int64_t fresh;  /* no checkpoint: from the beginning */
    char path[4500];
};

/* A run that goes back behind checkpoints of its own folder would have two futures there, and the
 * next one that resumes would take the wrong one. */
static int refuse_newer(const struct train *train, int64_t step, struct err *err)
{
    const char *out = train->config->out;
    int64_t newest;
    int r = ckpt_newest(out, &newest, err);

    if (r < 0 || newest <= step)
        return r;
    if (step < 0)
        return err_set(err, -EEXIST,
                       "%s has a checkpoint of step %lld already: a run that begins anew wants "
                       "another folder; without --resume this one goes on",
                       out, (long long)newest);
    return err_set(err, -EEXIST,
                   "%s has a checkpoint of step %lld: a run that goes on from step %lld wants "
                   "another folder, or move those behind it away",
                   out, (long long)newest, (long long)step);
}

/* The newest one that is whole; a run without any begins, but not one whose are all damaged: days
 * of work may be saved by a person. */
static int find_newest(struct train *train, struct ckpt **ckpt, bool *fresh, struct err *err)
{
    struct search search = {.train = train};
    const char *out = train->config->out;
    int r = ckpt_open(out, passed_over, &search, ckpt, err);

    if (r != -ENOENT)
        return r;
    if (search.passed)
        return err_set(err, -EBADMSG,
                       "%s: none of its %zu checkpoints is whole; to begin anew, move them away",
                       out, search.passed);
    *fresh = true;
    return 0;
}

static int choose(struct train *train, const char *from, struct ckpt **ckpt, bool *fresh,
                  struct err *err)
{
    struct search search = {.train = train};
    int r;

    if (!from)
        return find_newest(train, ckpt, fresh, err);
    if (!strcmp(from, TRAIN_FROM_SCRATCH)) {
        *fresh = true;
        return refuse_newer(train, -1, err);
    }
    r = ckpt_open(from, passed_over, &search, ckpt, err);
    return r < 0 || search.passed ? r : refuse_newer(train, ckpt_step(*ckpt), err);
}

/* Rank 0 looks which one it is; all read the same. */
int train_resume(struct train *train, const char *from, struct err *err)
{
    struct ckpt *ckpt = NULL;
    struct choice choice = {0};
    bool fresh = false;
    int r;

    if (coll_rank(train->coll) == 0) {
        choice.result = choose(train, from, &ckpt, &fresh, err);
        choice.fresh = fresh;
        if (choice.result == 0 && !fresh)
            (void)snprintf(choice.path, sizeof(choice.path), "%s", ckpt_path(ckpt));
    }
    r = coll_broadcast(train->coll, 0, &choice, sizeof(choice), err);
    if (r == 0 && choice.result < 0 && coll_rank(train->coll) != 0)
        (void)err_set(err, (int)choice.result, "rank 0 found no checkpoint to resume from");
    if (r == 0)
        r = (int)choice.result;
    if (r == 0 && !choice.fresh && !ckpt) {
        r = ckpt_open(choice.path, NULL, NULL, &ckpt, err);
        if (r < 0)
            err_wrap(err, r, "rank 0 resumes from %s", choice.path);
    }
    if (r == 0 && !choice.fresh)
        r = load(train, ckpt, err);
    ckpt_close(ckpt);
    return r;
}
