#include "fleet/likely.h"

#include "fleet/model.h"
#include "fleet/rank.h"
#include "fleet/sets.h"

#include <errno.h>

/* Does the rule that names a difference fire on its nodes? Else it only differs; but what one node
 * cannot show by itself is harm where it differs, and so is a device that is not there. */
static bool does_harm(const struct fleet *fleet, const struct difference *difference)
{
    const struct rule *rule = difference->cause;

    if (!rule || rule->severity == SEVERITY_INFO)
        return false;
    return difference->kind == DIFF_MISSING_DEVICE || (!rule->check && !rule->test_count) ||
           rank_fires(&fleet->nodes.items[difference->nodes.nodes[0]], rule);
}

/* Is it on slow nodes alone? */
static bool may_be(const struct fleet *fleet, const struct cause *cause)
{
    return cause->slow_with && !cause->fast_with && cause->fast_all && !cause->majority_slow &&
           does_harm(fleet, &fleet->differences[cause->difference]);
}

/* How many of `left` carry it; with `out`, those that don't are put there. */
static uint32_t split(const struct fleet *fleet, const struct cause *cause,
                      const struct node_set *left, uint32_t *out)
{
    const struct node_set *nodes = &fleet->differences[cause->difference].nodes;
    uint32_t with = 0;

    for (uint32_t i = 0; i < left->count; i++) {
        bool carries = set_has(nodes, left->nodes[i]) != cause->majority_slow;

        with += carries;
        if (!carries && out)
            out[i - with] = left->nodes[i];
    }
    return with;
}

static int take_away(struct arena *arena, const struct fleet *fleet, const struct cause *cause,
                     struct node_set *left)
{
    uint32_t *nodes = arena_alloc(arena, ((size_t)left->count + 1) * sizeof(*nodes));

    if (!nodes)
        return -ENOMEM;
    left->count -= split(fleet, cause, left, nodes);
    left->nodes = nodes;
    return 0;
}

int likely_find(struct arena *arena, const struct fleet *fleet, struct explanation *explanation)
{
    int r = 0;

    explanation->left = explanation->slow;
    for (uint32_t i = 0; i < explanation->explaining && r == 0; i++)
        r = take_away(arena, fleet, &explanation->causes[i], &explanation->left);
    while (r == 0 && explanation->left.count && explanation->likely_count < LIKELY_MAX) {
        const struct cause *best = NULL;
        uint32_t most = 0;

        for (uint32_t i = explanation->explaining; i < explanation->cause_count; i++) {
            const struct cause *cause = &explanation->causes[i];
            uint32_t with =
                may_be(fleet, cause) ? split(fleet, cause, &explanation->left, NULL) : 0;

            if (with > most) {
                most = with;
                best = cause;
            }
        }
        if (!best)
            break;
        explanation->likely[explanation->likely_count++] = best;
        r = take_away(arena, fleet, best, &explanation->left);
    }
    return r;
}
