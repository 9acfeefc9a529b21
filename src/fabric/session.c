#include "fabric/session.h"

#include "fabric/flows.h"
#include "fabric/session_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *doing;
    enum test test; /* skipped without it; TEST_COUNT: never */
} steps[STEP_COUNT] = {
    [STEP_CARDS] = {"waiting for the probes", TEST_COUNT},
    [STEP_CLOCK] = {"clocks", TEST_CLOCK},
    [STEP_NODES] = {"tests of each node", TEST_COUNT},
    [STEP_TOGETHER] = {"pairs, all at once", TEST_PAIRS},
    [STEP_ALONE] = {"pairs alone", TEST_PAIRS},
    [STEP_DECIDE] = {"pairs that decide", TEST_PAIRS},
    [STEP_CLOCK_AGAIN] = {"clocks again", TEST_CLOCK},
    [STEP_LEAVE] = {"ending", TEST_COUNT},
    [STEP_DONE] = {"done", TEST_COUNT},
};

#define OWN_TESTS ((1u << TEST_COUNT) - 1 - (1u << TEST_PAIRS) - (1u << TEST_CLOCK))

static int read_groups(struct session *session)
{
    struct arena *arena = arena_new(0);
    uint32_t *group;
    int r = arena ? flows_groups(arena, session->result, &group, &session->group_count) : -ENOMEM;

    if (r == 0 && session->group_count > 1) {
        session->group = malloc((session->node_count + (size_t)1) * sizeof(*session->group));
        r = session->group ? 0 : -ENOMEM;
        for (uint32_t i = 0; i < session->node_count && r == 0; i++)
            session->group[i] = group[i];
    }
    arena_free(arena);
    return r;
}

struct session *session_new(const struct session_options *options, struct fabric_result *result,
                            const struct session_world *world)
{
    struct session *session = calloc(1, sizeof(*session));
    size_t n = result->nodes.count;

    if (!session)
        return NULL;
    session->options = *options;
    session->level = &fabric_levels[options->level];
    session->result = result;
    session->world = *world;
    session->rng.state = options->seed;
    session->node_count = (uint32_t)n;
    session->device = "";
    session->seats = calloc(n + 1, sizeof(*session->seats));
    session->round = calloc(n / 2 + 1, sizeof(*session->round));
    session->nodes = calloc(n + 1, sizeof(*session->nodes));
    if (!session->seats || !session->round || !session->nodes || read_groups(session) < 0) {
        session_free(session);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        session->seats[i].running = MEASURE_NOBODY;
    result->level = options->level;
    result->tests = options->tests;
    return session;
}

void session_free(struct session *session)
{
    if (!session)
        return;
    for (uint32_t i = 0; session->seats && i < session->node_count; i++)
        vec_done(&session->seats[i].notes);
    free(session->seats);
    free(session->group);
    free(session->round);
    free(session->nodes);
    vec_done(&session->running);
    vec_done(&session->queue);
    vec_done(&session->failed_pairs);
    vec_done(&session->owed);
    map_done(&session->met);
    map_done(&session->measured);
    free(session);
}

static void not_busy(struct session *session, uint32_t node)
{
    struct seat *seat = &session->seats[node];
    uint32_t running = seat->running;

    if (!seat->busy)
        return;
    seat->busy = false;
    seat->running = MEASURE_NOBODY;
    session->busy--;
    if (running != MEASURE_NOBODY)
        session_pair_ended(session, running);
}

/* Asks all well nodes at once. False: there are none. */
static bool ask_all(struct session *session, const struct order *like)
{
    uint32_t before = session->busy, n = session->node_count;

    for (uint32_t i = 0; i < n; i++) {
        struct order order = *like;

        if (!session_is_well(session, i))
            continue;
        if (order.tests &
            (1u << TEST_NAMES)) /* each looks for the next one, as that calls itself */
            (void)snprintf(order.peer_name, sizeof(order.peer_name), "%s",
                           session->result->nodes.items[(i + 1) % n].card.host);
        session->seats[i].clock_tries = 0;
        session_send(session, i, &order);
    }
    return session->busy > before;
}

static bool ask_clocks(struct session *session)
{
    return ask_all(session, &(struct order){.kind = ORDER_CLOCK, .limit_ms = LEVEL_CLOCK_MS});
}

static bool ask_tests(struct session *session)
{
    uint32_t tests = session->options.tests & OWN_TESTS;

    return tests && ask_all(session, &(struct order){.kind = ORDER_NODE,
                                                     .tests = tests,
                                                     .limit_ms = session->level->node_limit_ms,
                                                     .ms = session->level->node_ms,
                                                     .gpu = session->options.gpu});
}

/* What a step asks at its beginning, or next. False: it is over. */
static bool step_next(struct session *session)
{
    bool begins = !session->step_began;

    session->step_began = true;
    switch (session->step) {
    case STEP_CLOCK:
    case STEP_CLOCK_AGAIN:
        if (begins)
            return ask_clocks(session);
        session_tell_clocks(session, session->step == STEP_CLOCK_AGAIN);
        return false;
    case STEP_NODES:
        return begins && ask_tests(session);
    case STEP_TOGETHER:
        if (begins)
            session_plan_pairs(session);
        return session_next_together(session);
    case STEP_ALONE:
        return session_next_alone(session);
    case STEP_DECIDE:
        return session_next_decide(session);
    default:
        return false;
    }
}

static void next_step(struct session *session)
{
    do
        session->step++;
    while (steps[session->step].test < TEST_COUNT &&
           !(session->options.tests & 1u << steps[session->step].test));
    session->step_began = false;
    session->batches = session->batches_total = 0;
}

static void leave(struct session *session)
{
    struct order order = {.kind = ORDER_LEAVE};

    session->step = STEP_LEAVE;
    for (uint32_t i = 0; i < session->node_count; i++)
        if (session_is_well(session, i))
            session_send(session, i, &order);
    session->step = STEP_DONE;
    session->result->whole = !session->stopping && !session->failed;
    session->result->ended_ns = session->wall_ns;
    session->told_done = true;
    session->world.done(session->world.data);
}

/* Until somebody is asked something, or all is done: what comes next follows from the step and from
 * who is busy, whatever event led here. */
static void advance(struct session *session)
{
    while (session->step < STEP_LEAVE && !session->failed && !session->stopping) {
        if (session->busy > 0 || (session->step == STEP_CARDS && session->missing_cards > 0) ||
            step_next(session))
            return;
        next_step(session);
    }
    if (!session->told_done)
        leave(session);
}

static void at(struct session *session, int64_t now_ms, int64_t wall_ns)
{
    if (wall_ns == 0) /* this event knows the time only to a millisecond */
        session->wall_ns += (now_ms - session->now_ms) * 1000000;
    else
        session->wall_ns = wall_ns;
    session->wall_exact = wall_ns != 0;
    session->now_ms = now_ms;
}

void session_begin(struct session *session, int64_t now_ms, int64_t wall_ns)
{
    session->began = true;
    session->began_ms = session->now_ms = now_ms;
    session->wall_ns = wall_ns;
    session->result->began_ns = wall_ns;
    session->cards_ms = now_ms + LEVEL_CARD_MS;
    session->missing_cards = session->node_count;
    session->world.wake(session->world.data, session->cards_ms);
    if (session->options.time_ms)
        session->world.wake(session->world.data, now_ms + session->options.time_ms);
    advance(session);
}

void session_card(struct session *session, uint32_t node, const struct card *card, int64_t now_ms)
{
    struct seat *seat = &session->seats[node];

    if (!session->began || session->told_done || node >= session->node_count || seat->has_card ||
        session->result->nodes.items[node].fate != NODE_EXPECTED)
        return;
    at(session, now_ms, 0);
    seat->has_card = true;
    session->result->nodes.items[node].card = *card;
    if (result_set_fate(session->result, node, NODE_WELL, "", NULL) < 0)
        session->failed = true;
    session->missing_cards--;
    advance(session);
}

void session_answer(struct session *session, uint32_t node, uint32_t seq,
                    const struct answer *answer, int64_t now_ms, int64_t wall_ns)
{
    struct order_note *note;
    struct seat *seat;

    if (node >= session->node_count || seq == 0 || seq > session->seats[node].notes.count ||
        session->told_done)
        return;
    seat = &session->seats[node];
    note = &seat->notes.items[seq - 1];
    if (note->answered || note->kind == ORDER_LEAVE)
        return;
    note->answered = true;
    at(session, now_ms, wall_ns);
    session_take(session, node, seq, answer);
    if (seq == seat->notes.count && seat->busy) {
        bool clock = note->kind == ORDER_CLOCK;

        if (clock)
            session_take_clock(session, node, answer);
        not_busy(session, node);
        if (clock && ++seat->clock_tries < LEVEL_CLOCK_TRIES)
            session_send(session, node,
                         &(struct order){.kind = ORDER_CLOCK, .limit_ms = LEVEL_CLOCK_MS});
    }
    advance(session);
}

static void lose(struct session *session, uint32_t node, enum node_fate fate, const char *words)
{
    enum node_fate was = session->result->nodes.items[node].fate;

    if (was > NODE_WELL)
        return;
    if (was == NODE_EXPECTED)
        session->missing_cards--;
    if (result_set_fate(session->result, node, fate, words, NULL) < 0)
        session->failed = true;
    not_busy(session, node);
}

/* What a node was at: of its own tests the first stands for all. */
static enum test test_of(const struct session *session, const struct order_note *note)
{
    uint32_t own = session->options.tests & OWN_TESTS;

    if (note->kind == ORDER_NODE && own)
        return (enum test)__builtin_ctz(own);
    return note->kind == ORDER_CLOCK ? TEST_CLOCK : TEST_PAIRS;
}

void session_gone(struct session *session, uint32_t node, enum node_fate fate, const char *words,
                  int64_t now_ms)
{
    if (!session->began || session->told_done || node >= session->node_count || fate <= NODE_WELL ||
        session->result->nodes.items[node].fate > NODE_WELL)
        return;
    at(session, now_ms, 0);
    if (session->seats[node].busy) {
        const struct seat *seat = &session->seats[node];
        const struct order_note *note = &seat->notes.items[seat->notes.count - 1];

        if (fate == NODE_DIED)
            session_trouble(session, TROUBLE_DIED, test_of(session, note), node,
                            note->kind == ORDER_PAIR ? note->peer : MEASURE_NOBODY, "%s", words);
    }
    lose(session, node, fate, words);
    advance(session);
}

static void hang(struct session *session, uint32_t node)
{
    const struct seat *seat = &session->seats[node];
    const struct order_note *note = &seat->notes.items[seat->notes.count - 1];
    char what[CARD_TEXT_BYTES + 64], words[TROUBLE_WORDS_BYTES];
    bool pair = note->kind == ORDER_PAIR;

    if (pair)
        (void)snprintf(what, sizeof(what), "the pair with %s",
                       session->result->nodes.items[note->peer].name);
    else
        (void)snprintf(what, sizeof(what), "%s",
                       note->kind == ORDER_CLOCK ? "the question for its clock" : "its own tests");
    (void)snprintf(words, sizeof(words), "no answer to %s", what);
    session_trouble(session, TROUBLE_HUNG, test_of(session, note), node,
                    pair ? note->peer : MEASURE_NOBODY, "%s", words);
    lose(session, node, NODE_HUNG, words);
}

void session_stop(struct session *session, int64_t now_ms)
{
    if (!session->began || session->told_done)
        return;
    at(session, now_ms, 0);
    session->stopping = true;
    advance(session);
}

void session_tick(struct session *session, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;

    if (!session->began || session->told_done)
        return;
    at(session, now_ms, 0);
    if (session->options.time_ms && now_ms - session->began_ms >= session->options.time_ms)
        session->stopping = true;
    for (uint32_t i = 0; i < session->node_count && !session->stopping; i++) {
        const struct seat *seat = &session->seats[i];

        if (session->step == STEP_CARDS && now_ms >= session->cards_ms &&
            session->result->nodes.items[i].fate == NODE_EXPECTED)
            lose(session, i, NODE_ABSENT, "its probe said nothing within a minute");
        else if (seat->busy && now_ms >= seat->limit_ms)
            hang(session, i);
        else if (seat->busy && seat->limit_ms < next_ms)
            next_ms = seat->limit_ms;
    }
    if (next_ms < INT64_MAX)
        session->world.wake(session->world.data, next_ms);
    advance(session);
}

void session_view(const struct session *session, int64_t now_ms, struct session_view *view)
{
    static const double shares[STEP_COUNT] = {
        /* of the time, as it mostly goes */
        [STEP_CARDS] = 0.05, [STEP_CLOCK] = 0.01,  [STEP_NODES] = 0.14,      [STEP_TOGETHER] = 0.3,
        [STEP_ALONE] = 0.35, [STEP_DECIDE] = 0.14, [STEP_CLOCK_AGAIN] = 0.01};
    double before = 0, all = 0, elapsed = (double)(now_ms - session->began_ms), within = 0;

    *view = (struct session_view){.left_ms = -1, .suspects = session->suspects};
    for (int s = 0; s < STEP_COUNT; s++) {
        bool skipped =
            (steps[s].test < TEST_COUNT && !(session->options.tests & 1u << steps[s].test)) ||
            (s == STEP_NODES && !(session->options.tests & OWN_TESTS));

        if (skipped)
            continue;
        all += shares[s];
        before += s < (int)session->step ? shares[s] : 0;
    }
    if (session->batches_total)
        within = (double)session->batches / session->batches_total;
    view->share = (before + within * shares[session->step]) / all;
    if (view->share > 1 || session->step >= STEP_LEAVE)
        view->share = 1;
    if (session->step > STEP_CARDS && view->share > 0.05 && elapsed > 0)
        view->left_ms = (int64_t)(elapsed / view->share - elapsed);
    if (session->batches_total > 1)
        (void)snprintf(view->doing, sizeof(view->doing), "%s: %s %u of %u",
                       steps[session->step].doing,
                       session->step == STEP_TOGETHER ? "round" : "turn", session->batches,
                       session->batches_total);
    else
        (void)snprintf(view->doing, sizeof(view->doing), "%s", steps[session->step].doing);
    for (uint32_t i = 0; i < session->node_count; i++) {
        enum node_fate fate = session->result->nodes.items[i].fate;

        view->nodes_well += fate == NODE_WELL;
        view->nodes_bad += fate > NODE_WELL;
    }
}
