#include "fabric/court.h"

#include "base/stats.h"

#include <errno.h>
#include <stdlib.h>

/* Groups that no topology gave. Nodes that are slow with most others, and of which one is fast with
 * another although one of the two should have made it slow, share what leads to the rest. */

struct finder {
    struct court *court;
    bool *slow[FLOW_WAYS]; /* by node: with half of its partners or more */
    uint32_t *parent, *size;
};

static uint32_t root_of(uint32_t *parent, uint32_t node)
{
    while (parent[node] != node)
        node = parent[node] = parent[parent[node]];
    return node;
}

static void find_slow(struct finder *finder)
{
    const struct flows *flows = finder->court->flows;

    for (uint32_t n = 0; n < flows->node_count; n++) {
        uint32_t low[FLOW_WAYS] = {0}, all[FLOW_WAYS] = {0};

        for (uint32_t i = flows->start[n]; i < flows->start[n + 1]; i++) {
            const struct flow *flow = &flows->items[flows->list[i]];
            enum flow_way way = flow->from == n ? WAY_OUT : WAY_IN;

            all[way]++;
            low[way] += flow->x < -finder->court->need;
        }
        for (int way = 0; way < FLOW_WAYS; way++)
            finder->slow[way][n] = low[way] && 2 * low[way] >= all[way];
    }
}

static void join(struct finder *finder)
{
    const struct flows *flows = finder->court->flows;

    for (uint32_t i = 0; i < flows->count; i++) {
        const struct flow *flow = &flows->items[i];
        uint32_t a, b;

        if (flow->x < -finder->court->need ||
            !(finder->slow[WAY_OUT][flow->from] || finder->slow[WAY_IN][flow->from]) ||
            !(finder->slow[WAY_OUT][flow->to] || finder->slow[WAY_IN][flow->to]) ||
            !(finder->slow[WAY_OUT][flow->from] || finder->slow[WAY_IN][flow->to]))
            continue;
        a = root_of(finder->parent, flow->from);
        b = root_of(finder->parent, flow->to);
        if (a == b)
            continue;
        finder->parent[a > b ? a : b] = a > b ? b : a;
        finder->size[a > b ? b : a] += finder->size[a > b ? a : b];
    }
}

/* Nodes outside the group must be fast with each other, or it is the structure of the network that
 * was found and no fault: leaves are slower between than within. */
static bool rest_is_fast(struct finder *finder, uint32_t root)
{
    const struct flows *flows = finder->court->flows;
    uint32_t low = 0, all = 0, n = flows->node_count, size = finder->size[root];

    if (2 * size > n || (2 * size == n && (root == 0 || flows->metric->lower_is_better)))
        return false;
    for (uint32_t i = 0; i < flows->count; i++) {
        const struct flow *flow = &flows->items[i];

        if (root_of(finder->parent, flow->from) == root ||
            root_of(finder->parent, flow->to) == root)
            continue;
        all++;
        low += flow->x < -finder->court->need;
    }
    return 2 * low < all;
}

static int keep(struct finder *finder, uint32_t root)
{
    struct court *court = finder->court;
    uint32_t *nodes = arena_alloc(court->arena, finder->size[root] * sizeof(*nodes)), count = 0;

    if (!nodes)
        return -ENOMEM;
    for (uint32_t n = 0; n < court->flows->node_count; n++)
        if (root_of(finder->parent, n) == root) {
            nodes[count++] = n;
            court->set_of[n] = court->set_count;
        }
    court->sets[court->set_count++] = (struct court_set){nodes, count};
    return 0;
}

int court_discover(struct court *court)
{
    uint32_t n = court->flows->node_count;
    struct finder finder = {court};
    int r = 0;

    if (court->set_count) /* a topology knows better */
        return 0;
    finder.slow[WAY_OUT] = calloc(2 * ((size_t)n + 1), sizeof(bool));
    finder.parent = malloc(2 * ((size_t)n + 1) * sizeof(uint32_t));
    if (finder.slow[WAY_OUT] && finder.parent) {
        finder.slow[WAY_IN] = finder.slow[WAY_OUT] + n + 1;
        finder.size = finder.parent + n + 1;
        for (uint32_t i = 0; i < n; i++) {
            finder.parent[i] = i;
            finder.size[i] = 1;
        }
        find_slow(&finder);
        join(&finder);
        for (uint32_t i = 0; i < n && r == 0; i++)
            if (root_of(finder.parent, i) == i && finder.size[i] >= 2 && rest_is_fast(&finder, i))
                r = keep(&finder, i);
    } else {
        r = -ENOMEM;
    }
    free(finder.slow[WAY_OUT]);
    free(finder.parent);
    return r;
}
