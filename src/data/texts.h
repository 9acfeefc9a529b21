/* data/texts - the texts of a corpus one after the other, for who learns of them. */
#ifndef DATA_TEXTS_H
#define DATA_TEXTS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct texts;

struct texts_options {
    const char *text_key; /* of jsonl */
    bool allow_invalid;   /* text that is not UTF-8; else it is an error with its file and place */
    bool skip_broken;     /* lines of jsonl without a text */
    uint64_t bytes_max;   /* take no more of the files' bytes, evenly over them; 0: all */
};

/* Files and folders as data_build takes them. Returns 0 or a negative errno with a sentence. */
int texts_open(const char *const *paths, size_t count, const struct texts_options *options,
               struct texts **out, struct err *err);
void texts_free(struct texts *texts);

/* Add the next piece to *piece: a megabyte or so that is cut between words (but in what has none)
 * or behind a text, which gets a newline if it has none. Returns 1, 0 when there is none, or a
 * negative errno with a sentence. */
int texts_next(struct texts *texts, struct buf *piece, struct err *err);

/* How much of the corpus came already, 0 to 1. */
double texts_done(const struct texts *texts);

#endif
