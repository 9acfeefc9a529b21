/* cli/hosts_option - what --hosts takes: a list, or a file with a host a line.
 *
 * "@FILE" and "^FILE" name a file. A line is a host or a list of hosts, and may say how many ranks
 * it has room for as "slots=8" or, as MPICH writes it, "n001:8"; # begins a comment. */
#ifndef CLI_HOSTS_OPTION_H
#define CLI_HOSTS_OPTION_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* The text of such a file. *hosts becomes a list in the short form, *slots the ranks a host when
 * every line says so, else 0. A bad line, a host twice and slots that differ are told with their
 * line. Returns 0, -EINVAL, -E2BIG or -ENOMEM. */
int hosts_read(struct arena *arena, struct str text, const char *file, const char **hosts,
               int64_t *slots, struct err *err);

/* `given` as --hosts takes it; a list that names no file comes back as it is, with slots 0. */
int hosts_option(struct arena *arena, const char *given, const char **hosts, int64_t *slots,
                 struct err *err);

#endif
