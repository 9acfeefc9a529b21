#include "pci/config_region.h"

#include <stdio.h>

/* Flags of a row of sysfs `resource` (linux/ioport.h). */
enum {
    RESOURCE_IO = 0x100,
    RESOURCE_MEMORY = 0x200,
    RESOURCE_PREFETCH = 0x2000,
    RESOURCE_64 = 0x100000,
};

/* ---- base addresses ---- */

/* How many BARs a header of this type has. */
static unsigned bar_count(const struct config_view *view)
{
    return view->header_type == TYPE_DEVICE ? 6 : view->header_type == TYPE_BRIDGE ? 2 : 1;
}

static uint32_t bar(const struct config_view *view, unsigned index)
{
    uint32_t value = config_get(view, AT_BAR + 4 * index, 4);

    return value == UINT32_MAX ? 0 : value;
}

static bool is_wide(uint32_t value)
{
    return !(value & 1) && (value & 6) == 4;
}

/* Is this BAR the upper half of the one before it? */
static bool is_upper(const struct config_view *view, unsigned index)
{
    unsigned i = 0;

    while (i < index)
        i += is_wide(bar(view, i)) ? 2 : 1;
    return i > index;
}

static uint32_t resource_bits(uint64_t flags)
{
    if (flags & RESOURCE_IO)
        return 1;
    return (flags & RESOURCE_64 ? 4 : 0) | (flags & RESOURCE_PREFETCH ? 8 : 0);
}

static void put_size(const struct config_view *view, const struct pci_resource *resource,
                     unsigned at)
{
    char text[SIZE_TEXT_MAX];
    uint64_t size = resource->end - resource->start + 1;
    struct str printed;

    if (resource->end <= resource->start || size > INT64_MAX)
        return;
    printed = size_print(size, text);
    text[printed.len] = 0;
    config_put_number(view, at, "", "size", (int64_t)size, text);
}

static void put_address(const struct config_view *view, unsigned at, uint64_t address, int digits)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%0*llx", digits, (unsigned long long)address);
    config_put_number(view, at, "", "address", (int64_t)address, text);
}

/* As the hardware has it, and what the system says where it differs: `ignored` is an address that
 * the system did not take, `virtual` one that the hardware does not have. */
void config_region_put_bar(const struct config_view *view, unsigned index)
{
    static const char *const widths[] = {"32-bit", "low-1M", "64-bit", "type 3"};
    const struct pci_resource *resource = view->resources ? &view->resources[index] : NULL;
    unsigned at = AT_BAR + 4 * index, command = config_get(view, AT_COMMAND, 2);
    uint32_t low = bar(view, index), bits = low;
    uint64_t address, hardware = low & (low & 1 ? ~3u : ~0xfu);
    bool io, enabled, size = resource && resource->end > resource->start;

    if (index >= bar_count(view) || is_upper(view, index))
        return;
    if (is_wide(low) && index + 1 < bar_count(view))
        hardware |= (uint64_t)bar(view, index + 1) << 32;
    address = hardware;
    if (resource && resource->flags) {
        bits = resource_bits(resource->flags);
        address = resource->start;
    } else if (!low && !size) {
        return;
    }
    io = bits & 1;
    enabled = command & (io ? COMMAND_IO : COMMAND_MEMORY);
    config_put_printf(view, at, "", "type", io ? "I/O" : "%s, %sprefetchable",
                      widths[bits >> 1 & 3], bits & 8 ? "" : "non-");
    if (size)
        put_size(view, resource, at);
    if (!address && !(io && enabled)) {
        config_put_text(view, at, "", "state", hardware ? "ignored" : "unassigned");
        return;
    }
    config_put_text(view, at, "", "state",
                    resource && address && !hardware ? "virtual"
                    : enabled                        ? "assigned"
                                                     : "disabled");
    put_address(view, at, address, io ? 4 : 8);
}

void config_region_put_rom(const struct config_view *view, unsigned at)
{
    const struct pci_resource *resource = view->resources ? &view->resources[PCI_CONFIG_ROM] : NULL;
    uint32_t rom = config_get(view, at, 4), hardware = rom & ~0x7ffu;
    uint64_t address = rom == UINT32_MAX ? 0 : hardware;
    bool enabled = rom & 1, size = resource && resource->end > resource->start;

    if (resource && resource->flags)
        address = resource->start;
    else if (!rom)
        return;
    if (size)
        put_size(view, resource, at);
    if (!address) {
        config_put_text(view, at, "", "state", hardware ? "ignored" : "unassigned");
        return;
    }
    if (!hardware)
        config_put_text(view, at, "", "state", "virtual");
    else
        config_put_text(view, at, "", "state",
                        enabled && (config_get(view, AT_COMMAND, 2) & COMMAND_MEMORY) ? "assigned"
                                                                                      : "disabled");
    put_address(view, at, address, 8);
}

/* ---- bridges ---- */

/* A window of a bridge: [base, limit]; closed when they are the wrong way round, or when one of the
 * bits `needs` of the command register is off. */
static void put_window(const struct config_view *view, unsigned at, uint64_t base, uint64_t limit,
                       int bits, unsigned needs)
{
    bool open = (config_get(view, AT_COMMAND, 2) & needs) == needs;

    if (open && base <= limit) {
        struct pci_resource range = {base, limit, 0};

        put_size(view, &range, at);
        config_put_text(view, at, "", "state", "assigned");
        put_address(view, at, base, (bits + 3) / 4);
    } else {
        config_put_text(view, at, "", "state", "disabled");
    }
    if (view->header_type == TYPE_BRIDGE)
        config_put_number(view, at, "", "bits", bits, NULL);
}

void config_region_put_window(const struct config_view *view, unsigned index)
{
    uint64_t base, limit;
    unsigned at, type;
    bool wide;

    if (index == WINDOW_IO) {
        base = config_get(view, 0x1c, 1);
        limit = config_get(view, 0x1d, 1);
        type = base & 0xf;
        if (type != (limit & 0xf) || type > 1)
            return; /* no such type */
        wide = type == 1;
        base = (base & 0xf0) << 8 | (wide ? config_get(view, 0x30, 2) << 16 : 0);
        limit = (limit & 0xf0) << 8 | (wide ? config_get(view, 0x32, 2) << 16 : 0);
        put_window(view, 0x1c, base, limit + 0xfff, wide ? 32 : 16, 0);
        return;
    }
    at = index == WINDOW_MEMORY ? 0x20 : 0x24;
    base = config_get(view, at, 2);
    limit = config_get(view, at + 2, 2);
    type = base & 0xf;
    if (type != (limit & 0xf) || type > (index == WINDOW_PREFETCH))
        return;
    wide = type == 1;
    base = (base & 0xfff0) << 16 | (wide ? (uint64_t)config_get(view, 0x28, 4) << 32 : 0);
    limit = (limit & 0xfff0) << 16 | (wide ? (uint64_t)config_get(view, 0x2c, 4) << 32 : 0);
    put_window(view, at, base, limit + 0xfffff, wide ? 64 : 32, 0);
}

void config_region_put_cardbus_memory(const struct config_view *view, unsigned index)
{
    unsigned at = 0x1c + 8 * index;

    put_window(view, at, config_get(view, at, 4), (uint32_t)(config_get(view, at + 4, 4) + 0xfff),
               32, COMMAND_MEMORY);
}

void config_region_put_cardbus_io(const struct config_view *view, unsigned index)
{
    unsigned at = 0x2c + 8 * index;
    uint32_t base = config_get(view, at, 4), limit = config_get(view, at + 4, 4);
    uint32_t mask = base & 1 ? ~3u : 0xfffcu;

    put_window(view, at, base & mask, (limit & mask) + 3, 32, COMMAND_IO);
}

bool config_region_has_memory(const struct config_view *view)
{
    for (unsigned i = 0; i < bar_count(view); i++) {
        uint32_t value = bar(view, i);

        if (value && !(value & 1))
            return true;
        i += is_wide(value);
    }
    return false;
}
