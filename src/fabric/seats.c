#include "fabric/session_inside.h"

#include <assert.h>

bool session_is_well(const struct session *session, uint32_t node)
{
    return session->result->nodes.items[node].fate == NODE_WELL;
}

void session_send(struct session *session, uint32_t node, struct order *order)
{
    struct seat *seat = &session->seats[node];
    struct order_note *note = vec_push(&seat->notes);

    if (!note) {
        session->failed = true;
        return;
    }
    *note = (struct order_note){order->kind, order->phase, order->peer, false,
                                order->kind == ORDER_PAIR ? session->device : ""};
    if (order->kind != ORDER_LEAVE) {
        assert(!seat->busy);
        seat->busy = true;
        seat->limit_ms = session->now_ms + order->limit_ms + LEVEL_GRACE_MS;
        if (seat->limit_ms != session->woken_ms)
            session->world.wake(session->world.data, session->woken_ms = seat->limit_ms);
        seat->sent_wall_ns = session->wall_ns;
        seat->sent_unsure = session->wall_exact ? 0 : 1e-3;
        session->busy++;
    }
    session->world.order(session->world.data, node, (uint32_t)seat->notes.count, order);
}
