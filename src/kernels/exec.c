#include "kernels/exec.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *name;
    const char *needs; /* for the sentence of a CPU that lacks it */
} levels[KERNEL_LEVELS] = {
    [KERNEL_REF] = {"ref", "nothing"},
    [KERNEL_AVX2] = {"avx2", "AVX2 and FMA"},
    [KERNEL_AVX512] = {"avx512", "AVX-512 F, BW, DQ and VL"},
    [KERNEL_AVX512_BF16] = {"avx512bf16", "AVX-512 BF16"},
};

const char *kernel_level_name(enum kernel_level level)
{
    return levels[level].name;
}

/* The compiler's run time reads CPUID, and XCR0 for what the OS saves. */
enum kernel_level kernel_level_best(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return KERNEL_REF;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return KERNEL_AVX2;
    return __builtin_cpu_supports("avx512bf16") ? KERNEL_AVX512_BF16 : KERNEL_AVX512;
}

static int find_level(const char *name, enum kernel_level *out, struct err *err)
{
    enum kernel_level best = kernel_level_best();

    if (!name || strcmp(name, "auto") == 0) {
        *out = best;
        return 0;
    }
    for (enum kernel_level i = 0; i < KERNEL_LEVELS; i++) {
        if (strcmp(name, levels[i].name) != 0)
            continue;
        if (i > best)
            return err_set(err, -ENOTSUP,
                           "kernels '%s' need %s, which this CPU or its OS lacks; the best here "
                           "are '%s'",
                           name, levels[i].needs, levels[best].name);
        *out = i;
        return 0;
    }
    return err_set(err, -EINVAL, "there are no kernels '%s': auto, ref, avx2, avx512 or avx512bf16",
                   name);
}

int exec_init(struct exec *exec, size_t threads, const char *level, struct err *err)
{
    struct exec made = {0};
    int r = find_level(level, &made.level, err);

    if (r == 0)
        r = pool_new(threads, &made.pool, err);
    if (r < 0)
        return r;
    *exec = made;
    return 0;
}

void exec_done(struct exec *exec)
{
    pool_free(exec->pool);
    exec->pool = NULL;
}
