#include "probe/carry.h"

#include "base/clock.h"
#include "probe/ucx.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>

#define DESCRIBE_MS 10000 /* a broken adapter's library may hang */
#define ANSWER_MS   200   /* before the order's limit: for the answer's way */

static void told_trouble(void *data, const struct fabric_trouble *trouble)
{
    struct told *told = data;
    struct fabric_trouble *place =
        told->troubles.count < ANSWER_TROUBLES_MAX ? vec_push(&told->troubles) : NULL;

    if (place)
        *place = *trouble;
}

static void told_measure(void *data, const struct measure *measure)
{
    struct told *told = data;
    struct measure *place;

    if (!isfinite(measure->value) || !isfinite(measure->low) || !isfinite(measure->high)) {
        struct fabric_trouble trouble = {TROUBLE_TEST, measure->metric->test, told->rank,
                                         measure->peer};

        (void)snprintf(trouble.words, sizeof(trouble.words), "%s came to no number",
                       measure->metric->name);
        told_trouble(told, &trouble);
        return;
    }
    place = told->measures.count < ANSWER_MEASURES_MAX ? vec_push(&told->measures) : NULL;
    if (place)
        *place = *measure;
}

struct telling told_telling(struct told *told)
{
    return (struct telling){told, told_measure, told_trouble};
}

void told_done(struct told *told)
{
    vec_done(&told->measures);
    vec_done(&told->troubles);
}

/* What a child's end means, when it was not told by the child itself. */
static void tell_end(const struct probe *probe, int r, int64_t began_ms, enum test test,
                     uint32_t peer, struct child *child)
{
    char words[CHILD_WORDS_BYTES];
    double took_ms = (double)(clock_now_ms() - began_ms);
    bool gave_up = child_end(child, words) == SIGABRT && peer != MEASURE_NOBODY;

    if (r == -ETIMEDOUT) /* in whole seconds: nodes that share a fate say the same */
        probe_tell_trouble(probe, TROUBLE_HUNG, test, peer,
                           took_ms < 1000 ? "the test '%s' did not end in %.1f s and was killed"
                                          : "the test '%s' did not end in %.0f s and was killed",
                           test_kinds[test].name, took_ms / 1000);
    else if (r == -EPIPE &&
             gave_up) /* a transport of UCX that can't tell us that its peer is gone */
        probe_tell_trouble(probe, TROUBLE_PEER, test, peer,
                           "UCX gave up on it: it has died or can't be reached");
    else if (r == -EPIPE && words[0])
        probe_tell_trouble(probe, TROUBLE_TEST, test, peer, "the test '%s' ended by %s",
                           test_kinds[test].name, words);
    else if (r < 0 && r != -ECONNRESET)
        probe_tell_trouble(probe, TROUBLE_TEST, test, peer, "the test's process: %s", strerror(-r));
}

struct test_child {
    const struct probe *probe;
    node_test run;
};

static void run_test(const struct child_voice *voice, void *data)
{
    const struct test_child *test = data;
    struct probe probe = *test->probe;

    probe.telling = &voice->telling;
    test->run(&probe);
    child_done(voice, true);
}

/* For what was begun before its time was over to come to an end. */
static int64_t grace_ms(const struct probe *probe)
{
    int64_t grace = 1000 + 2 * (int64_t)probe->ms,
            third = probe->order ? probe->order->limit_ms / 3 : grace;

    return grace < third ? grace : third;
}

static int carry_test(const struct probe *probe, node_test run, enum test test, int watch)
{
    struct test_child data = {probe, run};
    int64_t began_ms = clock_now_ms();
    struct child child;
    int r = child_start(&child, run_test, &data);

    if (r == 0)
        r = child_listen(&child, probe->deadline_ms + grace_ms(probe), watch, probe->telling, NULL);
    tell_end(probe, r, began_ms, test, MEASURE_NOBODY, &child);
    return r == -ECONNRESET ? r : 0;
}

int carry_tests(const struct probe *probe, const node_test *tests, uint32_t which, int watch)
{
    int64_t left = 0;
    int r = 0;

    for (int i = 0; i < TEST_COUNT; i++)
        left += (which >> i & 1) && tests[i];
    for (int i = 0; r == 0 && i < TEST_COUNT; i++) {
        struct probe one = *probe;
        int64_t now = clock_now_ms();

        if (!(which >> i & 1) || !tests[i])
            continue;
        one.deadline_ms = now + (probe->deadline_ms - now) / (left-- > 1 ? 2 : 1);
        r = carry_test(&one, tests[i], (enum test)i, watch);
    }
    return r;
}

/* Hand the order to the process of pairs, a new one where there is none. */
static int send_pair(struct carrier *carrier, const struct order *order)
{
    if (carrier->pairs.pid != 0 && child_send(&carrier->pairs, order) == 0)
        return 0;
    (void)child_end(&carrier->pairs, NULL);
    if (child_start(&carrier->pairs, pair_child_run, &carrier->self) < 0)
        return -EAGAIN;
    return child_send(&carrier->pairs, order);
}

static int carry_pair(struct carrier *carrier, const struct probe *probe)
{
    struct order order = *probe->order;
    int64_t began_ms = clock_now_ms();
    int r;

    if (!probe->card->has_ucx) {
        probe_tell_trouble(probe, TROUBLE_TEST, TEST_PAIRS, order.peer, "%s", probe->card->ucx);
        return 0;
    }
    order.limit_ms = (uint32_t)(probe->deadline_ms - began_ms);
    r = send_pair(carrier, &order);
    if (r == 0)
        r = child_listen(&carrier->pairs, probe->deadline_ms + grace_ms(probe), carrier->watch,
                         probe->telling, NULL);
    if (r != 0)
        tell_end(probe, r, began_ms, TEST_PAIRS, order.peer, &carrier->pairs);
    return r == -ECONNRESET ? r : 0;
}

int carry_out(struct carrier *carrier, const struct order *order, const struct telling *telling)
{
    struct probe probe = {.card = carrier->self.card,
                          .telling = telling,
                          .rank = carrier->self.rank,
                          .ms = order->ms,
                          .order = order};
    int64_t limit = (int64_t)order->limit_ms - ANSWER_MS - grace_ms(&probe);

    probe.deadline_ms = clock_now_ms() + (limit > 0 ? limit : order->limit_ms / 3);
    switch (order->kind) {
    case ORDER_NODE:
        return carry_tests(&probe, carrier->tests, order->tests, carrier->watch);
    case ORDER_PAIR:
        return carry_pair(carrier, &probe);
    case ORDER_CLOCK:
    case ORDER_LEAVE:
    case ORDER_KIND_COUNT:
        break;
    }
    return 0;
}

void carrier_done(struct carrier *carrier)
{
    (void)child_end(&carrier->pairs, NULL);
}

static void describe(const struct child_voice *voice, void *data)
{
    const struct probe probe = {.telling = &voice->telling};
    char words[CARD_TEXT_BYTES];
    struct err err = {0};

    (void)data;
    if (ucx_describe(words, &err) == 0)
        child_text(voice, words);
    else
        probe_tell_trouble(&probe, TROUBLE_TEST, TEST_PAIRS, MEASURE_NOBODY, "%s", err.text);
    child_done(voice, true);
}

static void take_reason(void *data, const struct fabric_trouble *trouble)
{
    struct card *card = data;

    (void)snprintf(card->ucx, sizeof(card->ucx), "%s", trouble->words);
}

void carry_ucx(struct card *card)
{
    const struct telling telling = {card, NULL, take_reason};
    char words[CARD_TEXT_BYTES] = "";
    struct child child;
    int r = child_start(&child, describe, NULL);

    (void)snprintf(card->ucx, sizeof(card->ucx), "UCX did not begin");
    if (r == 0)
        r = child_listen(&child, clock_now_ms() + DESCRIBE_MS, -1, &telling, words);
    if (r == -ETIMEDOUT)
        (void)snprintf(card->ucx, sizeof(card->ucx), "UCX hung and was killed");
    (void)child_end(&child, NULL);
    card->has_ucx = words[0] != '\0';
    if (card->has_ucx)
        (void)snprintf(card->ucx, sizeof(card->ucx), "%s", words);
}
