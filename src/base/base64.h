/* base/base64 - bytes as text lines and back (RFC 4648, with padding). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/str.h"

/* Both add to *out; buf->failed when there was no memory. */
void base64_encode(struct buf *out, const void *bytes, size_t len);

/* Returns 0, or -EINVAL when `text` is not whole base64. */
int base64_decode(struct buf *out, struct str text);

#endif
