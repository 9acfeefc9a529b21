/* ckpt/ckpt - checkpoints of a training run: long vectors cut into a part for each rank, written in
 * the background, loaded by any number of ranks.
 *
 *   out/step-00000050/part-00000-of-00004   this rank's range of every vector, in slices of
 *                                           CKPT_SLICE_BYTES with a CRC32C each
 *                     meta.json             rank 0's: config, position, windows, ...
 *                     tokenizer.model       files that belong to it
 *                     MANIFEST              base/manifest.h, last: makes it complete
 *
 * While it is made the folder is step-00000050.partial, and each file has a name of its own that
 * ends in .tmp: what a killed run left is never read, and goes with the next save of the same step
 * or the next prune. Two attempts that save the same step at once can't mix their bytes: files are
 * renamed whole, and the manifest has the hashes of those that it was written for. */
#ifndef CKPT_CKPT_H
#define CKPT_CKPT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CKPT_VECTORS_MAX 8
#define CKPT_SLICE_BYTES ((size_t)1 << 20)
#define CKPT_META_MAX    ((size_t)64 << 20)

struct ckpt_vector {
    const char *name;  /* "weights", "m", "v": at most 31 bytes */
    const float *data; /* of this rank's range [begin, end): its first item is item `begin` */
};

struct ckpt_file {
    const char *name; /* "tokenizer.model" */
    const void *bytes;
    size_t len;
};

struct ckpt_request {
    const char *folder; /* out/ */
    int64_t step;
    size_t rank, ranks;
    uint64_t items;      /* of each whole vector */
    uint64_t begin, end; /* this rank's range; the ranks' ranges are disjoint and cover all */
    struct ckpt_vector vectors[CKPT_VECTORS_MAX];
    size_t vector_count;
    const struct ckpt_file *files; /* meta.json among them, fewer than CKPT_DONE_FILES_MAX; copied
                                      at once; rank 0 writes them, of others they don't matter */
    size_t file_count;
    /* Memory that may be kept for what is left when the vectors change; 0: as much as it takes. */
    size_t keep_max;
};

/* What a rank tells the others when its files are on disk (sizes and hashes for the manifest).
 * Plain bytes: it is gathered as it is. */
#define CKPT_DONE_FILES_MAX 8
struct ckpt_done {
    int32_t failed; /* negative errno, 0 when all is well */
    uint32_t files;
    struct {
        char name[64];
        uint64_t bytes, hash;
    } file[CKPT_DONE_FILES_MAX];
};

/* One background thread for each rank. */
struct ckpt_writer;
int ckpt_writer_new(struct ckpt_writer **out, struct err *err);
/* What it is writing is given up after the block that it is at. */
void ckpt_writer_free(struct ckpt_writer *writer);

/* Get memory to keep so many bytes of vectors (a rank's range of all), in the background, before
 * training needs it: the first hold is else as slow as the system gives pages (measured: 1.2 GB in
 * 9.5 s on a busy virtual machine, 0.3 s when they were there). Not needed; without memory, no
 * error. */
void ckpt_writer_reserve(struct ckpt_writer *writer, size_t bytes);

/* Begin to write. The vectors are read from where they are while training goes on; they must not
 * change before ckpt_writer_hold returned. One at a time (-EBUSY). */
int ckpt_writer_begin(struct ckpt_writer *writer, const struct ckpt_request *request,
                      struct err *err);

/* The vectors are about to change: copies what is not yet written; where there is no memory for all
 * of it, waits for the disk until what is left fits. *stall_ns: how long that took; 0: nothing was
 * to do. */
void ckpt_writer_hold(struct ckpt_writer *writer, uint64_t *stall_ns);

/* Is it done? Then true, once, with *done (and the sentence in *err when it failed: disk full ...).
 */
bool ckpt_writer_poll(struct ckpt_writer *writer, bool wait, struct ckpt_done *done,
                      struct err *err);

/* Rank 0, when all ranks are done: all[ranks] in order. Looks whether all files are there, writes
 * the manifest and renames the folder; a folder of the same step that was there is replaced. When a
 * rank failed or this does, removes the partial folder and returns the error. */
int ckpt_commit(const char *folder, int64_t step, const struct ckpt_done *all, size_t ranks,
                struct err *err);

/* `newest` is the step that was just saved. Delete all before it but the `keep_last` (at least 1)
 * newest, itself among them, and those whose step is a multiple of keep_every (0: none), and
 * partial ones up to it. Later ones stay and are not counted: they are those that ckpt_open passed
 * over, or somebody else's. Returns how many went, or a negative errno. */
int ckpt_prune(const char *folder, int64_t newest, size_t keep_last, int64_t keep_every,
               struct err *err);

/* The highest step of which there is a checkpoint with a manifest, be it damaged or not; -1: there
 * is none, or no folder. Returns 0 or a negative errno. */
int ckpt_newest(const char *folder, int64_t *step, struct err *err);

struct ckpt;

/* `path`: one checkpoint, or a folder of them. Of a folder the newest whole one is taken, whose
 * every byte is checked here; each that is torn, damaged or unreadable is told to `passed` (may be
 * NULL) with the reason and passed over. Of one checkpoint, what can be seen without reading it all
 * is checked here, and each byte when it is read: so one rank may choose in the folder, and the
 * others open what it chose. Returns 0, -ENOENT (there is none), -EBADMSG (it is damaged), or
 * another negative errno. */
int ckpt_open(const char *path, void (*passed)(void *arg, const char *path, const char *why),
              void *arg, struct ckpt **out, struct err *err);
void ckpt_close(struct ckpt *ckpt);

const char *ckpt_path(const struct ckpt *ckpt);
int64_t ckpt_step(const struct ckpt *ckpt);
uint64_t ckpt_items(const struct ckpt *ckpt);

/* Is there a vector of this name? */
bool ckpt_has(const struct ckpt *ckpt, const char *vector);

/* Items [begin, end) of a vector, whatever parts they lie in; checksums are verified. Returns 0,
 * -ENOENT (no such vector), or -EBADMSG with file and place. */
int ckpt_read(struct ckpt *ckpt, const char *vector, uint64_t begin, uint64_t end, float *out,
              struct err *err);

/* A whole small file; malloc'ed, with a NUL behind; the caller frees. */
int ckpt_read_file(struct ckpt *ckpt, const char *name, char **bytes, size_t *len, struct err *err);

#endif
