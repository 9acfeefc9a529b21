/* host/dmi - firmware inventory as facts, whether dmidecode printed it or we decoded the tables.
 *
 * Both parsers fill the same plain structs, so both give the same facts: `bios.*`, `system.*`,
 * `board.*`, `socket.<n>.*`, `dimm.*` on the host and `DIMM.*` on each memory slot. Slices belong
 * to the caller and must live until dmi_done. */
#ifndef HOST_DMI_H
#define HOST_DMI_H

#include "host/gather.h"

#define DMI_DIMMS_MAX   4096
#define DMI_SOCKETS_MAX 64

enum { DMI_BIOS = 0, DMI_SYSTEM = 1, DMI_BOARD = 2, DMI_PROCESSOR = 4, DMI_MEMORY = 17 };

struct dmi_number {
    int64_t value;
    uint32_t line; /* 0: the structure's */
};

struct dmi_string {
    struct str text;
    uint32_t line; /* as above */
};

struct dmi_dimm {
    uint32_t line;
    struct str locator, bank;
    struct dmi_string manufacturer, part, serial;
    struct dmi_number size_mb;                 /* 0: an empty slot, -1: not said */
    struct dmi_number speed, configured, rank; /* MT/s; 0: not said */
};

struct dmi_socket {
    uint32_t line;
    struct dmi_string model, status;
    struct dmi_number cores, enabled, threads; /* 0: not said */
};

struct dmi {
    struct gather gather;
    VEC(struct dmi_dimm) dimms;
    struct dmi_socket sockets[DMI_SOCKETS_MAX];
    size_t socket_count;
    struct buf lower; /* scratch */
};

void dmi_init(struct dmi *dmi, struct node *node, uint16_t source);

/* A text of the BIOS, system or board: "bios.vendor". Values that say nothing ("Not Specified",
 * "Default string") are left out. */
void dmi_text(struct dmi *dmi, enum fact_class class, uint32_t line, const char *path,
              struct str value);
/* Is it a filler such as "Not Specified" or "Default string"? */
bool dmi_says_nothing(struct str value);
void dmi_uuid(struct dmi *dmi, uint32_t line, struct str value);

void dmi_add_dimm(struct dmi *dmi, const struct dmi_dimm *dimm);
void dmi_add_socket(struct dmi *dmi, const struct dmi_socket *socket);

/* Attach everything and free. Returns 0 or -ENOMEM. */
int dmi_done(struct dmi *dmi, struct err *err);

#endif
