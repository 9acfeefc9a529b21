/* progress/ckpt - which checkpoint is the newest complete one?
 *
 * The candidates are what matches a pattern ("ckpt/step_*", relative to a working directory; '*'
 * and
 * '?' after its last '/' only); the step is the last run of digits in the name. Newest is the
 * highest step, then the latest change. What is named *.tmp or *.partial is still being made: no
 * candidate. Complete is, in this order:
 *  - by the rule: "file NAME" exists in it (or, for a checkpoint that is a file, beside it as
 *    <path>NAME), or "cmd CHECK {}" exits 0 within CKPT_CHECK_MS; {} is the path, as one word;
 *  - firstlight-train's own format: its MANIFEST lists every file with size and XXH3 hash, all are
 *    checked;
 *  - else: a directory that is not empty with no *.tmp / *.partial in it and none of whose files is
 *    empty; a file that is not empty. With DeepSpeed's `latest` or Megatron's
 *    latest_checkpointed_iteration.txt beside it: not newer than that says.
 * A torn one is renamed to <dir>/quarantine/<name>.<n>, never deleted. One of which nothing is
 * known (it can't be read, the check hangs) is passed over and stays. When more than CKPT_TORN_MAX
 * are torn and none is complete, the rule is the likelier culprit: nothing is moved and that is an
 * error. A link counts as what it points to when that lies in the same folder, else it is no
 * candidate. */
#ifndef PROGRESS_CKPT_H
#define PROGRESS_CKPT_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define CKPT_CHECK_MS       60000
#define CKPT_CANDIDATES_MAX 100000
#define CKPT_TORN_MAX       3

struct ckpt_rule {
    const char *pattern;       /* NULL: nothing is looked for */
    const char *complete_when; /* NULL: see above */
    const char *cwd;
    const char *const *env; /* for cmd */
    bool quarantine;
    int64_t check_ms; /* 0: CKPT_CHECK_MS */
};

struct ckpt_moved {
    const char *from, *to, *why; /* to "": it was passed over and stays */
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

/* Bytes under `path` (a file or a folder) now, to see whether one is still being written; -1: there
 * is none. Bounded: of very many files only the first are counted. */
int64_t ckpt_bytes(const char *path);

#endif
