#include "base/crc32c.h"
#include "base/rng.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 3720, B.4, and the check value of the catalogues of CRCs. */
static void test_known_values(void **state)
{
    unsigned char zeros[32] = {0}, ones[32], up[32], down[32];

    (void)state;
    memset(ones, 0xff, sizeof(ones));
    for (unsigned char i = 0; i < 32; i++) {
        up[i] = i;
        down[i] = 31 - i;
    }
    const struct {
        const void *bytes;
        size_t len;
        uint32_t want;
    } rows[] = {{zeros, 32, 0x8a9136aa}, {ones, 32, 0x62a8ab43},       {up, 32, 0x46dd794e},
                {down, 32, 0x113fdb5c},  {"123456789", 9, 0xe3069283}, {"", 0, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(crc32c(0, rows[i].bytes, rows[i].len), rows[i].want);
        assert_int_equal(crc32c_by_table(0, rows[i].bytes, rows[i].len), rows[i].want);
    }
}

/* Every length up to past each kind of lane, at every place in a word, in a block of its size. */
static void test_instruction_is_the_table(void **state)
{
    enum { LONGEST = 3 * 2048 * 2 + 3 * 128 + 9 };
    struct rng rng = {1};

    (void)state;
    for (size_t len = 0; len <= LONGEST; len += len < 900 ? 1 : 1 + rng_below(&rng, 60)) {
        size_t at = rng_below(&rng, 8);
        unsigned char *bytes = malloc(at + len + 1);
        uint32_t first = (uint32_t)rng_next(&rng);

        assert_non_null(bytes);
        for (size_t i = 0; i < at + len; i++)
            bytes[i] = (unsigned char)rng_next(&rng);
        bytes = realloc(bytes, at + len ? at + len : 1);
        assert_non_null(bytes);
        assert_int_equal(crc32c(first, bytes + at, len), crc32c_by_table(first, bytes + at, len));
        free(bytes);
    }
}

static void test_parts_are_the_whole(void **state)
{
    static unsigned char bytes[20000];
    struct rng rng = {2};

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)rng_next(&rng);
    for (int round = 0; round < 100; round++) {
        size_t cut = rng_below(&rng, sizeof(bytes) + 1);

        assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, sizeof(bytes) - cut),
                         crc32c(0, bytes, sizeof(bytes)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_instruction_is_the_table),
        cmocka_unit_test(test_parts_are_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
