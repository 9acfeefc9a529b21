/* sched/stdin_relay - what is typed here goes to a process that is not in the terminal's
 * foreground.
 *
 * A rank that read the terminal itself would be stopped by SIGTTIN: its process group is its own.
 * A thread, since a read of a terminal or a file can't be waited for in the event loop, and a rank
 * that does not read may hold it up for ever. */
#ifndef SCHED_STDIN_RELAY_H
#define SCHED_STDIN_RELAY_H

#include "base/err.h"

/* Read `from` to its end and write it to `to`, which is the relay's from now on and is closed at
 * the end. It runs until then, or until the process ends. Returns 0 or a negative errno. */
int relay_bytes(int from, int to, struct err *err);

#endif
