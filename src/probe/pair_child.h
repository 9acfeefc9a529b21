/* probe/pair_child - the process that measures with other nodes: it lives as long as all goes well,
 * so that UCX begins once for each choice of device. */
#ifndef PROBE_PAIR_CHILD_H
#define PROBE_PAIR_CHILD_H

#include "probe/child.h"

/* All of it must live as long as the child. */
struct pair_child {
    const struct card *card;
    uint32_t rank;
    const char *store_host, *store_port; /* where ends meet, by keys meet/MEETING/RANK */
};

/* The child's life; `data` is a struct pair_child. */
void pair_child_run(const struct child_voice *voice, void *data);

#endif
