/* firstlight-example - fits a small language model to a text, on one rank or on many.
 *
 * Ranks come from torchrun's variables; they add their gradients through the store that `firstlight
 * run` serves. The result has the same bits on 1, 2 or 16 ranks, and whatever was killed on the
 * way. */
#include "base/file.h"
#include "base/hash.h"
#include "base/opt.h"
#include "firstlight.h"
#include "model.h"
#include "peer/store_client.h"
#include "save.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TEXT_BYTES_MAX ((size_t)64 << 20)
#define PRINT_EVERY    10

struct args {
    int64_t steps, checkpoint_every, seed, step_ms;
    const char *checkpoint_dir;
    bool help;
};

static const struct opt opts[] = {
    {"steps", 0, OPT_NUMBER, "N", "steps in all (200)", offsetof(struct args, steps)},
    {"checkpoint-dir", 0, OPT_TEXT, "DIR", "save there; without it nothing is saved",
     offsetof(struct args, checkpoint_dir)},
    {"checkpoint-every", 0, OPT_NUMBER, "N", "save each N steps (20)",
     offsetof(struct args, checkpoint_every)},
    {"seed", 0, OPT_NUMBER, "N", "of weights and samples (1)", offsetof(struct args, seed)},
    {"step-ms", 0, OPT_NUMBER, "MS", "a step takes at least so long (0)",
     offsetof(struct args, step_ms)},
    {"help", 'h', OPT_FLAG, NULL, "this help", offsetof(struct args, help)},
};

/* What goes through the store: a shard's gradient, or the sum of all. */
struct part {
    struct shard shard;
    int64_t stop; /* enum firstlight_stop: ranks learn of a stop in different steps, and agree */
};

struct start {
    struct model model;
    uint64_t text_hash; /* all ranks read the same text, or there is no sum */
};

struct run {
    struct args args;
    unsigned rank, world;
    struct store_client store;
    char prefix[24]; /* of keys: the store of plain torchrun outlives an attempt */
    unsigned char *text;
    size_t len;
    struct start start;
    struct part part, sum;
};

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int number_from_env(const char *name, unsigned max, unsigned fallback, unsigned *out,
                           struct err *err)
{
    const char *text = getenv(name);
    uint64_t value = fallback;

    if (text && (str_to_u64(str_of(text), 10, &value) < 0 || value > max))
        return err_set(err, -EINVAL, "%s=%s is not a number up to %u", name, text, max);
    *out = (unsigned)value;
    return 0;
}

/* Who am I, and where is the store? */
static int join(struct run *run, struct err *err)
{
    const char *host = getenv("MASTER_ADDR"), *port = getenv("MASTER_PORT");
    unsigned attempt;
    int r = number_from_env("WORLD_SIZE", SHARDS, 1, &run->world, err);

    if (r == 0)
        r = number_from_env("RANK", SHARDS - 1, 0, &run->rank, err);
    if (r == 0)
        r = number_from_env("TORCHELASTIC_RESTART_COUNT", UINT_MAX, 0, &attempt, err);
    if (r < 0)
        return r;
    if (run->rank >= run->world)
        return err_set(err, -EINVAL, "RANK=%u is none of %u", run->rank, run->world);
    (void)snprintf(run->prefix, sizeof(run->prefix), "example/%u", attempt);
    if (run->world == 1)
        return 0;
    if (!host || !port)
        return err_set(err, -EINVAL, "%u ranks, but no MASTER_ADDR and MASTER_PORT", run->world);
    return store_client_open(&run->store, host, port, 0, err);
}

static int read_text(struct run *run, const char *path, struct err *err)
{
    char *text;
    int r = file_read(path, TEXT_BYTES_MAX, &text, &run->len, err);

    if (r < 0)
        return r;
    run->text = (unsigned char *)text;
    if (run->len <= CONTEXT)
        return err_set(err, -EINVAL, "%s: a text needs more than %d characters", path, CONTEXT);
    for (size_t i = 0; i < run->len; i++)
        run->text[i] = model_class(run->text[i]);
    return 0;
}

/* Rank 0 has the model, from a checkpoint or a seed, and gives it to the others: they may run where
 * that checkpoint is not. */
static int begin(struct run *run, struct err *err)
{
    const char *from = firstlight_resume_path();
    uint64_t text_hash = hash64(run->text, run->len);
    char key[64];
    int r = 0;

    (void)snprintf(key, sizeof(key), "%s/start", run->prefix);
    if (run->rank == 0) {
        model_init(&run->start.model, (uint64_t)run->args.seed);
        run->start.text_hash = text_hash;
        if (from)
            r = load_model(&run->start.model, from, err);
        if (r == 0 && run->world > 1)
            r = store_client_set(&run->store, key, &run->start, sizeof(run->start), err);
        if (r == 0)
            (void)printf(from ? "resumed at step %" PRId64 " from %s\n" : "a new model\n",
                         run->start.model.step, from);
    } else {
        r = store_client_get(&run->store, key, &run->start, sizeof(run->start),
                             STORE_CLIENT_FOREVER, err);
    }
    if (r == 0 && run->start.text_hash != text_hash)
        return err_set(err, -EINVAL, "rank %u reads another text than rank 0", run->rank);
    return r;
}

static const char *key_of(const struct run *run, int64_t step, const char *what, unsigned shard,
                          char key[64])
{
    (void)snprintf(key, 64, "%s/%" PRId64 "/%s%u", run->prefix, step, what, shard);
    return key;
}

static void add_part(struct run *run)
{
    model_add(&run->sum.shard, &run->part.shard);
    if (run->sum.stop == FIRSTLIGHT_GO_ON || run->part.stop == FIRSTLIGHT_SAVE_AND_LEAVE)
        run->sum.stop = run->part.stop;
}

/* This rank's shards: rank 0 adds them up, the others hand them in. */
static int compute(struct run *run, struct err *err)
{
    const struct model *model = &run->start.model;
    unsigned last = (run->rank + 1) * SHARDS / run->world;
    char key[64];
    int r = 0;

    memset(&run->sum, 0, sizeof(run->sum));
    run->part.stop = firstlight_should_stop();
    for (unsigned shard = run->rank * SHARDS / run->world; shard < last && r == 0; shard++) {
        model_shard(model, run->text, run->len, shard, &run->part.shard);
        if (run->rank == 0)
            add_part(run);
        else
            r = store_client_set(&run->store, key_of(run, model->step, "shard", shard, key),
                                 &run->part, sizeof(run->part), err);
    }
    return r;
}

/* Rank 0 has the first shards, so it adds the others' in their order and tells the sum. When it has
 * all of a step, everybody has read the sum before that: keys do not pile up. */
static int gather(struct run *run, struct err *err)
{
    int64_t step = run->start.model.step;
    char key[64];
    int r = 0;

    for (unsigned shard = SHARDS / run->world; shard < SHARDS && r == 0; shard++) {
        (void)key_of(run, step, "shard", shard, key);
        r = store_client_get(&run->store, key, &run->part, sizeof(run->part), STORE_CLIENT_FOREVER,
                             err);
        if (r == 0)
            r = store_client_delete(&run->store, key, err);
        if (r == 0)
            add_part(run);
    }
    if (r == 0)
        r = store_client_set(&run->store, key_of(run, step, "sum", 0, key), &run->sum,
                             sizeof(run->sum), err);
    return r == 0 ? store_client_delete(&run->store, key_of(run, step - 1, "sum", 0, key), err) : r;
}

static int exchange(struct run *run, struct err *err)
{
    char key[64];

    if (run->world == 1)
        return 0;
    if (run->rank == 0)
        return gather(run, err);
    return store_client_get(&run->store, key_of(run, run->start.model.step, "sum", 0, key),
                            &run->sum, sizeof(run->sum), STORE_CLIENT_FOREVER, err);
}

static int save(struct run *run, struct err *err)
{
    const struct model *model = &run->start.model;
    char path[PATH_MAX];
    int r;

    if (run->rank != 0 || !run->args.checkpoint_dir)
        return 0;
    firstlight_phase(FIRSTLIGHT_CHECKPOINT);
    r = save_model(model, run->args.checkpoint_dir, path, sizeof(path), err);
    if (r == 0)
        firstlight_checkpoint_saved(path, model->step);
    return r;
}

static bool is_due(int64_t step, int64_t every, int64_t steps)
{
    return step == steps || (every > 0 && step % every == 0);
}

/* One step; returns 1 when the program is to leave, 0, or a negative errno. */
static int step(struct run *run, struct err *err)
{
    struct model *model = &run->start.model;
    int64_t end = now_ms() + run->args.step_ms, left;
    int r = compute(run, err);

    if (r == 0)
        r = exchange(run, err);
    if (r < 0)
        return r;
    model_update(model, &run->sum.shard);
    left = end - now_ms();
    if (left > 0)
        (void)nanosleep(&(struct timespec){left / 1000, left % 1000 * 1000000}, NULL);
    firstlight_step(model->step, run->args.steps, model->loss, STEP_SAMPLES / run->world);
    if (run->rank == 0 && is_due(model->step, PRINT_EVERY, run->args.steps))
        (void)printf("step %" PRId64 "/%" PRId64 " loss %.4f\n", model->step, run->args.steps,
                     model->loss);
    if (run->sum.stop != FIRSTLIGHT_GO_ON ||
        is_due(model->step, run->args.checkpoint_every, run->args.steps))
        r = save(run, err);
    return r < 0 ? r : run->sum.stop == FIRSTLIGHT_SAVE_AND_LEAVE;
}

static int train(struct run *run, struct err *err)
{
    const struct model *model = &run->start.model;
    int r = 0;

    while (model->step < run->args.steps && r == 0)
        r = step(run, err);
    if (r < 0)
        return r;
    firstlight_phase(FIRSTLIGHT_DONE);
    if (run->rank == 0)
        (void)printf("%s at step %" PRId64 ", loss %.4f, weights %016" PRIx64 "\n",
                     model->step < run->args.steps ? "stopped" : "done", model->step, model->loss,
                     hash64(&model->weights, sizeof(model->weights)));
    return 0;
}

static int run_all(struct run *run, const char *path, struct err *err)
{
    int r = read_text(run, path, err);

    firstlight_phase(FIRSTLIGHT_INIT);
    if (r == 0)
        r = join(run, err);
    if (r == 0)
        r = begin(run, err);
    return r == 0 ? train(run, err) : r;
}

static void print_help(void)
{
    struct buf text = {0};

    opt_help(opts, ARRAY_LEN(opts), &text);
    (void)printf("usage: firstlight-example [options] TEXT\n\n"
                 "Fits a small language model to the characters of the file TEXT.\n\n%s",
                 text.p ? text.p : "");
    buf_done(&text);
}

int main(int argc, char **argv)
{
    static struct run run = {.args = {.steps = 200, .checkpoint_every = 20, .seed = 1},
                             .store = {.fd = -1}};
    struct err err = {0};
    int words, r;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    r = opt_parse(opts, ARRAY_LEN(opts), &run.args, argc, argv, &words, &err);
    if (r == 0 && run.args.help) {
        print_help();
        return 0;
    }
    if (r == 0 && words != 1)
        r = err_set(&err, -EINVAL, "it takes one TEXT; see --help");
    if (r < 0) {
        (void)fprintf(stderr, "firstlight-example: %s\n", err.text);
        return 2;
    }
    r = run_all(&run, argv[0], &err);
    if (r < 0)
        (void)fprintf(stderr, "firstlight-example: rank %u: %s\n", run.rank, err.text);
    store_client_close(&run.store);
    free(run.text);
    return r < 0;
}
