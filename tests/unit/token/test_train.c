/* Learning a vocabulary. ctest labels: threads */
#include "token/train.h"

#include "base/file.h"
#include "base/rng.h"
#include "model_of.h"

#include <errno.h>
#include <unistd.h>

static char folder[] = "/tmp/test_train_XXXXXX";

/* Words of few letters, so that there is something to merge. */
static char *write_text(const char *name, uint64_t seed, size_t words)
{
    static const char *const syllables[] = {"ka", "lo", "mi", "ten", "r", "\xc3\xa9", "su"};
    static const char *const between[] = {" ", " ", " ", "\n", ", ", "  ", " 17 ", "\t", "\n\n"};
    struct rng rng = {seed};
    struct buf text = {0};
    char *path;

    for (size_t i = 0; i < words; i++) {
        for (size_t k = 1 + rng_below(&rng, 3); k; k--)
            buf_puts(&text, syllables[rng_below(&rng, ARRAY_LEN(syllables))]);
        buf_puts(&text, between[rng_below(&rng, ARRAY_LEN(between))]);
    }
    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    assert_int_equal(file_write(path, text.p, text.len, NULL), 0);
    buf_done(&text);
    return path;
}

static void threads_change_nothing(void **state)
{
    char *paths[] = {write_text("a", 1, 5000), write_text("b", 2, 500), write_text("c", 3, 0)};
    struct buf first = {0};

    (void)state;
    for (size_t threads = 1; threads <= 3; threads++) {
        struct tokenizer_training training = {
            .vocab = 400, .threads = threads, .split_digits = true};
        struct buf model = {0};
        struct err err = {0};

        if (tokenizer_train(&training, (const char *const *)paths, 3, &model, &err) < 0)
            fail_msg("%s", err.text);
        if (threads == 1)
            first = model;
        else
            assert_true(str_eq((struct str){first.p, first.len}, (struct str){model.p, model.len}));
        if (threads > 1)
            buf_done(&model);
    }
    buf_done(&first);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        free(paths[i]);
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
    char *path;
    float score;
    int type;

    (void)state;
    assert_true(asprintf(&path, "%s/text", folder) > 0);
    assert_int_equal(file_write(path, text, sizeof(text) - 1, NULL), 0);
    if (tokenizer_train(&training, (const char *const *)&path, 1, &model, &err) < 0)
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
    assert_int_equal(tokenizer_train(&training, (const char *const *)&path, 1, &model, &err),
                     -EINVAL);
    assert_non_null(strstr(err.text, "the text gives a vocabulary of 296, not of 297"));
    training.vocab = 200;
    assert_int_equal(tokenizer_train(&training, (const char *const *)&path, 1, &model, &err),
                     -EINVAL);
    assert_non_null(strstr(err.text, "293 are taken"));
    assert_int_equal(model.len, 0);
    free(path);
}

/* A file twice as long gives the same when half of it is read. */
static void no_more_is_read_than_was_asked_for(void **state)
{
    static char text[4096];
    struct tokenizer_training training = {.vocab = 4 + 18 + 256 + 3 + 2, .character_coverage = 1};
    struct buf half = {0}, all = {0};
    struct err err = {0};
    char *path;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 4 == 3 ? ' ' : i < sizeof(text) / 2 ? "aab"[i % 4] : "zyx"[i % 4];
    assert_true(asprintf(&path, "%s/halves", folder) > 0);
    assert_int_equal(file_write(path, text, sizeof(text) / 2, NULL), 0);
    if (tokenizer_train(&training, (const char *const *)&path, 1, &half, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(file_write(path, text, sizeof(text), NULL), 0);
    training.text_bytes_max = sizeof(text) / 2;
    if (tokenizer_train(&training, (const char *const *)&path, 1, &all, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(str_eq((struct str){half.p, half.len}, (struct str){all.p, all.len}));
    buf_done(&half);
    buf_done(&all);
    free(path);
}

static void wrong_requests_are_refused(void **state)
{
    static const struct {
        struct tokenizer_training training;
        const char *err;
    } refused[] = {
        {{.vocab = 1000}, "nothing: No such file"},
        {{.vocab = (size_t)1 << 40}, "is too large"},
        {{.vocab = 1000, .character_coverage = 1.5}, "coverage of 1.5"},
        {{.vocab = 1000, .piece_chars_max = 65}, "pieces of 65"},
    };
    const char *path = "/nothing";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct buf model = {0};
        struct err err = {0};

        assert_true(tokenizer_train(&refused[i].training, &path, 1, &model, &err) < 0);
        if (!strstr(err.text, refused[i].err))
            fail_msg("%s", err.text);
        buf_done(&model);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"a", "b", "c", "text", "halves"};
    char path[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(what_is_most_frequent_is_learnt_first),
        cmocka_unit_test(no_more_is_read_than_was_asked_for),
        cmocka_unit_test(wrong_requests_are_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
