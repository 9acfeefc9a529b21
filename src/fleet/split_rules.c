#include "fleet/split_rules.h"

#include <errno.h>
#include <string.h>

/* What moves along with a setting counts less than the setting; but a rule that accounts for all
 * that changed comes before one that claims most of it (ASPM before its L1 substates). */
#define MOVES_SHARE 0.85

static double rule_score(const struct splitter *splitter, uint32_t rule, double total)
{
    return 10 * (splitter->settings[rule] + MOVES_SHARE * splitter->moves[rule]) / total +
           0.6 * rule_weight(splitter->fleet->judge->at(rule));
}

static void count_finding(struct splitter *splitter, const struct rule *rule)
{
    for (uint32_t r = 0; r < splitter->rules; r++)
        if (splitter->fleet->judge->at(r) == rule)
            splitter->settings[r]++;
}

/* A rule's own finding is its setting; else what the rule says of the path. */
static enum claim part_claim(const struct splitter *splitter, const struct part *part,
                             const struct rule *rule)
{
    const struct field *field = part_field(splitter, part);

    if (field->rule)
        return field->rule == rule ? CLAIM_SETTING : CLAIM_NONE;
    return part->claims ? claims_of(part->claims, rule) : CLAIM_NONE;
}

/* Does the deeper rule's setting move all that is the other's setting, and not the other way round?
 * An IOMMU that is on makes the kernel ask for ACS. */
static bool is_behind(const struct splitter *splitter, const struct rule *deeper,
                      const struct rule *other)
{
    bool own = false, moves = false;

    for (size_t p = 0; p < splitter->parts.count; p++) {
        const struct part *part = &splitter->parts.items[p];
        enum claim here = part->taken ? CLAIM_NONE : part_claim(splitter, part, deeper);
        enum claim there = part->taken ? CLAIM_NONE : part_claim(splitter, part, other);

        if (there == CLAIM_SETTING && here == CLAIM_NONE && !part_field(splitter, part)->rule)
            return false;
        moves |= there == CLAIM_SETTING && here == CLAIM_MOVES;
        own |= here == CLAIM_SETTING && there == CLAIM_NONE;
    }
    return own && moves;
}

/* The rule behind the others comes first. */
static void put_cause_first(const struct splitter *splitter, const struct rule **best,
                            uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const struct rule *deeper = best[i];

        if (!is_behind(splitter, deeper, best[0]))
            continue;
        memmove(best + 1, best, i * sizeof(*best));
        best[0] = deeper;
    }
}

/* Rules that claim a setting among the parts that are left, best first. */
uint32_t split_best_rules(struct splitter *splitter, const struct rule **best)
{
    double scores[SPLIT_RULES_MAX] = {0}, total = 0;
    uint32_t found = 0;

    for (uint32_t r = 0; r < splitter->rules; r++)
        splitter->settings[r] = splitter->moves[r] = 0;
    for (size_t p = 0; p < splitter->parts.count; p++) {
        const struct part *part = &splitter->parts.items[p];

        if (part->taken || (!part->claims && !part_field(splitter, part)->rule))
            continue;
        total++;
        if (part_field(splitter, part)->rule) { /* no fact: nothing claims it */
            count_finding(splitter, part_field(splitter, part)->rule);
            continue;
        }
        for (uint32_t c = 0; !part->beside && c < part->claims->count; c++)
            *(part->claims->items[c].claim == CLAIM_SETTING
                  ? &splitter->settings[part->claims->items[c].index]
                  : &splitter->moves[part->claims->items[c].index]) += 1;
    }
    for (uint32_t r = 0; r < splitter->rules; r++) {
        double score = splitter->settings[r] > 0 ? rule_score(splitter, r, total) : 0;
        uint32_t at = found < SPLIT_RULES_MAX ? found : SPLIT_RULES_MAX;

        if (score <= 0)
            continue;
        while (at > 0 && scores[at - 1] < score)
            at--;
        if (at == SPLIT_RULES_MAX)
            continue;
        for (uint32_t i = found < SPLIT_RULES_MAX ? found : SPLIT_RULES_MAX - 1; i > at; i--) {
            scores[i] = scores[i - 1];
            best[i] = best[i - 1];
        }
        scores[at] = score;
        best[at] = splitter->fleet->judge->at(r);
        if (found < SPLIT_RULES_MAX)
            found++;
    }
    put_cause_first(splitter, best, found);
    return found;
}

/* Those with this rule's claim. */
static int take_rule(struct splitter *splitter, const struct rule *rule)
{
    for (size_t p = 0; p < splitter->parts.count; p++) {
        struct part *part = &splitter->parts.items[p];

        if (!part->taken && part_claim(splitter, part, rule) != CLAIM_NONE &&
            splitter_take_part(splitter, part) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* And the findings of the rules whose settings went with it: they tell nothing of their own. */
static int take_findings(struct splitter *splitter, const struct rule *const *rules, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        for (size_t p = 0; p < splitter->parts.count; p++) {
            struct part *part = &splitter->parts.items[p];

            if (!part->taken && part_field(splitter, part)->rule == rules[i] &&
                splitter_take_part(splitter, part) < 0)
                return -ENOMEM;
        }
    return 0;
}

/* Of the other rules, those that claim a setting among what the best one takes. */
static uint32_t best_of_list(const struct splitter *splitter, const struct rule **best,
                             uint32_t count)
{
    uint32_t kept = 1;

    for (uint32_t b = 1; b < count; b++)
        for (size_t p = 0; p < splitter->parts.count; p++) {
            const struct part *part = &splitter->parts.items[p];

            if (part->taken || part_claim(splitter, part, best[0]) == CLAIM_NONE ||
                part_claim(splitter, part, best[b]) != CLAIM_SETTING)
                continue;
            best[kept++] = best[b];
            break;
        }
    return kept;
}

/* And BIOS options whose setting is out of sight, but which would move all that and more: an IOMMU
 * behind the redirection of ACS. The counts are those of best_rules. */
static uint32_t add_deeper(const struct splitter *splitter, const struct rule **best,
                           uint32_t count)
{
    double covered = 0;

    for (uint32_t r = 0; r < splitter->rules; r++)
        if (splitter->fleet->judge->at(r) == best[0])
            covered = splitter->settings[r] + splitter->moves[r];
    for (uint32_t r = 0; r < splitter->rules && count < SPLIT_RULES_MAX; r++)
        if (splitter->settings[r] == 0 && splitter->moves[r] > covered && covered > 1 &&
            splitter->fleet->judge->at(r)->bios)
            best[count++] = splitter->fleet->judge->at(r);
    return count;
}

int split_by_rules(struct splitter *splitter, struct node_set nodes)
{
    const struct rule *best[SPLIT_RULES_MAX];
    uint32_t rules;
    int r = 0;

    while (r == 0 && (rules = split_best_rules(splitter, best)) > 0) {
        rules = add_deeper(splitter, best, best_of_list(splitter, best, rules));
        r = take_rule(splitter, best[0]);
        if (r == 0)
            r = take_findings(splitter, best, rules);
        if (r == 0)
            r = splitter_emit(splitter, DIFF_SETTING, best, rules, nodes);
    }
    return r;
}
