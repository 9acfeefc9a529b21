/* coll/fall - which rank fell first, and how that is said: all ranks name the same. */
#ifndef COLL_FALL_H
#define COLL_FALL_H

#include "base/err.h"

#include <stdint.h>

enum fall_why {
    FALL_NONE,      /* all is well */
    FALL_DIED,      /* its connection is closed, and it has not said goodbye */
    FALL_GONE,      /* its host answers no more */
    FALL_UNREACHED, /* only the rank `by` says so */
    FALL_FAILED,    /* it says so itself */
    FALL_LEFT,      /* it has come to its end; whether that is too early others know ... */
    FALL_EARLY,     /* ... and one of them says that it was */
    FALL_STUCK,
    FALL_LATE,  /* for the meeting */
    FALL_TWICE, /* two processes say they are this rank: the second one hears this */
    FALL_WHYS
};

struct fall {
    uint32_t rank, why, by;
};

/* The sentence, "rank 2 has died". Returns the errno that goes with it. */
int fall_say(const struct fall *fall, struct err *err);

#endif
