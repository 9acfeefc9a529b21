/* job/utf8 - text that files and the wire can carry. */
#ifndef JOB_UTF8_H
#define JOB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_BAD UINT32_MAX

/* The code point at text[0], which is not NUL, and its bytes; UTF8_BAD of 1 byte where there is
 * none. Reads no further than the NUL. */
uint32_t utf8_next(const char *text, size_t *bytes);

bool utf8_is(const char *text);

#endif
