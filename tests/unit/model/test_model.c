/* What the whole model promises beside its formulas. ctest labels: threads */
#include "model/state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "unit/model/small.h"

/* The gradient of one shard of a model made for it; the caller frees. */
static float *gradient_of(const char *level, size_t threads, enum dtype precision,
                          const struct model_config *config, const struct model_batch *batch,
                          struct model_result *result, size_t *total)
{
    struct model_options options = {precision, batch->batch, batch->time, true, 1e-3, 1e-2};
    struct exec exec;
    struct model *model;
    float *grad;

    assert_int_equal(exec_init(&exec, threads, level, NULL), 0);
    model = small_model(&exec, config, &options, 11);
    *total = model_params(model)->total;
    grad = calloc(*total, sizeof(*grad));
    assert_int_equal(
        model_gradient(model, batch, 0.01, batch->batch * batch->time, grad, result, NULL), 0);
    model_free(model);
    exec_done(&exec);
    return grad;
}

static void threads_do_not_change_a_bit(void **state)
{
    static const char *const assigns[] = {"pad=0", SMALL_GROK_2, "experts=1 experts_used=1"};
    static const char *const levels[] = {"ref", "auto"};
    static const enum dtype types[] = {DTYPE_F32, DTYPE_BF16};

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        struct model_config config = small_config(assigns[i % 3]);
        const char *level = levels[i / 3 % 2];
        struct small_batch batch;
        struct model_result one = {0}, more = {0};
        size_t total;
        float *want;

        small_batch_fill(&batch, &config, 3, 37, false, 5);
        want = gradient_of(level, 1, types[i / 6], &config, &batch.batch, &one, &total);
        for (size_t threads = 2; threads <= 3; threads++) {
            float *got =
                gradient_of(level, threads, types[i / 6], &config, &batch.batch, &more, &total);

            assert_memory_equal(got, want, total * sizeof(*got));
            assert_memory_equal(&one, &more, sizeof(one));
            free(got);
        }
        free(want);
    }
}

/* Recorded once; the same for every compiler and machine, since the level ref is plain arithmetic.
 * If it changes, results of older versions can't be repeated: say so in the change log. */
static void gradient_at_level_ref_is_the_recorded_one(void **state)
{
    static const struct {
        const char *assigns;
        enum dtype precision;
        uint64_t want;
    } cases[] = {
        {"pad=0", DTYPE_F32, 0xaccc71be3c7eb9c6},
        {"pad=0", DTYPE_BF16, 0xa09b69e23c04da5f},
        {SMALL_GROK_2, DTYPE_F32, 0x2d252ed2eac2f7fe},
        {SMALL_GROK_2, DTYPE_BF16, 0xc78a2e5433220f95},
        {"experts=1 experts_used=1", DTYPE_F32, 0x301dd7ae94b03818},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct model_config config = small_config(cases[i].assigns);
        struct small_batch batch;
        struct model_result result = {0};
        size_t total;
        float *grad;
        uint64_t hash;

        small_batch_fill(&batch, &config, 2, 21, false, 5);
        grad = gradient_of("ref", 2, cases[i].precision, &config, &batch.batch, &result, &total);
        hash = hash64(grad, total * sizeof(*grad));
        if (hash != cases[i].want)
            fail_msg("case %zu: 0x%016llx", i, (unsigned long long)hash);
        free(grad);
    }
}

/* A gradient is overwritten, whatever was there, and a model's memory keeps nothing. */
static void a_second_gradient_is_as_the_first(void **state)
{
    struct model_config config = small_config(SMALL_GROK_2);
    struct model_options options = {DTYPE_BF16, 2, 21, true, 1e-3, 1e-2};
    struct small_batch batch, other;
    struct model_result result = {0};
    struct exec exec;
    struct model *model;
    float *first, *second;
    size_t bytes;

    (void)state;
    assert_int_equal(exec_init(&exec, 1, NULL, NULL), 0);
    small_batch_fill(&batch, &config, 2, 21, false, 5);
    small_batch_fill(&other, &config, 1, 13, true, 6);
    model = small_model(&exec, &config, &options, 11);
    bytes = model_params(model)->total * sizeof(float);
    first = malloc(bytes);
    second = malloc(bytes);
    memset(first, 0xff, bytes); /* NaN, if any were left */
    memset(second, 0, bytes);
    assert_int_equal(model_gradient(model, &batch.batch, 1, 42, first, &result, NULL), 0);
    assert_int_equal(model_gradient(model, &other.batch, 1, 42, second, &result, NULL), 0);
    assert_memory_not_equal(first, second, bytes);
    assert_int_equal(model_gradient(model, &batch.batch, 1, 42, second, &result, NULL), 0);
    assert_memory_equal(first, second, bytes);
    free(first);
    free(second);
    model_free(model);
    exec_done(&exec);
}

static void a_loss_alone_is_that_of_the_gradient(void **state)
{
    struct model_config config = small_config("pad=0");
    struct model_options options = {DTYPE_BF16, 2, 21, true, 0, 0};
    struct small_batch batch;
    struct model_result with = {0}, without = {0}, small = {0};
    struct exec exec;
    struct model *model, *forward_only;
    float *grad;

    (void)state;
    assert_int_equal(exec_init(&exec, 1, NULL, NULL), 0);
    small_batch_fill(&batch, &config, 2, 21, true, 5);
    model = small_model(&exec, &config, &options, 11);
    grad = malloc(model_params(model)->total * sizeof(*grad));
    assert_int_equal(model_gradient(model, &batch.batch, 1, 42, grad, &with, NULL), 0);
    assert_int_equal(model_loss(model, &batch.batch, &without, NULL), 0);
    assert_memory_equal(&with, &without, sizeof(with));
    assert_true(with.z_loss > 0 && with.aux_loss > 0.5);
    options.train = false;
    forward_only = small_model(&exec, &config, &options, 11);
    assert_int_equal(model_loss(forward_only, &batch.batch, &small, NULL), 0);
    assert_true(small.loss_sum == with.loss_sum && small.targets == with.targets);
    free(grad);
    model_free(model);
    model_free(forward_only);
    exec_done(&exec);
}

static void masked_targets_give_no_gradient(void **state)
{
    struct model_config config = small_config("");
    struct model_options options = {DTYPE_F32, 2, 9, true, 0, 0};
    struct small_batch batch;
    struct model_result result = {0};
    struct exec exec;
    struct model *model;
    float *grad;

    (void)state;
    assert_int_equal(exec_init(&exec, 1, NULL, NULL), 0);
    small_batch_fill(&batch, &config, 2, 9, false, 5);
    for (size_t i = 0; i < 18; i++)
        batch.targets[i] = -1;
    model = small_model(&exec, &config, &options, 11);
    grad = calloc(model_params(model)->total, sizeof(*grad));
    assert_int_equal(model_gradient(model, &batch.batch, 1, 18, grad, &result, NULL), 0);
    assert_int_equal(result.targets, 0);
    assert_true(result.loss_sum == 0);
    for (size_t i = 0; i < model_params(model)->total; i++)
        assert_true(grad[i] == 0);
    free(grad);
    model_free(model);
    exec_done(&exec);
}

static void experts_that_nobody_chose_get_no_gradient(void **state)
{
    struct model_config config = small_config("");
    struct model_options options = {DTYPE_F32, 2, 9, true, 0, 0};
    size_t matrix = (size_t)(config.dim * config.ffn);
    uint64_t rows[10];
    struct small_batch batch;
    struct model_result result = {.expert_rows = rows};
    const struct param *param;
    struct exec exec;
    struct model *model;
    float *grad;

    (void)state;
    assert_int_equal(exec_init(&exec, 1, NULL, NULL), 0);
    small_batch_fill(&batch, &config, 2, 9, false, 5);
    model = small_model(&exec, &config, &options, 11);
    for (size_t layer = 0; layer < 2; layer++) /* all rows to the experts 1 and 3 */
        for (size_t e = 0; e < 5; e++)
            model_router_bias(model)[layer * 5 + e] = e == 1 || e == 3 ? 2 : 0;
    grad = malloc(model_params(model)->total * sizeof(*grad));
    memset(grad, 0xff, model_params(model)->total * sizeof(*grad));
    assert_int_equal(model_gradient(model, &batch.batch, 1, 18, grad, &result, NULL), 0);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(rows[i], i % 5 == 1 || i % 5 == 3 ? 18 : 0);
    param = params_find(model_params(model), PARAM_W2, 1);
    for (size_t i = 0; i < param->count; i++) {
        size_t expert = i / matrix;

        assert_true(grad[param->offset + i] == 0 || expert == 1 || expert == 3);
        assert_true(grad[param->offset + i] == grad[param->offset + i]);
    }
    free(grad);
    model_free(model);
    exec_done(&exec);
}

static void a_document_apart_knows_nothing_of_the_one_before(void **state)
{
    struct model_config config = small_config("");
    struct model_options options = {DTYPE_F32, 1, 12, false, 0, 0};
    struct small_batch batch;
    struct exec exec;
    struct model *model;
    float *first, *second;
    size_t items = (size_t)config.vocab * 12, behind = (size_t)config.vocab * 4;

    (void)state;
    assert_int_equal(exec_init(&exec, 1, NULL, NULL), 0);
    small_batch_fill(&batch, &config, 1, 12, true, 5);
    model = small_model(&exec, &config, &options, 11);
    first = malloc(items * sizeof(*first));
    second = malloc(items * sizeof(*second));
    assert_int_equal(model_logits(model, &batch.batch, first, NULL), 0);
    batch.tokens[1] = (batch.tokens[1] + 1) % 19;
    assert_int_equal(model_logits(model, &batch.batch, second, NULL), 0);
    assert_memory_not_equal(first, second, behind * sizeof(*first));
    assert_memory_equal(first + behind, second + behind, (items - behind) * sizeof(*first));
    free(first);
    free(second);
    model_free(model);
    exec_done(&exec);
}

static void what_does_not_fit_is_told(void **state)
{
    struct model_config config = small_config("");
    struct model_options options = {DTYPE_F32, 2, 9, false, 0, 0};
    static const struct {
        size_t batch, time;
        int32_t token, target, first_key;
        const char *want;
    } cases[] = {
        {2, 10, 0, 0, 0,
         "a shard of 2 x 10 tokens, but the model has room for 18 and sequences of "
         "at most 64"},
        {1, 0, 0, 0, 0,
         "a shard of 1 x 0 tokens, but the model has room for 18 and sequences of "
         "at most 64"},
        {2, 9, 19, 0, 0, "row 4: token 19 is not in the vocabulary of 19"},
        {2, 9, -1, 0, 0, "row 4: token -1 is not in the vocabulary of 19"},
        {2, 9, 0, 19, 0, "row 4: target 19 is not in the vocabulary of 19"},
        {2, 9, 0, 0, 5, "row 4: first key 5 is not among its 5 keys"},
        {2, 9, 0, -5, 4, NULL},
    };
    struct small_batch batch;
    struct model_result result = {0};
    struct exec exec;
    struct model *model;

    (void)state;
    assert_int_equal(exec_init(&exec, 1, NULL, NULL), 0);
    model = small_model(&exec, &config, &options, 11);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};

        small_batch_fill(&batch, &config, 2, 10, true, 5);
        memset(batch.first_key, 0, sizeof(batch.first_key));
        batch.batch.batch = cases[i].batch;
        batch.batch.time = cases[i].time;
        batch.tokens[4] = cases[i].token;
        batch.targets[4] = cases[i].target;
        batch.first_key[4] = cases[i].first_key;
        assert_int_equal(model_loss(model, &batch.batch, &result, &err),
                         cases[i].want ? -EINVAL : 0);
        if (cases[i].want)
            assert_string_equal(err.text, cases[i].want);
    }
    model_free(model);

    options.time = 65;
    assert_int_equal(model_new(&exec, &config, &options, NULL, &model, NULL), -EINVAL);
    options = (struct model_options){DTYPE_F32, 1 << 20, 32, true, 0, 0};
    assert_int_equal(model_new(&exec, &config, &options, NULL, &model, NULL), -EINVAL);
    config.dim = 0;
    assert_int_equal(model_new(&exec, &config, &options, NULL, &model, NULL), -EINVAL);
    exec_done(&exec);
}

/* The plan is counted by the code that takes the memory: no model is needed to see that it adds up,
 * but a small one shows that it is what is taken. */
static void memory_is_planned_without_taking_it(void **state)
{
    struct model_options options = {DTYPE_BF16, 1, 8192, true, 0, 0};
    struct model_config config;
    struct model_memory memory;
    struct exec exec;
    struct model *model;

    (void)state;
    assert_int_equal(exec_init(&exec, 1, NULL, NULL), 0);
    assert_int_equal(model_preset("grok-1", &config, NULL), 0);
    assert_int_equal(model_memory_plan(&exec, &config, &options, &memory, NULL), 0);
    assert_int_equal(memory.weights, 4 * UINT64_C(315684820992));
    /* in 2 or 4 bytes, as the level has it, and little that fills up */
    assert_true(memory.packed >= memory.weights / 2 - memory.weights / 50);
    assert_true(memory.packed < memory.weights + memory.weights / 50);

    config = small_config(SMALL_GROK_2);
    options = (struct model_options){DTYPE_F32, 3, 7, true, 0, 0};
    assert_int_equal(model_memory_plan(&exec, &config, &options, &memory, NULL), 0);
    assert_int_equal(model_new(&exec, &config, &options, NULL, &model, NULL), 0);
    assert_int_equal(memory.packed, model->packed.bytes);
    assert_int_equal(memory.activations, model->activations.bytes);
    assert_int_equal(memory.scratch, model->scratch.bytes);
    assert_int_equal(memory.weights, model->own_weights.bytes);
    model_free(model);
    exec_done(&exec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(gradient_at_level_ref_is_the_recorded_one),
        cmocka_unit_test(a_second_gradient_is_as_the_first),
        cmocka_unit_test(a_loss_alone_is_that_of_the_gradient),
        cmocka_unit_test(masked_targets_give_no_gradient),
        cmocka_unit_test(experts_that_nobody_chose_get_no_gradient),
        cmocka_unit_test(a_document_apart_knows_nothing_of_the_one_before),
        cmocka_unit_test(what_does_not_fit_is_told),
        cmocka_unit_test(memory_is_planned_without_taking_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
