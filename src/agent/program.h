/* agent/program - other programs' output: several at a time, each bounded in time and bytes.
 *
 * No shell. Each runs in its own process group with a plain environment (LC_ALL=C) and no input;
 * when its time is over the whole group is ended. */
#ifndef AGENT_PROGRAM_H
#define AGENT_PROGRAM_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "snap/manifest.h"

#include <stdint.h>

struct program {
    const char *path;         /* its full path */
    const char *const *words; /* argv, ends in NULL */
    unsigned exits_well;      /* bit n: exit status n is well, like 0 */

    enum manifest_status status; /* from here on: what came of it */
    int exit_status;             /* -signal when a signal ended it */
    int64_t ms;
    struct str output; /* in the arena; empty unless the program ended by itself */
    const char *error; /* a sentence, in the arena; NULL: none */
};

struct program_limits {
    int64_t timeout_ms; /* of each */
    int64_t total_ms;   /* of all together; 0: none. What is not done by then is ended */
    size_t bytes_max;   /* of each one's output */
    unsigned at_a_time; /* at most PROGRAMS_AT_A_TIME_MAX */
};
#define PROGRAMS_AT_A_TIME_MAX 16

/* The full path of a program on PATH or in the usual folders, in `arena`, or NULL. Relative parts
 * of PATH are not looked at. */
const char *program_find(struct arena *arena, const char *name);

/* Run them all. What a command does wrong is said in its own fields; the call fails only for want
 * of memory or descriptors. Returns 0 or a negative errno. */
int program_run_all(struct arena *arena, struct program *programs, size_t count,
                    const struct program_limits *limits, struct err *err);

#endif
