/* coll/ucx - what the two halves of the back end share: ucx_open makes the connections, ucx
 * exchanges by them. */
#ifndef COLL_UCX_H
#define COLL_UCX_H

#include "coll/parts.h"
#include "coll/watch.h"
#include "peer/ucx_library.h"

/* One message on its way. */
struct transfer {
    void *request; /* NULL: done */
    ucs_status_t status;
    ucp_tag_recv_info_t info; /* of a received one */
};

struct ucx {
    struct coll coll;
    const struct ucx_library *library;
    ucp_context_h context;
    ucp_worker_h worker;
    int efd;
    ucp_ep_h *eps;             /* (size); NULL for this rank */
    ucs_status_t *peers;       /* (size): UCS_OK while it lives */
    struct transfer *out, *in; /* (size) each */
    uint64_t exchanges;
    struct watch watch; /* who falls */
    bool leaving;       /* that others are gone is no fall any more */
};

int ucx_exchange(struct coll *coll, const struct coll_piece *send, const struct coll_piece *receive,
                 struct err *err);
void ucx_leave(struct coll *coll, bool failed);

#endif
