#include "cluster.h"
#include "fake_kv.h"

#include <errno.h>

static void a_run_goes_from_start_to_end(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);

    (void)state;
    assert_int_equal(view_of(k).ranks_running, 4);
    for (uint32_t rank = 0; rank < 4; rank++)
        rank_ends(k, rank, 0, 0, "");
    advance(k, 0.1);
    assert_int_equal(k->ended, 0);
    assert_int_equal(last(k, EV_ATTEMPT_ENDED)->a, 0);
    assert_int_equal(last(k, EV_RUN_ENDED)->a, 0);
    assert_string_equal(view_of(k).headline, "done: every rank exited 0");
    assert_int_equal(view_of(k).exit_code, 0);
    cluster_free(k);
}

static void a_clock_is_asked_for_before_there_is_work(void **state)
{
    struct cluster *k = cluster_running(1, 0, 2);
    size_t ping = 0, start = 0;

    (void)state;
    for (size_t i = k->queue.count; i-- > 0;) {
        if (k->queue.items[i].kind != SENT_MESSAGE)
            continue;
        ping = k->queue.items[i].message.id == MSG_PING ? i : ping;
        start = k->queue.items[i].message.id == MSG_START ? i : start;
    }
    assert_true(ping && start);
    assert_true(ping < start);
    cluster_free(k);
}

static void ranks_may_end_well_at_different_times(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);

    (void)state;
    rank_ends(k, 0, 0, 0, "");
    rank_ends(k, 1, 0, 0, "");
    advance(k, 3600);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).ranks_running, 2);
    assert_int_equal(count_sent(k, MSG_STOP), 0);
    cluster_free(k);
}

static void the_first_death_aborts_at_once_and_the_next_attempt_runs(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);

    (void)state;
    k->paused = true;
    rank_ends(k, 3, 1 << 8, 0, "ValueError: boom");
    assert_state(k, RUN_ABORTING);
    assert_int_equal(count_sent(k, MSG_STOP), 2);
    k->paused = false;
    advance(k, 0.1);
    assert_int_equal(last(k, EV_FAILED)->a, CAUSE_PROGRAM);
    assert_int_equal(last(k, EV_FAILED)->rank, 3);
    assert_says(k, EV_FAILED, "rank 3 on n002 exited 1 at");
    assert_says(k, EV_FAILED, "certain: ValueError: boom");
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    assert_int_equal(count_events(k, EV_NODE_EXCLUDED), 0);
    cluster_free(k);
}

static void our_own_kills_are_consequences(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);

    (void)state;
    rank_ends(k, 1, SIGSEGV, 0, "");
    advance(k, 0.1);
    assert_int_equal(last(k, EV_FAILED)->rank, 1);
    assert_int_equal(last(k, EV_FAILED)->a, CAUSE_SIGNAL);
    assert_int_equal(last(k, EV_FAILED)->c, 0); /* no other death of its own */
    for (size_t i = 0; i < k->events.count; i++)
        if (k->events.items[i].kind == EV_RANK_EXITED)
            assert_int_equal(k->events.items[i].b, k->events.items[i].rank == 1 ? 0 : 1);
    cluster_free(k);
}

static void ranks_that_only_their_agents_ended_are_said_so(void **state)
{
    struct cluster *k = cluster_running(1, 0, 1);

    (void)state;
    rank_ends(k, 0, SIGTERM, 1, "");
    advance(k, 0.1);
    assert_int_equal(last(k, EV_FAILED)->a, CAUSE_LOST_CONTROL);
    cluster_free(k);
}

static void deaths_are_put_in_order_by_measured_clocks(void **state)
{
    struct cluster *k = cluster_running(2, 0, 1);
    int64_t died_at = k->now_ns;

    (void)state;
    k->now_ns += 300 * MS_NS;
    k->paused = true;
    agent_says(
        k, 0,
        (struct msg_event){
            .kind = AGENT_RANK_EXITED, .rank = 0, .a = 1 << 8, .at_ns = died_at + 212 * MS_NS});
    agent_says(k, 1,
               (struct msg_event){.kind = AGENT_RANK_EXITED,
                                  .rank = 1,
                                  .a = 2 << 8,
                                  .at_ns = died_at + k->agents[1].offset_ns});
    agent_empties(k, 0);
    agent_empties(k, 1);
    k->paused = false;
    advance(k, 0.1);
    assert_int_equal(last(k, EV_FAILED)->rank, 1);
    assert_int_equal(last(k, EV_FAILED)->c, 212 * MS_NS);
    assert_says(k, EV_FAILED, "rank 1 on n002 exited 2 at ");
    assert_says(k, EV_FAILED, ", 212 ms before the next; certain");
    cluster_free(k);
}

static void a_program_that_is_nowhere_is_said_once_and_ends_the_run(void **state)
{
    struct cluster *k = cluster_new(8, 0, 4);
    uint32_t told = 0;

    (void)state;
    for (uint32_t i = 0; i < 8; i++)
        k->agents[i].spawn_errno = ENOENT;
    control_starts(k);
    advance(k, 1);
    assert_int_equal(k->ended, run_exits[CAUSE_SPAWN].code);
    assert_int_equal(view_of(k).attempt, 1);
    for (size_t i = 0; i < k->events.count; i++)
        told += k->events.items[i].kind == EV_SPAWN_FAILED && k->events.items[i].text.len;
    assert_int_equal(told, 1);
    assert_says(k, EV_FAILED, "cannot start ./train: no such file");
    cluster_free(k);
}

static void a_node_that_cannot_spawn_is_left_out_for_a_spare(void **state)
{
    struct cluster *k = cluster_new(3, 1, 2);

    (void)state;
    k->agents[1].spawn_errno = ENOENT;
    control_starts(k);
    advance(k, 1);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    assert_int_equal(last(k, EV_NODE_EXCLUDED)->node, 1);
    assert_says(k, EV_NODE_SWAPPED, "ranks 2-3: n002 -> n004");
    cluster_free(k);
}

static void a_polite_stop_ends_with_its_own_code(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);

    (void)state;
    control_wish(k->control, WISH_STOP, "Ctrl-C", k->now_ns);
    assert_state(k, RUN_STOPPING);
    assert_int_equal(k->queue.items[k->queue.count - 1].message.stop.how, STOP_POLITE);
    assert_int_equal(k->queue.items[k->queue.count - 1].message.stop.grace_ms, 60000);
    advance(k, 0.1);
    assert_int_equal(k->ended, run_exits[CAUSE_STOPPED].code);
    assert_int_equal(last(k, EV_ATTEMPT_ENDED)->a, 2);
    assert_string_equal(view_of(k).headline, "stopped: Ctrl-C");
    cluster_free(k);
}

static void force_after_a_polite_stop_kills(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);

    (void)state;
    k->agents[0].mute = true;
    control_wish(k->control, WISH_STOP, "Ctrl-C", k->now_ns);
    advance(k, 5);
    assert_state(k, RUN_STOPPING);
    k->agents[0].mute = false;
    control_wish(k->control, WISH_KILL, "Ctrl-C twice", k->now_ns);
    assert_int_equal(k->queue.items[k->queue.count - 1].message.stop.how, STOP_KILL);
    advance(k, 0.1);
    assert_int_equal(k->ended, run_exits[CAUSE_KILLED].code);
    cluster_free(k);
}

/* A scheduler that cancels a job ends agents and controller at once. */
static void an_agent_that_has_ended_is_not_awaited(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);

    (void)state;
    k->agents[0].mute = true;
    control_wish(k->control, WISH_STOP, "SIGTERM", k->now_ns);
    advance(k, 0.1);
    k->agents[1].runs = false;
    k->agents[1].broken = true;
    agent_link_breaks(k, 1, "closed by the peer");
    k->agents[0].mute = false;
    control_wish(k->control, WISH_KILL, "again", k->now_ns);
    advance(k, 0.1);
    assert_state(k, RUN_LEAVING);
    control_agent_failed(k->control, 1, "the agent ended", k->now_ns);
    assert_int_equal(k->ended, run_exits[CAUSE_KILLED].code);
    cluster_free(k);
}

static void a_stop_in_every_state_ends_the_run(void **state)
{
    (void)state;
    for (int when = 0; when < 4; when++) {
        struct cluster *k = cluster_new(2, 0, 2);

        if (when == 0)
            k->agents[1].broken = true; /* gathering */
        if (when == 1)
            k->agents[1].mute = true; /* spawning */
        control_starts(k);
        advance(k, 0.1);
        if (when == 3) { /* aborting */
            k->agents[1].mute = true;
            rank_ends(k, 0, 1 << 8, 0, "");
            pump(k);
            assert_state(k, RUN_ABORTING);
        }
        control_wish(k->control, WISH_STOP, "enough", k->now_ns);
        k->agents[1].mute = false;
        advance(k, 700);
        assert_int_equal(k->ended, run_exits[CAUSE_STOPPED].code);
        cluster_free(k);
    }
}

static void ranks_that_do_not_go_are_given_up_in_time(void **state)
{
    struct cluster *k = cluster_running(2, 0, 1);

    (void)state;
    k->agents[1].mute = true; /* it answers PING but its ranks hang in the kernel */
    rank_ends(k, 0, 1 << 8, 0, "");
    advance(k, 12);
    assert_state(k, RUN_ABORTING);
    advance(k, 2);
    assert_int_equal(last(k, EV_NODE_LOST)->node, 1);
    assert_int_equal(last(k, EV_ATTEMPT_ENDED)->a, 1);
    assert_int_equal(last(k, EV_FAILED)->rank, 0);
    cluster_free(k);
}

static void the_time_limit_stops_in_time_to_save(void **state)
{
    struct cluster *k = cluster_running(1, 0, 1);

    (void)state;
    control_time_limit(k->control, k->now_ns + WALL_NS + 600 * SECOND_NS);
    advance(k, 500);
    assert_state(k, RUN_RUNNING);
    k->agents[0].mute = true;
    advance(k, 11);
    assert_state(k, RUN_STOPPING); /* 60 s of grace and 30 s before the end */
    k->agents[0].mute = false;
    control_wish(k->control, WISH_STOP, "me too", k->now_ns);
    rank_ends(k, 0, 0, 0, "");
    advance(k, 1);
    assert_int_equal(k->ended, run_exits[CAUSE_TIME_LIMIT].code);
    cluster_free(k);
}

static void a_save_is_asked_of_every_node_and_ends_nothing(void **state)
{
    struct cluster *k = cluster_running(2, 0, 1);

    (void)state;
    control_wish(k->control, WISH_SAVE, "me", k->now_ns);
    assert_int_equal(count_sent(k, MSG_STOP), 2);
    assert_int_equal(k->queue.items[k->queue.count - 1].message.stop.how, STOP_SAVE);
    advance(k, 1);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(last(k, EV_STOP_ASKED)->a, STOP_SAVE);
    cluster_free(k);
}

static void checkpoints_are_asked_for_as_often_as_the_job_says(void **state)
{
    struct cluster *k = cluster_new(1, 0, 1);

    (void)state;
    k->job.checkpoint_every_s = 100;
    control_starts(k);
    advance(k, 350);
    assert_int_equal(count_sent(k, MSG_STOP), 3);
    cluster_free(k);

    k = cluster_new(1, 0, 1); /* more often than the rest is looked at */
    k->job.checkpoint_every_s = 0.1;
    control_starts(k);
    advance(k, 2.05);
    assert_in_range(count_sent(k, MSG_STOP), 15, 20);
    cluster_free(k);
}

static void the_first_node_is_asked_for_the_checkpoint(void **state)
{
    struct cluster *k = cluster_new(2, 0, 1);
    const struct run_event *chosen;

    (void)state;
    k->job.checkpoint = "ckpt/step_*";
    k->checkpoint_step = 400;
    control_starts(k);
    advance(k, 0.1);
    assert_state(k, RUN_RUNNING);
    chosen = last(k, EV_CHECKPOINT_CHOSEN);
    assert_int_equal(chosen->a, 400);
    assert_string_equal(chosen->text.p, "/ckpt/step");
    assert_int_equal(last(k, EV_ATTEMPT_BEGUN)->c, 400);
    for (size_t i = 0; i < k->queue.count; i++)
        if (k->queue.items[i].message.id == MSG_START) {
            assert_string_equal(k->queue.items[i].text, "/ckpt/step");
            assert_int_equal(k->queue.items[i].message.start.resume_step, 400);
        }
    k->checkpoint_step = 300;
    rank_ends(k, 0, 1 << 8, 0, "");
    advance(k, 0.1);
    assert_int_equal(last(k, EV_CHECKPOINT_CHOSEN)->a, 300);
    assert_says(k, EV_NOTE, "step 300 is older than step 400 of /ckpt/step");
    cluster_free(k);
}

static void a_checkpoint_that_cannot_be_looked_for_ends_the_run(void **state)
{
    struct cluster *k = cluster_new(1, 0, 1);

    (void)state;
    k->job.checkpoint = "ckpt/step_*";
    k->complaint = "ckpt: permission denied";
    control_starts(k);
    advance(k, 10);
    assert_int_equal(k->ended, run_exits[CAUSE_SPAWN].code);
    assert_says(k, EV_FAILED, "ckpt: permission denied");
    assert_int_equal(count_sent(k, MSG_START), 0);
    cluster_free(k);
}

static void the_node_that_looks_for_a_checkpoint_may_be_lost(void **state)
{
    struct cluster *k = cluster_new(2, 1, 1);

    (void)state;
    k->job.checkpoint = "ckpt/step_*";
    k->agents[0].mute = true;
    control_starts(k);
    advance(k, 1);
    assert_state(k, RUN_CHECKING);
    node_dies(k, 0);
    advance(k, 1);
    assert_state(k, RUN_RUNNING);
    assert_says(k, EV_NODE_SWAPPED, "n001 -> n003");
    assert_int_equal(view_of(k).attempt, 1);
    cluster_free(k);
}

static void without_a_rule_the_programs_own_checkpoint_is_resumed(void **state)
{
    struct cluster *k = cluster_running(1, 0, 1);

    (void)state;
    agent_says(k, 0,
               (struct msg_event){
                   .kind = AGENT_CHECKPOINT_SAVED, .rank = 0, .a = 50, .text = STR("/c/50")});
    rank_ends(k, 0, 1 << 8, 0, "");
    advance(k, 0.1);
    assert_int_equal(last(k, EV_CHECKPOINT_CHOSEN)->a, 50);
    assert_int_equal(last(k, EV_ATTEMPT_BEGUN)->c, 50);
    cluster_free(k);
}

static void strangers_and_old_agents_are_refused(void **state)
{
    static const struct {
        uint32_t node;
        const char *version;
        uint64_t generation;
        const char *says;
    } cases[] = {
        {7, FIRSTLIGHT_VERSION, 0, "says it is node 7; this run has 1"},
        {0, "9.9", 0, "the agent on n001 is firstlight 9.9"},
        {0, FIRSTLIGHT_VERSION, 2, "obeys a newer controller: generation 2, this is 1"},
    };
    struct cluster *k = cluster_running(1, 0, 1);
    uint64_t first = k->agents[0].incarnation;
    struct msg_hello hello = {.node = 0, .incarnation = first, .version = STR(FIRSTLIGHT_VERSION)};
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct msg_hello stranger = {.node = cases[i].node,
                                     .incarnation = 1,
                                     .version = str_of(cases[i].version),
                                     .generation = cases[i].generation};

        assert_false(control_agent_up(k->control, &stranger, "10.0.0.9:1", k->now_ns, &err));
        assert_true(str_find(str_of(err.text), cases[i].says) >= 0);
        assert_true(str_starts(str_of(err.text), "10.0.0.9:1: "));
    }
    agent_begins(k, 0); /* another process */
    assert_false(control_agent_up(k->control, &hello, "10.0.0.1:1", k->now_ns, &err));
    assert_true(str_find(str_of(err.text), "older agent of n001") >= 0);
    cluster_free(k);
}

static void the_store_answers_its_own_attempt_alone(void **state)
{
    struct cluster *k = cluster_running(1, 0, 1);
    struct message up = {.id = MSG_STORE_UP, .store = {.attempt = 1, .bytes = STR("set a")}};

    (void)state;
    hand_over(k, 0, &up);
    assert_int_equal(k->journal.len, 5);
    assert_int_equal(count_sent(k, MSG_STORE_DOWN), 1);
    rank_ends(k, 0, 1 << 8, 0, "");
    advance(k, 0.1);
    assert_int_equal(view_of(k).attempt, 2);
    hand_over(k, 0, &up);
    assert_int_equal(k->journal.len, 5);
    up.store = (struct msg_store){.attempt = 2, .bytes = STR("garbage")};
    hand_over(k, 0, &up);
    hand_over(k, 0, &up);
    assert_says(k, EV_NOTE, "store: garbage from node 0");
    assert_int_equal(count_events(k, EV_NOTE), 1);
    cluster_free(k);
}

static void events_are_acknowledged_and_taken_once(void **state)
{
    struct cluster *k = cluster_running(1, 0, 2);
    struct message again = {.id = MSG_EVENT};

    (void)state;
    agent_says(k, 0, (struct msg_event){.kind = AGENT_NOTE, .rank = -1, .text = STR("hello")});
    again.event = k->agents[0].unacked.items[k->agents[0].unacked.count - 1];
    hand_over(k, 0, &again);
    assert_int_equal(count_events(k, EV_NOTE), 1);
    advance(k, 0.1);
    assert_int_equal(k->agents[0].unacked.count, 0);
    cluster_free(k);
}

static void an_event_before_its_time_is_left_for_later(void **state)
{
    struct cluster *k = cluster_running(1, 0, 2);
    struct message early = {.id = MSG_EVENT,
                            .event = {.kind = AGENT_NOTE, .rank = -1, .text = STR("b")}};

    (void)state;
    early.event.number = k->agents[0].number + 2;
    hand_over(k, 0, &early);
    assert_int_equal(count_events(k, EV_NOTE), 0);
    agent_says(k, 0, (struct msg_event){.kind = AGENT_NOTE, .rank = -1, .text = STR("a")});
    agent_says(k, 0, early.event);
    assert_int_equal(count_events(k, EV_NOTE), 2);
    cluster_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_goes_from_start_to_end),
        cmocka_unit_test(a_clock_is_asked_for_before_there_is_work),
        cmocka_unit_test(ranks_may_end_well_at_different_times),
        cmocka_unit_test(the_first_death_aborts_at_once_and_the_next_attempt_runs),
        cmocka_unit_test(our_own_kills_are_consequences),
        cmocka_unit_test(ranks_that_only_their_agents_ended_are_said_so),
        cmocka_unit_test(deaths_are_put_in_order_by_measured_clocks),
        cmocka_unit_test(a_program_that_is_nowhere_is_said_once_and_ends_the_run),
        cmocka_unit_test(a_node_that_cannot_spawn_is_left_out_for_a_spare),
        cmocka_unit_test(a_polite_stop_ends_with_its_own_code),
        cmocka_unit_test(force_after_a_polite_stop_kills),
        cmocka_unit_test(an_agent_that_has_ended_is_not_awaited),
        cmocka_unit_test(a_stop_in_every_state_ends_the_run),
        cmocka_unit_test(ranks_that_do_not_go_are_given_up_in_time),
        cmocka_unit_test(the_time_limit_stops_in_time_to_save),
        cmocka_unit_test(a_save_is_asked_of_every_node_and_ends_nothing),
        cmocka_unit_test(checkpoints_are_asked_for_as_often_as_the_job_says),
        cmocka_unit_test(the_first_node_is_asked_for_the_checkpoint),
        cmocka_unit_test(a_checkpoint_that_cannot_be_looked_for_ends_the_run),
        cmocka_unit_test(the_node_that_looks_for_a_checkpoint_may_be_lost),
        cmocka_unit_test(without_a_rule_the_programs_own_checkpoint_is_resumed),
        cmocka_unit_test(strangers_and_old_agents_are_refused),
        cmocka_unit_test(the_store_answers_its_own_attempt_alone),
        cmocka_unit_test(events_are_acknowledged_and_taken_once),
        cmocka_unit_test(an_event_before_its_time_is_left_for_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
