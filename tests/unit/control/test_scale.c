/* 12,500 nodes of 8 ranks: what a run costs in messages, events and memory. */
#include "control/control.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#define NODES     12500
#define NPROC     8
#define SPARES    64
#define ALL       (NODES + SPARES)
#define SECOND    ((int64_t)1000000000)
#define BYTES_MAX (1024 * 1024) /* KiB: the controller's bound */

struct counts {
    uint64_t sent[64], events, launches;
    int64_t wake_ns;
    int ended;
};

static void on_event(void *data, const struct run_event *event)
{
    (void)event;
    ((struct counts *)data)->events++;
}

static void on_metric(void *data, const struct store_metric *metric)
{
    (void)data;
    (void)metric;
}

static void on_journal(void *data, uint32_t attempt, struct str bytes)
{
    (void)data;
    (void)attempt;
    (void)bytes;
}

static void on_send(void *data, uint32_t node, const struct message *message)
{
    (void)node;
    ((struct counts *)data)->sent[message->id]++;
}

static void on_launch(void *data, uint32_t node)
{
    (void)node;
    ((struct counts *)data)->launches++;
}

static void on_forget(void *data, uint32_t node)
{
    (void)data;
    (void)node;
}

static void on_wake(void *data, int64_t at_ns)
{
    struct counts *counts = data;

    if (at_ns < counts->wake_ns)
        counts->wake_ns = at_ns;
}

static void on_ended(void *data, int exit_code)
{
    ((struct counts *)data)->ended = exit_code;
}

static void advance(struct control *c, struct counts *counts, int64_t *now_ns, int64_t until_ns)
{
    while (counts->wake_ns <= until_ns) {
        *now_ns = counts->wake_ns > *now_ns ? counts->wake_ns : *now_ns;
        counts->wake_ns = INT64_MAX;
        control_tick(c, *now_ns);
    }
    *now_ns = until_ns;
}

static void says(struct control *c, uint32_t node, uint64_t number, uint32_t attempt,
                 enum agent_event kind, int64_t rank, int64_t a, int64_t b, int64_t now_ns)
{
    const struct message message = {.id = MSG_EVENT,
                                    .event = {.number = number,
                                              .kind = kind,
                                              .attempt = attempt,
                                              .rank = rank,
                                              .at_ns = now_ns,
                                              .a = a,
                                              .b = b}};

    control_message(c, node, &message, now_ns);
}

static void a_hundred_thousand_ranks_start_die_and_start_again(void **state)
{
    struct counts counts = {.wake_ns = INT64_MAX, .ended = -1};
    const struct control_world world = {.data = &counts,
                                        .event = on_event,
                                        .metric = on_metric,
                                        .journal = on_journal,
                                        .send = on_send,
                                        .launch = on_launch,
                                        .forget = on_forget,
                                        .wake = on_wake,
                                        .ended = on_ended};
    static char texts[ALL][12];
    static const char *names[ALL];
    struct job job;
    struct control_config config = {
        .run = "big-abcde", .job = &job, .names = names, .node_count = ALL, .generation = 1};
    struct control_view view;
    struct rusage usage;
    int64_t now_ns = 100 * SECOND;
    struct control *c;

    (void)state;
    job_init(&job);
    job.attempts_without_progress = 3;
    job.backend = "slurm";
    job.nodes = job.min_nodes = NODES;
    job.nproc = NPROC;
    job.attempts_without_progress = 3;
    for (uint32_t i = 0; i < ALL; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "n%05u", i);
        names[i] = texts[i];
    }
    c = control_new(&config, &world);
    assert_non_null(c);
    control_begin(c, now_ns, now_ns);
    advance(c, &counts, &now_ns, now_ns + SECOND);
    assert_int_equal(counts.launches, ALL);
    for (uint32_t i = 0; i < ALL; i++) {
        uint32_t node = ALL - 1 - i; /* in an order that is not theirs */
        struct msg_hello hello = {.node = node,
                                  .incarnation = node + 1,
                                  .version = STR(FIRSTLIGHT_VERSION),
                                  .empty = true,
                                  .events_from = 1,
                                  .data_addr = STR("10.0.0.1")};

        assert_true(control_agent_up(c, &hello, "x", now_ns, NULL));
    }
    advance(c, &counts, &now_ns, now_ns + SECOND);
    assert_int_equal(counts.sent[MSG_START], NODES);
    for (uint32_t node = 0; node < NODES; node++)
        says(c, node, 1, 1, AGENT_RANKS_STARTED, -1, NPROC, 0, now_ns);
    control_view(c, now_ns, &view);
    assert_int_equal(view.state, RUN_RUNNING);
    assert_int_equal(view.ranks_running, NODES * NPROC);
    says(c, 77, 2, 1, AGENT_RANK_EXITED, 77 * NPROC, 1 << 8, 0, now_ns);
    assert_int_equal(counts.sent[MSG_STOP], NODES);
    for (uint32_t rank = 0; rank < NODES * NPROC; rank++)
        says(c, rank / NPROC, 2 + rank % NPROC, 1, AGENT_RANK_EXITED, rank, SIGTERM, 1, now_ns);
    for (uint32_t node = 0; node < NODES; node++)
        says(c, node, 2 + NPROC, 1, AGENT_NODE_EMPTY, -1, 0, 0, now_ns);
    control_view(c, now_ns, &view);
    assert_int_equal(view.attempt, 2);
    assert_int_equal(counts.sent[MSG_START], 2 * NODES);
    assert_in_range(counts.events, NODES * NPROC, NODES * NPROC + 8 * ALL);
    control_free(c);
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    assert_in_range(usage.ru_maxrss, 0, BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_thousand_ranks_start_die_and_start_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
