/* host/ib_facts - one spelling for what sysfs, ibstat, ibstatus and ibv_devinfo say of a port.
 *
 * The calls add to the builder's open block, which is "ib". A value that can't be understood is
 * kept as it stands. */
#ifndef HOST_IB_FACTS_H
#define HOST_IB_FACTS_H

#include "facts/node.h"

enum ib_value {
    IB_TEXT,
    IB_NUMBER, /* decimal or 0x..; "4096 (5)" is 4096 */
    IB_STATE,  /* "4: ACTIVE", "Active", "PORT_ACTIVE (4)" -> "ACTIVE" */
    IB_PHYS,   /* "5: LinkUp", "LINK_UP (5)" -> "LinkUp" */
    IB_RATE,   /* "400 Gb/sec (4X NDR)" -> ib.rate_gbs, ib.width, ib.speed_name */
    IB_WIDTH,  /* "4X (2)" -> "4X" */
    IB_SPEED,  /* "100.0 Gbps (128)" -> "NDR" */
    IB_GUID,   /* "0x946dae0300abcdef" -> "946d:ae03:00ab:cdef" */
    IB_PART,   /* "4129" -> "MT4129" */
};

/* One row of a source's table: its key, our name under "ib.". */
struct ib_row {
    const char *key, *name;
    enum ib_value value;
    enum fact_class class;
};

void ib_add(struct fact_builder *builder, const struct ib_row *row, uint32_t line,
            struct str value);

/* Gb/s of a port from "4X" and "NDR"; 0 when either is not known. */
unsigned ib_rate_of(struct str width, struct str speed_name);

/* The speed's name in an IB_SPEED value; empty when it is not known. */
struct str ib_speed_name(struct str value);

/* A GUID of up to 16 hex digits, with "0x" and ':' or without, as sysfs prints it. 0 or -EINVAL. */
#define IB_GUID_TEXT_MAX 20
int ib_guid(struct str value, char out[IB_GUID_TEXT_MAX]);

/* The subject "mlx5_0/1"; 0 (the host) when the name is too long. */
uint32_t ib_subject(struct node *node, struct str device, struct str port);

/* Say on which PCI function the subject stands: `ib.pci`'s counterpart that is kept always. */
void ib_set_pci(struct node *node, uint32_t subject, uint64_t bdf);

/* The first port, by name, on this PCI function, or -1. */
int ib_find_pci(const struct node *node, uint64_t bdf);

/* The last part of a path ("../../../0000:19:00.0/infiniband/mlx5_0") that is a PCI address. */
bool ib_path_bdf(struct str path, uint64_t *bdf);

#endif
