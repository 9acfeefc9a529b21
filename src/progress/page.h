/* progress/page - the page by which a rank says where it is; libfirstlight writes, agents read.
 *
 * One 4096-byte file per rank, made by the agent in a folder in memory (/dev/shm), mapped shared by
 * both, still readable when the rank is dead. The layout is fixed: a program may be linked to an
 * older libfirstlight than the agent. Every field is written with a release store and each group
 * is guarded by a sequence number that is odd while it is written. Little-endian, x86-64, aarch64.
 *
 * The first process that tells something claims the page with its pid; another one may only when
 * that is dead (a script that runs one program after the other), and begins anew. */
#ifndef PROGRESS_PAGE_H
#define PROGRESS_PAGE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define PAGE_BYTES 4096
#define PAGE_MAGIC 0x3154474c54535246u /* "FRSTLGT1" */

enum page_phase {
    PAGE_PHASE_NONE, /* nothing was told: perhaps no libfirstlight */
    PAGE_PHASE_INIT,
    PAGE_PHASE_STEP,
    PAGE_PHASE_CHECKPOINT,
    PAGE_PHASE_EVAL,
    PAGE_PHASE_DONE,
};

/* Offsets are part of the interface; firstlight.py packs the same bytes. */
struct page {
    uint64_t magic;          /*   0 */
    uint32_t version;        /*   8: 1 */
    uint32_t pid;            /*  12: of the writer */
    uint32_t should_stop;    /*  16: written by the agent: 1 save now and leave, 2 save and go on */
    uint32_t stop_seen;      /*  20: the should_stop that the writer has been told of; 0: none */
    uint64_t reserved0[5];   /*  24 */
    uint32_t sequence;       /*  64: odd while what follows is written */
    uint32_t phase;          /*  68: enum page_phase */
    int64_t phase_at_ns;     /*  72: CLOCK_MONOTONIC */
    int64_t step, total;     /*  80: -1: not told */
    int64_t tokens;          /*  96: sum of what the steps of this process told; -1: not told */
    double loss;             /* 104: NaN: not told */
    int64_t step_at_ns;      /* 112 */
    int64_t step_calls;      /* 120: calls of step() */
    int64_t checkpoint_step; /* 128: of the last saved one; -1: none */
    int64_t checkpoint_at_ns;   /* 136 */
    int64_t checkpoint_count;   /* 144 */
    uint64_t reserved1[13];     /* 152 */
    char checkpoint_path[2048]; /* 256: NUL-terminated */
};

/* Make the file for a rank and map it. Returns the page or NULL with a sentence. */
struct page *page_create(const char *path, struct err *err);
void page_unmap(struct page *page);

/* A consistent copy; false: a writer died in the middle (what was read is then the best there
 * is, and said so). Never blocks. */
bool page_read(const struct page *page, struct page *copy);

/* Ask for 1 or 2, also once more: stop_seen is 0 until the writer has been told. */
void page_ask_stop(struct page *page, uint32_t how);

const char *page_phase_name(enum page_phase phase); /* "step" */

#endif
