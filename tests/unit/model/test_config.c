#include "model/config.h"
#include "model/params.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const presets[] = {"grok-nano", "grok-tiny", "grok-small",
                                      "grok-1",    "grok-2",    "gpt2-124m-shape"};

static void every_preset_is_sound_and_listed(void **state)
{
    struct buf list = {0};

    (void)state;
    model_presets_list(&list);
    for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
        struct model_config config;
        struct err err = {0};

        assert_int_equal(model_preset(presets[i], &config, &err), 0);
        assert_int_equal(model_config_check(&config, &err), 0);
        assert_non_null(strstr(list.p, presets[i]));
    }
    buf_done(&list);
}

static void an_unknown_preset_is_told_with_those_there_are(void **state)
{
    struct model_config config;
    struct err err = {0};

    (void)state;
    assert_int_equal(model_preset("grok-3", &config, &err), -ENOENT);
    assert_string_equal(err.text, "there is no preset 'grok-3'; there are grok-nano, grok-tiny, "
                                  "grok-small, grok-1, grok-2, gpt2-124m-shape");
}

/* Against what was counted by hand from the published constants. */
static void presets_weigh_what_they_should(void **state)
{
    static const struct {
        const char *name;
        uint64_t total, active;
    } cases[] = {
        /* embedding 805306368, 64 layers of 4919992320, the last norm 6144 */
        {"grok-1", 315684820992, 315684820992 - 64 * UINT64_C(6) * 3 * 6144 * 32768},
        /* two tables of 1073741824, 64 layers of 4177625088, the last norm 8192 */
        {"grok-2", 2 * UINT64_C(1073741824) + 64 * UINT64_C(4177625088) + 8192,
         2 * UINT64_C(1073741824) + 64 * UINT64_C(4177625088) + 8192 -
             64 * UINT64_C(6) * 3 * 8192 * 16384},
        /* GPT-2's 124439808 without its positions, biases and second gains */
        {"gpt2-124m-shape", 38597376 + 12 * (4 * UINT64_C(589824) + 3 * 1572864 + 4 * 768) + 768,
         38597376 + 12 * (4 * UINT64_C(589824) + 3 * 1572864 + 4 * 768) + 768},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct model_config config;
        struct params params;

        assert_int_equal(model_preset(cases[i].name, &config, NULL), 0);
        assert_int_equal(params_init(&params, &config, NULL), 0);
        assert_int_equal(params_weights(&params), cases[i].total);
        assert_int_equal(params_active(&params, &config), cases[i].active);
        params_done(&params);
    }
}

static void weights_lie_apart_in_order_and_aligned(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
        struct model_config config;
        struct params params;
        size_t end = 0;

        assert_int_equal(model_preset(presets[i], &config, NULL), 0);
        config.dim++; /* odd sizes leave gaps */
        assert_int_equal(params_init(&params, &config, NULL), 0);
        for (size_t j = 0; j < params.count; j++) {
            const struct param *param = &params.items[j];
            size_t count = 1;

            assert_int_equal(param->offset % PARAM_ALIGN, 0);
            assert_true(param->offset >= end && param->offset < end + PARAM_ALIGN);
            end = param->offset + param->count;
            for (size_t k = 0; k < param->dims; k++)
                count *= param->shape[k];
            assert_int_equal(param->count, count);
            assert_int_equal(param->decay, param->dims > 1);
            assert_ptr_equal(params_find(&params, param->kind, param->layer), param);
            for (size_t k = 0; k < j && i == 0; k++)
                assert_string_not_equal(params.items[k].name, param->name);
        }
        assert_true(params.total >= end && params.total < end + PARAM_ALIGN);
        params_done(&params);
    }
}

static void a_model_lacks_what_its_config_leaves_out(void **state)
{
    struct model_config config;
    struct params params;

    (void)state;
    assert_int_equal(model_preset("gpt2-124m-shape", &config, NULL), 0);
    assert_int_equal(params_init(&params, &config, NULL), 0);
    assert_null(params_find(&params, PARAM_ROUTER, 0));
    assert_null(params_find(&params, PARAM_HEAD, -1));
    assert_null(params_find(&params, PARAM_RESIDUAL_W1, 11));
    assert_null(params_find(&params, PARAM_Q, 12));
    assert_string_equal(params_find(&params, PARAM_W2, 11)->name, "layers.11.moe.w2");
    assert_string_equal(params_find(&params, PARAM_EMBED, -1)->name, "embed");
    params_done(&params);
}

static void numbers_that_do_not_go_together_are_named(void **state)
{
    static const struct {
        const char *assign, *want;
    } cases[] = {
        {"model.kv_heads=3", "model.kv_heads (3) does not divide model.q_heads (4)"},
        {"model.head_dim=31", "model.head_dim is 31, but rotary positions need it even"},
        {"model.experts=1", "model.experts_used (2) is more than model.experts (1)"},
        {"model.eos=1024", "model.eos is 1024, but model.vocab is 1024"},
        {"model.attention_temperature_from=1",
         "model.attention_temperature_from is 1, whose logarithm is 0: take 0 for none, or 2 and "
         "more"},
        {"model.rope_factor=4",
         "model.rope_factor is 4, but model.rope_original_context is not given"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct model_config config;
        struct err err = {0};

        assert_int_equal(model_preset("grok-nano", &config, NULL), 0);
        assert_int_equal(
            setting_assign(model_settings, model_setting_count, &config, cases[i].assign, &err), 0);
        assert_int_equal(model_config_check(&config, &err), -EINVAL);
        assert_string_equal(err.text, cases[i].want);
    }
}

static void a_number_out_of_its_range_is_named_even_without_a_file(void **state)
{
    struct model_config config;
    struct err err = {0};

    (void)state;
    assert_int_equal(model_preset("grok-nano", &config, NULL), 0);
    config.layers = 0;
    assert_int_equal(model_config_check(&config, &err), -EINVAL);
    assert_string_equal(err.text, "model.layers is 0, but takes 1 to 1024");
    config.layers = 1;
    config.rms_eps = 0.0 / 0.0;
    assert_int_equal(model_config_check(&config, &err), -EINVAL);
    assert_non_null(strstr(err.text, "model.rms_eps is "));

    assert_int_equal(model_preset("grok-1", &config, NULL), 0);
    config.dim = 1 << 20;
    config.ffn = 1 << 24;
    assert_int_equal(model_config_check(&config, &err), -EINVAL);
    assert_non_null(strstr(err.text, "weights, more than 1e+14"));
}

/* Six per active weight, and 12 L Hq d T of attention: train.md's numbers. */
static void flop_are_counted(void **state)
{
    struct model_config config;

    (void)state;
    assert_int_equal(model_preset("grok-1", &config, NULL), 0);
    assert_float_equal(model_flop_per_token(&config, 8192, false) / 1e9, 502.5 + 38.7, 0.1);
    assert_int_equal(model_preset("gpt2-124m-shape", &config, NULL), 0);
    assert_float_equal(model_flop_per_token(&config, 1024, false) / 1e6, 741.1 + 113.2, 0.2);
    assert_true(model_flop_per_token(&config, 1024, false) - 6.0 * 123532032 ==
                12.0 * 12 * 768 * 1024);
    assert_true(model_flop_per_token(&config, 1023, true) - 6.0 * 123532032 ==
                12.0 * 12 * 768 * 512);
    config.tied = false; /* the embedding is then looked up, and the head multiplies */
    assert_true(model_flop_per_token(&config, 1023, true) - 6.0 * 123532032 ==
                12.0 * 12 * 768 * 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_preset_is_sound_and_listed),
        cmocka_unit_test(an_unknown_preset_is_told_with_those_there_are),
        cmocka_unit_test(presets_weigh_what_they_should),
        cmocka_unit_test(weights_lie_apart_in_order_and_aligned),
        cmocka_unit_test(a_model_lacks_what_its_config_leaves_out),
        cmocka_unit_test(numbers_that_do_not_go_together_are_named),
        cmocka_unit_test(a_number_out_of_its_range_is_named_even_without_a_file),
        cmocka_unit_test(flop_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
