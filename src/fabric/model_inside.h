/* fabric/model_inside - what the files of the model share: one look at a result, and what finds
 * suspects in it. */
#ifndef FABRIC_MODEL_INSIDE_H
#define FABRIC_MODEL_INSIDE_H

#include "base/vec.h"
#include "fabric/accused.h"

struct finding { /* what one call works with */
    struct arena *arena;
    const struct fabric_result *result;
    struct flows families[FLOW_FAMILIES_MAX];
    struct accused_list accused[FLOW_FAMILIES_MAX];
    int family_count;
    VEC(struct suspect) suspects;
    VEC(struct node_level) levels;
};

#define FINDING_SURE 0.99 /* of what was seen, or is far beyond chance */

/* Of one flow by this family, where most were measured: across groups. */
double finding_noise(const struct flows *flows, enum phase phase);

/* Can a core be at fault? Not with few nodes, nor where all of them share one machine. */
bool finding_has_core(const struct finding *finding);

/* Each appends suspects of its kind, or levels. 0 or -ENOMEM. */

/* suspects.c: whom the accusing named, levels of nodes, numbers of their own, what went wrong */
int find_accused(struct finding *finding, int family);
int find_levels(struct finding *finding, int family);
int find_own(struct finding *finding);
int find_troubled(struct finding *finding);

/* common.c: causes that are no single node's */
int find_core(struct finding *finding, int family);
int find_between(struct finding *finding, int family);
int find_all(struct finding *finding, int family);
int find_rails(struct finding *finding);

#endif
