/* control/words - times, durations and the ends of processes, as people read them. */
#ifndef CONTROL_WORDS_H
#define CONTROL_WORDS_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* "212 ms", "1.3 s", "4 min 10 s". */
void words_print_ns(int64_t ns, struct buf *out);
/* "14:02:11.381", local time. */
void words_print_clock(int64_t wall_ns, struct buf *out);
/* "SIGSEGV" */
void words_print_signal(int signo, struct buf *out);
/* "exited 1", "killed by SIGSEGV", "killed by the kernel's OOM killer". */
void words_print_status(int wait_status, bool oom, struct buf *out);

#endif
