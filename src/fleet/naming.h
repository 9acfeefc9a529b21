/* fleet/naming - which rules name a changed fact, each (who, path) asked once. */
#ifndef FLEET_NAMING_H
#define FLEET_NAMING_H

#include "fleet/model.h"

struct named {
    const struct rule *rule;
    uint32_t index; /* of the rule in the catalogue */
    enum claim claim;
};

struct claims {
    const struct named *items;
    uint32_t count;
};

struct naming;

/* NULL when there is no memory. */
struct naming *naming_new(const struct fleet *fleet);
void naming_free(struct naming *naming);

/* The rules that claim this path (key 0: "missing" or "extra", of the subject itself), in the
 * catalogue's order. NULL when there is no memory. */
const struct claims *naming_claims(struct naming *naming, const char *who, uint32_t key,
                                   const char *path);

/* What this rule says of it. */
enum claim claims_of(const struct claims *claims, const struct rule *rule);

/* How much a rule's name weighs beside how much it explains: severity, and a BIOS option. */
double rule_weight(const struct rule *rule);

#endif
