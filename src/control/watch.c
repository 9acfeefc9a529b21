/* What lasts too long is looked at in an interval of its own: hangs, whoever is waited for, and the
 * next checkpoint. */
#include "control/state.h"

#define WATCH_NS       SECOND_NS
#define WATCH_FLOOR_NS (10 * (int64_t)1000000)

/* Or as often as checkpoints are asked for. */
static int64_t watch_every(const struct control *c)
{
    int64_t every_ns = (int64_t)(c->config.job->checkpoint_every_s * 1e9);

    if (every_ns <= 0 || every_ns > WATCH_NS)
        return WATCH_NS;
    return every_ns > WATCH_FLOOR_NS ? every_ns : WATCH_FLOOR_NS;
}

static void save_when_due(struct control *c)
{
    double every_s = c->config.job->checkpoint_every_s;

    if (every_s > 0 && c->now_ns - c->save_ns >= (int64_t)(every_s * 1e9))
        act_save(c, "it is time for a checkpoint");
}

void watch_tick(struct control *c)
{
    if (c->now_ns >= c->watch_ns) {
        c->watch_ns = c->now_ns + watch_every(c);
        save_when_due(c);
        steps_watch(c);
        waiting_watch(c);
    }
    control_wake(c, c->watch_ns);
}
