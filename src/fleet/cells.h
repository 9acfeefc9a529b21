/* fleet/cells - one block at one place: its groups sorted by what the block says, and its fields.
 *
 * Values are counted first; texts and sets are made only of fields that are kept. */
#ifndef FLEET_CELLS_H
#define FLEET_CELLS_H

#include "fleet/groups.h"
#include "fleet/sets.h"

/* Groups whose block is the same. */
struct cell {
    const struct fact_block *block;
    uint32_t count, first, groups; /* chain of groups through chain[] (indices + 1) */
    uint64_t hash;
    uint64_t told, seen; /* kinds of source: all that tell the block; that all its nodes have */
};

/* What some nodes say at one path. */
struct value {
    uint64_t sig, hash;
    uint32_t count, first, path;
    bool absent, rest; /* rest: all that are rarer than those before it in the list */
    const char *text;
    const struct set *set;
};

/* One path of the block at hand. */
struct path {
    uint32_t key, count, first_value, values; /* values: how many different */
    uint64_t hash;
    uint32_t cell; /* the cell that `sig` is of */
    uint64_t sig;
    uint64_t told; /* kinds of source that tell the block wherever the path is */
    uint32_t last; /* the value met last */
};

struct cells {
    const struct groups *groups;
    struct diff *out;
    struct arena *arena;
    struct sets *sets;
    VEC(uint32_t) chosen; /* groups of the column at hand */
    VEC(uint32_t) chain;  /* per chosen group: next of the same cell (index + 1) */
    VEC(struct cell) list;
    VEC(struct path) paths;
    VEC(struct value) values;
    VEC(uint32_t) key_path; /* per key: its path (index + 1); cleared after each block */
    struct map value_map, cell_map;
    VEC(uint32_t) buffer; /* nodes on their way into a set */
};

void cells_done(struct cells *cells);

/* Choose the groups of a column. 0 or -ENOMEM, like the rest. */
int cells_choose(struct cells *cells, uint32_t column);

/* The fields of the block with `like`'s name and ordinal. */
int cells_compare(struct cells *cells, uint32_t column, const struct entry_ref *like);

/* Put nodes into the buffer. */
int cells_gather(struct cells *cells, const uint32_t *nodes, uint32_t count);

/* Add the field with these values (their sets made). */
int cells_add_field(struct cells *cells, struct field field, struct value *values, uint32_t count);

#endif
