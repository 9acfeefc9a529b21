/* snap/manifest - what a snapshot says about itself: when, where, by whom, and what failed.
 *
 * It lists every command that was tried, and those files that could not be read whole; a file that
 * was read is simply there. `files`, `links`, `commands` and `bytes` count what is in the snapshot.
 */
#ifndef SNAP_MANIFEST_H
#define SNAP_MANIFEST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define MANIFEST_PATH   "manifest.json"
#define MANIFEST_FORMAT 1

enum manifest_kind { MANIFEST_FILE, MANIFEST_LINK, MANIFEST_COMMAND, MANIFEST_KINDS };

enum manifest_status {
    MANIFEST_OK,
    MANIFEST_FAILED,  /* an error other than the ones below; a command: exit status not 0 */
    MANIFEST_DENIED,  /* no permission */
    MANIFEST_MISSING, /* there is no such file or program */
    MANIFEST_TIMEOUT, /* the command was ended after its time */
    MANIFEST_CUT,     /* longer than the bound: its beginning is there */
    MANIFEST_STATUSES,
};

struct manifest_entry {
    const char *path;
    enum manifest_kind kind;
    enum manifest_status status;
    uint64_t bytes;      /* that were kept */
    const char *error;   /* a sentence; NULL: none */
    const char *command; /* the words, separated by blanks; NULL: no command */
    int exit_status;     /* of a command: -signal when a signal ended it */
    int64_t ms;
};

struct manifest {
    const char *version;           /* of firstlight */
    const char *time;              /* "2026-11-21T19:34:23Z" */
    const char *hostname, *kernel; /* NULL: not known */
    int64_t uid, euid;
    bool root; /* euid 0: sees everything */
    uint64_t files, links, commands, bytes;
    int64_t ms; /* what collecting took */
    struct manifest_entry *entries;
    size_t count;
};

/* As JSON, added to *out. Returns 0 or -ENOMEM. */
int manifest_write(const struct manifest *manifest, struct buf *out, struct err *err);

/* Unknown fields are skipped, missing ones are empty. Everything in *out lives in `arena`. Returns
 * 0, -EINVAL or -ENOMEM. */
int manifest_parse(struct arena *arena, struct str text, struct manifest *out, struct err *err);

#endif
