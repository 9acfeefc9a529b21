/* rendezvous/table - a hash table of things with a name, which can be taken out again.
 *
 * Each thing begins with its name (struct named). The table owns neither. One thread. */
#ifndef RENDEZVOUS_TABLE_H
#define RENDEZVOUS_TABLE_H

#include "base/str.h"

struct named {
    struct str name;
    uint64_t hash; /* set by table_add */
};

/* Zero-initialise; table_done frees the slots. To walk: slots[0 .. space), NULL is free. */
struct table {
    struct named **slots;
    size_t count, space; /* space: 0 or a power of two */
};

void table_done(struct table *table);

/* NULL when absent. */
void *table_get(const struct table *table, struct str name);

/* Add what is not there yet. Returns 0 or -ENOMEM. */
int table_add(struct table *table, struct named *item);

/* Take out what is there. */
void table_remove(struct table *table, struct named *item);

#endif
