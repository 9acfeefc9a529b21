/* control/driver_links - agents come, speak and go. */
#include "control/driver_inside.h"

#include <stdlib.h>

#define CREDIT_BYTES (64u << 20) /* of live output that may be on its way from all nodes */
#define CREDIT_LEAST (64u << 10)

void *driver_accept(void *data, struct link *link)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    if (peer)
        *peer = (struct peer){.driver = data, .link = link, .node = -1};
    return peer;
}

void driver_drop_link(struct driver *driver, uint32_t node)
{
    struct link *link = driver->links[node];

    if (!link)
        return;
    driver->links[node] = NULL;
    free(link_data(link));
    link_close(link);
}

void driver_give_credit(struct driver *driver, uint32_t node, uint64_t bytes)
{
    const struct message message = {.id = MSG_LOG_CREDIT, .log_credit = {bytes}};

    if (bytes)
        ledger_send(&driver->ledger, node, &message);
}

static void on_down(struct link *link, void *data, const char *why)
{
    struct peer *peer = data;

    (void)link;
    if (!peer)
        return;
    if (peer->node >= 0) {
        peer->driver->links[peer->node] = NULL;
        driver_forget_asks(peer->driver, (uint32_t)peer->node);
        control_agent_down(peer->driver->control, (uint32_t)peer->node, why, clock_now_ns());
    }
    free(peer);
}

static void refuse(struct peer *peer, const char *sentence)
{
    struct driver *driver = peer->driver;

    if (driver->config.front.trouble &&
        !driver->over) /* agents that come after the end are no trouble */
        driver->config.front.trouble(driver->config.front.data, sentence);
    link_close(peer->link);
    free(peer);
}

/* All nodes together may have so much on its way. */
static uint64_t first_credit(const struct driver *driver)
{
    uint64_t share = CREDIT_BYTES / driver->saved.node_count;

    return share > CREDIT_LEAST ? share : CREDIT_LEAST;
}

static void on_hello(struct peer *peer, const struct msg_hello *hello)
{
    struct driver *driver = peer->driver;
    struct err err = {0};

    if (hello->node < driver->saved.node_count) {
        driver_drop_link(driver,
                         hello->node); /* it came back before we saw the end of its old link */
        driver->links[hello->node] = peer->link;
    }
    if (!control_agent_up(driver->control, hello, link_peer(peer->link), clock_now_ns(), &err)) {
        if (hello->node < driver->saved.node_count)
            driver->links[hello->node] = NULL;
        refuse(peer, err.text);
        return;
    }
    peer->node = hello->node;
    driver->owed[hello->node] = 0; /* a link begins with its own */
    if (driver->config.front.output && driver->saved.job.show != JOB_SHOW_NONE)
        driver_give_credit(driver, hello->node, first_credit(driver));
}

static void on_message(struct link *link, void *data, const struct message *message)
{
    struct peer *peer = data;

    (void)link;
    if (!peer)
        return;
    if (peer->node >= 0)
        control_message(peer->driver->control, (uint32_t)peer->node, message, clock_now_ns());
    else if (message->id == MSG_HELLO)
        on_hello(peer, &message->hello);
}

const struct link_watch driver_link_watch = {.message = on_message, .down = on_down};
