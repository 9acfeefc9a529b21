/* What Intel's host bridges and graphics say in the vendor specific capability, version 1 (since
 * Sandy Bridge): which parts of the chip are fused off. */
#include "pci/config_view.h"

#include <stdio.h>

static int64_t dmi_lanes(uint32_t code)
{
    return code ? 2 : 4;
}

static void print_memory(uint32_t code, char out[FIELD_TEXT_MAX])
{
    if (!code)
        (void)snprintf(out, FIELD_TEXT_MAX, "Unlimited");
    else
        (void)snprintf(out, FIELD_TEXT_MAX, "%gGB/chan", 512 * (1 << (3 - code) * 2) / 1024.0);
}

static void print_size_code(uint32_t code, char out[FIELD_TEXT_MAX])
{
    (void)snprintf(out, FIELD_TEXT_MAX, "0x%x", code);
}

static void print_ddr3_100(uint32_t code, char out[FIELD_TEXT_MAX])
{
    if (!code)
        (void)snprintf(out, FIELD_TEXT_MAX, "Disabled");
    else if (code == 7)
        (void)snprintf(out, FIELD_TEXT_MAX, "Unlimited");
    else
        (void)snprintf(out, FIELD_TEXT_MAX, "%uMHz", (6 + code) * 200);
}

static void print_ddr3(uint32_t code, char out[FIELD_TEXT_MAX])
{
    (void)snprintf(out, FIELD_TEXT_MAX, "%uMHz", (11 - code) * 2666 / 10);
}

CODES(clock_oc, NULL, "Disabled", "115MHz", "130MHz", "Unlimited");

static const struct config_field cap_a[] = {
    FLAG(31, "Peg60Dis"),
    FLAG(30, "Peg12Dis"),
    FLAG(29, "Peg11Dis"),
    FLAG(28, "Peg10Dis"),
    FLAG(27, "PeLWUDis"),
    {.name = "DmiWidth",
     .shift = 26,
     .bits = 1,
     .kind = FIELD_NUMBER,
     .prefix = "x",
     .map = dmi_lanes},
    FLAG(25, "EccDis"),
    FLAG(24, "ForceEccEn"),
    FLAG(23, "VTdDis"),
    FLAG(22, "DmiG2Dis"),
    FLAG(21, "PegG2Dis"),
    TEXT(19, 2, "DDRMaxSize", print_memory),
    FLAG(17, "1NDis"),
    FLAG(15, "CDDis"),
    FLAG(14, "DDPCDis"),
    FLAG(13, "X2APICEn"),
    FLAG(12, "PDCDis"),
    FLAG(11, "IGDis"),
    NUMBER(8, 2, "CDID"),
    NUMBER(4, 4, "CRID"),
    FLAG(3, "DDROCCAP"),
    FLAG(2, "OCEn"),
    FLAG(1, "DDRWrtVrefEn"),
    FLAG(0, "DDR3LEn"),
};
static const struct config_field cap_b[] = {
    FLAG(31, "ImguDis"),
    FLAG(30, "OCbySSKUCap"),
    FLAG(29, "OCbySSKUEn"),
    FLAG(28, "SMTCap"),
    TEXT(25, 3, "CacheSzCap", print_size_code),
    FLAG(24, "SoftBinCap"),
    TEXT(21, 3, "DDR3MaxFreqWithRef100", print_ddr3_100),
    FLAG(20, "PegG3Dis"),
    FLAG(19, "PkgTyp"),
    FLAG(18, "AddGfxEn"),
    FLAG(17, "AddGfxCap"),
    FLAG(16, "PegX16Dis"),
    FLAG(15, "DmiG3Dis"),
    FLAG(8, "GmmDis"),
    TEXT(4, 2, "DDR3MaxFreq", print_ddr3),
    FLAG(2, "LPDDR3En"),
};
static const struct config_field cap_c[] = {
    FLAG(28, "PegG4Dis"),  FLAG(22, "LPDDREn"), FLAG(16, "LPDDR4En"),
    FLAG(14, "QClkGvDis"), FLAG(9, "SgxDis"),   CODE(7, 2, "BClkOC", clock_oc),
    FLAG(6, "IddDis"),     FLAG(5, "Pipe3Dis"),
};

/* lspci asks three fields whether there is a limit and takes its value from one, Gear1MaxFreq. */
static void put_frequency(const struct config_view *view, const char *name, unsigned shift)
{
    uint32_t value = config_get(view, 12, 4);

    if (value >> shift & 0xf)
        config_put_printf(view, 12, "CapC", name, "%uMHz", (value & 0xf) * 2666 / 10);
    else
        config_put_text(view, 12, "CapC", name, "Unlimited");
}

void config_put_intel(const struct config_view *view)
{
    static const struct config_reg regs[] = {
        REG(4, 4, "CapA", cap_a),
        REG(8, 4, "CapB", cap_b),
        REG(12, 4, "CapC", cap_c),
    };
    unsigned length = config_get(view, 2, 1), type = config_get(view, 3, 1);
    unsigned version = type & 0xf;

    type >>= 4;
    if (type) {
        config_put_text(view, 3, "", "kind",
                        type == 1 ? "Intel Feature Detection" : "Intel <unknown>");
        return;
    }
    config_put_printf(view, 3, "", "kind", "Intel Capabilities v%u", version);
    if (version != 1 || !config_has(view, 0, length))
        return;
    for (unsigned i = 0; i < ARRAY_LEN(regs) && length >= 8 + 4 * i; i++)
        config_put_reg(view, &regs[i], 0, NULL);
    if (length >= 16 && config_has(view, 12, 4)) {
        put_frequency(view, "DDR4MaxFreq", 23);
        put_frequency(view, "LPDDR4MaxFreq", 17);
        put_frequency(view, "Gear1MaxFreq", 0);
    }
}
