#include "coll/shm_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALL_RINGS_BYTES ((size_t)32 << 20) /* shared by all rings ... */
#define RING_BYTES_MIN  ((size_t)16 << 10) /* ... of which each has at least this */
#define RING_BYTES_MAX  ((size_t)1 << 20)  /* more would not stay in the cache: slower */

/* Each rank has (size) rings: to each other rank, and at its own place the one for all. */
static size_t positions_of_rank(size_t size)
{
    return 2 * (size - 1) + size; /* a tail and a head to each other; a tail and heads for all */
}

static size_t ring_bytes_for(size_t size)
{
    size_t bytes = RING_BYTES_MAX;

    while (bytes > RING_BYTES_MIN && bytes * size * size > ALL_RINGS_BYTES)
        bytes /= 2;
    return bytes;
}

static size_t positions_begin(size_t size)
{
    return sizeof(struct region) + size * sizeof(struct bell);
}

static size_t data_begin(size_t size)
{
    size_t at = positions_begin(size) + size * positions_of_rank(size) * RING_LINE;

    return (at + 4095) / 4096 * 4096;
}

struct ring shm_memory_ring(const struct shm_memory *memory, size_t from, size_t to)
{
    size_t size = memory->size;
    char *base = (char *)memory->region;
    struct ring_position *positions = (struct ring_position *)(base + positions_begin(size));
    /* The ring for all comes last: it has more heads. */
    size_t place = from == to ? size - 1 : to < from ? to : to - 1;

    positions += from * positions_of_rank(size) + 2 * place;
    return (struct ring){.tail = positions,
                         .heads = positions + 1,
                         .readers = from == to ? size - 1 : 1,
                         .data = base + data_begin(size) + (from * size + to) * memory->ring_bytes,
                         .space = memory->ring_bytes};
}

void shm_memory_plan(struct shm_memory *memory, size_t size)
{
    *memory = (struct shm_memory){.size = size, .ring_bytes = ring_bytes_for(size)};
    memory->bytes = data_begin(size) + size * size * memory->ring_bytes;
}

/* It can't shrink any more: nobody can be made to fall by that. */
int shm_memory_make(const struct shm_memory *memory, struct shm_card *card, struct err *err)
{
    int r, fd = memfd_create("firstlight-coll", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return err_set(err, -errno, "memory to share: %s", strerror(errno));
    r = -posix_fallocate(fd, 0, (off_t)memory->bytes);
    if (r == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        r = -errno;
    if (r == 0 && getrandom(&card->token, sizeof(card->token), 0) != sizeof(card->token))
        r = -EIO;
    if (r == 0 && pwrite(fd, &card->token, sizeof(card->token), 0) != sizeof(card->token))
        r = -EIO;
    card->fd = fd;
    if (r < 0)
        return err_set(err, r, "%zu MiB of memory for %zu ranks to share: %s", memory->bytes >> 20,
                       memory->size, strerror(-r));
    return 0;
}

int shm_memory_map(struct shm_memory *memory, const struct shm_card *first, struct err *err)
{
    char path[64];
    struct stat at;
    void *p;
    int r = 0, fd;

    (void)snprintf(path, sizeof(path), "/proc/%lld/fd/%lld", (long long)first->pid,
                   (long long)first->fd);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "the memory of rank 0, %s: %s", path, strerror(errno));
    if (fstat(fd, &at) < 0 || at.st_size != (off_t)memory->bytes || first->bytes != memory->bytes)
        r = err_set(err, -EPROTO, "%s is not the memory of rank 0", path);
    p = r == 0 ? mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (r == 0 && p == MAP_FAILED)
        r = err_set(err, -errno, "%zu MiB of shared memory: %s", memory->bytes >> 20,
                    strerror(errno));
    (void)close(fd);
    if (r < 0)
        return r;
    memory->region = p;
    if (memory->region->token != first->token)
        return err_set(err, -EPROTO, "%s is the memory of another group", path);
    return 0;
}

void shm_memory_unmap(struct shm_memory *memory)
{
    if (memory->region)
        (void)munmap(memory->region, memory->bytes);
    memory->region = NULL;
}
