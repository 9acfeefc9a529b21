/* fleetgen/confspace - the 4096 bytes of config space of one function.
 *
 * config_build writes what is the same on every node of a kind; what differs from node to node
 * (serial numbers, interrupt lines, message addresses, sticky error bits, bus numbers) is a struct
 * config_noise, written over it by config_patch. */
#ifndef FLEETGEN_CONFSPACE_H
#define FLEETGEN_CONFSPACE_H

#include "model.h"

#define CONFIG_BYTES 4096

/* Where the capabilities lie that config_patch writes to; 0: the function has none. */
struct config_map {
    uint16_t express, msi, msix, dsn, aer;
};

struct config_noise {
    uint8_t irq;          /* 16..254 */
    uint32_t msi_address; /* below 4 GiB */
    uint16_t msi_data;
    uint64_t serial;   /* DSN */
    bool corrected;    /* DevSta.CorrErr and CESta.AdvNonFatalErr, as enumeration leaves them */
    uint8_t bus_shift; /* added to every bus number below the root ports of its root */
    uint64_t address_shift; /* added to every prefetchable address; a multiple of the largest BAR */
};

/* The layout must be there (layout_place). */
void config_build(const struct machine *machine, int index, uint8_t bytes[CONFIG_BYTES],
                  struct config_map *map);
void config_patch(const struct function *function, const struct config_map *map,
                  const struct config_noise *noise, uint8_t bytes[CONFIG_BYTES]);

/* Does the function show an interrupt pin? */
bool function_has_interrupt(const struct function *function);

/* What its DSN noise is tied to: functions of one device share a serial number, and so do the ports
 * of one switch. The index of the function that owns it. */
int function_serial_owner(const struct machine *machine, int index);

#endif
