/* exchange/safetensors - the header of a .safetensors file: u64 length, JSON, then the bytes. */
#ifndef EXCHANGE_SAFETENSORS_H
#define EXCHANGE_SAFETENSORS_H

#include "base/str.h"
#include "exchange/names.h"

#define SAFETENSORS_HEADER_MAX ((uint64_t)100 << 20)

/* The header of a file of file_bytes, its `len` bytes behind the length. Adds the tensors to *out
 * as of file number `file`. Offsets must go together without holes or overlaps and end with the
 * file. Returns 0, -EINVAL with a sentence, or -ENOMEM. */
int safetensors_parse(const char *json, size_t len, uint64_t file_bytes, size_t file,
                      struct tensors *out, struct err *err);

/* What begins a file with pieces [begin, end), length and all; their bytes follow each other. */
int safetensors_header(const struct pieces *pieces, size_t begin, size_t end, enum stored type,
                       struct buf *out);

#endif
