/* fabric/flows - what was measured between nodes, made comparable: each flow's speed beside what is
 * typical of its kind, as a logarithm. 0 is typical, -0.69 is half of it.
 *
 * A flow goes from one node to another in one phase; of repeats the upper median counts, since what
 * disturbs a measurement makes it slower. Flows within a group and across groups have centres of
 * their own where those differ: a hop more is no fault. */
#ifndef FABRIC_FLOWS_H
#define FABRIC_FLOWS_H

#include "fabric/result.h"

#define FLOW_FAMILIES_MAX 64
#define FLOW_NOISE_MIN    0.005
#define FLOW_SLOW         0.0513 /* -log(0.95): what is less is not worth a name */
#define GROUP_NONE        UINT32_MAX

enum flow_relation { FLOW_CROSS, FLOW_INSIDE, FLOW_RELATIONS };

struct flow {
    uint32_t from, to;
    uint32_t times; /* it was measured */
    uint8_t phase, relation;
    double x;     /* log(speed / typical) */
    double best;  /* that of the fastest of its measures */
    double worst; /* ... and of the slowest that happened within any of them */
    double wide;  /* standard deviation that low and high of its measures speak of */
    double level; /* what it is explained to run at; 0: typical */
};

struct flow_set {
    uint32_t count;
    double typical; /* log of a speed */
    double noise;   /* standard deviation of one flow's x */
};

/* All flows by one metric (at its largest size) and one part of the nodes. */
struct flows {
    const struct metric *metric;
    const char *part;
    uint64_t bytes;
    uint32_t node_count, group_count;
    const uint32_t *group; /* by node, or GROUP_NONE */
    struct flow *items;    /* by from, to, phase */
    uint32_t count;
    uint32_t *start, *list; /* per node: the flows it sends or receives */
    struct flow_set sets[PAIR_PHASES][FLOW_RELATIONS];
    double between[PAIR_PHASES]; /* log of speeds across groups / inside; 0: the same, or few */
    double spread;               /* of well nodes' levels, a standard deviation */
    double repeat;               /* of one measurement, by those made again; 0: too few were */
    bool noisy;                  /* few nodes, and repeats scatter so that they alone tell noise */
    double least;                /* of noise, in all sets; 0: nothing is known */
    double apart, apart_noise;   /* ... log of speeds together / alone, and what it may be off by */
    double hiccup;               /* how often a single measurement says anything at all */
};

/* Is this a metric of pairs by which nodes are judged? */
bool flows_judge(const struct metric *metric);

/* Groups as numbers by name: *group has a number or GROUP_NONE for each node. 0 or -ENOMEM. */
int flows_groups(struct arena *arena, const struct fabric_result *result, uint32_t **group,
                 uint32_t *group_count);

/* One family for each metric of pairs by which nodes are judged and each part that has measures, in
 * the order of metrics; the first `max`. Returns how many, or -ENOMEM. All in `arena`. */
int flows_gather(struct arena *arena, const struct fabric_result *result, const uint32_t *group,
                 uint32_t group_count, struct flows *out, uint32_t max);

/* What is typical of each kind (centre.c), from the flows that nothing explains so far; `all`: from
 * all of them, when what was taken for typical is not. 0 or -ENOMEM. */
int flows_centre(struct flows *flows, bool all);

static inline const struct flow_set *flow_set_of(const struct flows *flows, const struct flow *flow)
{
    return &flows->sets[flow->phase][flow->relation];
}

/* Is this flow slower than noise and the least that counts, and not explained? */
bool flow_is_open(const struct flows *flows, const struct flow *flow);

/* Alone, where anything was measured alone. */
enum phase flows_phase(const struct flows *flows);

/* What is across groups is that much slower: no hop costs so much. */
#define FLOW_BETWEEN 0.288

/* Standard deviation of what is said by this flow. */
double flow_noise(const struct flows *flows, const struct flow *flow);

/* The value of its metric that a node or flow at `x` has, in this phase. */
double flows_value(const struct flows *flows, enum phase phase, double x);

#endif
