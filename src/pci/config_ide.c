/* Integrity and data encryption (PCIe 6.1, 7.9.26): streams of links and of selected peers. */
#include "pci/config_view.h"

#include <stdio.h>

CODES(algorithms, "reserved", "AES-GCM-256-96b");
CODES(header_modes, NULL, "no", "17:2", "25:2", "33:2", "41:2");
CODES(aggregation, NULL, "-", "=2", "=4", "=8");
CODES(stream_states, NULL, "insecure", "reserved", "secure");

static const struct config_field cap_fields[] = {
    FLAG(2, "FlowThru"), FLAG(3, "PartHdr"), FLAG(4, "Aggr"),
    FLAG(5, "PCPC"),     FLAG(6, "IDE_KM"),  FLAG(7, "SelCfg"),
};
static const struct config_field cap_more[] = {FLAG(24, "TeeLim"), FLAG(25, "XT")};
static const struct config_field ctl_fields[] = {FLAG(2, "FTEn")};

static void put_quoted(const struct config_view *view, unsigned at, const char *reg, uint32_t code)
{
    config_put_printf(view, at, reg, "Alg", "'%s'", config_code(&algorithms, code));
}

/* Aggregation is a flag that is off, or a number. */
static void put_aggregation(const struct config_view *view, unsigned at, const char *reg,
                            const char *name, unsigned code)
{
    if (code)
        config_put_value(view, at, reg, name, aggregation.names[code] + 1);
    else
        config_put_flag(view, at, reg, name, false);
}

static void put_control(const struct config_view *view, unsigned at, const char *reg,
                        bool selective)
{
    uint32_t value = config_get(view, at, 4);

    config_put_flag(view, at, reg, "En", value & 1);
    config_put_flag(view, at, reg, "XT", value & 2);
    put_aggregation(view, at, reg, "NPR", value >> 2 & 3);
    put_aggregation(view, at, reg, "PR", value >> 4 & 3);
    put_aggregation(view, at, reg, "CPL", value >> 6 & 3);
    config_put_flag(view, at, reg, "PCRC", value & 0x100);
    if (selective)
        config_put_flag(view, at, reg, "CFG", value & 0x200);
    config_put_value(view, at, reg, "HdrEnc", config_code(&header_modes, value >> 10 & 0xf));
    put_quoted(view, at, reg, value >> 14 & 0x1f);
    config_put_number(view, at, reg, "TC", value >> 19 & 7, NULL);
    if (selective)
        config_put_flag(view, at, reg, "TeeLim", value & 1u << 23);
    config_put_number(view, at, reg, "ID", value >> 24, NULL);
    if (selective && (value & 1u << 22))
        config_put_flag(view, at, reg, "Default", true);
}

static void put_status(const struct config_view *view, unsigned at, const char *reg)
{
    uint32_t value = config_get(view, at, 4);

    config_put_value(view, at, reg, "Status", config_code(&stream_states, value & 0xf));
    config_put_flag(view, at, reg, "RecvChkFail", value & 1u << 31);
}

static void put_address(const struct config_view *view, unsigned at, unsigned stream,
                        unsigned index)
{
    uint32_t low = config_get(view, at, 4);
    uint64_t limit = (uint64_t)config_get(view, at + 4, 4) << 32 | (low >> 20) << 20 | 0xfffff;
    uint64_t base = (uint64_t)config_get(view, at + 8, 4) << 32 | (low >> 8 & 0xfff) << 20;
    char reg[48];

    (void)snprintf(reg, sizeof(reg), "SelectiveIDE#%u RID#%u", stream, index);
    config_put_flag(view, at, reg, "Valid", low & 1);
    config_put_printf(view, at + 8, reg, "Base", "%llx", (unsigned long long)base);
    config_put_printf(view, at + 4, reg, "Limit", "%llx", (unsigned long long)limit);
}

/* Returns where the next stream starts; 0 when the space ends before this one does. */
static unsigned put_selective(const struct config_view *view, unsigned at, unsigned stream)
{
    unsigned blocks = config_get(view, at, 4) & 0xf;
    uint32_t rid1 = config_get(view, at + 12, 4), rid2 = config_get(view, at + 16, 4);
    char reg[48];

    if (!config_has(view, at, 20 + 12 * blocks))
        return 0;
    (void)snprintf(reg, sizeof(reg), "SelectiveIDE#%u Cap", stream);
    config_put_number(view, at, reg, "RID#", blocks, NULL);
    (void)snprintf(reg, sizeof(reg), "SelectiveIDE#%u Ctl", stream);
    put_control(view, at + 4, reg, true);
    (void)snprintf(reg, sizeof(reg), "SelectiveIDE#%u Sta", stream);
    put_status(view, at + 8, reg);
    (void)snprintf(reg, sizeof(reg), "SelectiveIDE#%u RID", stream);
    config_put_flag(view, at + 16, reg, "Valid", rid2 & 1);
    config_put_printf(view, at + 16, reg, "Base", "%x", rid2 >> 8 & 0xffff);
    config_put_printf(view, at + 12, reg, "Limit", "%x", rid1 >> 8 & 0xffff);
    config_put_printf(view, at + 16, reg, "SegBase", "%x", rid2 >> 24);
    for (unsigned i = 0; i < blocks; i++)
        put_address(view, at + 20 + 12 * i, stream, i);
    return at + 20 + 12 * blocks;
}

static void encryption(const struct config_view *view)
{
    static const struct config_reg head = REG(4, 4, "IDECap", cap_fields);
    static const struct config_reg more = REG(4, 4, "IDECap", cap_more);
    static const struct config_reg ctl = REG(8, 4, "IDECtl", ctl_fields);
    uint32_t cap = config_get(view, 4, 4);
    unsigned links = cap & 1 ? (cap >> 13 & 7) + 1 : 0;
    unsigned selective = cap & 2 ? (cap >> 16 & 0xff) + 1 : 0, at = 12;

    if (!config_has(view, 4, 8))
        return;
    config_put_number(view, 4, "IDECap", "Lnk", links, NULL);
    config_put_number(view, 4, "IDECap", "Sel", selective, NULL);
    config_put_reg(view, &head, 0, NULL);
    put_quoted(view, 4, "IDECap", cap >> 8 & 0x1f);
    config_put_number(view, 4, "IDECap", "TCs", (cap >> 13 & 7) + 1, NULL);
    config_put_reg(view, &more, 0, NULL);
    config_put_reg(view, &ctl, 0, NULL);
    for (unsigned i = 0; i < links && config_has(view, at, 8); i++, at += 8) {
        char reg[32];

        (void)snprintf(reg, sizeof(reg), "LinkIDE#%u Ctl", i);
        put_control(view, at, reg, false);
        (void)snprintf(reg, sizeof(reg), "LinkIDE#%u Sta", i);
        put_status(view, at + 4, reg);
    }
    for (unsigned i = 0; i < selective && at; i++)
        at = put_selective(view, at, i);
}

const struct config_cap config_ecaps_ide[] = {CAP_CODE(0x30, 0, "IDE", encryption), {0}};
