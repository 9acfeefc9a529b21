/* coll-rank - one rank of a group, as the environment says.
 *
 *   coll-rank BACKEND rounds N      N random calls, checked
 *   coll-rank BACKEND for-ever      the same until an error comes
 *   coll-rank BACKEND barriers      barriers until an error comes
 *   coll-rank BACKEND speed MIB     how fast pieces of so many MiB go, against memcpy
 *
 * Rank 0 prints the group's name; whoever fails says why and exits with 1. */
#include "many.h"

#include <errno.h>
#include <time.h>

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int rounds(struct coll *coll, const char *count, struct err *err)
{
    return many_rounds(coll, 11, strtoull(count, NULL, 10), 200000, err);
}

static int for_ever(struct coll *coll, const char *unused, struct err *err)
{
    int r = 0;

    (void)unused;
    for (uint64_t seed = 0; r == 0; seed++)
        r = many_rounds(coll, seed, 1, 200000, err);
    return r;
}

static int barriers(struct coll *coll, const char *unused, struct err *err)
{
    int r = 0;

    (void)unused;
    while (r == 0)
        r = coll_barrier(coll, err);
    return r;
}

struct best {
    double copy, exchange, gather, barrier; /* seconds */
};

static void keep(double *best, double begin)
{
    double took = now_s() - begin;

    if (*best == 0 || took < *best)
        *best = took;
}

/* Each once: all ranks copy, exchange, gather at the same time. */
static int measure(struct coll *coll, char *out, char *in, size_t bytes, struct best *best,
                   struct err *err)
{
    size_t size = coll_size(coll), part = bytes / size;
    struct coll_piece *send = calloc(2 * size, sizeof(*send)), *receive = send + size;
    size_t *begin = calloc(size + 1, sizeof(*begin));
    double from;
    int r = coll_barrier(coll, err);

    for (size_t i = 0; i < size; i++) {
        send[i] = (struct coll_piece){out + i * part, i == coll_rank(coll) ? 0 : part};
        receive[i] = (struct coll_piece){in + i * part, i == coll_rank(coll) ? 0 : part};
        begin[i + 1] = begin[i] + part;
    }
    from = now_s();
    memcpy(in, out, bytes);
    keep(&best->copy, from);
    if (r == 0)
        r = coll_barrier(coll, err);
    from = now_s();
    if (r == 0)
        r = coll_exchange(coll, send, receive, err);
    keep(&best->exchange, from);
    from = now_s();
    if (r == 0)
        r = coll_gather_parts(coll, in, begin, err);
    keep(&best->gather, from);
    from = now_s();
    for (int i = 0; i < 1000 && r == 0; i++)
        r = coll_barrier(coll, err);
    keep(&best->barrier, from);
    free(send);
    free(begin);
    return r;
}

static int speed(struct coll *coll, const char *mib, struct err *err)
{
    size_t bytes = (size_t)strtoull(mib, NULL, 10) << 20;
    size_t moved = bytes / coll_size(coll) * (coll_size(coll) - 1);
    char *out = malloc(bytes + 1), *in = malloc(bytes + 1);
    struct best best = {0};
    int r = out && in ? 0 : err_set(err, -ENOMEM, "no memory for %zu bytes", bytes);

    if (r == 0) {
        memset(out, 1, bytes);
        memset(in, 2, bytes);
    }
    for (int i = 0; i < 5 && r == 0; i++)
        r = measure(coll, out, in, bytes, &best, err);
    if (r == 0 && coll_rank(coll) == 0)
        (void)printf("memcpy %.2f GB/s, exchange %.2f GB/s each way, gather_parts %.2f GB/s, "
                     "barrier %.1f us\n",
                     (double)bytes / best.copy * 1e-9, (double)moved / best.exchange * 1e-9,
                     (double)moved / best.gather * 1e-9, best.barrier * 1e3);
    free(out);
    free(in);
    return r;
}

static const struct {
    const char *name;
    int (*run)(struct coll *coll, const char *arg, struct err *err);
} verbs[] = {{"rounds", rounds}, {"for-ever", for_ever}, {"barriers", barriers}, {"speed", speed}};

static void say(void *unused, const char *text)
{
    (void)unused;
    (void)fprintf(stderr, "coll-rank: %s\n", text);
}

int main(int argc, char **argv)
{
    struct coll_options options;
    struct coll *coll = NULL;
    struct err err = {0};
    int r = coll_options_from_env(&options, &err);

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 3)
        r = err_set(&err, -EINVAL,
                    "usage: coll-rank BACKEND rounds|for-ever|barriers|speed [NUMBER]");
    if (r == 0) {
        options.backend = argv[1];
        options.meet_ms = 30000;
        options.note = say;
        r = coll_open(&options, &coll, &err);
    }
    if (r == 0 && options.rank == 0)
        (void)printf("%zu ranks: %s\n", coll_size(coll), coll_name(coll));
    for (size_t i = 0; r == 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(argv[2], verbs[i].name) == 0)
            r = verbs[i].run(coll, argc > 3 ? argv[3] : "1", &err);
    coll_free(coll);
    if (r < 0)
        (void)fprintf(stderr, "coll-rank: rank %zu: %s\n", options.rank, err.text);
    return r < 0;
}
