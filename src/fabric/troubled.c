#include "fabric/troubled.h"

#include "base/hostlist.h"

#include <errno.h>
#include <stdlib.h>

static const char *name_of(const struct fabric_result *result, uint32_t node)
{
    return result->nodes.items[node].name;
}

static int add(struct arena *arena, struct troubled_list *out, enum suspect_kind kind, uint32_t a,
               uint32_t b, uint32_t times, const char *sentence)
{
    uint32_t *nodes = arena_alloc(arena, 2 * sizeof(*nodes));

    if (!nodes || !sentence)
        return -ENOMEM;
    nodes[0] = a;
    nodes[1] = b;
    out->items[out->count++] =
        (struct troubled){kind, nodes, 1 + (b != MEASURE_NOBODY), times, sentence};
    return 0;
}

static int find_lost(struct arena *arena, const struct fabric_result *result,
                     struct troubled_list *out)
{
    static const char *const what[NODE_FATE_COUNT] = {
        [NODE_ABSENT] = "did not come", [NODE_HUNG] = "hung", [NODE_DIED] = "died"};

    for (uint32_t n = 0; n < result->nodes.count; n++) {
        const struct fabric_node *node = &result->nodes.items[n];

        if (node->fate <= NODE_WELL)
            continue;
        if (add(arena, out, SUSPECT_LOST, n, MEASURE_NOBODY, 1,
                arena_printf(arena, "%s %s%s%s", node->name, what[node->fate],
                             node->words[0] ? ": " : "", node->words)) < 0)
            return -ENOMEM;
    }
    return 0;
}

struct edge {
    uint32_t a, b;
    const struct fabric_trouble *trouble;
};

static int by_ends(const void *x, const void *y)
{
    const struct edge *p = x, *q = y;

    if (p->a != q->a)
        return p->a < q->a ? -1 : 1;
    if (p->b != q->b)
        return p->b < q->b ? -1 : 1;
    return strcmp(p->trouble->words, q->trouble->words);
}

/* Distinct pairs that have this trouble. */
static uint32_t edges_of(const struct fabric_result *result, enum trouble_kind kind,
                         struct edge *edges)
{
    uint32_t count = 0, kept = 0;

    for (size_t i = 0; i < result->troubles.count; i++) {
        const struct fabric_trouble *t = &result->troubles.items[i];
        uint32_t n = (uint32_t)result->nodes.count;

        if (t->kind != kind || t->node >= n || t->peer >= n || t->node == t->peer)
            continue;
        edges[count++] = (struct edge){t->node < t->peer ? t->node : t->peer,
                                       t->node < t->peer ? t->peer : t->node, t};
    }
    qsort(edges, count, sizeof(*edges), by_ends);
    for (uint32_t i = 0; i < count; i++)
        if (!kept || edges[i].a != edges[kept - 1].a || edges[i].b != edges[kept - 1].b)
            edges[kept++] = edges[i];
    return kept;
}

/* The fewest nodes that stand in all the pairs: the one in most of them first. A pair that is left
 * by itself is told as a pair. */
static int blame(struct arena *arena, const struct fabric_result *result, struct edge *edges,
                 uint32_t count, enum suspect_kind kind, const char *what, uint32_t *degree,
                 struct troubled_list *out)
{
    while (count) {
        uint32_t worst = 0, kept = 0;
        const char *words;

        memset(degree, 0, (result->nodes.count + 1) * sizeof(*degree));
        for (uint32_t i = 0; i < count; i++) {
            degree[edges[i].a]++;
            degree[edges[i].b]++;
        }
        for (uint32_t n = 0; n < result->nodes.count; n++)
            if (degree[n] > degree[worst])
                worst = n;
        if (degree[worst] == 1) {
            const struct edge *edge = &edges[--count];

            words = edge->trouble->words;
            if (add(arena, out, kind, edge->a, edge->b, 1,
                    arena_printf(arena, "%s with %s: %s%s%s", name_of(result, edge->a),
                                 name_of(result, edge->b), what, words[0] ? ": " : "", words)) < 0)
                return -ENOMEM;
            continue;
        }
        words = "";
        for (uint32_t i = 0; i < count; i++) {
            if (edges[i].a != worst && edges[i].b != worst)
                edges[kept++] = edges[i];
            else if (!words[0])
                words = edges[i].trouble->words;
        }
        if (add(arena, out, kind, worst, MEASURE_NOBODY, degree[worst],
                arena_printf(arena, "%s with %u others: %s%s%s", name_of(result, worst),
                             degree[worst], what, words[0] ? ": " : "", words)) < 0)
            return -ENOMEM;
        count = kept;
    }
    return 0;
}

/* Pairs that could not meet, but for those that could at another time and those of lost nodes. */
static uint32_t still_apart(const struct fabric_result *result, struct edge *edges, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct edge *edge = &edges[i];
        bool met = result->nodes.items[edge->a].fate > NODE_WELL ||
                   result->nodes.items[edge->b].fate > NODE_WELL;

        for (size_t k = 0; k < result->measures.count && !met; k++) {
            const struct measure *m = &result->measures.items[k];

            met = (m->node == edge->a && m->peer == edge->b) ||
                  (m->node == edge->b && m->peer == edge->a);
        }
        if (!met)
            edges[kept++] = *edge;
    }
    return kept;
}

struct told {
    uint32_t node;
    const struct fabric_trouble *trouble;
};

static int by_words(const void *x, const void *y)
{
    const struct told *p = x, *q = y;
    int order = strcmp(p->trouble->words, q->trouble->words);

    if (p->trouble->test != q->trouble->test)
        return p->trouble->test < q->trouble->test ? -1 : 1;
    return order ? order : (p->node > q->node) - (p->node < q->node);
}

/* The first trouble of each node and test that was told; returns how many. */
static uint32_t first_of_each(const struct fabric_result *result, uint8_t *seen, struct told *told)
{
    uint32_t count = 0;

    for (size_t i = 0; i < result->troubles.count; i++) {
        const struct fabric_trouble *t = &result->troubles.items[i];

        if ((t->kind != TROUBLE_TEST && t->kind != TROUBLE_NAMES) ||
            t->node >= result->nodes.count || seen[t->node * TEST_COUNT + t->test])
            continue;
        seen[t->node * TEST_COUNT + t->test] = 1;
        told[count++] = (struct told){t->node, t};
    }
    return count;
}

/* One finding for all nodes that say the same of the same test. */
static int add_told(struct arena *arena, const struct fabric_result *result,
                    const struct told *told, uint32_t count, struct troubled_list *out)
{
    const char **names = arena_alloc(arena, count * sizeof(*names));
    uint32_t *nodes = arena_alloc(arena, count * sizeof(*nodes));
    const char *who, *sentence;

    if (!names || !nodes)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        nodes[i] = told[i].node;
        names[i] = name_of(result, told[i].node);
    }
    who = hostlist_fold(arena, names, count);
    sentence = who ? arena_printf(arena, "%s: %s", who, told->trouble->words) : NULL;
    out->items[out->count++] = (struct troubled){SUSPECT_TROUBLE, nodes, count, count, sentence};
    return sentence ? 0 : -ENOMEM;
}

static int find_tests(struct arena *arena, const struct fabric_result *result,
                      struct troubled_list *out)
{
    uint8_t *seen = calloc(result->nodes.count + 1, TEST_COUNT);
    struct told *told = malloc((result->troubles.count + 1) * sizeof(*told));
    uint32_t count;
    int r = seen && told ? 0 : -ENOMEM;

    if (r == 0) {
        count = first_of_each(result, seen, told);
        qsort(told, count, sizeof(*told), by_words);
        for (uint32_t i = 0, end; i < count && r == 0; i = end) {
            for (end = i + 1; end < count && told[end].trouble->test == told[i].trouble->test &&
                              !strcmp(told[end].trouble->words, told[i].trouble->words);)
                end++;
            r = add_told(arena, result, &told[i], end - i, out);
        }
    }
    free(seen);
    free(told);
    return r;
}

int troubled_find(struct arena *arena, const struct fabric_result *result,
                  struct troubled_list *out)
{
    size_t most = result->nodes.count + 3 * result->troubles.count + 1;
    struct edge *edges = malloc((result->troubles.count + 1) * sizeof(*edges));
    uint32_t *degree = malloc((result->nodes.count + 1) * sizeof(*degree)), count;
    int r = -ENOMEM;

    *out = (struct troubled_list){arena_alloc(arena, most * sizeof(*out->items)), 0};
    if (!edges || !degree || !out->items)
        goto out;
    if (find_lost(arena, result, out) < 0)
        goto out;
    count = edges_of(result, TROUBLE_FALLBACK, edges);
    if (blame(arena, result, edges, count, SUSPECT_FALLBACK, "TCP although both have RDMA", degree,
              out) < 0)
        goto out;
    count = still_apart(result, edges, edges_of(result, TROUBLE_PEER, edges));
    if (blame(arena, result, edges, count, SUSPECT_TROUBLE, "could not be reached", degree, out) <
        0)
        goto out;
    r = find_tests(arena, result, out);
out:
    free(edges);
    free(degree);
    return r;
}
