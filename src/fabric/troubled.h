/* fabric/troubled - nodes that were lost, and troubles that are findings of their own. */
#ifndef FABRIC_TROUBLED_H
#define FABRIC_TROUBLED_H

#include "fabric/model.h"

struct troubled {
    enum suspect_kind kind;
    const uint32_t *nodes;
    uint32_t node_count, times;
    const char *sentence;
};

struct troubled_list {
    struct troubled *items;
    uint32_t count;
};

/* In `arena`. 0 or -ENOMEM. */
int troubled_find(struct arena *arena, const struct fabric_result *result,
                  struct troubled_list *out);

#endif
