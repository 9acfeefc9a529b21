/* Events on their way out, and the words that they are made of. */
#include "base/hostlist.h"
#include "control/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct run_event event_of(enum run_event_kind kind)
{
    return (struct run_event){.kind = kind, .node = -1, .rank = -1};
}

/* at_ns 0: now. */
void control_emit(struct control *control, struct run_event event)
{
    size_t max = event.kind == EV_ATTEMPT_BEGUN ? RUN_EVENT_LIST_MAX : RUN_EVENT_TEXT_MAX;

    event.seq = control->fold.seq + 1;
    if (!event.at_ns)
        event.at_ns = control->now_ns + control->wall_minus_mono_ns;
    if (!event.attempt)
        event.attempt = control->fold.attempt;
    if (event.text.len > max)
        event.text.len = max;
    control->world.event(control->world.data, &event);
    control_apply(control, &event);
}

void control_say(struct control *control, enum run_event_kind kind, int64_t node,
                 const char *format, ...)
{
    struct run_event event = event_of(kind);
    char text[RUN_EVENT_TEXT_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    event.node = node;
    event.text = str_of(text);
    control_emit(control, event);
}

/* A phase of the restart ends now, and the next begins. The first border that this controller sees
 * ends none. */
void control_phase(struct control *control, enum run_phase phase)
{
    struct run_event event = event_of(EV_PHASE_ENDED);

    event.a = phase;
    event.b = control->now_ns - control->mark_ns;
    if (control->mark_ns)
        control_emit(control, event);
    control->mark_ns = control->now_ns;
}

const char *control_node_name(void *data, uint32_t node)
{
    struct control *control = data;

    return node < control->config.node_count ? control->config.names[node] : "?";
}

void control_print_nodes(const struct control *control, const uint32_t *nodes, size_t count,
                         struct buf *out)
{
    struct arena *arena = arena_new(0);
    const char **names = arena ? arena_alloc(arena, (count + 1) * sizeof(*names)) : NULL;
    const char *folded;

    for (size_t i = 0; i < count && names; i++)
        names[i] = control->config.names[nodes[i]];
    folded = names ? hostlist_fold(arena, names, count) : NULL;
    buf_puts(out, folded ? folded : "");
    arena_free(arena);
}

static uint32_t print_rank_set(const struct control *control,
                               bool (*has)(const struct control *, uint32_t, const void *),
                               const void *data, struct buf *out)
{
    uint32_t world = control->fold.world, count = 0;
    size_t start = out->len;

    for (uint32_t rank = 0; rank < world; rank++) {
        uint32_t first = rank;

        if (!has(control, rank, data))
            continue;
        while (rank + 1 < world && has(control, rank + 1, data))
            rank++;
        count += rank - first + 1;
        if (out->len - start > WHY_BYTES) {
            if (out->p[out->len - 1] != '.')
                buf_puts(out, ",...");
            continue;
        }
        buf_printf(out, rank > first ? "%s%u-%u" : "%s%u", out->len > start ? "," : "", first,
                   rank);
    }
    return count;
}

uint32_t control_print_ranks(const struct control *control, bool nodes,
                             bool (*has)(const struct control *, uint32_t, const void *),
                             const void *data, struct buf *out)
{
    struct buf set = {0};
    uint32_t count = print_rank_set(control, has, data, &set), *list, listed = 0;

    buf_printf(out, "%s %s", count == 1 ? "rank" : "ranks", set.p ? set.p : "");
    buf_done(&set);
    list = nodes ? malloc(control->fold.nnodes * sizeof(*list)) : NULL;
    if (!list)
        return count;
    for (uint32_t i = 0; i < control->fold.nnodes; i++) {
        uint32_t first, n = fold_ranks_of(control, control->fold.assigned[i], &first);
        bool any = false;

        for (uint32_t j = 0; j < n && !any; j++)
            any = has(control, first + j, data);
        if (any)
            list[listed++] = control->fold.assigned[i];
    }
    buf_puts(out, " (");
    control_print_nodes(control, list, listed, out);
    buf_puts(out, ")");
    free(list);
    return count;
}

void control_wake(struct control *control, int64_t at_ns)
{
    if (at_ns >= control->wake_ns)
        return;
    control->wake_ns = at_ns;
    control->world.wake(control->world.data, at_ns);
}
