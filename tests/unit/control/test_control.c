#include "cluster.h"
#include "fake_kv.h"

static struct cluster *running(uint32_t nodes, uint32_t spares, uint32_t nproc)
{
    struct cluster *k = cluster_new(nodes, spares, nproc);

    control_starts(k);
    advance(k, 0.1);
    if (view_of(k).state != RUN_RUNNING)
        print_events(k);
    assert_int_equal(view_of(k).state, RUN_RUNNING);
    return k;
}

static void assert_text(const struct cluster *k, enum run_event_kind kind, const char *part)
{
    const struct run_event *event = last(k, kind);

    if (!event || str_find(event->text, part) < 0)
        fail_msg("no '%s' in '%s'", part, event ? event->text.p : "(no such event)");
}

static void a_run_goes_from_start_to_end(void **state)
{
    struct cluster *k = cluster_new(2, 0, 2);

    (void)state;
    control_starts(k);
    advance(k, 0.1);
    assert_int_equal(view_of(k).state, RUN_RUNNING);
    assert_int_equal(view_of(k).ranks_running, 4);
    for (uint32_t rank = 0; rank < 4; rank++)
        rank_ends(k, rank, 0, 0, "");
    pump(k);
    advance(k, 0.1);
    assert_int_equal(k->ended, 0);
    assert_int_equal(last(k, EV_ATTEMPT_ENDED)->a, 0);
    assert_int_equal(last(k, EV_RUN_ENDED)->a, 0);
    assert_string_equal(view_of(k).headline, "done: every rank exited 0");
    cluster_free(k);
}

static void the_first_death_aborts_and_the_run_goes_on(void **state)
{
    struct cluster *k = running(2, 0, 2);

    (void)state;
    rank_ends(k, 3, 1 << 8, 0, "ValueError: boom");
    assert_int_equal(view_of(k).state, RUN_ABORTING);
    assert_int_equal(count_sent(k, MSG_STOP), 2);
    advance(k, 0.1);
    assert_int_equal(last(k, EV_FAILED)->a, CAUSE_PROGRAM);
    assert_int_equal(last(k, EV_FAILED)->rank, 3);
    assert_text(k, EV_FAILED, "rank 3 on n002 exited 1 at");
    assert_text(k, EV_FAILED, "certain: ValueError: boom");
    assert_int_equal(view_of(k).state, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    assert_int_equal(count_events(k, EV_NODE_EXCLUDED), 0);
    cluster_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_goes_from_start_to_end),
        cmocka_unit_test(the_first_death_aborts_and_the_run_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
