/* trainer/line - numbers beside each other: as many as fit, the least important ones go first. */
#ifndef TRAINER_LINE_H
#define TRAINER_LINE_H

#include "base/str.h"

#define LINE_FIELDS_MAX 12
#define LINE_FIELD_MAX  64

struct line {
    struct {
        char text[LINE_FIELD_MAX];
        int rank;              /* 0 is the most important */
    } fields[LINE_FIELDS_MAX]; /* in the order of the line */
    size_t count;
};

/* What is longer than a field is cut; more fields than there are places is our own mistake. */
void line_add(struct line *line, int rank, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Two blanks between fields, `columns` at most (0: no end): a field is there when it and all more
 * important ones fit. Text is ASCII. */
void line_print(const struct line *line, size_t columns, struct buf *out);

#endif
