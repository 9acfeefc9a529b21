/* fleetgen/layout - bus numbers, BAR addresses and bridge windows, as firmware would give them.
 *
 * Buses are numbered depth first below each root. Memory BARs of one root are packed below 4 GiB,
 * prefetchable ones in a TiB of their own per root, both naturally aligned, bridges' windows to 1
 * MiB. */
#ifndef FLEETGEN_LAYOUT_H
#define FLEETGEN_LAYOUT_H

#include "model.h"

/* Fill in the layout part of every function that is not absent. */
void layout_place(struct machine *machine);

#endif
