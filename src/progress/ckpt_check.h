/* progress/ckpt_check - is this one checkpoint complete? (progress/ckpt says by what.) */
#ifndef PROGRESS_CKPT_CHECK_H
#define PROGRESS_CKPT_CHECK_H

#include "progress/ckpt.h"

enum ckpt_verdict {
    CKPT_COMPLETE,
    CKPT_TORN,
    CKPT_UNKNOWN, /* it can't be read, the check hangs: no proof of anything */
    CKPT_GONE,
};

int ckpt_rule_words(const char *complete_when, struct err *err); /* see ckpt_rule_check */

/* `newest` is the step that a `latest` file beside it names, or -1. Returns a verdict, with the
 * sentence in *why for TORN and UNKNOWN, or a negative errno when the check itself can't be run. */
int ckpt_check(const struct ckpt_rule *rule, const char *path, int64_t step, int64_t newest,
               struct err *why);

#endif
