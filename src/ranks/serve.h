/* ranks/serve - the agent's loop: a link to the controller, the machine, and its world. */
#ifndef RANKS_SERVE_H
#define RANKS_SERVE_H

#include "base/err.h"

#include <stdint.h>

struct serve_options {
    const char *addresses; /* "10.0.0.1:4711,192.168.0.1:4711": tried in order, again and again */
    uint32_t node;
    const char *run;    /* id */
    const char *folder; /* logs: runs/ID on this node; made 0700 */
    unsigned char key[32];
};

/* Returns an exit code: 0 when the controller let us go. */
int serve_run(const struct serve_options *options, struct err *err);

#endif
