#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES_MIN (64 * 1024)
#define CHUNK_BYTES_MAX (4 * 1024 * 1024)
#define ALIGN           16

struct chunk {
    struct chunk *next;
    size_t size, used;
    _Alignas(ALIGN) char bytes[];
};

struct arena {
    struct chunk *head;
    size_t bytes, bytes_max, next_size;
};

struct arena *arena_new(size_t bytes_max)
{
    struct arena *arena = calloc(1, sizeof(*arena));

    if (arena) {
        arena->bytes_max = bytes_max;
        arena->next_size = CHUNK_BYTES_MIN;
    }
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    for (struct chunk *chunk = arena->head, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(arena);
}

void arena_reset(struct arena *arena)
{
    struct chunk *keep = arena->head;

    if (!keep)
        return;
    for (struct chunk *chunk = keep->next, *next; chunk; chunk = next) {
        next = chunk->next;
        arena->bytes -= chunk->size;
        free(chunk);
    }
    keep->next = NULL;
    keep->used = 0;
}

static struct chunk *chunk_add(struct arena *arena, size_t bytes)
{
    size_t size = bytes > arena->next_size ? bytes : arena->next_size;
    struct chunk *chunk;

    if (arena->bytes_max && size > arena->bytes_max - arena->bytes)
        size = bytes;
    if (arena->bytes_max && size > arena->bytes_max - arena->bytes)
        return NULL;
    chunk = malloc(sizeof(*chunk) + size);
    if (!chunk)
        return NULL;
    chunk->size = size;
    chunk->used = 0;
    chunk->next = arena->head;
    arena->head = chunk;
    arena->bytes += size;
    if (arena->next_size < CHUNK_BYTES_MAX)
        arena->next_size *= 2;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    struct chunk *chunk = arena->head;
    void *out;

    if (bytes > SIZE_MAX - ALIGN)
        return NULL;
    bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (!chunk || chunk->size - chunk->used < bytes) {
        chunk = chunk_add(arena, bytes);
        if (!chunk)
            return NULL;
    }
    out = chunk->bytes + chunk->used;
    chunk->used += bytes;
    return memset(out, 0, bytes);
}

char *arena_copy(struct arena *arena, const char *text, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);

    if (copy && len)
        memcpy(copy, text, len);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *out;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return NULL;
    out = arena_alloc(arena, (size_t)len + 1);
    if (!out)
        return NULL;
    va_start(args, format);
    (void)vsnprintf(out, (size_t)len + 1, format, args);
    va_end(args);
    return out;
}

size_t arena_bytes(const struct arena *arena)
{
    return arena->bytes;
}
