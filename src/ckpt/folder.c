#include "ckpt/folder.h"

#include "base/file.h"
#include "base/manifest.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PREFIX      "step-"
#define PARTIAL     ".partial"
#define STEP_DIGITS 18

char *folder_path(const char *folder, int64_t step)
{
    char *path;

    return asprintf(&path, "%s/" PREFIX "%08" PRId64, folder, step) < 0 ? NULL : path;
}

char *folder_partial_path(const char *folder, int64_t step)
{
    char *path;

    return asprintf(&path, "%s/" PREFIX "%08" PRId64 PARTIAL, folder, step) < 0 ? NULL : path;
}

int64_t folder_step(const char *name, bool *partial)
{
    struct str rest = str_of(name), digits;
    int64_t step;

    if (!str_starts(rest, PREFIX))
        return -1;
    rest = str_skip(rest, strlen(PREFIX));
    digits = str_digits(&rest, 10);
    if (digits.len == 0 || digits.len > STEP_DIGITS || str_to_i64(digits, 10, &step) < 0)
        return -1;
    if (partial)
        *partial = str_is(rest, PARTIAL);
    return rest.len == 0 || (partial && *partial) ? step : -1;
}

void folder_part_name(char *out, size_t space, uint32_t rank, uint32_t ranks)
{
    (void)snprintf(out, space, "part-%05" PRIu32 "-of-%05" PRIu32, rank, ranks);
}

bool folder_is_part_name(const char *name)
{
    return str_glob("part-*-of-*", str_of(name));
}

bool folder_file_name_ok(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len < 64 && name[0] != '.' && !strpbrk(name, "/\n") &&
           strcmp(name, CKPT_MANIFEST) != 0 && !folder_is_part_name(name) &&
           !str_ends(str_of(name), ".tmp");
}

int folder_sync(const char *path, struct err *err)
{
    int r = 0, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL && errno != EROFS))
        r = err_set(err, -errno, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return r;
}

static int remove_files(const char *path, struct err *err)
{
    struct arena *arena = arena_new(0);
    const char *const *names;
    long count;
    int r = 0, fd;

    if (!arena)
        return err_set(err, -ENOMEM, "%s: no memory to remove it", path);
    count = file_list(arena, path, FOLDER_NAMES_MAX, &names, err);
    fd = count < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (count < 0)
        r = (int)count;
    else if (fd < 0)
        r = err_set(err, -errno, "%s: %s", path, strerror(errno));
    for (long i = 0; i < count && r == 0; i++)
        if (unlinkat(fd, names[i], 0) < 0 && errno != ENOENT)
            r = err_set(err, -errno, "%s/%s: cannot remove it: %s", path, names[i],
                        strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    arena_free(arena);
    return r;
}

int folder_remove_here(const char *path, struct err *err)
{
    char *manifest;
    int r;

    if (asprintf(&manifest, "%s/" CKPT_MANIFEST, path) < 0)
        return err_set(err, -ENOMEM, "%s: no memory to remove it", path);
    (void)unlink(manifest); /* first: what is left is no checkpoint */
    free(manifest);
    r = remove_files(path, err);
    if (r == 0 && rmdir(path) < 0 && errno != ENOENT)
        r = err_set(err, -errno, "%s: cannot remove it: %s", path, strerror(errno));
    return r;
}

int folder_remove(const char *path, struct err *err)
{
    char *partial = NULL;
    int r;

    if (str_ends(str_of(path), PARTIAL))
        return folder_remove_here(path, err);
    if (asprintf(&partial, "%s" PARTIAL, path) < 0)
        return err_set(err, -ENOMEM, "%s: no memory to remove it", path);
    r = folder_remove_here(partial, err); /* of a save that was killed */
    if (r == 0 || r == -ENOENT) {
        r = rename(path, partial) < 0
                ? err_set(err, -errno, "%s: cannot remove it: %s", path, strerror(errno))
                : folder_remove_here(partial, err);
    }
    free(partial);
    return r;
}
