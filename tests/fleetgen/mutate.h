/* fleetgen/mutate - single wrong settings, each with all the facts that move with it in reality.
 *
 * A row says which outputs the setting shows in and which lines there; a test holds it to that. */
#ifndef FLEETGEN_MUTATE_H
#define FLEETGEN_MUTATE_H

#include "model.h"

enum { MODEL_HGX = 1, MODEL_AMD = 2, MODEL_GB200 = 4, MODEL_A100 = 8, MODEL_ALL = 15 };

struct mutation {
    const char *id;      /* "IOMMU_ON" */
    int catalogue;       /* row of the rule catalogue, 0: none */
    unsigned models;     /* where the setting exists */
    double effect;       /* what is left of the bandwidth; 1: harmless for it */
    const char *sources; /* outputs that change, by text_source.kind, blank between */
    const char *lines;   /* every changed line has one of these, '|' between; "*": any line */
    const char *what;
    void (*apply)(struct machine *machine, int which);
};

/* The table. NULL past the end. */
const struct mutation *mutation_at(size_t index);
const struct mutation *mutation_find(const char *id);
bool mutation_fits(const struct mutation *mutation, const struct machine *machine);

#endif
