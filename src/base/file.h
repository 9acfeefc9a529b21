/* base/file - whole files in and out, and folders in order. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/arena.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Read all of `path` into *text (malloc'ed, NUL after the last byte; the caller frees) when it has
 * at most bytes_max bytes. Works for /proc and /sys, whose sizes are not known in advance.
 * Returns 0 or a negative errno (-EFBIG: larger than bytes_max). */
int file_read(const char *path, size_t bytes_max, char **text, size_t *len, struct err *err);

/* The same of an open descriptor, read to its end; `name` begins the sentences. */
int file_read_stream(int fd, const char *name, size_t bytes_max, char **text, size_t *len,
                     struct err *err);

/* All `len` bytes into an open descriptor, or as many from `at` in a file (-EBADMSG: it ends
 * before). Returns 0 or a negative errno. */
int file_put(int fd, const void *bytes, size_t len);
int file_read_at(int fd, void *bytes, size_t len, uint64_t at);

/* Write beside `path` and rename over it, so that a reader sees the old file or the new one, and a
 * full disk leaves the old one. A device or a pipe is written into. Returns 0 or a negative errno.
 */
int file_write(const char *path, const void *bytes, size_t len, struct err *err);
/* The same, for its owner's eyes alone: mode 0600. */
int file_write_private(const char *path, const void *bytes, size_t len, struct err *err);
/* The same, without waiting for the disk (0.3 ms to 15 ms): a power cut in the next half minute may
 * take it. */
int file_write_private_soon(const char *path, const void *bytes, size_t len, struct err *err);

/* The names in folder `path` except "." and "..", sorted by strverscmp (n2 before n10), in `arena`.
 * Returns the count, or a negative errno (-EFBIG: more than names_max). */
long file_list(struct arena *arena, const char *path, size_t names_max, const char *const **names,
               struct err *err);

#endif
