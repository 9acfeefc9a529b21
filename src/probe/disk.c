#include "probe/disk.h"

#include "base/rng.h"
#include "probe/time.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define REPEATS   5
#define BLOCK     ((size_t)4 << 20) /* of a write: the kernel makes many requests at once of it */
#define SMALL     4096              /* of an fsync */
#define SYNCS_MAX 64
#define FILE_MAX  ((uint64_t)1 << 30)
#define FILE_MIN  (REPEATS * (uint64_t)BLOCK)
#define FREE_PART 4 /* at most so much of what is free: others write there too */
#define PATIENCE  3 /* times its share: a disk that is slower gets fewer repeats */

struct disk {
    const struct probe *probe;
    const char *folder;
    int fd;
    bool direct;    /* past the page cache */
    uint64_t room;  /* bytes that the file may have */
    uint64_t bytes; /* that it has */
    char *block;    /* BLOCK bytes that no disk can compress */
    char via[MEASURE_TEXT_BYTES];
};

static const char *kind_of(int fd)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } kinds[] = {
        {EXT4_SUPER_MAGIC, "ext4"},
        {XFS_SUPER_MAGIC, "xfs"},
        {BTRFS_SUPER_MAGIC, "btrfs"},
        {TMPFS_MAGIC, "tmpfs"},
        {OVERLAYFS_SUPER_MAGIC, "overlay"},
        {NFS_SUPER_MAGIC, "nfs"},
        {FUSE_SUPER_MAGIC, "fuse"},
        {F2FS_SUPER_MAGIC, "f2fs"},
        {0x0bd00bd0, "lustre"},
        {0x47504653, "gpfs"},
        {0x19830326, "beegfs"},
        {0x2fc12fc1, "zfs"},
        {CEPH_SUPER_MAGIC, "ceph"},
    };
    struct statfs fs;

    if (fstatfs(fd, &fs) == 0)
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
            if ((unsigned long)fs.f_type == kinds[i].magic)
                return kinds[i].name;
    return "other";
}

/* A file without a name; where a file system has none such, one whose name goes at once. */
static int open_nameless(const char *folder)
{
    char path[4096];
    int fd = open(folder, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    if (snprintf(path, sizeof(path), "%s/.firstlight-probe.XXXXXX", folder) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    return fd;
}

static int open_file(struct disk *disk, struct err *err)
{
    struct statvfs fs;

    disk->fd = open_nameless(disk->folder);
    if (disk->fd < 0 || fstatvfs(disk->fd, &fs) < 0)
        return err_set(err, -errno, "no file can be made there: %m");
    disk->room = (uint64_t)fs.f_bavail * fs.f_frsize / FREE_PART;
    if (disk->room < FILE_MIN)
        return err_set(err, -ENOSPC, "%llu MiB are free, the test needs %llu",
                       (unsigned long long)disk->room * FREE_PART >> 20,
                       (unsigned long long)FILE_MIN * FREE_PART >> 20);
    if (disk->room > FILE_MAX)
        disk->room = FILE_MAX;
    /* Asked for here and not by open, which fails where there is no such thing after it has made
     * the file. */
    disk->direct = fcntl(disk->fd, F_SETFL, O_DIRECT) == 0;
    (void)snprintf(disk->via, sizeof(disk->via), "%s/%s", kind_of(disk->fd),
                   disk->direct ? "direct" : "cached");
    return 0;
}

/* A part is followed by the rest, or by the reason why there is none. */
static int move_block(struct disk *disk, bool write, uint64_t at, size_t bytes, struct err *err)
{
    const char *what = write ? "writing" : "reading";

    for (size_t done = 0; done < bytes;) {
        char *p = disk->block + done;
        off_t from = (off_t)(at + done);
        ssize_t n = write ? pwrite(disk->fd, p, bytes - done, from)
                          : pread(disk->fd, p, bytes - done, from);

        if (n < 0 && errno != EINTR)
            return err_set(err, -errno, "%s: %m", what);
        if (n == 0)
            return err_set(err, -EIO, "%s: the file ends early", what);
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Without it the next read comes from memory and says nothing of the disk. */
static void drop_cache(struct disk *disk)
{
    if (!disk->direct)
        (void)posix_fadvise(disk->fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* One repeat: whole blocks from *at on, for `ns` and at most `most` bytes. Returns bytes a second,
 * or 0 with the sentence. */
static double slice(struct disk *disk, bool write, uint64_t *at, uint64_t most, int64_t ns,
                    struct err *err)
{
    int64_t begin = clock_now_ns();
    uint64_t bytes = 0;

    do {
        if (!write && *at + BLOCK > disk->bytes) {
            drop_cache(disk);
            *at = 0;
        }
        if (move_block(disk, write, *at, BLOCK, err) < 0)
            return 0;
        *at += BLOCK;
        bytes += BLOCK;
    } while (clock_now_ns() - begin < ns && bytes + BLOCK <= most);
    if (write && fdatasync(disk->fd) < 0) {
        (void)err_set(err, -errno, "syncing: %m");
        return 0;
    }
    return (double)bytes / ((double)(clock_now_ns() - begin) * 1e-9);
}

static bool goes_on(const struct disk *disk, int64_t begin_ms)
{
    int64_t now = clock_now_ms();

    return now < disk->probe->deadline_ms && now - begin_ms < PATIENCE * (int64_t)disk->probe->ms;
}

static int stream(struct disk *disk, bool write, struct err *err)
{
    int64_t begin = clock_now_ms(), ns = probe_slice_ns(disk->probe, REPEATS);
    double values[REPEATS];
    uint64_t at = 0;
    size_t count = 0;
    int r = probe_time_left(disk->probe, err);

    if (r < 0)
        return r;
    drop_cache(disk);
    do {
        values[count] = slice(disk, write, &at, write ? disk->room / REPEATS : UINT64_MAX, ns, err);
        if (values[count] == 0)
            return err->code;
        if (write)
            disk->bytes = at;
    } while (++count < REPEATS && goes_on(disk, begin));
    probe_tell(disk->probe, write ? "disk.write" : "disk.read", MEASURE_NOBODY, BLOCK, disk->folder,
               disk->via, values, count);
    return 0;
}

/* What a small record costs that must be on the disk. */
static int sync_often(struct disk *disk, struct err *err)
{
    int64_t begin = clock_now_ms();
    double values[SYNCS_MAX];
    size_t count = 0;
    int r = probe_time_left(disk->probe, err);

    if (r < 0)
        return r;
    do {
        int64_t started = clock_now_ns();

        r = move_block(disk, true, count * SMALL, SMALL, err);
        if (r < 0)
            return r;
        if (fsync(disk->fd) < 0)
            return err_set(err, -errno, "syncing: %m");
        values[count] = (double)(clock_now_ns() - started) * 1e-9;
    } while (++count < SYNCS_MAX && clock_now_ms() - begin < disk->probe->ms &&
             goes_on(disk, begin));
    probe_tell(disk->probe, "disk.fsync", MEASURE_NOBODY, SMALL, disk->folder, disk->via, values,
               count);
    return 0;
}

static int fill_block(struct disk *disk, struct err *err)
{
    struct rng rng = {1};

    disk->block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (disk->block == MAP_FAILED)
        return err_set(err, -ENOMEM, "no memory for a block");
    for (size_t i = 0; i < BLOCK; i += sizeof(uint64_t)) {
        uint64_t word = rng_next(&rng);

        memcpy(disk->block + i, &word, sizeof(word));
    }
    return 0;
}

void disk_measure(const struct probe *probe, const char *folder)
{
    struct disk disk = {.probe = probe, .folder = folder, .fd = -1, .block = MAP_FAILED};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    struct err err;
    int r = probe_time_left(probe, &err);

    (void)sigaction(SIGXFSZ, &ignore, &before); /* a limit on files is an error, not our end */
    if (r == 0)
        r = fill_block(&disk, &err);
    if (r == 0)
        r = open_file(&disk, &err);
    if (r == 0)
        r = stream(&disk, true, &err);
    if (r == 0)
        r = sync_often(&disk, &err);
    if (r == 0)
        r = stream(&disk, false, &err);
    if (r < 0)
        probe_tell_trouble(probe, TROUBLE_TEST, TEST_DISK, MEASURE_NOBODY, "%s: %s", folder,
                           err.text);
    (void)sigaction(SIGXFSZ, &before, NULL);
    if (disk.fd >= 0)
        (void)close(disk.fd);
    if (disk.block != MAP_FAILED)
        (void)munmap(disk.block, BLOCK);
}

static const char *temp_folder(void)
{
    const char *folder = getenv("TMPDIR");

    return folder && folder[0] == '/' ? folder : "/tmp";
}

void probe_test_disk(const struct probe *probe)
{
    const char *more = getenv(DISK_ENV), *folders[DISK_FOLDERS_MAX] = {temp_folder()};
    char *copy = strdup(more ? more : ""), *rest = copy, *folder;
    size_t count = 1;

    while (rest && (folder = strsep(&rest, ":"))) {
        bool known = !*folder;

        for (size_t i = 0; i < count; i++)
            known |= strcmp(folders[i], folder) == 0;
        if (known)
            continue;
        if (*folder != '/' || count == DISK_FOLDERS_MAX) {
            probe_tell_trouble(
                probe, TROUBLE_TEST, TEST_DISK, MEASURE_NOBODY, "%s: '%s' %s", DISK_ENV, folder,
                *folder != '/' ? "is no absolute path" : "is one folder too many and left out");
            continue;
        }
        folders[count++] = folder;
    }
    for (size_t i = 0; i < count; i++)
        disk_measure(probe, folders[i]);
    free(copy);
}
