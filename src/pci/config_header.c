#include "pci/config_header.h"
#include "pci/device_names.h"

#include <stdio.h>

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

/* Flags of a row of sysfs `resource` (linux/ioport.h). */
enum {
    RESOURCE_IO = 0x100,
    RESOURCE_MEMORY = 0x200,
    RESOURCE_PREFETCH = 0x2000,
    RESOURCE_64 = 0x100000,
};

CODES(devsel, NULL, "fast", "medium", "slow", "??");

static const struct config_field control_fields[] = {
    FLAG(0, "I/O"),     FLAG(1, "Mem"),      FLAG(2, "BusMaster"), FLAG(3, "SpecCycle"),
    FLAG(4, "MemWINV"), FLAG(5, "VGASnoop"), FLAG(6, "ParErr"),    FLAG(7, "Stepping"),
    FLAG(8, "SERR"),    FLAG(9, "FastB2B"),  FLAG(10, "DisINTx"),
};
static const struct config_field status_fields[] = {
    FLAG(4, "Cap"),      FLAG(5, "66MHz"),    FLAG(6, "UDF"),
    FLAG(7, "FastB2B"),  FLAG(8, "ParErr"),   CODE(9, 2, "DEVSEL", devsel),
    FLAG(11, ">TAbort"), FLAG(12, "<TAbort"), FLAG(13, "<MAbort"),
    FLAG(14, ">SERR"),   FLAG(15, "<PERR"),   FLAG(3, "INTx"),
};
static const struct config_field secondary_fields[] = {
    FLAG(5, "66MHz"),    FLAG(7, "FastB2B"),  FLAG(8, "ParErr"),   CODE(9, 2, "DEVSEL", devsel),
    FLAG(11, ">TAbort"), FLAG(12, "<TAbort"), FLAG(13, "<MAbort"), FLAG(14, "<SERR"),
    FLAG(15, "<PERR"),
};
static const struct config_field bridge_fields[] = {
    FLAG(0, "Parity"),     FLAG(1, "SERR"),         FLAG(2, "NoISA"),
    FLAG(3, "VGA"),        FLAG(4, "VGA16"),        FLAG(5, "MAbort"),
    FLAG(6, ">Reset"),     FLAG(7, "FastB2B"),      FLAG(8, "PriDiscTmr"),
    FLAG(9, "SecDiscTmr"), FLAG(10, "DiscTmrStat"), FLAG(11, "DiscTmrSERREn"),
};
static const struct config_field cardbus_fields[] = {
    FLAG(0, "Parity"), FLAG(1, "SERR"),   FLAG(2, "ISA"),    FLAG(3, "VGA"),
    FLAG(5, "MAbort"), FLAG(6, ">Reset"), FLAG(7, "16bInt"), FLAG(10, "PostWrite"),
};

static void put_id(const struct config_view *view, unsigned at, const char *name, unsigned id)
{
    char text[8];

    (void)snprintf(text, sizeof(text), "%04x", id);
    config_put_number(view, at, "", name, id, text);
}

/* Where the ids of the card stand: a bridge has them in a capability. 0: nowhere. */
static unsigned find_subsystem(const struct config_view *view)
{
    unsigned at = config_get(view, 0x34, 1) & ~3u;

    if (view->header_type == TYPE_DEVICE)
        return 0x2c;
    if (view->header_type == TYPE_CARDBUS)
        return view->end >= 0x44 ? 0x40 : 0;
    if (view->header_type != TYPE_BRIDGE || !(config_get(view, AT_STATUS, 2) & 0x10))
        return 0;
    for (unsigned hops = 0; at && hops < 64 && config_has(view, at, 8); hops++) {
        if (view->bytes[at] == 0xff)
            return 0;
        if (view->bytes[at] == 0x0d)
            return at + 4;
        at = view->bytes[at + 1] & ~3u;
    }
    return 0;
}

uint32_t config_header_subsystem(const struct config_view *view, unsigned *at)
{
    unsigned found = find_subsystem(view);
    uint32_t ids = found ? config_get(view, found, 4) : 0;
    unsigned vendor = ids & 0xffff;

    *at = vendor && vendor != 0xffff ? found : 0;
    return *at ? ids : 0;
}

static void put_header(const struct config_view *view, unsigned index)
{
    unsigned class = config_get(view, AT_CLASS + 2, 2), sub;
    uint32_t ids = config_header_subsystem(view, &sub);
    char text[8];

    (void)index;
    put_id(view, AT_CLASS + 2, "class", class);
    put_id(view, 0, "vendor", view->vendor);
    put_id(view, 2, "device", view->device);
    if (view->bytes[AT_CLASS]) {
        (void)snprintf(text, sizeof(text), "%02x", view->bytes[AT_CLASS]);
        config_put_number(view, AT_CLASS, "", "rev", view->bytes[AT_CLASS], text);
    }
    (void)snprintf(text, sizeof(text), "%02x", view->bytes[AT_CLASS + 1]);
    config_put_number(view, AT_CLASS + 1, "", "progif", view->bytes[AT_CLASS + 1], text);
    config_put_text(view, 0, "", "kind",
                    device_kind_name((int)class, view->vendor, (struct str){0}));
    if (view->header_type <= TYPE_CARDBUS)
        config_put_number(view, AT_TYPE, "", "type", view->header_type, NULL);
    if (sub) {
        put_id(view, sub, "subvendor", ids & 0xffff);
        put_id(view, sub + 2, "subdevice", ids >> 16);
    }
}

static void put_control(const struct config_view *view, unsigned index)
{
    static const struct config_reg reg = REG(AT_COMMAND, 2, "", control_fields);

    (void)index;
    config_put_reg(view, &reg, 0, NULL);
}

static void put_status(const struct config_view *view, unsigned index)
{
    static const struct config_reg reg = REG(AT_STATUS, 2, "", status_fields);

    (void)index;
    config_put_reg(view, &reg, 0, NULL);
}

/* Means nothing to a function that may not start requests. */
static void put_latency(const struct config_view *view, unsigned index)
{
    unsigned min = config_get(view, 0x3e, 1), max = config_get(view, 0x3f, 1);
    unsigned line = config_get(view, AT_CACHE_LINE, 1);

    (void)index;
    if (!(config_get(view, AT_COMMAND, 2) & COMMAND_MASTER))
        return;
    config_put_number(view, AT_LATENCY, "", "latency", config_get(view, AT_LATENCY, 1), NULL);
    if (view->header_type == TYPE_DEVICE && (min || max)) {
        char text[64];
        int len = 0;

        if (min)
            len = snprintf(text, sizeof(text), "%uns min%s", min * 250, max ? ", " : "");
        if (max)
            (void)snprintf(text + len, sizeof(text) - (size_t)len, "%uns max", max * 250);
        config_put_text(view, 0x3e, "", "range", text);
    }
    if (line)
        config_put_number(view, AT_CACHE_LINE, "", "cacheline", line * 4, NULL);
}

static void put_interrupt(const struct config_view *view, unsigned index)
{
    unsigned pin = config_get(view, AT_PIN, 1), irq = config_get(view, AT_IRQ, 1);
    char text[2] = "?";

    (void)index;
    if (!pin && !irq)
        return;
    if (pin)
        text[0] = (char)('A' + pin - 1);
    config_put_text(view, AT_PIN, "", "pin", text);
    config_put_number(view, AT_IRQ, "", "irq", irq, NULL);
}

static void put_bist(const struct config_view *view, unsigned index)
{
    unsigned bist = config_get(view, AT_BIST, 1);
    char text[32] = "is running";

    (void)index;
    if (!(bist & 0x80))
        return;
    if (!(bist & 0x40))
        (void)snprintf(text, sizeof(text), "result: %02x", bist & 0xf);
    config_put_text(view, AT_BIST, "", "result", text);
}

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
static void put_region(const struct config_view *view, unsigned index)
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

static void put_rom(const struct config_view *view, unsigned at)
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

static void put_bus(const struct config_view *view, unsigned index)
{
    static const char *const names[] = {"primary", "secondary", "subordinate", "sec-latency"};

    (void)index;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        unsigned value = config_get(view, 0x18 + i, 1);
        char text[8];

        (void)snprintf(text, sizeof(text), i == 3 ? "%u" : "%02x", value);
        config_put_number(view, 0x18 + i, "", names[i], value, text);
    }
}

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

enum { WINDOW_IO, WINDOW_MEMORY, WINDOW_PREFETCH };

static void put_bridge_window(const struct config_view *view, unsigned index)
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

static void put_cardbus_memory(const struct config_view *view, unsigned index)
{
    unsigned at = 0x1c + 8 * index;

    put_window(view, at, config_get(view, at, 4), (uint32_t)(config_get(view, at + 4, 4) + 0xfff),
               32, COMMAND_MEMORY);
}

static void put_cardbus_io(const struct config_view *view, unsigned index)
{
    unsigned at = 0x2c + 8 * index;
    uint32_t base = config_get(view, at, 4), limit = config_get(view, at + 4, 4);
    uint32_t mask = base & 1 ? ~3u : 0xfffcu;

    put_window(view, at, base & mask, (limit & mask) + 3, 32, COMMAND_IO);
}

static void put_secondary(const struct config_view *view, unsigned index)
{
    static const struct config_reg reg = REG(0x1e, 2, "", secondary_fields);

    (void)index;
    config_put_reg(view, &reg, 0, NULL);
}

static void put_bridge_control(const struct config_view *view, unsigned index)
{
    static const struct config_reg bridge = REG(0x3e, 2, "", bridge_fields);
    static const struct config_reg cardbus = REG(0x3e, 2, "", cardbus_fields);

    (void)index;
    config_put_reg(view, view->header_type == TYPE_CARDBUS ? &cardbus : &bridge, 0, NULL);
}

#define PARTS_HEAD                                                                                 \
    {"Header", 0, 0x10, 0, put_header}, {"Control", AT_COMMAND, 6, 0, put_control},                \
        {"Status", AT_STATUS, 8, 0, put_status},                                                   \
        {"Latency", 0x3e, 0x40, 0, put_latency, AT_CACHE_LINE, AT_TYPE},                           \
        {"Interrupt", AT_IRQ, 0x3e, 0, put_interrupt},                                             \
    {                                                                                              \
        "BIST", AT_BIST, 0x10, 0, put_bist                                                         \
    }

/* Whether a BAR is the upper half of another depends on those before it. */
#define REGION(number)                                                                             \
    {                                                                                              \
        "Region" #number, AT_BAR + 4 * number, AT_BAR + 4 * number + 4, number, put_region,        \
            AT_BAR, AT_BAR + 4 * number + 8, number + 1                                            \
    }
#define ROM(where)                                                                                 \
    {                                                                                              \
        "ROM", where, where + 4, where, put_rom, 0, 0, PCI_CONFIG_ROM + 1                          \
    }

static const struct config_part device_parts[] = {
    PARTS_HEAD, REGION(0), REGION(1), REGION(2), REGION(3), REGION(4), REGION(5), ROM(0x30),
};
static const struct config_part bridge_parts[] = {
    PARTS_HEAD,
    REGION(0),
    REGION(1),
    {"Bus", 0x18, 0x1c, 0, put_bus},
    {"IOWindow", 0x1c, 0x34, WINDOW_IO, put_bridge_window},
    {"MemWindow", 0x20, 0x24, WINDOW_MEMORY, put_bridge_window},
    {"PrefWindow", 0x24, 0x30, WINDOW_PREFETCH, put_bridge_window},
    {"SecondaryStatus", 0x1e, 0x20, 0, put_secondary},
    ROM(0x38),
    {"BridgeCtl", 0x3e, 0x40, 0, put_bridge_control},
};
static const struct config_part cardbus_parts[] = {
    PARTS_HEAD,
    REGION(0),
    {"Bus", 0x18, 0x1c, 0, put_bus},
    {"MemWindow0", 0x1c, 0x24, 0, put_cardbus_memory},
    {"MemWindow1", 0x24, 0x2c, 1, put_cardbus_memory},
    {"IOWindow0", 0x2c, 0x34, 0, put_cardbus_io},
    {"IOWindow1", 0x34, 0x3c, 1, put_cardbus_io},
    {"BridgeCtl", 0x3e, 0x40, 0, put_bridge_control},
};

const struct config_part *config_header_parts(unsigned header_type, size_t *count)
{
    switch (header_type) {
    case TYPE_DEVICE:
        *count = ARRAY_LEN(device_parts);
        return device_parts;
    case TYPE_BRIDGE:
        *count = ARRAY_LEN(bridge_parts);
        return bridge_parts;
    case TYPE_CARDBUS:
        *count = ARRAY_LEN(cardbus_parts);
        return cardbus_parts;
    default:
        *count = 1;
        return device_parts;
    }
}

void config_header_read(struct config_view *view)
{
    view->vendor = (uint16_t)config_get(view, 0, 2);
    view->device = (uint16_t)config_get(view, 2, 2);
    view->header_type = config_get(view, AT_TYPE, 1) & 0x7f;
    if (view->header_type > TYPE_CARDBUS)
        return;
    for (unsigned i = 0; i < bar_count(view); i++) {
        uint32_t value = bar(view, i);

        view->has_memory |= value && !(value & 1);
        i += is_wide(value);
    }
}
