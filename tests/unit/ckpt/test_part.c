#include "ckpt/part.h"

#include "base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct part_header good = {.step = 7,
                                        .rank = 1,
                                        .ranks = 4,
                                        .items = 10000,
                                        .begin = 2000,
                                        .end = 9000,
                                        .slice_bytes = 4096,
                                        .vector_count = 2,
                                        .vectors = {"weights", "m"}};

static uint64_t file_bytes(const struct part_header *header)
{
    return part_table_at(header) + part_table_bytes(header);
}

static void what_is_put_is_parsed(void **state)
{
    uint8_t bytes[PART_HEADER_BYTES];
    struct part_header header;
    struct err err = {0};

    (void)state;
    part_header_put(&good, bytes);
    assert_int_equal(part_header_parse(bytes, sizeof(bytes), file_bytes(&good), &header, &err), 0);
    assert_memory_equal(&header, &good, sizeof(good));
}

static void slices_follow_each_other(void **state)
{
    uint64_t at = PART_HEADER_BYTES;

    (void)state;
    assert_int_equal(part_vector_slices(&good), 7); /* 28000 bytes */
    for (size_t v = 0; v < good.vector_count; v++)
        for (uint64_t s = 0; s < part_vector_slices(&good); s++) {
            assert_int_equal(part_slice_at(&good, v, s), at);
            at += part_slice_bytes(&good, s);
        }
    assert_int_equal(part_table_at(&good), at);
    assert_int_equal(part_table_bytes(&good), 15 * 4);
}

static void a_table_comes_back_and_each_flip_in_it_is_seen(void **state)
{
    uint32_t crc[14], back[15];
    uint8_t bytes[sizeof(back)];
    struct err err = {0};

    (void)state;
    for (uint32_t i = 0; i < ARRAY_LEN(crc); i++)
        crc[i] = i * 77777777u;
    part_table_put(&good, crc, bytes);
    assert_int_equal(part_table_parse(&good, bytes, back, &err), 0);
    assert_memory_equal(crc, back, sizeof(crc));
    for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(part_table_parse(&good, bytes, back, &err), -EBADMSG);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void each_flip_and_each_prefix_of_a_header_is_seen(void **state)
{
    uint8_t bytes[PART_HEADER_BYTES];
    struct part_header header;
    struct err err = {0};

    (void)state;
    part_header_put(&good, bytes);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] ^= (uint8_t)(1 << i % 8);
        assert_int_equal(part_header_parse(bytes, sizeof(bytes), file_bytes(&good), &header, &err),
                         -EBADMSG);
        bytes[i] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t len = 0; len < sizeof(bytes); len += len < 200 ? 1 : 97) {
        uint8_t *exact = malloc(len + (len == 0));

        memcpy(exact, bytes, len);
        assert_int_equal(part_header_parse(exact, len, len, &header, &err), -EBADMSG);
        free(exact);
    }
}

static void change_nothing(struct part_header *header)
{
    (void)header;
}

static void change_end(struct part_header *header)
{
    header->end = header->items + 1;
}

static void change_begin(struct part_header *header)
{
    header->begin = header->end + 1;
}

static void change_items(struct part_header *header)
{
    header->items = header->end = PART_ITEMS_MAX + 1;
}

static void change_rank(struct part_header *header)
{
    header->rank = header->ranks;
}

static void change_slice(struct part_header *header)
{
    header->slice_bytes = 5000;
}

static void change_name(struct part_header *header)
{
    memset(header->vectors[1], 'x', PART_NAME_MAX);
}

static void a_header_of_nonsense_is_told(void **state)
{
    static const struct {
        void (*change)(struct part_header *header);
        const char *says;
    } cases[] = {
        {change_nothing, "it has 100 bytes, not the"},
        {change_end, "has the items 2000 to 10001 of 10000"},
        {change_begin, "has the items 9001 to 9000 of 10000"},
        {change_items, "has the items"},
        {change_rank, "of no step or rank"},
        {change_slice, "slices of 5000 bytes"},
        {change_name, "a vector without a name"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct part_header header = good, out;
        uint8_t bytes[PART_HEADER_BYTES];
        struct err err = {0};

        cases[i].change(&header);
        part_header_put(&header, bytes);
        assert_int_equal(part_header_parse(bytes, sizeof(bytes), 100, &out, &err), -EBADMSG);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
    }
}

static void a_newer_version_is_refused_by_a_sentence(void **state)
{
    uint8_t bytes[PART_HEADER_BYTES];
    struct part_header header;
    struct err err = {0};

    (void)state;
    part_header_put(&good, bytes);
    bytes[8] = PART_VERSION + 1;
    assert_int_equal(part_header_parse(bytes, sizeof(bytes), file_bytes(&good), &header, &err),
                     -EBADMSG);
    assert_string_equal(err.text, "a newer firstlight wrote it: it has version 2, known is 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_parsed),
        cmocka_unit_test(slices_follow_each_other),
        cmocka_unit_test(a_table_comes_back_and_each_flip_in_it_is_seen),
        cmocka_unit_test(each_flip_and_each_prefix_of_a_header_is_seen),
        cmocka_unit_test(a_header_of_nonsense_is_told),
        cmocka_unit_test(a_newer_version_is_refused_by_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
