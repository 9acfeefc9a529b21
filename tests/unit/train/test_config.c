#include "train/config.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void every_preset_checks_out(void **state)
{
    static const char *const names[] = {"grok-nano", "grok-tiny", "grok-small",
                                        "grok-1",    "grok-2",    "gpt2-124m-shape"};
    struct train_config *config = calloc(1, sizeof(*config));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct err err = {0};

        assert_int_equal(train_preset(names[i], config, &err), 0);
        strcpy(config->out, "out");
        config->source_count = 1;
        if (train_config_check(config, &err) < 0)
            fail_msg("%s: %s", names[i], err.text);
    }
    assert_int_equal(train_preset("grok-3", config, NULL), -ENOENT);
    free(config);
}

static void keys_are_unique_and_their_presets_are_in_range(void **state)
{
    struct train_config *config = calloc(1, sizeof(*config));
    size_t count;
    const struct setting *settings = train_settings(&count);

    (void)state;
    assert_int_equal(train_preset("grok-1", config, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        struct buf text = {0};
        struct err err = {0};

        assert_ptr_equal(setting_find(settings, count, settings[i].key), &settings[i]);
        setting_print(&settings[i], config, &text);
        if (setting_set(settings, count, config, settings[i].key, text.p ? text.p : "", &err) < 0)
            fail_msg("%s", err.text);
        buf_done(&text);
    }
    free(config);
}

static void what_does_not_go_together_is_named(void **state)
{
    static const struct {
        const char *set, *sentence;
    } cases[] = {
        {"train.shards=3", "train.shards 3 does not divide train.batch 16"},
        {"train.time=1M", "train.time 1000000 is longer than model.context"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct train_config *config = calloc(1, sizeof(*config));
        struct err err = {0};
        size_t count;
        const struct setting *settings = train_settings(&count);

        assert_int_equal(train_preset("grok-nano", config, NULL), 0);
        strcpy(config->out, "out");
        config->source_count = 1;
        assert_int_equal(setting_assign(settings, count, config, cases[i].set, NULL), 0);
        assert_int_equal(train_config_check(config, &err), -EINVAL);
        assert_int_equal(strncmp(err.text, cases[i].sentence, strlen(cases[i].sentence)), 0);
        free(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_preset_checks_out),
        cmocka_unit_test(keys_are_unique_and_their_presets_are_in_range),
        cmocka_unit_test(what_does_not_go_together_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
