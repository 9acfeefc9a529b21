/* probe/carry - one order carried out in children, each killed when its time is over, and what came
 * of it. */
#ifndef PROBE_CARRY_H
#define PROBE_CARRY_H

#include "base/vec.h"
#include "probe/pair_child.h"

/* What was told, at most as much as an answer carries. */
struct told {
    VEC(struct measure) measures;
    VEC(struct fabric_trouble) troubles;
    uint32_t rank; /* of this node, for a trouble about what was told */
};

struct telling told_telling(struct told *told);
void told_done(struct told *told);

struct carrier {
    struct pair_child self; /* card, rank, store: known to the children */
    const node_test *tests; /* by enum test */
    int watch;              /* a descriptor by which the head's end is known; -1: none */
    struct child pairs;     /* pid 0: not started */
};

/* Returns 0, or -ECONNRESET when the head is gone. Everything else is told. */
int carry_out(struct carrier *carrier, const struct order *order, const struct telling *telling);
void carrier_done(struct carrier *carrier);

/* Tests of this node, one after the other. Each may take half of the time that is left, the last
 * all of it: on a busy machine one needs more than its share, and one that hangs leaves some. */
int carry_tests(const struct probe *probe, const node_test *tests, uint32_t which, int watch);

/* What UCX this node has: card->ucx, has_ucx. */
void carry_ucx(struct card *card);

#endif
