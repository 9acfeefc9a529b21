/* host/smbios - the raw SMBIOS tables (sys/firmware/dmi/tables/DMI and smbios_entry_point, or a
 * file of `dmidecode --dump-bin`), and the texts of sys/class/dmi/id, as the facts of host/dmi. */
#ifndef HOST_SMBIOS_H
#define HOST_SMBIOS_H

#include "base/err.h"
#include "facts/node.h"
#include "facts/tree.h"

#define SMBIOS_STRUCTURES_MAX 65536

/* `table` holds the structures, `entry` the entry point (empty: version 3 is assumed). Lines of the
 * facts are byte offsets, so the source is binary. A table that ends within a structure gives what
 * came before it and an unseen. Returns 0 or -ENOMEM. */
int smbios_parse(struct node *node, uint16_t source, struct str table, struct str entry,
                 struct err *err);

/* A file of `dmidecode --dump-bin`: entry point at 0, the table where it says. */
bool smbios_dump_looks_like(struct str bytes);
int smbios_dump_parse(struct node *node, uint16_t source, struct str bytes, struct err *err);

/* The files of a tree. The tables are left alone when `dmidecode` printed them: its lines are
 * easier to read than byte offsets, and say the same. */
int smbios_tree_parse(struct node *node, const struct tree *tree, struct err *err);

#endif
