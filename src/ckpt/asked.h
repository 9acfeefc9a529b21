/* ckpt/asked - what a writer is asked to write, copied but for the vectors themselves. */
#ifndef CKPT_ASKED_H
#define CKPT_ASKED_H

#include "ckpt/ckpt.h"
#include "ckpt/part.h"

struct asked {
    struct part_header header;
    const float *vectors[CKPT_VECTORS_MAX]; /* the caller's */
    char *folder;                           /* the partial one */
    struct ckpt_file files[CKPT_DONE_FILES_MAX];
    size_t file_count;
    uint32_t *crc; /* room for one of each slice */
};

/* *asked holds nothing. Returns 0, -EINVAL (no such request) or -ENOMEM, with a sentence; then
 * *asked holds nothing. */
int asked_init(struct asked *asked, const struct ckpt_request *request, struct err *err);
void asked_done(struct asked *asked);

#endif
