/* A checkpoint becomes whole, and old ones go. */
#include "base/file.h"
#include "base/manifest.h"
#include "base/str.h"
#include "base/vec.h"
#include "ckpt/ckpt.h"
#include "ckpt/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct files {
    VEC(struct ckpt_manifest_file) list;
};

static int gather(const struct ckpt_done *all, size_t ranks, struct files *files, struct err *err)
{
    for (size_t i = 0; i < ranks; i++) {
        if (all[i].failed < 0)
            return err_set(err, all[i].failed, "rank %zu could not write its part: %s", i,
                           strerror(-all[i].failed));
        if (all[i].files == 0 || all[i].files > CKPT_DONE_FILES_MAX)
            return err_set(err, -EINVAL, "rank %zu says that it wrote %" PRIu32 " files", i,
                           all[i].files);
        for (uint32_t k = 0; k < all[i].files; k++) {
            struct ckpt_manifest_file *file = vec_push(&files->list);

            if (!file)
                return err_set(err, -ENOMEM, "no memory for the list of files");
            *file = (struct ckpt_manifest_file){all[i].file[k].name, all[i].file[k].bytes,
                                                all[i].file[k].hash};
        }
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct ckpt_manifest_file *)a)->name,
                  ((const struct ckpt_manifest_file *)b)->name);
}

/* Each is there with its size: a folder that the ranks don't share would show here. */
static int look_at_files(int fd, const struct files *files, struct err *err)
{
    for (size_t i = 0; i < files->list.count; i++) {
        const struct ckpt_manifest_file *file = &files->list.items[i];
        struct stat st;

        if (fstatat(fd, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return err_set(err, -errno, "%s: %s%s", file->name, strerror(errno),
                           errno == ENOENT ? " (is it one folder for all ranks?)" : "");
        if ((uint64_t)st.st_size != file->bytes)
            return err_set(err, -EIO, "%s has %jd bytes, its rank wrote %" PRIu64, file->name,
                           (intmax_t)st.st_size, file->bytes);
    }
    return 0;
}

/* What a killed run left under the same name. */
static int remove_strangers(int fd, const char *path, const struct files *files, struct err *err)
{
    struct arena *arena = arena_new(0);
    const char *const *names;
    long count;

    if (!arena)
        return err_set(err, -ENOMEM, "no memory for the list of files");
    count = file_list(arena, path, FOLDER_NAMES_MAX, &names, err);
    for (long i = 0; i < count; i++) {
        struct ckpt_manifest_file key = {.name = names[i]};

        if (!bsearch(&key, files->list.items, files->list.count, sizeof(key), by_name))
            (void)unlinkat(fd, names[i], 0); /* one that stays does no harm */
    }
    arena_free(arena);
    return count < 0 ? (int)count : 0;
}

/* To its place; one that is there already (torn, or of an attempt before) is replaced. */
static int put_in_place(const char *partial, const char *final, struct err *err)
{
    int r = rename(partial, final) < 0 ? -errno : 0;

    if (r == -EEXIST || r == -ENOTEMPTY) {
        if (renameat2(AT_FDCWD, partial, AT_FDCWD, final, RENAME_EXCHANGE) == 0) {
            (void)folder_remove_here(partial, NULL); /* a prune will try again */
            return 0;
        }
        r = folder_remove_here(final, err);
        if (r < 0)
            return r;
        r = rename(partial, final) < 0 ? -errno : 0;
    }
    return r < 0 ? err_set(err, r, "%s: %s", final, strerror(-r)) : 0;
}

static int make_whole(const char *partial, int64_t step, struct files *files, struct err *err)
{
    int r, fd = open(partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_set(err, -errno, "%s: %s", partial, strerror(errno));
    qsort(files->list.items, files->list.count, sizeof(*files->list.items), by_name);
    r = look_at_files(fd, files, err);
    if (r < 0)
        err_wrap(err, r, "%s", partial);
    else
        r = remove_strangers(fd, partial, files, err);
    if (r == 0)
        r = ckpt_manifest_write_known(partial, step, files->list.items, files->list.count, err);
    (void)close(fd);
    return r;
}

int ckpt_commit(const char *folder, int64_t step, const struct ckpt_done *all, size_t ranks,
                struct err *err)
{
    char *partial = folder_partial_path(folder, step), *final = folder_path(folder, step);
    struct files files = {0};
    int r;

    if (!partial || !final)
        r = err_set(err, -ENOMEM, "%s: no memory to finish a checkpoint", folder);
    else
        r = gather(all, ranks, &files, err);
    if (r == 0)
        r = make_whole(partial, step, &files, err);
    if (r == 0)
        r = put_in_place(partial, final, err);
    if (r == 0)
        r = folder_sync(folder, err);
    else if (partial)
        (void)folder_remove_here(partial, NULL);
    vec_done(&files.list);
    free(partial);
    free(final);
    return r;
}

struct prune {
    const char *folder;
    int64_t newest, keep_every;
    size_t keep_last, kept;
};

static bool is_whole(const char *path)
{
    char *manifest;
    struct stat st;
    bool whole;

    if (asprintf(&manifest, "%s/" CKPT_MANIFEST, path) < 0)
        return false;
    whole = lstat(manifest, &st) == 0;
    free(manifest);
    return whole;
}

/* Names come newest first. Returns 1 when it went. */
static int prune_one(struct prune *prune, const char *name, struct err *err)
{
    bool partial = false;
    int64_t step = folder_step(name, &partial);
    char *path;
    int r = 0;

    if (step < 0 || step > prune->newest)
        return 0;
    if (asprintf(&path, "%s/%s", prune->folder, name) < 0)
        return err_set(err, -ENOMEM, "%s: no memory to remove it", name);
    if (partial)
        r = folder_remove_here(path, err);
    else if (is_whole(path) && prune->kept++ >= prune->keep_last &&
             (prune->keep_every <= 0 || step % prune->keep_every != 0))
        r = folder_remove(path, err);
    else
        r = 1;
    free(path);
    return r < 0 ? r : r == 0;
}

int ckpt_prune(const char *folder, int64_t newest, size_t keep_last, int64_t keep_every,
               struct err *err)
{
    struct prune prune = {folder, newest, keep_every, keep_last > 0 ? keep_last : 1, 0};
    struct arena *arena = arena_new(0);
    const char *const *names;
    int gone = 0, r = 0;
    long count;

    if (!arena)
        return err_set(err, -ENOMEM, "%s: no memory to list it", folder);
    count = file_list(arena, folder, FOLDER_NAMES_MAX, &names, err);
    for (long i = count - 1; i >= 0 && r >= 0; i--) {
        r = prune_one(&prune, names[i], err);
        gone += r > 0;
    }
    arena_free(arena);
    return count < 0 ? (int)count : r < 0 ? r : gone;
}

int ckpt_newest(const char *folder, int64_t *step, struct err *err)
{
    struct arena *arena = arena_new(0);
    const char *const *names;
    long count;

    *step = -1;
    if (!arena)
        return err_set(err, -ENOMEM, "%s: no memory to list it", folder);
    count = file_list(arena, folder, FOLDER_NAMES_MAX, &names, err);
    for (long i = count - 1; i >= 0; i--) {
        const char *path = arena_printf(arena, "%s/%s", folder, names[i]);
        int64_t of_name = folder_step(names[i], NULL);

        if (of_name > *step && path && is_whole(path))
            *step = of_name;
    }
    arena_free(arena);
    return count < 0 && count != -ENOENT ? (int)count : 0;
}
