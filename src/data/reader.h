/* data/reader - the bytes of a file, opened when it is a .zst or .gz. */
#ifndef DATA_READER_H
#define DATA_READER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader;

/* By the name's end. Returns 0 or a negative errno with a sentence. */
int reader_open(const char *path, struct reader **out, struct err *err);
void reader_free(struct reader *reader);

/* Fill `bytes` with `len` bytes, less only at the end. Returns the count or a negative errno
 * (-EBADMSG: what is compressed is broken or cut off). */
long reader_read(struct reader *reader, void *bytes, size_t len, struct err *err);

/* Go on at byte `offset`, which is not before where it is. -EBADMSG when it ends before. */
int reader_skip_to(struct reader *reader, uint64_t offset, struct err *err);

/* Size and time of last change of the file that is open, as it is now. */
int reader_stamp(const struct reader *reader, uint64_t *bytes, int64_t *mtime_ns, struct err *err);

/* Does a name end in .zst or .gz? *stem: its length without that. */
bool reader_is_packed(const char *name, size_t *stem);

#endif
