#include "train/train.h"

#include "base/clock.h"
#include "train/sampler.h"
#include "train/state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    int r = train->saving >= 0 ? train_save_end(train, true, err) : 0;

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
        r = train_save_end(train, true, err);
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
        r = train_save_end(train, false, err);
    if (r == 0 && moved) {
        r = train_save_begin(train, err);
        if (r == 0)
            r = train_save_end(train, false, err);
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

    summary->loss = NAN;
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
        return err_set(err, -ENOMEM, "no memory for the training's state");
    train->config = config;
    train->events = events;
    train->coll = coll;
    r = train_open(train, resume, err);
    if (r == 0 && events->ready)
        events->ready(events->arg, model_params(train->model), &train->exec, train->step,
                      dataset_tokens(train->data));
    if (r == 0)
        r = train_steps(train, summary, err);
    train_close(train);
    free(train);
    return r;
}
