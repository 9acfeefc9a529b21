/* probe/names - does a host name lead to the node, and do its addresses lead back? */
#ifndef PROBE_NAMES_H
#define PROBE_NAMES_H

#include "probe/probe.h"

#include <netdb.h>
#include <netinet/in.h>

#define NAMES_ADDRESSES_MAX 16   /* of one name */
#define NAMES_OWN_MAX       1024 /* of this node: each container may bring one */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Where names and addresses come from. The first two may take as long as they like: they are called
 * by a thread that is left behind when the time is over, so they must outlive the test. They return
 * 0 or an EAI_ code. */
struct resolver {
    /* At most NAMES_ADDRESSES_MAX, each once. */
    int (*addresses)(const char *name, union address *out, size_t *count);
    int (*name)(const union address *address, char out[NI_MAXHOST]);
    /* Those of this node's interfaces that are up. */
    size_t (*own)(union address out[NAMES_OWN_MAX]);
};
extern const struct resolver names_resolver; /* the system's */

/* Tells names.forward and names.reverse, with part "own" and "peer", of this host's name and of the
 * order's peer, and what is wrong with them. */
void names_measure(const struct probe *probe, const struct resolver *resolver,
                   const char *own_name);

#endif
