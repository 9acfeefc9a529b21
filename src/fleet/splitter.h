/* fleet/splitter - a bundle at hand and the causes made of it: what the files share that split it
 * (split_rules, split_presence, split). */
#ifndef FLEET_SPLITTER_H
#define FLEET_SPLITTER_H

#include "fleet/fold.h"

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

/* NULL when there is no memory. */
struct splitter *splitter_new(struct arena *arena, const struct fleet *fleet,
                              const struct diff *diff, struct naming *naming);
void splitter_free(struct splitter *splitter);

/* Put a part into `list`, which becomes a new cause by splitter_emit. 0 or -ENOMEM. */
int splitter_take_part(struct splitter *splitter, struct part *part);
int splitter_emit(struct splitter *splitter, enum difference_kind kind,
                  const struct rule *const *rules, uint32_t rule_count, struct node_set nodes);

/* The causes so far, in the arena. 0 or -ENOMEM. */
int splitter_take(struct splitter *splitter, struct fold_list *out);

#endif
