/* host/dmidecode - the text of `dmidecode`, any version, with or without -q and handles. */
#ifndef HOST_DMIDECODE_H
#define HOST_DMIDECODE_H

#include "base/err.h"
#include "facts/node.h"

/* BIOS, system, board, processors and memory devices become facts (see host/dmi); other structures
 * are skipped. A field that is there and can't be read is noted as unseen with its line. Returns 0
 * or -ENOMEM. */
int dmidecode_parse(struct node *node, uint16_t source, struct str text, struct err *err);

bool dmidecode_looks_like(struct str text);

#endif
