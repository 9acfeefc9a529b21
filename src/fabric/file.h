/* fabric/file - a result as a file: JSON that is read again, CSV for spreadsheets.
 *
 * JSON: {"firstlight_fabric": 1, ...}. A file of a newer version is refused with both versions. */
#ifndef FABRIC_FILE_H
#define FABRIC_FILE_H

#include "fabric/result.h"

#define FABRIC_FILE_VERSION   1
#define FABRIC_FILE_BYTES_MAX ((size_t)8 << 30)

void result_print_json(const struct fabric_result *result, struct buf *out);
/* One row a measure: test,metric,unit,phase,node,peer,part,via,bytes,value,low,high. */
void result_print_csv(const struct fabric_result *result, struct buf *out);

/* `name` is for sentences. 0, -EPROTO, -E2BIG or -ENOMEM. */
int result_read_json(struct str text, const char *name, struct fabric_result **out,
                     struct err *err);

#endif
