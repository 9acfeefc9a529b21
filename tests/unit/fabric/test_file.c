#include "unit/fabric/measured.h"

#include "fabric/file.h"

#include <errno.h>
#include <math.h>

#define HEAD "{\"firstlight_fabric\":1,"
#define NODES                                                                                      \
    "\"nodes\":[{\"name\":\"n1\",\"fate\":\"well\"},{\"name\":\"n2\",\"fate\":\"hung\","           \
    "\"words\":\"no answer\",\"group\":\"leaf1\"}],"
#define MEASURE                                                                                    \
    "{\"metric\":\"pair.bandwidth\",\"node\":\"n1\",\"peer\":\"n2\",\"phase\":\"together\","       \
    "\"bytes\":1048576,\"via\":\"tcp/eth0\",\"value\":1e9,\"low\":9e8,\"high\":1.1e9}"
#define GOOD                                                                                       \
    HEAD "\"id\":\"f-1\",\"began_ns\":5,\"level\":\"full\",\"tests\":[\"pairs\"]," NODES           \
         "\"suspects\":[{\"a\":[1,\"}\",{}]}],\"measures\":[" MEASURE "],"                         \
         "\"troubles\":[{\"kind\":\"hung\",\"test\":\"pairs\",\"node\":\"n2\",\"peer\":\"n1\","    \
         "\"words\":\"w\"}]}"

static int read_text(const char *text, size_t len, struct fabric_result **out, struct err *err)
{
    char *exact = malloc(len ? len : 1); /* so that a byte behind it is seen */
    int r;

    assert_non_null(exact);
    memcpy(exact, text, len);
    *out = NULL;
    r = result_read_json((struct str){exact, len}, "a.json", out, err);
    free(exact);
    return r;
}

static void a_result_comes_back_as_it_was(void **state)
{
    struct fabric_result *result = MEASURED(.nodes = 4, .slow = 2, .share = 0.4), *back;
    const struct fabric_trouble trouble = {TROUBLE_NAMES, TEST_NAMES, 2, MEASURE_NOBODY,
                                           "n003 leads to \"10.0.0.9\"\n"};
    struct buf text = {0}, again = {0};
    struct err err = {0};

    (void)state;
    assert_int_equal(result_add_trouble(result, &trouble, NULL), 0);
    assert_int_equal(result_set_fate(result, 3, NODE_DIED, "gone", NULL), 0);
    result->measures.items[1].value = NAN; /* is in no file */
    result_print_json(result, &text);
    assert_null(strstr(text.p, "nan"));
    if (read_text(text.p, text.len, &back, &err) < 0)
        fail_msg("%s", err.text);
    result_print_json(back, &again);
    assert_string_equal(text.p, again.p);
    assert_string_equal(back->id, "fabric-bcdfg");
    assert_int_equal(back->began_ns, result->began_ns);
    assert_int_equal(back->ended_ns, result->ended_ns);
    assert_int_equal(back->tests, result->tests);
    assert_true(back->whole);
    assert_int_equal(back->rounds, 3);
    assert_int_equal(back->pairs_done, 6);
    assert_int_equal(back->nodes.count, 4);
    assert_int_equal(back->measures.count, result->measures.count - 1);
    assert_true(back->measures.items[0].value == result->measures.items[0].value);
    assert_string_equal(back->nodes.items[3].words, "gone");
    assert_int_equal(back->nodes.items[2].card.device_count, 1);
    assert_true(back->nodes.items[2].card.devices[0].rate == 12.5e9);
    assert_string_equal(back->troubles.items[0].words, trouble.words);
    assert_int_equal(back->troubles.items[0].peer, MEASURE_NOBODY);
    buf_done(&text);
    buf_done(&again);
    result_free(result);
    result_free(back);
}

static void keys_in_any_order_and_unknown_ones_are_no_trouble(void **state)
{
    static const char sorted[] = "{\"measures\":[" MEASURE "]," NODES "\"firstlight_fabric\":1}";
    struct fabric_result *result;
    struct err err = {0};

    (void)state;
    assert_int_equal(read_text(GOOD, strlen(GOOD), &result, &err), 0);
    assert_string_equal(result->id, "f-1");
    assert_int_equal(result->level, LEVEL_FULL);
    assert_int_equal(result->nodes.items[1].fate, NODE_HUNG);
    assert_string_equal(result->nodes.items[1].group, "leaf1");
    assert_int_equal(result->measures.items[0].phase, PHASE_TOGETHER);
    assert_int_equal(result->measures.items[0].peer, 1);
    assert_int_equal(result->troubles.items[0].peer, 0);
    result_free(result);
    assert_int_equal(read_text(sorted, strlen(sorted), &result, &err), 0);
    assert_int_equal(result->measures.count, 1);
    result_free(result);
}

static void every_beginning_of_a_file_is_a_sentence(void **state)
{
    struct fabric_result *result;

    (void)state;
    for (size_t len = 0; len < strlen(GOOD); len++) {
        struct err err = {0};

        assert_int_equal(read_text(GOOD, len, &result, &err), -EPROTO);
        assert_null(result);
        if (len && strcmp(err.text, "a.json: the file is cut off at line 1") != 0)
            fail_msg("%zu bytes: %s", len, err.text);
    }
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"[]", "a.json: not the result of a fabric test"},
        {"{\"nodes\":[]}", "a.json: not the result of a fabric test"},
        {"\x7f"
         "ELF",
         "a.json: not the result of a fabric test"},
        {"{\"firstlight_fabric\":2,\"nodes\":7}",
         "a.json: written by a newer firstlight (file version 2, this one reads 1)"},
        {"{\"id\":[[{\"x\":1}]],\"firstlight_fabric\":30}",
         "a.json: written by a newer firstlight (file version 30, this one reads 1)"},
        {"{\"firstlight_fabric\":\"1\"}", "a.json: firstlight_fabric is no version"},
        {HEAD "\n\"nodes\":[{\"name\":\"n1\",\"fate\":\"well\"},\n{\"name\":\"n1\","
              "\"fate\":\"well\"}]}",
         "a.json: line 3: node: a second 'n1'"},
        {HEAD "\"nodes\":[{\"name\":\"n1\",\"fate\":\"lost\"}]}",
         "a.json: line 1: node: fate: there is no 'lost'"},
        {HEAD NODES "\n\"measures\":[\n{\"metric\":\"pair.bandwith\"}]}",
         "a.json: line 3: measure: metric: there is no 'pair.bandwith'"},
        {HEAD NODES "\"measures\":[{\"metric\":\"memory.read\",\"node\":\"n3\",\"value\":1,"
                    "\"low\":1,\"high\":1}]}",
         "a.json: line 1: measure: node: there is no node 'n3'"},
        {HEAD NODES "\"measures\":[{\"metric\":\"memory.read\",\"node\":\"n1\",\"value\":1,"
                    "\"low\":2,\"high\":3}]}",
         "a.json: line 1: measure: value 1 is not between low 2 and high 3"},
        {HEAD NODES "\"measures\":[{\"metric\":\"pair.both\",\"node\":\"n1\",\"value\":1,"
                    "\"low\":1,\"high\":1}]}",
         "a.json: line 1: measure: pair.both without a peer"},
        {HEAD NODES "\"measures\":[{\"metric\":\"cpu.matrix\",\"node\":\"n1\",\"peer\":\"n2\","
                    "\"value\":1,\"low\":1,\"high\":1}]}",
         "a.json: line 1: measure: cpu.matrix with a peer"},
        {HEAD NODES "\"measures\":[{\"metric\":\"pair.both\",\"node\":\"n1\",\"peer\":\"n1\","
                    "\"value\":1,\"low\":1,\"high\":1}]}",
         "a.json: line 1: measure: node and peer are one"},
        {HEAD NODES "\"measures\":[7]}", "a.json: line 1: measure: no JSON object"},
        {HEAD NODES "\"measures\":7}", "a.json: line 1: expected a list"},
        {HEAD "\"began_ns\":-3}",
         "a.json: began_ns is no whole number from 0 to 9200000000000000000"},
        {HEAD "\"x\":[}]}", "a.json: line 1: expected a value"},
        {HEAD "\"x\" 3}", "a.json: line 1: expected ':'"},
        {HEAD "\"x\":3 \"y\":4}", "a.json: line 1: expected ',' or '}'"},
        {GOOD "\n\n more", "a.json: line 3: expected nothing behind the last '}'"},
    };
    struct fabric_result *result;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};

        assert_int_equal(read_text(cases[i].text, strlen(cases[i].text), &result, &err), -EPROTO);
        assert_string_equal(err.text, cases[i].want);
    }
}

static void a_table_has_a_row_for_each_measure(void **state)
{
    struct fabric_result *result;
    struct measure memory = {.metric = metric_find(STR("memory.read")),
                             .node = 1,
                             .peer = MEASURE_NOBODY,
                             .part = "numa0,\"x\"",
                             .value = 4e10,
                             .low = 3.5e10,
                             .high = 4e10};
    struct buf out = {0};

    (void)state;
    assert_int_equal(read_text(GOOD, strlen(GOOD), &result, NULL), 0);
    assert_int_equal(result_add_measure(result, &memory, NULL), 0);
    memory.value = NAN;
    assert_int_equal(result_add_measure(result, &memory, NULL), 0);
    result_print_csv(result, &out);
    assert_string_equal(
        out.p, "test,metric,unit,phase,node,peer,part,via,bytes,value,low,high\n"
               "pairs,pair.bandwidth,B/s,together,n1,n2,,tcp/eth0,1048576,1e+09,900000000,1.1e+09\n"
               "memory,memory.read,B/s,,n2,,\"numa0,\"\"x\"\"\",,0,4e+10,3.5e+10,4e+10\n");
    buf_done(&out);
    result_free(result);
}

static void texts_in_json_are_always_utf_8(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a\"b\\\x01\n", "\"a\\\"b\\\\\\u0001\\u000a\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xff\xc3", "\"??\""},
        {"\xc0\x80\xed\xa0\x80", "\"?????\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {0};

        file_print_text(cases[i].text, &out);
        assert_string_equal(out.p, cases[i].want);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_comes_back_as_it_was),
        cmocka_unit_test(keys_in_any_order_and_unknown_ones_are_no_trouble),
        cmocka_unit_test(every_beginning_of_a_file_is_a_sentence),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(a_table_has_a_row_for_each_measure),
        cmocka_unit_test(texts_in_json_are_always_utf_8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
