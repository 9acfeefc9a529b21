/* control/driver_stall - what goes on while the store can't be written. */
#include "control/driver_inside.h"

#include <string.h>

#define RETRY_MS    1000  /* of a store that can't be written */
#define PATIENCE_MS 3000  /* of a person who ends the run by force meanwhile */
#define END_MS      60000 /* that a run which is over waits for room to say so */

/* Whether all is to be done though nothing of it is stored: a person wants it, or nothing but the
 * run's own end waits. */
static bool is_given_up(struct driver *driver, int64_t now_ns)
{
    int64_t stalled_ms = (now_ns - driver->stalled_ns) / 1000000;

    return driver->given_up || (driver->kill_asked && stalled_ms >= PATIENCE_MS) ||
           (driver->over && stalled_ms >= END_MS);
}

/* A PING decides nothing. Without any, agents would take us for dead, and we them. */
static void keep_links(struct driver *driver, int64_t now_ns)
{
    const struct message ping = {.id = MSG_PING, .ping = {.sent_ns = now_ns}};
    int64_t every_ns = (int64_t)(driver->saved.job.node_timeout_s * 1e9 / 3);

    if (every_ns > RETRY_MS * 1000000LL)
        every_ns = RETRY_MS * 1000000LL;
    driver_set_timer(driver->retry, every_ns);
    if (now_ns - driver->pinged_ns < every_ns)
        return;
    driver->pinged_ns = now_ns;
    for (uint32_t i = 0; i < driver->saved.node_count; i++)
        if (driver->links[i])
            (void)link_send(driver->links[i], &ping);
}

static void say(struct driver *driver, const char *sentence)
{
    if (driver->config.front.trouble)
        driver->config.front.trouble(driver->config.front.data, sentence);
}

bool driver_stall(struct driver *driver, struct err *err)
{
    int64_t now_ns = clock_now_ns();

    if (!driver->stalled) {
        driver->stalled = true;
        driver->stalled_ns = now_ns;
        if (!driver->given_up)
            say(driver, err->text);
    }
    if (!is_given_up(driver, now_ns)) {
        keep_links(driver, now_ns);
        return true;
    }
    if (!driver->given_up) {
        driver->given_up = true;
        err_wrap(err, err->code, "the run ends, and its end can't be stored");
        say(driver, err->text);
    }
    return false;
}
