/* data/corpus - which files a corpus is of, in their order. */
#ifndef DATA_CORPUS_H
#define DATA_CORPUS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORPUS_FILES_MAX 4000000

struct corpus_file {
    const char *path; /* to open it */
    const char *name; /* below the source; of a file that was named itself: its last part */
    uint64_t bytes;   /* as they lie on disk */
    int64_t mtime_ns;
    uint32_t source; /* index of the path it was found by */
    bool jsonl;
};

struct corpus {
    struct corpus_file *files;
    size_t count;
    uint64_t bytes;
    struct arena *arena;
};

/* Files in the order of the paths; those of a folder sorted by the bytes of their names. Hidden
 * files and folders (".git") of a folder are left out, links to files are followed. Returns 0 or a
 * negative errno with a sentence. */
int corpus_list(const char *const *paths, size_t count, struct corpus *out, struct err *err);
void corpus_done(struct corpus *corpus);

#endif
