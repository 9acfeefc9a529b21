/* base/setting - named values of a program ("optim.lr"), from a table.
 *
 * The table says where in a struct each value lies, so that a file, --set KEY=VALUE, JSON and help
 * read the same rows. */
#ifndef BASE_SETTING_H
#define BASE_SETTING_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTING_TEXT_MAX 256

enum setting_type {
    SETTING_BOOL,   /* bool: true, false, yes, no, on, off, 1, 0 */
    SETTING_INT,    /* int64_t; takes a suffix k, M or G (1000s) */
    SETTING_REAL,   /* double */
    SETTING_TEXT,   /* char [SETTING_TEXT_MAX] */
    SETTING_CHOICE, /* int: the index of the word in `choices` */
};

struct setting {
    const char *key;
    enum setting_type type;
    size_t offset;
    double min, max;     /* of numbers, inclusive */
    const char *choices; /* "cosine wsd constant" */
    const char *help;
};

const struct setting *setting_find(const struct setting *rows, size_t count, const char *key);

/* Set one value from text. Returns 0, -ENOENT (no such key: the sentence suggests the nearest one)
 * or -EINVAL (the sentence says what the key takes). */
int setting_set(const struct setting *rows, size_t count, void *object, const char *key,
                const char *value, struct err *err);

/* "KEY=VALUE". */
int setting_assign(const struct setting *rows, size_t count, void *object, const char *text,
                   struct err *err);

/* A value as text that setting_set reads back to the same bits. */
void setting_print(const struct setting *row, const void *object, struct buf *out);

/* All values as one flat object; the caller owns it. NULL when there is no memory. */
json_t *setting_to_json(const struct setting *rows, size_t count, const void *object);

/* Keys that the object lacks keep their values; unknown keys are errors, as above. */
int setting_from_json(const struct setting *rows, size_t count, void *object, const json_t *json,
                      struct err *err);

#endif
