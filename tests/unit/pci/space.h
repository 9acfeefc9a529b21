/* A made-up configuration space for tests: a root port with the capabilities that rules rest on. */
#ifndef TESTS_PCI_SPACE_H
#define TESTS_PCI_SPACE_H

#include <stdint.h>
#include <string.h>

enum {
    SPACE_BYTES = 4096,
    SPACE_PM = 0x40,
    SPACE_MSI = 0x50,
    SPACE_EXPRESS = 0x70,
    SPACE_AER = 0x100,
    SPACE_ACS = 0x148,
    SPACE_L1SS = 0x160,
};

static inline void space_put(uint8_t *space, unsigned at, unsigned bytes, uint32_t value)
{
    for (unsigned i = 0; i < bytes; i++)
        space[at + i] = (uint8_t)(value >> 8 * i);
}

static inline void space_root_port(uint8_t space[SPACE_BYTES])
{
    memset(space, 0, SPACE_BYTES);
    space_put(space, 0x00, 2, 0x8086);
    space_put(space, 0x02, 2, 0x352a);
    space_put(space, 0x04, 2, 0x0407);
    space_put(space, 0x06, 2, 0x0010);
    space_put(space, 0x08, 4, 0x06040004);
    space_put(space, 0x0e, 1, 1);
    space_put(space, 0x10, 4, 0xfe80000c); /* 64-bit, prefetchable */
    space_put(space, 0x14, 4, 0x00000001);
    space_put(space, 0x18, 4, 0x00201715);
    space_put(space, 0x1c, 2, 0x00f0);
    space_put(space, 0x20, 4, 0xa3f0a000);
    space_put(space, 0x24, 4, 0x1ff10001);
    space_put(space, 0x28, 4, 0x20);
    space_put(space, 0x2c, 4, 0x23);
    space_put(space, 0x34, 1, SPACE_PM);
    space_put(space, SPACE_PM, 4, 0xc8030001 | SPACE_MSI << 8);
    space_put(space, SPACE_MSI, 4, 0x01800005 | SPACE_EXPRESS << 8);
    space_put(space, SPACE_EXPRESS, 4, 0x01420010); /* version 2, root port with a slot */
    space_put(space, SPACE_EXPRESS + 4, 4, 0x00008002);
    space_put(space, SPACE_EXPRESS + 8, 4, 0x0000513f);
    space_put(space, SPACE_EXPRESS + 12, 4, 0x0d707905);
    space_put(space, SPACE_EXPRESS + 16, 4, 0x71050040);
    space_put(space, SPACE_EXPRESS + 44, 4, 0x0180003e);
    space_put(space, SPACE_EXPRESS + 48, 4, 0x001e0005);
    space_put(space, SPACE_AER, 4, SPACE_ACS << 20 | 0x20001);
    space_put(space, SPACE_ACS, 4, SPACE_L1SS << 20 | 0x1000d);
    space_put(space, SPACE_ACS + 4, 4, 0x001d005f);
    space_put(space, SPACE_L1SS, 4, 0x1001e);
    space_put(space, SPACE_L1SS + 4, 4, 0x0028321f);
}

#endif
