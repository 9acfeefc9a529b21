/* trainer/run_log - the log of a training: a JSON object a line. */
#ifndef TRAINER_RUN_LOG_H
#define TRAINER_RUN_LOG_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

struct run_log {
    int fd;      /* -1: none */
    bool torn;   /* it ends in the middle of a line */
    bool failed; /* the last line could not be written */
};

#define RUN_LOG_NONE ((struct run_log){.fd = -1})

/* It is appended to. Returns 0 or a negative errno with a sentence. */
int run_log_open(struct run_log *log, const char *path, struct err *err);
void run_log_close(struct run_log *log);

/* Add an object, with the wall clock's time before what it has; it is freed. A full disk costs the
 * log's lines, not the run: that is said once on stderr. */
void run_log_add(struct run_log *log, json_t *object);

/* JSON has no NaN: what is not finite is null. */
json_t *run_log_real(double value);

/* JSON is UTF-8; a sample, a path or what a damaged file says may not be: U+FFFD for each such
 * byte. */
json_t *run_log_text(const char *text);

#endif
