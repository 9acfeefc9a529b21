#include "ranks/folders.h"

#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* `above_open`: others may have put something here. Sets it for the next one. */
static int make_one(const char *path, bool *above_open, struct err *err)
{
    struct stat folder;
    bool made = mkdir(path, 0700) == 0;
    int r = made ? 0 : -errno;

    if (!made && (lstat(path, &folder) < 0 || r != -EEXIST))
        return err_set(err, r, "cannot make the folder %s: %s", path, strerror(-r));
    if (!made && *above_open && (!S_ISDIR(folder.st_mode) || folder.st_uid != geteuid()))
        return err_set(err, -EPERM, "%s is somebody else's", path);
    if (!made && stat(path, &folder) == 0 && !S_ISDIR(folder.st_mode))
        return err_set(err, -ENOTDIR, "%s is no folder", path);
    *above_open = !made && (folder.st_mode & S_ISVTX);
    return 0;
}

int folders_make(const char *path, struct err *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    bool above_open = false;

    if (len >= sizeof(part))
        return err_set(err, -ENAMETOOLONG, "the folder's name is too long: %.64s...", path);
    for (size_t i = 1; i <= len; i++) {
        int r;

        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        r = make_one(part, &above_open, err);
        if (r < 0)
            return r;
    }
    return 0;
}
