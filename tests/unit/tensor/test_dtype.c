#include "tensor/dtype.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static float from_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void every_bf16_comes_back(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits <= 0xffff; bits++) {
        float wide = bf16_to_f32((uint16_t)bits);

        if (isnan(wide))
            assert_int_equal(bf16_from_f32(wide), bits | 0x40); /* a quiet one */
        else
            assert_int_equal(bf16_from_f32(wide), bits);
    }
}

static void rounding_is_to_nearest_ties_to_even(void **state)
{
    static const struct {
        const char *name;
        uint32_t bits;
        uint16_t want;
    } cases[] = {
        {"below the tie", 0x3f807fff, 0x3f80},
        {"a tie at an even one", 0x3f808000, 0x3f80},
        {"above the tie", 0x3f808001, 0x3f81},
        {"a tie at an odd one", 0x3f818000, 0x3f82},
        {"a tie of a negative", 0xbf818000, 0xbf82},
        {"into the next exponent", 0x3fffffff, 0x4000},
        {"the largest rounds to infinity", 0x7f7fffff, 0x7f80},
        {"infinity", 0x7f800000, 0x7f80},
        {"minus infinity", 0xff800000, 0xff80},
        {"a subnormal", 0x00010000, 0x0001},
        {"a subnormal that rounds up", 0x00018000, 0x0002},
        {"the least goes to zero", 0x00000001, 0x0000},
        {"minus zero", 0x80000000, 0x8000},
        {"a NaN whose bits are all low", 0x7f800001, 0x7fc0},
        {"a NaN that would round to infinity's sign", 0x7fffffff, 0x7fff},
        {"a negative NaN", 0xff800001, 0xffc0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (bf16_from_f32(from_bits(cases[i].bits)) != cases[i].want)
            fail_msg("%s: 0x%04x", cases[i].name, bf16_from_f32(from_bits(cases[i].bits)));
}

static void a_view_begins_where_it_is_told(void **state)
{
    (void)state;
    for (enum dtype type = DTYPE_F32; type <= DTYPE_BF16; type++) {
        float memory[20] = {0};
        struct mat mat = mat_of(type, memory, 5), part = mat_at(mat, 2, 3);

        mat_set(mat, 3, 4, 2.5f);
        assert_true(mat_get(part, 1, 1) == 2.5f && mat_get(mat, 3, 4) == 2.5f);
        assert_int_equal((char *)part.p - (char *)memory, 13 * dtype_bytes(type));
        mat_set(part, 0, 0, -1);
        assert_true(mat_get(mat, 2, 3) == -1 && mat_get(mat, 2, 4) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bf16_comes_back),
        cmocka_unit_test(rounding_is_to_nearest_ties_to_even),
        cmocka_unit_test(a_view_begins_where_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
