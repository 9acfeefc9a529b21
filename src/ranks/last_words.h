/* ranks/last_words - the end of what a rank printed, kept in memory: it is asked for when the rank
 * has died, in the moment when a disk may be slow. And what it wrote into its error file. */
#ifndef RANKS_LAST_WORDS_H
#define RANKS_LAST_WORDS_H

#include "base/arena.h"
#include "base/str.h"

#define LAST_WORDS_BYTES 4096 /* of each stream */

struct last_words {
    char *ring;   /* LAST_WORDS_BYTES of it, from the first byte on */
    size_t total; /* bytes that came */
};

void last_words_done(struct last_words *words);

/* Without memory for it nothing is kept. */
void last_words_add(struct last_words *words, struct str bytes);

/* Its last lines, whole ones where they fit into `max` bytes, without blanks at both ends. Empty
 * when it said nothing (or there is no memory). */
struct str last_words_text(const struct last_words *words, struct arena *arena, size_t max);

/* The message of a torchelastic error file: {"message":{"message":"ValueError: boom",...}}, or
 * {"message":"..."}. Empty when it is none. */
struct str last_words_error_file(struct arena *arena, struct str json, size_t max);

#endif
