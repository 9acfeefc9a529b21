/* report/report - one answer, three forms.
 *
 * A report only points at what the fleet found; the renderers decide nothing. Each appends to a
 * buffer and returns 0 or -ENOMEM. */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "fleet/fleet.h"

enum report_kind { REPORT_INSPECT, REPORT_COMPARE, REPORT_EXPLAIN };

struct story;

struct report {
    enum report_kind kind;
    const struct fleet *fleet;
    enum policy policy;
    const struct trouble *troubles; /* what could not be read while looking for nodes */
    size_t trouble_count;
    const struct difference *differences; /* COMPARE, EXPLAIN */
    size_t difference_count;
    const struct explanation *explanation; /* EXPLAIN, else NULL */
    const struct story *story; /* EXPLAIN of a fabric test, instead of that; else NULL */
    const char *command;       /* what the user typed, for the HTML page; may be NULL */
};

struct report_style {
    bool colour;
    int columns;  /* width to wrap at */
    bool verbose; /* everything, not only what fits a screen */
};

int report_text(const struct report *report, const struct report_style *style, struct buf *out);
int report_json(const struct report *report, struct buf *out);
int report_html(const struct report *report, struct buf *out);

/* True when a rule or a difference of more than "info" was found: exit code 1. */
bool report_has_findings(const struct report *report);

/* ---- what the renderers share ---- */

/* Findings of one rule over all nodes. */
struct grouped {
    const struct rule *rule;
    const uint32_t *nodes; /* indices, rising */
    uint32_t node_count;
    const struct fleet_finding *first; /* of nodes[0] */
};

/* Group by rule, worst first, then by how many nodes. All in `arena`; -1 on no memory. */
long report_group(struct arena *arena, const struct fleet *fleet, const struct grouped **out);

/* The difference that already tells what this rule found, or NULL: a rule that not all nodes break
 * is mostly the cause, or part of the cause, of a difference. */
const struct difference *report_told_by(const struct report *report, const struct grouped *group);

/* Unknowns that are the same sentence on several nodes. */
struct grouped_unknown {
    const char *what, *why;
    const uint32_t *nodes;
    uint32_t node_count;
};
long report_group_unknowns(struct arena *arena, const struct fleet *fleet,
                           const struct grouped_unknown **out);

/* Fields of several roles that say the same: "gpu[0-7] SMI.VBIOS Version". */
struct folded_field {
    const char *roles;
    const struct diff_field *field; /* the first of them */
    uint32_t count;
};

/* In the order of the first of each; NULL on no memory. `count` says how many. */
const struct folded_field *report_fold_fields(struct arena *arena,
                                              const struct difference *difference, uint32_t *count);

/* Does an earlier proof show the same line? Two flags of one register do. */
bool report_proof_repeats(const struct proof *proofs, uint32_t index);

/* A title as the beginning of a sentence. NULL on no memory. */
const char *report_sentence(struct arena *arena, const char *title);

/* "n[001-003]" for a set of nodes; "all 512 nodes" when it is everybody. */
const char *report_nodes(struct arena *arena, const struct fleet *fleet, const uint32_t *nodes,
                         uint32_t count);

#endif
