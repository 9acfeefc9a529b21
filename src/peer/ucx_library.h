/* peer/ucx_library - UCX, looked for at run time: without it the rest of the program works. */
#ifndef PEER_UCX_LIBRARY_H
#define PEER_UCX_LIBRARY_H

#include "base/err.h"

#include <ucp/api/ucp.h>

/* What is used of it. */
#define UCX_FUNCTIONS(X)                                                                           \
    X(ucp_config_read)                                                                             \
    X(ucp_config_modify)                                                                           \
    X(ucp_config_release)                                                                          \
    X(ucp_init_version)                                                                            \
    X(ucp_cleanup)                                                                                 \
    X(ucp_get_version_string)                                                                      \
    X(ucp_context_print_info)                                                                      \
    X(ucp_context_query)                                                                           \
    X(ucp_worker_create)                                                                           \
    X(ucp_worker_destroy)                                                                          \
    X(ucp_worker_get_address)                                                                      \
    X(ucp_worker_release_address)                                                                  \
    X(ucp_worker_get_efd)                                                                          \
    X(ucp_worker_arm)                                                                              \
    X(ucp_worker_progress)                                                                         \
    X(ucp_ep_create)                                                                               \
    X(ucp_ep_close_nbx)                                                                            \
    X(ucp_ep_print_info)                                                                           \
    X(ucp_tag_send_nbx)                                                                            \
    X(ucp_tag_recv_nbx)                                                                            \
    X(ucp_request_cancel)                                                                          \
    X(ucp_request_check_status)                                                                    \
    X(ucp_tag_recv_request_test)                                                                   \
    X(ucp_request_free)                                                                            \
    X(ucs_status_string)

struct ucx_library {
#define UCX_MEMBER(name) __typeof__(name) *name;
    UCX_FUNCTIONS(UCX_MEMBER)
#undef UCX_MEMBER
};

/* It stays loaded. Returns 0, or -ENOENT with a sentence that names Debian's package. */
int ucx_library_load(const struct ucx_library **out, struct err *err);

#endif
