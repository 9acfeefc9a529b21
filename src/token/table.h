/* token/table - memory for a hash table, which is read anywhere. */
#ifndef TOKEN_TABLE_H
#define TOKEN_TABLE_H

#include <stdlib.h>
#include <sys/mman.h>

#define TABLE_PAGE ((size_t)2 << 20)

/* As malloc. A large one asks for huge pages: there are fewer to be handed out at first, and fewer
 * to be found later (Grok-1's model loads in half the time). */
static inline void *table_alloc(size_t bytes)
{
    size_t whole = (bytes + TABLE_PAGE - 1) / TABLE_PAGE * TABLE_PAGE;
    void *p;

    if (bytes < TABLE_PAGE || whole < bytes)
        return malloc(bytes);
    p = aligned_alloc(TABLE_PAGE, whole);
    if (p)
        (void)madvise(p, whole, MADV_HUGEPAGE); /* a wish: without them it is only slower */
    return p;
}

#endif
