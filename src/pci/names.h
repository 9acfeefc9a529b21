/* pci/names - the words of PCI: capabilities, registers, fields.
 *
 * Every parser of PCI facts (lspci's text, the config bytes) takes its names and classes from here,
 * so that the same hardware gives the same facts from any source and any version of lspci. All
 * tables are constant; nothing fails. */
#ifndef PCI_NAMES_H
#define PCI_NAMES_H

#include "base/str.h"
#include "facts/facts.h"

struct cap_name {
    const char *block; /* "Express": the block's name in docs/facts.md */
    const char *text;  /* how lspci's header line starts: "Express"; NULL: only known by id */
    uint16_t id;
    bool extended;
};

/* The capability that a header line of lspci names (the text behind "[60] "), or NULL. `extended`:
 * its offset has three digits. The longest text that fits wins. */
const struct cap_name *cap_by_text(struct str text, bool extended);

/* The first capability with this id, or NULL. */
const struct cap_name *cap_by_id(uint16_t id, bool extended);

/* The blocks of all capabilities in standard and in extended config space, as a list of globs. */
#define CAP_BLOCKS_STANDARD                                                                        \
    "PM AGP VPD SlotID MSI CPCI-HS PCI-X HT Vendor DebugPort CPCI-RC HotPlug SSVID AGP3 Secure "   \
    "Express MSI-X SATA AF EA Cap-*"
#define CAP_BLOCKS_EXTENDED                                                                        \
    "AER VC DSN PowerBudget RCLink RCILink RCEC MFVC RCRB VSEC ACS ARI ATS SR-IOV MR-IOV MCAST "   \
    "PRI ReBAR DPA TPH LTR SecPCIe PMUX PASID LNR DPC L1SS PTM MPHY FRS RTR DVSEC VReBAR DLF "     \
    "16GT LaneMargin HierID NPEM 32GT AltProto SFI DOE DEV3 IDE 64GT FLit* ECap*"

/* The capability that a register line without one belongs to ("LnkSta: ..." is Express's); "Text"
 * when no capability is known for it. */
const char *block_of_register(struct str line);

/* Which class a fact of a pci subject has. `reg` and `name` as in its path, either may be empty. */
enum fact_class field_class(struct str block, struct str reg, struct str name);

/* What the tables say of one register's fields: found once, asked for each field. `rename` gives
 * the name that the newest lspci uses; `hex` tells of a value printed in hex without 0x ("Len=0c").
 */
#define FIELD_ROWS_MAX 12
struct field_rows {
    enum fact_class class; /* of names that no row knows */
    uint8_t class_count, rename_count, hex_count;
    uint8_t classes[FIELD_ROWS_MAX], renames[FIELD_ROWS_MAX], hexes[FIELD_ROWS_MAX];
};
struct field_block { /* where the rows of one block stand in the tables */
    uint8_t class_first, class_last, rename_first, rename_last, hex_first, hex_last;
};
void field_block_find(struct str block, struct field_block *range);
void field_rows_find(const struct field_block *range, struct str block, struct str reg,
                     struct field_rows *rows);
enum fact_class field_rows_class(const struct field_rows *rows, struct str name);
struct str field_rows_rename(const struct field_rows *rows, struct str name);
bool field_rows_hex(const struct field_rows *rows, struct str name);

#endif
