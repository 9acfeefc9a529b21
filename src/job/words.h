/* job/words - lists of words that grow, and a line of text split into them. */
#ifndef JOB_WORDS_H
#define JOB_WORDS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "job/job.h"

/* Add a copy of `word` at the end of a list that was empty or made here; the items may move. 0,
 * -E2BIG (more than JOB_ARGS_MAX) or -ENOMEM. */
int words_add(struct arena *arena, struct job_words *words, struct str word, struct err *err);

/* Split as a shell does, with '...', "..." and backslashes, but with no expansion of any kind:
 * $HOME stays $HOME, * stays *. 0, -EINVAL (a quote without its end), -E2BIG or -ENOMEM. */
int words_split(struct arena *arena, struct str text, struct job_words *words, struct err *err);

/* The words as one line that a shell, and words_split, take apart again. */
void words_print(const struct job_words *words, struct buf *out);

#endif
