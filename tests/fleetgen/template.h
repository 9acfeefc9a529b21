/* fleetgen/template - the text of one function with holes for what differs from node to node. */
#ifndef FLEETGEN_TEMPLATE_H
#define FLEETGEN_TEMPLATE_H

#include "base/arena.h"
#include "base/str.h"
#include "model.h"

enum hole {
    HOLE_NONE,
    HOLE_BDF,
    HOLE_IRQ,
    HOLE_PRIMARY,
    HOLE_SECONDARY,
    HOLE_SUBORDINATE,
    HOLE_ADDRESS, /* value: address on an unshifted node; width: digits, 0: as many as needed */
    HOLE_MSI_ADDRESS,
    HOLE_MSI_DATA,
    HOLE_SERIAL,
    HOLE_CORRECTED, /* '+' or '-' */
    HOLE_IOMMU,     /* the whole line */
};

/* A hole and the literal text after it. */
struct piece {
    enum hole hole;
    uint8_t width;
    uint64_t value;
    uint32_t at, len;
};

struct form {
    char *text;
    struct piece *pieces;
    size_t count;
};

struct template
{
    uint64_t key;
    struct form now, old; /* as lspci 3.9 and as 3.6 print it */
};

/* From what lspci printed of the function (`block`, ending with its last line). It and all in it
 * live in `arena`. NULL when there is no memory. */
struct template *template_make(struct arena *arena, const struct machine *machine, int index,
                               struct str block);

#endif
