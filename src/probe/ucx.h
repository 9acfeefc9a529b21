/* probe/ucx - this process's way out over UCX by one choice of device, and one peer at its end.
 *
 * One thread; nothing here sleeps. A request that is not done when its port is closed may leave UCX
 * in a state that only the end of the process cleans up: after an error, end the process. */
#ifndef PROBE_UCX_H
#define PROBE_UCX_H

#include "measure/measure.h"
#include "measure/order.h"
#include "peer/ucx_library.h"

#include <stdbool.h>

#define UCX_WINDOW_MAX 32 /* messages under way in one direction */

struct ucx_port {
    const struct ucx_library *ucx;
    ucp_context_h context;
    ucp_worker_h worker;
    ucp_address_t *address;
    size_t address_len;
    ucp_ep_h ep;       /* to the peer; NULL: none */
    ucs_status_t peer; /* UCS_OK while it lives */
    char device[ORDER_DEVICE_BYTES];
};

/* `device`: the only one to use; "": what UCX chooses. Returns 0, -ENOENT without UCX, -ENODEV or
 * -EIO; then there is nothing to close. */
int ucx_port_open(struct ucx_port *port, const char *device, struct err *err);
void ucx_port_close(struct ucx_port *port);

/* What UCX this is and which transports it has: "UCX 1.13.1 (rc_mlx5, tcp)". */
int ucx_describe(char out[CARD_TEXT_BYTES], struct err *err);

/* Can it send from the memory of GPUs? */
bool ucx_takes_gpu(const struct ucx_port *port);

/* `address` is the peer's. */
int ucx_connect(struct ucx_port *port, const void *address, struct err *err);
void ucx_disconnect(struct ucx_port *port, int64_t deadline_ms);
/* What carries large messages: "rc_mlx5/mlx5_0:1", several joined by '+'; right once a message
 * has gone each way. Returns whether all of them are TCP. */
bool ucx_via(const struct ucx_port *port, char out[MEASURE_TEXT_BYTES]);

/* `count` messages of one size in one direction, all from or into the same memory. */
struct ucx_stream {
    struct ucx_port *port;
    void *p;
    size_t bytes;
    ucs_memory_type_t memory;
    uint64_t tag;
    bool in;
    uint32_t window;      /* at most so many under way */
    uint64_t count, done; /* done: those that have ended */
    uint64_t begun;
    ucs_status_t status; /* the first error */
};

/* Begin what the window has room for, at most a window of messages: what ends at once leaves time
 * to look around. */
void ucx_stream_fill(struct ucx_stream *stream);

static inline bool ucx_stream_over(const struct ucx_stream *stream)
{
    return stream->done == stream->count;
}

#endif
