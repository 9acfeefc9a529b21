/* sched/remote - the shell command that runs an executable which comes on stdin.
 *
 * It looks for a folder that can be written, holds the bytes and lets programs run; stores, runs
 * and removes the executable again, also when it is interrupted. Where no folder will do it says
 * why of each. Any POSIX sh; the user's login shell may be csh or fish, so it is one line without
 * quotes of the single kind. */
#ifndef SCHED_REMOTE_H
#define SCHED_REMOTE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

/* What its sentences on stderr begin with: "firstlight: ", framed "firstlight@HOST: ". */
#define REMOTE_SAYS "firstlight"

/* `machine` is what `uname -m` must say where the executable can run; NULL: not asked. `arguments`
 * are the executable's, as sh words. `framed`: the variable $firstlight_node holds the node's name
 * for them. NULL when there is no memory. */
const char *remote_command(struct arena *arena, size_t executable_bytes, const char *machine,
                           const char *arguments, bool framed);

/* The machine of an ELF executable, "x86_64" or "aarch64"; NULL when it is another or no ELF. */
const char *remote_machine(const void *executable, size_t len);

#endif
