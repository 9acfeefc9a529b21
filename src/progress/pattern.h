/* progress/pattern - steps and losses read from a program's log lines.
 *
 * Built in (progress/known_lines): Megatron ("iteration 10/ 100 | ... lm loss: 2.3E+00 |"), nanoGPT
 * ("iter 10: loss 2.3"), HF Trainer ("{'loss': 2.3, ..., 'epoch': 0.1}" and its tqdm bar),
 * Lightning's bar, torchtitan and torchtune ("step: 10  loss: 2.3"), llm.c, DeepSpeed, and what
 * looks like them. Or the user's: a text with {step}, {total}, {loss}, {tokens} as holes and * as
 * any run: "iteration {step}/{total}*loss {loss}". A blank there is one or more, blanks before a
 * number are skipped, case does not matter; the text may begin anywhere in the line.
 *
 * A line may hold carriage returns (what a bar draws over itself); its later parts win. Colours are
 * ignored. HF's evaluation draws the same bar as its training, with another total: whoever follows
 * the steps of a rank must keep to the largest total it has seen. */
#ifndef PROGRESS_PATTERN_H
#define PROGRESS_PATTERN_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define PATTERN_BYTES_MAX 256

struct pattern_found {
    int64_t step, total, tokens; /* -1: not in the line */
    double loss;                 /* NaN: not in the line */
};

/* Does the user's pattern make sense? Returns 0 or -EINVAL with a sentence. */
int pattern_check(const char *pattern, struct err *err);

/* `pattern` (which pattern_check passed) NULL: the built-in ones. False: nothing in this line, *out
 * is as it was. Keeps nothing between calls; safe from several threads. */
bool pattern_find(const char *pattern, struct str line, struct pattern_found *out);

#endif
