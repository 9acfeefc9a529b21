#include "fleet/fleet.h"

const struct fleet_judge fleet_judge_catalogue = {
    .open = rules_new,
    .close = rules_free,
    .judge = rules_judge,
    .count = rule_count,
    .at = rule_at,
    .claims = rule_claims,
};
