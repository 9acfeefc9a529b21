#include "fabric/session_inside.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* Answers are outside bytes, read without error: their numbers may still be nonsense. */
#define VALUE_MAX 1e18 /* bytes or operations a second; a thousand times the largest there is */

void session_trouble(struct session *session, enum trouble_kind kind, enum test test, uint32_t node,
                     uint32_t peer, const char *format, ...)
{
    struct fabric_trouble trouble = {.kind = kind, .test = test, .node = node, .peer = peer};
    va_list args;

    va_start(args, format);
    (void)vsnprintf(trouble.words, sizeof(trouble.words), format, args);
    va_end(args);
    if (result_add_trouble(session->result, &trouble, NULL) < 0)
        session->failed = true;
    else
        session->world.troubles(session->world.data, &trouble, 1);
}

static void add_measure(struct session *session, const struct measure *measure)
{
    if (result_add_measure(session->result, measure, NULL) < 0)
        session->failed = true;
}

static bool is_number(double value, bool zero)
{
    return isfinite(value) && value < VALUE_MAX && (zero ? value >= 0 : value > 0);
}

/* Is it about what was asked, and a number that can be? */
static bool makes_sense(const struct measure *m, const struct order_note *note, uint32_t node)
{
    if (!m->metric || !is_number(m->value, m->metric->lower_is_better) || m->phase >= PAIR_PHASES)
        return false;
    if (!m->metric->of_pair)
        return note->kind == ORDER_NODE && m->node == node;
    return note->kind == ORDER_PAIR && ((m->node == node && m->peer == note->peer) ||
                                        (m->node == note->peer && m->peer == node));
}

static void take_measures(struct session *session, uint32_t node, const struct order_note *note,
                          const struct answer *answer)
{
    const struct measure *nonsense = NULL;

    for (uint32_t i = 0; i < answer->measure_count; i++) {
        struct measure m = answer->measures[i];

        if (!makes_sense(&m, note, node)) {
            nonsense = nonsense ? nonsense : &answer->measures[i];
            continue;
        }
        if (m.metric->of_pair) {
            m.phase = note->phase;
            if (!m.part[0]) /* rails are compared with themselves */
                (void)snprintf(m.part, sizeof(m.part), "%s", note->device);
        } else {
            m.peer = MEASURE_NOBODY;
        }
        if (!is_number(m.low, true) || m.low > m.value)
            m.low = m.value;
        if (!is_number(m.high, true) || m.high < m.value)
            m.high = m.value;
        add_measure(session, &m);
        if (m.metric->of_pair)
            session_pair_measured(session, m.node, m.peer);
    }
    if (nonsense)
        session_trouble(session, TROUBLE_TEST,
                        nonsense->metric ? nonsense->metric->test : TEST_PAIRS, node,
                        note->kind == ORDER_PAIR ? note->peer : MEASURE_NOBODY,
                        "its probe said what cannot be: %s is %g",
                        nonsense->metric ? nonsense->metric->name : "nothing", nonsense->value);
}

void session_take(struct session *session, uint32_t node, uint32_t seq, const struct answer *answer)
{
    const struct order_note *note = &session->seats[node].notes.items[seq - 1];
    size_t before = session->result->troubles.count;

    take_measures(session, node, note, answer);
    for (uint32_t i = 0; i < answer->trouble_count; i++) {
        struct fabric_trouble trouble = answer->troubles[i];

        if (trouble.kind >= TROUBLE_COUNT || trouble.test >= TEST_COUNT)
            continue;
        trouble.node = node;
        trouble.peer = note->kind == ORDER_PAIR ? note->peer : MEASURE_NOBODY;
        trouble.words[sizeof(trouble.words) - 1] = 0;
        if (result_add_trouble(session->result, &trouble, NULL) < 0)
            session->failed = true;
    }
    if (session->result->troubles.count > before)
        session->world.troubles(session->world.data, session->result->troubles.items + before,
                                session->result->troubles.count - before);
}

/* The node read its clock somewhere between sending and receiving. */
void session_take_clock(struct session *session, uint32_t node, const struct answer *answer)
{
    struct seat *seat = &session->seats[node];
    struct clock_reading *best = &seat->clock[session->step == STEP_CLOCK_AGAIN];
    double there = (double)(session->wall_ns - seat->sent_wall_ns) * 1e-9;
    double half = (there > 0 ? there / 2 : 0) + seat->sent_unsure;
    /* Differences, since a double has no room for nanoseconds since 1970; any 64 bits may come. */
    double ahead = (double)((__int128)answer->wall_ns - session->wall_ns) * 1e-9;

    if (best->have && best->half <= half)
        return;
    *best = (struct clock_reading){true, ahead + there / 2, half, session->wall_ns};
}

void session_tell_clocks(struct session *session, bool drift)
{
    const struct metric *metric = metric_find(str_of(drift ? "clock.drift" : "clock.offset"));

    for (uint32_t i = 0; i < session->node_count && metric; i++) {
        const struct clock_reading *first = &session->seats[i].clock[0];
        const struct clock_reading *last = &session->seats[i].clock[drift];
        double since = (double)(last->wall_ns - first->wall_ns) * 1e-9;
        double value = first->offset, unsure = first->half;

        if (!first->have || !last->have || (drift && since < 1))
            continue;
        if (drift) {
            value = (last->offset - first->offset) / since;
            unsure = (last->half + first->half) / since;
        }
        add_measure(session, &(struct measure){.metric = metric,
                                               .node = i,
                                               .peer = MEASURE_NOBODY,
                                               .value = value,
                                               .low = value - unsure,
                                               .high = value + unsure});
    }
}
