/* Who is here: the nodes that are linked, those that are ready for a new attempt's ranks, and why
 * the others are missing. */
#include "control/state.h"

#include <stdlib.h>
#include <string.h>

#define REASONS_MAX 8

void node_count(struct control *c, uint32_t node, bool linked, bool clean)
{
    struct node_live *live = &c->live[node];

    c->linked -= live->linked;
    c->ready -= live->linked && live->clean;
    live->linked = linked;
    live->clean = clean;
    c->linked += live->linked;
    c->ready += live->linked && live->clean;
}

bool node_is_ready(const struct control *c, uint32_t node)
{
    return c->live[node].linked && c->live[node].clean;
}

/* "n013: connection refused; n[014-015]: no answer", at most REASONS_MAX reasons. */
void node_print_missing(const struct control *c, struct buf *out)
{
    uint32_t count = c->config.node_count, *list = calloc(count, sizeof(*list));
    bool *said = calloc(count, sizeof(*said));
    size_t reasons = 0;

    for (uint32_t i = 0; i < count && list && said; i++) {
        const char *why = c->live[i].why[0] ? c->live[i].why : "no answer";
        size_t listed = 0;

        if (c->live[i].linked || said[i])
            continue;
        if (++reasons > REASONS_MAX) {
            buf_puts(out, "; ...");
            break;
        }
        for (uint32_t j = i; j < count; j++)
            if (!c->live[j].linked &&
                strcmp(why, c->live[j].why[0] ? c->live[j].why : "no answer") == 0) {
                said[j] = true;
                list[listed++] = j;
            }
        buf_puts(out, reasons > 1 ? "; " : "");
        control_print_nodes(c, list, listed, out);
        buf_printf(out, ": %s", why);
    }
    free(list);
    free(said);
}
