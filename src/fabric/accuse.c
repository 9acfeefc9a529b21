#include "fabric/accuse.h"

#include "fabric/court.h"

#include <errno.h>

#define COMPARABLE 3    /* with fewer nodes there are no peers */
#define LOST_SHARE 0.25 /* so many slow flows without a cause: typical was taken for too fast */

static bool typical_is_lost(const struct flows *flows)
{
    uint32_t open = 0;

    for (uint32_t i = 0; i < flows->count; i++)
        open += flow_is_open(flows, &flows->items[i]);
    return open > LOST_SHARE * flows->count && open >= 4;
}

static void forget(struct flows *flows)
{
    for (uint32_t i = 0; i < flows->count; i++)
        flows->items[i].level = 0;
}

static int go_through(struct arena *arena, struct flows *flows, struct accused_list *out)
{
    struct court court;

    if (court_open(arena, flows, out, &court) < 0)
        return -ENOMEM;
    if (court.seen < COMPARABLE)
        return 0;
    if (court_discover(&court) < 0 || court_nodes_and_groups(&court) < 0 ||
        court_parts(&court) < 0 || court_scattered(&court) < 0 || court_links(&court) < 0)
        return -ENOMEM;
    return 0;
}

/* What is slow only when all pairs run at once: seen in nothing that was measured alone. */
static int together_only(struct arena *arena, struct flows *flows, struct accused_list *out)
{
    uint32_t before = out->count;
    struct court court;

    if (!flows->sets[PHASE_ALONE][FLOW_CROSS].count && !flows->sets[PHASE_ALONE][FLOW_INSIDE].count)
        return 0;
    if (court_open(arena, flows, out, &court) < 0)
        return -ENOMEM;
    if (court.seen < COMPARABLE)
        return 0;
    court.phase = PHASE_TOGETHER;
    if (court_nodes_and_groups(&court) < 0)
        return -ENOMEM;
    for (uint32_t i = before; i < out->count; i++)
        out->items[i].together = true;
    return 0;
}

int accuse(struct arena *arena, struct flows *flows, struct accused_list *out)
{
    struct accused_list first = {0};

    if (go_through(arena, flows, &first) < 0)
        return -ENOMEM;
    /* What is named is no part of what is typical: a second look with a better centre. */
    if (typical_is_lost(flows)) {
        forget(flows);
        if (flows_centre(flows, true) < 0)
            return -ENOMEM;
    } else {
        if (flows_centre(flows, false) < 0)
            return -ENOMEM;
        forget(flows);
    }
    if (go_through(arena, flows, out) < 0)
        return -ENOMEM;
    return together_only(arena, flows, out);
}
