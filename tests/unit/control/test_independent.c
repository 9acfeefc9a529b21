/* Independent ranks: who dies ends nobody else, nothing is started again, and the end says how many
 * ended badly. */
#include "cluster.h"

#include <errno.h>

static struct cluster *apart(uint32_t nodes, uint32_t nproc)
{
    struct cluster *k = cluster_new(nodes, 0, nproc);

    k->job.independent = true;
    k->job.min_nodes = 1;
    return k;
}

static struct cluster *apart_running(uint32_t nodes, uint32_t nproc)
{
    struct cluster *k = apart(nodes, nproc);

    control_starts(k);
    advance(k, 0.1);
    assert_state(k, RUN_RUNNING);
    return k;
}

static void ends_with(struct cluster *k, enum run_cause cause, const char *headline)
{
    advance(k, 20);
    if (k->ended != run_exits[cause].code || !strstr(view_of(k).headline, headline)) {
        print_events(k);
        fail_msg("exit %d, not %d, or not '%s' in '%s'", k->ended, run_exits[cause].code, headline,
                 view_of(k).headline);
    }
    assert_int_equal(count_events(k, EV_ATTEMPT_BEGUN), 1);
    assert_int_equal(count_sent(k, MSG_STOP), 0);
    cluster_free(k);
}

static void all_that_exit_0_are_well(void **state)
{
    struct cluster *k = apart_running(3, 1);

    (void)state;
    for (uint32_t rank = 0; rank < 3; rank++) {
        rank_ends(k, rank, 0, 0, "");
        advance(k, 100); /* nobody waits for anybody */
    }
    ends_with(k, CAUSE_NONE, "done: every rank exited 0");
}

static void a_death_ends_nobody_else(void **state)
{
    struct cluster *k = apart_running(3, 2);

    (void)state;
    rank_ends(k, 2, 1 << 8, 0, "no such device");
    advance(k, 600);
    rank_ends(k, 4, SIGSEGV, 0, "");
    advance(k, 600);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).ranks_running, 4);
    for (uint32_t rank = 0; rank < 6; rank++)
        if (rank != 2 && rank != 4)
            rank_ends(k, rank, 0, 0, "");
    advance(k, 1);
    assert_says(k, EV_FAILED, "rank 2 on n002 exited 1");
    assert_int_equal(last(k, EV_FAILED)->a, CAUSE_PROGRAM);
    ends_with(k, CAUSE_PROGRAM, "no such device; 2 of 6 ranks ended badly");
}

static void a_lost_node_costs_its_own_ranks(void **state)
{
    struct cluster *k = apart_running(3, 2);

    (void)state;
    node_dies(k, 0);
    advance(k, 100);
    assert_state(k, RUN_RUNNING);
    for (uint32_t rank = 2; rank < 6; rank++)
        rank_ends(k, rank, 0, 0, "");
    advance(k, 1);
    assert_says(k, EV_FAILED, "n001 was lost");
    assert_int_equal(count_events(k, EV_NODE_STARTING), 3); /* not started again */
    ends_with(k, CAUSE_NODE, "; 2 of 6 ranks ended badly");
}

/* It was only cut off: nobody counts on its ranks any more. */
static void a_lost_node_that_comes_back_is_cleaned(void **state)
{
    struct cluster *k = apart_running(2, 1);

    (void)state;
    agent_link_breaks(k, 1, "no route");
    advance(k, 30);
    assert_int_equal(count_events(k, EV_NODE_LOST), 1);
    agent_connects(k, 1);
    advance(k, 1);
    assert_true(k->agents[1].empty);
    assert_state(k, RUN_RUNNING);
    rank_ends(k, 0, 0, 0, "");
    advance(k, 20);
    assert_int_equal(k->ended, run_exits[CAUSE_NODE].code);
    cluster_free(k);
}

static void ranks_that_cannot_start_leave_the_others(void **state)
{
    struct cluster *k = apart(3, 1);

    (void)state;
    k->agents[0].spawn_errno = ENOENT;
    control_starts(k);
    advance(k, 30);
    assert_state(k, RUN_RUNNING);
    rank_ends(k, 1, 0, 0, "");
    rank_ends(k, 2, 0, 0, "");
    ends_with(k, CAUSE_SPAWN, "n001: cannot start ./train: no such file; 1 of 3 ranks ended badly");
}

static void nobody_that_can_start_ends_it(void **state)
{
    struct cluster *k = apart(2, 2);

    (void)state;
    k->agents[0].spawn_errno = k->agents[1].spawn_errno = ENOENT;
    control_starts(k);
    ends_with(k, CAUSE_SPAWN, "n[001-002]: cannot start ./train: no such file; 4 of 4 ranks");
}

static void who_fails_to_start_is_not_waited_for(void **state)
{
    struct cluster *k = apart(4, 1);
    uint32_t count;

    (void)state;
    k->agents[1].broken = true;
    k->agents[3].broken = true;
    control_starts(k);
    advance(k, 0.5);
    assert_state(k, RUN_GATHERING); /* once may have been bad luck */
    advance(k, 2);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(count_events(k, EV_NODE_EXCLUDED), 2);
    assert_int_equal(last(k, EV_NODE_EXCLUDED)->node, 3);
    assert_says(k, EV_NODE_EXCLUDED, "connection refused");
    assert_int_equal(control_nodes(k->control, &count)[1], 2);
    assert_int_equal(count, 2);
    k->agents[3].broken = false;
    agent_begins(k, 3); /* too late: it is not needed */
    advance(k, 10);
    rank_ends(k, 0, 0, 0, "");
    rank_ends(k, 1, 0, 0, "");
    ends_with(k, CAUSE_NONE, "done");
}

static void who_says_nothing_has_the_whole_time(void **state)
{
    struct cluster *k = apart(3, 1);

    (void)state;
    k->agents[0].broken = true;
    k->agents[2].refuses_link = true; /* neither there nor known to have failed */
    control_starts(k);
    advance(k, 119);
    assert_state(k, RUN_GATHERING);
    advance(k, 2);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(count_events(k, EV_NODE_EXCLUDED), 2);
    assert_says(k, EV_NODE_EXCLUDED, "it did not come in time");
    rank_ends(k, 0, 0, 0, "");
    ends_with(k, CAUSE_NONE, "done");
}

static void too_few_is_said_soon(void **state)
{
    struct cluster *k = apart(3, 1);

    (void)state;
    k->job.min_nodes = 2;
    k->agents[0].broken = k->agents[1].broken = true;
    control_starts(k);
    advance(k, 15);
    assert_int_equal(k->ended, run_exits[CAUSE_NODES_SHORT].code);
    assert_says(k, EV_FAILED,
                "1 of the 2 nodes that are needed came; n[001-002]: connection refused");
    cluster_free(k);
}

static void a_stop_ends_all(void **state)
{
    struct cluster *k = apart_running(3, 1);

    (void)state;
    rank_ends(k, 1, 1 << 8, 0, "");
    control_wish(k->control, WISH_STOP, "Ctrl-C", k->now_ns);
    advance(k, 20);
    assert_int_equal(k->ended, run_exits[CAUSE_STOPPED].code);
    cluster_free(k);
}

/* START tells all the first node's address; when nobody is there to have one, they start without.
 */
static void the_first_node_keeps_nobody_waiting(void **state)
{
    struct cluster *k = apart(3, 1);

    (void)state;
    k->paused = true;
    control_starts(k);
    for (uint32_t i = 0; i < 3; i++) {
        agent_begins(k, i);
        k->agents[i].mute = true;
    }
    advance(k, 0.1);
    assert_state(k, RUN_SPAWNING);
    k->paused = false;
    k->agents[0].linked = k->agents[0].runs = false; /* with the controller */
    control_restarts(k);
    for (uint32_t i = 1; i < 3; i++) {
        k->agents[i].mute = false;
        agent_connects(k, i);
    }
    advance(k, 5);
    assert_state(k, RUN_SPAWNING);
    advance(k, 40);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(count_events(k, EV_NODE_LOST), 1);
    rank_ends(k, 1, 0, 0, "");
    rank_ends(k, 2, 0, 0, "");
    ends_with(k, CAUSE_NODE, "1 of 3 ranks ended badly");
}

static void a_controller_that_comes_back_goes_on(void **state)
{
    struct cluster *k = apart_running(3, 1);

    (void)state;
    rank_ends(k, 0, 3 << 8, 0, "bad disk");
    control_restarts(k);
    for (uint32_t i = 0; i < 3; i++)
        agent_connects(k, i);
    advance(k, 100);
    assert_state(k, RUN_RUNNING);
    rank_ends(k, 1, 0, 0, "");
    control_restarts(k);
    for (uint32_t i = 0; i < 3; i++)
        agent_connects(k, i);
    rank_ends(k, 2, 0, 0, "");
    ends_with(k, CAUSE_PROGRAM, "bad disk; 1 of 3 ranks ended badly");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_exit_0_are_well),
        cmocka_unit_test(a_death_ends_nobody_else),
        cmocka_unit_test(a_lost_node_costs_its_own_ranks),
        cmocka_unit_test(a_lost_node_that_comes_back_is_cleaned),
        cmocka_unit_test(ranks_that_cannot_start_leave_the_others),
        cmocka_unit_test(nobody_that_can_start_ends_it),
        cmocka_unit_test(who_fails_to_start_is_not_waited_for),
        cmocka_unit_test(who_says_nothing_has_the_whole_time),
        cmocka_unit_test(too_few_is_said_soon),
        cmocka_unit_test(a_stop_ends_all),
        cmocka_unit_test(the_first_node_keeps_nobody_waiting),
        cmocka_unit_test(a_controller_that_comes_back_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
