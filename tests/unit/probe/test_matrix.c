#include "probe/matrix.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A and B as the level's panels hold them. */
static float a_at(const struct matrix *x, const struct matrix_ops *ops, size_t m, size_t k)
{
    return x->a[m / ops->rows * ops->rows * MATRIX_K + k * ops->rows + m % ops->rows];
}

static float b_at(const struct matrix *x, const struct matrix_ops *ops, size_t k, size_t n)
{
    return x->b[n / ops->columns * ops->columns * MATRIX_K + k * ops->columns + n % ops->columns];
}

static void every_level_finds_the_product(void **state)
{
    const struct matrix_ops *levels[MATRIX_LEVELS];
    size_t count = matrix_levels(levels);
    struct matrix *x = aligned_alloc(_Alignof(struct matrix), sizeof(*x));
    uint64_t hash;

    (void)state;
    assert_true(count >= 1 && count <= MATRIX_LEVELS);
    matrix_fill(x);
    for (size_t i = 0; i < count; i++) {
        memset(x->c, 0xff, sizeof(x->c));
        levels[i]->multiply(x);
        for (size_t m = 0; m < MATRIX_M; m++)
            for (size_t n = 0; n < MATRIX_N; n++) {
                float want = 0;

                for (size_t k = 0; k < MATRIX_K; k++)
                    want += a_at(x, levels[i], m, k) * b_at(x, levels[i], k, n);
                assert_true(x->c[m * MATRIX_N + n] == want);
            }
        hash = matrix_hash(x);
        x->c[17] += 1;
        assert_true(matrix_hash(x) != hash);
    }
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_level_finds_the_product)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
