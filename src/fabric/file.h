/* fabric/file - a result as a file: JSON that is read again, CSV for spreadsheets.
 *
 * JSON: {"firstlight_fabric": 1, ...}, nodes named by their names. A file of a newer version is
 * refused with both versions; keys that are not known are passed over, so that a report that holds
 * a result and more (suspects) reads as the result. */
#ifndef FABRIC_FILE_H
#define FABRIC_FILE_H

#include "fabric/result.h"

#define FABRIC_FILE_VERSION   1
#define FABRIC_FILE_BYTES_MAX ((size_t)8 << 30)

void result_print_json(const struct fabric_result *result, struct buf *out);
/* Its members alone, without the braces, for an object that has more of them. */
void result_print_members(const struct fabric_result *result, struct buf *out);
/* A JSON string; bytes that are no UTF-8 become '?'. A JSON number; null for what is none. */
void file_print_text(const char *text, struct buf *out);
void file_print_number(double value, struct buf *out);

/* One row a measure: test,metric,unit,phase,node,peer,part,via,bytes,value,low,high. */
void result_print_csv(const struct fabric_result *result, struct buf *out);

/* "B/s", "FLOP/s", "s", "ratio": what a number in a file counts. */
const char *file_unit(enum unit unit);

/* `name` is for sentences. 0, -EPROTO, -E2BIG or -ENOMEM. */
int result_read_json(struct str text, const char *name, struct fabric_result **out,
                     struct err *err);

#endif
