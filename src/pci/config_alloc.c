/* Two capabilities of conventional PCI that are lists of their own making: enhanced allocation and
 * what vendors put into theirs. */
#include "pci/config_view.h"

#include <stdio.h>

/* ---- enhanced allocation ---- */

CODES(ea_bars, "reserved", "BAR 0", "BAR 1", "BAR 2", "BAR 3", "BAR 4", "BAR 5",
      "resource behind function", "not indicated", "expansion ROM", "VF-BAR 0", "VF-BAR 1",
      "VF-BAR 2", "VF-BAR 3", "VF-BAR 4", "VF-BAR 5");

static void ea_property(const struct config_view *view, unsigned at, const char *reg,
                        const char *name, unsigned code, bool secondary)
{
    static const char *const low[] = {
        "memory space, non-prefetchable",
        "memory space, prefetchable",
        "I/O space",
        "VF memory space, prefetchable",
        "VF memory space, non-prefetchable",
        "allocation behind bridge, non-prefetchable memory",
        "allocation behind bridge, prefetchable memory",
        "allocation behind bridge, I/O space",
    };

    if (code < ARRAY_LEN(low))
        config_put_value(view, at, reg, name, low[code]);
    else if (code == 0xfd)
        config_put_value(view, at, reg, name, "memory space resource unavailable for use");
    else if (code == 0xfe)
        config_put_value(view, at, reg, name, "I/O space resource unavailable for use");
    else if (code == 0xff)
        config_put_value(view, at, reg, name,
                         secondary ? "entry unavailable for use, PrimaryProperties should be used"
                                   : "entry unavailable for use");
    else
        config_put_printf(view, at, reg, name, "[%02x]", code);
}

static void ea_entry(const struct config_view *view, unsigned at, unsigned index)
{
    uint32_t head = config_get(view, at, 4);
    uint32_t base = config_get(view, at + 4, 4), limit = config_get(view, at + 8, 4);
    unsigned high = at + 12;
    char reg[32], text[FIELD_TEXT_MAX];
    size_t len = 0;

    (void)snprintf(reg, sizeof(reg), "Entry %u", index);
    config_put_flag(view, at, reg, "Enable", head & 1u << 31);
    config_put_flag(view, at, reg, "Writable", head & 1u << 30);
    config_put_number(view, at, reg, "EntrySize", head & 7, NULL);
    config_put_value(view, at, reg, "BAR Equivalent Indicator",
                     config_code(&ea_bars, head >> 4 & 0xf));
    ea_property(view, at, reg, "PrimaryProperties", head >> 8 & 0xff, false);
    ea_property(view, at, reg, "SecondaryProperties", head >> 16 & 0xff, true);
    if (base & 2) {
        len = (size_t)snprintf(text, sizeof(text), "%x", config_get(view, high, 4));
        high += 4;
    }
    (void)snprintf(text + len, sizeof(text) - len, "%08x", base & ~3u);
    config_put_value(view, at + 4, reg, "Base", text);
    len = 0;
    if (limit & 2)
        len = (size_t)snprintf(text, sizeof(text), "%x", config_get(view, high, 4));
    (void)snprintf(text + len, sizeof(text) - len, "%08x", limit | 3);
    config_put_value(view, at + 8, reg, "MaxOffset", text);
}

void config_put_allocation(const struct config_view *view)
{
    unsigned count = config_get(view, 2, 1) & 0x3f, at = 4;

    if (!config_has(view, 2, 1))
        return;
    config_put_number(view, 2, "", "NumEntries", count, NULL);
    if (view->header_type == 1) {
        at = 8;
        if (!config_has(view, 4, 2))
            return;
        config_put_number(view, 4, "", "secondary", config_get(view, 4, 1), NULL);
        config_put_number(view, 5, "", "subordinate", config_get(view, 5, 1), NULL);
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned words = config_get(view, at, 4) & 7;

        if (!config_has(view, at, 4 + 4 * words))
            return;
        ea_entry(view, at, i);
        at += 4 + 4 * words;
    }
}

/* ---- vendor specific ---- */

static void virtio(const struct config_view *view, unsigned length, unsigned type)
{
    static const char *const types[] = {NULL, "CommonCfg", "Notify", "ISR",         "DeviceCfg",
                                        NULL, NULL,        NULL,     "SharedMemory"};
    const char *name = type < ARRAY_LEN(types) && types[type] ? types[type] : "<unknown>";

    config_put_text(view, 3, "", "VirtIO", name);
    config_put_number(view, 4, "VirtIO", "BAR", config_get(view, 4, 1), NULL);
    if (type == 8) {
        config_put_printf(view, 8, "VirtIO", "offset", "%08x%08x", config_get(view, 16, 4),
                          config_get(view, 8, 4));
        config_put_printf(view, 12, "VirtIO", "size", "%08x%08x", config_get(view, 20, 4),
                          config_get(view, 12, 4));
        config_put_number(view, 5, "VirtIO", "id", config_get(view, 5, 1), NULL);
    } else {
        config_put_printf(view, 8, "VirtIO", "offset", "%08x", config_get(view, 8, 4));
        config_put_printf(view, 12, "VirtIO", "size", "%08x", config_get(view, 12, 4));
    }
    if (type == 2 && length >= 20)
        config_put_printf(view, 16, "VirtIO", "multiplier", "%08x", config_get(view, 16, 4));
}

void config_put_vendor(const struct config_view *view)
{
    unsigned length = config_get(view, 2, 1), type = config_get(view, 3, 1);

    if (!config_has(view, 2, 2))
        return;
    if (view->vendor == 0x1af4 && view->device >= 0x1000 && view->device <= 0x107f &&
        length >= 16 && config_has(view, 0, length))
        virtio(view, length, type);
    else
        config_put_printf(view, 2, "", "Len", "%02x", length);
    if (view->vendor == 0x8086)
        config_put_intel(view);
}
