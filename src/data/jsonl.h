/* data/jsonl - the text of one line of a jsonl file.
 *
 * The line is checked to be one whole JSON object (RFC 8259), but nothing of it is kept except the
 * one value that is asked for: no tree is built, which takes a tenth of the time. */
#ifndef DATA_JSONL_H
#define DATA_JSONL_H

#include "base/err.h"
#include "base/str.h"

#define JSONL_DEPTH_MAX 2048 /* arrays and objects within each other */

/* Put the text under `key` of the object in `line` into *text (cleared before). Of a key that comes
 * twice, the last counts. Whether the bytes are UTF-8 is not asked: see valid_prefix. Returns 0,
 * -ENOMEM, or -EINVAL with a sentence. */
int jsonl_text(struct str line, const char *key, struct buf *text, struct err *err);

#endif
