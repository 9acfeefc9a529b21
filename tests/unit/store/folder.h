/* A folder for a test's state that goes with the test, and small events to fill it with. */
#ifndef TESTS_STORE_FOLDER_H
#define TESTS_STORE_FOLDER_H

#include "base/arena.h"
#include "store/store.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct folder {
    char path[256];
    struct arena *arena;
    struct err err;
};

static inline int folder_remove_one(const char *path, const struct stat *st, int flag,
                                    struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline int folder_make(void **state)
{
    const char *tmp = getenv("TMPDIR");
    struct folder *folder = calloc(1, sizeof(*folder));

    assert_non_null(folder);
    (void)snprintf(folder->path, sizeof(folder->path), "%s/store-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(folder->path));
    folder->arena = arena_new(0);
    *state = folder;
    return 0;
}

static inline int folder_remove(void **state)
{
    struct folder *folder = *state;

    (void)nftw(folder->path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    arena_free(folder->arena);
    free(folder);
    return 0;
}

static inline struct store *folder_store(struct folder *folder, bool readonly)
{
    struct store *store = NULL;
    int r = store_open(folder->path, readonly, &store, &folder->err);

    if (r < 0)
        fail_msg("%s", folder->err.text);
    return store;
}

static inline const char *folder_run(struct folder *folder, struct store *store, const char *name,
                                     int64_t now_ns)
{
    const char *id = NULL;

    if (store_run_new(store, folder->arena, name, "{}", now_ns, &id, &folder->err) < 0)
        fail_msg("%s", folder->err.text);
    return id;
}

static inline struct store_event small_event(uint64_t seq, const char *kind)
{
    return (struct store_event){.seq = seq,
                                .at_ns = 1700000000000000000 + (int64_t)seq * 1000000,
                                .attempt = 1,
                                .node = -1,
                                .rank = -1,
                                .kind = kind,
                                .text = "",
                                .fields = "{}"};
}

#endif
