/* fabric/court - what the steps of fabric/accuse share: flows, groups, likelihoods, the names so
 * far. */
#ifndef FABRIC_COURT_H
#define FABRIC_COURT_H

#include "fabric/accused.h"

struct court_set { /* a group: given by a topology, or discovered */
    const uint32_t *nodes;
    uint32_t count;
};

struct court {
    struct arena *arena;
    struct flows *flows;
    struct accused_list *named;
    int phase;        /* only flows of it; -1: all */
    double need;      /* what a level must be below typical to count */
    double noise;     /* the largest of the sets' */
    uint32_t seen;    /* nodes with flows */
    uint32_t *self;   /* self[n] == n: a node as a list of one */
    uint32_t *set_of; /* by node; GROUP_NONE */
    struct court_set *sets;
    uint32_t set_count, set_space;
    void *listed; /* candidates, of nodes_groups.c */
    uint32_t listed_count, listed_space;
    bool *touched; /* by node: some of its flows got explained */
    double *room;  /* for as many numbers as there are flows, twice */
};

/* The groups are those that were given. 0 or -ENOMEM. */
int court_open(struct arena *arena, struct flows *flows, struct accused_list *named,
               struct court *court);

/* Log likelihood that is gained when `flow` is explained to run at `level` at most. */
double court_gain(const struct court *court, const struct flow *flow, double level);
/* A zeroed entry of the list of names, or NULL: no memory. */
struct accused *court_name(struct court *court);
int court_list(struct court *court, const void *listed, size_t bytes);

/* Each names what it finds and explains its flows. 0 or -ENOMEM. */
int court_nodes_and_groups(struct court *court); /* nodes_groups.c */
int court_parts(struct court *court);            /* links.c: of groups' ways out and in */
int court_links(struct court *court);            /* links.c: of two nodes that are well */
int court_scattered(struct court *court);        /* scatter.c: parts, without groups */
/* Groups that nobody gave: slow to the rest and fast among themselves (discover.c). */
int court_discover(struct court *court);

#endif
