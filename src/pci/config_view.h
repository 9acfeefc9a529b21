/* pci/config_view - tables of registers, and how their bits become facts.
 *
 * A capability is a list of registers, a register a list of fields; most capabilities need nothing
 * else. Those whose layout depends on their own contents bring a function. Names are those that the
 * parser of lspci's text gives to the same bits, and pci/registers makes the facts of
 * both. Private to the config_*.c files of this room. */
#ifndef PCI_CONFIG_VIEW_H
#define PCI_CONFIG_VIEW_H

#include "facts/facts.h"
#include "pci/config.h"
#include "pci/registers.h"

/* One block's part of a configuration space. Offsets are relative to `at`. What lies at or past
 * `end` can't be read: a block is remembered by its bytes up to there. */
struct config_view {
    struct registers *registers; /* the open block, and the rules that make facts of values */
    const uint8_t *bytes;        /* from offset 0 of the space */
    unsigned at, end;
    unsigned base; /* lines count from the one with this byte: `at`, but for parts of the header */
    unsigned bytes_per_line;
    uint16_t ports;      /* 1 << the type of the port of the Express capability; 0: has none */
    uint8_t header_type; /* 0 device, 1 bridge, 2 CardBus */
    bool first;          /* device 0, function 0 */
    bool has_memory;     /* has a memory BAR */
    bool extended;       /* the capability lies above 0x100 */
    uint16_t vendor, device;
    const struct pci_resource *resources; /* of the header; NULL: not known */
};

enum config_kind {
    FIELD_FLAG,
    FIELD_CLEAR,  /* a flag that is on when the bit is 0 */
    FIELD_NUMBER, /* decimal; through `map` when there is one, between `prefix` and `unit` */
    FIELD_HEX,    /* `digits` wide */
    FIELD_CODE,   /* a text of `codes` */
    FIELD_SPEED,  /* a link speed code: MT/s */
    FIELD_TEXT,   /* what `print` says */
};

struct config_codes {
    const char *const *names; /* NULL entries: `other` */
    unsigned count;
    const char *other; /* NULL: "unknown" */
};

#define FIELD_TEXT_MAX 128

struct config_field {
    const char *name;
    uint8_t shift, bits, kind;
    uint8_t digits;            /* FIELD_HEX */
    uint16_t ports;            /* only on these types of port; 0: on all */
    const char *prefix, *unit; /* round a number's text; NULL: none */
    const struct config_codes *codes;
    int64_t (*map)(uint32_t value);
    void (*print)(uint32_t value, char out[FIELD_TEXT_MAX]);
};

struct config_reg {
    uint16_t at;
    uint8_t bytes; /* 1, 2 or 4 */
    const char *name;
    const struct config_field *fields;
    uint16_t count;
    uint16_t ports; /* as in a field */
};

struct config_cap {
    uint16_t id;
    uint16_t bytes; /* that the decoder may read, from the capability's start; 0: all there is */
    const char *name;
    const struct config_reg *regs;
    unsigned count;
    void (*decode)(const struct config_view *view); /* after the registers; NULL: nothing more */
    uint8_t length_at, length_shift; /* where its own length stands; 0: it says none */
    uint16_t length_mask;
};

/* Types of ports, as bits for `ports`. */
enum {
    PORT_EP = 1 << 0,
    PORT_LEGACY = 1 << 1,
    PORT_RP = 1 << 4,
    PORT_UPSTREAM = 1 << 5,
    PORT_DOWNSTREAM = 1 << 6,
    PORT_TO_PCI_BRIDGE = 1 << 7,
    PORT_TO_PCIE_BRIDGE = 1 << 8,
    PORT_RCIEP = 1 << 9,
    PORT_RCEC = 1 << 10,
};

#define FLAG(bit, text)                                                                            \
    {                                                                                              \
        .name = (text), .shift = (bit), .bits = 1, .kind = FIELD_FLAG                              \
    }
#define FLAG_ON(bit, text, mask)                                                                   \
    {                                                                                              \
        .name = (text), .shift = (bit), .bits = 1, .kind = FIELD_FLAG, .ports = (mask)             \
    }
#define NUMBER(low, width, text)                                                                   \
    {                                                                                              \
        .name = (text), .shift = (low), .bits = (width), .kind = FIELD_NUMBER                      \
    }
#define NUMBER_MAP(low, width, text, fn)                                                           \
    {                                                                                              \
        .name = (text), .shift = (low), .bits = (width), .kind = FIELD_NUMBER, .map = (fn)         \
    }
#define HEX(low, width, wide, text)                                                                \
    {                                                                                              \
        .name = (text), .shift = (low), .bits = (width), .kind = FIELD_HEX, .digits = (wide)       \
    }
#define CODE(low, width, text, table)                                                              \
    {                                                                                              \
        .name = (text), .shift = (low), .bits = (width), .kind = FIELD_CODE, .codes = &(table)     \
    }
#define TEXT(low, width, text, fn)                                                                 \
    {                                                                                              \
        .name = (text), .shift = (low), .bits = (width), .kind = FIELD_TEXT, .print = (fn)         \
    }

#define CODES(id, else_text, ...)                                                                  \
    static const char *const id##_names[] = {__VA_ARGS__};                                         \
    static const struct config_codes id = {id##_names, ARRAY_LEN(id##_names), else_text}

#define REG(offset, width, text, table)                                                            \
    {                                                                                              \
        .at = (offset), .bytes = (width), .name = (text), .fields = (table),                       \
        .count = ARRAY_LEN(table)                                                                  \
    }
#define REG_ON(offset, width, text, table, mask)                                                   \
    {                                                                                              \
        .at = (offset), .bytes = (width), .name = (text), .fields = (table),                       \
        .count = ARRAY_LEN(table), .ports = (mask)                                                 \
    }

/* A register that is not in a table, for config_put_reg. */
#define REG_HERE(offset, width, text, table)                                                       \
    (&(const struct config_reg)REG(offset, width, text, table))

#define CAP(number, length, text, table)                                                           \
    {                                                                                              \
        .id = (number), .bytes = (length), .name = (text), .regs = (table),                        \
        .count = ARRAY_LEN(table)                                                                  \
    }
#define CAP_CODE(number, length, text, fn)                                                         \
    {                                                                                              \
        .id = (number), .bytes = (length), .name = (text), .decode = (fn)                          \
    }
#define CAP_BARE(number, text)                                                                     \
    {                                                                                              \
        .id = (number), .bytes = 4, .name = (text)                                                 \
    }

/* Is [offset, offset + bytes) there? */
bool config_has(const struct config_view *view, unsigned offset, unsigned bytes);

/* A register's value, little endian; 0 when it is not there. */
uint32_t config_get(const struct config_view *view, unsigned offset, unsigned bytes);
uint64_t config_get64(const struct config_view *view, unsigned low, unsigned high);

/* Add the facts of a register, when it is there and the port has it. `shift` moves it: for what
 * comes in arrays. `name` NULL: the register's. */
void config_put_reg(const struct config_view *view, const struct config_reg *reg, unsigned shift,
                    const char *name);
void config_put_regs(const struct config_view *view, const struct config_reg *regs, size_t count);

/* Add one fact that stands at `offset`; `reg` and `name` may be "". A value becomes a number or a
 * text as it would in lspci's output; number and text stay what they are. */
void config_put_flag(const struct config_view *view, unsigned offset, const char *reg,
                     const char *name, bool on);
void config_put_value(const struct config_view *view, unsigned offset, const char *reg,
                      const char *name, const char *value);
void config_put_number(const struct config_view *view, unsigned offset, const char *reg,
                       const char *name, int64_t number, const char *text);
void config_put_text(const struct config_view *view, unsigned offset, const char *reg,
                     const char *name, const char *text);
/* A value. */
void config_put_printf(const struct config_view *view, unsigned offset, const char *reg,
                       const char *name, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The text of a code. */
const char *config_code(const struct config_codes *codes, unsigned value);

/* Of config_caps_plain, in config_alloc.c. */
void config_put_allocation(const struct config_view *view);
void config_put_vendor(const struct config_view *view);

/* Intel's contents of the vendor specific capability (config_intel.c). */
void config_put_intel(const struct config_view *view);

/* The tables; each file has one, ended by a row without a name. */
extern const struct config_cap config_caps_plain[];   /* config_plain.c */
extern const struct config_cap config_caps_express[]; /* config_express.c */
extern const struct config_cap config_caps_ht[];      /* config_ht.c */
extern const struct config_cap config_ecaps_error[];  /* config_error.c */
extern const struct config_cap config_ecaps_access[]; /* config_access.c */
extern const struct config_cap config_ecaps_link[];   /* config_link.c */
extern const struct config_cap config_ecaps_vc[];     /* config_vc.c */
extern const struct config_cap config_ecaps_vendor[]; /* config_vendor.c */
extern const struct config_cap config_ecaps_ide[];    /* config_ide.c */
extern const struct config_cap config_ecaps_flit[];   /* config_flit.c */

#endif
