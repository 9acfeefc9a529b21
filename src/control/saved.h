/* control/saved - what a run's folder keeps so that another controller can go on with it.
 *
 * job.json, nodes.json (names, groups), controller.json (agent, address, port), key: written once,
 * each whole or not at all. */
#ifndef CONTROL_SAVED_H
#define CONTROL_SAVED_H

#include "base/arena.h"
#include "base/err.h"
#include "job/job.h"
#include "wire/link.h"

#include <stdint.h>

struct saved {
    struct job job;
    const char *const *names;  /* nodes by index */
    const char *const *groups; /* NULL, or one a node (NULL: none) */
    uint32_t node_count;
    const char *agent;  /* path of the executable */
    const char *listen; /* address that is listened on */
    uint16_t port;
    const char *const *ssh_options;
    size_t ssh_option_count;
    unsigned fanout; /* starts at a time; 0: as many as is usual */
    unsigned char key[LINK_KEY_BYTES];
};

int saved_write(const char *run_dir, const struct saved *saved, struct err *err);
/* Everything in *out lives in `arena`. */
int saved_read(struct arena *arena, const char *run_dir, struct saved *out, struct err *err);

#endif
