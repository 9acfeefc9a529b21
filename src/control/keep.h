/* control/keep - the end of what remote ranks printed, as it was forwarded: for the day on which
 * their node is gone with their logs.
 *
 * DIR/nodes/NODE/attempt-N/rank-R.forwarded, and before it rank-R.forwarded.old: together the last
 * KEEP_BYTES_MAX bytes at most. It is a comfort: a write that fails is not told. */
#ifndef CONTROL_KEEP_H
#define CONTROL_KEEP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/message.h"

#include <stdint.h>

#define KEEP_BYTES_MAX (256 << 10) /* a rank and attempt */

void keep_add(const char *run_dir, const char *node, uint32_t attempt, uint32_t rank,
              struct str bytes);

/* A part, as rank_log_read gives it of a log: offset < 0 counts from the end. `folder` is
 * DIR/nodes/NODE/attempt-N. */
int keep_read(struct arena *arena, const char *folder, const struct msg_log_read *ask,
              struct msg_log_data *part, struct err *err);

#endif
