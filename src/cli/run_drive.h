/* cli/run_drive - the controller's process: in front, or detached with somebody who restarts it. */
#ifndef CLI_RUN_DRIVE_H
#define CLI_RUN_DRIVE_H

#include "cli/commands.h"
#include "cli/run_start.h"

struct run_drive {
    const struct subcommand *command;
    const struct run_ready *ready;
    bool resumed, detach, quiet, json;
};

/* Returns the run's exit code (control/exit.h), or EXIT_TROUBLE with a sentence. Detached:
 * EXIT_WELL as soon as the controller listens; it runs in a session of its own, writes to
 * runs/ID/controller.log, and is started again when it is killed. */
int run_drive(const struct run_drive *drive);

#endif
