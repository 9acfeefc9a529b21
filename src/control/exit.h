/* control/exit - `firstlight run`'s exit codes: the cause of the end, one table. */
#ifndef CONTROL_EXIT_H
#define CONTROL_EXIT_H

enum run_cause {
    CAUSE_NONE,
    CAUSE_PROGRAM,     /* a rank exited with a code other than 0 */
    CAUSE_SIGNAL,      /* a rank was killed by a signal that we did not send */
    CAUSE_OOM,         /* by the kernel's OOM killer */
    CAUSE_SPAWN,       /* the program could not be started */
    CAUSE_NODE,        /* a node was lost */
    CAUSE_NODES_SHORT, /* fewer nodes than needed came up or are left */
    CAUSE_NO_PROGRESS, /* restarted as often as allowed without a new step */
    CAUSE_HANG,
    CAUSE_STOPPED,      /* by the user, politely: the ranks left by themselves */
    CAUSE_KILLED,       /* by the user, by force */
    CAUSE_TIME_LIMIT,   /* time is over; the last checkpoint can be resumed */
    CAUSE_LOST_CONTROL, /* the controller could not go on (its disk, a second controller) */
    CAUSE_COUNT,
};

struct run_exit {
    int code;
    const char *name;    /* "no-progress" */
    const char *meaning; /* for the man page and --help */
};
/* code: 0 done; 1 program; 2 is trouble with the request and no cause; 3 .. the others. For
 * CAUSE_PROGRAM and CAUSE_SIGNAL of the last attempt it is always 1: the rank's own status is in
 * the report. */
extern const struct run_exit run_exits[CAUSE_COUNT];

#endif
