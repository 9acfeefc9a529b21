#include "kernels/peak.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void every_level_has_a_peak(void **state)
{
    (void)state;
    for (int level = 0; level <= (int)kernel_level_best(); level++) {
        struct exec exec;

        assert_int_equal(exec_init(&exec, 1, kernel_level_name(level), NULL), 0);
        for (int type = 0; type < 2; type++) {
            double flops = peak_flops(&exec, type);

            assert_true(flops > 1e6 &&
                        flops < 1e14); /* of one core, on any machine under any load */
        }
        exec_done(&exec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_level_has_a_peak)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
