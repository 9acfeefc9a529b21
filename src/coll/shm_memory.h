/* coll/shm_memory - the memory that ranks of one host share: what lies where, and how all come to
 * have the same.
 *
 * It is a memfd of rank 0, which the others open by way of /proc: it has no name in /dev/shm, so
 * nothing is left behind whoever is killed when, and no small /dev/shm of a container is its limit.
 * It is filled with pages at once: a lack of memory is a sentence now, not a SIGBUS later. */
#ifndef COLL_SHM_MEMORY_H
#define COLL_SHM_MEMORY_H

#include "base/err.h"
#include "coll/ring.h"

struct bell {
    _Alignas(RING_LINE) _Atomic uint32_t rung; /* counts */
    _Atomic uint32_t asleep;                   /* somebody must wake it */
    _Atomic uint32_t left;                     /* this rank takes no more part */
    _Atomic uint32_t waits_for;                /* a rank, plus 1, and for too long */
};

/* How the memory begins. Then come (size) bells, the positions of all rings, their data. */
struct region {
    uint64_t token; /* of this group: what is mapped is what is meant */
    /* The first rank whose fall was noticed, plus 1, and why << 32: all name the same. */
    _Alignas(RING_LINE) _Atomic uint64_t culprit;
    struct bell bells[];
};

struct shm_memory {
    struct region *region; /* NULL: not mapped */
    size_t size, bytes, ring_bytes;
};

/* What each rank tells the others. */
struct shm_card {
    int64_t pid;
    int64_t fd; /* rank 0's */
    uint64_t token, bytes;
};

/* For `size` ranks; nothing is mapped yet. */
void shm_memory_plan(struct shm_memory *memory, size_t size);
/* Rank 0 makes it, and writes fd (to be closed when all have mapped it) and token into its card. */
int shm_memory_make(const struct shm_memory *memory, struct shm_card *card, struct err *err);
/* Map what rank 0's card says. */
int shm_memory_map(struct shm_memory *memory, const struct shm_card *first, struct err *err);
void shm_memory_unmap(struct shm_memory *memory);

/* The ring from a rank to another, or to all others when they are the same. */
struct ring shm_memory_ring(const struct shm_memory *memory, size_t from, size_t to);

#endif
