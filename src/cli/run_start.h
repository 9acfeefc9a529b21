/* cli/run_start - from a checked job to a driver: the nodes' names, the run's row, the controller.
 */
#ifndef CLI_RUN_START_H
#define CLI_RUN_START_H

#include "control/driver.h"

struct run_start {
    const struct job *job; /* checked */
    const char *state;     /* --state, or NULL */
    const char *agent;     /* --agent, or NULL: beside our own executable */
    const char *listen;    /* --listen ADDR[:PORT], or NULL */
    const char *const *ssh_options;
    size_t ssh_option_count;
    unsigned fanout; /* 0: not given */
};

/* A run that is ready to be driven. Everything lives in the arena that was handed in. */
struct run_ready {
    const char *dir, *run;
    struct saved saved;
    bool again;          /* Slurm started our job again: the run that it had goes on */
    int64_t ends_at_s;   /* of Slurm's allocation, Unix time; 0: not known */
    int64_t began_s;     /* Unix time */
    int64_t step_before; /* that an earlier life of the job had reached; -1: none */
    int32_t exit_code;   /* of an older run; -1: it has not ended */
    char *plan;          /* who runs which ranks, for people */
};

/* firstlight-agent beside our own executable, or `given`, or $FIRSTLIGHT_AGENT. Returns 0 or a
 * negative errno with a sentence. */
int agent_find(struct arena *arena, const char *given, const char **path, struct err *err);

/* Name the nodes, order them, make the run in the store. Returns 0 or a negative errno. */
int run_prepare(struct arena *arena, const struct run_start *start, struct run_ready *out,
                struct err *err);

/* An older run again, from its folder. */
int run_prepare_again(struct arena *arena, const char *state, const char *name,
                      struct run_ready *out, struct err *err);

#endif
