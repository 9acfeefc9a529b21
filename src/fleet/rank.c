#include "fleet/rank.h"

#include "fleet/sets.h"

#include <math.h>
#include <stdio.h>

/* Points; a rule's severity gives 1 (info) to 5 (fatal). */
#define POINTS_UNNAMED   1.2
#define POINTS_MISSING   2.5 /* any device */
#define POINTS_NO_GPU    5.0 /* a GPU, a NIC, an NVSwitch */
#define POINTS_EXTRA     1.5
#define POINTS_RARE      1.5 /* for a minority near 0 of the nodes; none from half on */
#define POINTS_MOVED_MAX 1.5 /* for facts that move along */
#define POINTS_VERDICT   1.5 /* the rule fires on these nodes and not on the others */
#define POINTS_INVENTORY -1.0
#define SHARE_UNMOVED    0.5
#define SCORE_TOOL       0.1
#define SCORE_RENUMBERED 0.2

bool rank_is_inventory(const char *path)
{
    static const char *const globs[] = {
        "os.*",       "bios.*",        "bmc.*",
        "package.*",  "ofed.*",        "module.*",
        "smi.driver", "smi.cuda",      "ib.fw",
        "ib.psid",    "ib.hca_type",   "net.firmware",
        "cpu.model",  "cpu.microcode", "system.*",
        "board.*",    "Header.*",      "*VBIOS*",
        "*.version",  "DIMM.part",     "DIMM.manufacturer",
        "VPD.*",      "*.offset",      "dimm.speed",
    };

    for (size_t i = 0; i < ARRAY_LEN(globs); i++)
        if (str_glob(globs[i], str_of(path)))
            return true;
    return false;
}

bool rank_fires(const struct fleet_node *node, const struct rule *rule)
{
    for (uint32_t i = 0; i < node->finding_count; i++)
        if (node->findings[i].rule == rule)
            return true;
    return false;
}

double rank_verdict(const struct fleet *fleet, struct node_set all, struct node_set some,
                    const struct rule *rule)
{
    uint32_t with = 0, every = 0;

    if (!some.count || some.count >= all.count)
        return 0;
    for (uint32_t i = 0; i < all.count; i++)
        every += rank_fires(&fleet->nodes.items[all.nodes[i]], rule);
    for (uint32_t i = 0; i < some.count; i++)
        with += rank_fires(&fleet->nodes.items[some.nodes[i]], rule);
    return (double)with / some.count - (double)(every - with) / (all.count - some.count);
}

double rank_score(const struct fleet *fleet, const struct diff *diff, const struct fold *fold)
{
    double score = POINTS_UNNAMED, share = (double)fold->nodes.count / diff->nodes.count, moved;
    bool inventory = true, vital = false, verdict = false;
    uint32_t paths = 0;

    if (fold->kind == DIFF_TOOL_VERSION)
        return SCORE_TOOL;
    if (fold->kind == DIFF_RENUMBERED)
        return SCORE_RENUMBERED;
    for (uint32_t i = 0; i < fold->count; i++) {
        const struct field *field = &diff->fields.items[fold->deviations[i].field];
        const struct column *column = &diff->alignment->columns[field->column];

        paths += fold->deviations[i].order == 0;
        inventory &= field->key != 0 && rank_is_inventory(field->path);
        vital |= field->key == 0 && !field->rule &&
                 (column->device == TOPO_GPU || column->device == TOPO_NIC ||
                  column->device == TOPO_NVSWITCH);
    }
    if (fold->rule) {
        verdict = fabs(rank_verdict(fleet, diff->nodes, fold->nodes, fold->rule)) >= 0.5;
        /* A rule that names a fact but finds nothing wrong lends less of its weight. */
        score = 1 + rule_weight(fold->rule) * (verdict ? 1 : SHARE_UNMOVED);
    }
    if (fold->kind == DIFF_MISSING_DEVICE)
        score = fmax(score, vital ? POINTS_NO_GPU : POINTS_MISSING);
    if (fold->kind == DIFF_EXTRA_DEVICE && !fold->rule)
        score = POINTS_EXTRA;
    if (share < 0.5)
        score += POINTS_RARE * (1 - 2 * share);
    moved = 0.25 * log2(1 + paths) + 0.1 * log2(1 + fold->count);
    score += moved < POINTS_MOVED_MAX ? moved : POINTS_MOVED_MAX;
    if (inventory)
        score += POINTS_INVENTORY;
    if (verdict)
        score += POINTS_VERDICT;
    return score;
}

static double all_findings(const struct fleet *fleet, struct node_set nodes)
{
    double sum = 0;

    for (uint32_t n = 0; n < nodes.count; n++) {
        const struct fleet_node *node = &fleet->nodes.items[nodes.nodes[n]];

        for (uint32_t i = 0; i < node->finding_count; i++)
            sum += node->findings[i].rule->severity;
    }
    return sum;
}

static bool says(const char *text, const char *leaf, const char *value)
{
    char want[128];

    (void)snprintf(want, sizeof(want), "%.60s%.60s", leaf, value);
    return text && strstr(text, want);
}

static bool is_off(const char *value)
{
    return !strcmp(value, "-") || !strcmp(value, "absent") || !strcmp(value, "Disabled") ||
           !strcmp(value, "not found");
}

/* Which side has what the rule calls bad ("ReqRedir+")? 1: the minority, -1: the majority, 0: it
 * does not say. Without such words the side on which it is switched on: rules are mostly about
 * things that should be off. */
static double side_by_words(const struct diff *diff, const struct fold *fold)
{
    double sum = 0, on = 0;

    for (uint32_t i = 0; i < fold->count; i++) {
        const struct deviation *deviation = &fold->deviations[i];
        const struct field *field = &diff->fields.items[deviation->field];
        const char *dot = strrchr(field->path, '.'), *leaf = dot ? dot + 1 : field->path;
        const char *here = field->values[deviation->value].text, *there = field->values[0].text;

        if (deviation->claim != CLAIM_SETTING)
            continue;
        sum += says(fold->rule->bad, leaf, here) - says(fold->rule->bad, leaf, there);
        sum += says(fold->rule->good, leaf, there) - says(fold->rule->good, leaf, here);
        on += is_off(there) - is_off(here);
    }
    return sum != 0 ? sum : on;
}

bool rank_should_flip(const struct fleet *fleet, const struct diff *diff, const struct fold *fold)
{
    double verdict = 0;

    if (fold->nodes.count * 2 != diff->nodes.count || fold->kind == DIFF_MISSING_DEVICE ||
        fold->kind == DIFF_EXTRA_DEVICE)
        return false;
    for (uint32_t i = 0; i < fold->count; i++) {
        const struct field *field = &diff->fields.items[fold->deviations[i].field];

        if (field->value_count != 2 ||
            field->values[0].set->nodes.count != field->values[1].set->nodes.count)
            return false;
    }
    if (fold->rule)
        verdict = rank_verdict(fleet, diff->nodes, fold->nodes, fold->rule);
    for (size_t i = 0; i < ARRAY_LEN(fold->also) && verdict == 0 && fold->also[i]; i++)
        verdict = rank_verdict(fleet, diff->nodes, fold->nodes, fold->also[i]);
    if (verdict == 0 && fold->rule)
        verdict = side_by_words(diff, fold);
    if (verdict == 0)
        verdict = 2 * all_findings(fleet, fold->nodes) - all_findings(fleet, diff->nodes);
    return verdict < 0;
}
