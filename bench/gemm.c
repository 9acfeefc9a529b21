/* gemm - our matrix products beside oneDNN's at the shapes of a model, in turn in one process.
 *
 *   gemm [-r ROUNDS] [-t THREADS] [-s PART_OF_A_NAME] [-l LEVEL] [-c]
 *
 * Each row is a product: ours, then oneDNN's, ROUNDS times in turn, after one that is not counted.
 * Printed are GFLOP/s (median [min max]), the ratio ours / oneDNN round by round, and the part of
 * the peak: what multiply-adds between registers reach on as many threads, measured between the
 * rounds too. oneDNN chooses how its B lies (format any), and that is done beforehand, as our
 * packing is; where ours gets B as it lies (dX, dW), so does oneDNN, but rounded to bf16 before. */
#include "kernels/gemm.h"

#include "base/rng.h"
#include "base/stats.h"

#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_DNNL
#include <dnnl.h>
#include <omp.h>
#endif

#define ROUNDS_MAX 101

/* What the model asks for: A B with B packed before; A W^T with W as it lies in fp32; A^T B with B
 * as it lies, added to C. */
enum form { FORWARD, INPUT, GRADIENT };

struct shape {
    const char *name;
    enum form form;
    size_t m, n, k, count; /* count: products in one call */
};

static const struct shape shapes[] = {
    {"qkv", FORWARD, 1024, 2304, 768, 1},
    {"attention out", FORWARD, 1024, 768, 768, 1},
    {"ffn up", FORWARD, 1024, 4096, 768, 1},
    {"ffn down", FORWARD, 1024, 768, 2048, 1},
    {"ffn up, 2048 rows", FORWARD, 2048, 4096, 768, 1},
    {"head, chunk", FORWARD, 1024, 1024, 768, 1},
    {"head dX, span", FORWARD, 1024, 768, 4096, 1},
    {"head dW, span", GRADIENT, 4096, 768, 1024, 1},
    {"head dW", GRADIENT, 50257, 768, 1024, 1},
    {"attention out dX", INPUT, 1024, 768, 768, 1},
    {"ffn up dX", INPUT, 1024, 768, 2048, 1},
    {"ffn down dX", INPUT, 1024, 2048, 768, 1},
    {"qkv dW", GRADIENT, 768, 2304, 1024, 1},
    {"qkv dW, 2048 rows", GRADIENT, 768, 2304, 2048, 1},
    {"ffn up dW", GRADIENT, 768, 4096, 1024, 1},
    {"8 experts up", FORWARD, 256, 2048, 768, 8},
    {"8 experts down", FORWARD, 256, 768, 2048, 8},
    {"8 experts up dW", GRADIENT, 768, 2048, 256, 8},
    {"nano", FORWARD, 64, 256, 64, 1},
    {"8 nano experts", FORWARD, 16, 256, 64, 8},
    {"one row", FORWARD, 1, 4096, 768, 1},
    {"one row, long", FORWARD, 1, 8192, 8192, 1},
};

static bool by_cpu; /* time is what the process got of a CPU, over the threads */
static size_t cpu_threads;

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(by_cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return ((double)t.tv_sec + (double)t.tv_nsec * 1e-9) / (by_cpu ? (double)cpu_threads : 1);
}

/* OpenMP's threads spin for up to 20 ms after their work: that must not be charged to who is next.
 */
static void settle(void)
{
    (void)usleep(20000);
}

static void *memory(size_t bytes)
{
    void *p = aligned_alloc(2 << 20, (bytes + (2 << 20)) >> 21 << 21);

    if (!p) {
        (void)fprintf(stderr, "gemm: no memory\n");
        exit(2);
    }
    (void)madvise(p, bytes, MADV_HUGEPAGE); /* as the trainer's own memory is */
    memset(p, 0, bytes);
    return p;
}

/* ---- the peak ---- */

#define PEAK_TURNS 50000

#define PEAK(name, isa, vector, registers, constraint, multiply)                                   \
    __attribute__((target(isa))) static void name(void *arg, size_t item, size_t thread)           \
    {                                                                                              \
        vector sum[registers] = {0}, x = {0};                                                      \
                                                                                                   \
        (void)arg;                                                                                 \
        (void)item;                                                                                \
        (void)thread;                                                                              \
        for (int turn = 0; turn < PEAK_TURNS; turn++)                                              \
            for (int i = 0; i < registers; i++) {                                                  \
                sum[i] = multiply;                                                                 \
                __asm__ volatile("" : "+" constraint(sum[i]));                                     \
            }                                                                                      \
    }

PEAK(peak_bf16, "avx512f,avx512bf16", __m512, 16, "v",
     _mm512_dpbf16_ps(sum[i], (__m512bh)x, (__m512bh)x))
PEAK(peak_avx512, "avx512f", __m512, 16, "v", _mm512_fmadd_ps(x, x, sum[i]))
PEAK(peak_avx2, "avx2,fma", __m256, 12, "x", _mm256_fmadd_ps(x, x, sum[i]))

static double peak_gflops(const struct exec *exec, enum dtype type)
{
    static const struct {
        void (*work)(void *arg, size_t item, size_t thread);
        double flops; /* a turn */
    } peaks[KERNEL_LEVELS][2] = {
        [KERNEL_REF] = {{peak_avx2, 12 * 8 * 2}, {peak_avx2, 12 * 8 * 2}},
        [KERNEL_AVX2] = {{peak_avx2, 12 * 8 * 2}, {peak_avx2, 12 * 8 * 2}},
        [KERNEL_AVX512] = {{peak_avx512, 16 * 16 * 2}, {peak_avx512, 16 * 16 * 2}},
        [KERNEL_AVX512_BF16] = {{peak_avx512, 16 * 16 * 2}, {peak_bf16, 16 * 16 * 4}},
    };
    size_t items = 4 * pool_threads(exec->pool);
    double begin = now();

    pool_run(exec->pool, items, peaks[exec->level][type].work, NULL);
    return peaks[exec->level][type].flops * PEAK_TURNS * (double)items / (now() - begin) * 1e-9;
}

/* ---- the products ---- */

struct work {
    struct shape shape;
    enum dtype type, c_type;
    struct gemm *list;
    float *wide;
};

static void *numbers(enum dtype type, size_t count, struct rng *rng)
{
    struct mat mat = mat_of(type, memory(count * dtype_bytes(type)), count);

    for (size_t i = 0; i < count; i++)
        mat_set(mat, 0, i, (float)rng_unit(rng) - 0.5f);
    return mat.p;
}

static void work_init(struct work *work, const struct exec *exec, const struct shape *shape,
                      enum dtype type)
{
    size_t m = shape->m, n = shape->n, k = shape->k;
    struct rng rng = {1};

    *work = (struct work){.shape = *shape, .type = type};
    work->c_type = shape->form == GRADIENT ? DTYPE_F32 : type;
    work->list = memory(shape->count * sizeof(*work->list));
    work->wide = numbers(DTYPE_F32, k * n, &rng);
    for (size_t i = 0; i < shape->count; i++) {
        struct gemm *g = &work->list[i];
        void *b;

        if (shape->form == INPUT) {
            b = work->wide;
        } else if (shape->form == FORWARD) {
            b = memory(gemm_packed_bytes(exec, type, k, n));
            gemm_pack(exec, type, k, n, work->wide, n, false, b);
        } else {
            b = numbers(type, k * n, &rng);
        }
        *g = (struct gemm){.m = m,
                           .n = n,
                           .k = k,
                           .a = numbers(type, m * k, &rng),
                           .b = b,
                           .a_transposed = shape->form == GRADIENT,
                           .lda = shape->form == GRADIENT ? m : k,
                           .ldb = shape->form == INPUT ? k : n,
                           .b_packed = shape->form == FORWARD,
                           .b_transposed = shape->form == INPUT,
                           .b_wide = shape->form == INPUT,
                           .c = mat_of(work->c_type, memory(m * n * 4), n),
                           .accumulate = shape->form == GRADIENT};
    }
}

static void work_done(struct work *work)
{
    for (size_t i = 0; i < work->shape.count; i++) {
        free((void *)(uintptr_t)work->list[i].a);
        if (work->shape.form != INPUT)
            free((void *)(uintptr_t)work->list[i].b);
        free(work->list[i].c.p);
    }
    free(work->list);
    free(work->wide);
}

#ifdef HAVE_DNNL
static void check(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success)
        return;
    (void)fprintf(stderr, "gemm: oneDNN: %s: status %d\n", what, (int)status);
    exit(2);
}

struct peer {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    size_t count;
    dnnl_memory_t (*memories)[3]; /* A, B, C of each product */
};

static dnnl_data_type_t peer_type(enum dtype type)
{
    return type == DTYPE_F32 ? dnnl_f32 : dnnl_bf16;
}

static void describe(dnnl_memory_desc_t *desc, enum dtype type, size_t rows, size_t columns,
                     bool transposed)
{
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};

    check(dnnl_memory_desc_init_by_tag(desc, 2, dims, peer_type(type),
                                       transposed ? dnnl_ba : dnnl_ab),
          "a memory");
}

static void reorder(struct peer *peer, dnnl_memory_t from, const dnnl_memory_desc_t *from_desc,
                    dnnl_memory_t to, const dnnl_memory_desc_t *to_desc)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;

    check(dnnl_reorder_primitive_desc_create(&desc, from_desc, peer->engine, to_desc, peer->engine,
                                             NULL),
          "a reorder");
    check(dnnl_primitive_create(&primitive, desc), "a reorder");
    check(dnnl_primitive_execute(primitive, peer->stream, 2, args), "a reorder");
    check(dnnl_stream_wait(peer->stream), "a reorder");
    (void)dnnl_primitive_destroy(primitive);
    (void)dnnl_primitive_desc_destroy(desc);
}

static void peer_init(struct peer *peer, const struct work *work)
{
    const struct shape *s = &work->shape;
    dnnl_memory_desc_t a, b_plain, b_any, c;
    const dnnl_memory_desc_t *b;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_attr_t attr;
    dnnl_matmul_desc_t matmul;
    dnnl_dims_t b_dims = {(dnnl_dim_t)s->k, (dnnl_dim_t)s->n};
    dnnl_post_ops_t ops;

    check(dnnl_engine_create(&peer->engine, dnnl_cpu, 0), "an engine");
    check(dnnl_stream_create(&peer->stream, peer->engine, dnnl_stream_default_flags), "a stream");
    describe(&a, work->type, s->m, s->k, s->form == GRADIENT);
    describe(&b_plain, s->form == GRADIENT ? work->type : DTYPE_F32, s->k, s->n, s->form == INPUT);
    describe(&c, work->c_type, s->m, s->n, false);
    describe(&b_any, work->type, s->k, s->n, s->form == INPUT);
    if (s->form == FORWARD)
        check(dnnl_memory_desc_init_by_tag(&b_any, 2, b_dims, peer_type(work->type),
                                           dnnl_format_tag_any),
              "a memory");
    check(dnnl_matmul_desc_init(&matmul, &a, &b_any, NULL, &c), "a product");
    check(dnnl_primitive_attr_create(&attr), "an attribute");
    check(dnnl_post_ops_create(&ops), "an addition");
    if (s->form == GRADIENT) {
        check(dnnl_post_ops_append_sum(ops, 1), "an addition");
        check(dnnl_primitive_attr_set_post_ops(attr, ops), "an addition");
    }
    check(dnnl_primitive_desc_create(&desc, &matmul, attr, peer->engine, NULL), "a product");
    check(dnnl_primitive_create(&peer->primitive, desc), "a product");
    b = dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    peer->count = s->count;
    peer->memories = memory(s->count * sizeof(*peer->memories));
    for (size_t i = 0; i < s->count; i++) {
        dnnl_memory_t *mem = peer->memories[i], plain;
        const struct gemm *g = &work->list[i];

        check(dnnl_memory_create(&mem[0], &a, peer->engine, (void *)(uintptr_t)g->a), "A");
        check(dnnl_memory_create(&mem[2], &c, peer->engine, g->c.p), "C");
        if (s->form == GRADIENT) {
            check(dnnl_memory_create(&mem[1], b, peer->engine, (void *)(uintptr_t)g->b), "B");
            continue;
        }
        check(dnnl_memory_create(&mem[1], b, peer->engine, DNNL_MEMORY_ALLOCATE), "B");
        check(dnnl_memory_create(&plain, &b_plain, peer->engine, work->wide), "B");
        reorder(peer, plain, &b_plain, mem[1], b);
        (void)dnnl_memory_destroy(plain);
    }
    (void)dnnl_post_ops_destroy(ops);
    (void)dnnl_primitive_attr_destroy(attr);
    (void)dnnl_primitive_desc_destroy(desc);
}

static void peer_run(struct peer *peer)
{
    for (size_t i = 0; i < peer->count; i++) {
        dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, peer->memories[i][0]},
                                  {DNNL_ARG_WEIGHTS, peer->memories[i][1]},
                                  {DNNL_ARG_DST, peer->memories[i][2]}};

        check(dnnl_primitive_execute(peer->primitive, peer->stream, 3, args), "a product");
    }
    check(dnnl_stream_wait(peer->stream), "a product");
}

static void peer_done(struct peer *peer)
{
    for (size_t i = 0; i < peer->count; i++)
        for (int j = 0; j < 3; j++)
            (void)dnnl_memory_destroy(peer->memories[i][j]);
    free(peer->memories);
    (void)dnnl_primitive_destroy(peer->primitive);
    (void)dnnl_stream_destroy(peer->stream);
    (void)dnnl_engine_destroy(peer->engine);
}

static const bool have_peer = true;
#else
struct peer {
    int none;
};

static const bool have_peer = false;
#endif

/* ---- the table ---- */

static void print_spread(double *values, size_t count, const char *format)
{
    double middle = stats_median(values, count);

    (void)printf(format, middle, values[0], values[count - 1]);
}

/* Calls in a round: some 10 ms, so that a short product is not lost in the clock; with several
 * threads some 40, as the kernel may begin them on one core and moves them some milliseconds later.
 */
static size_t calls_of(const struct exec *exec, const struct shape *shape)
{
    double flops = 2.0 * (double)(shape->m * shape->n * shape->k * shape->count);
    double all = pool_threads(exec->pool) > 1 ? 16e9 : 2e9;

    return 1 + (size_t)(all / (flops + (double)(shape->n * shape->k) * 16));
}

static void measure_shape(const struct exec *exec, const struct shape *shape, enum dtype type,
                          size_t rounds)
{
    double ours[ROUNDS_MAX], theirs[ROUNDS_MAX], ratio[ROUNDS_MAX], peak[ROUNDS_MAX];
    size_t calls = calls_of(exec, shape);
    double giga = 2e-9 * (double)(shape->m * shape->n * shape->k * shape->count * calls);
    struct work work;
#ifdef HAVE_DNNL
    struct peer peer;
#endif

    work_init(&work, exec, shape, type);
#ifdef HAVE_DNNL
    peer_init(&peer, &work);
#endif
    for (size_t round = 0; round <= rounds; round++) {
        size_t at = round ? round - 1 : 0; /* the first is not counted */
        double begin;

        settle();
        begin = now();

        for (size_t i = 0; i < calls; i++)
            gemm_run(exec, type, work.list, shape->count);
        ours[at] = giga / (now() - begin);
#ifdef HAVE_DNNL
        settle();
        begin = now();
        for (size_t i = 0; i < calls; i++)
            peer_run(&peer);
        theirs[at] = giga / (now() - begin);
        ratio[at] = ours[at] / theirs[at];
#endif
        settle();
        peak[at] = peak_gflops(exec, type);
    }
    (void)printf("%-4s %zu %-18s %2zu x %4zux%4zux%4zu ", dtype_name(type),
                 pool_threads(exec->pool), shape->name, shape->count, shape->m, shape->n, shape->k);
    print_spread(ours, rounds, " %6.1f [%.1f %.1f]");
    if (have_peer) {
        print_spread(theirs, rounds, "  oneDNN %6.1f [%.1f %.1f]");
        print_spread(ratio, rounds, "  ratio %.2f [%.2f %.2f]");
    }
    (void)printf("  %.2f of peak %.0f\n", stats_median(ours, rounds) / stats_median(peak, rounds),
                 stats_median(peak, rounds));
    (void)fflush(stdout);
#ifdef HAVE_DNNL
    peer_done(&peer);
#endif
    work_done(&work);
}

int main(int argc, char **argv)
{
    size_t rounds = 9, only_threads = 0;
    const char *part = "", *level = NULL;
    int option;

    while ((option = getopt(argc, argv, "r:t:s:l:c")) != -1) {
        if (option == 'r')
            rounds = strtoul(optarg, NULL, 10);
        else if (option == 't')
            only_threads = strtoul(optarg, NULL, 10);
        else if (option == 's')
            part = optarg;
        else if (option == 'l')
            level = optarg;
        else if (option == 'c')
            by_cpu = true;
        else
            return 2;
    }
    if (rounds < 1 || rounds > ROUNDS_MAX)
        return 2;
    if (!have_peer)
        (void)printf("built without oneDNN (libdnnl-dev): ours alone\n");
    for (size_t threads = 1; threads <= 2; threads++) {
        struct exec exec;
        struct err err = {0};

        cpu_threads = threads;
        if (only_threads && threads != only_threads)
            continue;
        if (exec_init(&exec, threads, level, &err) < 0) {
            (void)fprintf(stderr, "gemm: %s\n", err.text);
            return 2;
        }
#ifdef HAVE_DNNL
        omp_set_num_threads((int)threads);
#endif
        for (int type = DTYPE_BF16; type >= DTYPE_F32; type--)
            for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
                if (strstr(shapes[i].name, part))
                    measure_shape(&exec, &shapes[i], (enum dtype)type, rounds);
        exec_done(&exec);
    }
    return 0;
}
