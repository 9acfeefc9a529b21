/* sched/sched - one shell command on many hosts, several at a time.
 *
 * A back end says how a host is reached. Every host gets the same bytes on the command's stdin; its
 * stdout comes back whole, its stderr makes the sentence when it fails. One thread, one loop; no
 * host can hold up another for longer than its time. */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define SCHED_FANOUT         64
#define SCHED_FANOUT_MAX     1024
#define SCHED_STDERR_MAX     16384 /* bytes kept of one process, its last ones */
#define SCHED_SENTENCE_BYTES 320

enum sched_outcome {
    SCHED_WAITING,
    SCHED_DONE,    /* exit status 0 */
    SCHED_FAILED,  /* anything else; `sentence` says what */
    SCHED_TIMEOUT, /* no end within its time */
    SCHED_STOPPED, /* the user interrupted */
};

struct sched_task {
    const char *host;
    enum sched_outcome outcome;
    struct buf output;                   /* freed after `over` was called */
    char sentence[SCHED_SENTENCE_BYTES]; /* one line, without the host's name; empty when done */
    bool ended;                          /* framed: its end mark came */
};

struct sched_job {
    const char *command; /* for /bin/sh; without newlines and single quotes, see remote.h */
    const void *input;   /* to each stdin */
    size_t input_len;
    unsigned fanout;                /* 0: SCHED_FANOUT */
    int64_t timeout_ms;             /* of each host; 0: none */
    int connect_timeout_s;          /* ssh: 0: 10 */
    size_t output_max;              /* bytes of one host's output */
    const char *const *ssh;         /* program and first words of ssh: {"ssh", "-F", "cfg"} */
    size_t ssh_count;               /* 0: "ssh" */
    const char *const *ssh_options; /* further words */
    size_t ssh_option_count;
    /* Called once for each task as it is over. */
    void (*over)(void *data, struct sched_task *task);
    void *data;
};

struct sched_backend {
    const char *name; /* "ssh", "srun", "local"; tests have "fake" */
    bool all_in_one;  /* one process serves all hosts and its output is framed, see frame.h */
    /* The process for tasks[0..count); count is 1 unless all_in_one. Words live in `arena`. Returns
     * 0 or a negative errno. */
    int (*words)(const struct sched_job *job, struct arena *arena, const struct sched_task *tasks,
                 size_t count, const char *const **words, struct err *err);
};

/* The back end of that name, or NULL. */
const struct sched_backend *sched_backend_find(const char *name);

/* Run the job on all tasks' hosts. SIGINT and SIGTERM stop it: what runs is ended, what waits is
 * not started, and *interrupted is the signal (else 0). Returns 0, whatever the tasks' outcomes, or
 * a negative errno when nothing could be run at all. */
int sched_run(const struct sched_backend *backend, const struct sched_job *job,
              struct sched_task *tasks, size_t count, int *interrupted, struct err *err);

#endif
