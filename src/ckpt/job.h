/* ckpt/job - what a writer is asked to write, copied but for the vectors themselves. */
#ifndef CKPT_JOB_H
#define CKPT_JOB_H

#include "ckpt/ckpt.h"
#include "ckpt/part.h"

struct job {
    struct part_header header;
    const float *vectors[CKPT_VECTORS_MAX]; /* the caller's */
    char *folder;                           /* the partial one */
    struct ckpt_file files[CKPT_DONE_FILES_MAX];
    size_t file_count;
    uint32_t *crc; /* room for one of each slice */
};

/* *job holds nothing. Returns 0, -EINVAL (no such request) or -ENOMEM, with a sentence; then *job
 * holds nothing. */
int job_init(struct job *job, const struct ckpt_request *request, struct err *err);
void job_done(struct job *job);

#endif
