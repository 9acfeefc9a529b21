/* token/names - which id has this text: pieces by their names. */
#ifndef TOKEN_NAMES_H
#define TOKEN_NAMES_H

#include "base/str.h"

#include <stdbool.h>

/* A hash whose value for a part of a text follows from those of its prefixes: with H[i] of the
 * first i bytes, that of [i, j) is H[j] - H[i] * NAMES_FACTOR^(j - i). So all cuts of a piece are
 * tried in its length. */
#define NAMES_FACTOR 0x9e3779b97f4a7c15u

static inline uint64_t names_hash_more(uint64_t hash, char byte)
{
    return hash * NAMES_FACTOR + (unsigned char)byte + 1;
}

static inline uint64_t names_hash(struct str text)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < text.len; i++)
        hash = names_hash_more(hash, text.p[i]);
    return hash;
}

#define NAMES_OWN 24

struct names_slot {
    int32_t id;
    uint32_t len;
    union {
        char own[NAMES_OWN]; /* a copy of a short text */
        const char *p;
    };
};

/* Holds the texts, does not own them. What is looked for is in memory far apart, so a part of the
 * hash says in a smaller table what is not there, and a short text lies in its slot. */
struct names {
    uint16_t *tags; /* 0: a free slot */
    struct names_slot *slots;
    size_t mask, count;
};

/* Room for `count` texts. Returns 0 or -ENOMEM. */
int names_init(struct names *names, size_t count);
void names_done(struct names *names);

/* May a text of this hash be there? When it may, looking for it soon is faster. */
bool names_maybe(const struct names *names, uint64_t hash);

/* -1: none. */
int32_t names_find_hashed(const struct names *names, uint64_t hash, struct str text);

static inline int32_t names_find(const struct names *names, struct str text)
{
    return names_find_hashed(names, names_hash(text), text);
}

/* Returns 0, or -EEXIST. */
int names_add(struct names *names, struct str text, int32_t id);

#endif
