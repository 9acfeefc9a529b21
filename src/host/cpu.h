/* host/cpu - the processors: `lscpu`, /proc/cpuinfo and the sysfs CPU tree as facts `cpu.*` and
 * `vulnerability.*` (names as in sysfs: "spectre_v2"). */
#ifndef HOST_CPU_H
#define HOST_CPU_H

#include "base/err.h"
#include "facts/node.h"
#include "facts/tree.h"

/* Each returns 0 or -ENOMEM; unknown lines and files are skipped. */
int lscpu_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int cpuinfo_parse(struct node *node, uint16_t source, struct str text, struct err *err);

/* sys/devices/system/cpu: online, present, offline, SMT, frequency, idle states, microcode,
 * vulnerabilities. Where CPUs differ the value is "mixed: a b". */
int cpu_tree_parse(struct node *node, const struct tree *tree, struct err *err);

bool lscpu_looks_like(struct str text);
bool cpuinfo_looks_like(struct str text);

#endif
