/* What somebody who knows would try first on slow nodes that nothing proven explains. */
#include "cli/story.h"
#include "fleet/sets.h"

#include <errno.h>

/* Does the rule that names a difference fire on its nodes? Else it only differs. */
static bool does_harm(const struct fleet *fleet, const struct difference *difference)
{
    const struct fleet_node *node = fleet_node(fleet, difference->nodes.nodes[0]);

    for (uint32_t i = 0; difference->cause && i < node->finding_count; i++)
        if (node->findings[i].rule == difference->cause)
            return difference->cause->severity > SEVERITY_INFO;
    return false;
}

/* Is it on slow nodes alone? */
static bool may_be(const struct request *request, const struct cause *cause)
{
    return cause->slow_with && !cause->fast_with && !cause->majority_slow &&
           does_harm(request->fleet, &request->report.differences[cause->difference]);
}

/* How many of `left` carry it; with `out`, those that don't are put there. */
static uint32_t split(const struct request *request, const struct cause *cause,
                      const struct node_set *left, uint32_t *out)
{
    const struct node_set *nodes = &request->report.differences[cause->difference].nodes;
    uint32_t with = 0;

    for (uint32_t i = 0; i < left->count; i++) {
        bool carries = set_has(nodes, left->nodes[i]) != cause->majority_slow;

        with += carries;
        if (!carries && out)
            out[i - with] = left->nodes[i];
    }
    return with;
}

static int take_away(const struct request *request, struct arena *arena, const struct cause *cause,
                     struct node_set *left)
{
    uint32_t *nodes = arena_alloc(arena, ((size_t)left->count + 1) * sizeof(*nodes));

    if (!nodes)
        return -ENOMEM;
    left->count -= split(request, cause, left, nodes);
    left->nodes = nodes;
    return 0;
}

int story_likely(const struct request *request, struct arena *arena, struct chapter *chapter,
                 struct err *err)
{
    const struct explanation *explanation = &chapter->explanation;
    int r = 0;

    chapter->left = explanation->slow;
    for (uint32_t i = 0; i < explanation->explaining && r == 0; i++)
        r = take_away(request, arena, &explanation->causes[i], &chapter->left);
    while (r == 0 && chapter->left.count && chapter->likely_count < LIKELY_MAX) {
        const struct cause *best = NULL;
        uint32_t most = 0;

        for (uint32_t i = explanation->explaining; i < explanation->cause_count; i++) {
            const struct cause *cause = &explanation->causes[i];
            uint32_t with =
                may_be(request, cause) ? split(request, cause, &chapter->left, NULL) : 0;

            if (with > most) {
                most = with;
                best = cause;
            }
        }
        if (!best)
            break;
        chapter->likely[chapter->likely_count++] = best;
        r = take_away(request, arena, best, &chapter->left);
    }
    return r < 0 ? err_set(err, r, "no memory for likely causes") : 0;
}
