/* fleet/record - what is kept of a node after its text is gone.
 *
 * A node is a layout (which subjects it has, where they sit, what their bus numbers are) and one
 * entry per subject (what its blocks say). Layouts and entries are kept once: alike nodes share all
 * of them, and a node costs 8 bytes a subject. The tables lock inside; a recorder belongs to one
 * thread. Pointers to equal things are equal; which of several equal nodes made them is chance, so
 * nothing may depend on it. */
#ifndef FLEET_RECORD_H
#define FLEET_RECORD_H

#include "base/map.h"
#include "fleet/layout.h"

/* One subject's blocks, as they are compared. */
struct entry_ref {
    const struct fact_block *block;
    uint16_t ordinal;
    uint64_t kind; /* bits: the kinds of source it came from */
};

struct entry {
    uint64_t sig;
    uint64_t kinds;            /* kinds of sources that its node has */
    const char *const *unseen; /* globs of block names whose absence says nothing */
    uint32_t unseen_count, ref_count;
    struct entry_ref refs[];
};

/* An identity value that no two nodes may share. */
struct identity {
    const char *path, *text, *role;
    const char *source; /* the name of where it was read */
    uint32_t line;
    bool binary;
};

struct record {
    const struct layout *layout;
    const struct entry **entries; /* per seat */
    const char *products;         /* "board|system|cpu" as far as known */
    uint64_t kinds;
    const struct identity *identities;
    uint32_t identity_count;
};

struct record_tables;
struct recorder;

/* NULL when there is no memory. */
struct record_tables *record_tables_new(struct fact_pool *pool, struct words *words);
void record_tables_free(struct record_tables *tables);
struct recorder *recorder_new(struct record_tables *tables);
void recorder_free(struct recorder *recorder);

/* What to keep of a node, in `arena` and the tables. 0 or -ENOMEM. */
int record_node(struct recorder *recorder, struct arena *arena, const struct node *node,
                const struct topo *topo, struct record *out);

#endif
