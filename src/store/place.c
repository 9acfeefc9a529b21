#include "store/place.h"

#include "store/store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

const char *store_dir(struct arena *arena, const char *given, struct err *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME"), *dir;
    char cwd[PATH_MAX];

    if (given && !*given) {
        (void)err_set(err, -EINVAL, "--state names no folder");
        return NULL;
    }
    if (given && *given == '/') {
        dir = arena_copy(arena, given, strlen(given));
    } else if (given) {
        if (!getcwd(cwd, sizeof(cwd))) {
            (void)err_set(err, -errno, "the working directory: %s", strerror(errno));
            return NULL;
        }
        dir = arena_printf(arena, "%s/%s", cwd, given);
    } else if (state && *state == '/') { /* a relative one is to be ignored, says XDG */
        dir = arena_printf(arena, "%s/firstlight", state);
    } else if (home && *home == '/') {
        dir = arena_printf(arena, "%s/.local/state/firstlight", home);
    } else {
        (void)err_set(err, -ENOENT,
                      "no folder for the state: HOME and XDG_STATE_HOME are not set; --state DIR "
                      "names one");
        return NULL;
    }
    if (!dir)
        (void)err_set(err, -ENOMEM, "no memory for the name of the state's folder");
    return dir;
}

const char *store_run_dir(struct arena *arena, const char *dir, const char *id)
{
    return arena_printf(arena, "%s/runs/%s", dir, id);
}

int place_make(const char *path, struct err *err)
{
    char copy[PATH_MAX];
    struct stat st;

    if (strlen(path) >= sizeof(copy))
        return err_set(err, -ENAMETOOLONG, "%s: the name is too long", path);
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : err_set(err, -ENOTDIR, "%s: not a folder", path);
    (void)strcpy(copy, path);
    for (char *slash = copy; slash; slash = strchr(slash + 1, '/')) {
        if (slash == copy)
            continue;
        *slash = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            return err_set(err, -errno, "%s: cannot make the folder: %s", copy, strerror(errno));
        *slash = '/';
    }
    if (mkdir(copy, 0700) < 0 && errno != EEXIST)
        return err_set(err, -errno, "%s: cannot make the folder: %s", copy, strerror(errno));
    return 0;
}

bool store_open_to_others(const char *dir, unsigned *mode)
{
    struct stat st;

    if (stat(dir, &st) < 0 || !(st.st_mode & 077))
        return false;
    *mode = st.st_mode & 07777;
    return true;
}

bool store_on_network(const char *dir, const char **type)
{
    /* linux/magic.h, and the file systems' own headers for those that are not in the kernel. */
    static const struct {
        uint32_t magic;
        const char *name;
    } rows[] = {
        {0x6969, "nfs"},          {0xff534d42, "cifs"},   {0xfe534d42, "smb"},
        {0x517b, "smb"},          {0x0bd00bd0, "lustre"}, {0x47504653, "gpfs"},
        {0x00c36400, "ceph"},     {0x65735546, "fuse"},   {0x19830326, "beegfs"},
        {0x20030528, "orangefs"}, {0x01021997, "9p"},     {0x5346414f, "afs"},
        {0x6b414653, "afs"},      {0xaad7aaea, "panfs"},  {0x01161970, "gfs2"},
        {0x7461636f, "ocfs2"},    {0x73757245, "coda"},
    };
    char path[PATH_MAX];
    struct statfs fs;

    if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
        return false;
    while (statfs(path, &fs) < 0) { /* where it would be made */
        char *slash = strrchr(path, '/');

        if (errno != ENOENT || !slash || slash == path)
            return false;
        *slash = '\0';
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].magic == (uint32_t)fs.f_type) {
            *type = rows[i].name;
            return true;
        }
    return false;
}
