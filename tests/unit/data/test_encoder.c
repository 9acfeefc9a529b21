#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/encoder.h"
#include "data/section.h"
#include "folder.h"

#include <errno.h>

static struct tokenizer *grok;

/* Words between what a rule about blanks may trip over. */
static void add_odd_words(struct rng *rng, size_t bytes, struct buf *out)
{
    static const char *const gaps[] = {" ",
                                       "  ",
                                       "   ",
                                       "\n",
                                       "\n\n ",
                                       "\t",
                                       "\r\n",
                                       "\xc2\xa0 ",
                                       "\xe3\x80\x80 ",
                                       " \xe2\x80\x83",
                                       ".  ",
                                       ", ",
                                       " \xe2\x96\x81",
                                       "\xe2\x96\x81 ",
                                       "\x7f ",
                                       "\xc2\x85 ",
                                       " \n ",
                                       "<|separator|> ",
                                       "\xf0\x9f\x98\x80 "};
    static const char letters[] = "aeiounrstlTHE0123456789.-_";

    for (size_t end = out->len + bytes; out->len < end;) {
        for (uint64_t n = rng_below(rng, 9); n > 0; n--)
            buf_add(out, &letters[rng_below(rng, sizeof(letters) - 1)], 1);
        if (rng_below(rng, 9) == 0)
            buf_puts(out, "\xd1\x81\xd0\xb2\xd0\xb5\xd1\x82");
        if (rng_below(rng, 20) == 0)
            buf_puts(out, "\xe5\x85\x89\xe3\x80\x82");
        buf_puts(out, gaps[rng_below(rng, 3) ? 0 : rng_below(rng, ARRAY_LEN(gaps))]);
    }
}

/* The promise of section.h, with Grok-1's tokenizer. */
static void test_sections_are_the_whole(void **state)
{
    struct rng rng = {5};
    struct encoder encoder;
    struct tokens whole = {0}, pieces = {0};
    struct buf text = {0};
    struct str rest;
    void *scratch;
    size_t sections = 0;

    (void)state;
    assert_int_equal(encoder_of_tokenizer(grok, &encoder), 0);
    assert_true(encoder.adds_blank);
    assert_int_equal(encoder.vocab, 131072);
    assert_int_equal(encoder.bos, 1);
    assert_int_equal(encoder.eos, 2);
    assert_int_equal(encoder.pad, 0);
    scratch = encoder.scratch_new(encoder.arg);
    assert_non_null(scratch);
    add_odd_words(&rng, 1500000, &text);
    rest = (struct str){text.p, text.len};
    assert_int_equal(encoder.encode(encoder.arg, scratch, rest, &whole), 0);
    for (; rest.len; sections++) {
        struct str section = {rest.p, section_bytes(rest, true)};

        assert_int_equal(encoder.encode(encoder.arg, scratch,
                                        section_body(section, sections == 0, encoder.adds_blank),
                                        &pieces),
                         0);
        rest = str_skip(rest, section.len);
    }
    assert_true(sections > 80);
    assert_int_equal(pieces.count, whole.count);
    assert_memory_equal(pieces.items, whole.items, whole.count * sizeof(*whole.items));
    encoder.scratch_free(scratch);
    buf_done(&text);
    vec_done(&whole);
    vec_done(&pieces);
}

/* No piece goes on with a blank behind anything else: what the rule stands on. */
static void test_no_piece_spans_a_cut(void **state)
{
    (void)state;
    for (size_t id = 0; id < tokenizer_vocab(grok); id++) {
        float score;
        int type;
        struct str piece = tokenizer_piece(grok, (int32_t)id, &score, &type);

        for (size_t i = 3; i + 3 <= piece.len; i++)
            if (!memcmp(piece.p + i, "\xe2\x96\x81", 3) &&
                memcmp(piece.p + i - 3, "\xe2\x96\x81", 3) != 0)
                fail_msg("piece %zu: %.*s", id, STR_ARG(piece));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections_are_the_whole),
        cmocka_unit_test(test_no_piece_spans_a_cut),
    };
    struct err err = {0};
    int r = tokenizer_load(TEST_DATA "/grok-1-tokenizer.model", &grok, &err);

    if (r == -ENOENT) {
        (void)puts("skipped: no grok-1-tokenizer.model");
        return 77;
    }
    if (r < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    r = cmocka_run_group_tests(tests, NULL, NULL);
    tokenizer_free(grok);
    return r;
}
