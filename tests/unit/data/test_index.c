#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "data/index.h"
#include "folder.h"

#include <errno.h>
#include <inttypes.h>

/* An index with everything in it. */
static void fill(struct data_index *index)
{
    *index = (struct data_index){.tokenizer_hash = 0xfedcba9876543210,
                                 .tokenizer_bytes = 77,
                                 .tokenizer_crc = 0x01020304,
                                 .vocab = 131072,
                                 .bos = 1,
                                 .eos = 2,
                                 .pad = -1,
                                 .shard_tokens = 100,
                                 .empty_documents = 3,
                                 .broken_lines = 4,
                                 .held_out = 0.1,
                                 .place = {4, 5, 6}};
    *vec_push(&index->splits[0].shards) = (struct data_shard){100, 7, 0xffffffff, 0};
    *vec_push(&index->splits[0].shards) = (struct data_shard){30, 2, 1, 2};
    index->splits[0].tokens = 130;
    index->splits[0].documents = 9;
    index->splits[0].text_bytes = 500;
    *vec_push(&index->paths) = (struct data_path){strdup("a \"path\" \xc3\xa9"), 2, 500, 9, 130};
}

static void test_round_trip(void **state)
{
    struct data_index index, back;
    struct err err = {0};

    (void)state;
    fill(&index);
    assert_int_equal(data_index_write(folder, DATA_INDEX, &index, &err), 0);
    assert_int_equal(data_index_read(folder, DATA_INDEX, &back, &err), 0);
    assert_int_equal(back.tokenizer_hash, index.tokenizer_hash);
    assert_int_equal(back.tokenizer_crc, index.tokenizer_crc);
    assert_int_equal(back.pad, -1);
    assert_true(back.held_out == index.held_out);
    assert_int_equal(back.place.ordinal, 6);
    assert_int_equal(back.splits[0].shards.count, 2);
    assert_memory_equal(back.splits[0].shards.items, index.splits[0].shards.items,
                        2 * sizeof(struct data_shard));
    assert_string_equal(back.paths.items[0].path, index.paths.items[0].path);
    assert_int_equal(back.paths.items[0].tokens, 130);
    data_index_done(&index);
    data_index_done(&back);
}

/* The text of `fill` with `from` replaced, and the right sum. */
static char *changed(const char *from, const char *to, size_t *len)
{
    struct err err = {0};
    struct buf out = {0};
    char *text;
    ptrdiff_t at;
    size_t tail = strlen(",\n \"crc32c\": \"01234567\"\n}\n");

    assert_int_equal(file_read(in_folder(DATA_INDEX), 1 << 20, &text, len, &err), 0);
    at = str_find((struct str){text, *len}, from);
    if (at < 0)
        fail_msg("%s is not there", from);
    buf_add(&out, text, (size_t)at);
    buf_puts(&out, to);
    buf_add(&out, text + at + strlen(from), *len - tail - (size_t)at - strlen(from));
    buf_printf(&out, ",\n \"crc32c\": \"%08" PRIx32 "\"\n}\n", crc32c(0, out.p, out.len));
    free(text);
    *len = out.len;
    return out.p;
}

static void test_contradictions(void **state)
{
    static const struct {
        const char *from, *to;
        int want;
        const char *err;
    } rows[] = {
        {"\"version\": 1", "\"version\": 1", 0, ""},
        {"\"version\": 1", "\"version\": 2", -ENOTSUP,
         "version 2 of the format; this program knows 1"},
        {"\"version\": 1", "\"version\": 0", -EBADMSG, "not an index"},
        {"firstlight tokens", "something else", -EBADMSG, "not an index"},
        {"\"vocabulary\": 131072", "\"vocabulary\": 0", -EBADMSG, "contradicts itself"},
        {"\"bos\": 1", "\"bos\": 131072", -EBADMSG, "contradicts itself"},
        {"\"pad\": -1", "\"pad\": -2", -EBADMSG, "contradicts itself"},
        {"\"shard_tokens\": 100", "\"shard_tokens\": 90", -EBADMSG, "contradicts itself"},
        {"\"shard_tokens\": 100", "\"shard_tokens\": 120", -EBADMSG, "contradicts itself"},
        {"\"tokens\": 130", "\"tokens\": 131", -EBADMSG, "contradicts itself"},
        {"\"tokens\": 30", "\"tokens\": \"30\"", -EBADMSG, "contradicts itself"},
        {"\"documents\": 2", "\"documents\": 31", -EBADMSG, "contradicts itself"},
        {"\"ffffffff\"", "\"1ffffffff\"", -EBADMSG, "contradicts itself"},
        {"\"train\"", "\"brain\"", -EBADMSG, "contradicts itself"},
        {"\"place\"", "\"plaice\"", -EBADMSG, "contradicts itself"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct data_index index;
        struct err err = {0};
        size_t len;
        char *text = changed(rows[i].from, rows[i].to, &len);
        int r = data_index_parse("x", text, len, &index, &err);

        if (r != rows[i].want || !strstr(err.text, rows[i].err))
            fail_msg("%s: %d %s", rows[i].to, r, err.text);
        if (r == 0)
            data_index_done(&index);
        free(text);
    }
}

/* Every prefix, and every byte changed. */
static void test_any_damage(void **state)
{
    struct err err = {0};
    char *text;
    size_t len;

    (void)state;
    assert_int_equal(file_read(in_folder(DATA_INDEX), 1 << 20, &text, &len, &err), 0);
    for (size_t i = 0; i < len; i++) {
        struct data_index index;
        char *prefix = malloc(i + !i);
        int r;

        assert_non_null(prefix);
        memcpy(prefix, text, i);
        assert_int_equal(data_index_parse("x", prefix, i, &index, &err), -EBADMSG);
        free(prefix);
        text[i] ^= (char)(1 << i % 8);
        r = data_index_parse("x", text, len, &index, &err);
        assert_true(r == -EBADMSG || r == -ENOTSUP);
        text[i] ^= (char)(1 << i % 8);
    }
    free(text);
}

static int begin(void **state)
{
    (void)state;
    folder_begin();
    return 0;
}

static int end(void **state)
{
    (void)state;
    folder_end();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_any_damage),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
