/* fleetgen/write - a fleet as folders on a disk, with the measurements and the truth beside them.
 */
#ifndef FLEETGEN_WRITE_H
#define FLEETGEN_WRITE_H

#include "fleetgen.h"

struct write_options {
    uint32_t pairs; /* rows of pairs.csv; 0: none */
    bool bytes;     /* sys/bus/pci/devices/<bdf>/config ... in place of lspci.txt */
    bool hex;       /* also lspci-hex.txt, for `lspci -F` */
    bool snap;      /* <folder>/n001.snap with the same files, in place of the folder n001 */
};

/* Write <folder>/n001/lspci.txt ... (or n001.snap), bw.csv, slow.txt, pairs.csv, truth.json. The
 * folder is made when it is not there; what it holds is overwritten. Returns 0 or a negative errno.
 */
int gen_write(const struct gen_fleet *fleet, const char *folder,
              const struct write_options *options, struct err *err);

#endif
