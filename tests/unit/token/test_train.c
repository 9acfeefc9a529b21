/* Learning a vocabulary. ctest labels: threads */
#include "token/train.h"

#include "base/rng.h"
#include "model_of.h"

#include <errno.h>

/* A text that comes in pieces of so many bytes. */
struct text {
    struct str rest;
    size_t piece;
};

static int next_piece(void *arg, struct buf *piece, struct err *err)
{
    struct text *text = arg;
    size_t len = text->rest.len < text->piece ? text->rest.len : text->piece;

    (void)err;
    buf_add(piece, text->rest.p, len);
    text->rest = str_skip(text->rest, len);
    return len > 0;
}

/* Words of few letters, so that there is something to merge. */
static struct buf some_text(uint64_t seed, size_t words)
{
    static const char *const syllables[] = {"ka", "lo", "mi", "ten", "r", "\xc3\xa9", "su"};
    static const char *const between[] = {" ", " ", " ", "\n", ", ", "  ", " 17 ", "\t", "\n\n"};
    struct rng rng = {seed};
    struct buf text = {0};

    for (size_t i = 0; i < words; i++) {
        for (size_t k = 1 + rng_below(&rng, 3); k; k--)
            buf_puts(&text, syllables[rng_below(&rng, ARRAY_LEN(syllables))]);
        buf_puts(&text, between[rng_below(&rng, ARRAY_LEN(between))]);
    }
    return text;
}

static int learn(struct tokenizer_training training, struct str text, struct buf *model,
                 struct err *err)
{
    struct text rest = {text, 4096};

    training.next = next_piece;
    training.arg = &rest;
    return tokenizer_train(&training, model, err);
}

/* 20 MB, which are two blocks. */
static void threads_change_nothing(void **state)
{
    struct buf text = some_text(1, 5000), first = {0}, all = {0};

    (void)state;
    while (all.len < ((size_t)20 << 20))
        buf_add(&all, text.p, text.len);
    for (size_t threads = 1; threads <= 3; threads++) {
        struct tokenizer_training training = {
            .vocab = 400, .threads = threads, .split_digits = true};
        struct buf model = {0};
        struct err err = {0};

        if (learn(training, (struct str){all.p, all.len}, &model, &err) < 0)
            fail_msg("%s", err.text);
        if (threads == 1)
            first = model;
        else
            assert_true(str_eq((struct str){first.p, first.len}, (struct str){model.p, model.len}));
        if (threads > 1)
            buf_done(&model);
    }
    buf_done(&first);
    buf_done(&text);
    buf_done(&all);
}

/* "ab" is there five times, then with a blank before it four times; c never beside a digit. */
static void what_is_most_frequent_is_learnt_first(void **state)
{
    static const char text[] = "ab ab ab ab ab,c c1c\n";
    static const char *const want[] = {"ab",
                                       "\xe2\x96\x81"
                                       "ab",
                                       "\xe2\x96\x81"
                                       "c"};
    struct tokenizer_training training = {
        .vocab = 4 + 28 + 256 + 5 + 3, .character_coverage = 1, .split_digits = true};
    struct tokenizer *tokenizer;
    struct buf model = {0};
    struct err err = {0};
    float score;
    int type;

    (void)state;
    if (learn(training, STR(text), &model, &err) < 0)
        fail_msg("%s", err.text);
    tokenizer = tokenizer_of(model);
    assert_int_equal(tokenizer_vocab(tokenizer), training.vocab);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct str piece = tokenizer_piece(tokenizer, (int32_t)(4 + 28 + 256 + i), &score, &type);

        if (!str_is(piece, want[i]))
            fail_msg("%zu: %.*s", i, STR_ARG(piece));
        assert_true(score == -(float)i);
        assert_int_equal(type, NORMAL);
    }
    assert_int_equal(tokenizer_special_id(tokenizer, TOKENIZER_PAD), 0);
    assert_int_equal(tokenizer_special_id(tokenizer, TOKENIZER_BOS), 1);
    assert_int_equal(tokenizer_special_id(tokenizer, TOKENIZER_EOS), 2);
    assert_int_equal(tokenizer_special_id(tokenizer, TOKENIZER_UNK), 3);
    tokenizer_free(tokenizer);

    training.vocab++;
    model = (struct buf){0};
    assert_int_equal(learn(training, STR(text), &model, &err), -EINVAL);
    assert_non_null(strstr(err.text, "the text gives a vocabulary of 296, not of 297"));
    training.vocab = 200;
    assert_int_equal(learn(training, STR(text), &model, &err), -EINVAL);
    assert_non_null(strstr(err.text, "293 are taken"));
    assert_int_equal(model.len, 0);
}

/* Without a wish, as many tokens as the text gives, up to a bound. */
static void the_text_decides_how_many_tokens_there_are(void **state)
{
    static const char text[] = "ab ab ab ab ab,c c1c\n";
    struct buf model = {0}, more = {0};
    struct rng rng = {7};
    struct tokenizer *tokenizer;
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < 60000; i++)
        buf_printf(&more, "%c%s", 'a' + (char)rng_below(&rng, 26), i % 5 ? "" : " ");
    if (learn((struct tokenizer_training){.character_coverage = 1, .split_digits = true}, STR(text),
              &model, &err) < 0)
        fail_msg("%s", err.text);
    tokenizer = tokenizer_of(model);
    assert_int_equal(tokenizer_vocab(tokenizer), 296);
    tokenizer_free(tokenizer);

    model = (struct buf){0};
    if (learn((struct tokenizer_training){0}, (struct str){more.p, more.len}, &model, &err) < 0)
        fail_msg("%s", err.text);
    tokenizer = tokenizer_of(model);
    assert_int_equal(tokenizer_vocab(tokenizer), TOKENIZER_VOCAB);
    tokenizer_free(tokenizer);
    buf_done(&more);
}

static void wrong_requests_are_refused(void **state)
{
    static const struct {
        struct tokenizer_training training;
        const char *err;
    } refused[] = {
        {{.vocab = 1000}, "no text to learn from"},
        {{.vocab = (size_t)1 << 40}, "is too large"},
        {{.vocab = 1000, .character_coverage = 1.5}, "coverage of 1.5"},
        {{.vocab = 1000, .piece_chars_max = 65}, "pieces of 65"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct buf model = {0};
        struct err err = {0};

        assert_true(learn(refused[i].training, STR(""), &model, &err) < 0);
        if (!strstr(err.text, refused[i].err))
            fail_msg("%s", err.text);
        buf_done(&model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(what_is_most_frequent_is_learnt_first),
        cmocka_unit_test(the_text_decides_how_many_tokens_there_are),
        cmocka_unit_test(wrong_requests_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
