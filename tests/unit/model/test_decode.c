/* Tokens one by one, or in pieces, against all at once. */
#include "model/state.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "unit/model/small.h"

#define SEQUENCES ((size_t)3)
#define TIME      ((size_t)21)

static const char *const assigns[] = {
    "pad=0",
    SMALL_GROK_2,
    "experts=1 experts_used=1 kv_heads=4",
};

struct decode {
    struct exec exec;
    struct model_config config;
    struct small_batch batch;
    struct model *model;
    struct model_cache *cache;
    float *want; /* (sequences, time, vocab) */
    float *got;  /* (sequences, vocab) */
    size_t vocab;
};

/* A decoding model with room for `rows` tokens at a time, and the logits of a model that sees all.
 */
static void decode_init(struct decode *d, const char *text, enum dtype precision, size_t rows)
{
    struct model_options options = {precision, SEQUENCES, TIME, false, 0, 0};
    struct model *whole;

    assert_int_equal(exec_init(&d->exec, 2, NULL, NULL), 0);
    d->config = small_config(text);
    d->vocab = (size_t)d->config.vocab;
    small_batch_fill(&d->batch, &d->config, SEQUENCES, TIME, false, 3);
    d->want = malloc(SEQUENCES * TIME * d->vocab * sizeof(float));
    d->got = malloc(SEQUENCES * d->vocab * sizeof(float));
    whole = small_model(&d->exec, &d->config, &options, 4);
    assert_int_equal(model_logits(whole, &d->batch.batch, d->want, NULL), 0);
    model_free(whole);
    options.batch = 1;
    options.time = rows;
    d->model = small_model(&d->exec, &d->config, &options, 4);
    assert_int_equal(model_cache_new(d->model, SEQUENCES, TIME, &d->cache, NULL), 0);
}

static void decode_done(struct decode *d)
{
    model_cache_free(d->cache);
    model_free(d->model);
    exec_done(&d->exec);
    free(d->want);
    free(d->got);
}

/* Add count[row] tokens to each sequence; the logits of those that got some must be right. */
static void step(struct decode *d, const size_t count[SEQUENCES], double bound)
{
    int32_t tokens[SEQUENCES * TIME];
    size_t length[SEQUENCES];
    struct err err = {0};

    for (size_t row = 0; row < SEQUENCES; row++) {
        length[row] = model_cache_length(d->cache, row);
        for (size_t i = 0; i < count[row]; i++)
            tokens[row * TIME + i] = d->batch.tokens[row * TIME + length[row] + i];
        for (size_t i = 0; i < d->vocab; i++)
            d->got[row * d->vocab + i] = 1e9f;
    }
    if (model_decode(d->model, d->cache, tokens, TIME, count, d->got, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t row = 0; row < SEQUENCES; row++) {
        size_t end = length[row] + count[row];
        const float *got = d->got + row * d->vocab;
        const float *want = d->want + (row * TIME + end - 1) * d->vocab;

        assert_int_equal(model_cache_length(d->cache, row), end);
        for (size_t i = 0; i < d->vocab; i++)
            if (count[row] == 0)
                assert_true(got[i] == 1e9f);
            else if (!(fabs((double)got[i] - (double)want[i]) <= bound))
                fail_msg("sequence %zu, %zu tokens, logit %zu: %g, not %g", row, end, i,
                         (double)got[i], (double)want[i]);
    }
}

static const struct {
    const char *name;
    size_t rows; /* that the model has room for */
    size_t counts[8][SEQUENCES];
} plans[] = {
    {"one by one, from nothing", 3, {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}}},
    {"a prompt each, then one by one", 64, {{5, 9, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}}},
    {"prompts in pieces of what fits", 4, {{7, 3, 20}, {1, 1, 1}, {6, 1, 0}}},
    {"in two pieces, and some rest", 64, {{5, 0, 3}, {8, 4, 0}, {0, 1, 1}, {1, 1, 1}, {0, 5, 0}}},
    {"to the end", 64, {{20, 21, 1}, {1, 0, 20}}},
    {"a long rest behind a prompt", 64, {{4, 2, 9}, {17, 9, 12}}},
    {"one row at a time", 1, {{3, 0, 2}, {1, 1, 1}}},
};

static void run_plans(const char *text, enum dtype precision, double bound)
{
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        struct decode d;

        decode_init(&d, text, precision, plans[i].rows);
        for (size_t j = 0; j < 8; j++)
            step(&d, plans[i].counts[j], bound);
        decode_done(&d);
    }
}

static void decoding_says_what_the_whole_model_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(assigns); i++)
        run_plans(assigns[i], DTYPE_F32, 1e-4);
}

static void decoding_in_bf16_too(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(assigns); i++)
        run_plans(assigns[i], DTYPE_BF16, 0.1);
}

static void a_cache_cut_back_forgets(void **state)
{
    static const size_t prompt[] = {6, 4, 2}, again[] = {3, 2, 0}, none[] = {0, 0, 0};
    struct decode d;

    (void)state;
    decode_init(&d, assigns[0], DTYPE_F32, 64);
    step(&d, prompt, 1e-4);
    model_cache_cut(d.cache, 0, 3);
    model_cache_cut(d.cache, 1, 2);
    model_cache_cut(d.cache, 2, 5); /* it has fewer */
    assert_int_equal(model_cache_length(d.cache, 0), 3);
    assert_int_equal(model_cache_length(d.cache, 1), 2);
    assert_int_equal(model_cache_length(d.cache, 2), 2);
    step(&d, again, 1e-4);
    step(&d, none, 1e-4);
    decode_done(&d);
}

static void what_a_cache_can_not_hold_is_told(void **state)
{
    static const size_t full[] = {21, 1, 1}, more[] = {1, 1, 1}, wrong[] = {0, 2, 1};
    struct model_cache *cache;
    int32_t tokens[SEQUENCES * TIME] = {0};
    struct err err = {0};
    struct decode d;

    (void)state;
    decode_init(&d, assigns[0], DTYPE_F32, 64);
    step(&d, full, 1e-4);
    assert_int_equal(model_decode(d.model, d.cache, tokens, TIME, more, d.got, &err), -EINVAL);
    assert_string_equal(err.text,
                        "sequence 0 has 21 tokens and gets 1 more, but the cache holds 21");
    tokens[TIME + 1] = 19;
    assert_int_equal(model_decode(d.model, d.cache, tokens, TIME, wrong, d.got, &err), -EINVAL);
    assert_string_equal(err.text,
                        "sequence 1, new token 1: token 19 is not in the vocabulary of 19");
    assert_int_equal(model_cache_length(d.cache, 1), 1); /* nothing was added */
    assert_int_equal(model_cache_new(d.model, 1, 65, &cache, &err), -EINVAL);
    assert_int_equal(model_cache_new(d.model, 0, 5, &cache, &err), -EINVAL);
    decode_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding_says_what_the_whole_model_says),
        cmocka_unit_test(decoding_in_bf16_too),
        cmocka_unit_test(a_cache_cut_back_forgets),
        cmocka_unit_test(what_a_cache_can_not_hold_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
