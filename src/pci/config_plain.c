/* The capabilities of conventional PCI that are not PCI Express or HyperTransport. */
#include "pci/config_view.h"

#include <stdio.h>

/* ---- power management ---- */

static int64_t aux_current(uint32_t code)
{
    static const uint16_t ma[] = {0, 55, 100, 160, 220, 270, 320, 375};

    return ma[code];
}

static void print_power_state(uint32_t code, char out[FIELD_TEXT_MAX])
{
    (void)snprintf(out, FIELD_TEXT_MAX, "D%u", code);
}

static const struct config_field pm_flags[] = {
    FLAG(3, "PMEClk"),
    FLAG(5, "DSI"),
    FLAG(9, "D1"),
    FLAG(10, "D2"),
    {.name = "AuxCurrent",
     .shift = 6,
     .bits = 3,
     .kind = FIELD_NUMBER,
     .map = aux_current,
     .unit = "mA"},
    FLAG(11, "PME.D0"),
    FLAG(12, "PME.D1"),
    FLAG(13, "PME.D2"),
    FLAG(14, "PME.D3hot"),
    FLAG(15, "PME.D3cold"),
};
static const struct config_field pm_status[] = {
    {.name = "state", .shift = 0, .bits = 2, .kind = FIELD_TEXT, .print = print_power_state},
    FLAG(3, "NoSoftRst"),
    FLAG(8, "PME-Enable"),
    NUMBER(9, 4, "DSel"),
    NUMBER(13, 2, "DScale"),
    FLAG(15, "PME"),
};
static const struct config_field pm_version[] = {NUMBER(0, 3, "version")};
static const struct config_field pm_bridge[] = {
    FLAG(7, "PM"),
    {.name = "B3", .shift = 6, .bits = 1, .kind = FIELD_CLEAR},
};
static const struct config_reg pm_regs[] = {
    REG(2, 2, "", pm_version),
    REG(2, 2, "Flags", pm_flags),
    REG(4, 2, "Status", pm_status),
};

static void power(const struct config_view *view)
{
    static const struct config_reg bridge = REG(6, 1, "Bridge", pm_bridge);

    config_put_regs(view, pm_regs, ARRAY_LEN(pm_regs));
    if (config_get(view, 6, 1))
        config_put_reg(view, &bridge, 0, NULL);
}

/* ---- AGP ---- */

static int64_t one_more(uint32_t value)
{
    return (int64_t)value + 1;
}

static const struct config_field agp_status[] = {
    NUMBER_MAP(24, 8, "RQ", one_more),
    FLAG(16, "Iso"),
    NUMBER(13, 3, "ArqSz"),
    NUMBER(10, 3, "Cal"),
    FLAG(9, "SBA"),
    FLAG(8, "ITACoh"),
    FLAG(7, "GART64"),
    FLAG(6, "HTrans"),
    FLAG(5, "64bit"),
    FLAG(4, "FW"),
    FLAG(3, "AGP3"),
};
static const struct config_field agp_command[] = {
    NUMBER_MAP(24, 8, "RQ", one_more),
    NUMBER(13, 3, "ArqSz"),
    NUMBER(10, 3, "Cal"),
    FLAG(9, "SBA"),
    FLAG(8, "AGP"),
    FLAG(7, "GART64"),
    FLAG(5, "64bit"),
    FLAG(4, "FW"),
};

static void agp_rate(const struct config_view *view, unsigned at, const char *reg, bool agp3)
{
    char text[FIELD_TEXT_MAX] = "";
    uint32_t rates = config_get(view, at, 4);
    size_t len = 0;

    if (!config_has(view, at, 4))
        return;
    for (unsigned i = 0; i < 3; i++)
        if (rates & 1u << i)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%sx%u", len ? "," : "",
                                    1u << (i + (agp3 ? 2 : 0)));
    config_put_value(view, at, reg, "Rate", len ? text : "<none>");
}

static void agp(const struct config_view *view)
{
    static const struct config_reg status = REG(4, 4, "Status", agp_status);
    static const struct config_reg command = REG(8, 4, "Command", agp_command);
    uint32_t version = config_get(view, 2, 1);
    bool agp3 = version >> 4 >= 3 && (config_get(view, 4, 4) & 8);

    if (!config_has(view, 2, 1))
        return;
    config_put_printf(view, 2, "", "version", "%x.%x", version >> 4, version & 0xf);
    config_put_reg(view, &status, 0, NULL);
    agp_rate(view, 4, "Status", agp3);
    config_put_reg(view, &command, 0, NULL);
    agp_rate(view, 8, "Command", agp3);
}

/* ---- interrupts by message ---- */

/* Messages enabled of those asked for. */
static void print_count(uint32_t code, char out[FIELD_TEXT_MAX])
{
    (void)snprintf(out, FIELD_TEXT_MAX, "%u/%u", 1u << (code >> 3), 1u << (code & 7));
}

static const struct config_field msi_head[] = {
    FLAG(0, "Enable"),
    TEXT(1, 6, "Count", print_count),
    FLAG(8, "Maskable"),
    FLAG(7, "64bit"),
};

static void msi(const struct config_view *view)
{
    static const struct config_reg head = REG(2, 2, "", msi_head);
    uint32_t flags = config_get(view, 2, 2);
    bool wide = flags & 0x80;
    unsigned data = wide ? 12 : 8, mask = wide ? 16 : 12;

    config_put_reg(view, &head, 0, NULL);
    if (!config_has(view, data, 2))
        return;
    if (wide)
        config_put_printf(view, 4, "", "Address", "%08x%08x", config_get(view, 8, 4),
                          config_get(view, 4, 4));
    else
        config_put_printf(view, 4, "", "Address", "%08x", config_get(view, 4, 4));
    config_put_printf(view, data, "", "Data", "%04x", config_get(view, data, 2));
    if (!(flags & 0x100) || !config_has(view, mask, 8))
        return;
    config_put_printf(view, mask, "", "Masking", "%08x", config_get(view, mask, 4));
    config_put_printf(view, mask + 4, "", "Pending", "%08x", config_get(view, mask + 4, 4));
}

static const struct config_field msix_head[] = {
    FLAG(15, "Enable"),
    NUMBER_MAP(0, 11, "Count", one_more),
    FLAG(14, "Masked"),
};

static void msix_table(const struct config_view *view, unsigned at, const char *name)
{
    uint32_t value = config_get(view, at, 4);

    if (!config_has(view, at, 4))
        return;
    config_put_number(view, at, name, "BAR", value & 7, NULL);
    config_put_printf(view, at, name, "offset", "%08x", value & ~7u);
}

static void msix(const struct config_view *view)
{
    static const struct config_reg head = REG(2, 2, "", msix_head);

    config_put_reg(view, &head, 0, NULL);
    msix_table(view, 4, "Vector table");
    msix_table(view, 8, "PBA");
}

/* ---- PCI-X ---- */

CODES(pcix_freq, NULL, "conv", "66MHz", "100MHz", "133MHz", "?4", "?5", "?6", "?7");
CODES(pcix_complexity, NULL, "simple", "bridge");

static int64_t pcix_block(uint32_t code)
{
    return 1 << (9 + code);
}

static int64_t pcix_cumulative(uint32_t code)
{
    return 1 << (3 + code);
}

static int64_t pcix_splits(uint32_t code)
{
    static const uint8_t splits[] = {1, 2, 3, 4, 8, 12, 16, 32};

    return splits[code];
}

static void print_pcix_dev(uint32_t code, char out[FIELD_TEXT_MAX])
{
    (void)snprintf(out, FIELD_TEXT_MAX, "%02x:%02x.%u", code >> 8, code >> 3 & 0x1f, code & 7);
}

#define PCIX_DEV                                                                                   \
    {                                                                                              \
        .name = "Dev", .shift = 0, .bits = 16, .kind = FIELD_TEXT, .print = print_pcix_dev         \
    }

static const struct config_field pcix_command[] = {
    FLAG(0, "DPERE"),
    FLAG(1, "ERO"),
    NUMBER_MAP(2, 2, "RBC", pcix_block),
    NUMBER_MAP(4, 3, "OST", pcix_splits),
};
static const struct config_field pcix_status[] = {
    PCIX_DEV,
    FLAG(16, "64bit"),
    FLAG(17, "133MHz"),
    FLAG(18, "SCD"),
    FLAG(19, "USC"),
    CODE(20, 1, "DC", pcix_complexity),
    NUMBER_MAP(21, 2, "DMMRBC", pcix_block),
    NUMBER_MAP(23, 3, "DMOST", pcix_splits),
    NUMBER_MAP(26, 3, "DMCRS", pcix_cumulative),
    FLAG(29, "RSCEM"),
    FLAG(30, "266MHz"),
    FLAG(31, "533MHz"),
};
static const struct config_field pcix_secondary[] = {
    FLAG(0, "64bit"),
    FLAG(1, "133MHz"),
    FLAG(2, "SCD"),
    FLAG(3, "USC"),
    FLAG(4, "SCO"),
    FLAG(5, "SRD"),
    CODE(6, 3, "Freq", pcix_freq),
};
static const struct config_field pcix_bridge_status[] = {
    PCIX_DEV,        FLAG(16, "64bit"), FLAG(17, "133MHz"), FLAG(18, "SCD"),
    FLAG(19, "USC"), FLAG(20, "SCO"),   FLAG(21, "SRD"),
};
static const struct config_field pcix_splits_ctl[] = {
    NUMBER(0, 16, "Capacity"),
    NUMBER(16, 16, "CommitmentLimit"),
};

static void pcix(const struct config_view *view)
{
    static const struct config_reg device[] = {
        REG(2, 2, "Command", pcix_command),
        REG(4, 4, "Status", pcix_status),
    };
    static const struct config_reg bridge[] = {
        REG(2, 2, "Secondary Status", pcix_secondary),
        REG(4, 4, "Status", pcix_bridge_status),
        REG(8, 4, "Upstream", pcix_splits_ctl),
        REG(12, 4, "Downstream", pcix_splits_ctl),
    };

    if (view->header_type > 1)
        return;
    config_put_text(view, 0, "", "type", view->header_type ? "bridge device" : "non-bridge device");
    if (view->header_type == 0)
        config_put_regs(view, device, ARRAY_LEN(device));
    else
        config_put_regs(view, bridge, ARRAY_LEN(bridge));
}

/* ---- small ones ---- */

static const struct config_field slotid_fields[] = {
    NUMBER(0, 5, "slots"),
    FLAG(5, "First"),
    HEX(8, 8, 2, "chassis"),
};
static const struct config_reg slotid_regs[] = {REG(2, 2, "", slotid_fields)};

static const struct config_field debug_fields[] = {
    NUMBER(13, 3, "BAR"),
    HEX(0, 13, 4, "offset"),
};
static const struct config_reg debug_regs[] = {REG(2, 2, "Port", debug_fields)};

static void subsystem(const struct config_view *view)
{
    static const char *const names[] = {"vendor", "device"};

    for (unsigned i = 0; i < ARRAY_LEN(names) && config_has(view, 4, 4); i++) {
        uint32_t id = config_get(view, 4 + 2 * i, 2);
        char text[8];

        (void)snprintf(text, sizeof(text), "%04x", id);
        config_put_number(view, 4 + 2 * i, "", names[i], id, text);
    }
}

static const struct config_field af_cap[] = {FLAG(0, "TP"), FLAG(1, "FLR")};
static const struct config_field af_ctrl[] = {FLAG(0, "FLR")};
static const struct config_field af_status[] = {FLAG(0, "TP")};
static const struct config_reg af_regs[] = {
    REG(3, 1, "AFCap", af_cap),
    REG(4, 1, "AFCtrl", af_ctrl),
    REG(5, 1, "AFStatus", af_status),
};

static void sata(const struct config_view *view)
{
    uint32_t version = config_get(view, 2, 1), bars = config_get(view, 4, 4);
    unsigned bar = bars & 0xf;
    char text[16];

    if (!config_has(view, 2, 1))
        return;
    (void)snprintf(text, sizeof(text), "%u.%u", version >> 4, version & 0xf);
    config_put_text(view, 2, "", "revision", text);
    if (!config_has(view, 4, 4))
        return;
    if (bar >= 4 && bar <= 9) {
        (void)snprintf(text, sizeof(text), "BAR%u", bar - 4);
        config_put_text(view, 4, "", "location", text);
        config_put_printf(view, 4, "BAR", "Offset", "%08x", bars >> 4 & 0xfffff);
    } else if (bar == 15) {
        config_put_text(view, 4, "", "location", "InCfgSpace");
    } else {
        (void)snprintf(text, sizeof(text), "BAR??%u", bar);
        config_put_text(view, 4, "", "location", text);
    }
}

const struct config_cap config_caps_plain[] = {
    CAP_CODE(0x01, 8, "PM", power),
    CAP_CODE(0x02, 12, "AGP", agp),
    CAP_BARE(0x03, "VPD"), /* what it says is read through it, not in it */
    CAP(0x04, 4, "SlotID", slotid_regs),
    CAP_CODE(0x05, 24, "MSI", msi),
    CAP_BARE(0x06, "CPCI-HS"),
    CAP_CODE(0x07, 16, "PCI-X", pcix),
    {.id = 0x09,
     .name = "Vendor",
     .decode = config_put_vendor,
     .length_at = 2,
     .length_mask = 0xff},
    CAP(0x0a, 4, "DebugPort", debug_regs),
    CAP_BARE(0x0b, "CPCI-RC"),
    CAP_BARE(0x0c, "HotPlug"),
    CAP_CODE(0x0d, 8, "SSVID", subsystem),
    CAP_BARE(0x0e, "AGP3"),
    CAP_BARE(0x0f, "Secure"),
    CAP_CODE(0x11, 12, "MSI-X", msix),
    CAP_CODE(0x12, 8, "SATA", sata),
    CAP(0x13, 6, "AF", af_regs),
    CAP_CODE(0x14, 0, "EA", config_put_allocation),
    {0},
};
