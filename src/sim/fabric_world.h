/* sim/fabric_world - a fabric test in a simulated network: the real session and model, probes that
 * are numbers, faults from a seed.
 *
 * The network is a Clos of two levels: leaves with their hosts, spines, one cable from each host to
 * its leaf and one from each leaf to each spine. What goes from one leaf to another takes the spine
 * that its destination's number says (as InfiniBand routes) or that both ends' hash says. */
#ifndef SIM_FABRIC_WORLD_H
#define SIM_FABRIC_WORLD_H

#include "fabric/model.h"
#include "fabric/session.h"

enum fabric_fault_kind {
    FAULT_NODE,     /* slow both ways */
    FAULT_NODE_WAY, /* what it sends, or what it receives */
    FAULT_CABLE,    /* of a host: has its name; of (leaf, spine): a part of the leaf's ways */
    FAULT_LEAF,     /* slow to and from others; or inside, too */
    FAULT_JOIN,     /* what joins two leaves; or one way of it */
    FAULT_KIND_COUNT
};

enum fabric_misfortune { /* of probes */
                         PROBE_WELL,
                         PROBE_ABSENT, /* its card never comes */
                         PROBE_HANGS,  /* stops to answer at order `misfortune_seq` */
                         PROBE_DIES,   /* ... dies there; the head is told */
                         PROBE_DIES_SILENT,
                         PROBE_TWICE,   /* answers each order twice */
                         PROBE_GARBAGE, /* numbers that cannot be */
                         PROBE_LATE, /* answers order `misfortune_seq` after its limit and grace */
                         PROBE_UNREACHED, /* no peer reaches it */
                         PROBE_MISFORTUNES
};

struct fabric_world_config {
    uint64_t seed;
    uint32_t leaves, hosts_each, spines;
    bool groups_told;  /* nodes know their leaf's name */
    bool hashed;       /* else routed by destination */
    double noise;      /* relative standard deviation of one measurement */
    double slow_nodes; /* share of nodes */
    double bad_cables; /* share of cables; at least one when not 0 */
    bool bad_leaf;
    bool bad_join;   /* of two leaves */
    double together; /* speed across leaves when all run at once; 0: as alone */
    double hiccups;  /* chance that a single measurement is much too slow */
    uint32_t rails;  /* ports of each node; 0: one */
    struct session_options options;
    /* one node's probe */
    enum fabric_misfortune misfortune;
    uint32_t misfortune_node, misfortune_seq;
    int64_t stop_ms; /* session_stop then; 0: never */
};

struct fabric_fault {
    enum fabric_fault_kind kind;
    uint32_t node;        /* or MEASURE_NOBODY */
    uint32_t leaf, spine; /* of a cable between them; of a leaf */
    uint32_t other;       /* of what joins two leaves: the other one */
    bool sends, receives; /* which way is slow; of a leaf's cable: up, down; from it to the other */
    double factor;
    bool hidden; /* behind another fault that is as slow: cannot be seen by anybody */
    bool found;
};

#define FABRIC_FAULTS_MAX 4096

struct fabric_world_score {
    struct fabric_fault faults[FABRIC_FAULTS_MAX];
    uint32_t fault_count;
    uint32_t false_names;
    char false_words[256]; /* the first of them */
    double pairs_share;
    uint32_t rounds;
    int64_t took_ms; /* simulated */
    uint64_t orders;
};

/* Runs the session to its end and the model over its result, which is the caller's (result_free)
 * and may be NULL when not wanted. 0, -ENOMEM, or -EPROTO with a sentence: the session did not end,
 * ordered what it must not, or ended twice. */
int fabric_world_run(const struct fabric_world_config *config, struct fabric_result **result,
                     struct fabric_world_score *score, struct err *err);

#endif
