/* rules/origin - which output of a node shows a block of facts, for a person who should fetch it.
 */
#ifndef RULES_ORIGIN_H
#define RULES_ORIGIN_H

#include "facts/node.h"

struct origin {
    const char *blocks; /* names of blocks, parted by blanks */
    const char *kinds;  /* of the sources that show them (struct source), parted by blanks */
    const char *what;   /* for a person: "kernel log (dmesg)" */
};

/* All of them, in the order in which they are told; NULL past the end. */
const struct origin *origin_at(size_t index);

/* NULL: a block of PCI registers. */
const struct origin *origin_of(const char *block);

/* Was one of its sources read? Then nothing is wrong when it shows nothing. */
bool origin_given(const struct node *node, const struct origin *origin);

#endif
