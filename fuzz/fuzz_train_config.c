/* Any bytes as a training's file of settings. What is taken prints as text that is taken again, and
 * gives the same settings. */
#include "train/config.h"
#include "trainer/config_file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int take(void *arg, const char *key, const char *text, struct err *err)
{
    size_t count;
    const struct setting *settings = train_settings(&count);

    if (!strcmp(key, "preset"))
        return train_preset(text, arg, err);
    if (!strcmp(key, "out") || !strcmp(key, "data"))
        return 0;
    return setting_set(settings, count, arg, key, text, err);
}

static void read_back(const struct train_config *config)
{
    size_t count;
    const struct setting *settings = train_settings(&count);
    struct train_config again = {0};

    for (size_t i = 0; i < count; i++) {
        struct buf text = {0}, back = {0};

        setting_print(&settings[i], config, &text);
        if (setting_set(settings, count, &again, settings[i].key, text.p ? text.p : "", NULL) < 0)
            abort();
        setting_print(&settings[i], &again, &back);
        if (text.len != back.len || (text.len && memcmp(text.p, back.p, text.len) != 0))
            abort();
        buf_done(&text);
        buf_done(&back);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct train_config config;
    struct err err = {0};
    int r;

    if (train_preset("grok-nano", &config, NULL) < 0)
        abort();
    r = config_text_walk("settings.yaml", (const char *)data, size, take, &config, &err);
    if (r < 0 && !err.text[0])
        abort();
    if (r == 0) {
        read_back(&config);
        (void)train_config_check(&config, NULL);
    }
    return 0;
}
