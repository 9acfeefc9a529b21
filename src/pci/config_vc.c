/* Extended capabilities of virtual channels and of what a root complex is made of. */
#include "pci/config_view.h"

#include <stdio.h>

CODES(arbiters, NULL, "Fixed", "WRR32", "WRR64", "WRR128", "??4", "??5", "??6", "??7");
CODES(vc_arbiters, NULL, "Fixed", "WRR32", "WRR64", "WRR128", "TWRR128", "WRR256", "??6", "??7");
CODES(ref_clocks, NULL, "100ns", "??1", "??2", "??3");

static int64_t power_of_two(uint32_t code)
{
    return 1 << code;
}

static int64_t one_more(uint32_t value)
{
    return (int64_t)value + 1;
}

static const struct config_field vc_caps[] = {
    NUMBER(4, 3, "LPEVC"),
    CODE(8, 2, "RefClk", ref_clocks),
    NUMBER_MAP(10, 2, "PATEntryBits", power_of_two),
};
static const struct config_field vc_ctrl[] = {CODE(1, 3, "ArbSelect", arbiters)};
static const struct config_field vc_status[] = {FLAG(0, "InProgress")};
static const struct config_field vc_res_caps[] = {
    HEX(24, 8, 2, "Caps.PATOffset"),
    NUMBER_MAP(16, 7, "Caps.MaxTimeSlots", one_more),
    FLAG(15, "Caps.RejSnoopTrans"),
};
static const struct config_field vc_res_ctrl[] = {
    FLAG(31, "Ctrl.Enable"),
    NUMBER(24, 3, "Ctrl.ID"),
    CODE(17, 3, "Ctrl.ArbSelect", vc_arbiters),
    HEX(0, 8, 2, "Ctrl.TC/VC"),
};
static const struct config_field vc_res_status[] = {
    FLAG(1, "Status.NegoPending"),
    FLAG(0, "Status.InProgress"),
};

/* Arbitration schemes nobody has defined yet are facts only when they are there. */
static void put_arbiters(const struct config_view *view, unsigned at, const char *reg,
                         const char *prefix, const struct config_codes *codes)
{
    uint32_t bits = config_get(view, at, 1);
    char name[32];

    for (unsigned i = 0; i < 8; i++) {
        if (codes->names[i][0] == '?' && !(bits & 1u << i))
            continue;
        (void)snprintf(name, sizeof(name), "%s%s", prefix, codes->names[i]);
        config_put_flag(view, at, reg, name, bits & 1u << i);
    }
}

static void put_channel(const struct config_view *view, unsigned index)
{
    static const struct config_reg caps = REG(16, 4, "", vc_res_caps);
    static const struct config_reg rest[] = {
        REG(20, 4, "", vc_res_ctrl),
        REG(26, 2, "", vc_res_status),
    };
    unsigned shift = 12 * index;
    char reg[8];

    (void)snprintf(reg, sizeof(reg), "VC%u", index);
    if (!config_has(view, 16 + shift, 12))
        return;
    config_put_reg(view, &caps, shift, reg);
    put_arbiters(view, 16 + shift, reg, "Arb.", &vc_arbiters);
    config_put_reg(view, &rest[0], shift, reg);
    config_put_reg(view, &rest[1], shift, reg);
    if (config_get(view, 19 + shift, 1))
        config_put_flag(view, 19 + shift, reg, "Port Arbitration Table", true);
}

static void virtual_channels(const struct config_view *view)
{
    static const struct config_reg caps = REG(4, 4, "Caps", vc_caps);
    static const struct config_reg rest[] = {
        REG(12, 2, "Ctrl", vc_ctrl),
        REG(14, 2, "Status", vc_status),
    };
    unsigned count = config_get(view, 4, 1) & 7, table = config_get(view, 11, 1);
    char text[8];

    config_put_reg(view, &caps, 0, NULL);
    if (config_has(view, 8, 4))
        put_arbiters(view, 8, "Arb", "", &arbiters);
    config_put_regs(view, rest, ARRAY_LEN(rest));
    if (table) {
        (void)snprintf(text, sizeof(text), "%x", view->at + 16 * table);
        config_put_number(view, 11, "", "Port Arbitration Table", view->at + 16 * table, text);
    }
    for (unsigned i = 0; i <= count; i++)
        put_channel(view, i);
}

/* ---- root complex ---- */

CODES(element_types, NULL, "Config", "Egress", "Internal");
CODES(link_types, NULL, "MemMapped", "Config");

static const struct config_field rc_desc[] = {
    HEX(24, 8, 2, "PortNumber"),
    HEX(16, 8, 2, "ComponentID"),
};
static const struct config_field rc_link_desc[] = {
    HEX(24, 8, 2, "Desc.TargetPort"), HEX(16, 8, 2, "Desc.TargetComponent"),
    FLAG(2, "Desc.AssocRCRB"),        CODE(1, 1, "Desc.LinkType", link_types),
    FLAG(0, "Desc.LinkValid"),
};

static void put_link(const struct config_view *view, unsigned index)
{
    static const struct config_reg desc = REG(16, 4, "", rc_link_desc);
    unsigned at = 16 + 16 * index;
    uint32_t low = config_get(view, at + 8, 4), high = config_get(view, at + 12, 4);
    unsigned bus_bits = low & 7 ? low & 7 : 8;
    char reg[16];

    (void)snprintf(reg, sizeof(reg), "Link%u", index);
    config_put_reg(view, &desc, 16 * index, reg);
    if (config_get(view, at, 1) & 2) {
        config_put_printf(view, at + 8, reg, "Addr", "%02x:%02x.%u CfgSpace=%08x%08x",
                          low >> 20 & ((1u << bus_bits) - 1), low >> 15 & 0x1f, low >> 12 & 7, high,
                          low);
    } else {
        config_put_printf(view, at + 8, reg, "Addr", "%08x%08x", high, low);
    }
}

static void root_links(const struct config_view *view)
{
    static const struct config_reg desc = REG(4, 4, "Desc", rc_desc);
    unsigned type = config_get(view, 4, 1), count = config_get(view, 5, 1);
    char text[8];

    if (!config_has(view, 4, 4))
        return;
    config_put_reg(view, &desc, 0, NULL);
    (void)snprintf(text, sizeof(text), "??%u", type);
    config_put_value(view, 4, "Desc", "EltType",
                     type < element_types.count ? element_types.names[type] : text);
    for (unsigned i = 0; i < count && config_has(view, 16 + 16 * i, 16); i++)
        put_link(view, i);
}

/* lspci words a run of devices by its ends only when the run ends before device 31. */
static void put_endpoints(const struct config_view *view, uint32_t bitmap)
{
    static const char head[] = "RCiEP at Device(s):";
    char text[256];
    size_t len = (size_t)snprintf(text, sizeof(text), head);

    if (!bitmap) {
        config_put_text(view, 4, "", "RCiEPBitmap", "00000000 [none]");
        return;
    }
    for (unsigned i = 0, run = 0; i < 32; i++) {
        if (bitmap & 1u << i) {
            if (!run++)
                len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %u",
                                        len > sizeof(head) ? "," : "", i);
        } else {
            if (run > 1)
                len += (size_t)snprintf(text + len, sizeof(text) - len, "-%u", i - 1);
            run = 0;
        }
    }
    config_put_text(view, 4, "", "RCiEPBitmap", text);
}

static void event_collector(const struct config_view *view)
{
    unsigned version = config_get(view, 2, 1) & 0xf;
    unsigned next = config_get(view, 9, 1), last = config_get(view, 10, 1);

    if (!config_has(view, 4, 4))
        return;
    put_endpoints(view, config_get(view, 4, 4));
    if (version < 2 || !config_has(view, 8, 4))
        return;
    if (!last && next == 0xff)
        config_put_value(view, 8, "", "AssociatedBusNumbers", "ff-00 [none]");
    else
        config_put_printf(view, 8, "", "AssociatedBusNumbers", "%02x-%02x", next, last);
}

const struct config_cap config_ecaps_vc[] = {
    CAP_CODE(0x02, 16 + 12 * 8, "VC", virtual_channels),
    CAP_CODE(0x05, 0, "RCLink", root_links),
    CAP_BARE(0x06, "RCILink"),
    CAP_CODE(0x07, 12, "RCEC", event_collector),
    CAP_BARE(0x08, "MFVC"),
    CAP_CODE(0x09, 16 + 12 * 8, "VC", virtual_channels),
    CAP_BARE(0x0a, "RCRB"),
    {0},
};
