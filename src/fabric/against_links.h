/* fabric/against_links - two tests compared pair by pair. */
#ifndef FABRIC_AGAINST_LINKS_H
#define FABRIC_AGAINST_LINKS_H

#include "fabric/comparison.h"

/* Links whose both ends are as they were: else it is not the link. */
int against_links(struct comparison *work, const struct metric *metric);

#endif
