/* job/units - times and sizes as people write them: "10s", "1h30m", "64M". */
#ifndef JOB_UNITS_H
#define JOB_UNITS_H

#include "base/str.h"

#include <stdint.h>

#define SECONDS_MAX 1e9 /* thirty years: longer is a slip */

/* "90", "90s", "1.5m", "2h", "1d12h", "250ms"; without a unit: seconds. 0, -EINVAL, -ERANGE. */
int seconds_parse(struct str text, double *seconds);
/* "10s", "5m", "2h", "0.25s": reads back to the same number. */
void seconds_print(double seconds, struct buf *out);
/* The shortest decimal digits that read back to the same number, without an exponent. */
void seconds_print_plain(double seconds, struct buf *out);

/* "4096", "64K", "64M", "2GiB": powers of 1024; "64MB": of 1000. 0, -EINVAL, -ERANGE. */
int bytes_parse(struct str text, int64_t *bytes);
void bytes_print(int64_t bytes, struct buf *out); /* "64M" */

#endif
