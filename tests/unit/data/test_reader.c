#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/corpus.h"
#include "data/reader.h"
#include "folder.h"

#include <errno.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#define TEXT_BYTES 70000

static char text[TEXT_BYTES];

/* Two frames or members behind each other, as `cat` makes them. */
static size_t pack(bool zstd, char *out, size_t space)
{
    size_t half = TEXT_BYTES / 3, len = 0;

    for (int part = 0; part < 2; part++) {
        const char *from = text + (part ? half : 0);
        size_t count = part ? TEXT_BYTES - half : half;

        if (zstd) {
            size_t put = ZSTD_compress(out + len, space - len, from, count, 3);

            assert_false(ZSTD_isError(put));
            len += put;
        } else {
            z_stream z = {.next_in = (Bytef *)from, .avail_in = (uInt)count};

            assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
            z.next_out = (Bytef *)out + len;
            z.avail_out = (uInt)(space - len);
            assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
            len = space - z.avail_out;
            (void)deflateEnd(&z);
        }
    }
    return len;
}

static long read_whole(const char *name, uint64_t from, char *out, struct err *err)
{
    struct reader *reader;
    long got = 0;
    int r = reader_open(in_folder(name), &reader, err);

    if (r < 0)
        return r;
    r = reader_skip_to(reader, from, err);
    if (r == 0)
        got = reader_read(reader, out, sizeof(text) * 2, err);
    reader_free(reader);
    return r < 0 ? r : got;
}

static const char *const names[] = {"t.txt", "t.txt.zst", "t.txt.gz"};

static void put_forms(void)
{
    static char packed[2 * TEXT_BYTES];

    put_file(names[0], text, TEXT_BYTES);
    put_file(names[1], packed, pack(true, packed, sizeof(packed)));
    put_file(names[2], packed, pack(false, packed, sizeof(packed)));
}

static void test_what_was_packed(void **state)
{
    static const uint64_t from[] = {0, 1, 20000, TEXT_BYTES / 3, 69999, TEXT_BYTES};
    static char out[2 * TEXT_BYTES];

    (void)state;
    put_forms();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t k = 0; k < ARRAY_LEN(from); k++) {
            struct err err = {0};

            assert_int_equal(read_whole(names[i], from[k], out, &err), TEXT_BYTES - from[k]);
            assert_memory_equal(out, text + from[k], TEXT_BYTES - from[k]);
        }
}

/* Cut anywhere but between the two parts, or with a bit turned: a sentence, or the text itself (a
 * bit in a header that means nothing). */
static void test_damage_ends_in_a_sentence(void **state)
{
    static char out[2 * TEXT_BYTES];
    struct rng rng = {4};

    (void)state;
    put_forms();
    for (size_t i = 1; i < ARRAY_LEN(names); i++) {
        struct err err = {0};
        char *bytes;
        size_t len;

        assert_int_equal(file_read(in_folder(names[i]), 1 << 20, &bytes, &len, &err), 0);
        for (int round = 0; round < 200; round++) {
            size_t at = rng_below(&rng, len);
            long got;

            err = (struct err){0};
            if (round % 2) {
                put_file(names[i], bytes, at);
                got = read_whole(names[i], 0, out, &err);
                assert_true(got == -EBADMSG ? strstr(err.text, "cut off") != NULL
                                            : got == 0 || got == TEXT_BYTES / 3);
            } else {
                char kept = bytes[at];

                bytes[at] ^= (char)(1 << rng_below(&rng, 8));
                put_file(names[i], bytes, len);
                got = read_whole(names[i], 0, out, &err);
                bytes[at] = kept;
                /* zstd's own tool adds a checksum, its library does not */
                assert_true(got < 0 ? err.text[0] : i == 1 || !memcmp(out, text, (size_t)got));
            }
        }
        free(bytes);
    }
}

static void test_files_in_order(void **state)
{
    static const char *const want[] = {"a.jsonl", "b", "deep/c.ndjson.gz", "z.txt", "b", "a.jsonl"};
    const char *paths[3];
    struct corpus corpus;
    struct err err = {0};

    (void)state;
    assert_int_equal(mkdir(in_folder("corpus"), 0700), 0);
    assert_int_equal(mkdir(in_folder("corpus/deep"), 0700), 0);
    assert_int_equal(mkdir(in_folder("corpus/.git"), 0700), 0);
    assert_int_equal(mkdir(in_folder("corpus/empty"), 0700), 0);
    put_text("corpus/z.txt", "12345");
    put_text("corpus/b", "");
    put_text("corpus/.hidden", "");
    put_text("corpus/.git/x.txt", "");
    put_text("corpus/deep/c.ndjson.gz", "123");
    put_text("elsewhere.txt", "12");
    assert_int_equal(symlink("../elsewhere.txt", in_folder("corpus/a.jsonl")), 0);
    paths[0] = in_folder("corpus");
    paths[1] = in_folder("corpus/b");
    paths[2] = in_folder("corpus/a.jsonl");
    assert_int_equal(corpus_list(paths, 3, &corpus, &err), 0);
    assert_int_equal(corpus.count, 6);
    for (size_t i = 0; i < corpus.count; i++) {
        assert_string_equal(corpus.files[i].name, want[i]);
        assert_int_equal(corpus.files[i].jsonl, strstr(want[i], "json") != NULL);
        assert_int_equal(corpus.files[i].source, i < 4 ? 0 : i - 3);
    }
    assert_int_equal(corpus.bytes, 5 + 3 + 2 + 2);
    corpus_done(&corpus);
    paths[1] = in_folder("corpus/empty");
    assert_int_equal(corpus_list(paths, 3, &corpus, &err), -ENOENT);
    assert_non_null(strstr(err.text, "empty: no files in this folder"));
    paths[1] = in_folder("nowhere");
    assert_int_equal(corpus_list(paths, 3, &corpus, &err), -ENOENT);
    assert_non_null(strstr(err.text, "nowhere: No such file"));
}

static int begin(void **state)
{
    struct rng rng = {1};

    (void)state;
    folder_begin();
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = (char)('a' + rng_below(&rng, 20));
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
        cmocka_unit_test(test_what_was_packed),
        cmocka_unit_test(test_damage_ends_in_a_sentence),
        cmocka_unit_test(test_files_in_order),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
