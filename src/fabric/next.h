/* fabric/next - which pairs to measure next: those that decide what is open, that tell more of a
 * suspect, or that were an outlier and are measured again before anybody is accused. */
#ifndef FABRIC_NEXT_H
#define FABRIC_NEXT_H

#include "fabric/accused.h"
#include "fabric/pairing.h"

/* The pair that decides between two: one of them with the best known well node, or nobody. */
void next_decide(const struct fabric_result *result, const struct flows *flows,
                 const struct accused_list *accused, struct accused *one_of);

/* Disjoint pairs, the most telling first. Returns how many, or -ENOMEM. */
int next_pairs(const struct fabric_result *result, const struct flows *flows,
               const struct accused_list *accused, struct pair *out, uint32_t max);

#endif
