#include "wire/holder.h"

#include "base/file.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TABLE_BYTES_MAX ((size_t)64 << 20) /* 150 bytes a socket */
#define INODES_MAX      16                 /* listeners on one port: by address, or SO_REUSEPORT */
#define LISTENING       "0A"

struct inodes {
    uint64_t items[INODES_MAX];
    size_t count;
};

/* "  0: 0100007F:1F90 00000000:0000 0A tx:rx tr:when retrnsmt uid timeout inode ..." */
static void read_row(struct str row, uint16_t port, struct inodes *inodes)
{
    struct str word[10], host;
    uint64_t theirs, inode;

    for (size_t i = 0; i < ARRAY_LEN(word); i++)
        if (!str_word(&row, &word[i]))
            return;
    if (!str_is(word[3], LISTENING) || !str_cut(&word[1], ':', &host) ||
        str_to_u64(word[1], 16, &theirs) < 0 || theirs != port ||
        str_to_u64(word[9], 10, &inode) < 0 || inodes->count == INODES_MAX)
        return;
    inodes->items[inodes->count++] = inode;
}

static void read_table(const char *proc, const char *name, uint16_t port, struct inodes *inodes)
{
    char path[PATH_MAX], *text;
    struct str rest, row;

    (void)snprintf(path, sizeof(path), "%s/net/%s", proc, name);
    if (file_read(path, TABLE_BYTES_MAX, &text, &rest.len, NULL) < 0)
        return;
    rest.p = text;
    while (str_line(&rest, &row))
        read_row(row, port, inodes);
    free(text);
}

/* Is the descriptor `path` one of these sockets? */
static bool is_one(const char *path, const struct inodes *inodes)
{
    char target[64], want[64];
    ssize_t len = readlink(path, target, sizeof(target) - 1);

    if (len < 0)
        return false;
    target[len] = '\0';
    for (size_t i = 0; i < inodes->count; i++) {
        (void)snprintf(want, sizeof(want), "socket:[%llu]", (unsigned long long)inodes->items[i]);
        if (strcmp(target, want) == 0)
            return true;
    }
    return false;
}

static bool holds(const char *proc, const char *pid, const struct inodes *inodes)
{
    char path[PATH_MAX];
    struct dirent *entry;
    bool found = false;
    DIR *fds;

    (void)snprintf(path, sizeof(path), "%s/%s/fd", proc, pid);
    fds = opendir(path);
    while (fds && !found && (entry = readdir(fds))) {
        (void)snprintf(path, sizeof(path), "%s/%s/fd/%s", proc, pid, entry->d_name);
        found = is_one(path, inodes);
    }
    if (fds)
        (void)closedir(fds);
    return found;
}

static void describe(const char *proc, const char *pid, char out[HOLDER_MAX])
{
    char path[PATH_MAX], *text = NULL;
    struct str name = STR("a program");
    size_t len;

    (void)snprintf(path, sizeof(path), "%s/%s/comm", proc, pid);
    if (file_read(path, 4096, &text, &len, NULL) == 0)
        name = str_trim((struct str){text, len});
    (void)snprintf(out, HOLDER_MAX, "%.*s (pid %s)", (int)(name.len < 64 ? name.len : 64), name.p,
                   pid);
    for (char *p = out; *p; p++) /* a program names itself as it likes */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    free(text);
}

int holder_of_port(const char *proc, uint16_t port, char out[HOLDER_MAX])
{
    struct inodes inodes = {.count = 0};
    struct dirent *entry;
    bool found = false;
    DIR *dir;

    read_table(proc, "tcp", port, &inodes);
    read_table(proc, "tcp6", port, &inodes);
    dir = inodes.count ? opendir(proc) : NULL;
    while (dir && !found && (entry = readdir(dir))) {
        found = char_is_digit(entry->d_name[0]) && strlen(entry->d_name) < 16 &&
                holds(proc, entry->d_name, &inodes);
        if (found)
            describe(proc, entry->d_name, out);
    }
    if (dir)
        (void)closedir(dir);
    return found ? 0 : -ESRCH;
}
