/* fleet/splitter - a bundle at hand, shared by the files that split it: split_rules (by the rules
 * that name settings), split_presence (devices that come or go) and split (all else). */
#ifndef FLEET_SPLITTER_H
#define FLEET_SPLITTER_H

#include "fleet/split.h"

struct part { /* of a bundle: one deviation at hand */
    struct deviation deviation;
    const struct claims *claims;
    bool taken;
    bool beside; /* at the port above a device that is absent: its link fields are no cause */
};

struct splitter {
    struct arena *arena;
    const struct fleet *fleet;
    const struct diff *diff;
    struct naming *naming;
    VEC(struct fold) folds;
    VEC(struct part) parts;
    VEC(struct deviation) list;
    double *settings, *moves; /* per rule: facts of the bundle that it claims */
    uint32_t rules;
    uint8_t *presence; /* per column: the subject itself comes or goes in this bundle */
};

static inline const struct field *part_field(const struct splitter *splitter,
                                             const struct part *part)
{
    return &splitter->diff->fields.items[part->deviation.field];
}

static inline bool field_is_presence(const struct field *field)
{
    return field->key == 0 && !field->rule;
}

/* Put a part into `list`, which becomes a new cause by splitter_emit. 0 or -ENOMEM. */
int splitter_take_part(struct splitter *splitter, struct part *part);
int splitter_emit(struct splitter *splitter, enum difference_kind kind,
                  const struct rule *const *rules, uint32_t rule_count, struct node_set nodes);

/* split_rules: the rules that name most of what is left, at most SPLIT_RULES_MAX, the cause behind
 * the others first; and a cause for each of them until none is left. */
#define SPLIT_RULES_MAX 5
uint32_t splitter_best_rules(struct splitter *splitter, const struct rule **best);
int splitter_split_by_rules(struct splitter *splitter, struct node_set nodes);

/* split_presence: note which columns come or go in this bundle (and forget it); a cause for each
 * place where something does. */
void splitter_mark_presence(struct splitter *splitter, bool on);
enum difference_kind splitter_presence_kind(const struct splitter *splitter,
                                            const struct part *part);
int splitter_split_presence(struct splitter *splitter, struct node_set nodes);

#endif
