/* job/job - what is to be run: one plain struct, from a command line, a YAML file or JSON.
 *
 * One table of keys (job/keys.h) drives reading YAML and JSON, printing both, and the check that a
 * file has no other key. Everything lives in the arena that was handed in. */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define JOB_WORLD_MAX  2000000
#define JOB_NPROC_MAX  65536 /* on one node */
#define JOB_NODES_MAX  100000
#define JOB_ARGS_MAX   4096
#define JOB_FILE_BYTES (4u << 20)
#define JOB_ATTEMPTS   3 /* without progress, when nobody says how many */

struct job_words {
    const char **items; /* NUL-terminated; count items, then NULL */
    size_t count;
};

enum job_bind { JOB_BIND_NONE, JOB_BIND_CORE, JOB_BIND_NUMA, JOB_BIND_SOCKET, JOB_BIND_GPU };
enum job_store { JOB_STORE_AGENT, JOB_STORE_RANK0 };
enum job_show { JOB_SHOW_AUTO, JOB_SHOW_ALL, JOB_SHOW_FIRST, JOB_SHOW_NONE };

struct job {
    const char *name; /* of the run's id; from the program when not given */
    struct job_words command;
    struct job_words env;   /* NAME=VALUE, set for ranks on top of what is handed on */
    struct job_words unset; /* names that ranks do not get */
    const char *cwd;        /* of the ranks; the caller's */

    /* where */
    const char *backend;    /* "local", "ssh", "slurm", "join"; NULL: ssh with hosts, else local */
    const char *hosts;      /* host list, for ssh (and to choose among Slurm's nodes) */
    int64_t nodes;          /* that run ranks; spares come on top; 0: as hosts or ranks say */
    int64_t spares;         /* connected, without ranks, until one is needed */
    int64_t min_nodes;      /* go on with so few; 0: = nodes */
    int64_t nproc;          /* ranks a node; 0: one for each GPU where somebody counts them before
                               the check, else 1 */
    int64_t ranks;          /* -n: all of them; 0: nodes * nproc, else nproc = ranks / nodes rounded
                               up, and the last node has what is left */
    const char *topology;   /* file: "host rack" lines; NULL: numeric order of names */
    struct job_words slurm; /* further words for sbatch or srun */

    /* how ranks start */
    enum job_bind bind;
    bool gpus;            /* CUDA_VISIBLE_DEVICES per rank */
    enum job_store store; /* who serves the TCPStore: agents, or rank 0 as with plain torchrun */
    bool tie_stdin;       /* rank 0 reads the caller's stdin (local only) */

    /* when it ends */
    bool independent; /* ranks have nothing to do with each other: who dies ends nobody else, and
                         nothing is started again; it ends when every rank has */
    int64_t attempts_without_progress; /* 0: never restart; -1: JOB_ATTEMPTS of them, but what a
                                          program brought on itself is tried again only where
                                          steps or checkpoints tell whether that gets it further */
    int64_t attempts_max;              /* 0: no bound but progress */
    double abort_grace_s;              /* SIGTERM to SIGKILL after a failure: 3 */
    double stop_grace_s;    /* after a polite stop: 60; longer while a checkpoint grows */
    double node_timeout_s;  /* silence until a node counts as lost: 10 */
    double hold_s;          /* ranks live so long without a controller: 600 */
    double start_timeout_s; /* for all agents to connect: 120 */
    double time_limit_s;    /* 0: none; Slurm's is read there */
    double hang_s;          /* no step for so long is a hang; 0: not watched */

    /* checkpoints and progress */
    const char *checkpoint;    /* pattern of directories or files: "ckpt/step_*" */
    const char *complete_when; /* "file NAME" in it, or "cmd CHECK {}"; NULL: see progress/ckpt.h */
    const char *step_pattern;  /* of a log line; NULL: the built-in ones */
    double checkpoint_every_s; /* ask for one so often, 0: the program decides */

    /* logs */
    int64_t log_bytes; /* of one rank in one attempt: 64 MiB; the first and the last half stay */
    enum job_show show;
};

/* The defaults; strings are static. */
void job_init(struct job *job);

/* A YAML (or JSON, which is YAML) file's text. `name` is for sentences: "job.yaml: line 4: there is
 * no key 'node' (did you mean 'nodes'?)". Keys that are not there keep what *job has. Returns 0,
 * -EINVAL, -E2BIG or -ENOMEM. */
int job_read(struct arena *arena, struct str text, const char *name, struct job *job,
             struct err *err);

/* Does it make sense as a whole? Fills in what follows from the rest: backend, nodes, min_nodes,
 * nproc, ranks, name. Texts are UTF-8. A checked job passes again and stays as it is. Returns 0,
 * -EINVAL with a sentence ("0 ranks: -n takes at least 1"), or -ENOMEM. */
int job_check(struct arena *arena, struct job *job, struct err *err);

void job_print_yaml(const struct job *job, struct buf *out); /* only what differs from defaults */
void job_print_json(const struct job *job, struct buf *out); /* every key */

#endif
