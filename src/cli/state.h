/* cli/state - what the commands that look at runs share: the store, opened for reading, and a run.
 */
#ifndef CLI_STATE_H
#define CLI_STATE_H

#include "cli/commands.h"
#include "store/store.h"

#include <stddef.h>

#define STATE_OPT(args, field)                                                                     \
    {                                                                                              \
        "state", 0, OPT_TEXT, "DIR", "Where runs are kept ($XDG_STATE_HOME/firstlight)",           \
            offsetof(args, field)                                                                  \
    }

struct state {
    const struct subcommand *command;
    struct arena *arena;
    const char *dir;
    struct store *store; /* NULL: nothing was run yet */
};

/* All return -1 to go on, else the exit code: a sentence was printed. */
int state_open(struct state *state, const struct subcommand *command, const char *dir);
/* ... and the one run that is named. */
int state_open_run(struct state *state, const struct subcommand *command, const char *dir,
                   char **argv, int words, struct store_run *run);
void state_close(struct state *state);

/* Names of a run's nodes by index, from its folder; NULL when they are not known. */
const char *const *state_node_names(struct state *state, const char *run, size_t *count);

/* "running", "ended", or "unattended": not ended, and no controller lives. */
const char *state_word(const struct store_run *run);

#endif
