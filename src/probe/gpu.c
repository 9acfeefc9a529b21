#include "base/cpulist.h"
#include "base/rng.h"
#include "probe/cuda.h"
#include "probe/gpu_product.h"
#include "probe/time.h"

#include <stdio.h>
#include <stdlib.h>

#define REPEATS    5
#define STARTS_MAX 1000                /* of one repeat */
#define BYTES      ((size_t)256 << 20) /* of a buffer: no GPU's cache holds two of them */
#define BYTES_MIN  ((size_t)64 << 20)
#define HOST_BYTES ((size_t)64 << 20)
#define FILL_BYTES ((size_t)4 << 20) /* of numbers, which then repeat */
#define FREE_PART  4                 /* two buffers are at most half of what is free */
#define N_MAX      8192
#define N_MIN      1024
#define MILLI_MIN  5 /* a shorter copy says nothing */

struct gpu {
    size_t index;
    char name[16]; /* "gpu0" */
    bool usable;
    size_t bytes;  /* of each buffer */
    uint64_t a, b; /* on the GPU */
    void *host;    /* HOST_BYTES of pinned memory near it */
    struct CUstream_st *stream;
    struct CUevent_st *begin, *end;
};

struct gpu_test {
    const struct probe *probe;
    struct cuda cuda;
    struct gpu gpus[CUDA_GPUS_MAX];
};

/* What is repeated: on gpu's stream, with `other` or `product` where it needs one. */
struct work {
    int (*start)(const struct gpu_test *test, const struct work *work, struct err *err);
    const struct gpu *gpu, *other;
    const struct gpu_product *product;
    double amount; /* bytes or FLOP of one */
};

#define LIB(test) ((test)->cuda.library)

static int start_copy(const struct gpu_test *test, const struct work *work, struct err *err)
{
    const struct gpu *gpu = work->gpu;

    return CUDA_CALL(LIB(test), err, cuMemcpyDtoDAsync, gpu->b, gpu->a, gpu->bytes, gpu->stream);
}

static int start_host_read(const struct gpu_test *test, const struct work *work, struct err *err)
{
    const struct gpu *gpu = work->gpu;

    return CUDA_CALL(LIB(test), err, cuMemcpyDtoHAsync, gpu->host, gpu->a, HOST_BYTES, gpu->stream);
}

static int start_host_write(const struct gpu_test *test, const struct work *work, struct err *err)
{
    const struct gpu *gpu = work->gpu;

    return CUDA_CALL(LIB(test), err, cuMemcpyHtoDAsync, gpu->a, gpu->host, HOST_BYTES, gpu->stream);
}

static int start_peer_copy(const struct gpu_test *test, const struct work *work, struct err *err)
{
    const struct gpu *from = work->gpu, *to = work->other;

    return CUDA_CALL(LIB(test), err, cuMemcpyPeerAsync, to->b, test->cuda.gpus[to->index].context,
                     from->a, test->cuda.gpus[from->index].context, (size_t)work->amount,
                     from->stream);
}

static int start_product(const struct gpu_test *test, const struct work *work, struct err *err)
{
    (void)test;
    return gpu_product_run(work->product, work->gpu->stream, err);
}

/* So many in a row; the time is the GPU's own. */
static int timed(const struct gpu_test *test, const struct work *work, int starts, double *ms,
                 struct err *err)
{
    const struct gpu *gpu = work->gpu;
    float took = 0;
    int r = CUDA_CALL(LIB(test), err, cuEventRecord, gpu->begin, gpu->stream);

    for (int i = 0; r == 0 && i < starts; i++)
        r = work->start(test, work, err);
    if (r == 0)
        r = CUDA_CALL(LIB(test), err, cuEventRecord, gpu->end, gpu->stream);
    if (r == 0)
        r = CUDA_CALL(LIB(test), err, cuEventSynchronize, gpu->end);
    if (r == 0)
        r = CUDA_CALL(LIB(test), err, cuEventElapsedTime, &took, gpu->begin, gpu->end);
    if (r == 0 && !(took > 0))
        r = err_set(err, -EIO, "cuEventElapsedTime: it took no time at all");
    *ms = (double)took;
    return r;
}

/* Amounts a second. Two are not counted: they wake clocks and links up, and the second tells how
 * many fill a repeat's time. */
static int rates(struct gpu_test *test, const struct work *work, double slice_ms,
                 double values[REPEATS], struct err *err)
{
    double ms, starts = 1;
    int r = cuda_use(&test->cuda, work->gpu->index, err);

    if (r == 0)
        r = timed(test, work, 1, &ms, err);
    if (r == 0)
        r = timed(test, work, 1, &ms, err);
    if (r == 0 && slice_ms > ms)
        starts = slice_ms / ms < STARTS_MAX ? slice_ms / ms : STARTS_MAX;
    for (int i = 0; r == 0 && i < REPEATS; i++) {
        r = timed(test, work, (int)starts, &ms, err);
        if (r == 0)
            values[i] = work->amount * (double)(int)starts / (ms * 1e-3);
    }
    return r;
}

static void trouble(const struct gpu_test *test, const char *part, const struct err *err)
{
    probe_tell_trouble(test->probe, TROUBLE_TEST, TEST_GPU, MEASURE_NOBODY, "%s: %s", part,
                       err->text);
}

/* ---- one GPU ---- */

static int start_gpu(struct gpu_test *test, struct gpu *gpu, struct err *err)
{
    const struct cuda_library *lib = LIB(test);
    size_t free_bytes = 0, all = 0;
    struct cpulist before;
    int r = cuda_use(&test->cuda, gpu->index, err);

    if (r == 0)
        r = CUDA_CALL(lib, err, cuMemGetInfo, &free_bytes, &all);
    if (r < 0)
        return r;
    gpu->bytes = free_bytes / FREE_PART < BYTES ? free_bytes / FREE_PART & ~(size_t)4095 : BYTES;
    if (gpu->bytes < BYTES_MIN)
        return err_set(err, -ENOMEM, "only %zu of its %zu MiB are free", free_bytes >> 20,
                       all >> 20);
    r = CUDA_CALL(lib, err, cuMemAlloc, &gpu->a, gpu->bytes);
    if (r == 0)
        r = CUDA_CALL(lib, err, cuMemAlloc, &gpu->b, gpu->bytes);
    if (r == 0)
        r = CUDA_CALL(lib, err, cuStreamCreate, &gpu->stream, CUDA_STREAM_NON_BLOCKING);
    if (r == 0)
        r = CUDA_CALL(lib, err, cuEventCreate, &gpu->begin, CUDA_EVENT_DEFAULT);
    if (r == 0)
        r = CUDA_CALL(lib, err, cuEventCreate, &gpu->end, CUDA_EVENT_DEFAULT);
    if (r < 0)
        return r;
    cuda_bind(&test->cuda, "", gpu->index, &before);
    r = CUDA_CALL(lib, err, cuMemHostAlloc, &gpu->host, HOST_BYTES, 0);
    cuda_unbind(&before);
    return r;
}

static void stop_gpu(struct gpu_test *test, struct gpu *gpu)
{
    const struct cuda_library *lib = LIB(test);

    if (cuda_use(&test->cuda, gpu->index, NULL) < 0)
        return;
    if (gpu->stream)
        (void)lib->cuStreamSynchronize(gpu->stream);
    if (gpu->end)
        (void)lib->cuEventDestroy(gpu->end);
    if (gpu->begin)
        (void)lib->cuEventDestroy(gpu->begin);
    if (gpu->stream)
        (void)lib->cuStreamDestroy(gpu->stream);
    if (gpu->host)
        (void)lib->cuMemFreeHost(gpu->host);
    if (gpu->b)
        (void)lib->cuMemFree(gpu->b);
    if (gpu->a)
        (void)lib->cuMemFree(gpu->a);
}

/* Numbers as training has them, half to one, of both signs: a GPU that multiplies zeros needs less
 * power and is faster than it ever is in earnest. As bf16 and as fp16 these are sane. */
static int fill(struct gpu_test *test, struct gpu *gpu, struct err *err)
{
    const uint64_t targets[] = {gpu->a, gpu->b};
    struct rng rng = {1};
    uint64_t *words = gpu->host;
    int r = 0;

    for (size_t i = 0; i < FILL_BYTES / sizeof(*words); i++)
        words[i] = (rng_next(&rng) & 0x807f807f807f807f) | 0x3f003f003f003f00;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        for (size_t at = 0; r == 0 && at + FILL_BYTES <= gpu->bytes; at += FILL_BYTES)
            r = CUDA_CALL(LIB(test), err, cuMemcpyHtoDAsync, targets[i] + at, gpu->host, FILL_BYTES,
                          gpu->stream);
    if (r == 0)
        r = CUDA_CALL(LIB(test), err, cuStreamSynchronize, gpu->stream);
    return r;
}

static double slice_ms(const struct gpu_test *test)
{
    return (double)probe_slice_ns(test->probe, REPEATS + 1) * 1e-6;
}

static int measure_copies(struct gpu_test *test, const struct gpu *gpu, struct err *err)
{
    static const struct {
        const char *metric;
        int (*start)(const struct gpu_test *test, const struct work *work, struct err *err);
        bool host;
    } rows[] = {
        {"gpu.memory", start_copy, false},
        {"gpu.host.read", start_host_read, true},
        {"gpu.host.write", start_host_write, true},
    };
    double values[REPEATS];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t bytes = rows[i].host ? HOST_BYTES : gpu->bytes;
        struct work work = {.start = rows[i].start, .gpu = gpu};
        int r;

        /* What is copied within memory is read and written there. */
        work.amount = (double)bytes * (rows[i].host ? 1 : 2);
        r = rates(test, &work, slice_ms(test), values, err);
        if (r < 0)
            return err_wrap(err, r, "%s", rows[i].metric);
        probe_tell(test->probe, rows[i].metric, MEASURE_NOBODY, bytes, gpu->name, NULL, values,
                   REPEATS);
    }
    return 0;
}

/* A and B share the one buffer, C and the workspace the other. */
static int measure_product(struct gpu_test *test, const struct gpu *gpu, struct err *err)
{
    struct gpu_product product = {.n = N_MAX};
    struct work work = {.start = start_product, .gpu = gpu, .product = &product};
    double values[REPEATS];
    size_t bytes = 0; /* of a matrix */
    int r;

    for (; product.n >= N_MIN; product.n /= 2) {
        bytes = product.n * product.n * 2;
        if (2 * bytes <= gpu->bytes && bytes + GPU_PRODUCT_WORKSPACE <= gpu->bytes)
            break;
    }
    product.a = gpu->a;
    product.b = gpu->a + bytes;
    product.c = gpu->b;
    product.workspace = gpu->b + bytes;
    r = gpu_product_init(&product, err);
    work.amount = gpu_product_flop(&product);
    if (r == 0)
        r = rates(test, &work, slice_ms(test), values, err);
    if (r == 0)
        probe_tell(test->probe, "gpu.matrix", MEASURE_NOBODY, bytes, gpu->name, product.type,
                   values, REPEATS);
    gpu_product_done(&product);
    return r < 0 ? err_wrap(err, r, "gpu.matrix") : 0;
}

/* Whether it can be copied from and to afterwards. */
static bool measure_gpu(struct gpu_test *test, struct gpu *gpu)
{
    struct err err;
    int r = probe_time_left(test->probe, &err);

    if (r == 0)
        r = start_gpu(test, gpu, &err);
    if (r == 0)
        r = fill(test, gpu, &err);
    if (r == 0)
        r = measure_copies(test, gpu, &err);
    gpu->usable = r == 0;
    if (r == 0)
        r = measure_product(test, gpu, &err);
    if (r < 0)
        trouble(test, gpu->name, &err);
    return gpu->usable;
}

/* ---- two GPUs ---- */

/* Sets *peer when the one can write into the other's memory without the host. */
static int enable_peer(struct gpu_test *test, const struct gpu *from, const struct gpu *to,
                       bool *peer, struct err *err)
{
    struct cuda_gpu *a = &test->cuda.gpus[from->index], *b = &test->cuda.gpus[to->index];
    int can = 0, result;
    int r = CUDA_CALL(LIB(test), err, cuDeviceCanAccessPeer, &can, a->device, b->device);

    *peer = can != 0;
    if (r == 0 && can)
        r = cuda_use(&test->cuda, from->index, err);
    if (r < 0 || !can)
        return r;
    result = LIB(test)->cuCtxEnablePeerAccess(b->context, 0);
    if (result == CUDA_PEER_ACCESS_ALREADY_ENABLED)
        return 0;
    return cuda_check(LIB(test), result, "cuCtxEnablePeerAccess", err);
}

/* `pairs` are still to come, this one with them: each gets its share of the time. */
static int measure_pair(struct gpu_test *test, struct gpu *from, const struct gpu *to, size_t pairs)
{
    int64_t left = test->probe->deadline_ms - clock_now_ms(), ms = left / (int64_t)pairs;
    size_t bytes = from->bytes < to->bytes ? from->bytes : to->bytes;
    struct work work = {
        .start = start_peer_copy, .gpu = from, .other = to, .amount = (double)bytes};
    char part[MEASURE_TEXT_BYTES];
    double values[REPEATS];
    bool peer = false;
    struct err err;
    int r;

    if (ms > test->probe->ms)
        ms = test->probe->ms;
    (void)snprintf(part, sizeof(part), "%s>%s", from->name, to->name);
    r = ms < MILLI_MIN ? err_set(&err, -ETIME, "no time for %zu pairs of GPUs", pairs)
                       : enable_peer(test, from, to, &peer, &err);
    if (r == 0)
        r = rates(test, &work, (double)ms / (REPEATS + 1), values, &err);
    if (r == 0) {
        probe_tell(test->probe, "gpu.copy", MEASURE_NOBODY, bytes, part, peer ? "peer" : "host",
                   values, REPEATS);
        return 0;
    }
    trouble(test, part, &err);
    from->usable = false; /* once is enough: its context may be lost */
    return r;
}

static void measure_pairs(struct gpu_test *test, size_t usable)
{
    size_t count = test->cuda.gpu_count, pairs = usable * (usable ? usable - 1 : 0);
    int r = 0;

    for (size_t i = 0; i < count && r != -ETIME; i++)
        for (size_t k = 0; k < count && r != -ETIME; k++)
            if (i != k && test->gpus[i].usable && test->gpus[k].usable)
                r = measure_pair(test, &test->gpus[i], &test->gpus[k], pairs--);
}

static bool has_gpu(const struct card *card)
{
    for (uint32_t i = 0; i < card->device_count; i++)
        if (card->devices[i].kind == DEVICE_GPU)
            return true;
    return false;
}

void probe_test_gpu(const struct probe *probe)
{
    struct gpu_test *test = calloc(1, sizeof(*test));
    struct err err;
    size_t usable = 0;
    int r = test ? cuda_open(&test->cuda, &err) : err_set(&err, -ENOMEM, "no memory");

    if (r < 0) {
        /* No driver, or one without a GPU, is nothing where there is none. */
        if (has_gpu(probe->card) || (r != -ENOENT && r != -ENODEV))
            probe_tell_trouble(probe, TROUBLE_TEST, TEST_GPU, MEASURE_NOBODY, "%s", err.text);
        free(test);
        return;
    }
    test->probe = probe;
    for (size_t i = 0; i < test->cuda.gpu_count; i++) {
        test->gpus[i].index = i;
        (void)snprintf(test->gpus[i].name, sizeof(test->gpus[i].name), "gpu%zu", i);
        usable += measure_gpu(test, &test->gpus[i]);
    }
    measure_pairs(test, usable);
    for (size_t i = 0; i < test->cuda.gpu_count; i++)
        stop_gpu(test, &test->gpus[i]);
    cuda_close(&test->cuda);
    free(test);
}
