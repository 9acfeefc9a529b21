/* host/cmdline - the kernel's command line as facts `cmdline.<token>`. */
#ifndef HOST_CMDLINE_H
#define HOST_CMDLINE_H

#include "host/gather.h"

/* One fact per token; equal tokens are joined with ','. */
void cmdline_facts(struct gather *gather, uint32_t line, struct str text);

/* The text of /proc/cmdline. Returns 0 or -ENOMEM. */
int cmdline_parse(struct node *node, uint16_t source, struct str text, struct err *err);

bool cmdline_looks_like(struct str text);

#endif
