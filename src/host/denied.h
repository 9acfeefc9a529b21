/* host/denied - outputs that hold a tool's complaint instead of facts. */
#ifndef HOST_DENIED_H
#define HOST_DENIED_H

#include "facts/node.h"

/* Is `text` nothing but a complaint ("Permission denied", "Operation not permitted", "command not
 * found" ...)? Then note in the node that `what` was not seen, for each of the space separated
 * `blocks` of the host, and why. */
bool denied_note(struct node *node, uint16_t source, struct str text, const char *what,
                 const char *blocks);

#endif
