#include "fabric/against_links.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct link {
    uint32_t node, peer; /* in the newer result */
    enum phase phase;
    uint64_t bytes;
    bool newer;
    double value;
};

static int by_link(const void *a, const void *b)
{
    const struct link *x = a, *y = b;

    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    if (x->peer != y->peer)
        return x->peer < y->peer ? -1 : 1;
    if (x->phase != y->phase)
        return x->phase < y->phase ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    if (x->newer != y->newer)
        return x->newer ? 1 : -1;
    return x->value < y->value ? -1 : x->value > y->value;
}

static bool same_link(const struct link *a, const struct link *b)
{
    return a->node == b->node && a->peer == b->peer && a->phase == b->phase &&
           a->bytes == b->bytes && a->newer == b->newer;
}

/* Measures of pairs between nodes that both tests have; `newer_of`: per node of `result`. */
static uint32_t take_links(const struct fabric_result *result, const uint32_t *newer_of, bool newer,
                           const struct metric *metric, struct link *out)
{
    uint32_t count = 0;

    for (size_t i = 0; i < result->measures.count; i++) {
        const struct measure *m = &result->measures.items[i];

        if (m->metric != metric || newer_of[m->node] == MEASURE_NOBODY ||
            newer_of[m->peer] == MEASURE_NOBODY)
            continue;
        out[count++] = (struct link){
            newer_of[m->node], newer_of[m->peer], m->phase, m->bytes, newer, m->value};
    }
    return count;
}

/* Of repeats of one link in one test the median; returns how many links. */
static uint32_t fold_repeats(struct link *links, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0, end; i < count; i = end) {
        end = i + 1;
        while (end < count && same_link(&links[i], &links[end]))
            end++;
        links[kept++] = links[i + (end - i) / 2];
    }
    return kept;
}

static int newer_indices(struct comparison *work, uint32_t **identity, uint32_t **newer_of)
{
    size_t newer = work->newer->nodes.count, older = work->older->nodes.count;

    *identity = arena_alloc(work->arena, (newer + 1) * sizeof(**identity));
    *newer_of = arena_alloc(work->arena, (older + 1) * sizeof(**newer_of));
    if (!*identity || !*newer_of)
        return -ENOMEM;
    for (size_t i = 0; i < older; i++)
        (*newer_of)[i] = MEASURE_NOBODY;
    for (uint32_t i = 0; i < newer; i++) {
        (*identity)[i] = work->older_of[i] == MEASURE_NOBODY ? MEASURE_NOBODY : i;
        if (work->older_of[i] != MEASURE_NOBODY)
            (*newer_of)[work->older_of[i]] = i;
    }
    return 0;
}

/* A link has several numbers, of both phases and several sizes: it moved as far as the one that
 * moved least. */
static void add_link(struct comparison *work, uint32_t begin, struct change change)
{
    struct change *last = work->count > begin ? &work->changes[work->count - 1] : NULL;
    double off = comparison_log_ratio(change.metric, change.before, change.after);

    if (last && last->node == change.node && last->peer == change.peer) {
        if (fabs(log(last->ratio)) <= fabs(off))
            return;
        work->count--;
    }
    comparison_add(work, change, work->noise * M_SQRT2);
}

int against_links(struct comparison *work, const struct metric *metric)
{
    size_t most = work->older->measures.count + work->newer->measures.count;
    struct link *links = arena_alloc(work->arena, (most + 1) * sizeof(*links));
    uint32_t *identity, *newer_of, count, begin = work->count;

    if (!links || newer_indices(work, &identity, &newer_of) < 0)
        return -ENOMEM;
    count = take_links(work->older, newer_of, false, metric, links);
    count += take_links(work->newer, identity, true, metric, links + count);
    if (count)
        qsort(links, count, sizeof(*links), by_link);
    count = fold_repeats(links, count);
    for (uint32_t i = 0; i + 1 < count; i++) {
        const struct link *a = &links[i], *b = &links[i + 1];

        if (!a->newer && b->newer && a->node == b->node && a->peer == b->peer &&
            a->phase == b->phase && a->bytes == b->bytes && !work->moved[a->node] &&
            !work->moved[a->peer] && comparison_is_possible(metric, a->value, b->value))
            add_link(work, begin,
                     (struct change){.metric = metric,
                                     .node = a->node,
                                     .peer = a->peer,
                                     .before = a->value,
                                     .after = b->value});
    }
    return work->count > begin ? comparison_settle(work, begin) : 0;
}
