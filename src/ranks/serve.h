/* ranks/serve - the agent's loop: a link to the controller, the machine, and its world. */
#ifndef RANKS_SERVE_H
#define RANKS_SERVE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct serve_options {
    const char *addresses; /* "10.0.0.1:4711,192.168.0.1:4711": tried in order, again and again */
    uint32_t node;
    const char *run;         /* id */
    const char *folder;      /* of this run and node: logs; made 0700 */
    const char *page_folder; /* in memory; serve_page_folder's */
    unsigned char key[32];
};

/* /dev/shm/firstlight-UID/RUN.NODE, where the ranks' pages lie; removed when the agent goes. */
void serve_page_folder(const char *run, uint32_t node, char *out, size_t space);

/* Returns an exit code: 0 when the controller let us go; else 1, and *err says why the agent went
 * by itself; or a negative errno when it could not begin. */
int serve_run(const struct serve_options *options, struct err *err);

#endif
