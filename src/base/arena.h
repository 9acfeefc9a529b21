/* base/arena - memory that goes all at once.
 *
 * What one request, file or node needs comes from an arena. Memory is zeroed, aligned to 16 bytes
 * and lives until arena_free or arena_reset. An arena never grows past `bytes_max`. One thread. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena;

/* NULL when there is no memory for it. bytes_max 0 means no bound. */
struct arena *arena_new(size_t bytes_max);
void arena_free(struct arena *arena);

/* Forget everything that was given out; keeps one chunk for the next round. */
void arena_reset(struct arena *arena);

/* NULL when the bound is reached or the system has no memory. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* A NUL-terminated copy. NULL as arena_alloc. */
char *arena_copy(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Bytes taken from the system. */
size_t arena_bytes(const struct arena *arena);

#endif
