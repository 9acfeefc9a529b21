/* agent/commands - the programs of the catalogue, run on this host, and what came of each. */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

#include "agent/program.h"
#include "agent/take.h"

struct commands {
    struct arena *arena; /* of words, paths and outputs; the caller sets it, the rest is zero */
    VEC(struct program) programs;
    VEC(const char *) paths; /* where their outputs go, beside `programs` */
};

/* Run them all: those for each network device once for each that was taken. One that is not
 * installed is MANIFEST_MISSING; without dmesg the kernel is asked itself. Returns 0 or a negative
 * errno: no memory or descriptors. */
int commands_run(struct commands *commands, const struct taken *taken, int64_t timeout_ms,
                 int64_t total_ms, struct err *err);
void commands_done(struct commands *commands);

#endif
