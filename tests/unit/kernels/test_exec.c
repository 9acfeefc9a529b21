#include "kernels/exec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void levels_have_their_names(void **state)
{
    (void)state;
    assert_string_equal(kernel_level_name(KERNEL_REF), "ref");
    assert_string_equal(kernel_level_name(KERNEL_AVX2), "avx2");
    assert_string_equal(kernel_level_name(KERNEL_AVX512), "avx512");
    assert_string_equal(kernel_level_name(KERNEL_AVX512_BF16), "avx512bf16");
}

static void every_level_up_to_the_best_can_be_had(void **state)
{
    struct exec exec;
    struct err err = {0};

    (void)state;
    for (enum kernel_level level = KERNEL_REF; level < KERNEL_LEVELS; level++) {
        int r = exec_init(&exec, 2, kernel_level_name(level), &err);

        if (level > kernel_level_best()) {
            assert_int_equal(r, -ENOTSUP);
            assert_non_null(strstr(err.text, kernel_level_name(level)));
            assert_non_null(strstr(err.text, "lacks"));
            continue;
        }
        assert_int_equal(r, 0);
        assert_int_equal(exec.level, level);
        assert_int_equal(pool_threads(exec.pool), 2);
        exec_done(&exec);
    }
}

static void auto_and_null_are_the_best(void **state)
{
    static const char *const names[] = {NULL, "auto"};
    struct exec exec;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(exec_init(&exec, 1, names[i], NULL), 0);
        assert_int_equal(exec.level, kernel_level_best());
        exec_done(&exec);
    }
}

static void a_level_that_is_not_there_is_named(void **state)
{
    struct exec exec;
    struct err err = {0};

    (void)state;
    assert_int_equal(exec_init(&exec, 1, "avx1024", &err), -EINVAL);
    assert_string_equal(err.text,
                        "there are no kernels 'avx1024': auto, ref, avx2, avx512 or avx512bf16");
    assert_int_equal(exec_init(&exec, POOL_THREADS_MAX + 1, "ref", &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_have_their_names),
        cmocka_unit_test(every_level_up_to_the_best_can_be_had),
        cmocka_unit_test(auto_and_null_are_the_best),
        cmocka_unit_test(a_level_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
