/* A node with itself, over UCX's TCP on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "peer/ucx_library.h"
#include "probe/carry.h"

#include <stdio.h>
#include <stdlib.h>

static const node_test tests[TEST_COUNT] = {[TEST_LOOPBACK] = probe_test_loopback};

static struct told run(const struct card *card)
{
    struct told told = {0};
    const struct telling telling = told_telling(&told);
    const struct probe probe = {.card = card,
                                .telling = &telling,
                                .rank = 3,
                                .ms = 10,
                                .deadline_ms = clock_now_ms() + 60000};

    assert_int_equal(carry_tests(&probe, tests, 1u << TEST_LOOPBACK, -1), 0);
    return told;
}

static void test_each_device_that_is_up(void **state)
{
    const struct card card = {.has_ucx = true,
                              .device_count = 3,
                              .devices = {{DEVICE_NET, "lo", true, 0, -1},
                                          {DEVICE_NET, "down0", false, 0, -1},
                                          {DEVICE_NET, "nosuch0", true, 0, -1}}};
    struct told told = run(&card);
    const struct measure *m = told.measures.items;

    (void)state;
    assert_int_equal(told.measures.count, 1);
    assert_string_equal(m->metric->name, "nic.loopback");
    assert_string_equal(m->part, "lo");
    assert_string_equal(m->via, "tcp/lo");
    assert_true(m->node == 3 && m->peer == MEASURE_NOBODY && m->bytes == 1 << 20);
    assert_true(m->low > 0 && m->low <= m->value && m->value <= m->high);
    assert_int_equal(told.troubles.count, 1);
    assert_string_equal(told.troubles.items[0].words,
                        "nosuch0 with itself: UCX has no device 'nosuch0' here");
    told_done(&told);
}

static void test_network_devices_only_where_there_is_no_rdma(void **state)
{
    const struct card card = {
        .has_ucx = true,
        .device_count = 2,
        .devices = {{DEVICE_NET, "lo", true, 0, -1}, {DEVICE_RDMA, "nosuch0:1", true, 5e10, -1}}};
    struct told told = run(&card);

    (void)state;
    assert_int_equal(told.measures.count, 0);
    assert_int_equal(told.troubles.count, 1);
    assert_string_equal(told.troubles.items[0].words,
                        "nosuch0:1 with itself: UCX has no device 'nosuch0:1' here");
    told_done(&told);
}

static void test_without_ucx_it_is_a_trouble(void **state)
{
    const struct card card = {.ucx = "no UCX"};
    struct told told = run(&card);

    (void)state;
    assert_int_equal(told.measures.count, 0);
    assert_int_equal(told.troubles.count, 1);
    assert_int_equal(told.troubles.items[0].kind, TROUBLE_TEST);
    assert_string_equal(told.troubles.items[0].words, "no UCX");
    told_done(&told);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_each_device_that_is_up),
        cmocka_unit_test(test_network_devices_only_where_there_is_no_rdma),
        cmocka_unit_test(test_without_ucx_it_is_a_trouble),
    };
    const struct ucx_library *ucx;
    struct err err;

    if (ucx_library_load(&ucx, &err) < 0) {
        (void)printf("skipped: %s\n", err.text);
        return 77;
    }
    return cmocka_run_group_tests(all, NULL, NULL);
}
