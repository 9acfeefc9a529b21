/* sched/process - a child process with its three pipes in an event loop.
 *
 * The child leads a process group of its own. Its owner calls process_start and is told by `over`
 * when the child has been reaped and its output read; a child that outlives its time is ended, and
 * one that even SIGKILL does not end (stuck in the kernel) is left behind. */
#ifndef SCHED_PROCESS_H
#define SCHED_PROCESS_H

#include "base/err.h"
#include "base/str.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process;

struct process_watch {
    /* What came on stdout; false: no more is wanted, end it. */
    bool (*output)(struct process *process, struct str bytes);
    void (*over)(struct process *process);
};

enum process_state { PROCESS_RUNNING, PROCESS_TERMINATED, PROCESS_KILLED };

struct process {
    const struct process_watch *watch;
    void *data; /* the owner's */
    pid_t pid;
    enum process_state state;
    bool reaped, late;  /* late: its time was over */
    bool stdin_is_kept; /* set before the start: more may be given later */
    int wait_status;
    struct buf complaint; /* the end of stderr */
    /* inside */
    const char *input;
    size_t input_left;
    int64_t grace_ms;
    int fds[3];
    struct event *events[3], *timer;
};

/* Start words[0] (looked up on PATH). The struct must stay where it is until `over`. `input` too.
 * Returns 0 or a negative errno; `over` is then not called. */
int process_start(struct process *process, struct event_base *base, const char *const *words,
                  struct str input, int64_t timeout_ms, struct err *err);

/* More for its stdin, which was kept; `more` must stay. Returns 0, -EAGAIN (what was given before
 * is not through yet) or -EPIPE (it is closed). */
int process_give(struct process *process, struct str more);

/* Its time no longer counts. */
void process_relax(struct process *process);

/* Let go of a child that may live on: close what we have of it; `over` is not called. */
void process_leave(struct process *process);

/* Ask it to end: SIGTERM, later SIGKILL. */
void process_end(struct process *process);

/* At once, by force. */
void process_kill(struct process *process);

/* To call after SIGCHLD: has it ended? It may call `over`. */
void process_reap(struct process *process);

/* How it ended, in words: the last line of stderr, or its exit status. No text after exit status 0.
 */
void process_sentence(const struct process *process, char *out, size_t space);

#endif
