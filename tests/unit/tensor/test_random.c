#include "tensor/random.h"

#include "base/hash.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void blocks_are_the_published_ones(void **state)
{
    /* known answers of Random123 1.14 for philox4x32 with 10 rounds: counter and key */
    static const struct {
        uint64_t seed, index;
        uint32_t step, stream, want[4];
    } cases[] = {
        {0, 0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX,
         UINT64_MAX,
         UINT32_MAX,
         UINT32_MAX,
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822,
         0x85a308d3243f6a88,
         0x13198a2e,
         0x03707344,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint32_t out[4];

        random_block(cases[i].seed, cases[i].step, cases[i].stream, cases[i].index, out);
        assert_memory_equal(out, cases[i].want, sizeof(out));
    }
}

static void words_are_those_of_the_blocks(void **state)
{
    (void)state;
    for (uint64_t index = 0; index < 100; index++) {
        uint32_t out[4];

        random_block(3, 4, 5, index / 4, out);
        assert_int_equal(random_u32(3, 4, 5, index), out[index % 4]);
    }
}

/* Python computed these: its own Philox from the paper, and statistics.NormalDist. */
static void numbers_are_the_recorded_ones(void **state)
{
    static const struct {
        uint64_t seed;
        uint32_t step, stream;
        uint64_t index;
        double unit, normal;
    } cases[] = {
        {0, 0, 1, 0, 0x1.6e739f289a470p-3, -0x1.d6c179de1be2ap-1},
        {0, 0, 1, 1, 0x1.f9f1c1d9450f5p-1, 0x1.219fd076b73fep+1},
        {1, 2, 3, 4, 0x1.4c71e4a4842fbp-1, 0x1.88a6c4142c876p-2},
        {42, 1000, 65536, 123456789, 0x1.a843125f16478p-3, -0x1.a1f46a564e087p-1},
        {42, 1000, 65536, 123456790, 0x1.88e0f1cde44a0p-4, -0x1.4e1f8eb741da1p+0},
        {0xdeadbeefcafef00d, 7, 65540, 1099511627777, 0x1.bed1ac12c5685p-1, 0x1.23a3a59025fefp+0},
        {5, 0, 65536, 156354, 0x1.7e5b3c8800000p-24, -0x1.4e2358bdb9735p+2}, /* far out */
        {5, 0, 65536, 25310, 0x1.ffff446f4b126p-1, 0x1.1926e58ec9312p+2},
        {5, 0, 65536, 93894, 0x1.e15135d6c0000p-18, -0x1.15aa5ad9ea6edp+2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        double unit = random_unit(cases[i].seed, cases[i].step, cases[i].stream, cases[i].index);
        double normal =
            random_normal(cases[i].seed, cases[i].step, cases[i].stream, cases[i].index);

        assert_true(unit == cases[i].unit);
        assert_true(fabs(normal - cases[i].normal) <= 1e-15 * fabs(normal));
    }
}

/* A change in any bit of any of them is another initialisation, so another training. */
static void no_bit_ever_changes(void **state)
{
    static double numbers[20000];

    (void)state;
    for (size_t i = 0; i < 20000; i++)
        numbers[i] = random_normal(11, 12, RANDOM_INIT + 13, i);
    assert_int_equal(hash64(numbers, sizeof(numbers)), 0x107acdc417eb3023);
}

static void normal_numbers_have_their_moments(void **state)
{
    const size_t count = 400000;
    double sum[5] = {0}, beyond_2 = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        double x = random_normal(1, 0, RANDOM_INIT, i), power = 1;

        for (int k = 0; k < 5; k++, power *= x)
            sum[k] += power;
        beyond_2 += fabs(x) > 2;
    }
    /* each within five times its own deviation */
    assert_true(fabs(sum[1] / sum[0]) < 5 * sqrt(1.0 / (double)count));
    assert_true(fabs(sum[2] / sum[0] - 1) < 5 * sqrt(2.0 / (double)count));
    assert_true(fabs(sum[3] / sum[0]) < 5 * sqrt(15.0 / (double)count));
    assert_true(fabs(sum[4] / sum[0] - 3) < 5 * sqrt(96.0 / (double)count));
    assert_true(fabs(beyond_2 / sum[0] - 0.0455003) < 5 * sqrt(0.0434 / (double)count));
}

static void units_are_even(void **state)
{
    size_t bins[64] = {0};
    const size_t count = 64000;
    double chi = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        double x = random_unit(9, 8, RANDOM_SAMPLE, i);

        assert_true(x >= 0 && x < 1);
        bins[(size_t)(x * 64)]++;
    }
    for (size_t i = 0; i < 64; i++)
        chi += ((double)bins[i] - 1000) * ((double)bins[i] - 1000) / 1000;
    assert_true(chi > 25 && chi < 120); /* 63 expected */
}

static void a_row_of_normals_starts_anywhere(void **state)
{
    (void)state;
    for (uint64_t first = 0; first < 5; first++)
        for (size_t count = 0; count < 6; count++) {
            float *out = malloc(count ? count * sizeof(*out) : 1);

            random_normals(1, 2, 3, first, count, 0.02, out);
            for (size_t i = 0; i < count; i++)
                assert_true(out[i] == (float)(0.02 * random_normal(1, 2, 3, first + i)));
            free(out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_the_published_ones),
        cmocka_unit_test(words_are_those_of_the_blocks),
        cmocka_unit_test(numbers_are_the_recorded_ones),
        cmocka_unit_test(no_bit_ever_changes),
        cmocka_unit_test(normal_numbers_have_their_moments),
        cmocka_unit_test(units_are_even),
        cmocka_unit_test(a_row_of_normals_starts_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
