/* base/completion - what a shell needs to complete a program's words, made from the program's table
 * of commands, so that it knows every option there is. */
#ifndef BASE_COMPLETION_H
#define BASE_COMPLETION_H

#include "base/subcommand.h"

/* The shells that are known; NULL behind the last. */
const char *completion_word_at(size_t index);

/* Print the completion script of a shell. Returns 0, or -EINVAL: no such shell. */
int completion_print(const struct program *program, const char *shell);

#endif
