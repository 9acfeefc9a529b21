#include "exchange/constants.h"
#include "exchange/gguf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void add32(struct buf *out, uint32_t value)
{
    buf_add(out, (const char *)&value, sizeof(value));
}

static void add64(struct buf *out, uint64_t value)
{
    buf_add(out, (const char *)&value, sizeof(value));
}

static void add_text(struct buf *out, const char *text)
{
    add64(out, strlen(text));
    buf_puts(out, text);
}

static void begin(struct buf *out, uint64_t tensors, uint64_t keys)
{
    buf_clear(out);
    buf_puts(out, "GGUF");
    add32(out, 3);
    add64(out, tensors);
    add64(out, keys);
}

static void add_tensor(struct buf *out, const char *name, uint32_t dims, uint32_t type, uint64_t at)
{
    add_text(out, name);
    add32(out, dims);
    for (uint32_t i = 0; i < dims; i++)
        add64(out, 2 + i);
    add32(out, type);
    add64(out, at);
}

/* A file with each kind of value. */
static void make_file(struct buf *out)
{
    struct gguf_writer writer = {0};

    gguf_put_u32(&writer, "number", 77);
    gguf_put_f32(&writer, "real", 0.5f);
    gguf_put_bool(&writer, "truth", true);
    gguf_put_text(&writer, "text", STR("grok"));
    gguf_put_array(&writer, "texts", GGUF_STRING, 2);
    gguf_add_text(&writer, STR("a"));
    gguf_add_text(&writer, STR(""));
    gguf_put_array(&writer, "minus", GGUF_I32, 2);
    add32(&writer.keys, (uint32_t)-5);
    add32(&writer.keys, 6);
    begin(out, 2, writer.count);
    buf_add(out, writer.keys.p, writer.keys.len);
    add_tensor(out, "one", 1, 0, 0);
    add_tensor(out, "two", 2, 30, 32);
    while (out->len % 32 != 0)
        buf_add(out, "", 1);
    for (int i = 0; i < 64; i++)
        buf_add(out, "x", 1);
    buf_done(&writer.keys);
}

static int parse(const struct buf *file, size_t len, struct gguf *out, struct err *err)
{
    char *exact = malloc(len + (len == 0));
    int r;

    memcpy(exact, file->p, len);
    r = gguf_parse(exact, len, len, out, err);
    if (r == 0) {
        /* slices point into it: only what is no slice may be looked at later */
        for (size_t i = 0; i < out->values.count; i++)
            out->values.items[i].key = out->values.items[i].bytes = (struct str){0};
    }
    free(exact);
    return r;
}

static void values_and_tensors_are_found(void **state)
{
    struct buf file = {0};
    struct err err = {0};
    const struct tensor *two;
    struct gguf gguf;
    struct str text;
    int64_t whole;
    double number;

    (void)state;
    make_file(&file);
    assert_int_equal(gguf_parse(file.p, file.len, file.len, &gguf, &err), 0);
    assert_true(gguf_integer(gguf_find(&gguf, "number"), 0, &whole) && whole == 77);
    assert_true(gguf_number(gguf_find(&gguf, "number"), 0, &number) && number == 77);
    assert_true(gguf_number(gguf_find(&gguf, "real"), 0, &number) && number == 0.5);
    assert_false(gguf_integer(gguf_find(&gguf, "real"), 0, &whole));
    assert_true(gguf_integer(gguf_find(&gguf, "truth"), 0, &whole) && whole == 1);
    assert_true(gguf_text(gguf_find(&gguf, "text"), &text) && str_is(text, "grok"));
    assert_false(gguf_text(gguf_find(&gguf, "texts"), &text));
    assert_false(gguf_number(gguf_find(&gguf, "texts"), 0, &number));
    assert_true(gguf_integer(gguf_find(&gguf, "minus"), 0, &whole) && whole == -5);
    assert_true(gguf_integer(gguf_find(&gguf, "minus"), 1, &whole) && whole == 6);
    assert_false(gguf_integer(gguf_find(&gguf, "minus"), 2, &whole));
    assert_null(gguf_find(&gguf, "nothing"));
    assert_int_equal(tensors_sort(&gguf.tensors, &err), 0);
    two = tensors_find(&gguf.tensors, "two");
    assert_int_equal(two->shape[0], 3); /* row-major: the dense one is last */
    assert_int_equal(two->shape[1], 2);
    assert_int_equal(two->type, STORED_BF16);
    assert_int_equal(two->at, file.len - 32);
    gguf_done(&gguf);
    buf_done(&file);
}

static void each_prefix_is_refused(void **state)
{
    struct buf file = {0};

    (void)state;
    make_file(&file);
    for (size_t len = 0; len <= file.len; len++) {
        struct err err = {0};
        struct gguf gguf;
        int r = parse(&file, len, &gguf, &err);

        if (r == 0) {
            assert_true(len + 32 - 12 >= file.len); /* what aligns the end may lack */
            gguf_done(&gguf);
            continue;
        }
        assert_int_equal(r, -EINVAL);
        assert_true(err.text[0] != '\0');
    }
    buf_done(&file);
}

static void what_breaks_the_rules_is_named(void **state)
{
    static const char *const says[] = {
        "no GGUF file",
        "GGUF's version 4",
        "18446744073709551615 tensors",
        "the unknown type 99",
        "an array of arrays",
        "is cut off",
        "is cut off",
        "one has 5 dimensions",
        "one is stored as ggml's type 12",
        "one does not lie in the file",
        "one does not lie in the file",
        "general.alignment is no power of two",
        "a tensor's name can't have 0 bytes",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(says); i++) {
        struct buf file = {0};
        struct err err = {0};
        struct gguf gguf;

        begin(&file, i >= 7 && i != 11, (i >= 3 && i <= 6) || i == 11);
        if (i == 0)
            file.p[0] = 'X';
        else if (i == 1)
            file.p[4] = 4;
        else if (i == 2)
            memset(file.p + 8, 0xff, 8);
        else if (i <= 6) {
            add_text(&file, "key");
            add32(&file, i == 3 ? 99 : GGUF_ARRAY);
            add32(&file, i == 4 ? GGUF_ARRAY : i == 5 ? GGUF_U64 : GGUF_STRING);
            add64(&file, UINT64_MAX / 4);
        } else if (i == 11) {
            add_text(&file, "general.alignment");
            add32(&file, GGUF_U32);
            add32(&file, 48);
        } else
            add_tensor(&file, i == 12 ? "" : "one", i == 7 ? 5 : 1, i == 8 ? 12 : 0,
                       i == 9    ? 1
                       : i == 10 ? UINT64_MAX - 31
                                 : 0);
        assert_int_equal(gguf_parse(file.p, file.len, file.len, &gguf, &err), -EINVAL);
        if (!strstr(err.text, says[i]))
            fail_msg("'%s' does not say '%s'", err.text, says[i]);
        buf_done(&file);
    }
}

/* As llama.cpp's converter writes Grok-1: its defaults are ours. */
static void another_writer_s_keys_are_enough(void **state)
{
    struct gguf_writer writer = {0};
    struct model_config config, grok;
    struct err err = {0};
    struct buf file = {0};
    struct gguf gguf;
    float *bias;

    (void)state;
    gguf_put_text(&writer, "general.architecture", STR("grok"));
    gguf_put_u32(&writer, "grok.context_length", 8192);
    gguf_put_u32(&writer, "grok.embedding_length", 6144);
    gguf_put_u32(&writer, "grok.block_count", 64);
    gguf_put_u32(&writer, "grok.feed_forward_length", 32768);
    gguf_put_u32(&writer, "grok.attention.head_count", 48);
    gguf_put_u32(&writer, "grok.attention.head_count_kv", 8);
    gguf_put_f32(&writer, "grok.attention.layer_norm_rms_epsilon", 1e-5f);
    gguf_put_u32(&writer, "grok.expert_count", 8);
    gguf_put_u32(&writer, "grok.expert_used_count", 2);
    gguf_put_u32(&writer, "grok.vocab_size", 131072);
    begin(&file, 0, writer.count);
    buf_add(&file, writer.keys.p, writer.keys.len);
    buf_add(&file, "0000000000000000000000000000000", 31); /* nothing lies behind */
    assert_int_equal(gguf_parse(file.p, file.len, file.len, &gguf, &err), 0);
    if (constants_from_gguf(&gguf, &config, &bias, &err) < 0)
        fail_msg("%s", err.text);
    assert_null(bias);
    assert_int_equal(model_preset("grok-1", &grok, &err), 0);
    assert_int_equal(config.pad, -1);
    config.pad = grok.pad;
    config.bos = grok.bos;
    config.eos = grok.eos;
    config.unk = grok.unk;
    config.rms_eps = grok.rms_eps; /* went through a float */
    assert_memory_equal(&config, &grok, sizeof(config));
    gguf_done(&gguf);
    buf_done(&file);
    buf_done(&writer.keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_tensors_are_found),
        cmocka_unit_test(each_prefix_is_refused),
        cmocka_unit_test(what_breaks_the_rules_is_named),
        cmocka_unit_test(another_writer_s_keys_are_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
