#include "kernels/pool.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE         64 /* what two threads write lies on lines apart */
#define HUGE_PAGE    ((size_t)2 << 20)
#define CALLER_WAITS 0x80000000u /* in `unfinished`: the last item's thread wakes the caller */

struct worker {
    struct pool *pool;
    size_t index;
    pthread_t thread; /* worker 0 is the caller and has none */
    void *scratch;
    size_t scratch_bytes;
};

struct pool {
    /* The run: written while nothing is to be claimed, read by those who claimed an item of it. */
    void (*work)(void *arg, size_t item, size_t thread);
    void *arg;
    uint32_t items;
    atomic_bool quit;

    /* Items that nobody has claimed. Counted down by compare and swap, so that a thread that comes
     * late from one run takes a whole item of the next or nothing. */
    _Alignas(LINE) _Atomic uint32_t unclaimed;
    _Alignas(LINE) _Atomic uint32_t unfinished; /* and CALLER_WAITS */
    _Alignas(LINE) _Atomic uint32_t runs;       /* the word that workers sleep on */

    size_t threads, started;
    struct worker *workers;
};

static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, size_t count)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, (int)count, NULL, NULL, 0);
}

static bool claim(struct pool *pool, uint32_t *item)
{
    uint32_t unclaimed = atomic_load_explicit(&pool->unclaimed, memory_order_acquire);

    while (unclaimed > 0)
        if (atomic_compare_exchange_weak_explicit(&pool->unclaimed, &unclaimed, unclaimed - 1,
                                                  memory_order_acquire, memory_order_acquire)) {
            *item = pool->items - unclaimed;
            return true;
        }
    return false;
}

/* Returns when nothing is left to claim. */
static void work_on(struct pool *pool, size_t thread)
{
    uint32_t item;

    while (claim(pool, &item)) {
        pool->work(pool->arg, item, thread);
        if (atomic_fetch_sub_explicit(&pool->unfinished, 1, memory_order_acq_rel) ==
            (CALLER_WAITS | 1))
            futex_wake(&pool->unfinished, 1);
    }
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct pool *pool = worker->pool;

    for (;;) {
        /* Read before the work is looked for: a run that begins in between changes the word, and
         * the wait returns at once. */
        uint32_t runs = atomic_load_explicit(&pool->runs, memory_order_acquire);

        if (atomic_load(&pool->quit))
            return NULL;
        work_on(pool, worker->index);
        futex_wait(&pool->runs, runs);
    }
}

void pool_run(struct pool *pool, size_t items, void (*work)(void *arg, size_t item, size_t thread),
              void *arg)
{
    size_t helpers = pool->threads - 1;
    uint32_t unfinished;

    assert(items < CALLER_WAITS);
    if (helpers == 0 || items <= 1) {
        for (size_t i = 0; i < items; i++)
            work(arg, i, 0);
        return;
    }
    pool->work = work;
    pool->arg = arg;
    pool->items = (uint32_t)items;
    atomic_store_explicit(&pool->unfinished, (uint32_t)items, memory_order_relaxed);
    atomic_store_explicit(&pool->unclaimed, (uint32_t)items, memory_order_release);
    atomic_fetch_add_explicit(&pool->runs, 1, memory_order_release);
    futex_wake(&pool->runs, items - 1 < helpers ? items - 1 : helpers);
    work_on(pool, 0);
    unfinished = atomic_load_explicit(&pool->unfinished, memory_order_acquire);
    if (unfinished == 0)
        return;
    unfinished = atomic_fetch_or_explicit(&pool->unfinished, CALLER_WAITS, memory_order_acq_rel) |
                 CALLER_WAITS;
    while (unfinished != CALLER_WAITS) {
        futex_wait(&pool->unfinished, unfinished);
        unfinished = atomic_load_explicit(&pool->unfinished, memory_order_acquire);
    }
}

/* CPUs that this process may use, which a container or a binding may make fewer than there are. */
static size_t usable_cpus(void)
{
    for (int max = 1024; max <= 1 << 20; max *= 2) {
        cpu_set_t *set = CPU_ALLOC(max);
        int count = -1;

        if (set && sched_getaffinity(0, CPU_ALLOC_SIZE(max), set) == 0)
            count = CPU_COUNT_S(CPU_ALLOC_SIZE(max), set);
        CPU_FREE(set);
        if (count > 0)
            return (size_t)count;
        if (errno != EINVAL) /* EINVAL: the kernel knows more CPUs than the set holds */
            break;
    }
    return 1;
}

/* Workers leave signals to the program's own threads. */
static int start_workers(struct pool *pool, struct err *err)
{
    sigset_t all, before;
    int r = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 1; i < pool->threads && r == 0; i++) {
        r = pthread_create(&pool->workers[i].thread, NULL, worker_main, &pool->workers[i]);
        if (r == 0)
            pool->started++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r)
        return err_set(err, -r, "can't start thread %zu of %zu: %s", pool->started + 1,
                       pool->threads, strerror(r));
    return 0;
}

int pool_new(size_t threads, struct pool **out, struct err *err)
{
    struct pool *pool;
    int r;

    if (threads == 0)
        threads = usable_cpus();
    if (threads > POOL_THREADS_MAX)
        return err_set(err, -EINVAL, "%zu threads are more than %d", threads, POOL_THREADS_MAX);
    pool = aligned_alloc(LINE, sizeof(*pool));
    if (!pool)
        return err_set(err, -ENOMEM, "no memory for a pool of threads");
    memset(pool, 0, sizeof(*pool));
    pool->threads = threads;
    pool->started = 1;
    pool->workers = calloc(threads, sizeof(*pool->workers));
    if (!pool->workers) {
        pool_free(pool);
        return err_set(err, -ENOMEM, "no memory for %zu threads", threads);
    }
    for (size_t i = 0; i < threads; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].index = i;
    }
    r = start_workers(pool, err);
    if (r < 0) {
        pool_free(pool);
        return r;
    }
    *out = pool;
    return 0;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->quit, true);
    atomic_fetch_add_explicit(&pool->runs, 1, memory_order_release);
    futex_wake(&pool->runs, pool->threads);
    for (size_t i = 1; i < pool->started; i++)
        (void)pthread_join(pool->workers[i].thread, NULL);
    for (size_t i = 0; pool->workers && i < pool->threads; i++)
        free(pool->workers[i].scratch);
    free(pool->workers);
    free(pool);
}

size_t pool_threads(const struct pool *pool)
{
    return pool->threads;
}

void *pool_scratch(struct pool *pool, size_t thread, size_t bytes)
{
    struct worker *worker = &pool->workers[thread];

    assert(thread < pool->threads);
    if (bytes > worker->scratch_bytes) {
        size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : LINE;

        free(worker->scratch);
        bytes = (bytes + align - 1) / align * align;
        worker->scratch = aligned_alloc(align, bytes);
        if (!worker->scratch) {
            (void)fprintf(stderr, "no memory for %zu bytes of scratch\n", bytes);
            abort();
        }
        if (align == HUGE_PAGE)
            (void)madvise(worker->scratch, bytes, MADV_HUGEPAGE);
        worker->scratch_bytes = bytes;
    }
    return worker->scratch;
}
