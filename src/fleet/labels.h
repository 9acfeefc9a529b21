/* fleet/labels - from what the user measured to nodes that are slow and nodes that are not. */
#ifndef FLEET_LABELS_H
#define FLEET_LABELS_H

#include "fleet/model.h"
#include "fleet/pairs.h"

#define LABELS_OPEN_MAX 4 /* undecided pairs that are kept */

struct labels {
    bool *known, *slow;  /* per node */
    const double *value; /* METRIC: lower is slower */
    struct pairs pairs;  /* PAIRS */
    double threshold;    /* METRIC (of the largest cohort), PAIRS: as the user counts */
    uint32_t open[LABELS_OPEN_MAX], open_count; /* pairs: one end is slow, nothing tells which */
};

/* All in `arena`. 0 or -ENOMEM. */
int labels_make(struct arena *arena, const struct fleet *fleet, const struct symptom *symptom,
                struct labels *out);

#endif
