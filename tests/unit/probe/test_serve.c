/* A probe in a run, with tests that behave in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/probe/head.h"

#include <math.h>

static void good(const struct probe *probe)
{
    double values[] = {3, 1, 2};

    probe_tell(probe, "memory.read", MEASURE_NOBODY, 64, "numa0", NULL, values, 3);
}

static void hangs(const struct probe *probe)
{
    double value = 7;

    probe_tell(probe, "disk.fsync", MEASURE_NOBODY, 0, "/tmp", NULL, &value, 1);
    for (;;)
        (void)pause();
}

static void crashes(const struct probe *probe)
{
    (void)probe;
    (void)raise(SIGKILL);
}

static void leaves(const struct probe *probe)
{
    (void)probe;
    _exit(3);
}

static void divides_by_nothing(const struct probe *probe)
{
    double value = INFINITY;

    probe_tell(probe, "gpu.memory", MEASURE_NOBODY, 0, "gpu0", NULL, &value, 1);
}

static void floods(const struct probe *probe)
{
    for (double i = 0; i < ANSWER_MEASURES_MAX + 100; i++) {
        double value = i;

        probe_tell(probe, "cpu.matrix", MEASURE_NOBODY, 0, "cpu0", NULL, &value, 1);
    }
}

static const node_test tests[TEST_COUNT] = {
    [TEST_MEMORY] = good,     [TEST_DISK] = hangs,
    [TEST_NAMES] = crashes,   [TEST_GPU] = divides_by_nothing,
    [TEST_LOOPBACK] = leaves, [TEST_CPU] = floods,
};

static int start(void **state)
{
    struct head *head = calloc(1, sizeof(*head));

    head_start(head);
    head_start_probe(head, 0, tests);
    *state = head;
    return 0;
}

static int stop(void **state)
{
    head_stop(*state);
    free(*state);
    return 0;
}

static void test_the_card_comes_first_and_leave_ends_it(void **state)
{
    struct head *head = *state;
    const struct order leave = {.kind = ORDER_LEAVE};
    char key[ORDER_KEY_BYTES];
    struct card card;
    void *text;
    size_t len;

    assert_int_equal(store_client_get_any(&head->store, card_key(0, key), ORDER_BYTES_MAX, &text,
                                          &len, clock_now_ms() + HEAD_WAIT_MS, NULL),
                     0);
    assert_int_equal(card_read((struct str){text, len}, &card, NULL), 0);
    assert_string_equal(card.host, "test");
    free(text);
    head_order(head, 0, &leave);
    assert_int_equal(head_wait_probe(head, 0), 0);
    assert_int_equal(head_answer(head, 0).trouble_count, 0);
}

static void test_clocks_are_those_of_this_moment(void **state)
{
    struct head *head = *state;
    const struct order order = {.kind = ORDER_CLOCK, .limit_ms = 1000};
    int64_t before = clock_now_ns(), after;
    struct answer answer;

    head_order(head, 0, &order);
    answer = head_answer(head, 0);
    after = clock_now_ns();
    assert_true(answer.mono_ns >= before && answer.mono_ns <= after);
    assert_true(answer.wall_ns > (int64_t)1600000000 * 1000000000);
    assert_int_equal(answer.measure_count + answer.trouble_count, 0);
}

static void test_one_test_that_hangs_costs_no_other(void **state)
{
    struct head *head = *state;
    const struct order order = {.kind = ORDER_NODE,
                                .limit_ms = 2000,
                                .tests = 1u << TEST_MEMORY | 1u << TEST_DISK | 1u << TEST_NAMES |
                                         1u << TEST_GPU | 1u << TEST_LOOPBACK | 1u << TEST_PAIRS};
    static const struct {
        enum trouble_kind kind;
        enum test test;
        const char *words;
    } want[] = {
        {TROUBLE_TEST, TEST_LOOPBACK, "the test 'loopback' ended by exit status 3"},
        {TROUBLE_HUNG, TEST_DISK, "the test 'disk' did not end in * s and was killed"},
        {TROUBLE_TEST, TEST_NAMES, "the test 'names' ended by signal 9 (Killed)"},
        {TROUBLE_TEST, TEST_GPU, "gpu.memory came to no number"},
    };
    struct answer answer;

    head_order(head, 0, &order);
    answer = head_answer(head, 0);
    assert_int_equal(answer.measure_count, 2); /* also of the test that hung after it */
    assert_string_equal(answer.measures[0].metric->name, "memory.read");
    assert_string_equal(answer.measures[0].part, "numa0");
    assert_int_equal(answer.measures[0].peer, MEASURE_NOBODY);
    assert_true(answer.measures[0].low == 1 && answer.measures[0].value == 2 &&
                answer.measures[0].high == 3);
    assert_string_equal(answer.measures[1].metric->name, "disk.fsync");
    assert_int_equal(answer.trouble_count, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(answer.troubles[i].kind, want[i].kind);
        assert_int_equal(answer.troubles[i].test, want[i].test);
        assert_true(str_glob(want[i].words, str_of(answer.troubles[i].words)));
    }
}

static void test_what_is_told_has_a_bound(void **state)
{
    struct head *head = *state;
    const struct order order = {
        .kind = ORDER_NODE, .limit_ms = HEAD_WAIT_MS, .tests = 1u << TEST_CPU};

    head_order(head, 0, &order);
    assert_int_equal(head_answer(head, 0).measure_count, ANSWER_MEASURES_MAX);
}

static void test_garbage_is_answered_with_the_reason(void **state)
{
    struct head *head = *state;
    const struct order order = {.kind = ORDER_CLOCK};
    struct answer answer;

    head_order_text(head, 0, "{\"do\":\"dance\"}");
    answer = head_answer(head, 0);
    assert_int_equal(answer.trouble_count, 1);
    assert_int_equal(answer.troubles[0].kind, TROUBLE_TEST);
    assert_string_equal(answer.troubles[0].words, "order: do: there is no 'dance'");
    head_order(head, 0, &order); /* and it goes on */
    assert_int_equal(head_answer(head, 0).trouble_count, 0);
}

static void test_without_ucx_a_pair_is_a_trouble(void **state)
{
    struct head *head = *state;
    const struct order order = {.kind = ORDER_PAIR, .limit_ms = 1000, .peer = 5};
    struct answer answer;

    head->card.has_ucx = false;
    (void)snprintf(head->card.ucx, sizeof(head->card.ucx), "install the package libucx0");
    head_start_probe(head, 1, tests);
    head_order(head, 1, &order);
    answer = head_answer(head, 1);
    assert_int_equal(answer.trouble_count, 1);
    assert_int_equal(answer.troubles[0].kind, TROUBLE_TEST);
    assert_int_equal(answer.troubles[0].peer, 5);
    assert_string_equal(answer.troubles[0].words, "install the package libucx0");
}

static void test_it_leaves_when_the_store_is_gone(void **state)
{
    struct head *head = *state;
    const struct order order = {
        .kind = ORDER_NODE, .limit_ms = ORDER_MS_MAX, .tests = 1u << TEST_DISK};
    char key[ORDER_KEY_BYTES];
    void *text;
    size_t len;

    head_start_probe(head, 1,
                     tests); /* one may be in the middle of a test, one waits for an order */
    head_order(head, 1, &order);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(store_client_get_any(&head->store, card_key(i, key), ORDER_BYTES_MAX,
                                              &text, &len, clock_now_ms() + HEAD_WAIT_MS, NULL),
                         0);
        free(text);
    }
    (void)kill(head->server->pid, SIGKILL);
    assert_int_equal(head_wait_probe(head, 0), 1);
    assert_int_equal(head_wait_probe(head, 1), 1);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(test_the_card_comes_first_and_leave_ends_it, start, stop),
        cmocka_unit_test_setup_teardown(test_clocks_are_those_of_this_moment, start, stop),
        cmocka_unit_test_setup_teardown(test_one_test_that_hangs_costs_no_other, start, stop),
        cmocka_unit_test_setup_teardown(test_what_is_told_has_a_bound, start, stop),
        cmocka_unit_test_setup_teardown(test_garbage_is_answered_with_the_reason, start, stop),
        cmocka_unit_test_setup_teardown(test_without_ucx_a_pair_is_a_trouble, start, stop),
        cmocka_unit_test_setup_teardown(test_it_leaves_when_the_store_is_gone, start, stop),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
