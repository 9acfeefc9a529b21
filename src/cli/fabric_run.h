/* cli/fabric_run - a fabric test as a run: the session's orders to the probes by the run's store,
 * their answers back, progress on the terminal, and the result kept as it grows. */
#ifndef CLI_FABRIC_RUN_H
#define CLI_FABRIC_RUN_H

#include "cli/run_start.h"
#include "fabric/session.h"

struct fabric_run {
    const struct run_ready *ready; /* of a job whose program is the agent's probe */
    struct session_options session;
    bool quiet;
};

/* Until the test is over: all is measured, or Ctrl-C, which keeps what is. *out has a node for each
 * of the run's, in their order. Returns 0, or a negative errno with a sentence: the run could not
 * begin. */
int fabric_run(const struct fabric_run *run, struct fabric_result **out, struct err *err);

#endif
