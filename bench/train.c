/* train - whole steps of training by src/train, timed, and where a step's time goes.
 *
 *   train [-c] [-n STEPS] [-p PRESET] -d DATA -o OUT [-s KEY=VALUE]... NAME
 *
 * Trains for one step that is not counted and STEPS that are, then leaves. Prints for each counted
 * step
 *     NAME tokens TOKENS_A_SECOND
 *     NAME GFLOP GFLOP_A_SECOND
 * then "NAME MiB PEAK_MEMORY", "NAME peak GFLOP_A_SECOND" (multiply-adds between registers on as
 * many threads), "NAME stall MS" for each checkpoint, and, as lines that begin with '#', what part
 * of the counted steps each operation took. -c: time is what the process got of a CPU, over its
 * threads, which says more where others use the machine.
 * Under a launcher each rank is one process; rank 0 prints, for all of them.
 *
 * The linker puts the functions below between the operations and who calls them (--wrap): what is
 * measured is the trainer's own code. */
#include "train/train.h"
#include "kernels/attention.h"
#include "kernels/embed.h"
#include "kernels/flat.h"
#include "kernels/gemm.h"
#include "kernels/glu.h"
#include "kernels/head.h"
#include "kernels/norm.h"
#include "kernels/peak.h"
#include "kernels/rope.h"
#include "kernels/router.h"
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum part {
    PRODUCTS,
    ATTENTION,
    HEAD,
    NORM,
    GLU,
    ROPE,
    ROUTER,
    EMBED,
    PACK,
    OPTIMIZER,
    EXCHANGE,
    PARTS
};

static const char *const part_names[PARTS] = {"products", "attention", "head",    "norm",
                                              "glu",      "rope",      "router",  "embedding",
                                              "pack",     "optimizer", "exchange"};

static bool by_cpu; /* time is what the process got of a CPU, over the threads */
static double threads = 1;
static double taken[PARTS], part_begin;
static int depth; /* of operations in each other: the outermost counts */

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(by_cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return ((double)t.tv_sec + (double)t.tv_nsec * 1e-9) / (by_cpu ? threads : 1);
}

static void enter(void)
{
    if (depth++ == 0)
        part_begin = now();
}

static void leave(enum part part)
{
    if (--depth == 0)
        taken[part] += now() - part_begin;
}

#define TIMED(part, name, parameters, arguments)                                                   \
    void __real_##name parameters;                                                                 \
    void __wrap_##name parameters;                                                                 \
    void __wrap_##name parameters                                                                  \
    {                                                                                              \
        enter();                                                                                   \
        __real_##name arguments;                                                                   \
        leave(part);                                                                               \
    }

#define TIMED_RESULT(part, name, parameters, arguments)                                            \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        int r;                                                                                     \
                                                                                                   \
        enter();                                                                                   \
        r = __real_##name arguments;                                                               \
        leave(part);                                                                               \
        return r;                                                                                  \
    }

TIMED(PRODUCTS, gemm_run,
      (const struct exec *exec, enum dtype type, const struct gemm *list, size_t count),
      (exec, type, list, count))
TIMED(ATTENTION, attention_forward,
      (const struct exec *exec, const struct attention *at, struct mat q, struct mat k,
       struct mat v, struct mat o, float *lse),
      (exec, at, q, k, v, o, lse))
TIMED(ATTENTION, attention_backward,
      (const struct exec *exec, const struct attention *at, struct mat q, struct mat k,
       struct mat v, struct mat o, const float *lse, struct mat dout, struct mat dq, struct mat dk,
       struct mat dv),
      (exec, at, q, k, v, o, lse, dout, dq, dk, dv))
TIMED(HEAD, head_loss,
      (const struct exec *exec, const struct head *head, const float *table, const void *packed,
       size_t rows, struct mat x, const int32_t *targets, float *losses, float grad_scale,
       const struct mat *dx, float *dtable, void *scratch),
      (exec, head, table, packed, rows, x, targets, losses, grad_scale, dx, dtable, scratch))
TIMED(NORM, rms_forward,
      (const struct exec *exec, const struct rms *rms, struct mat x, struct mat y, float *r),
      (exec, rms, x, y, r))
TIMED(NORM, rms_add_forward,
      (const struct exec *exec, const struct rms *rms, struct mat x, const float *h, float *out,
       float *r),
      (exec, rms, x, h, out, r))
TIMED(NORM, rms_backward,
      (const struct exec *exec, const struct rms *rms, struct mat x, const float *r, struct mat dy,
       struct mat dx, bool add, float *dgain),
      (exec, rms, x, r, dy, dx, add, dgain))
TIMED(GLU, glu_forward,
      (const struct exec *exec, size_t rows, size_t n, struct mat g, struct mat u, struct mat z),
      (exec, rows, n, g, u, z))
TIMED(GLU, glu_backward,
      (const struct exec *exec, size_t rows, size_t n, struct mat g, struct mat u, struct mat dz,
       struct mat dg, struct mat du, struct mat z),
      (exec, rows, n, g, u, dz, dg, du, z))
TIMED(ROPE, rope_apply,
      (const struct exec *exec, size_t rows, size_t time, const int32_t *pos, size_t heads,
       size_t head_dim, const float *cos_table, const float *sin_table, struct mat x, bool inverse),
      (exec, rows, time, pos, heads, head_dim, cos_table, sin_table, x, inverse))
TIMED(ROUTER, router_forward,
      (const struct exec *exec, const struct router *router, struct mat m, struct routes *out),
      (exec, router, m, out))
TIMED(ROUTER, router_backward,
      (const struct exec *exec, const struct router *router, const struct routes *routes,
       const struct router_losses *losses, struct mat m, const float *dgates, float *logits,
       float *dm, float *dweight),
      (exec, router, routes, losses, m, dgates, logits, dm, dweight))
TIMED(ROUTER, combine_forward,
      (const struct exec *exec, size_t rows, size_t used, size_t n, const uint32_t *slot,
       const float *gates, struct mat e, struct mat out, bool add),
      (exec, rows, used, n, slot, gates, e, out, add))
TIMED(ROUTER, combine_backward,
      (const struct exec *exec, size_t rows, size_t used, size_t n, const uint32_t *slot,
       const float *gates, struct mat e, struct mat dout, struct mat de, float *dgates),
      (exec, rows, used, n, slot, gates, e, dout, de, dgates))
TIMED(EMBED, embed_forward,
      (const struct exec *exec, size_t rows, size_t n, const int32_t *tokens, const float *table,
       float scale, float *out),
      (exec, rows, n, tokens, table, scale, out))
TIMED(EMBED, embed_backward,
      (const struct exec *exec, size_t rows, size_t n, size_t vocab, const int32_t *tokens,
       const float *dout, float scale, float *dtable),
      (exec, rows, n, vocab, tokens, dout, scale, dtable))
TIMED(PACK, model_pack, (struct model * model), (model))
TIMED(OPTIMIZER, flat_add, (const struct exec *exec, size_t count, float *a, const float *b),
      (exec, count, a, b))
TIMED(OPTIMIZER, flat_square_sums,
      (const struct exec *exec, size_t count, const float *x, double *sums), (exec, count, x, sums))
TIMED(OPTIMIZER, flat_adamw,
      (const struct exec *exec, const struct adamw *adamw, size_t count, const float *g, float *w,
       float *m, float *v),
      (exec, adamw, count, g, w, m, v))
TIMED_RESULT(EXCHANGE, coll_exchange,
             (struct coll * coll, const struct coll_piece *send, const struct coll_piece *receive,
              struct err *err),
             (coll, send, receive, err))
TIMED_RESULT(EXCHANGE, coll_gather,
             (struct coll * coll, const void *mine, size_t bytes, void *all, struct err *err),
             (coll, mine, bytes, all, err))
TIMED_RESULT(EXCHANGE, coll_gather_parts,
             (struct coll * coll, void *buf, const size_t *begin, struct err *err),
             (coll, buf, begin, err))

/* ---- the run ---- */

struct bench {
    const char *name;
    struct train_config config;
    struct coll *coll;
    const struct exec *exec;
    int64_t steps;
    double begin, spent; /* of the counted steps */
};

static long peak_mib(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long kib = 0;

    while (status && fgets(line, sizeof(line), status))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    if (status)
        (void)fclose(status);
    return kib / 1024;
}

static void report(const struct bench *bench)
{
    enum dtype type = train_dtype(&bench->config);
    double ranks = (double)coll_size(bench->coll), rest = bench->spent;

    (void)printf("%s MiB %.0f\n", bench->name, (double)peak_mib() * ranks);
    (void)printf("%s peak %.1f\n", bench->name, peak_flops(bench->exec, type) * ranks * 1e-9);
    (void)printf("# %s: a step took %.0f ms, of it", bench->name,
                 bench->spent / (double)bench->steps * 1e3);
    for (int i = 0; i < PARTS; i++) {
        rest -= taken[i];
        if (taken[i] > 0.0005 * bench->spent)
            (void)printf(" %s %.1f %%,", part_names[i], 100 * taken[i] / bench->spent);
    }
    (void)printf(" else %.1f %%\n", 100 * rest / bench->spent);
    (void)fflush(stdout);
}

static void on_ready(void *arg, const struct params *params, const struct exec *exec, int64_t step,
                     uint64_t data_tokens)
{
    struct bench *bench = arg;

    (void)params;
    (void)step;
    (void)data_tokens;
    bench->exec = exec;
    threads = (double)pool_threads(exec->pool);
}

static void on_step(void *arg, const struct train_step *step)
{
    struct bench *bench = arg;
    const struct train_config *config = &bench->config;
    double tokens = (double)(config->train.batch * config->train.time), seconds;

    seconds = now() - bench->begin;
    if (step->step > 1 && coll_rank(bench->coll) == 0) {
        bench->spent += seconds;
        (void)printf("%s tokens %.2f\n", bench->name, tokens / seconds);
        (void)printf("%s GFLOP %.2f\n", bench->name,
                     1e-9 * tokens / seconds *
                         model_flop_per_token(&config->model, (size_t)config->train.time, true));
    }
    if (step->step == bench->steps + 1) {
        if (coll_rank(bench->coll) == 0)
            report(bench);
        _exit(0); /* without the checkpoint that a run ends with */
    }
    if (step->step == 1)
        memset(taken, 0, sizeof(taken));
    bench->begin = now();
}

static void on_saved(void *arg, const char *path, int64_t step, double seconds,
                     double stall_seconds)
{
    const struct bench *bench = arg;

    (void)path;
    (void)step;
    if (coll_rank(bench->coll) == 0)
        (void)printf("%s stall %.2f\n%s write %.2f\n", bench->name, stall_seconds * 1e3,
                     bench->name, seconds * 1e3);
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: train [-c] [-n STEPS] [-p PRESET] -d DATA -o OUT "
                          "[-s KEY=VALUE]... NAME\n");
    return 2;
}

static int parse(struct bench *bench, int argc, char **argv, struct err *err)
{
    const char *preset = "gpt2-124m-shape";
    size_t count;
    const struct setting *settings = train_settings(&count);
    int option, r = 0;

    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], "-p"))
            preset = argv[i + 1];
    r = train_preset(preset, &bench->config, err);
    bench->config.train.shards = 1;
    bench->config.checkpoint.every = 0;
    while (r == 0 && (option = getopt(argc, argv, "cn:p:d:o:s:")) != -1)
        if (option == 'c')
            by_cpu = true;
        else if (option == 'n')
            bench->steps = strtol(optarg, NULL, 10);
        else if (option == 'd')
            bench->config.sources[bench->config.source_count++] =
                (struct dataset_source){optarg, 1};
        else if (option == 'o')
            (void)snprintf(bench->config.out, sizeof(bench->config.out), "%s", optarg);
        else if (option == 's')
            r = setting_assign(settings, count, &bench->config, optarg, err);
        else if (option != 'p')
            return usage();
    if (r < 0)
        return r;
    bench->config.train.steps = 1000000; /* the schedule's; on_step leaves before */
    if (argc - optind != 1 || bench->steps < 1 || bench->config.source_count != 1)
        return usage();
    bench->name = argv[optind];
    return 0;
}

int main(int argc, char **argv)
{
    static struct bench bench = {.steps = 3};
    const struct train_events events = {
        .arg = &bench, .ready = on_ready, .step = on_step, .saved = on_saved};
    struct train_summary summary;
    struct coll_options options;
    struct err err = {0};
    int r = parse(&bench, argc, argv, &err);

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (r > 0)
        return r;
    if (r == 0)
        r = coll_options_from_env(&options, &err);
    if (r == 0)
        r = coll_open(&options, &bench.coll, &err);
    bench.begin = now();
    if (r == 0)
        r = train_run(&bench.config, TRAIN_FROM_SCRATCH, bench.coll, &events, &summary, &err);
    (void)fprintf(stderr, "train: %s\n", r < 0 ? err.text : "the run ended before its time");
    return 2;
}
