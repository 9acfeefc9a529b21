#include "probe/pair_child.h"

#include "base/clock.h"
#include "peer/store_client.h"
#include "probe/pair_order.h"

#include <errno.h>
#include <stdio.h>

#define PORTS_MAX 16 /* choices of device that are open at a time */

struct state {
    const struct pair_child *self;
    struct store_client store; /* fd -1: not open */
    struct ucx_port ports[PORTS_MAX];
    struct cuda cuda;
    size_t port_count, next; /* next: whose place a new one takes when all are taken */
};

struct store_meeting {
    struct state *state;
    uint32_t meeting, peer;
};

static const char *meet_key(uint32_t meeting, uint32_t rank, char out[ORDER_KEY_BYTES])
{
    (void)snprintf(out, ORDER_KEY_BYTES, "meet/%u/%u", meeting, rank);
    return out;
}

/* Each deletes what it has read, so that the store does not grow with pairs. */
static int swap_by_store(void *data, const void *mine, size_t len, void **theirs,
                         size_t *theirs_len, int64_t deadline_ms, struct err *err)
{
    const struct store_meeting *at = data;
    struct store_client *store = &at->state->store;
    const struct pair_child *self = at->state->self;
    char key[ORDER_KEY_BYTES];
    int r = 0;

    if (store->fd < 0)
        r = store_client_open(store, self->store_host, self->store_port, deadline_ms, err);
    if (r == 0)
        r = store_client_set(store, meet_key(at->meeting, self->rank, key), mine, len, err);
    if (r < 0) {
        store_client_close(store);
        return err_wrap(err, -EIO, "meeting");
    }
    r = store_client_get_any(store, meet_key(at->meeting, at->peer, key), PAIR_CARD_BYTES_MAX,
                             theirs, theirs_len, deadline_ms, err);
    if (r < 0 || store_client_delete(store, key, NULL) < 0)
        store_client_close(store);
    return r;
}

/* NULL: it can't be opened. */
static struct ucx_port *find_port(struct state *state, const char *device, struct err *err)
{
    struct ucx_port *port = state->ports;

    for (size_t i = 0; i < state->port_count; i++, port++)
        if (!strcmp(port->device, device))
            return port;
    if (state->port_count == PORTS_MAX) {
        port = &state->ports[state->next++ % PORTS_MAX];
        ucx_port_close(port);
    } else {
        state->port_count++;
    }
    return ucx_port_open(port, device, err) == 0 ? port : NULL;
}

/* Returns whether to go on. */
static bool carry_out(struct state *state, const struct child_voice *voice,
                      const struct order *order)
{
    struct store_meeting at = {state, order->meeting, order->peer};
    const struct pair_meeting meeting = {&at, order->meeting, swap_by_store};
    const struct probe probe = {.card = state->self->card,
                                .telling = &voice->telling,
                                .rank = state->self->rank,
                                .ms = order->ms,
                                .deadline_ms = clock_now_ms() + order->limit_ms,
                                .order = order};
    struct err err = {0};
    struct ucx_port *port = find_port(state, order->device, &err);

    if (port)
        return pair_order(&probe, port, &meeting, &state->cuda, TALK_SILENCE_MS);
    probe_tell_trouble(&probe, TROUBLE_TEST, TEST_PAIRS, order->peer, "%s", err.text);
    return false;
}

void pair_child_run(const struct child_voice *voice, void *data)
{
    static struct state state; /* ports are known to UCX by their place */
    struct order order;
    bool more = true;

    state = (struct state){.self = data, .store.fd = -1};
    while (more && child_order(voice, &order)) {
        more = carry_out(&state, voice, &order);
        child_done(voice, !more);
    }
}
