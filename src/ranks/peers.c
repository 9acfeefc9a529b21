#include "ranks/peers.h"

#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PORTS      65536
#define FRESH_NS   1000000000
#define LINE_BYTES 512
#define READ_BYTES (64 << 10) /* a read of the kernel's table costs as much as a hundred lines */

struct socket_seen {
    uint64_t inode;
    uint16_t port;
};

struct sockets {
    VEC(struct socket_seen) seen;
};

/* 127.0.0.0/8 in either file, or ::1; words are in the machine's byte order. */
static bool is_loopback(struct str address)
{
    if (address.len == 8)
        return str_ends(address, "7F");
    return str_is(address, "00000000000000000000000001000000") ||
           (address.len == 32 && str_starts(address, "0000000000000000FFFF0000") &&
            str_ends(address, "7F"));
}

/* "  0: 0100007F:A1B2 0100007F:1F90 01 ... uid timeout inode ..." */
bool peers_line(struct str line, uint16_t *port, uint64_t *inode)
{
    struct str words[10], address;
    uint64_t number;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!str_word(&line, &words[i]))
            return false;
    if (!str_cut(&words[1], ':', &address) || !is_loopback(address) ||
        str_to_u64(words[1], 16, &number) < 0 || number >= PORTS ||
        str_to_u64(words[9], 10, inode) < 0 || !*inode)
        return false;
    *port = (uint16_t)number;
    return true;
}

static int read_sockets(const char *path, struct sockets *sockets)
{
    FILE *file = fopen(path, "re");
    char line[LINE_BYTES];
    int r = 0;

    if (file)
        (void)setvbuf(file, NULL, _IOFBF, READ_BYTES);
    while (file && r == 0 && fgets(line, sizeof(line), file)) {
        struct socket_seen one, *slot;

        if (!peers_line(str_of(line), &one.port, &one.inode))
            continue;
        slot = vec_push(&sockets->seen);
        if (slot)
            *slot = one;
        else
            r = -ENOMEM;
    }
    if (file)
        (void)fclose(file);
    return r;
}

static int by_inode(const void *a, const void *b)
{
    const struct socket_seen *x = a, *y = b;

    return (x->inode > y->inode) - (x->inode < y->inode);
}

static void note_socket(struct peers *peers, const struct sockets *sockets, struct str link,
                        int32_t rank)
{
    struct socket_seen key = {0};
    const struct socket_seen *found;

    if (!str_starts(link, "socket:[") || !str_ends(link, "]"))
        return;
    link = str_skip(link, 8);
    link.len--;
    if (str_to_u64(link, 10, &key.inode) < 0)
        return;
    found = bsearch(&key, sockets->seen.items, sockets->seen.count, sizeof(key), by_inode);
    if (found)
        peers->rank_of_port[found->port] = rank;
}

static void look_at_process(struct peers *peers, const struct sockets *sockets,
                            const struct peers_process *process)
{
    char path[64], link[64];
    DIR *dir;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)process->pid);
    dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link));

        if (len > 0)
            note_socket(peers, sockets, (struct str){link, (size_t)len}, process->rank);
    }
    (void)closedir(dir);
}

int64_t peers_take(struct peers *peers, uint16_t port, int64_t now_ns)
{
    int64_t rank;

    if (!peers->rank_of_port || now_ns - peers->seen_ns > FRESH_NS)
        return -1;
    rank = peers->rank_of_port[port];
    peers->rank_of_port[port] = -1;
    return rank;
}

int peers_look(struct peers *peers, const struct peers_process *processes, size_t count,
               int64_t now_ns)
{
    struct sockets sockets = {0};
    int r;

    if (!peers->rank_of_port)
        peers->rank_of_port = malloc(PORTS * sizeof(*peers->rank_of_port));
    if (!peers->rank_of_port)
        return -ENOMEM;
    memset(peers->rank_of_port, -1, PORTS * sizeof(*peers->rank_of_port));
    peers->seen_ns = now_ns;
    r = read_sockets("/proc/net/tcp", &sockets);
    if (r == 0)
        r = read_sockets("/proc/net/tcp6", &sockets);
    if (r == 0 && sockets.seen.count) {
        qsort(sockets.seen.items, sockets.seen.count, sizeof(*sockets.seen.items), by_inode);
        for (size_t i = 0; i < count; i++)
            look_at_process(peers, &sockets, &processes[i]);
    }
    vec_done(&sockets.seen);
    return r;
}

void peers_done(struct peers *peers)
{
    free(peers->rank_of_port);
    *peers = (struct peers){0};
}
