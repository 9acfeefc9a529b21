/* sched/tool - a program of the scheduler's, asked once: bytes in, text out, within a time. */
#ifndef SCHED_TOOL_H
#define SCHED_TOOL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* Run `words` (looked for on PATH) with `input` on its stdin. Its stdout comes back in `arena`; one
 * that fails is told by the last line of its stderr. Blocks: not for a loop. Returns 0, -ENOENT (no
 * such program), -ETIMEDOUT, -EIO (it failed), -EFBIG or -ENOMEM. */
int tool_ask(struct arena *arena, const char *const *words, struct str input, int timeout_ms,
             struct str *output, struct err *err);

#endif
