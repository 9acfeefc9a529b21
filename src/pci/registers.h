/* pci/registers - takes lspci's register lines apart into facts of the builder's open block.
 *
 * lspci writes `Name+ Name-` flags, `Name: value`, `Name value`, `Name=value`, pieces separated by
 * commas and semicolons, sub-labels ("AtomicOpsCtl: ReqEn-") and bare values ("LaneErrStat: 0").
 * Nothing here knows which registers exist, so new ones become facts too; names, classes and number
 * bases come from pci/names. Lines have no indentation and no newline here. A fact that cannot be
 * named in printable ASCII is dropped; a line is read up to REGISTERS_LINE_MAX bytes. */
#ifndef PCI_REGISTERS_H
#define PCI_REGISTERS_H

#include "pci/names.h"

#define REGISTERS_LINE_MAX 4096
#define REGISTERS_NAME_MAX 96

struct registers {
    struct fact_builder *builder;
    struct str block;  /* "Express" */
    struct str reg;    /* the open register, or empty */
    struct str prefix; /* of the names on this line: "AtomicOpsCtl", or empty */
    struct field_block range;
    struct field_rows rows;
    bool l0s_missing, l1_missing; /* LnkCap's ASPM said that there is no such state */
};

/* Begins the block in the builder. Slices stay the caller's until fact_end. */
void registers_begin(struct registers *r, struct fact_builder *builder, struct str block);

/* Facts from here on belong to this register; empty: to the block itself. */
void registers_open(struct registers *r, struct str reg);

/* One line at the register level ("LnkSta: Speed ..."), or a deeper one that goes on with the open
 * register. `line` counts from the start of the block. */
void registers_line(struct registers *r, uint32_t line, struct str text);
void registers_more(struct registers *r, uint32_t line, struct str text);

/* Text without a label: the fields of the open register. */
void registers_fields(struct registers *r, uint32_t line, struct str text);

/* Single facts of the open register, renamed, classed and with the value in its canonical form. */
void registers_flag(struct registers *r, uint32_t line, struct str name, bool on);
void registers_value(struct registers *r, uint32_t line, struct str name, struct str value);
void registers_number(struct registers *r, uint32_t line, struct str name, int64_t number,
                      struct str text);
void registers_text(struct registers *r, uint32_t line, struct str name, struct str text);

/* "16GT/s" in MT/s, "x16" in lanes, "256M" or "64KB" in bytes; -1 when it is none. */
int64_t speed_parse(struct str text);
int64_t width_parse(struct str text);
int64_t size_parse(struct str text);

/* `bytes` as lspci prints a size ("32G"). */
#define SIZE_TEXT_MAX 24
struct str size_print(uint64_t bytes, char out[SIZE_TEXT_MAX]);

#endif
