/* Extended capabilities about who may reach what: ACS, ARI, ATS, PRI, PASID, SR-IOV, multicast,
 * resizable BARs, steering hints, latency tolerance, serial numbers and the like. */
#include "pci/config_view.h"

#include <stdio.h>

static const struct config_field acs_bits[] = {
    FLAG(0, "SrcValid"),    FLAG(1, "TransBlk"),   FLAG(2, "ReqRedir"),    FLAG(3, "CmpltRedir"),
    FLAG(4, "UpstreamFwd"), FLAG(5, "EgressCtrl"), FLAG(6, "DirectTrans"),
};
static const struct config_reg acs_regs[] = {
    REG(4, 2, "ACSCap", acs_bits),
    REG(6, 2, "ACSCtl", acs_bits),
};

static const struct config_field ari_cap[] = {
    FLAG(0, "MFVC"),
    FLAG(1, "ACS"),
    NUMBER(8, 8, "Next Function"),
};
static const struct config_field ari_ctl[] = {
    FLAG(0, "MFVC"),
    FLAG(1, "ACS"),
    NUMBER(4, 3, "Function Group"),
};
static const struct config_reg ari_regs[] = {
    REG(4, 2, "ARICap", ari_cap),
    REG(6, 2, "ARICtl", ari_ctl),
};

static const struct config_field ats_cap[] = {HEX(0, 5, 2, "Invalidate Queue Depth")};
static const struct config_field ats_ctl[] = {
    FLAG(15, "Enable"),
    HEX(0, 5, 2, "Smallest Translation Unit"),
};
static const struct config_reg ats_regs[] = {
    REG(4, 2, "ATSCap", ats_cap),
    REG(6, 2, "ATSCtl", ats_ctl),
};

static const struct config_field pri_ctl[] = {FLAG(0, "Enable"), FLAG(1, "Reset")};
static const struct config_field pri_sta[] = {
    FLAG(0, "RF"),
    FLAG(1, "UPRGI"),
    FLAG(8, "Stopped"),
    FLAG(15, "PASID"),
};
static const struct config_field pri_capacity[] = {HEX(0, 32, 8, "Page Request Capacity")};
static const struct config_field pri_allocation[] = {HEX(0, 32, 8, "Page Request Allocation")};
static const struct config_reg pri_regs[] = {
    REG(4, 2, "PRICtl", pri_ctl),
    REG(6, 2, "PRISta", pri_sta),
    REG(8, 4, "", pri_capacity),
    REG(12, 4, "", pri_allocation),
};

static const struct config_field pasid_cap[] = {
    FLAG(1, "Exec"),
    FLAG(2, "Priv"),
    HEX(8, 5, 2, "Max PASID Width"),
};
static const struct config_field pasid_ctl[] = {
    FLAG(0, "Enable"),
    FLAG(1, "Exec"),
    FLAG(2, "Priv"),
};
static const struct config_reg pasid_regs[] = {
    REG(4, 2, "PASIDCap", pasid_cap),
    REG(6, 2, "PASIDCtl", pasid_ctl),
};

/* ---- virtual functions ---- */

static const struct config_field iov_cap[] = {
    FLAG(0, "Migration"),
    FLAG(2, "10BitTagReq"),
    NUMBER(21, 11, "IntMsgNum"),
};
static const struct config_field iov_ctl[] = {
    FLAG(0, "Enable"), FLAG(1, "Migration"),    FLAG(2, "Interrupt"),
    FLAG(3, "MSE"),    FLAG(4, "ARIHierarchy"), FLAG(5, "10BitTagReq"),
};
static const struct config_field iov_sta[] = {FLAG(0, "Migration")};
static const struct config_field iov_initial[] = {NUMBER(0, 16, "Initial VFs")};
static const struct config_field iov_total[] = {NUMBER(0, 16, "Total VFs")};
static const struct config_field iov_number[] = {NUMBER(0, 16, "Number of VFs")};
static const struct config_field iov_link[] = {HEX(0, 8, 2, "Function Dependency Link")};
static const struct config_field iov_offset[] = {NUMBER(0, 16, "VF offset")};
static const struct config_field iov_stride[] = {NUMBER(0, 16, "stride")};
static const struct config_field iov_device[] = {HEX(0, 16, 4, "Device ID")};
static const struct config_field iov_pages[] = {HEX(0, 32, 8, "Supported Page Size")};
static const struct config_field iov_page[] = {HEX(0, 32, 8, "System Page Size")};

static void iov_region(const struct config_view *view, unsigned at, unsigned index, uint32_t low,
                       uint32_t high)
{
    char reg[32];
    bool wide = (low & 6) == 4;

    (void)snprintf(reg, sizeof(reg), "Region%u", index);
    config_put_printf(view, at, reg, "address", "%0*llx", wide ? 16 : 8,
                      (unsigned long long)((uint64_t)high << 32 | (low & ~0xfu)));
    config_put_printf(view, at, reg, "type", "%s-bit, %sprefetchable", (low & 6) ? "64" : "32",
                      low & 8 ? "" : "non-");
}

static void iov(const struct config_view *view)
{
    static const struct config_reg regs[] = {
        REG(4, 4, "IOVCap", iov_cap), REG(8, 2, "IOVCtl", iov_ctl), REG(10, 2, "IOVSta", iov_sta),
        REG(12, 2, "", iov_initial),  REG(14, 2, "", iov_total),    REG(16, 2, "", iov_number),
        REG(18, 1, "", iov_link),     REG(20, 2, "", iov_offset),   REG(22, 2, "", iov_stride),
        REG(26, 2, "", iov_device),   REG(28, 4, "", iov_pages),    REG(32, 4, "", iov_page),
    };
    uint32_t migration = config_get(view, 60, 4);

    config_put_regs(view, regs, ARRAY_LEN(regs));
    for (unsigned i = 0; i < PCI_CONFIG_BARS; i++) {
        unsigned at = 36 + 4 * i;
        uint32_t low = config_get(view, at, 4);

        if (low == UINT32_MAX || !low)
            continue;
        if ((low & 6) == 4)
            i++;
        iov_region(view, at, (at - 36) / 4, low, (low & 6) == 4 ? config_get(view, at + 4, 4) : 0);
    }
    if (!config_has(view, 60, 4))
        return;
    config_put_printf(view, 60, "VF Migration", "offset", "%0*llx", 8,
                      (unsigned long long)(migration & ~7u));
    config_put_printf(view, 60, "VF Migration", "BIR", "%0*llx", 1,
                      (unsigned long long)(migration & 7));
}

/* ---- multicast ---- */

#define PORTS_WITH_WINDOW (PORT_EP | PORT_RCIEP)

static int64_t one_more(uint32_t value)
{
    return (int64_t)value + 1;
}

static void print_window(uint32_t log2, char out[FIELD_TEXT_MAX])
{
    (void)snprintf(out, FIELD_TEXT_MAX, "%u (%d bytes)", log2, (int)(1u << (log2 & 31)));
}

static void print_overlay(uint32_t log2, char out[FIELD_TEXT_MAX])
{
    if (log2 >= 6)
        print_window(log2, out);
    else
        (void)snprintf(out, FIELD_TEXT_MAX, "%u (disabled)", log2);
}

static const struct config_field mcast_cap[] = {
    NUMBER_MAP(0, 6, "MaxGroups", one_more),
    {.name = "WindowSz",
     .shift = 8,
     .bits = 6,
     .kind = FIELD_TEXT,
     .print = print_window,
     .ports = PORTS_WITH_WINDOW},
    FLAG_ON(15, "ECRCRegen", PORT_RP | PORT_UPSTREAM | PORT_DOWNSTREAM),
};
static const struct config_field mcast_ctl[] = {
    NUMBER_MAP(0, 6, "NumGroups", one_more),
    FLAG(15, "Enable"),
};
static const struct config_field mcast_index[] = {NUMBER(0, 6, "IndexPos")};
static const struct config_field mcast_overlay[] = {TEXT(0, 6, "OverlaySize", print_overlay)};

static void put64(const struct config_view *view, unsigned at, const char *reg, const char *name,
                  uint64_t mask)
{
    if (config_has(view, at, 8))
        config_put_printf(view, at, reg, name, "%0*llx", 16,
                          (unsigned long long)(config_get64(view, at, at + 4) & mask));
}

static void multicast(const struct config_view *view)
{
    static const struct config_reg regs[] = {
        REG(4, 2, "McastCap", mcast_cap),
        REG(6, 2, "McastCtl", mcast_ctl),
        REG(8, 4, "McastBAR", mcast_index),
    };
    static const struct config_reg overlay = REG(40, 4, "McastOverlayBAR", mcast_overlay);

    config_put_regs(view, regs, ARRAY_LEN(regs));
    put64(view, 8, "McastBAR", "BaseAddr", ~0xfffull);
    put64(view, 16, "", "McastReceiveVec", UINT64_MAX);
    put64(view, 24, "", "McastBlockAllVec", UINT64_MAX);
    put64(view, 32, "", "McastBlockUntransVec", UINT64_MAX);
    if (view->ports & PORTS_WITH_WINDOW)
        return;
    config_put_reg(view, &overlay, 0, NULL);
    put64(view, 40, "McastOverlayBAR", "BaseAddr", ~0x3full);
}

/* ---- resizable BARs ---- */

static void resizable_bar(const struct config_view *view, unsigned at)
{
    uint32_t sizes = config_get(view, at, 4) >> 4, control = config_get(view, at + 4, 4);
    uint64_t all = sizes | (uint64_t)(control >> 16) << 28;
    unsigned current = control >> 8 & 0x3f;
    char reg[16], list[512], size[SIZE_TEXT_MAX];
    size_t len = 0;

    (void)snprintf(reg, sizeof(reg), "BAR%u", control & 7);
    if (current < 43) { /* sizes are powers of two from 1 MB on */
        struct str text = size_print(UINT64_C(1) << (current + 20), size);

        size[text.len] = 0;
        config_put_number(view, at + 4, reg, "current", INT64_C(1) << (current + 20), size);
    }
    if (!all)
        return;
    for (unsigned i = 0; i < 43; i++)
        if (all >> i & 1) {
            struct str text = size_print(UINT64_C(1) << (i + 20), size);

            len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%.*s", len ? " " : "",
                                    STR_ARG(text));
        }
    config_put_text(view, at, reg, "supported", list);
}

static void resizable(const struct config_view *view)
{
    unsigned count = config_get(view, 8, 4) >> 5 & 7;

    if (!config_has(view, 4, 8))
        return;
    if (count < 1 || count > PCI_CONFIG_BARS) {
        config_put_number(view, 8, "", "num_bars", count, NULL); /* out of specification */
        return;
    }
    for (unsigned i = 0; i < count && config_has(view, 4 + 8 * i, 8); i++)
        resizable_bar(view, 4 + 8 * i);
}

/* ---- small ones ---- */

static void serial(const struct config_view *view)
{
    char text[FIELD_TEXT_MAX];
    size_t len = 0;

    if (!config_has(view, 4, 8))
        return;
    for (unsigned i = 0; i < 8; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%02x", i ? "-" : "",
                                config_get(view, 11 - i, 1));
    config_put_value(view, 4, "", "serial", text);
}

static const char *const tph_places[] = {
    "No steering table available",
    "Steering table in TPH capability structure",
    "Steering table in MSI-X table",
    "Reserved steering table location",
};

static void steering(const struct config_view *view)
{
    uint32_t cap = config_get(view, 4, 4);

    if (!config_has(view, 4, 4))
        return;
    if (cap & 1u << 1)
        config_put_flag(view, 4, "", "Interrupt vector mode supported", true);
    if (cap & 1u << 2)
        config_put_flag(view, 4, "", "Device specific mode supported", true);
    if (cap & 1u << 8)
        config_put_flag(view, 4, "", "Extended requester support", true);
    config_put_flag(view, 4, "", tph_places[cap >> 9 & 3], true);
}

static int64_t latency_ns(uint32_t code)
{
    return (int64_t)(code & 0x3ff) * (INT64_C(1) << (code >> 10 & 7) * 5);
}

/* A scale of 7 shifts by more than lspci's 32 bits; the standard permits up to 5. */
static void print_latency(uint32_t code, char out[FIELD_TEXT_MAX])
{
    (void)snprintf(out, FIELD_TEXT_MAX, "%lldns", (long long)latency_ns(code));
}

static const struct config_field ltr_snoop[] = {TEXT(0, 13, "Max snoop latency", print_latency)};
static const struct config_field ltr_no_snoop[] = {
    TEXT(0, 13, "Max no snoop latency", print_latency)};
static const struct config_reg ltr_regs[] = {
    REG(4, 2, "", ltr_snoop),
    REG(6, 2, "", ltr_no_snoop),
};

static const struct config_field doe_cap[] = {FLAG(0, "IntSup")};
static const struct config_field doe_message[] = {NUMBER(1, 11, "IntMsgNum")};
static const struct config_field doe_ctl[] = {FLAG(1, "IntEn")};
static const struct config_field doe_sta[] = {
    FLAG(0, "Busy"),
    FLAG(1, "IntSta"),
    FLAG(2, "Error"),
    FLAG(31, "ObjectReady"),
};

static void doe(const struct config_view *view)
{
    static const struct config_reg cap = REG(4, 4, "DOECap", doe_cap);
    static const struct config_reg message = REG(4, 4, "DOECap", doe_message);
    static const struct config_reg rest[] = {
        REG(8, 4, "DOECtl", doe_ctl),
        REG(12, 4, "DOESta", doe_sta),
    };

    config_put_reg(view, &cap, 0, NULL);
    if (config_get(view, 4, 4) & 1)
        config_put_reg(view, &message, 0, NULL);
    config_put_regs(view, rest, ARRAY_LEN(rest));
}

const struct config_cap config_ecaps_access[] = {
    CAP_CODE(0x03, 12, "DSN", serial),
    CAP_BARE(0x04, "PowerBudget"),
    CAP(0x0d, 8, "ACS", acs_regs),
    CAP(0x0e, 8, "ARI", ari_regs),
    CAP(0x0f, 8, "ATS", ats_regs),
    CAP_CODE(0x10, 64, "SR-IOV", iov),
    CAP_BARE(0x11, "MR-IOV"),
    CAP_CODE(0x12, 48, "MCAST", multicast),
    CAP(0x13, 16, "PRI", pri_regs),
    CAP_CODE(0x15, 52, "ReBAR", resizable),
    CAP_BARE(0x16, "DPA"),
    CAP_CODE(0x17, 8, "TPH", steering),
    CAP(0x18, 8, "LTR", ltr_regs),
    CAP(0x1b, 8, "PASID", pasid_regs),
    CAP_BARE(0x1c, "LNR"),
    CAP_BARE(0x21, "FRS"),
    CAP_BARE(0x22, "RTR"),
    CAP_CODE(0x24, 52, "VReBAR", resizable),
    CAP_BARE(0x28, "HierID"),
    CAP_BARE(0x29, "NPEM"),
    CAP_BARE(0x2c, "SFI"),
    CAP_CODE(0x2e, 24, "DOE", doe),
    {0},
};
