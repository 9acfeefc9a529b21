#include "pci/config_header.h"

#include "pci/config_region.h"
#include "pci/device_names.h"

#include <stdio.h>

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
        "Region" #number, AT_BAR + 4 * number, AT_BAR + 4 * number + 4, number,                    \
            config_region_put_bar, AT_BAR, AT_BAR + 4 * number + 8, number + 1                     \
    }
#define ROM(where)                                                                                 \
    {                                                                                              \
        "ROM", where, where + 4, where, config_region_put_rom, 0, 0, PCI_CONFIG_ROM + 1            \
    }

static const struct config_part device_parts[] = {
    PARTS_HEAD, REGION(0), REGION(1), REGION(2), REGION(3), REGION(4), REGION(5), ROM(0x30),
};
static const struct config_part bridge_parts[] = {
    PARTS_HEAD,
    REGION(0),
    REGION(1),
    {"Bus", 0x18, 0x1c, 0, put_bus},
    {"IOWindow", 0x1c, 0x34, WINDOW_IO, config_region_put_window},
    {"MemWindow", 0x20, 0x24, WINDOW_MEMORY, config_region_put_window},
    {"PrefWindow", 0x24, 0x30, WINDOW_PREFETCH, config_region_put_window},
    {"SecondaryStatus", 0x1e, 0x20, 0, put_secondary},
    ROM(0x38),
    {"BridgeCtl", 0x3e, 0x40, 0, put_bridge_control},
};
static const struct config_part cardbus_parts[] = {
    PARTS_HEAD,
    REGION(0),
    {"Bus", 0x18, 0x1c, 0, put_bus},
    {"MemWindow0", 0x1c, 0x24, 0, config_region_put_cardbus_memory},
    {"MemWindow1", 0x24, 0x2c, 1, config_region_put_cardbus_memory},
    {"IOWindow0", 0x2c, 0x34, 0, config_region_put_cardbus_io},
    {"IOWindow1", 0x34, 0x3c, 1, config_region_put_cardbus_io},
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
    view->has_memory = config_region_has_memory(view);
}
