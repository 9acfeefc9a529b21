/* fleet/tool - was it only another version of lspci that printed it?
 *
 * A flag of a printed register does not vanish from all devices of all makers at once: when it
 * does, the tool did not know it. One node of each side is looked through. */
#ifndef FLEET_TOOL_H
#define FLEET_TOOL_H

#include "fleet/diff.h"

#define TOOL_FACTS_MIN  3 /* different paths that vanished ... */
#define TOOL_BLOCKS_MIN 2 /* ... from different blocks */
#define TOOL_MAKES_MIN  2 /* on so many different kinds of device */

struct tool_scan;

/* NULL when there is no memory. */
struct tool_scan *tool_scan_new(const struct fleet *fleet, struct node_set all,
                                struct node_set some);
void tool_scan_free(struct tool_scan *scan);

/* Count a deviation as evidence. 0 or -ENOMEM. */
int tool_scan_add(struct tool_scan *scan, const struct field *field, uint32_t value);
bool tool_scan_sure(const struct tool_scan *scan);

/* With a sure scan: does it explain this one too? `named`: a rule knows the path, so a block that
 * is gone altogether is the rule's. */
bool tool_explains(const struct tool_scan *scan, const struct field *field, uint32_t value,
                   bool named);

#endif
