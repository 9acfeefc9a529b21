#include "kernels/peak.h"

#include "kernels/cpu/peak.h"

#include <time.h>

#define TURNS 200000 /* some ms */
#define TRIES 3

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
};

static void work_item(void *arg, size_t item, size_t thread)
{
    const struct work *work = arg;
    volatile float sum = work->ops->work(work->type, TURNS);

    (void)item;
    (void)thread;
    (void)sum;
}

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double peak_flops(const struct exec *exec, enum dtype type)
{
    struct work work = {ops_of(exec), type};
    size_t items = 4 * pool_threads(exec->pool);
    double best = 0;

    for (int i = 0; i < TRIES; i++) {
        double begin = now(), seconds;

        pool_run(exec->pool, items, work_item, &work);
        seconds = now() - begin;
        if (seconds > 0 && work.ops->flop[type] * TURNS * (double)items / seconds > best)
            best = work.ops->flop[type] * TURNS * (double)items / seconds;
    }
    return best;
}
