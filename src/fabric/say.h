/* fabric/say - suspects in sentences for people, with their numbers and those of their peers. */
#ifndef FABRIC_SAY_H
#define FABRIC_SAY_H

#include "fabric/accused.h"
#include "fabric/own.h"

/* Each returns a text in `arena`, or NULL: no memory. `phase` is the one whose typical value is
 * shown. */
const char *say_accused(struct arena *arena, const struct fabric_result *result,
                        const struct flows *flows, const struct accused *accused, enum phase phase);
const char *say_own(struct arena *arena, const struct fabric_result *result,
                    const struct own_slow *slow);
/* "n01, n02 and 30 more"; at most three names. */
const char *say_nodes(struct arena *arena, const struct fabric_result *result,
                      const uint32_t *nodes, uint32_t count);

#endif
