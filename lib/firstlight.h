/* firstlight.h - a training program tells `firstlight run` where it is, and learns where to resume
 * and when to stop. Apache-2.0, as the rest of firstlight; C99 and C++, no dependency.
 *
 *     const char *from = firstlight_resume_path();   // NULL: from the beginning
 *     ...
 *     for (i = first; i < total; i++) {
 *         train(...);
 *         firstlight_step(i + 1, total, loss, tokens);
 *         if (time_to_save || (stop = firstlight_should_stop())) {
 *             firstlight_phase(FIRSTLIGHT_CHECKPOINT);
 *             save(path);
 *             firstlight_checkpoint_saved(path, i + 1);
 *             if (stop == FIRSTLIGHT_SAVE_AND_LEAVE)
 *                 break;
 *         }
 *     }
 *     firstlight_phase(FIRSTLIGHT_DONE);
 *
 * Every call is a few stores into a page of memory that the node's agent reads, also after this
 * process is dead: no lock that anybody else holds, no system call but in the first one. Outside
 * firstlight, and when the page is unusable, calls do nothing.
 *
 * Threads: calls may come from several threads (a training thread, one that saves checkpoints);
 * they wait for each other for as long as one update takes. Not from signal handlers.
 *
 * Processes: the first process of a rank that tells something is the one that tells; those it forks
 * or starts (data loaders, say) are silent while it lives, and are never told to stop. A program
 * that starts after that one has ended takes over. */
#ifndef FIRSTLIGHT_H
#define FIRSTLIGHT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum firstlight_phase {
    FIRSTLIGHT_INIT = 1,   /* imports, data, model; until the first step */
    FIRSTLIGHT_STEP,       /* firstlight_step sets it too */
    FIRSTLIGHT_CHECKPOINT, /* the program waits while one is written */
    FIRSTLIGHT_EVAL,
    FIRSTLIGHT_DONE /* all is done: what comes is the end of the process */
};

enum firstlight_stop {
    FIRSTLIGHT_GO_ON = 0,
    FIRSTLIGHT_SAVE_AND_LEAVE = 1,
    FIRSTLIGHT_SAVE_AND_GO_ON = 2 /* is told once */
};

/* Not told: steps, totals and tokens -1; a loss FIRSTLIGHT_NO_LOSS, which is a NaN. */
#define FIRSTLIGHT_NO_LOSS (firstlight_no_loss())

static inline double firstlight_no_loss(void)
{
    return __builtin_nan("");
}

/* Optional: the first call of any other does it. Returns 1 when this process tells, else 0. */
int firstlight_init(void);

void firstlight_phase(enum firstlight_phase phase);

/* `step` of `total` is done. `tokens` are those of this step (in this rank); they are summed. */
void firstlight_step(int64_t step, int64_t total, double loss, int64_t tokens);

/* The checkpoint at `path` is complete and on disk. Says nothing about the phase, so that a thread
 * may save while another trains. */
void firstlight_checkpoint_saved(const char *path, int64_t step);

/* Where to resume, or NULL: from the beginning. Points into the environment. */
const char *firstlight_resume_path(void);

/* Is this process to save and leave, or to save and go on? Ranks learn of it within a few
 * milliseconds of each other, so perhaps in different steps: a program whose ranks save together
 * agrees on it first (an all-reduce of the maximum). */
enum firstlight_stop firstlight_should_stop(void);

#ifdef __cplusplus
}
#endif

#endif
