/* fleet/model - the inside of a fleet, for the modules of this room. */
#ifndef FLEET_MODEL_H
#define FLEET_MODEL_H

#include "base/vec.h"
#include "fleet/fleet.h"
#include "fleet/record.h"

/* What one thread needs to take nodes in. */
struct intake {
    struct fleet *fleet;
    struct recorder *recorder;
    struct arena *arena; /* findings, names: as long as the fleet */
};

/* Where a node came from, to read it again in full; input NULL: built in memory. */
struct origin {
    const struct input *input;
    uint32_t part;
};

/* Read a node again with all its facts and texts. 0 or a negative errno. */
struct loader;
struct loaded;
typedef int reload_fn(struct loader *loader, const struct origin *origin, struct loaded *out);

struct fleet {
    struct fleet_options options;
    const struct fleet_judge *judge;
    struct fact_pool *pool;
    struct rules *rules;
    struct words *words;
    struct record_tables *tables;
    struct arena *arena;        /* what is made after loading; one thread */
    VEC(struct arena *) arenas; /* the threads' */
    VEC(struct fleet_node) nodes;
    VEC(struct record) records;
    VEC(struct origin) origins;
    struct intake *intake; /* for fleet_add_node */
    const struct inputs *inputs;

    bool grouped;
    struct fleet_cohort *cohorts;
    struct node_set *members; /* per cohort */
    size_t cohort_count;

    bool compared;
    const struct difference *differences;
    size_t difference_count;
    /* Proofs for differences, set by fleet_load; NULL when no node can be read again. */
    int (*prove)(struct fleet *fleet, struct difference *differences, size_t count,
                 struct err *err);
};

/* One node, judged and reduced. */
struct taken {
    struct fleet_node node;
    struct record record;
};

struct intake *intake_new(struct fleet *fleet);
void intake_free(struct intake *intake); /* the arena stays with the fleet */
int intake_node(struct intake *intake, struct node *node, const struct topo *topo,
                struct taken *out);

/* Append to the fleet's lists. 0 or -ENOMEM. */
int fleet_append(struct fleet *fleet, const struct taken *taken, struct origin origin);

/* Group the nodes into cohorts; done once. 0 or -ENOMEM. */
int fleet_group(struct fleet *fleet);

/* Give findings to nodes that share what must be one of a kind. 0 or -ENOMEM. */
int fleet_find_duplicates(struct fleet *fleet);

#endif
