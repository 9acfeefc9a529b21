/* agent/kernel_log - the kernel's log without the program dmesg. */
#ifndef AGENT_KERNEL_LOG_H
#define AGENT_KERNEL_LOG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* All of the kernel's ring buffer, which stays as it is, in the form of `dmesg`: the "<6>" before
 * each line is dropped. *out lives in `arena`. Returns 0 or a negative errno: -EPERM without root
 * where kernel.dmesg_restrict is set. */
int kernel_log_read(struct arena *arena, struct str *out, struct err *err);

/* Drop the "<6>" before each line, in place. Returns the new length. */
size_t kernel_log_strip(char *text, size_t len);

#endif
