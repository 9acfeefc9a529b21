/* host/memory - main memory and its NUMA nodes: /proc/meminfo, `numactl -H`, and the sysfs trees of
 * nodes, huge pages and transparent huge pages, as facts `mem.*` and subjects `numa`. */
#ifndef HOST_MEMORY_H
#define HOST_MEMORY_H

#include "base/err.h"
#include "facts/node.h"
#include "facts/tree.h"

#define NUMA_NODES_MAX 1024

/* Each returns 0 or -ENOMEM; unknown lines and files are skipped. */
int meminfo_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int numactl_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int memory_tree_parse(struct node *node, const struct tree *tree, struct err *err);

bool meminfo_looks_like(struct str text);
bool numactl_looks_like(struct str text);

#endif
