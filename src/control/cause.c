#include "control/cause.h"

#include "base/map.h"
#include "control/words.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define CLOCK_BEST_NS    60000000000 /* a better round trip counts for so long */
#define CLOCK_UNKNOWN_NS 60000000000 /* +- when nothing was measured */
#define CLOCK_DRIFT_PPM  20          /* between two crystals, or one and its correction by NTP */
#define NAMED_MAX        8           /* deaths that a sentence lists */

static int64_t drift(const struct clock_estimate *clock, int64_t now_ns)
{
    int64_t age = now_ns - clock->measured_ns;

    return age > 0 ? age / 1000000 * CLOCK_DRIFT_PPM : 0;
}

void clock_measure(struct clock_estimate *clock, int64_t sent_ns, int64_t agent_ns,
                   int64_t received_ns)
{
    int64_t rtt = received_ns - sent_ns;

    if (rtt < 0)
        return; /* not an answer to a ping of ours */
    if (clock->known && received_ns - clock->measured_ns < CLOCK_BEST_NS &&
        rtt / 2 > clock->best_rtt_ns / 2 + drift(clock, received_ns))
        return;
    clock->offset_ns = agent_ns - (sent_ns + rtt / 2);
    clock->uncertain_ns = rtt / 2 + rtt % 2;
    clock->best_rtt_ns = rtt;
    clock->measured_ns = received_ns;
    clock->known = true;
}

int64_t clock_to_ours(const struct clock_estimate *clock, int64_t node_ns, int64_t now_ns,
                      int64_t *uncertain_ns)
{
    int64_t ours;

    if (!clock->known) {
        *uncertain_ns = CLOCK_UNKNOWN_NS;
        return now_ns;
    }
    *uncertain_ns = clock->uncertain_ns + drift(clock, now_ns);
    ours = node_ns - clock->offset_ns;
    return ours < now_ns ? ours : now_ns; /* nothing is known before it happens */
}

static int compare(const void *left, const void *right)
{
    const struct death *a = left, *b = right;

    if (a->ours != b->ours)
        return a->ours - b->ours;
    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns ? -1 : 1;
    return a->rank < b->rank ? -1 : a->rank > b->rank;
}

/* Is it certainly later than another death on its own node, which one clock saw both? */
static bool second_on_its_node(struct map *seen, const struct death *death)
{
    const struct death *earlier;

    if (death->lost)
        return false;
    earlier = map_get(seen, (uint64_t)death->node + 1, NULL);
    if (!earlier)
        return map_add(seen, (uint64_t)death->node + 1, (void *)(uintptr_t)death) < 0 && false;
    return earlier->at_ns < death->at_ns;
}

/* Sorted deaths: bring those that may be the first to the front. Returns how many. */
static size_t candidates_first(struct death *deaths, size_t count)
{
    struct death *rest = malloc(count * sizeof(*rest));
    struct map seen = {0};
    int64_t earliest_end = INT64_MAX;
    size_t candidates = 0, others = 0;

    if (!rest)
        return count; /* nothing is certain then */
    for (size_t i = 0; i < count; i++)
        if (deaths[i].at_ns + deaths[i].uncertain_ns < earliest_end)
            earliest_end = deaths[i].at_ns + deaths[i].uncertain_ns;
    memcpy(rest, deaths, count * sizeof(*rest));
    for (size_t i = 0; i < count; i++)
        if (rest[i].at_ns - rest[i].uncertain_ns <= earliest_end &&
            !second_on_its_node(&seen, &rest[i]))
            deaths[candidates++] = rest[i];
        else
            rest[others++] = rest[i];
    memcpy(deaths + candidates, rest, others * sizeof(*rest));
    map_done(&seen);
    free(rest);
    return candidates;
}

bool cause_first(struct death *deaths, size_t count, struct first_cause *out)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    size_t own = 0;

    *out = (struct first_cause){0};
    qsort(deaths, count, sizeof(*deaths), compare);
    while (own < count && !deaths[own].ours)
        own++;
    if (!own)
        return false;
    out->candidates = candidates_first(deaths, own);
    if (own > 1)
        out->next_ns = deaths[1].at_ns - deaths[0].at_ns;
    if (out->candidates == 1)
        return true;
    for (size_t i = 0; i < out->candidates; i++) {
        if (deaths[i].uncertain_ns > out->uncertain_ns)
            out->uncertain_ns = deaths[i].uncertain_ns;
        low = deaths[i].at_ns < low ? deaths[i].at_ns : low;
        high = deaths[i].at_ns > high ? deaths[i].at_ns : high;
    }
    if ((high - low + 1) / 2 > out->uncertain_ns)
        out->uncertain_ns = (high - low + 1) / 2;
    return true;
}

struct naming {
    const char *(*name)(void *data, uint32_t node);
    void *data;
};

static void print_in_list(const struct death *death, const struct naming *naming, struct buf *out)
{
    const char *node = naming->name(naming->data, death->node);

    if (death->lost) {
        buf_printf(out, "%s (lost)", node);
        return;
    }
    buf_printf(out, "rank %u on %s (", death->rank, node);
    if (death->oom)
        buf_puts(out, "OOM killer");
    else if (WIFSIGNALED(death->wait_status))
        words_print_signal(WTERMSIG(death->wait_status), out);
    else
        buf_printf(out, "exit %d", WEXITSTATUS(death->wait_status));
    buf_puts(out, ")");
}

static void print_certain(const struct death *first, const struct first_cause *cause,
                          const struct naming *naming, int64_t wall_minus_mono_ns, struct buf *out)
{
    const char *node = naming->name(naming->data, first->node);

    if (first->lost) {
        buf_printf(out, "%s was lost", node);
    } else {
        buf_printf(out, "rank %u on %s ", first->rank, node);
        if (first->oom || WIFSIGNALED(first->wait_status))
            buf_puts(out, "was ");
        words_print_status(first->wait_status, first->oom, out);
    }
    buf_puts(out, " at ");
    words_print_clock(first->at_ns + wall_minus_mono_ns, out);
    if (first->lost && first->uncertain_ns) {
        buf_puts(out, " +-");
        words_print_ns(first->uncertain_ns, out);
    }
    if (cause->next_ns) {
        buf_puts(out, ", ");
        words_print_ns(cause->next_ns, out);
        buf_puts(out, " before the next");
    }
    buf_puts(out, "; certain");
}

void cause_sentence(const struct death *deaths, const struct first_cause *cause,
                    const char *(*node_name)(void *data, uint32_t node), void *data,
                    int64_t wall_minus_mono_ns, struct buf *out)
{
    static const char *const numbers[] = {NULL,  NULL,    "two",   "three", "four", "five",
                                          "six", "seven", "eight", "nine",  "ten"};
    const struct naming naming = {node_name, data};

    if (cause->candidates == 1) {
        print_certain(&deaths[cause->first], cause, &naming, wall_minus_mono_ns, out);
        return;
    }
    buf_puts(out, "within +-");
    words_print_ns(cause->uncertain_ns, out);
    if (cause->candidates < ARRAY_LEN(numbers))
        buf_printf(out, ": these %s: ", numbers[cause->candidates]);
    else
        buf_printf(out, ": these %zu: ", cause->candidates);
    for (size_t i = 0; i < cause->candidates && i < NAMED_MAX; i++) {
        if (i)
            buf_puts(out, ", ");
        print_in_list(&deaths[cause->first + i], &naming, out);
    }
    if (cause->candidates > NAMED_MAX)
        buf_printf(out, " and %zu more", cause->candidates - NAMED_MAX);
}
