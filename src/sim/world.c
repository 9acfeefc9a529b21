/* sim/world - what happens later, and what must never. */
#include "sim/world.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define LAST_EVENTS 5 /* told with a broken invariant */

void sim_at(struct sim *sim, int64_t in_ns, struct sim_event event)
{
    event.at_ns = sim->now_ns + (in_ns > 0 ? in_ns : 0);
    if (sim_queue_put(&sim->queue, &event) < 0)
        sim_break(sim, "no memory for what will happen");
}

int64_t sim_wait(struct sim *sim, double per_hour)
{
    double hours = per_hour > 0 ? -log(1 - rng_unit(&sim->fate)) / per_hour : INFINITY;

    return hours < 1e6 ? (int64_t)(hours * 3600 * SIM_S) : INT64_MAX;
}

void sim_break(struct sim *sim, const char *format, ...)
{
    struct buf text = {0};
    char sentence[ERR_TEXT_MAX / 2];
    size_t count = sim->disk.events.count;
    va_list args;

    if (sim->broken)
        return;
    sim->broken = true;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    for (size_t i = count > LAST_EVENTS ? count - LAST_EVENTS : 0; i < count; i++) {
        const struct run_event *event = &sim->disk.events.items[i];

        buf_puts(&text, text.len ? "; " : "");
        run_event_print(event, event->node >= 0 ? sim->names[event->node] : "", &text);
    }
    (void)err_set(sim->err, -EPROTO, "seed %llu, %.3f s: %s; last: %s",
                  (unsigned long long)sim->config.seed, (double)sim->now_ns / SIM_S, sentence,
                  text.p ? text.p : "nothing");
    buf_done(&text);
}

int64_t node_clock(const struct sim *sim, const struct sim_node *node)
{
    return sim->now_ns + node->clock_ns;
}
