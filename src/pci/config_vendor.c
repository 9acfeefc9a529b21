/* Extended capabilities whose contents a vendor or a consortium defines: VSEC, DVSEC, and the
 * DVSECs of CXL (CXL 3.1, 8.1). */
#include "pci/config_view.h"

#include <stdio.h>

enum { VENDOR_CXL = 0x1e98, CXL_DEVICE_BYTES = 0x38, CXL_DEVICE_BYTES_REV2 = 0x3c };

static const struct config_field vsec_fields[] = {
    HEX(0, 16, 4, "ID"),
    NUMBER(16, 4, "Rev"),
    HEX(20, 12, 3, "Len"),
};
static const struct config_reg vsec_regs[] = {REG(4, 4, "", vsec_fields)};

/* ---- CXL devices ---- */

static const struct config_field cxl_cap[] = {
    FLAG(0, "Cache"),         FLAG(1, "IO"),     FLAG(2, "Mem"), FLAG(3, "MemHWInit"),
    NUMBER(4, 2, "HDMCount"), FLAG(14, "Viral"),
};
static const struct config_field cxl_ctl[] = {
    FLAG(0, "Cache"),
    FLAG(1, "IO"),
    FLAG(2, "Mem"),
    NUMBER(3, 5, "CacheSFCov"),
    NUMBER(8, 3, "CacheSFGran"),
    FLAG(11, "CacheClean"),
    FLAG(14, "Viral"),
};
static const struct config_field cxl_sta[] = {FLAG(14, "Viral")};
static const struct config_field cxl_ctl2[] = {
    FLAG(0, "DisableCaching"),
    FLAG(1, "InitCacheWB&Inval"),
    FLAG(2, "InitRst"),
    FLAG(3, "RstMemClrEn"),
};
static const struct config_field cxl_ctl2_rev2[] = {
    FLAG(4, "DesiredVolatileHDMStateAfterHotReset")};
static const struct config_field cxl_sta2[] = {
    FLAG(1, "ResetComplete"),
    FLAG(2, "ResetError"),
    FLAG(15, "PMComplete"),
};
static const struct config_field cxl_cap3[] = {
    FLAG(0, "DefaultVolatile HDM State After.ColdReset"),
    FLAG(1, "DefaultVolatile HDM State After.WarmReset"),
    FLAG(2, "DefaultVolatile HDM State After.HotReset"),
    FLAG(3, "DefaultVolatile HDM State After.HotResetConfigurability"),
};

CODES(range_types, NULL, "Volatile", "Non-volatile", "CDAT");
CODES(range_classes, NULL, "DRAM", "Storage", "CDAT");

static int64_t interleave(uint32_t code)
{
    static const uint16_t bytes[] = {0, 256, 4096, 512, 1024, 2048, 8192, 16384};

    return code < ARRAY_LEN(bytes) ? bytes[code] : -1;
}

static int64_t timeout_s(uint32_t code)
{
    return INT64_C(1) << code * 2;
}

static const struct config_field range_fields[] = {
    FLAG(0, "Valid"),
    FLAG(1, "Active"),
    CODE(2, 3, "Type", range_types),
    CODE(5, 3, "Class", range_classes),
    NUMBER_MAP(8, 5, "interleave", interleave),
    {.name = "timeout",
     .shift = 13,
     .bits = 3,
     .kind = FIELD_NUMBER,
     .map = timeout_s,
     .unit = "s"},
};

static void put_range(const struct config_view *view, unsigned at, unsigned index)
{
    static const struct config_reg fields = REG(4, 4, "", range_fields);
    uint64_t size = config_get64(view, at + 4, at) & ~0xfffffffull;
    uint64_t base = config_get64(view, at + 12, at + 8);
    char reg[8], text[SIZE_TEXT_MAX];

    (void)snprintf(reg, sizeof(reg), "Range%u", index);
    (void)snprintf(text, sizeof(text), "%016llx", (unsigned long long)base);
    config_put_number(view, at + 8, reg, "base", (int64_t)base, text);
    if (size && size <= INT64_MAX) {
        struct str printed = size_print(size, text);

        text[printed.len] = 0;
        config_put_number(view, at, reg, "size", (int64_t)size, text);
    }
    config_put_reg(view, &fields, at, reg);
}

static void put_cache_size(const struct config_view *view)
{
    unsigned unit = config_get(view, 0x16, 1) & 0xf, count = config_get(view, 0x17, 1);

    if (unit == 1 || unit == 2)
        config_put_printf(view, 0x16, "CXLCap2", "Cache Size", "%08x",
                          count << (unit == 1 ? 16 : 20));
    else if (!unit)
        config_put_text(view, 0x16, "CXLCap2", "Cache Size", "Not Reported");
    else
        config_put_printf(view, 0x16, "CXLCap2", "Cache Size", "%u of unknown unit size (%u)",
                          count, unit);
}

static void cxl_device(const struct config_view *view, unsigned revision, unsigned length)
{
    static const struct config_reg head[] = {
        REG(0x0a, 2, "CXLCap", cxl_cap),
        REG(0x0c, 2, "CXLCtl", cxl_ctl),
        REG(0x0e, 2, "CXLSta", cxl_sta),
        REG(0x10, 2, "CXLCtl2", cxl_ctl2),
    };
    static const struct config_reg ctl2_rev2 = REG(0x10, 2, "CXLCtl2", cxl_ctl2_rev2);
    static const struct config_reg sta2 = REG(0x12, 2, "CXLSta2", cxl_sta2);
    static const struct config_reg cap3 = REG(0x38, 2, "CXLCap3", cxl_cap3);

    if (revision == 0 || length < CXL_DEVICE_BYTES)
        return; /* CXL 1.1 lays it out in another way */
    config_put_regs(view, head, ARRAY_LEN(head));
    if (revision >= 2)
        config_put_reg(view, &ctl2_rev2, 0, NULL);
    config_put_reg(view, &sta2, 0, NULL);
    put_cache_size(view);
    put_range(view, 0x18, 1);
    put_range(view, 0x28, 2);
    if (revision >= 2 && length >= CXL_DEVICE_BYTES_REV2)
        config_put_reg(view, &cap3, 0, NULL);
}

/* ---- CXL ports ---- */

static const struct config_field port_sta[] = {FLAG(0, "PMComplete")};
static const struct config_field port_ctl[] = {
    FLAG(0, "UnmaskSBR"), FLAG(1, "UnmaskLinkDisable"), FLAG(2, "AltMem"),
    FLAG(3, "AltBME"),    FLAG(14, "ViralEnable"),
};

static void cxl_port(const struct config_view *view, unsigned length)
{
    static const struct config_reg regs[] = {
        REG(0x0a, 2, "CXLPortSta", port_sta),
        REG(0x0c, 2, "CXLPortCtl", port_ctl),
    };

    if (length < 0x28)
        return;
    config_put_regs(view, regs, ARRAY_LEN(regs));
    config_put_printf(view, 0x0e, "", "AlternateBus", "%02x-%02x", config_get(view, 0x0e, 1),
                      config_get(view, 0x0f, 1));
    config_put_printf(view, 0x10, "", "AlternateMem", "%04x-%04x", config_get(view, 0x10, 2),
                      config_get(view, 0x12, 2));
}

static const struct config_field flex_cap[] = {
    FLAG(0, "Cache"), FLAG(1, "IO"), FLAG(2, "Mem"), FLAG(5, "68BFlit"), FLAG(6, "MltLogDev"),
};
static const struct config_field flex_ctl[] = {
    FLAG(0, "Cache"),    FLAG(1, "IO"),       FLAG(2, "Mem"),       FLAG(3, "SynHdrByp"),
    FLAG(4, "DrftBuf"),  FLAG(5, "68BFlit"),  FLAG(6, "MltLogDev"), FLAG(7, "RCD"),
    FLAG(8, "Retimer1"), FLAG(9, "Retimer2"),
};
static const struct config_field flex_sta[] = {
    FLAG(0, "Cache"),   FLAG(1, "IO"),      FLAG(2, "Mem"),       FLAG(3, "SynHdrByp"),
    FLAG(4, "DrftBuf"), FLAG(5, "68BFlit"), FLAG(6, "MltLogDev"),
};
static const struct config_field flex_rev2[] = {FLAG(13, "256BFlit"), FLAG(14, "PBRFlit")};
static const struct config_field flex_training[] = {HEX(0, 24, 6, "Received FB Data")};
static const struct config_field flex_hint[] = {FLAG(0, "NOPHint")};
static const struct config_field flex_hint_info[] = {HEX(0, 2, 1, "NOPHintInfo")};

static void cxl_flex_bus(const struct config_view *view, unsigned revision)
{
    static const struct config_reg regs[] = {
        REG(0x0a, 2, "FBCap", flex_cap), REG(0x0a, 2, "FBCap", flex_rev2),
        REG(0x0c, 2, "FBCtl", flex_ctl), REG(0x0c, 2, "FBCtl", flex_rev2),
        REG(0x0e, 2, "FBSta", flex_sta), REG(0x0e, 2, "FBSta", flex_rev2),
    };
    static const struct config_reg training = REG(0x10, 4, "FBModTS", flex_training);
    static const struct config_reg second[] = {
        REG(0x14, 4, "FBCap2", flex_hint),
        REG(0x18, 4, "FBCtl2", flex_hint),
        REG(0x1c, 4, "FBSta2", flex_hint_info),
    };

    for (size_t i = 0; i < ARRAY_LEN(regs); i++)
        if (revision > 1 || i % 2 == 0)
            config_put_reg(view, &regs[i], 0, NULL);
    if (revision >= 1)
        config_put_reg(view, &training, 0, NULL);
    if (revision >= 2)
        config_put_regs(view, second, ARRAY_LEN(second));
}

/* ---- the rest of CXL ---- */

static void cxl_blocks(const struct config_view *view, unsigned length)
{
    static const char *const ids[] = {"empty", "component registers", "BAR virtualization",
                                      "CXL device registers", "CPMU registers"};

    for (unsigned i = 0, at = 0x0c; at + 8 <= length && config_has(view, at, 8); i++, at += 8) {
        uint32_t low = config_get(view, at, 4);
        unsigned id = low >> 8 & 0xff;
        char reg[16];

        if (!id)
            continue;
        (void)snprintf(reg, sizeof(reg), "Block%u", i + 1);
        config_put_printf(view, at, reg, "BIR", "bar%u", low & 7);
        config_put_value(view, at, reg, "ID",
                         id < ARRAY_LEN(ids) ? ids[id]
                         : id == 0xff        ? "vendor-specific"
                                             : "<?>");
        config_put_printf(view, at, reg, "offset", "%08x%08x", config_get(view, at + 4, 4),
                          low & 0xffff0000);
    }
}

/* A time: its low 4 bits count steps of what bits 8 to 11 say. */
static void put_time(const struct config_view *view, unsigned at, const char *name)
{
    static const struct {
        unsigned steps;
        const char *unit;
    } scales[] = {{1, "us"},  {10, "us"},  {100, "us"}, {1, "ms"},
                  {10, "ms"}, {100, "ms"}, {1, "s"},    {10, "s"}};
    uint32_t value = config_get(view, at, 2);
    unsigned scale = value >> 8 & 0xf;

    if (!config_has(view, at, 2))
        return;
    if (scale < ARRAY_LEN(scales))
        config_put_printf(view, at, "", name, "%u%s", (value & 0xf) * scales[scale].steps,
                          scales[scale].unit);
    else
        config_put_printf(view, at, "", name, "%u<?>", value & 0xf);
}

static void cxl_function_map(const struct config_view *view)
{
    for (unsigned i = 0; i < 8 && config_has(view, 0x0c + 4 * i, 4); i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "FuncMap %u", i);
        config_put_printf(view, 0x0c + 4 * i, "", name, "%08x", config_get(view, 0x0c + 4 * i, 4));
    }
}

static void cxl(const struct config_view *view, unsigned id, unsigned revision, unsigned length)
{
    static const char *const titles[] = {
        [0] = "PCIe DVSEC for CXL Devices",      [2] = "Non-CXL Function Map DVSEC",
        [3] = "CXL Extensions DVSEC for Ports",  [4] = "GPF DVSEC for CXL Ports",
        [5] = "GPF DVSEC for CXL Devices",       [7] = "PCIe DVSEC for Flex Bus Port",
        [8] = "Register Locator DVSEC",          [9] = "MLD DVSEC",
        [10] = "PCIe DVSEC for Test Capability",
    };

    if (id < ARRAY_LEN(titles) && titles[id])
        config_put_text(view, 8, "", "title", titles[id]);
    switch (id) {
    case 0:
        cxl_device(view, revision, length);
        break;
    case 2:
        cxl_function_map(view);
        break;
    case 3:
        cxl_port(view, length);
        break;
    case 4:
        put_time(view, 0x0c, "GPF Phase 1 Timeout");
        put_time(view, 0x0e, "GPF Phase 2 Timeout");
        break;
    case 5:
        put_time(view, 0x0a, "GPF Phase 2 Duration");
        if (config_has(view, 0x0c, 4))
            config_put_printf(view, 0x0c, "", "GPF Phase 2 Power", "%umW",
                              config_get(view, 0x0c, 4));
        break;
    case 7:
        cxl_flex_bus(view, revision);
        break;
    case 8:
        cxl_blocks(view, length);
        break;
    case 9: {
        unsigned count = config_get(view, 0x0a, 2);

        if (count && count <= 16)
            config_put_number(view, 0x0a, "", "NumLogDevs", count, NULL);
        break;
    }
    }
}

/* ---- any DVSEC ---- */

static const struct config_field dvsec_vendor[] = {HEX(0, 16, 4, "Vendor")};
static const struct config_field dvsec_id[] = {HEX(0, 16, 4, "ID")};
static const struct config_field dvsec_length[] = {NUMBER(16, 4, "Rev"), NUMBER(20, 12, "Len")};

static void dvsec(const struct config_view *view)
{
    static const struct config_reg regs[] = {
        REG(4, 4, "", dvsec_vendor),
        REG(8, 2, "", dvsec_id),
        REG(4, 4, "", dvsec_length),
    };
    uint32_t head = config_get(view, 4, 4);
    unsigned length = head >> 20;

    if (!config_has(view, 4, 8))
        return;
    config_put_regs(view, regs, ARRAY_LEN(regs));
    if ((head & 0xffff) == VENDOR_CXL && length >= 16 && config_has(view, 0, length))
        cxl(view, config_get(view, 8, 2), head >> 16 & 0xf, length);
}

const struct config_cap config_ecaps_vendor[] = {
    CAP(0x0b, 8, "VSEC", vsec_regs),
    {.id = 0x23,
     .name = "DVSEC",
     .decode = dvsec,
     .length_at = 6,
     .length_shift = 4,
     .length_mask = 0xfff},
    {0},
};
