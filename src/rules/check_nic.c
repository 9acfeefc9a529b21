/* RDMA ports: up or down, and counters that stand out among ports of one node. */
#include "rules/check.h"

#include <stdlib.h>

/* Ports are compared each with each. */
#define PORTS_MAX 512

static bool port_is_up(const struct check *check, uint32_t subject)
{
    return !strcmp(check_text(check, subject, KEY_IB_STATE, ""), "ACTIVE");
}

/* Ports of one model: the same board id, else the same type. */
static bool same_model(const struct check *check, uint32_t a, uint32_t b)
{
    const char *x = check_text(check, a, KEY_IB_PSID, ""),
               *y = check_text(check, b, KEY_IB_PSID, "");

    if (strcmp(check_text(check, a, KEY_IB_LAYER, ""), check_text(check, b, KEY_IB_LAYER, "")))
        return false;
    if (*x || *y)
        return !strcmp(x, y);
    return !strcmp(check_text(check, a, KEY_IB_TYPE, ""), check_text(check, b, KEY_IB_TYPE, ""));
}

/* Up and down among the ports of this one's model. */
static void count_model(const struct check *check, uint32_t port, uint32_t *up, uint32_t *down)
{
    uint32_t seen = 0;

    *up = *down = 0;
    for (uint32_t s = 0; s < check->node->subject_count && seen < PORTS_MAX; s++) {
        if (!(check->who[s] & WHO_IB) || !check_fact(check, s, KEY_IB_STATE).fact ||
            !same_model(check, port, s))
            continue;
        seen++;
        *up += port_is_up(check, s);
        *down += !port_is_up(check, s);
    }
}

/* A port that is down among ports that are up has lost its link; where down is common, nothing is
 * plugged in. */
static void report_down(struct check *check, bool lost)
{
    uint32_t seen = 0;

    for (uint32_t s = 0; s < check->node->subject_count && seen < PORTS_MAX; s++) {
        struct fact_at state;
        uint32_t up, down;

        if (!(check->who[s] & WHO_IB))
            continue;
        state = check_fact(check, s, KEY_IB_STATE);
        if (!state.fact || port_is_up(check, s))
            continue;
        seen++;
        count_model(check, s, &up, &down);
        if (lost == (up >= 3 && up > down))
            check_hit(check, s, state, "%s, %s; %u of %u ports of its model are up",
                      state.fact->text, check_text(check, s, KEY_IB_PHYS, "?"), up, up + down);
    }
}

void check_ib_down(struct check *check)
{
    report_down(check, true);
}

void check_ib_unused(struct check *check)
{
    report_down(check, false);
}

/* ---- counters ---- */

struct counter {
    enum check_key key;
    int64_t ceiling;  /* where the register stops; 0: it does not */
    int64_t least;    /* below this nothing is said */
    int64_t multiple; /* of the node's middle port */
};

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Counts since boot tell little alone: what stands out among the ports of one node does. */
static void report_counter(struct check *check, const struct counter *counter)
{
    int64_t values[PORTS_MAX], middle;
    uint32_t subjects[PORTS_MAX], count = 0;

    for (uint32_t s = 0; s < check->node->subject_count && count < PORTS_MAX; s++) {
        struct fact_at at;

        if (!(check->who[s] & WHO_IB))
            continue;
        at = check_fact(check, s, counter->key);
        if (!at.fact || at.fact->type != FACT_NUMBER)
            continue;
        values[count] = at.fact->number;
        subjects[count++] = s;
    }
    if (!count)
        return;
    qsort(values, count, sizeof(values[0]), by_value);
    middle = values[(count - 1) / 2];
    for (uint32_t i = 0; i < count; i++) {
        struct fact_at at = check_fact(check, subjects[i], counter->key);
        int64_t value = at.fact->number;

        if (counter->ceiling && value >= counter->ceiling)
            check_hit(check, subjects[i], at, "%lld is where this counter stops: at least so many",
                      (long long)value);
        else if (count >= 3 && value >= counter->least && middle >= 0 &&
                 value / counter->multiple > middle)
            check_hit(check, subjects[i], at, "%lld; the middle port of this node has %lld",
                      (long long)value, (long long)middle);
    }
}

void check_ib_errors(struct check *check)
{
    static const struct counter counters[] = {
        {KEY_COUNT_LINK_DOWNED, 255, 10, 5},
        {KEY_COUNT_SYMBOL, 65535, 100, 10},
        {KEY_COUNT_RECOVERY, 255, 10, 5},
        {KEY_COUNT_RCV_ERRORS, 65535, 100, 10},
    };

    for (size_t i = 0; i < ARRAY_LEN(counters); i++)
        report_counter(check, &counters[i]);
}

void check_ib_retransmits(struct check *check)
{
    static const struct counter counters[] = {
        {KEY_COUNT_ACK_TIMEOUT, 0, 10000, 10},  {KEY_COUNT_SEQUENCE, 0, 10000, 10},
        {KEY_COUNT_PACKET_SEQ, 0, 10000, 10},   {KEY_COUNT_RNR, 0, 10000, 10},
        {KEY_COUNT_SLOW_RESTART, 0, 10000, 10},
    };

    for (size_t i = 0; i < ARRAY_LEN(counters); i++)
        report_counter(check, &counters[i]);
}
