#include "cluster.h"
#include "fake_kv.h"

static void ranks_that_never_connected_are_named(void **state)
{
    struct cluster *k = cluster_running(3, 0, 4);

    (void)state;
    status_is(k, 0, -1, -1, 1, true, "");
    status_is(k, 2, -1, -1, 1, true, "");
    advance(k, 9);
    assert_int_equal(count_events(k, EV_WAITING), 0);
    advance(k, 2.5);
    assert_says(k, EV_WAITING, "waiting for ranks 4-7 (n002): never connected");
    assert_string_equal(view_of(k).waiting, "waiting for ranks 4-7 (n002): never connected");
    advance(k, 100);
    assert_int_equal(count_events(k, EV_WAITING), 1);
    status_is(k, 1, -1, -1, 1, true, "");
    advance(k, 2);
    assert_string_equal(view_of(k).waiting, "");
    assert_int_equal(count_events(k, EV_RENDEZVOUS), 1);
    cluster_free(k);
}

static void ranks_that_connect_one_after_the_other_are_not_missed(void **state)
{
    struct cluster *k = cluster_running(3, 0, 1);

    (void)state;
    for (uint32_t node = 0; node < 3; node++) {
        advance(k, 8); /* so long may importing PyTorch take, and not for all at once */
        status_is(k, node, -1, -1, 1, true, "");
    }
    assert_int_equal(count_events(k, EV_WAITING), 0);
    cluster_free(k);
}

static void programs_that_never_connect_are_not_waited_for(void **state)
{
    struct cluster *k = cluster_running(2, 0, 1);

    (void)state;
    advance(k, 100);
    assert_int_equal(count_events(k, EV_WAITING), 0);
    cluster_free(k);
}

static void a_key_that_nobody_sets_is_named_with_those_who_wait(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);

    (void)state;
    fake_wait =
        (struct kv_wait){.key = STR("/barrier/7"), .nodes = 1, .since_ms = k->now_ns / MS_NS};
    fake_waits = 1;
    status_is(k, 0, -1, -1, 1, true, "/barrier/7");
    status_is(k, 1, -1, -1, 1, true, "");
    advance(k, 12);
    assert_says(k, EV_WAITING, "ranks 0-1 wait for key /barrier/7 that nobody has set");
    fake_waits = 0;
    cluster_free(k);
}

static void nodes_that_do_not_come_are_named(void **state)
{
    struct cluster *k = cluster_new(2, 0, 1);

    (void)state;
    k->agents[1].broken = true;
    control_starts(k);
    advance(k, 5);
    assert_string_equal(view_of(k).headline, "starting: waiting for n002: connection refused");
    assert_int_equal(count_events(k, EV_WAITING), 0);
    advance(k, 7);
    assert_int_equal(count_events(k, EV_WAITING), 1);
    advance(k, 100);
    assert_int_equal(count_events(k, EV_WAITING), 1); /* nothing new */
    cluster_free(k);
}

static void the_view_says_where_training_is(void **state)
{
    struct cluster *k = cluster_running(1, 0, 2);
    struct control_view view;

    (void)state;
    for (int i = 0; i <= 20; i++) {
        status_is(k, 0, 400 + 2 * i, 1000 * i, 2, true, "");
        advance(k, 1);
    }
    view = view_of(k);
    assert_string_equal(view.headline, "training: step 440 of 1000, loss 2.31");
    assert_string_equal(view.phase, "step");
    assert_int_equal(view.step, 440);
    assert_int_equal(view.total, 1000);
    assert_int_equal(view.tokens_per_s, 2000); /* two ranks */
    assert_int_equal(view.eta_s, 280);
    assert_int_equal(view.nodes_up, 1);
    assert_int_equal(view.ranks_running, 2);
    assert_true(fabs(view.loss - 2.31) < 1e-9);
    cluster_free(k);
}

static void a_metric_is_one_per_new_step_and_ten_a_second(void **state)
{
    struct cluster *k = cluster_running(2, 0, 1);

    (void)state;
    for (int i = 0; i < 100; i++) {
        status_is(k, 1, i, -1, 2, true, ""); /* rank 0 says no step: rank 1 speaks for all */
        advance(k, 0.05);
    }
    assert_in_range(k->metrics.count, 45, 51);
    for (size_t i = 1; i < k->metrics.count; i++)
        assert_true(k->metrics.items[i].step > k->metrics.items[i - 1].step);
    k->metrics.count = 0;
    for (int i = 0; i < 10; i++) {
        status_is(k, 0, 500, -1, 2, true, "");
        status_is(k, 1, 600 + i, -1, 2, true, "");
        advance(k, 1);
    }
    assert_int_equal(k->metrics.count, 1);
    assert_int_equal(k->metrics.items[0].step, 500);
    cluster_free(k);
}

static struct cluster *stepping(double hang_s)
{
    struct cluster *k = cluster_new(2, 0, 2);

    k->job.hang_s = hang_s;
    control_starts(k);
    advance(k, 0.1);
    for (int i = 0; i < 5; i++) {
        status_is(k, 0, 10 + i, -1, 2, true, "");
        status_is(k, 1, 10 + i, -1, 2, true, "");
        advance(k, 1);
    }
    return k;
}

static void a_hang_is_named_and_restarted(void **state)
{
    struct cluster *k = stepping(30);

    (void)state;
    status_is(k, 0, 15, -1, 2, true, "grad/3");
    advance(k, 29);
    assert_int_equal(count_events(k, EV_HANG), 0);
    advance(k, 2.5);
    assert_int_equal(count_events(k, EV_HANG), 1);
    assert_says(k, EV_HANG,
                "ranks 2-3 (n002) did not reach step 15, where 2 are; "
                "ranks 0-1 wait for key grad/3");
    assert_int_equal(last(k, EV_FAILED)->a, CAUSE_HANG);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    cluster_free(k);
}

static void no_step_yet_and_long_checkpoints_are_no_hangs(void **state)
{
    struct cluster *k = cluster_new(1, 0, 1);

    (void)state;
    k->job.hang_s = 30;
    control_starts(k);
    advance(k, 300); /* it loads */
    assert_int_equal(count_events(k, EV_HANG), 0);
    cluster_free(k);

    k = stepping(30);
    status_is(k, 0, 15, -1, 3, true, "");
    advance(k, 300); /* it saves */
    assert_int_equal(count_events(k, EV_HANG), 0);
    status_is(k, 0, 15, -1, 2, true, "");
    cluster_free(k);

    k = stepping(0); /* not watched */
    advance(k, 3000);
    assert_int_equal(count_events(k, EV_HANG), 0);
    cluster_free(k);
}

static void a_wrong_status_does_no_harm(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);
    int64_t odd[3] = {INT64_MAX, INT64_MIN, -7};
    struct message message = {.id = MSG_STATUS,
                              .status = {.attempt = 1,
                                         .step = {odd, 3},
                                         .tokens = {odd, 1},
                                         .phase = {odd, 3},
                                         .connected = {odd, 3}}};

    (void)state;
    hand_over(k, 0, &message);
    message.status.attempt = 7;
    hand_over(k, 1, &message);
    message.status = (struct msg_status){.attempt = 1};
    hand_over(k, 1, &message);
    (void)view_of(k);
    assert_state(k, RUN_RUNNING);
    cluster_free(k);
}

/* An agent leaves a controller of which it hears nothing for so long. */
static void a_quiet_agent_hears_often_enough_that_the_controller_lives(void **state)
{
    static const double timeouts_s[] = {0.5, 2, 10};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(timeouts_s); i++) {
        struct cluster *k = cluster_new(1, 0, 1);
        uint32_t before;

        k->job.node_timeout_s = timeouts_s[i];
        control_starts(k);
        advance(k, 0.1);
        assert_state(k, RUN_RUNNING);
        for (int part = 0; part < 20; part++) {
            before = count_sent(k, MSG_PING);
            advance(k, timeouts_s[i] / 2);
            if (count_sent(k, MSG_PING) == before)
                fail_msg("no PING for %g of %g s, part %d", timeouts_s[i] / 2, timeouts_s[i], part);
        }
        cluster_free(k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_that_never_connected_are_named),
        cmocka_unit_test(ranks_that_connect_one_after_the_other_are_not_missed),
        cmocka_unit_test(programs_that_never_connect_are_not_waited_for),
        cmocka_unit_test(a_key_that_nobody_sets_is_named_with_those_who_wait),
        cmocka_unit_test(nodes_that_do_not_come_are_named),
        cmocka_unit_test(the_view_says_where_training_is),
        cmocka_unit_test(a_metric_is_one_per_new_step_and_ten_a_second),
        cmocka_unit_test(a_hang_is_named_and_restarted),
        cmocka_unit_test(no_step_yet_and_long_checkpoints_are_no_hangs),
        cmocka_unit_test(a_wrong_status_does_no_harm),
        cmocka_unit_test(a_quiet_agent_hears_often_enough_that_the_controller_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
