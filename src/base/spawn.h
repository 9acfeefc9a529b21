/* base/spawn - a child in a process group of its own, with no signal blocked or ignored.
 *
 * By posix_spawn, which does not copy the caller's memory and may be called beside threads. The
 * caller reaps the child. */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <sys/types.h>

/* `program` is a path, or without a '/' looked for on PATH; `words` and `env` end in NULL. fds are
 * its standard input (-1: /dev/null), output and error. Returns 0 or a negative errno: why it can't
 * be run. */
int spawn_group(const char *program, const char *const *words, char *const *env, const int fds[3],
                pid_t *pid);

#endif
