/* probe/serve - a probe in a run: its card into the store, then order after order. */
#ifndef PROBE_SERVE_H
#define PROBE_SERVE_H

#include "probe/probe.h"

struct serving {
    const char *host, *port; /* of the store */
    uint32_t rank;
    const struct card *card;
    const node_test *tests; /* by enum test */
};

/* Until the head says leave (0), or the store is gone or answers wrongly (negative errno). */
int probe_serve(const struct serving *serving, struct err *err);

#endif
