/* host/ethtool - `ethtool IF`, `-i`, `-k`, `-a`, `-g`, `-l`, `-c`, `-S` as facts of the interface.
 *
 * -i and -S don't name their interface: it is taken from a shell prompt in the text ("ethtool -i
 * eth0"), from the source's name ("ethtool_-i_eth0.txt"), or, for -i, the bus address stands for
 * it. */
#ifndef HOST_ETHTOOL_H
#define HOST_ETHTOOL_H

#include "base/err.h"
#include "facts/node.h"

#define ETHTOOL_SECTIONS_MAX 4096
#define ETHTOOL_LINES_MAX    8192 /* of one section; mlx5 -S has some 2,000 */

bool ethtool_looks_like(struct str text);

/* Unknown lines are skipped. Returns 0 or -ENOMEM. */
int ethtool_parse(struct node *node, uint16_t source, struct str text, struct err *err);

#endif
