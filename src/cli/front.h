/* cli/front - the face of a run in a terminal: output of its ranks, what happens, a live status.
 *
 * Ranks' stdout and stderr go to ours. On a terminal, lines of several ranks carry their ranks and
 * equal ones are shown once; the status is redrawn below them. Elsewhere output stays as it was
 * written, and what matters goes to stderr a line each. The loss of the terminal ends the show, not
 * the run. */
#ifndef CLI_FRONT_H
#define CLI_FRONT_H

#include "control/driver.h"

struct front;

struct front_options {
    const char *run;
    const struct job *job;
    const char *plan; /* who runs which ranks */
    bool quiet;       /* ranks' output alone */
    bool json;        /* events as JSON lines on stdout instead of all that */
};

/* NULL when there is no memory. `front` is filled with its callbacks. */
struct front *front_new(const struct front_options *options, struct driver_front *front);

/* SIGINT and SIGTERM: a polite stop, the second time by force. SIGHUP: the terminal is gone.
 * SIGUSR1: Slurm's warning that time is nearly over. */
int front_attach(struct front *front, struct driver *driver);

/* The last word: how it ended, and where to look. */
void front_end(struct front *front, int exit_code);
void front_free(struct front *front);

#endif
