/* kernels: attention and the output head at shapes of real models, each with the rate of its
 * products (causal attention counted as half of the square), beside the rate of a large matrix
 * product in the same run: kernels [threads] [level] */
#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/head.h"
#include "tensor/storage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS   7
#define SIDE     2048 /* of the large product */
#define MATS_MAX 8

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *memory(size_t bytes)
{
    struct storage storage;
    struct err err;

    if (storage_init(&storage, bytes, "the bench", &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(2);
    }
    return storage.p;
}

static struct mat filled(enum dtype type, size_t rows, size_t n)
{
    struct mat m = mat_of(type, memory(rows * n * dtype_bytes(type)), n);
    uint64_t state = 1;

    for (size_t i = 0; i < rows * n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        mat_set(m, 0, i, (float)(int32_t)(state >> 33) / 0x1p30f - 1);
    }
    return m;
}

static void free_mat(struct mat m, size_t rows)
{
    struct storage storage = {m.p, rows * m.ld * dtype_bytes(m.type)};

    storage_done(&storage);
}

/* The best of some rounds, with its rate. */
static double best(void (*run)(void *arg), void *arg)
{
    double least = INFINITY;

    for (int i = 0; i < ROUNDS; i++) {
        double start = now();

        run(arg);
        least = fmin(least, now() - start);
    }
    return least;
}

static double product_rate; /* GFLOP/s */

static void report(const char *what, double seconds, double flops, double bytes)
{
    printf("%-58s %9.3f ms %8.1f GFLOP/s %5.1f %% of the product %7.1f GB/s\n", what, seconds * 1e3,
           flops / seconds * 1e-9, flops / seconds * 1e-7 / product_rate, bytes / seconds * 1e-9);
    fflush(stdout);
}

struct product {
    const struct exec *exec;
    struct gemm gemm;
};

static void run_product(void *arg)
{
    struct product *p = arg;

    gemm_run(p->exec, DTYPE_BF16, &p->gemm, 1);
}

static void bench_product(const struct exec *exec)
{
    struct mat a = filled(DTYPE_BF16, SIDE, SIDE), b = filled(DTYPE_F32, SIDE, SIDE),
               c = filled(DTYPE_F32, SIDE, SIDE);
    struct product p = {exec, {SIDE, SIDE, SIDE, .a = a.p, .lda = SIDE, .b_packed = true, .c = c}};
    size_t packed_bytes = gemm_packed_bytes(exec, DTYPE_BF16, SIDE, SIDE);
    double flops = 2.0 * SIDE * SIDE * SIDE, seconds;
    void *packed = memory(packed_bytes);

    gemm_pack(exec, DTYPE_BF16, SIDE, SIDE, b.p, SIDE, false, packed);
    p.gemm.b = packed;
    seconds = best(run_product, &p);
    product_rate = flops / seconds * 1e-9;
    report("product of 2048 x 2048, bf16", seconds, flops, 0);
    free_mat(a, SIDE);
    free_mat(b, SIDE);
    free_mat(c, SIDE);
    free_mat(mat_of(DTYPE_BF16, packed, 1), packed_bytes / 2);
}

struct attend {
    const struct exec *exec;
    struct attention at;
    struct mat m[MATS_MAX]; /* q k v o dout dq dk dv */
    float *lse;
    int32_t *lengths;
};

static void run_forward(void *arg)
{
    struct attend *a = arg;

    attention_forward(a->exec, &a->at, a->m[0], a->m[1], a->m[2], a->m[3], a->lse);
}

static void run_backward(void *arg)
{
    struct attend *a = arg;

    attention_backward(a->exec, &a->at, a->m[0], a->m[1], a->m[2], a->m[3], a->lse, a->m[4],
                       a->m[5], a->m[6], a->m[7]);
}

static void run_decode(void *arg)
{
    struct attend *a = arg;

    attention_decode(a->exec, &a->at, a->m[0], a->m[1], a->m[2], a->lengths, a->m[3]);
}

static void bench_attention(const struct exec *exec, size_t batch, size_t time, size_t q_heads,
                            size_t kv_heads, size_t d, float cap)
{
    size_t rows = batch * time;
    struct attend a = {exec, {batch, time, q_heads, kv_heads, d, 1 / sqrtf((float)d), cap}};
    double pairs = (double)(batch * q_heads * time) * (double)(time + 1) / 2 * (double)d;
    double cache = 2.0 * (double)(rows * kv_heads * d) * 2;
    char what[100];

    for (size_t i = 0; i < MATS_MAX; i++)
        a.m[i] = filled(DTYPE_BF16, rows, d * (i == 1 || i == 2 || i > 5 ? kv_heads : q_heads));
    a.lse = calloc(rows * q_heads, sizeof(float));
    a.lengths = calloc(batch, sizeof(int32_t));
    for (size_t i = 0; i < batch; i++)
        a.lengths[i] = (int32_t)time;
    snprintf(what, sizeof(what), "forward  B=%zu T=%zu heads %zu/%zu of %zu, cap %g", batch, time,
             q_heads, kv_heads, d, (double)cap);
    report(what, best(run_forward, &a), 4 * pairs, 0);
    memcpy(what, "backward", 8);
    report(what, best(run_backward, &a), 10 * pairs, 0);
    memcpy(what, "decode  ", 8);
    report(what, best(run_decode, &a), 8 * pairs / (double)(time + 1), cache);
    for (size_t i = 0; i < MATS_MAX; i++)
        free_mat(a.m[i], rows);
    free(a.lse);
    free(a.lengths);
}

struct lose {
    const struct exec *exec;
    struct head head;
    size_t rows;
    struct mat x, dx;
    const float *table;
    float *dtable, *losses;
    int32_t *targets;
    void *packed, *scratch;
};

static void run_loss(void *arg)
{
    struct lose *l = arg;

    head_loss(l->exec, &l->head, l->table, l->packed, l->rows, l->x, l->targets, l->losses, 1, NULL,
              NULL, l->scratch);
}

static void run_gradient(void *arg)
{
    struct lose *l = arg;

    head_loss(l->exec, &l->head, l->table, l->packed, l->rows, l->x, l->targets, l->losses, 1,
              &l->dx, l->dtable, l->scratch);
}

static void bench_head(const struct exec *exec, size_t rows, size_t vocab, size_t n)
{
    struct lose l = {exec, {vocab, n, 1, 0, DTYPE_BF16}, rows};
    struct mat table = filled(DTYPE_F32, vocab, n);
    double flops = 2.0 * (double)rows * (double)vocab * (double)n;
    char what[100];

    l.x = filled(DTYPE_BF16, rows, n);
    l.dx = filled(DTYPE_BF16, rows, n);
    l.dtable = memory(vocab * n * sizeof(float));
    l.losses = calloc(rows, sizeof(float));
    l.targets = calloc(rows, sizeof(int32_t));
    l.packed = memory(head_packed_bytes(exec, &l.head));
    l.scratch = memory(head_scratch_bytes(exec, &l.head, rows));
    l.table = table.p;
    head_pack(exec, &l.head, table.p, l.packed);
    snprintf(what, sizeof(what), "loss      rows %zu vocab %zu width %zu (%zu MiB)", rows, vocab, n,
             head_scratch_bytes(exec, &l.head, rows) >> 20);
    report(what, best(run_loss, &l), flops, 0);
    memcpy(what, "gradient", 8);
    report(what, best(run_gradient, &l), 3 * flops, 0);
}

int main(int argc, char **argv)
{
    struct exec exec;
    struct err err;

    if (exec_init(&exec, argc > 1 ? strtoul(argv[1], NULL, 10) : 0, argc > 2 ? argv[2] : NULL,
                  &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    bench_product(&exec);
    bench_attention(&exec, 4, 256, 12, 12, 64, 0);
    bench_attention(&exec, 4, 256, 12, 12, 64, 30);
    bench_attention(&exec, 1, 1024, 12, 12, 64, 0);
    bench_attention(&exec, 1, 1024, 6, 1, 128, 30);
    bench_attention(&exec, 1, 8192, 6, 1, 128, 30);
    bench_product(&exec);
    bench_head(&exec, 1024, 50304, 768);
    bench_head(&exec, 512, 131072, 768);
    exec_done(&exec);
    return 0;
}
