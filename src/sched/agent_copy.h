/* sched/agent_copy - the agent on other hosts: kept there once, then started again and again.
 *
 * The copy is <folder>/agent-HASH in the first of the user's cache folder, /var/tmp, /tmp and
 * /dev/shm that is the user's alone, has room and lets programs run; it gets its name when it is
 * whole. The command is for any POSIX sh, in one line without single quotes. It reads the run's key
 * from the first line of stdin, and tells on stdout, one line each:
 *
 *   firstlight: need      no copy here: send it (or, with COPY_PROBE, come again)
 *   firstlight: runs      the agent starts
 *   firstlight: ended 2   the exit status; in the lines before it why
 *
 * framed: "firstlight@NODE: ...". The agent does not end when the connection does; the line "end"
 * ("end@NODE") on stdin kills it. */
#ifndef SCHED_AGENT_COPY_H
#define SCHED_AGENT_COPY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

struct agent_copy {
    char *bytes;
    size_t len;
    char hash[33];
};

enum copy_mode {
    COPY_ASKED,   /* the bytes come when it says `need` */
    COPY_PROBE,   /* where there is no copy it says so and exits 45 */
    COPY_FOLLOWS, /* the bytes come behind the key in any case */
    COPY_SPREADS, /* as asked; then what else comes on stdin is the agent's descriptor 3 */
};

/* Read the executable. Returns 0 or a negative errno; agent_copy_done frees. */
int agent_copy_read(const char *path, struct agent_copy *out, struct err *err);
void agent_copy_done(struct agent_copy *copy);

/* Keep one in this host's own cache folder too: where hosts share the user's home, nothing needs to
 * be sent. What fails is left. */
void agent_copy_keep(const struct agent_copy *copy);

/* `words` are the agent's arguments, NULL-terminated. NULL: no memory, or a word that sh would take
 * apart. */
char *agent_copy_command(struct arena *arena, const struct agent_copy *copy, enum copy_mode mode,
                         const char *const *words, bool framed);

#define AGENT_LINE_MAX 512

/* What comes on stdout, in lines; longer ones are cut. */
struct agent_lines {
    char text[AGENT_LINE_MAX];
    size_t len;
};

enum agent_said { SAID_NEED, SAID_RUNS, SAID_ENDED, SAID_WORDS };

void agent_lines_take(struct agent_lines *lines, struct str bytes,
                      void (*line)(void *data, struct str line), void *data);

/* What a line means; *node is the name when it is framed, else empty, *words what was said. */
enum agent_said agent_line_means(struct str line, struct str *node, struct str *words);

/* "ended 137" in words: "the agent was killed by signal 9 (Killed)". */
void agent_end_sentence(struct str words, char *out, size_t space);

#endif
