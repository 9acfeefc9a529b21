/* sim/meeting - how simulated ranks meet at the store, in PyTorch's bytes (2.2 dialect).
 *
 * ADD barrier 1; who gets the world size sets "go" to the attempt; all WAIT for it and read it. A
 * value of another attempt would be a broken fence. */
#ifndef SIM_MEETING_H
#define SIM_MEETING_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum meeting_stage { MEET_ADDS = 1, MEET_WAITS, MEET_READS, MEET_MET };

struct meeting {
    enum meeting_stage stage;
    uint32_t attempt, world;
};

/* The first bytes to say are added to `out`. */
void meeting_begin(struct meeting *meeting, uint32_t attempt, uint32_t world, struct buf *out);

/* The whole answer to what was said last; what to say next is added to `out`, nothing when all have
 * met. Returns 0, or -EPROTO with what was wrong in the answer. */
int meeting_hear(struct meeting *meeting, struct str answer, struct buf *out, struct err *err);

#endif
