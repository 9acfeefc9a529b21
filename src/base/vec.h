/* base/vec - growing arrays: `VEC(struct port) ports = {0}; *vec_push(&ports) = port;`
 *
 * vec_push gives a pointer to a new zeroed item, or NULL when there is no memory (the array is then
 * unchanged). vec_done frees. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count, space;                                                                       \
    }

#define vec_push(vec)                                                                              \
    ((__typeof__((vec)->items))vec_push_bytes((void **)&(vec)->items, &(vec)->count,               \
                                              &(vec)->space, sizeof(*(vec)->items)))

#define vec_done(vec)                                                                              \
    do {                                                                                           \
        free((vec)->items);                                                                        \
        (vec)->items = NULL;                                                                       \
        (vec)->count = (vec)->space = 0;                                                           \
    } while (0)

static inline void *vec_push_bytes(void **items, size_t *count, size_t *space, size_t item_bytes)
{
    if (*count == *space) {
        size_t more = *space ? *space * 2 : 8;
        void *p;

        if (more > SIZE_MAX / item_bytes)
            return NULL;
        p = realloc(*items, more * item_bytes);
        if (!p)
            return NULL;
        *items = p;
        *space = more;
    }
    return memset((char *)*items + (*count)++ * item_bytes, 0, item_bytes);
}

#endif
