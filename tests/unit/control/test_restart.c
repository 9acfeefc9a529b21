#include "cluster.h"
#include "fake_kv.h"

#include <errno.h>

static void crash(struct cluster *k, uint32_t rank)
{
    rank_ends(k, rank, 1 << 8, 0, "");
    advance(k, 0.1);
}

static void a_lost_node_is_replaced_by_a_spare_and_nobody_else_moves(void **state)
{
    struct cluster *k = cluster_running(4, 2, 2);

    (void)state;
    node_dies(k, 1);
    assert_int_equal(last(k, EV_NODE_LOST)->node, 1); /* at once: the back end knows it too */
    advance(k, 0.1);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    assert_says(k, EV_NODE_SWAPPED, "ranks 2-3: n002 -> n005");
    assert_int_equal(last(k, EV_NODE_SWAPPED)->node, 4);
    assert_int_equal(last(k, EV_NODE_SWAPPED)->a, 1);
    assert_int_equal(last(k, EV_NODE_SWAPPED)->b, 1);
    assert_int_equal(last(k, EV_NODE_EXCLUDED)->node, 1);
    assert_string_equal(last(k, EV_ATTEMPT_BEGUN)->text.p, "0,4,2-3");
    assert_int_equal(last(k, EV_FAILED)->a, CAUSE_NODE);
    assert_says(k, EV_FAILED, "n002 was lost at");
    assert_int_equal(view_of(k).spares_up, 1);
    cluster_free(k);
}

static void a_link_that_breaks_and_comes_back_changes_nothing(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);

    (void)state;
    agent_link_breaks(k, 1, "connection reset");
    advance(k, 9);
    assert_state(k, RUN_RUNNING);
    rank_ends(k, 2, 0, 0, ""); /* kept by the agent */
    agent_connects(k, 1);
    advance(k, 100);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 1);
    assert_int_equal(view_of(k).ranks_running, 3);
    assert_int_equal(count_events(k, EV_NODE_LOST), 0);
    cluster_free(k);
}

static void a_link_that_stays_down_is_a_lost_node(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);

    (void)state;
    agent_link_breaks(k, 1, "connection reset");
    k->agents[1].refuses_link = true;
    advance(k, 9.9);
    assert_state(k, RUN_RUNNING);
    advance(k, 0.2);
    assert_int_equal(last(k, EV_NODE_LOST)->node, 1);
    assert_says(k, EV_NODE_LOST, "connection reset");
    assert_int_equal(view_of(k).cause, CAUSE_NODE);
    assert_state(k, RUN_GATHERING);
    cluster_free(k);
}

static void a_silent_node_is_lost_and_cut_off(void **state)
{
    struct cluster *k = cluster_running(2, 1, 1);
    const struct run_event *lost;

    (void)state;
    k->agents[0].dead_silent = true;
    advance(k, 14);
    lost = last(k, EV_NODE_LOST);
    assert_non_null(lost);
    assert_int_equal(lost->node, 0);
    assert_true(lost->uncertain_ns >= 4 * SECOND_NS && lost->uncertain_ns <= 6 * SECOND_NS);
    assert_false(k->agents[0].runs); /* forget */
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    cluster_free(k);
}

static void a_controller_that_stood_still_blames_nobody(void **state)
{
    struct cluster *k = cluster_running(2, 0, 1);

    (void)state;
    k->now_ns += 60 * SECOND_NS; /* SIGSTOP */
    advance(k, 30);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(count_events(k, EV_NODE_LOST), 0);
    cluster_free(k);
}

static void an_agent_that_is_new_has_lost_its_ranks(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);

    (void)state;
    agent_link_breaks(k, 1, "connection reset");
    agent_begins(k, 1);
    assert_says(k, EV_NODE_LOST, "a new agent came up");
    advance(k, 0.1);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    cluster_free(k);
}

static void a_lost_node_is_started_again_when_no_spare_is_left(void **state)
{
    struct cluster *k = cluster_running(2, 0, 1);
    size_t launched = 0;

    (void)state;
    node_dies(k, 1);
    advance(k, 40);
    assert_state(k, RUN_GATHERING);
    for (size_t i = 0; i < k->queue.count; i++)
        launched += k->queue.items[i].kind == SENT_LAUNCH && k->queue.items[i].node == 1;
    assert_int_equal(launched, 1 + 6); /* at 0, 1, 3, 7, 15 and 31 s */
    assert_says(k, EV_WAITING, "waiting for n002: connection refused");
    assert_string_equal(view_of(k).headline,
                        "restarting (attempt 2): waiting for n002: connection refused");
    k->agents[1].broken = false;
    advance(k, 31);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    cluster_free(k);
}

static void one_that_hangs_when_it_is_started_keeps_no_other_from_it(void **state)
{
    struct cluster *k = cluster_running(3, 1, 1);

    (void)state;
    node_dies(k, 1);
    advance(k, 1);
    node_dies(k, 0);
    k->agents[0].broken = false;
    k->agents[0].refuses_link = true;
    advance(k, 0.5);
    k->agents[1].broken = false; /* it was tried in vain */
    advance(k, 5);
    assert_state(k, RUN_RUNNING);
    assert_string_equal(last(k, EV_ATTEMPT_BEGUN)->text.p, "1,3,2");
    cluster_free(k);
}

static void too_few_nodes_are_named_with_their_reasons(void **state)
{
    struct cluster *k = cluster_new(4, 0, 1);

    (void)state;
    k->agents[1].broken = k->agents[3].broken = true;
    k->agents[2].refuses_link = true;
    control_starts(k);
    advance(k, 121);
    assert_int_equal(k->ended, run_exits[CAUSE_NODES_SHORT].code);
    assert_says(k, EV_FAILED,
                "1 of the 4 nodes that are needed came within 120 s; "
                "n[002,004]: connection refused; n003: no answer");
    cluster_free(k);
}

static void enough_nodes_go_on_smaller(void **state)
{
    struct cluster *k = cluster_new(4, 0, 2);

    (void)state;
    k->job.min_nodes = 3;
    k->agents[1].broken = true;
    control_starts(k);
    advance(k, 119);
    assert_state(k, RUN_GATHERING);
    advance(k, 2);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).world, 6);
    assert_string_equal(last(k, EV_ATTEMPT_BEGUN)->text.p, "0,2-3");
    assert_says(k, EV_NOTE, "going on smaller: 3 of 4 nodes; n002: connection refused");
    k->agents[1].broken = false; /* and larger again, when it can be had */
    crash(k, 0);
    advance(k, 30);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).world, 8);
    cluster_free(k);
}

static void spares_are_not_waited_for(void **state)
{
    struct cluster *k = cluster_new(2, 2, 1);

    (void)state;
    k->agents[2].refuses_link = k->agents[3].refuses_link = true;
    control_starts(k);
    advance(k, 0.1);
    assert_state(k, RUN_RUNNING);
    cluster_free(k);
}

static void the_same_nodes_give_the_same_ranks_in_whatever_order_they_come(void **state)
{
    struct cluster *k = cluster_new(2, 2, 1);

    (void)state;
    k->agents[0].refuses_link = true;
    control_starts(k);
    advance(k, 1);
    assert_state(k, RUN_GATHERING); /* three are enough, but n001 may still come */
    agent_begins(k, 0);
    advance(k, 0.1);
    assert_state(k, RUN_RUNNING);
    assert_string_equal(last(k, EV_ATTEMPT_BEGUN)->text.p, "0-1");
    cluster_free(k);

    k = cluster_new(2, 2, 1);
    k->agents[0].refuses_link = true;
    control_starts(k);
    advance(k, 3); /* it does not */
    assert_state(k, RUN_RUNNING);
    assert_string_equal(last(k, EV_ATTEMPT_BEGUN)->text.p, "2,1");
    assert_says(k, EV_NODE_SWAPPED, "rank 0: n001 -> n003");
    cluster_free(k);
}

static void nobody_begins_on_old_ranks(void **state)
{
    struct cluster *k = cluster_new(1, 0, 1);
    struct agent *agent = &k->agents[0];

    (void)state;
    agent->refuses_link = true;
    control_starts(k);
    advance(k, 0.1);
    *agent = (struct agent){.runs = true,
                            .incarnation = 5,
                            .attempt = 3,
                            .nproc = 1,
                            .alive = 1,
                            .lives = {true},
                            .mute = true};
    k->agents[0].empty = false;
    agent_connects(k, 0);
    pump(k);
    assert_state(k, RUN_GATHERING);
    assert_int_equal(count_sent(k, MSG_STOP), 1);
    assert_int_equal(k->queue.items[k->queue.count - 1].kind, SENT_MESSAGE);
    assert_int_equal(count_sent(k, MSG_START), 0);
    agent->mute = false;
    agent_empties(k, 0);
    assert_int_equal(count_sent(k, MSG_START), 1);
    cluster_free(k);
}

static void a_start_that_waited_for_old_ranks_goes_out_when_they_are_gone(void **state)
{
    struct cluster *k = cluster_new(2, 0, 1);

    (void)state;
    k->paused = true; /* the STARTs are lost on the way */
    control_starts(k);
    control_tick(k->control, k->now_ns);
    agent_begins(k, 0);
    agent_begins(k, 1);
    assert_state(k, RUN_SPAWNING);
    k->agents[1].attempt = 0;
    control_restarts(k);
    assert_state(k, RUN_SPAWNING);
    agent_connects(k, 1);
    assert_int_equal(count_sent(k, MSG_START), 0); /* nobody knows the first node's address yet */
    agent_connects(k, 0);
    assert_int_equal(count_sent(k, MSG_START), 2);
    k->paused = false;
    advance(k, 0.1);
    assert_state(k, RUN_RUNNING);
    cluster_free(k);
}

static void a_spare_that_never_came_is_no_hope(void **state)
{
    struct cluster *k = cluster_new(2, 1, 1);

    (void)state;
    k->agents[2].refuses_link = true;
    control_starts(k);
    advance(k, 300);
    assert_state(k, RUN_RUNNING);
    node_dies(k, 1);
    k->agents[1].broken = false;
    advance(k, 5);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    cluster_free(k);
}

static void without_progress_three_attempts_are_all(void **state)
{
    struct cluster *k = cluster_running(1, 0, 1);

    (void)state;
    for (int i = 0; i < 3; i++)
        crash(k, 0);
    assert_int_equal(k->ended, run_exits[CAUSE_NO_PROGRESS].code);
    assert_int_equal(view_of(k).attempt, 3);
    assert_says(k, EV_FAILED, "3 attempts in a row made no new step; the last: rank 0 on n001");
    cluster_free(k);
}

static void a_new_step_buys_new_attempts(void **state)
{
    struct cluster *k = cluster_running(1, 0, 1);

    (void)state;
    for (int i = 0; i < 10; i++) {
        advance(k, 1);
        status_is(k, 0, 5 + i, -1, 2, true, "");
        crash(k, 0);
        assert_int_equal(view_of(k).attempts_without_progress, 0);
    }
    for (int i = 0; i < 3; i++) {
        advance(k, 1);
        status_is(k, 0, 14, -1, 2, true, ""); /* again the same step */
        crash(k, 0);
    }
    assert_int_equal(k->ended, run_exits[CAUSE_NO_PROGRESS].code);
    assert_int_equal(view_of(k).attempt, 13);
    cluster_free(k);
}

static void so_does_a_checkpoint_of_a_new_step(void **state)
{
    struct cluster *k = cluster_running(1, 0, 1);

    (void)state;
    for (int i = 0; i < 6; i++) {
        agent_says(
            k, 0,
            (struct msg_event){.kind = AGENT_CHECKPOINT_SAVED, .a = 5 + i, .text = STR("/c/step")});
        crash(k, 0);
        assert_int_equal(view_of(k).attempts_without_progress, 0);
    }
    for (int i = 0; i < 3; i++)
        crash(k, 0);
    assert_int_equal(k->ended, run_exits[CAUSE_NO_PROGRESS].code);
    cluster_free(k);
}

static void the_last_step_comes_when_the_attempt_is_ending_already(void **state)
{
    struct cluster *k = cluster_running(2, 0, 1);

    (void)state;
    status_is(k, 0, 5, -1, 2, true, "");
    advance(k, 1);
    rank_ends(k, 1, SIGKILL, 0, "");
    assert_state(k, RUN_ABORTING);
    status_is(k, 0, 8, -1, 2, true, "");
    status_is(k, 0, 9, -1, 2, true, ""); /* as its ranks were killed: too soon for a metric */
    advance(k, 0.1);
    assert_int_equal(last(k, EV_STEP)->a, 9);
    assert_int_equal(k->metrics.items[k->metrics.count - 1].step, 9);
    assert_int_equal(view_of(k).attempts_without_progress, 0);
    cluster_free(k);
}

static void the_best_step_is_told_before_an_attempt_ends(void **state)
{
    struct cluster *k = cluster_running(1, 0, 1);

    (void)state;
    for (int step = 1; step <= 40; step++) {
        advance(k, 1);
        status_is(k, 0, step, -1, 2, true, "");
    }
    assert_int_equal(count_events(k, EV_STEP), 1); /* the first; the next is due after a minute */
    crash(k, 0);
    assert_int_equal(count_events(k, EV_STEP), 2);
    assert_int_equal(last(k, EV_STEP)->a, 40);
    cluster_free(k);
}

static void without_steps_ten_minutes_are_progress(void **state)
{
    struct cluster *k = cluster_running(1, 0, 1);

    (void)state;
    for (int i = 0; i < 5; i++) {
        advance(k, 601);
        crash(k, 0);
        assert_int_equal(view_of(k).attempts_without_progress, 0);
    }
    assert_state(k, RUN_RUNNING);
    cluster_free(k);
}

static void a_job_may_forbid_restarts(void **state)
{
    struct cluster *k = cluster_new(1, 0, 1);

    (void)state;
    k->job.attempts_without_progress = 0;
    control_starts(k);
    advance(k, 0.1);
    crash(k, 0);
    assert_int_equal(k->ended, 1);
    cluster_free(k);

    k = cluster_new(1, 0, 1);
    k->job.attempts_max = 2;
    control_starts(k);
    advance(k, 0.1);
    crash(k, 0);
    crash(k, 0);
    assert_int_equal(k->ended, 1);
    assert_says(k, EV_FAILED, "2 attempts are all that were allowed");
    cluster_free(k);
}

static struct cluster *undecided(uint32_t nodes, uint32_t spares)
{
    struct cluster *k = cluster_new(nodes, spares, 1);

    k->job.attempts_without_progress = -1;
    control_starts(k);
    advance(k, 0.1);
    return k;
}

static void a_program_without_steps_or_checkpoints_fails_once(void **state)
{
    static const struct {
        int status, by;
        enum run_cause cause;
    } cases[] = {{1 << 8, 0, CAUSE_PROGRAM}, {SIGSEGV, 0, CAUSE_SIGNAL}, {SIGKILL, 2, CAUSE_OOM}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cluster *k = undecided(2, 0);

        advance(k, 3600);
        rank_ends(k, 1, cases[i].status, cases[i].by, "boom");
        advance(k, 0.1);
        assert_int_equal(k->ended, run_exits[cases[i].cause].code);
        assert_int_equal(view_of(k).attempt, 1);
        assert_int_equal(last(k, EV_FAILED)->a, cases[i].cause);
        cluster_free(k);
    }
}

static void a_program_with_a_step_or_a_checkpoint_is_tried_three_times(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct cluster *k = cluster_new(1, 0, 1);

        k->job.attempts_without_progress = -1;
        k->job.checkpoint = way == 0 ? "/ckpt/step_*" : NULL;
        control_starts(k);
        advance(k, 0.1);
        if (way == 1)
            status_is(k, 0, 5, -1, 2, true, "");
        if (way == 2)
            agent_says(
                k, 0,
                (struct msg_event){.kind = AGENT_CHECKPOINT_SAVED, .a = 7, .text = STR("/ckpt/7")});
        for (int i = 0; i < 3 + (way > 0); i++) { /* a step is progress, once */
            assert_int_equal(k->ended, -1);
            crash(k, 0);
        }
        assert_int_equal(k->ended, run_exits[CAUSE_NO_PROGRESS].code);
        cluster_free(k);
    }
}

static void a_checkpoint_that_is_written_over_has_its_newest_step(void **state)
{
    struct cluster *k = cluster_running(1, 0, 1);

    (void)state;
    for (int step = 7; step < 10; step++) {
        agent_says(k, 0,
                   (struct msg_event){
                       .kind = AGENT_CHECKPOINT_SAVED, .a = step, .text = STR("/ckpt/last")});
        status_is(k, 0, step, -1, 2, true, "");
        crash(k, 0);
        assert_state(k, RUN_RUNNING);
        assert_int_equal(last(k, EV_ATTEMPT_BEGUN)->c, step);
    }
    cluster_free(k);
}

static void a_lost_node_is_replaced_without_steps_too(void **state)
{
    struct cluster *k = undecided(2, 1);

    (void)state;
    node_dies(k, 0);
    advance(k, 0.1);
    assert_state(k, RUN_RUNNING);
    cluster_free(k);

    /* And when a rank may have died because of it. */
    k = undecided(2, 1);
    advance(k, 1);
    k->agents[0].dead_silent = true;
    advance(k, 4);
    rank_ends(k, 1, 1 << 8, 0, "connection reset by peer");
    advance(k, 20);
    assert_int_equal(last(k, EV_FAILED)->c, -1);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    cluster_free(k);
}

static void the_sentence_has_the_last_line_of_the_last_words(void **state)
{
    struct cluster *k = cluster_running(1, 0, 1);

    (void)state;
    rank_ends(k, 0, 1 << 8, 0,
              "Traceback (most recent call last):\n  File \"train.py\", line 3\n"
              "ValueError: boom\n\n");
    advance(k, 0.1);
    assert_says(k, EV_FAILED, "; certain: ValueError: boom");
    assert_says(k, EV_RANK_EXITED, "Traceback");
    cluster_free(k);
}

static void ranks_that_had_left_well_before_are_told(void **state)
{
    struct cluster *k = cluster_running(2, 0, 2);

    (void)state;
    rank_ends(k, 2, 0, 0, "");
    rank_ends(k, 1, 1 << 8, 0, "RuntimeError: Connection closed by peer\n=====\n\n");
    advance(k, 0.1);
    assert_says(k, EV_FAILED,
                "; certain; rank 2 had exited 0: RuntimeError: Connection closed by peer");
    cluster_free(k);
    k = cluster_running(2, 0, 2);
    rank_ends(k, 2, 0, 0, "");
    rank_ends(k, 0, 0, 0, "");
    rank_ends(k, 1, 1 << 8, 0, "=====");
    advance(k, 0.1);
    assert_says(k, EV_FAILED, "; certain; 2 of 4 ranks had exited 0: =====");
    cluster_free(k);
}

static void a_run_that_did_not_end_well_is_begun_anew(void **state)
{
    struct cluster *k = cluster_new(2, 1, 1);

    (void)state;
    k->job.checkpoint = "/ckpt/step_*";
    k->checkpoint_step = 40;
    control_starts(k);
    for (int i = 0; i < 3; i++) {
        advance(k, 20);
        crash(k, 0);
    }
    assert_int_equal(k->ended, run_exits[CAUSE_NO_PROGRESS].code);
    k->ended = -1;
    k->checkpoint_step = 50;
    advance(k, 3600);
    control_restarts(k);
    assert_state(k, RUN_GATHERING);
    assert_says(k, EV_NOTE, "the run had ended with exit code 7 and is begun anew");
    advance(k, 0.1); /* all are started; nobody is waited for, nobody is blamed */
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 4);
    assert_int_equal(view_of(k).spares_up, 1);
    assert_int_equal(view_of(k).exit_code, -1);
    assert_int_equal(last(k, EV_ATTEMPT_BEGUN)->c, 50);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(k->ended, -1);
        advance(k, 20);
        crash(k, 0);
    }
    assert_int_equal(k->ended, run_exits[CAUSE_NO_PROGRESS].code);
    assert_int_equal(view_of(k).attempt, 6);
    cluster_free(k);
}

static void a_time_limit_and_a_bound_of_attempts_count_anew(void **state)
{
    struct cluster *k = cluster_new(1, 0, 1);

    (void)state;
    k->job.time_limit_s = 1000;
    k->job.attempts_max = 1;
    control_starts(k);
    advance(k, 1001);
    assert_int_equal(k->ended, run_exits[CAUSE_TIME_LIMIT].code);
    k->ended = -1;
    control_restarts(k);
    advance(k, 900);
    assert_state(k, RUN_RUNNING);
    advance(k, 101);
    assert_int_equal(k->ended, run_exits[CAUSE_TIME_LIMIT].code);
    k->ended = -1;
    control_restarts(k);
    advance(k, 10);
    crash(k, 0);
    assert_int_equal(k->ended, 1);
    assert_says(k, EV_FAILED, "1 attempt is all that were allowed");
    cluster_free(k);
}

static void a_run_that_ended_well_stays_ended(void **state)
{
    struct cluster *k = cluster_running(1, 0, 1);

    (void)state;
    rank_ends(k, 0, 0, 0, "");
    advance(k, 20);
    assert_int_equal(k->ended, 0);
    k->ended = -1;
    control_restarts(k);
    assert_int_equal(k->ended, 0);
    assert_int_equal(view_of(k).attempt, 1);
    cluster_free(k);
}

static void a_node_is_blamed_for_a_signal_at_once_and_for_an_exit_the_second_time(void **state)
{
    struct cluster *k = cluster_running(2, 2, 1);

    (void)state;
    rank_ends(k, 1, SIGBUS, 0, "");
    advance(k, 0.1);
    assert_says(k, EV_NODE_SWAPPED, "n002 -> n003");
    assert_says(k, EV_NODE_EXCLUDED, "a rank there was the first to die, by a signal");
    crash(k, 0);
    assert_int_equal(count_events(k, EV_NODE_SWAPPED), 1);
    advance(k, 1);
    status_is(k, 0, 5, -1, 2, true, "");
    crash(k, 0);
    assert_says(k, EV_NODE_SWAPPED, "n001 -> n004");
    assert_says(k, EV_NODE_EXCLUDED, "the first to die twice in a row");
    cluster_free(k);
}

static void a_blamed_node_works_on_while_nobody_can_replace_it(void **state)
{
    struct cluster *k = cluster_running(2, 0, 1);

    (void)state;
    rank_ends(k, 1, SIGBUS, 0, "");
    advance(k, 0.1);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    assert_int_equal(count_events(k, EV_NODE_EXCLUDED), 0);
    cluster_free(k);
}

static void every_phase_of_a_restart_is_timed(void **state)
{
    struct cluster *k = cluster_running(2, 1, 1);
    bool seen[PHASE_COUNT] = {false};
    size_t from = k->events.count;

    (void)state;
    advance(k, 5);
    node_dies(k, 1);
    advance(k, 1);
    for (uint32_t node = 0; node < 3; node += 2)
        status_is(k, node, -1, -1, 1, true, "");
    advance(k, 3);
    agent_says(k, 0, (struct msg_event){.kind = AGENT_PHASE, .rank = 0, .a = 2});
    advance(k, 4);
    status_is(k, 0, 1, -1, 2, true, "");
    for (size_t i = from; i < k->events.count; i++)
        if (k->events.items[i].kind == EV_PHASE_ENDED) {
            assert_false(seen[k->events.items[i].a]);
            seen[k->events.items[i].a] = true;
            if (k->events.items[i].a == PHASE_LOAD)
                assert_int_equal(k->events.items[i].b, 3 * SECOND_NS);
            if (k->events.items[i].a == PHASE_FIRST_STEP)
                assert_int_equal(k->events.items[i].b, 4 * SECOND_NS);
        }
    for (int phase = 0; phase < PHASE_COUNT; phase++)
        if (!seen[phase])
            fail_msg("%s was not timed", run_phase_name((enum run_phase)phase));
    cluster_free(k);
}

static void a_new_controller_adopts_what_runs(void **state)
{
    struct cluster *k = cluster_running(3, 1, 2);

    (void)state;
    advance(k, 5);
    control_restarts(k);
    assert_state(k, RUN_RUNNING);
    for (uint32_t i = 0; i < 4; i++)
        agent_connects(k, i);
    advance(k, 300);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 1);
    assert_int_equal(view_of(k).ranks_running, 6);
    assert_int_equal(count_sent(k, MSG_START) + count_sent(k, MSG_STOP), 0);
    for (uint32_t rank = 0; rank < 6; rank++)
        rank_ends(k, rank, 0, 0, "");
    advance(k, 1);
    assert_int_equal(k->ended, 0);
    cluster_free(k);
}

static void what_happened_without_a_controller_is_told_to_the_next(void **state)
{
    struct cluster *k = cluster_running(2, 0, 1);

    (void)state;
    k->agents[1].linked = false;
    rank_ends(k, 1, 3 << 8, 0, "");
    control_restarts(k);
    agent_connects(k, 0);
    agent_connects(k, 1);
    advance(k, 0.1);
    assert_int_equal(last(k, EV_FAILED)->rank, 1);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    cluster_free(k);
}

static void an_agent_that_never_comes_back_to_a_new_controller_is_lost(void **state)
{
    struct cluster *k = cluster_running(2, 1, 1);

    (void)state;
    control_restarts(k);
    agent_connects(k, 0);
    agent_connects(k, 2);
    k->agents[1].broken = true;
    advance(k, 119);
    assert_state(k, RUN_RUNNING);
    advance(k, 2);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(view_of(k).attempt, 2);
    assert_int_equal(last(k, EV_NODE_LOST)->node, 1);
    cluster_free(k);
}

/* kill -9 of the controller after each event of a run with a crash: it always comes to its end. */
static void a_controller_may_die_after_any_event(void **state)
{
    (void)state;
    for (size_t cut = 1; cut < 60; cut++) {
        struct cluster *k = cluster_new(2, 1, 1);
        bool crashed = false, killed = false;

        control_starts(k);
        for (int i = 0; i < 400 && k->ended < 0; i++) {
            if (k->events.count >= cut && !killed) {
                killed = true;
                control_restarts(k);
                for (uint32_t n = 0; n < 3; n++)
                    if (k->agents[n].runs && k->ended < 0)
                        agent_connects(k, n);
            }
            advance(k, 0.5);
            if (view_of(k).state != RUN_RUNNING)
                continue;
            if (!crashed && k->agents[0].alive) {
                crashed = true;
                rank_ends(k, 0, SIGBUS, 0, "");
            } else {
                for (uint32_t rank = 0; rank < 2; rank++)
                    if (k->agents[control_node_of_rank(k->control, rank)].alive)
                        rank_ends(k, rank, 0, 0, "");
            }
        }
        if (k->ended != 0)
            print_events(k);
        assert_int_equal(k->ended, 0);
        assert_int_equal(view_of(k).attempt, 2);
        cluster_free(k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_node_is_replaced_by_a_spare_and_nobody_else_moves),
        cmocka_unit_test(a_link_that_breaks_and_comes_back_changes_nothing),
        cmocka_unit_test(a_link_that_stays_down_is_a_lost_node),
        cmocka_unit_test(a_silent_node_is_lost_and_cut_off),
        cmocka_unit_test(a_controller_that_stood_still_blames_nobody),
        cmocka_unit_test(an_agent_that_is_new_has_lost_its_ranks),
        cmocka_unit_test(a_lost_node_is_started_again_when_no_spare_is_left),
        cmocka_unit_test(one_that_hangs_when_it_is_started_keeps_no_other_from_it),
        cmocka_unit_test(too_few_nodes_are_named_with_their_reasons),
        cmocka_unit_test(enough_nodes_go_on_smaller),
        cmocka_unit_test(spares_are_not_waited_for),
        cmocka_unit_test(the_same_nodes_give_the_same_ranks_in_whatever_order_they_come),
        cmocka_unit_test(nobody_begins_on_old_ranks),
        cmocka_unit_test(a_start_that_waited_for_old_ranks_goes_out_when_they_are_gone),
        cmocka_unit_test(a_spare_that_never_came_is_no_hope),
        cmocka_unit_test(without_progress_three_attempts_are_all),
        cmocka_unit_test(a_new_step_buys_new_attempts),
        cmocka_unit_test(so_does_a_checkpoint_of_a_new_step),
        cmocka_unit_test(the_last_step_comes_when_the_attempt_is_ending_already),
        cmocka_unit_test(the_best_step_is_told_before_an_attempt_ends),
        cmocka_unit_test(without_steps_ten_minutes_are_progress),
        cmocka_unit_test(a_job_may_forbid_restarts),
        cmocka_unit_test(a_run_that_did_not_end_well_is_begun_anew),
        cmocka_unit_test(a_time_limit_and_a_bound_of_attempts_count_anew),
        cmocka_unit_test(a_run_that_ended_well_stays_ended),
        cmocka_unit_test(a_program_without_steps_or_checkpoints_fails_once),
        cmocka_unit_test(a_program_with_a_step_or_a_checkpoint_is_tried_three_times),
        cmocka_unit_test(a_checkpoint_that_is_written_over_has_its_newest_step),
        cmocka_unit_test(a_lost_node_is_replaced_without_steps_too),
        cmocka_unit_test(the_sentence_has_the_last_line_of_the_last_words),
        cmocka_unit_test(ranks_that_had_left_well_before_are_told),
        cmocka_unit_test(a_node_is_blamed_for_a_signal_at_once_and_for_an_exit_the_second_time),
        cmocka_unit_test(a_blamed_node_works_on_while_nobody_can_replace_it),
        cmocka_unit_test(every_phase_of_a_restart_is_timed),
        cmocka_unit_test(a_new_controller_adopts_what_runs),
        cmocka_unit_test(what_happened_without_a_controller_is_told_to_the_next),
        cmocka_unit_test(an_agent_that_never_comes_back_to_a_new_controller_is_lost),
        cmocka_unit_test(a_controller_may_die_after_any_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
