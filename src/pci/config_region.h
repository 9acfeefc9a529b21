/* pci/config_region - where a function lies in memory and I/O space: base addresses, the ROM, the
 * windows of bridges. Private to config*.c.
 *
 * Each call adds the facts of one region to the open block, none when there is no such region. */
#ifndef PCI_CONFIG_REGION_H
#define PCI_CONFIG_REGION_H

#include "pci/config_view.h"

/* Offsets, bits and types of the header. */
enum {
    AT_COMMAND = 0x04,
    AT_STATUS = 0x06,
    AT_CLASS = 0x08,
    AT_CACHE_LINE = 0x0c,
    AT_LATENCY = 0x0d,
    AT_TYPE = 0x0e,
    AT_BIST = 0x0f,
    AT_BAR = 0x10,
    AT_IRQ = 0x3c,
    AT_PIN = 0x3d,
    COMMAND_IO = 1,
    COMMAND_MEMORY = 2,
    COMMAND_MASTER = 4,
    TYPE_DEVICE = 0,
    TYPE_BRIDGE = 1,
    TYPE_CARDBUS = 2,
};

enum { WINDOW_IO, WINDOW_MEMORY, WINDOW_PREFETCH };

void config_region_put_bar(const struct config_view *view, unsigned index);
void config_region_put_rom(const struct config_view *view, unsigned at);
void config_region_put_window(const struct config_view *view, unsigned window);
void config_region_put_cardbus_memory(const struct config_view *view, unsigned index);
void config_region_put_cardbus_io(const struct config_view *view, unsigned index);

/* Does any BAR ask for memory? */
bool config_region_has_memory(const struct config_view *view);

#endif
