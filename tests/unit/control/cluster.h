/* A cluster for tests of the control machine: agents that answer as they should, or as the test
 * tells them, and a shadow that folds every event after its way through the store's form. */
#ifndef CONTROL_CLUSTER_H
#define CONTROL_CLUSTER_H

#include "base/vec.h"
#include "control/state.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODES_MAX 64
#define RANKS_MAX 16
#define MS_NS     ((int64_t)1000000)
#define WALL_NS   (1700000000 * SECOND_NS)

enum sent_kind { SENT_MESSAGE, SENT_LAUNCH, SENT_FORGET };

struct sent {
    enum sent_kind kind;
    uint32_t node;
    struct message message; /* texts are gone, but the first of these */
    char text[256];
    size_t text_len;
};

struct agent {
    bool runs, linked, broken; /* broken: cannot be started */
    bool mute;                 /* does nothing that it is told, but PONG */
    bool dead_silent;          /* not even PONG */
    bool refuses_link;
    uint64_t incarnation, number;
    uint32_t attempt, first, nproc, alive;
    bool lives[RANKS_MAX], empty;
    int64_t offset_ns;
    int spawn_errno;
    VEC(struct msg_event) unacked;
};

struct cluster {
    struct job job;
    struct control_config config;
    struct control *control, *shadow;
    const char *names[NODES_MAX];
    char name_texts[NODES_MAX][16];
    struct agent agents[NODES_MAX];
    VEC(struct sent) queue;
    VEC(struct run_event) events; /* texts on the heap */
    VEC(struct store_metric) metrics;
    size_t at; /* of the queue */
    int64_t now_ns, wake_ns;
    uint64_t next_incarnation;
    int ended;   /* exit code; -1 */
    bool paused; /* messages wait */
    int64_t checkpoint_step;
    const char *complaint;
    struct buf journal; /* of the attempt at hand */
    uint32_t journal_attempt;
    struct buf stored; /* what ranks have set: "key=value;" */
    void (*on_event)(struct cluster *k, const struct run_event *event);     /* NULL: nobody minds */
    void (*store_down)(struct cluster *k, uint32_t node, struct str bytes); /* NULL: not heard */
};

static inline void world_event(void *data, const struct run_event *event)
{
    struct cluster *k = data;
    struct arena *arena = arena_new(0);
    struct run_event *copy = vec_push(&k->events), back;
    struct store_event row;

    assert_int_equal(run_event_to_store(arena, event, &row), 0);
    assert_int_equal(run_event_from_store(arena, &row, &back), 0);
    assert_int_equal(back.kind, event->kind);
    assert_int_equal(back.seq, k->events.count);
    control_apply(k->shadow, &back);
    *copy = *event;
    copy->text.p = strndup(event->text.p ? event->text.p : "", event->text.len);
    arena_free(arena);
    if (k->on_event)
        k->on_event(k, event);
}

static inline void world_metric(void *data, const struct store_metric *metric)
{
    struct cluster *k = data;

    *vec_push(&k->metrics) = *metric;
}

static inline void world_journal(void *data, uint32_t attempt, struct str bytes)
{
    struct cluster *k = data;

    if (attempt != k->journal_attempt)
        buf_clear(&k->journal);
    k->journal_attempt = attempt;
    buf_add(&k->journal, bytes.p, bytes.len);
}

static inline void world_stored(void *data, struct str key, struct str value)
{
    buf_printf(&((struct cluster *)data)->stored, "%.*s=%.*s;", STR_ARG(key), STR_ARG(value));
}

static inline struct sent *push(struct cluster *k, enum sent_kind kind, uint32_t node)
{
    struct sent *sent = vec_push(&k->queue);

    sent->kind = kind;
    sent->node = node;
    return sent;
}

static inline void world_send(void *data, uint32_t node, const struct message *message)
{
    struct cluster *k = data;
    struct sent *sent = push(k, SENT_MESSAGE, node);
    struct str text = message->id == MSG_START        ? message->start.resume
                      : message->id == MSG_STOP       ? message->stop.why
                      : message->id == MSG_WELCOME    ? message->welcome.node_name
                      : message->id == MSG_STORE_DOWN ? message->store.bytes
                                                      : (struct str){0};

    assert_true(k->agents[node].linked);
    sent->message = *message;
    str_keep(sent->text, sizeof(sent->text), text);
    sent->text_len = text.len;
}

static inline void world_launch(void *data, uint32_t node)
{
    push(data, SENT_LAUNCH, node);
}

static inline void world_forget(void *data, uint32_t node)
{
    push(data, SENT_FORGET, node);
    ((struct cluster *)data)->agents[node].linked = false;
}

static inline void world_wake(void *data, int64_t at_ns)
{
    struct cluster *k = data;

    if (at_ns < k->wake_ns)
        k->wake_ns = at_ns;
}

static inline void world_log_data(void *data, uint32_t node, const struct msg_log_data *log)
{
    (void)data;
    (void)node;
    (void)log;
}

static inline void world_output(void *data, uint32_t node, const struct msg_log *log)
{
    (void)data;
    (void)node;
    (void)log;
}

static inline void world_ended(void *data, int exit_code)
{
    struct cluster *k = data;

    assert_int_equal(k->ended, -1);
    k->ended = exit_code;
}

static inline struct control_world world_of(struct cluster *k)
{
    return (struct control_world){.data = k,
                                  .event = world_event,
                                  .metric = world_metric,
                                  .journal = world_journal,
                                  .stored = world_stored,
                                  .send = world_send,
                                  .launch = world_launch,
                                  .forget = world_forget,
                                  .wake = world_wake,
                                  .log_data = world_log_data,
                                  .output = world_output,
                                  .ended = world_ended};
}

static inline char *print_fold(const struct control *c)
{
    struct buf out = {0};

    control_print_durable(c, &out);
    return out.p;
}

static inline void check_fold(const struct cluster *k)
{
    char *mine = print_fold(k->control), *folded = print_fold(k->shadow);

    assert_string_equal(mine, folded);
    free(mine);
    free(folded);
}

static inline void hand_over(struct cluster *k, uint32_t node, const struct message *message)
{
    control_message(k->control, node, message, k->now_ns);
    check_fold(k);
}

static inline int64_t clock_of(const struct cluster *k, uint32_t node)
{
    return k->now_ns + k->agents[node].offset_ns;
}

static inline void agent_says(struct cluster *k, uint32_t node, struct msg_event event)
{
    struct agent *agent = &k->agents[node];
    struct message message = {.id = MSG_EVENT};

    event.number = ++agent->number;
    if (!event.at_ns)
        event.at_ns = clock_of(k, node);
    event.attempt = event.attempt ? event.attempt : agent->attempt;
    *vec_push(&agent->unacked) = event;
    message.event = event;
    if (agent->linked)
        hand_over(k, node, &message);
}

static inline void agent_connects(struct cluster *k, uint32_t node)
{
    struct agent *agent = &k->agents[node];
    struct msg_hello hello = {
        .node = node,
        .incarnation = agent->incarnation,
        .host = str_of(k->names[node]),
        .version = STR(FIRSTLIGHT_VERSION),
        .cpus = 8,
        .attempt = agent->attempt,
        .empty = agent->empty,
        .events_from = agent->unacked.count ? agent->unacked.items[0].number : agent->number + 1,
        .data_addr = STR("10.0.0.1"),
    };
    struct err err;

    agent->linked = true;
    if (!control_agent_up(k->control, &hello, "10.0.0.1:1", k->now_ns, &err))
        fail_msg("%s", err.text);
    check_fold(k);
    for (size_t i = 0; i < agent->unacked.count; i++) {
        struct message message = {.id = MSG_EVENT, .event = agent->unacked.items[i]};

        hand_over(k, node, &message);
    }
}

static inline void agent_begins(struct cluster *k, uint32_t node)
{
    struct agent *agent = &k->agents[node];

    agent->runs = true;
    agent->incarnation = ++k->next_incarnation * 0x9e3779b97f4a7c15u;
    agent->number = 0;
    agent->attempt = 0;
    agent->alive = 0;
    agent->empty = true;
    agent->unacked.count = 0;
    memset(agent->lives, 0, sizeof(agent->lives));
    agent_connects(k, node);
}

static inline void agent_link_breaks(struct cluster *k, uint32_t node, const char *why)
{
    k->agents[node].linked = false;
    control_agent_down(k->control, node, why, k->now_ns);
    check_fold(k);
}

static inline void agent_empties(struct cluster *k, uint32_t node)
{
    k->agents[node].empty = true;
    agent_says(k, node, (struct msg_event){.kind = AGENT_NODE_EMPTY, .rank = -1});
}

/* A rank ends; the last one leaves the node empty. by: 0 itself, 1 us, 2 the OOM killer. */
static inline void rank_ends(struct cluster *k, uint32_t rank, int status, int by,
                             const char *words)
{
    int64_t node = control_node_of_rank(k->control, rank);
    struct agent *agent = &k->agents[node];

    assert_true(agent->lives[rank - agent->first]);
    agent->lives[rank - agent->first] = false;
    agent->alive--;
    agent_says(
        k, (uint32_t)node,
        (struct msg_event){
            .kind = AGENT_RANK_EXITED, .rank = rank, .a = status, .b = by, .text = str_of(words)});
    if (!agent->alive)
        agent_empties(k, (uint32_t)node);
}

static inline void agent_starts(struct cluster *k, uint32_t node, const struct msg_start *start)
{
    struct agent *agent = &k->agents[node];

    if (start->attempt <= agent->attempt)
        return;
    assert_true(agent->empty);
    agent->attempt = start->attempt;
    agent->first = start->first_rank;
    agent->nproc = start->nproc;
    if (agent->spawn_errno) {
        agent_says(k, node,
                   (struct msg_event){.kind = AGENT_SPAWN_FAILED,
                                      .rank = -1,
                                      .a = agent->spawn_errno,
                                      .text = STR("cannot start ./train: no such file")});
        agent_empties(k, node);
        return;
    }
    agent->empty = false;
    agent->alive = agent->nproc;
    for (uint32_t i = 0; i < agent->nproc; i++)
        agent->lives[i] = true;
    agent_says(k, node,
               (struct msg_event){.kind = AGENT_RANKS_STARTED, .rank = -1, .a = agent->nproc});
}

static inline void agent_stops(struct cluster *k, uint32_t node, const struct msg_stop *stop)
{
    struct agent *agent = &k->agents[node];

    if (stop->how == STOP_SAVE || stop->attempt < agent->attempt)
        return;
    if (agent->empty) {
        agent->attempt = stop->attempt;
        agent_empties(k, node);
        return;
    }
    for (uint32_t i = 0; i < agent->nproc; i++)
        if (agent->lives[i]) {
            agent->lives[i] = false;
            agent->alive--;
            agent_says(k, node,
                       (struct msg_event){.kind = AGENT_RANK_EXITED,
                                          .rank = agent->first + i,
                                          .a = stop->how == STOP_POLITE ? 0 : SIGTERM,
                                          .b = 1});
        }
    agent_empties(k, node);
}

static inline void agent_takes(struct cluster *k, const struct sent *sent)
{
    struct agent *agent = &k->agents[sent->node];
    struct message answer = {0};

    if (!agent->linked || agent->dead_silent)
        return;
    if (sent->message.id == MSG_PING) {
        answer.id = MSG_PONG;
        answer.pong.sent_ns = sent->message.ping.sent_ns;
        answer.pong.agent_ns = clock_of(k, sent->node);
        hand_over(k, sent->node, &answer);
    } else if (sent->message.id == MSG_ACK) {
        size_t left = 0;

        for (size_t i = 0; i < agent->unacked.count; i++)
            if (agent->unacked.items[i].number > sent->message.ack.event)
                agent->unacked.items[left++] = agent->unacked.items[i];
        agent->unacked.count = left;
    } else if (sent->message.id == MSG_STORE_DOWN && k->store_down) {
        assert_true(sent->text_len < sizeof(sent->text));
        k->store_down(k, sent->node, (struct str){sent->text, sent->text_len});
    } else if (agent->mute) {
        return;
    } else if (sent->message.id == MSG_START) {
        agent_starts(k, sent->node, &sent->message.start);
    } else if (sent->message.id == MSG_STOP) {
        agent_stops(k, sent->node, &sent->message.stop);
    } else if (sent->message.id == MSG_LEAVE) {
        agent->runs = false;
        agent_link_breaks(k, sent->node, "closed by the peer");
    } else if (sent->message.id == MSG_FIND_CHECKPOINT) {
        answer.id = MSG_CHECKPOINT;
        answer.checkpoint.attempt = sent->message.find_checkpoint.attempt;
        answer.checkpoint.step = k->checkpoint_step;
        if (k->complaint)
            answer.checkpoint.complaint = str_of(k->complaint);
        else if (k->checkpoint_step >= 0)
            answer.checkpoint.path = STR("/ckpt/step");
        hand_over(k, sent->node, &answer);
    }
}

/* All that was sent is done. */
static inline void pump(struct cluster *k)
{
    while (k->at < k->queue.count && !k->paused) {
        struct sent sent = k->queue.items[k->at++];
        struct agent *agent = &k->agents[sent.node];

        if (sent.kind == SENT_MESSAGE) {
            agent_takes(k, &sent);
        } else if (sent.kind == SENT_FORGET) {
            agent->linked = agent->runs = false;
        } else if (agent->broken) {
            control_agent_failed(k->control, sent.node, "connection refused", k->now_ns);
            check_fold(k);
        } else if (!agent->refuses_link) {
            agent_begins(k, sent.node);
        }
    }
}

/* Time goes on, with every wake in it. */
static inline void advance(struct cluster *k, double seconds)
{
    int64_t until_ns = k->now_ns + (int64_t)(seconds * 1e9);

    pump(k);
    while (k->wake_ns <= until_ns && k->ended < 0) {
        if (k->wake_ns > k->now_ns)
            k->now_ns = k->wake_ns;
        k->wake_ns = INT64_MAX;
        control_tick(k->control, k->now_ns);
        check_fold(k);
        pump(k);
    }
    k->now_ns = until_ns;
}

static inline struct cluster *cluster_new(uint32_t nodes, uint32_t spares, uint32_t nproc)
{
    struct cluster *k = calloc(1, sizeof(*k));
    static const char *words[] = {"./train", NULL};
    static const char *backend = "local";

    job_init(&k->job);
    k->job.command = (struct job_words){words, 1};
    k->job.backend = backend;
    k->job.nodes = k->job.min_nodes = nodes;
    k->job.spares = spares;
    k->job.nproc = nproc;
    k->job.attempts_without_progress = 3;
    k->now_ns = 1000 * SECOND_NS;
    k->wake_ns = INT64_MAX;
    k->ended = -1;
    k->checkpoint_step = -1;
    for (uint32_t i = 0; i < nodes + spares; i++) {
        (void)snprintf(k->name_texts[i], sizeof(k->name_texts[i]), "n%03u", i + 1);
        k->names[i] = k->name_texts[i];
        k->agents[i].offset_ns = (int64_t)i * 7 * SECOND_NS;
    }
    k->config = (struct control_config){.run = "train-abcde",
                                        .job = &k->job,
                                        .names = k->names,
                                        .node_count = nodes + spares,
                                        .generation = 1};
    return k;
}

static inline void control_starts(struct cluster *k)
{
    const struct control_world world = world_of(k);

    k->wake_ns = INT64_MAX;
    k->control = control_new(&k->config, &world);
    assert_non_null(k->control);
    if (!k->shadow)
        k->shadow = control_new(&k->config, &world);
    for (size_t i = 0; i < k->events.count; i++)
        control_apply(k->control, &k->events.items[i]);
    check_fold(k);
    if (k->journal.len && k->journal_attempt == control_attempt(k->control)) {
        assert_int_equal(
            control_replay_journal(k->control, (struct str){k->journal.p, k->journal.len}, NULL),
            0);
        assert_int_equal(control_journal_good(k->control), k->journal.len);
    }
    control_begin(k->control, k->now_ns, k->now_ns + WALL_NS);
    check_fold(k);
}

/* kill -9 of the controller, and the next one. */
static inline void control_restarts(struct cluster *k)
{
    control_free(k->control);
    k->queue.count = k->at = 0;
    for (uint32_t i = 0; i < k->config.node_count; i++)
        k->agents[i].linked = false;
    k->config.generation++;
    control_starts(k);
}

static inline void cluster_free(struct cluster *k)
{
    for (size_t i = 0; i < k->events.count; i++)
        free((char *)k->events.items[i].text.p);
    for (uint32_t i = 0; i < NODES_MAX; i++)
        vec_done(&k->agents[i].unacked);
    buf_done(&k->journal);
    buf_done(&k->stored);
    vec_done(&k->events);
    vec_done(&k->metrics);
    vec_done(&k->queue);
    control_free(k->control);
    control_free(k->shadow);
    free(k);
}

/* For a look when a test fails. */
static inline void print_events(const struct cluster *k)
{
    struct buf out = {0};

    for (size_t i = 0; i < k->events.count; i++) {
        const struct run_event *event = &k->events.items[i];

        run_event_print(event, event->node >= 0 ? k->names[event->node] : NULL, &out);
        buf_puts(&out, "\n");
    }
    (void)fputs(out.p ? out.p : "", stderr);
    buf_done(&out);
}

/* The last event of a kind; NULL. */
static inline const struct run_event *last(const struct cluster *k, enum run_event_kind kind)
{
    for (size_t i = k->events.count; i; i--)
        if (k->events.items[i - 1].kind == kind)
            return &k->events.items[i - 1];
    return NULL;
}

static inline uint32_t count_events(const struct cluster *k, enum run_event_kind kind)
{
    uint32_t count = 0;

    for (size_t i = 0; i < k->events.count; i++)
        count += k->events.items[i].kind == kind;
    return count;
}

static inline uint32_t count_sent(const struct cluster *k, enum message_id id)
{
    uint32_t count = 0;

    for (size_t i = 0; i < k->queue.count; i++)
        count += k->queue.items[i].kind == SENT_MESSAGE && k->queue.items[i].message.id == id;
    return count;
}

static inline struct control_view view_of(struct cluster *k)
{
    struct control_view view;

    control_view(k->control, k->now_ns, &view);
    return view;
}

static inline void assert_says(const struct cluster *k, enum run_event_kind kind, const char *part)
{
    const struct run_event *event = last(k, kind);

    if (event && str_find(event->text, part) >= 0)
        return;
    print_events(k);
    fail_msg("no '%s' in '%s'", part, event ? event->text.p : "(no such event)");
}

static inline void assert_state(struct cluster *k, enum run_state want)
{
    if (view_of(k).state == want)
        return;
    print_events(k);
    fail_msg("%s, not %s", run_state_name(view_of(k).state), run_state_name(want));
}

/* Nodes that came, and an attempt that runs. */
static inline struct cluster *cluster_running(uint32_t nodes, uint32_t spares, uint32_t nproc)
{
    struct cluster *k = cluster_new(nodes, spares, nproc);

    control_starts(k);
    advance(k, 0.1);
    assert_state(k, RUN_RUNNING);
    return k;
}

/* Its host is gone: nothing is heard any more. */
static inline void node_dies(struct cluster *k, uint32_t node)
{
    k->agents[node].runs = false;
    k->agents[node].broken = true;
    agent_link_breaks(k, node, "connection reset");
    control_agent_failed(k->control, node, "the agent ended", k->now_ns);
    check_fold(k);
}

/* What one node's ranks say: the same of each. */
static inline void status_is(struct cluster *k, uint32_t node, int64_t step, int64_t tokens,
                             int64_t phase, bool connected, const char *wait)
{
    const struct agent *agent = &k->agents[node];
    int64_t steps[RANKS_MAX], totals[RANKS_MAX], token[RANKS_MAX], phases[RANKS_MAX],
        links[RANKS_MAX];
    struct str waits[RANKS_MAX];
    double losses[RANKS_MAX];
    uint32_t n = agent->nproc;
    struct message message = {.id = MSG_STATUS};

    for (uint32_t i = 0; i < n; i++) {
        steps[i] = step;
        totals[i] = 1000;
        token[i] = tokens;
        phases[i] = phase;
        links[i] = connected;
        losses[i] = 2.31;
        waits[i] = str_of(wait);
    }
    message.status = (struct msg_status){.attempt = agent->attempt,
                                         .step = {steps, n},
                                         .total = {totals, n},
                                         .tokens = {token, n},
                                         .loss = {losses, n},
                                         .phase = {phases, n},
                                         .connected = {links, n},
                                         .waits = {waits, n}};
    hand_over(k, node, &message);
}

#endif
