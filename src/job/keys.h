/* job/keys - the keys of a job, one table: names, types, bounds, what they mean.
 *
 * Reading files, printing them, the bounds that job_check holds and the command line's options all
 * go through it. */
#ifndef JOB_KEYS_H
#define JOB_KEYS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "job/job.h"

enum key_type {
    KEY_TEXT,    /* const char *; NULL: not given */
    KEY_HOSTS,   /* the same; a file may also give a list */
    KEY_NUMBER,  /* int64_t */
    KEY_BYTES,   /* int64_t, "64M" */
    KEY_SECONDS, /* double, "10s" */
    KEY_FLAG,    /* bool */
    KEY_CHOICE,  /* an enum: the place of the word in `choices` */
    KEY_WORDS,   /* struct job_words: a list, or a text split as a shell does */
    KEY_ENV,     /* struct job_words of NAME=VALUE: a list, or names with values */
};

struct job_key {
    const char *name; /* in a file; '-' may stand for '_' */
    enum key_type type;
    size_t offset;
    int64_t min, max;           /* of a number, size or time */
    const char *const *choices; /* ends in NULL */
    const char *doc;
};

extern const struct job_key job_keys[];
extern const size_t job_key_count;

/* NULL: there is none of that name. */
const struct job_key *job_key_find(struct str name);
/* The key that was perhaps meant; NULL when none is close. */
const char *job_key_like(struct str name);

/* Give the key one value as text. What comes before " takes ..." in the sentence is `said`: "line
 * 7: spares", "--spares". 0, -EINVAL, -E2BIG or -ENOMEM. */
int job_key_set(struct arena *arena, const struct job_key *key, struct job *job, struct str value,
                const char *said, struct err *err);
/* What the key takes: "a number", "one of none, core, numa". */
void job_key_takes(const struct job_key *key, struct buf *out);

/* Has the key the same value in both? */
bool job_key_same(const struct job_key *key, const struct job *a, const struct job *b);

/* "NAME=VALUE" with a name that is not empty. 0 or -EINVAL. */
int job_env_check(struct str word, struct err *err);

static inline void *job_field(struct job *job, const struct job_key *key)
{
    return (char *)job + key->offset;
}

static inline const void *job_value(const struct job *job, const struct job_key *key)
{
    return (const char *)job + key->offset;
}

#endif
