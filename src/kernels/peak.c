#include "kernels/peak.h"

#include "kernels/cpu/peak.h"

#include <time.h>

#define TURNS 200000 /* some ms */
#define TRIES 12     /* for each thread; the best counts */

static const struct peak_ops *ops_of(const struct exec *exec)
{
    static const struct peak_ops *const levels[KERNEL_LEVELS] = {
        [KERNEL_REF] = &peak_ops_ref,
        [KERNEL_AVX2] = &peak_ops_avx2,
        [KERNEL_AVX512] = &peak_ops_avx512,
        [KERNEL_AVX512_BF16] = &peak_ops_avx512bf16,
    };

    return levels[exec->level];
}

struct work {
    const struct peak_ops *ops;
    enum dtype type;
    double
        *seconds; /* (items): this thread's own time, so that who else is on its CPU counts not */
};

static double thread_now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void work_item(void *arg, size_t item, size_t thread)
{
    const struct work *work = arg;
    double begin = thread_now();
    volatile float sum = work->ops->work(work->type, TURNS);

    (void)thread;
    (void)sum;
    work->seconds[item] = thread_now() - begin;
}

double peak_flops(const struct exec *exec, enum dtype type)
{
    size_t threads = pool_threads(exec->pool), items = TRIES * threads;
    struct work work = {ops_of(exec), type, pool_scratch(exec->pool, 0, items * sizeof(double))};
    double best = 0;

    pool_run(exec->pool, items, work_item, &work);
    for (size_t i = 0; i < items; i++)
        if (work.seconds[i] > 0 && work.ops->flop[type] * TURNS / work.seconds[i] > best)
            best = work.ops->flop[type] * TURNS / work.seconds[i];
    return best * (double)threads;
}
