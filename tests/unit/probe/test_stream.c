#include "probe/stream.h"

#include "base/rng.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BYTES ((size_t)64 << 10)

static void every_level_copies_every_byte_and_no_other(void **state)
{
    const struct stream_ops *levels[STREAM_LEVELS];
    size_t count = stream_levels(levels);
    unsigned char *from = aligned_alloc(64, BYTES), *to = aligned_alloc(64, BYTES);
    struct rng rng = {1};

    (void)state;
    assert_true(count >= 1 && count <= STREAM_LEVELS);
    for (size_t i = 0; i < BYTES; i++)
        from[i] = (unsigned char)rng_next(&rng);
    for (size_t i = 0; i < count; i++) {
        memset(to, 0xee, BYTES);
        levels[i]->copy(to + STREAM_BLOCK, from, BYTES - 2 * STREAM_BLOCK);
        assert_memory_equal(to + STREAM_BLOCK, from, BYTES - 2 * STREAM_BLOCK);
        for (size_t k = 0; k < STREAM_BLOCK; k++)
            assert_true(to[k] == 0xee && to[BYTES - 1 - k] == 0xee);
    }
    free(from);
    free(to);
}

static void every_level_reads_every_word(void **state)
{
    const struct stream_ops *levels[STREAM_LEVELS];
    size_t count = stream_levels(levels);
    uint64_t *words = aligned_alloc(64, STREAM_BLOCK * 2);

    (void)state;
    memset(words, 0, STREAM_BLOCK * 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(levels[i]->read(words, STREAM_BLOCK * 2), 0);
        for (size_t k = 0; k < STREAM_BLOCK * 2 / sizeof(*words); k++) {
            words[k] = 0x80; /* the sign of a byte: what each level looks at in the end */
            assert_int_not_equal(levels[i]->read(words, STREAM_BLOCK * 2), 0);
            words[k] = 0;
        }
    }
    free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_copies_every_byte_and_no_other),
        cmocka_unit_test(every_level_reads_every_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
