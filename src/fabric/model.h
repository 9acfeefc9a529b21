/* fabric/model - from what was measured to what is slow: a node, one direction of it, the link
 * between two, a group of nodes, or everything.
 *
 * A pair from a to b runs at the least of what a can send, b can receive, the ways between their
 * groups, and what all can do, times noise. What "can" is normal is the fleet's own distribution
 * (a robust centre and spread of each kind of measure), and the nominal rate of the port where it
 * is known. docs/design/fabric.md has the method and its limits. */
#ifndef FABRIC_MODEL_H
#define FABRIC_MODEL_H

#include "fabric/result.h"

enum suspect_kind {
    SUSPECT_NODE,    /* both directions, or a number of its own (memory, disk, clock ...) */
    SUSPECT_SENDING, /* a node, only what it sends */
    SUSPECT_RECEIVING,
    SUSPECT_LINK, /* between two nodes that are both well otherwise */
    SUSPECT_LINK_ONE_WAY,
    SUSPECT_GROUP,      /* a leaf, rack or rail: all ways in and out of it, or those to another */
    SUSPECT_GROUP_PART, /* a part of the ways out of (or into) a group: one of its cables */
    SUSPECT_BETWEEN,    /* what joins two groups, each of which is well inside and with the rest */
    SUSPECT_CORE,       /* slow only when all pairs run at once */
    SUSPECT_ALL,        /* everything is below what its ports say */
    SUSPECT_ONE_OF,     /* one of two nodes: the run that decides is in `decide` */
    SUSPECT_LOST,       /* did not come, hung or died */
    SUSPECT_FALLBACK,   /* TCP where there is RDMA */
    SUSPECT_TROUBLE,    /* something else went wrong there: names, a test */
    SUSPECT_KIND_COUNT
};
extern const char *const suspect_kind_names[SUSPECT_KIND_COUNT];

struct suspect {
    enum suspect_kind kind;
    const struct metric *metric; /* by which it is slow; NULL for LOST, FALLBACK, TROUBLE */
    const char *part;            /* "cpu3", "numa1"; "" */
    const uint32_t *nodes;       /* the node; the two of a link (from, to); the group's nodes */
    uint32_t node_count;
    const char *group;       /* its name when it has one; "" */
    const char *peer_group;  /* BETWEEN: the other's, whose nodes come last; else "" */
    double value, low, high; /* estimated, with its 95 % interval */
    double typical;          /* of its peers: their median */
    double slower;           /* 0.4: runs at 0.6 of what is typical (times: takes 1/0.6) */
    double confidence;       /* 0 to 1 that the kind and the nodes are right */
    uint32_t slow, fast;     /* measures that speak for it, and against */
    uint32_t decide[2];      /* ONE_OF: the pair that decides; else MEASURE_NOBODY */
    const char *sentence;    /* for people; names, numbers and those of the peers in it */
};

/* One node's estimate by one metric, worst first within a metric: for `explain` and tables. */
struct node_level {
    const struct metric *metric;
    uint32_t node;
    double value, low, high; /* NAN: not measured */
};

struct findings_of_fabric {
    const struct suspect *suspects; /* the worst first */
    uint32_t suspect_count;
    const struct node_level *levels; /* of pair.bandwidth, pair.latency.p50 and node metrics */
    uint32_t level_count;
    double noise; /* relative spread of one pair measure */
};

/* Everything in `arena`. Returns 0 or -ENOMEM. Deterministic: depends on the set of measures, not
 * on their order. */
int model_find(struct arena *arena, const struct fabric_result *result,
               struct findings_of_fabric *out);

/* Which rounds would help most: pairs (at most max, disjoint) that decide what is open or confirm
 * what is suspected, best first. *suspects: how many there are by now; may be NULL. Returns how
 * many pairs, or -ENOMEM. */
struct pair;
int model_next_pairs(struct arena *arena, const struct fabric_result *result, struct pair *out,
                     uint32_t max, uint32_t *suspects);

#endif
