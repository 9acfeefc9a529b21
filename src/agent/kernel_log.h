/* agent/kernel_log - the kernel's log without the program dmesg. */
#ifndef AGENT_KERNEL_LOG_H
#define AGENT_KERNEL_LOG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* All of the kernel's ring buffer, which stays as it is, in the form of `dmesg`: the "<6>" before
 * each line is dropped. *out lives in `arena`. Returns 0 or a negative errno: -EPERM without root
 * where kernel.dmesg_restrict is set. */
int kernel_log_read(struct arena *arena, struct str *out, struct err *err);

/* Does the log still hold the boot? The kernel's ring buffer forgets its oldest lines, and with
 * them what was decided at boot (_OSC, IOMMU, ACS). */
bool kernel_log_has_boot(struct str text);

/* Drop the "<6>" before each line, in place. Returns the new length. */
size_t kernel_log_strip(char *text, size_t len);

#endif
