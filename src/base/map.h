/* base/map - a hash table from 64-bit keys to pointers (open addressing).
 *
 * For text keys, hash with hash64 and let the value hold the text: `equal` tells whether a value is
 * really the one asked for. Zero-initialise; map_done frees the table, not the values. One thread.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint64_t hash;
    void *value; /* NULL: free */
};

struct map {
    struct map_slot *slots;
    size_t count, space;                               /* space is 0 or a power of two */
    bool (*equal)(const void *value, const void *key); /* NULL: the hash is the key */
};

void map_done(struct map *map);
void map_clear(struct map *map);

/* NULL when absent. */
void *map_get(const struct map *map, uint64_t hash, const void *key);

/* Add a value that is not there yet. Returns 0 or -ENOMEM. */
int map_add(struct map *map, uint64_t hash, void *value);

#endif
