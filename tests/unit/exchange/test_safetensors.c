#include "exchange/safetensors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* In a heap block of exactly its size. */
static int parse(const char *json, size_t len, uint64_t data_bytes, struct tensors *out,
                 struct err *err)
{
    char *exact = malloc(len + (len == 0));
    int r;

    memcpy(exact, json, len);
    r = safetensors_parse(exact, len, 8 + len + data_bytes, 3, out, err);
    free(exact);
    return r;
}

#define TWO                                                                                        \
    "{\"__metadata__\":{\"format\":\"pt\"},"                                                       \
    "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[16,28]},"                         \
    "\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}  "

static void tensors_are_found_where_they_lie(void **state)
{
    struct tensors tensors = {0};
    const struct tensor *b;
    struct err err = {0};

    (void)state;
    assert_int_equal(parse(TWO, strlen(TWO), 28, &tensors, &err), 0);
    assert_int_equal(tensors.list.count, 2);
    assert_int_equal(tensors_sort(&tensors, &err), 0);
    b = tensors_find(&tensors, "b");
    assert_int_equal(b->type, STORED_BF16);
    assert_int_equal(b->dims, 2);
    assert_int_equal(b->shape[0], 2);
    assert_int_equal(b->shape[1], 3);
    assert_int_equal(b->shape[2], 1);
    assert_int_equal(b->at, 8 + strlen(TWO) + 16);
    assert_int_equal(b->bytes, 12);
    assert_int_equal(b->file, 3);
    assert_null(tensors_find(&tensors, "c"));
    vec_done(&tensors.list);
}

static void each_prefix_is_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len < strlen(TWO) - 2; len++) {
        struct tensors tensors = {0};
        struct err err = {0};

        assert_int_equal(parse(TWO, len, 28, &tensors, &err), -EINVAL);
        assert_true(err.text[0] != '\0');
        assert_int_equal(tensors.list.count, 0);
        vec_done(&tensors.list);
    }
}

#define ONE(dtype, shape, offsets)                                                                 \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void what_breaks_the_rules_is_named(void **state)
{
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"[]", "no JSON object"},
        {ONE("\"I64\"", "[1]", "[0,8]"), "a has the dtype I64"},
        {ONE("7", "[1]", "[0,8]"), "a has the dtype that is no text"},
        {ONE("\"F32\"", "[2]", "[0,4]"), "a has 4 bytes, which is not what its shape takes"},
        {ONE("\"F32\"", "[2]", "[0,9]"), "a has data_offsets that do not lie in the file"},
        {ONE("\"F32\"", "[2]", "[8,0]"), "do not lie in the file"},
        {ONE("\"F32\"", "[2]", "[-8,0]"), "do not lie in the file"},
        {ONE("\"F32\"", "[2]", "[0]"), "do not lie in the file"},
        {ONE("\"F32\"", "[1.5]", "[0,8]"), "not of whole numbers"},
        {ONE("\"F32\"", "[-2]", "[0,8]"), "not of whole numbers"},
        {ONE("\"F32\"", "[1,1,1,1,2]", "[0,8]"), "other than up to 4 dimensions"},
        {ONE("\"F32\"", "[4294967296,4294967296,2]", "[0,8]"), "which is not what its shape"},
        {ONE("\"F32\"", "[1]", "[0,4]"), "its tensors have 4 bytes, the file has 8"},
        {ONE("\"F32\"", "[1]", "[4,8]"), "a begins at byte 4, but 0 is next"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         "b begins at byte 4, but 8 is next"},
        {"{\"a\":{},\"a\":{}}", "no JSON: duplicate"},
        {"{\"a\":7}", "a is not described by an object"},
        {"{\"__metadata__\":7}", "__metadata__ is no object"},
        {"{\"__metadata__\":{\"x\":7}}", "__metadata__ holds something that is no text"},
        {"{}", "its tensors have 0 bytes, the file has 8"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tensors tensors = {0};
        struct err err = {0};

        assert_int_equal(parse(cases[i].json, strlen(cases[i].json), 8, &tensors, &err), -EINVAL);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
        vec_done(&tensors.list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_found_where_they_lie),
        cmocka_unit_test(each_prefix_is_refused),
        cmocka_unit_test(what_breaks_the_rules_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
