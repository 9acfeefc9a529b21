/* progress/ckpt - which checkpoint is the newest complete one?
 *
 * The candidates are what matches a pattern ("ckpt/step_*", relative to a working directory); the
 * step is the last run of digits in the name. Complete is, in this order:
 *  - by the rule: "file NAME" exists in it (or, for a checkpoint that is a file, beside it as
 *    <path>NAME), or "cmd CHECK {}" exits 0 within CKPT_CHECK_MS;
 *  - firstlight-train's own format: its MANIFEST lists every file with size and XXH3 hash, all are
 *    checked;
 *  - else: a directory that is not empty with no *.tmp / *.partial in it and none of whose files is
 *    empty; a file that is not empty. With DeepSpeed's, Megatron's and Lightning's `latest` or
 *    latest_checkpointed_iteration.txt beside it: not newer than that says.
 * A torn one is renamed to <dir>/quarantine/<name>.<n>, never deleted. */
#ifndef PROGRESS_CKPT_H
#define PROGRESS_CKPT_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define CKPT_CHECK_MS       60000
#define CKPT_CANDIDATES_MAX 100000

struct ckpt_rule {
    const char *pattern;       /* NULL: nothing is looked for */
    const char *complete_when; /* NULL: see above */
    const char *cwd;
    const char *const *env; /* for cmd */
    bool quarantine;
};

struct ckpt_moved {
    const char *from, *to, *why;
};

struct ckpt_found {
    const char *path; /* absolute; NULL: none */
    int64_t step;     /* -1: the name has no number */
    const struct ckpt_moved *moved;
    size_t moved_count;
};

/* Does the rule make sense? Returns 0 or -EINVAL with a sentence. */
int ckpt_rule_check(const struct ckpt_rule *rule, struct err *err);

/* May take long (it reads, and runs commands): not for a loop's callback; the agent runs it in a
 * child. Returns 0 (also when there is none) or a negative errno with a sentence. */
int ckpt_find(struct arena *arena, const struct ckpt_rule *rule, struct ckpt_found *out,
              struct err *err);

/* Bytes under `path` now, to see whether one is still being written; bounded in time. */
int64_t ckpt_bytes(const char *path);

#endif
