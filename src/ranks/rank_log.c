#include "ranks/rank_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECES     4 /* of the newest half; the oldest goes when a fifth begins */
#define NAME_BYTES 64
#define NOTE_BYTES 96
#define DIGITS     15 /* a petabyte */
#define LISTED_MAX 4096

struct piece {
    int64_t begin, bytes;
};

struct rank_log {
    const char *folder;
    uint32_t rank;
    int64_t head_max, piece_max, head;
    int64_t size;                /* written by the rank */
    struct piece pieces[PIECES]; /* oldest first */
    int count;
    int fd; /* of the file that grows; -1: none yet */
    bool ended;
};

struct rank_log *rank_log_new(const char *folder, uint32_t rank, int64_t bytes_max)
{
    struct rank_log *log = calloc(1, sizeof(*log));

    if (!log)
        return NULL;
    if (bytes_max < RANK_LOG_BYTES_MIN)
        bytes_max = RANK_LOG_BYTES_MIN;
    *log = (struct rank_log){.folder = folder,
                             .rank = rank,
                             .head_max = bytes_max / 2,
                             .piece_max = bytes_max / 2 / PIECES,
                             .fd = -1};
    return log;
}

void rank_log_free(struct rank_log *log)
{
    if (!log)
        return;
    if (log->fd >= 0)
        (void)close(log->fd);
    free(log);
}

int64_t rank_log_size(const struct rank_log *log)
{
    return log->size;
}

/* begin < 0: the head. */
static void name_of(char name[NAME_BYTES], uint32_t rank, int64_t begin)
{
    if (begin < 0)
        (void)snprintf(name, NAME_BYTES, "rank-%u.log", rank);
    else
        (void)snprintf(name, NAME_BYTES, "rank-%u.log.%0*lld", rank, DIGITS, (long long)begin);
}

static int open_in(const char *folder, uint32_t rank, int64_t begin, int flags)
{
    char path[4096], name[NAME_BYTES];
    int fd;

    name_of(name, rank, begin);
    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    fd = open(path, flags | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

static int begin_file(struct rank_log *log, int64_t begin)
{
    int fd = open_in(log->folder, log->rank, begin, O_WRONLY | O_CREAT | O_TRUNC);

    if (fd < 0)
        return fd;
    if (log->fd >= 0)
        (void)close(log->fd);
    log->fd = fd;
    return 0;
}

/* Between the head and the oldest piece, in a file that sorts there. */
static int note_gap(struct rank_log *log)
{
    char note[NOTE_BYTES];
    int len = snprintf(note, sizeof(note), "\n--- %lld bytes are missing here ---\n",
                       (long long)(log->pieces[0].begin - log->head));
    int fd = open_in(log->folder, log->rank, 0, O_WRONLY | O_CREAT);
    ssize_t done;

    if (fd < 0)
        return fd;
    done = pwrite(fd, note, (size_t)len, 0); /* numbers only grow: it covers the older one */
    (void)close(fd);
    return done == len ? 0 : -EIO;
}

static void drop_oldest(struct rank_log *log)
{
    char path[4096], name[NAME_BYTES];

    name_of(name, log->rank, log->pieces[0].begin);
    (void)snprintf(path, sizeof(path), "%s/%s", log->folder, name);
    (void)unlink(path);
    memmove(log->pieces, log->pieces + 1, (size_t)--log->count * sizeof(*log->pieces));
}

static int begin_piece(struct rank_log *log)
{
    bool full = log->count == PIECES;
    int r;

    if (full)
        drop_oldest(log);
    r = begin_file(log, log->size);
    if (r < 0)
        return r;
    log->pieces[log->count++] = (struct piece){.begin = log->size};
    return full ? note_gap(log) : 0;
}

/* As much as fits, cut behind a newline where the file's end would cut a line. */
static size_t cut(struct str bytes, int64_t room)
{
    const char *newline;

    if (room <= 0 || (int64_t)bytes.len <= room)
        return room <= 0 ? 0 : bytes.len;
    newline = memrchr(bytes.p, '\n', (size_t)room);
    return newline ? (size_t)(newline - bytes.p) + 1 : (size_t)room;
}

static int write_all(int fd, const char *p, size_t len, size_t *done)
{
    for (*done = 0; *done < len;) {
        ssize_t n = write(fd, p + *done, len - *done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        *done += (size_t)n;
    }
    return 0;
}

/* One file's part of what came. Sets *taken. */
static int add_part(struct rank_log *log, struct str bytes, size_t *taken)
{
    int64_t *used = &log->head;
    int64_t room = log->head_max - log->head;
    size_t len;
    int r = 0;

    *taken = 0;
    if (!log->count && log->fd < 0)
        r = begin_file(log, -1);
    len = log->count ? 0 : cut(bytes, room);
    if (r == 0 && !len) { /* the head is full */
        if (!log->count || log->pieces[log->count - 1].bytes >= log->piece_max ||
            !cut(bytes, log->piece_max - log->pieces[log->count - 1].bytes))
            r = begin_piece(log);
        if (r == 0) {
            used = &log->pieces[log->count - 1].bytes;
            len = cut(bytes, log->piece_max - *used);
        }
    }
    if (r == 0)
        r = write_all(log->fd, bytes.p, len, taken);
    *used += (int64_t)*taken;
    log->size += (int64_t)*taken;
    return r;
}

/* Written over the last bytes: there is room for no others. */
static void note_end(struct rank_log *log, int error)
{
    char note[NOTE_BYTES];
    int len = snprintf(note, sizeof(note), "\n--- the log ends here: %s ---\n", strerror(-error));
    off_t end = log->fd < 0 ? 0 : lseek(log->fd, 0, SEEK_END);

    if (end >= len)
        (void)!pwrite(log->fd, note, (size_t)len, end - len);
}

int rank_log_add(struct rank_log *log, struct str bytes, struct err *err)
{
    while (bytes.len && !log->ended) {
        size_t taken;
        int r = add_part(log, bytes, &taken);

        bytes = str_skip(bytes, taken);
        if (r < 0) {
            note_end(log, r);
            log->ended = true;
            log->size += (int64_t)bytes.len;
            return err_set(err, r, "the log of rank %u ends here, the rank goes on: %s", log->rank,
                           strerror(-r));
        }
    }
    log->size += (int64_t)bytes.len;
    return 0;
}

static int by_begin(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;

    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* "rank-7.log.000000041943040" of rank 7; the note has offset 0, where no piece begins. */
static bool piece_name(struct str name, uint32_t rank, int64_t *begin)
{
    char prefix[NAME_BYTES];

    name_of(prefix, rank, -1);
    if (!str_starts(name, prefix))
        return false;
    name = str_skip(name, strlen(prefix));
    return str_starts(name, ".") && str_to_i64(str_skip(name, 1), 10, begin) == 0 && *begin > 0;
}

static int64_t bytes_of(const char *folder, uint32_t rank, int64_t begin)
{
    int fd = open_in(folder, rank, begin, O_RDONLY);
    struct stat file = {0};

    if (fd < 0)
        return fd;
    (void)fstat(fd, &file);
    (void)close(fd);
    return file.st_size;
}

/* The head as piece 0 and the others in order. */
static int list_pieces(struct arena *arena, const char *folder, uint32_t rank,
                       struct piece **pieces, size_t *count)
{
    struct piece *list = arena_alloc(arena, LISTED_MAX * sizeof(*list));
    int64_t head = bytes_of(folder, rank, -1), begin;
    DIR *dir;

    *pieces = list;
    *count = 0;
    if (!list)
        return -ENOMEM;
    if (head == -ENOENT)
        return 0;
    if (head < 0)
        return (int)head;
    list[(*count)++] = (struct piece){.bytes = head};
    dir = opendir(folder);
    if (!dir)
        return -errno;
    for (struct dirent *entry; (entry = readdir(dir)) && *count < LISTED_MAX;)
        if (piece_name(str_of(entry->d_name), rank, &begin))
            list[(*count)++] = (struct piece){.begin = begin};
    (void)closedir(dir);
    qsort(list, *count, sizeof(*list), by_begin);
    for (size_t i = 1; i < *count; i++) {
        int64_t bytes = bytes_of(folder, rank, list[i].begin);

        list[i].bytes = bytes < 0 ? 0 : bytes; /* dropped since */
    }
    return 0;
}

/* Closes `fd`, which may be a negative errno. */
static int read_piece(struct arena *arena, int fd, int64_t at, size_t max, struct str *bytes)
{
    char *buffer;
    ssize_t got = -ENOMEM;

    if (fd < 0)
        return fd;
    buffer = arena_alloc(arena, max);
    if (buffer)
        got = pread(fd, buffer, max, at);
    if (buffer && got < 0)
        got = -errno;
    (void)close(fd);
    if (got < 0)
        return (int)got;
    *bytes = (struct str){buffer, (size_t)got};
    return 0;
}

int rank_log_read(struct arena *arena, const char *folder, const struct msg_log_read *ask,
                  struct msg_log_data *part, struct err *err)
{
    struct piece *pieces;
    size_t count;
    int r = list_pieces(arena, folder, ask->rank, &pieces, &count);

    part->bytes = (struct str){"", 0};
    part->log_size = r == 0 && count ? pieces[count - 1].begin + pieces[count - 1].bytes : 0;
    part->offset = ask->offset < 0 ? part->log_size + ask->offset : ask->offset;
    if (part->offset < 0)
        part->offset = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct piece *piece = &pieces[i];
        int64_t left = piece->begin + piece->bytes - part->offset;

        if (left <= 0)
            continue;
        if (part->offset < piece->begin) { /* those between are gone */
            part->offset = piece->begin;
            left = piece->bytes;
        }
        r = read_piece(arena, open_in(folder, ask->rank, i ? piece->begin : -1, O_RDONLY),
                       part->offset - piece->begin,
                       left < ask->bytes_max ? (size_t)left : ask->bytes_max, &part->bytes);
        break;
    }
    if (r < 0)
        return err_set(err, r, "the log of rank %u in %s: %s", ask->rank, folder, strerror(-r));
    return 0;
}
