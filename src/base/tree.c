#include "base/tree.h"

#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

struct walk {
    tree_visit *visit;
    void *data;
    char name[PATH_MAX];
    unsigned depth, files;
};

static int walk_folder(struct walk *walk, int fd, size_t prefix);

static int walk_entry(struct walk *walk, int dir, const char *entry, size_t prefix)
{
    struct stat st;
    int n, fd;

    n = snprintf(walk->name + prefix, sizeof(walk->name) - prefix, "%s%s", prefix ? "/" : "",
                 entry);
    if ((size_t)n >= sizeof(walk->name) - prefix)
        return -ENAMETOOLONG;
    if (++walk->files > TREE_FILES_MAX)
        return -EFBIG;
    if (fstatat(dir, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISDIR(st.st_mode))
        return walk->visit(walk->data, walk->name, &st);
    if (walk->depth == TREE_DEPTH_MAX)
        return -ELOOP;
    fd = openat(dir, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    return walk_folder(walk, fd, prefix + (size_t)n);
}

/* Takes over `fd`. */
static int walk_folder(struct walk *walk, int fd, size_t prefix)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    int r = 0;

    if (!dir) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    walk->depth++;
    while (r == 0 && (errno = 0, entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = walk_entry(walk, fd, entry->d_name, prefix);
    if (r == 0 && errno != 0)
        r = -errno;
    walk->depth--;
    (void)closedir(dir);
    return r;
}

int tree_walk(const char *folder, tree_visit *visit, void *data)
{
    struct walk walk = {.visit = visit, .data = data};
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : walk_folder(&walk, fd, 0);
}

int tree_open(int dir, const char *name)
{
    struct str rest = str_of(name), part;
    int at = -1, fd;

    while (str_cut(&rest, '/', &part)) {
        char text[NAME_MAX + 1];
        int folder = rest.len > 0 ? O_DIRECTORY : 0;

        if (part.len == 0 || part.len > NAME_MAX || str_is(part, ".") || str_is(part, ".."))
            fd = -EINVAL;
        else {
            memcpy(text, part.p, part.len);
            text[part.len] = '\0';
            fd = openat(at < 0 ? dir : at, text,
                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | folder);
            if (fd < 0)
                fd = -errno;
        }
        if (at >= 0)
            (void)close(at);
        if (fd < 0)
            return fd;
        at = fd;
    }
    return at < 0 ? -EINVAL : at;
}
