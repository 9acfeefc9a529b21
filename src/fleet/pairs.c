#include "fleet/pairs.h"

#include "base/rng.h"
#include "base/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define EXACT_DRAWS_MAX 20000.0
#define DRAWS_MIN       20000
#define DRAWS_MAX       1000000
#define VISITS_MAX      50000000.0 /* of pairs: about 0.2 s for one cause */
#define HITS_ENOUGH     100        /* the p value is then known to a tenth */
#define SEED            0x66697273746c69ull

int pairs_init(struct arena *arena, const struct symptom *symptom, uint32_t node_count,
               double *threshold, struct pairs *out)
{
    uint32_t count = (uint32_t)symptom->pair_count, *fill;
    double *values = malloc((count + 1) * sizeof(*values));

    *out = (struct pairs){.items = symptom->pairs, .count = count, .node_count = node_count};
    out->is_slow = arena_alloc(arena, count + 1);
    out->start = arena_alloc(arena, (node_count + 2) * sizeof(*out->start));
    out->list = arena_alloc(arena, (2 * (size_t)count + 1) * sizeof(*out->list));
    fill = calloc(node_count + 1, sizeof(*fill));
    if (!values || !out->is_slow || !out->start || !out->list || !fill) {
        free(values);
        free(fill);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++)
        values[i] = symptom->higher_is_slower ? -out->items[i].value : out->items[i].value;
    (void)stats_split_low(values, count, threshold);
    for (uint32_t i = 0; i < count; i++) {
        const struct symptom_pair *pair = &out->items[i];

        out->is_slow[i] = (symptom->higher_is_slower ? -pair->value : pair->value) < *threshold;
        out->slow += out->is_slow[i];
        out->start[pair->a + 1]++;
        out->start[pair->b + 1] += pair->b != pair->a;
    }
    for (uint32_t n = 0; n < node_count; n++) {
        out->start[n + 1] += out->start[n];
        fill[n] = out->start[n];
    }
    for (uint32_t i = 0; i < count; i++) {
        out->list[fill[out->items[i].a]++] = i;
        if (out->items[i].b != out->items[i].a)
            out->list[fill[out->items[i].b]++] = i;
    }
    if (symptom->higher_is_slower)
        *threshold = -*threshold;
    free(values);
    free(fill);
    return 0;
}

static uint32_t other_end(const struct symptom_pair *pair, uint32_t node)
{
    return pair->a == node ? pair->b : pair->a;
}

int pairs_name(const struct pairs *pairs, bool *slow, uint32_t *open, uint32_t open_max,
               uint32_t *open_count)
{
    int64_t *score = calloc(pairs->node_count + 1, sizeof(*score)); /* slow pairs less fast ones */
    uint32_t *left = calloc(pairs->node_count + 1, sizeof(*left));  /* slow, not accounted for */
    bool *done = calloc(pairs->count + 1, sizeof(*done));
    int r = score && left && done ? 0 : -ENOMEM;

    *open_count = 0;
    for (uint32_t i = 0; i < pairs->count && r == 0; i++) {
        const struct symptom_pair *pair = &pairs->items[i];

        score[pair->a] += pairs->is_slow[i] ? 1 : -1;
        score[pair->b] += pairs->is_slow[i] ? 1 : -1;
        left[pair->a] += pairs->is_slow[i];
        left[pair->b] += pairs->is_slow[i];
    }
    while (r == 0) {
        uint32_t best = UINT32_MAX;
        bool torn = false;

        for (uint32_t n = 0; n < pairs->node_count; n++)
            if (left[n] && score[n] > 0 && (best == UINT32_MAX || score[n] > score[best]))
                best = n;
        if (best == UINT32_MAX)
            break;
        if (left[best] == 1) /* a lone pair whose other end is as suspect tells nothing */
            for (uint32_t k = pairs->start[best]; k < pairs->start[best + 1]; k++) {
                uint32_t i = pairs->list[k];

                torn |= pairs->is_slow[i] && !done[i] &&
                        score[other_end(&pairs->items[i], best)] == score[best];
            }
        slow[best] = !torn;
        for (uint32_t k = pairs->start[best]; k < pairs->start[best + 1]; k++) {
            uint32_t i = pairs->list[k], other = other_end(&pairs->items[i], best);

            if (!pairs->is_slow[i] || done[i])
                continue;
            done[i] = true;
            left[best]--;
            left[other]--;
            score[other]--;
            if (torn && (*open_count)++ < open_max)
                open[*open_count - 1] = i;
        }
    }
    free(score);
    free(left);
    free(done);
    return r;
}

void pairs_cover(const struct pairs *pairs, const uint32_t *nodes, uint32_t count, uint8_t *mark,
                 uint32_t *slow, uint32_t *all)
{
    *slow = *all = 0;
    for (uint32_t n = 0; n < count; n++)
        for (uint32_t k = pairs->start[nodes[n]]; k < pairs->start[nodes[n] + 1]; k++) {
            uint32_t i = pairs->list[k];

            if (mark[i])
                continue;
            mark[i] = 1;
            (*all)++;
            *slow += pairs->is_slow[i];
        }
    for (uint32_t n = 0; n < count; n++)
        for (uint32_t k = pairs->start[nodes[n]]; k < pairs->start[nodes[n] + 1]; k++)
            mark[pairs->list[k]] = 0;
}

/* Slow pairs covered beyond the share that is slow anyway, scaled to stay whole. */
static int64_t excess(const struct pairs *pairs, const uint32_t *nodes, uint32_t count,
                      uint8_t *mark)
{
    uint32_t slow, all;

    pairs_cover(pairs, nodes, count, mark, &slow, &all);
    return (int64_t)slow * pairs->count - (int64_t)all * pairs->slow;
}

/* The next choice of k of m indices in rising order; false after the last. */
static bool next_choice(uint32_t *index, uint32_t k, uint32_t m)
{
    uint32_t i = k;

    while (i > 0 && index[i - 1] == m - k + i - 1)
        i--;
    if (!i)
        return false;
    index[i - 1]++;
    for (; i < k; i++)
        index[i] = index[i - 1] + 1;
    return true;
}

double pairs_draw(const struct pairs *pairs, const uint32_t *population, uint32_t population_count,
                  const uint32_t *carriers, uint32_t carrier_count)
{
    uint32_t m = population_count, k = carrier_count;
    uint8_t *mark = calloc(pairs->count + 1, 1);
    uint32_t *index = calloc(m + 1, sizeof(*index)), *nodes = calloc(m + 1, sizeof(*nodes));
    double hits = 0, draws = 0, most, p = -1;
    struct rng rng = {SEED};
    int64_t seen;

    if (!mark || !index || !nodes)
        goto out;
    p = 1;
    if (!k || k >= m)
        goto out;
    seen = excess(pairs, carriers, k, mark);
    if (exp(stats_log_choose(m, k)) <= EXACT_DRAWS_MAX) {
        for (uint32_t i = 0; i < k; i++)
            index[i] = i;
        do {
            for (uint32_t i = 0; i < k; i++)
                nodes[i] = population[index[i]];
            hits += excess(pairs, nodes, k, mark) >= seen;
            draws++;
        } while (next_choice(index, k, m));
        p = hits / draws;
        goto out;
    }
    for (uint32_t i = 0; i < m; i++)
        nodes[i] = population[i];
    most = VISITS_MAX / (1 + 2.0 * k * pairs->count / m);
    most = most < DRAWS_MIN ? DRAWS_MIN : most > DRAWS_MAX ? DRAWS_MAX : most;
    while (draws < most && hits < HITS_ENOUGH) {
        for (uint32_t i = 0; i < k; i++) { /* the first k of a shuffle */
            uint32_t at = i + (uint32_t)rng_below(&rng, m - i), swap = nodes[i];

            nodes[i] = nodes[at];
            nodes[at] = swap;
        }
        hits += excess(pairs, nodes, k, mark) >= seen;
        draws++;
    }
    p = (hits + 1) / (draws + 1);
out:
    free(mark);
    free(index);
    free(nodes);
    return p;
}
