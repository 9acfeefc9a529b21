#include "ranks/cgroup.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES 65536
#define PREFIX     "firstlight-"
#define NAMES_MAX  65536

struct cgroup {
    int fd;
    char path[];
};

/* The line "0::/user.slice/..." */
static bool own_name(struct str text, struct str *name)
{
    struct str line;

    while (str_line(&text, &line)) {
        if (str_starts(line, "0::/")) {
            *name = str_skip(line, 3);
            return true;
        }
    }
    return false;
}

/* "36 35 0:31 ROOT POINT options [optional fields] - cgroup2 source options". The part of the tree
 * from ROOT on is mounted at POINT. */
static bool mount_of_cgroup2(struct str text, struct str *root, struct str *point)
{
    struct str line, words[5], rest, type;

    while (str_line(&text, &line)) {
        ptrdiff_t dash = str_find(line, " - ");

        if (dash < 0)
            continue;
        rest = str_skip(line, (size_t)dash + 3);
        if (!str_word(&rest, &type) || !str_is(type, "cgroup2"))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (!str_word(&line, &words[i]))
                words[i] = STR("");
        *root = words[3];
        *point = words[4];
        return true;
    }
    return false;
}

static int join(struct str name, struct str root, struct str point, char *path, size_t bytes,
                struct err *why)
{
    if (!str_is(root, "/")) {
        struct str rest = str_skip(name, root.len);

        if (!str_eq((struct str){name.p, name.len - rest.len}, root) ||
            (rest.len && rest.p[0] != '/'))
            return err_set(why, -ENOENT, "our control group %.*s is not in what is mounted",
                           STR_ARG(name));
        name = rest;
    }
    if (str_is(name, "/"))
        name = STR("");
    if (snprintf(path, bytes, "%.*s%.*s", STR_ARG(point), STR_ARG(name)) >= (int)bytes)
        return err_set(why, -ENAMETOOLONG, "the path of our control group is too long");
    return 0;
}

int cgroup_own(const char *proc, char *path, size_t bytes, struct err *why)
{
    char file[512], *mounts = NULL, *groups = NULL;
    size_t mounts_len, groups_len;
    struct str name, root, point;
    int r;

    (void)snprintf(file, sizeof(file), "%s/mountinfo", proc);
    r = file_read(file, FILE_BYTES * 16, &mounts, &mounts_len, why);
    (void)snprintf(file, sizeof(file), "%s/cgroup", proc);
    if (r == 0)
        r = file_read(file, FILE_BYTES, &groups, &groups_len, why);
    if (r < 0)
        goto out;
    if (!own_name((struct str){groups, groups_len}, &name))
        r = err_set(why, -ENOENT, "this kernel has no control groups of version 2");
    else if (!mount_of_cgroup2((struct str){mounts, mounts_len}, &root, &point))
        r = err_set(why, -ENOENT, "no cgroup2 is mounted");
    else
        r = join(name, root, point, path, bytes, why);
out:
    free(mounts);
    free(groups);
    return r;
}

/* What an agent that was killed left: its number is at the end of the name. */
static void remove_dead(const char *parent)
{
    struct arena *arena = arena_new(0);
    const char *const *names;
    long count = arena ? file_list(arena, parent, NAMES_MAX, &names, NULL) : 0;

    for (long i = 0; i < count; i++) {
        const char *dash = strrchr(names[i], '-');
        int64_t pid;
        char *path;

        if (!str_starts(str_of(names[i]), PREFIX) || str_to_i64(str_of(dash + 1), 10, &pid) < 0 ||
            pid <= 0 || pid > INT32_MAX || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
            continue;
        path = arena_printf(arena, "%s/%s", parent, names[i]);
        if (path)
            (void)rmdir(path); /* not while there is a process in it */
    }
    arena_free(arena);
}

struct cgroup *cgroup_make(const char *parent, const char *name, struct err *why)
{
    size_t bytes = strlen(parent) + strlen(name) + sizeof(PREFIX) + 16;
    struct cgroup *cgroup = malloc(sizeof(*cgroup) + bytes);

    if (!cgroup) {
        (void)err_set(why, -ENOMEM, "no memory for a control group");
        return NULL;
    }
    remove_dead(parent);
    (void)snprintf(cgroup->path, bytes, "%s/" PREFIX "%s-%d", parent, name, (int)getpid());
    if (mkdir(cgroup->path, 0755) < 0 && errno != EEXIST) {
        (void)err_set(why, -errno, "no control group may be made in %s: %s", parent,
                      strerror(errno));
        free(cgroup);
        return NULL;
    }
    cgroup->fd = open(cgroup->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (cgroup->fd < 0) {
        (void)err_set(why, -errno, "%s: %s", cgroup->path, strerror(errno));
        (void)rmdir(cgroup->path);
        free(cgroup);
        return NULL;
    }
    return cgroup;
}

int cgroup_fd(const struct cgroup *cgroup)
{
    return cgroup->fd;
}

const char *cgroup_path(const struct cgroup *cgroup)
{
    return cgroup->path;
}

bool cgroup_populated(const struct cgroup *cgroup)
{
    char text[1024];
    int fd = openat(cgroup->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));

    if (fd >= 0)
        (void)close(fd);
    return got > 0 && str_find((struct str){text, (size_t)got}, "populated 1") >= 0;
}

/* One by one, on kernels without cgroup.kill; who forked meanwhile is met by the next call. */
static void kill_each(const struct cgroup *cgroup)
{
    int fd = openat(cgroup->fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    int pid;

    if (!file) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    while (fscanf(file, "%d", &pid) == 1)
        if (pid > 0) /* 0: of another pid namespace */
            (void)kill(pid, SIGKILL);
    (void)fclose(file);
}

void cgroup_kill(const struct cgroup *cgroup)
{
    int fd = openat(cgroup->fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, "1", 1) == 1;

    if (fd >= 0)
        (void)close(fd);
    if (!done)
        kill_each(cgroup);
}

void cgroup_free(struct cgroup *cgroup)
{
    if (!cgroup)
        return;
    (void)close(cgroup->fd);
    (void)rmdir(cgroup->path);
    free(cgroup);
}
