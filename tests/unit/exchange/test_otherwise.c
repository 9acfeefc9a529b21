#include "exchange/otherwise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *name, const struct model_config *config, const char *text)
{
    struct buf out = {0};

    otherwise_in_llama(config, &out);
    if (strcmp(out.p ? out.p : "", text) != 0)
        fail_msg("%s: '%s'", name, out.p ? out.p : "");
    buf_done(&out);
}

static void a_grok_1_is_the_same_there(void **state)
{
    struct model_config config;

    (void)state;
    assert_int_equal(model_preset("grok-1", &config, NULL), 0);
    expect("grok-1", &config, "");
    assert_int_equal(model_preset("grok-nano", &config, NULL), 0);
    expect("grok-nano", &config, "");
    config.attention_cap = 0; /* what it does as we do */
    config.final_cap = 50;
    config.tied = false;
    config.rope_factor = 4;
    config.rope_magnitude = 1.1386294361119891;
    config.residual_ffn = 256;
    config.router_renormalize = true;
    expect("more keys", &config, "");
}

static void what_differs_is_named_by_its_keys(void **state)
{
    struct model_config plain, config;

    (void)state;
    assert_int_equal(model_preset("grok-nano", &plain, NULL), 0);
    config = plain;
    config.router_cap = 30;
    expect("a cap", &config, "it does not apply model.router_cap");
    config.experts = config.experts_used = 1; /* of no router */
    expect("a dense model", &config, "");
    config = plain;
    config.attention_temperature_from = 16;
    expect("a temperature", &config, "it does not apply model.attention_temperature_from");
    config.attention_temperature_from = config.context; /* which no position is beyond */
    expect("a temperature too far", &config, "");
    config = plain;
    config.residual_ffn = 256;
    expect("a dense path", &config,
           "it renormalises the gates, which model.residual_ffn makes felt "
           "(model.router_renormalize does so here)");
    config = plain;
    config.rope_factor = 4;
    expect("a magnitude", &config,
           "it takes 0.1 ln(model.rope_factor) + 1 for model.rope_magnitude");
}

static void a_grok_2_differs_in_three(void **state)
{
    struct model_config config;

    (void)state;
    assert_int_equal(model_preset("grok-2", &config, NULL), 0);
    expect("grok-2", &config,
           "it does not apply model.router_cap; it does not apply "
           "model.attention_temperature_from; it renormalises the gates, which "
           "model.residual_ffn makes felt (model.router_renormalize does so here)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grok_1_is_the_same_there),
        cmocka_unit_test(what_differs_is_named_by_its_keys),
        cmocka_unit_test(a_grok_2_differs_in_three),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
