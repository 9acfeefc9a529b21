/* A probe by itself: which tests, and what it prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/alone.h"

#include <jansson.h>

static void test_tests_are_named_or_all(void **state)
{
    static const char *const some[] = {"disk", "cpu"}, *const unknown[] = {"cpu", "cpus"},
                             *const of_two[] = {"pairs"}, *const of_a_run[] = {"clock"};
    struct err err;
    uint32_t all = alone_tests(NULL, 0, NULL);

    (void)state;
    assert_int_equal(alone_tests(some, 2, NULL), 1u << TEST_DISK | 1u << TEST_CPU);
    assert_true(all & 1u << TEST_LOOPBACK && all & 1u << TEST_NAMES);
    assert_false(all & 1u << TEST_PAIRS || all & 1u << TEST_CLOCK);
    assert_int_equal(alone_tests(unknown, 2, &err), 0);
    assert_true(str_glob("there is no test 'cpus'; tests of one machine are loopback, memory, *",
                         str_of(err.text)));
    assert_int_equal(alone_tests(of_two, 1, &err), 0);
    assert_true(str_glob("one machine alone can't make the test 'pairs'; *", str_of(err.text)));
    assert_int_equal(alone_tests(of_a_run, 1, &err), 0);
}

static struct told what_was_told(void)
{
    struct told told = {0};
    const struct telling telling = told_telling(&told);
    struct measure measure = {NULL,          0,     MEASURE_NOBODY, PHASE_ALONE, 0, "/tmp",
                              "ext4/direct", 0.002, 0.001,          0.5};
    struct fabric_trouble trouble = {TROUBLE_NAMES, TEST_NAMES, 0, MEASURE_NOBODY, "no way back"};

    measure.metric = metric_find(STR("disk.fsync"));
    telling.measure(telling.data, &measure);
    telling.trouble(telling.data, &trouble);
    return told;
}

static const struct card card = {
    .host = "n1", .ucx = "UCX 1.13.1 (tcp)", .has_ucx = true, .cpus = 2, .numa_nodes = 1};

static void test_the_table(void **state)
{
    struct told told = what_was_told();
    struct buf out = {0};

    (void)state;
    alone_print(&card, &told, &out);
    assert_string_equal(out.p,
                        "n1: 2 CPUs, 1 NUMA node, UCX 1.13.1 (tcp)\n"
                        "metric         part                   median          low         high\n"
                        "disk.fsync     /tmp                  2.00 ms      1.00 ms       500 ms  "
                        "ext4/direct\n"
                        "names: no way back\n");
    buf_done(&out);
    told_done(&told);
}

static void test_the_json(void **state)
{
    struct told told = what_was_told();
    struct buf out = {0};
    json_t *json;
    const char *host, *metric, *words;

    (void)state;
    alone_print_json(&card, &told, &out);
    json = json_loads(out.p, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_unpack(json, "{s:{s:s}, s:{s:[{s:s}], s:[{s:s}]}}", "card", "host", &host,
                                 "answer", "measures", "metric", &metric, "troubles", "words",
                                 &words),
                     0);
    assert_string_equal(host, "n1");
    assert_string_equal(metric, "disk.fsync");
    assert_string_equal(words, "no way back");
    json_decref(json);
    buf_done(&out);
    told_done(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tests_are_named_or_all),
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_the_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
