/* fabric/comparison - what comparing nodes and comparing links of two tests share. */
#ifndef FABRIC_COMPARISON_H
#define FABRIC_COMPARISON_H

#include "fabric/against.h"

/* Fewer changes of a kind say nothing of how such changes scatter. */
#define SCATTER_FROM 8

/* What a change is held against: standard deviations of log(ratio) when nothing has changed. */
struct ground {
    double spread;  /* by the numbers' own intervals */
    double scatter; /* by all changes of the kind; 0: too few */
    double middle;  /* of these changes */
    uint32_t alike; /* how many they are */
};

struct comparison { /* of two tests */
    struct arena *arena;
    const struct fabric_result *older, *newer;
    double noise;
    uint32_t *older_of;     /* per newer node: its index in the older, or MEASURE_NOBODY */
    struct change *changes; /* room for all */
    struct ground *grounds; /* per change */
    bool *moved; /* per newer node: a telling change of its own, by any metric of pairs */
    uint32_t count;
};

/* log(speed after / speed before). */
double comparison_log_ratio(const struct metric *metric, double before, double after);

/* Clocks have no speed. */
bool comparison_is_possible(const struct metric *metric, double before, double after);

/* Its ratio is told from before and after; there is room. */
void comparison_add(struct comparison *work, struct change change, double spread);

/* Changes from `begin` on are of one kind: what all of them did is no change of one. */
int comparison_settle(struct comparison *work, uint32_t begin);

#endif
