/* host/osinfo - which system runs there: os-release, /proc/version, uname -a, hostname, uptime. */
#ifndef HOST_OSINFO_H
#define HOST_OSINFO_H

#include "base/err.h"
#include "facts/node.h"

/* Each returns 0 or -ENOMEM; text that is something else gives no facts. */
int os_release_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int version_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int uname_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int hostname_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int uptime_parse(struct node *node, uint16_t source, struct str text, struct err *err);

bool os_release_looks_like(struct str text);
bool version_looks_like(struct str text);
bool uname_looks_like(struct str text);

#endif
