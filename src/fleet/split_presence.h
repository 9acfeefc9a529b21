/* fleet/split_presence - the parts of a bundle by the places where devices come or go. */
#ifndef FLEET_SPLIT_PRESENCE_H
#define FLEET_SPLIT_PRESENCE_H

#include "fleet/splitter.h"

/* Note which columns come or go in this bundle (and forget it). */
void split_mark_presence(struct splitter *splitter, bool on);

enum difference_kind split_presence_kind(const struct splitter *splitter, const struct part *part);

/* A cause for each place where something does. 0 or -ENOMEM. */
int split_by_presence(struct splitter *splitter, struct node_set nodes);

#endif
