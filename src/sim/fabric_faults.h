/* sim/fabric_faults - what is planted in a simulated network, what a path then carries, and whether
 * suspects name it. */
#ifndef SIM_FABRIC_FAULTS_H
#define SIM_FABRIC_FAULTS_H

#include "base/rng.h"
#include "sim/fabric_world.h"

struct fabric_plan {
    const struct fabric_world_config *config;
    double *send, *receive;          /* by node: 1 is well */
    double *up, *down;               /* by leaf * spines + spine */
    double *leaf_out;                /* by leaf: ways in and out of it */
    double *leaf_inside;             /* by leaf */
    const struct fabric_fault *join; /* of two leaves; NULL: none is bad */
    uint32_t *leaf_named;            /* by leaf: its nodes that were named one by one */
    struct fabric_fault *faults;
    uint32_t *fault_count;
};

/* Plants by the config's seed. 0 or -ENOMEM; fabric_plan_done frees. */
int fabric_plan_make(const struct fabric_world_config *config, struct fabric_world_score *score,
                     struct fabric_plan *plan);
void fabric_plan_done(struct fabric_plan *plan);

/* The share of full speed from one node to another. */
double fabric_plan_speed(const struct fabric_plan *plan, uint32_t from, uint32_t to);

/* Marks the faults that are found and counts names that are false. */
void fabric_plan_score(const struct fabric_plan *plan, const struct findings_of_fabric *found,
                       struct fabric_world_score *score);

#endif
