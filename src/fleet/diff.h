/* fleet/diff - what is not the same on all nodes of a cohort, fact by fact.
 *
 * A field is one path at one place with its values and who has them. Entries are opened only where
 * their signatures differ, and blocks only where theirs do. A value "absent" is a value only where
 * the node could have shown it. What nearly every node has for itself is identity and dropped. */
#ifndef FLEET_DIFF_H
#define FLEET_DIFF_H

#include "fleet/align.h"

/* A set of nodes; equal sets are one pointer. */
struct set {
    uint64_t hash;
    struct node_set nodes;
};

struct field_value {
    const char *text;
    const struct set *set;
    bool absent;
};

struct field {
    uint32_t column;
    uint32_t block, key; /* keys of the pool; both 0: is the subject there at all */
    uint16_t ordinal;
    bool in_block;              /* absent means: the block is there without this path */
    const struct rule *rule;    /* no fact: what this rule found; `key` is 0 then */
    const char *path;           /* "ACS.ACSCtl.ReqRedir", "VSEC#1.id", "" */
    struct field_value *values; /* most nodes first; ties: the lowest node first */
    uint32_t value_count;
};

struct diff {
    const struct alignment *alignment;
    struct node_set nodes;
    VEC(struct field) fields;
    uint32_t dropped; /* fields that behave like identity */
};

/* Bounds: further fields are dropped; rarer values share one text. */
#define DIFF_FIELDS_MAX 1000000
#define DIFF_VALUES_MAX 32

/* Fields in order of columns; sets, texts and values in `arena`. 0 or -ENOMEM; diff_done frees in
 * either case. */
int diff_find(struct arena *arena, const struct fleet *fleet, const struct alignment *alignment,
              struct node_set nodes, struct diff *out);
void diff_done(struct diff *diff);

#endif
