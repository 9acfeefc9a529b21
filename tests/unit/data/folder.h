/* A folder for one test, and a corpus of seeded text in it. */
#ifndef FOLDER_H
#define FOLDER_H

#include "base/file.h"
#include "base/rng.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utime.h>

static char folder[64];

static inline void folder_begin(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/firstlight-data-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static inline void folder_remove(const char *path)
{
    char command[256];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static inline void folder_end(void)
{
    folder_remove(folder);
}

/* A path in it, valid for the next 63 calls. */
static inline const char *in_folder(const char *name)
{
    static char paths[64][256];
    static unsigned next;
    char *path = paths[next++ % 64];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

/* Always with the same time of change, so that lists of a corpus are equal. */
static inline void put_file(const char *name, const void *bytes, size_t len)
{
    struct utimbuf times = {1000000000, 1000000000};
    struct err err = {0};

    assert_int_equal(file_write_private_soon(in_folder(name), bytes, len, &err), 0);
    assert_int_equal(utime(in_folder(name), &times), 0);
}

static inline void put_text(const char *name, const char *text)
{
    put_file(name, text, strlen(text));
}

/* Words of a few letters, blanks and line ends, some of them beyond ASCII. */
static inline void random_words(struct rng *rng, size_t bytes, struct buf *out)
{
    static const char *const parts[] = {"a",  "be", "light", "\xc3\xa9t\xc3\xa9", "\xe5\x85\x89",
                                        "\n", "  ", "x9",    "\xe2\x96\x81",      "\xc2\xa0"};

    for (size_t end = out->len + bytes; out->len < end;) {
        buf_puts(out, parts[rng_below(rng, ARRAY_LEN(parts))]);
        if (rng_below(rng, 2))
            buf_puts(out, " ");
    }
}

#endif
