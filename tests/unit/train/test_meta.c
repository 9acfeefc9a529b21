#include "train/meta.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct meta *example(void)
{
    struct meta *meta = calloc(1, sizeof(*meta));

    assert_int_equal(train_preset("grok-nano", &meta->config, NULL), 0);
    meta->step = 123;
    meta->updates = 120;
    meta->tokens = 1234567890123;
    meta->data_hash = 0xfedcba9876543210;
    meta->smooth_loss = 0.1 + 0.2;
    strcpy(meta->kernels, "ref");
    meta->watch = (struct watch){.window = 8, .spike_z = 3, .skipped = 3};
    for (int i = 0; i < 5; i++)
        (void)watch_step(&meta->watch, 1.0 / (3 + i), 1.0 / (7 + i));
    assert_int_equal(meta_init(meta, NULL), 0);
    for (size_t i = 0; i < meta->experts; i++) {
        meta->router_bias[i] = 1.0f / (float)(i + 3);
        meta->dying[i] = (int64_t)i;
    }
    return meta;
}

static void there_and_back_is_the_same_to_the_bit(void **state)
{
    struct meta *meta = example(), *back = calloc(1, sizeof(*back));
    struct err err = {0};
    char *text = meta_print(meta);

    (void)state;
    assert_non_null(text);
    if (meta_parse("c", text, strlen(text), back, &err) < 0)
        fail_msg("%s", err.text);
    assert_memory_equal(&meta->config, &back->config, offsetof(struct train_config, out));
    assert_memory_equal(meta->router_bias, back->router_bias, meta->experts * sizeof(float));
    assert_memory_equal(meta->dying, back->dying, meta->experts * sizeof(int64_t));
    assert_memory_equal(meta->watch.loss, back->watch.loss, sizeof(meta->watch.loss));
    assert_memory_equal(meta->watch.norm, back->watch.norm, sizeof(meta->watch.norm));
    assert_true(meta->smooth_loss == back->smooth_loss && meta->step == back->step &&
                meta->updates == back->updates && meta->tokens == back->tokens &&
                meta->data_hash == back->data_hash && meta->watch.count == back->watch.count);
    meta_done(back);
    meta_done(meta);
    free(back);
    free(meta);
    free(text);
}

static void every_prefix_is_refused_with_a_sentence(void **state)
{
    struct meta *meta = example(), *back = calloc(1, sizeof(*back));
    char *text = meta_print(meta);

    (void)state;
    for (size_t len = 0; len < strlen(text) - 1; len += 7) {
        char *part = malloc(len + 1);
        struct err err = {0};

        memcpy(part, text, len);
        assert_int_equal(meta_parse("c", part, len, back, &err), -EBADMSG);
        assert_int_equal(strncmp(err.text, "c/meta.json", 11), 0);
        free(part);
    }
    meta_done(meta);
    free(back);
    free(meta);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back_is_the_same_to_the_bit),
        cmocka_unit_test(every_prefix_is_refused_with_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
