/* Extended capabilities about the link: physical layers, lane margins, L1 substates, time, flits.
 */
#include "pci/config_view.h"

#include <stdio.h>

/* ---- secondary PCI Express: 8 GT/s ---- */

static const struct config_field link_ctl3[] = {
    FLAG(1, "LnkEquIntrruptEn"),
    FLAG(0, "PerformEqu"),
};

static void secondary(const struct config_view *view)
{
    static const struct config_reg ctl = REG(4, 4, "LnkCtl3", link_ctl3);
    uint32_t lanes = config_get(view, 8, 2);
    char text[FIELD_TEXT_MAX];
    size_t len = (size_t)snprintf(text, sizeof(text), lanes ? "LaneErr at lane:" : "0");

    config_put_reg(view, &ctl, 0, NULL);
    if (!config_has(view, 8, 2))
        return;
    for (unsigned i = 0; i < 16; i++)
        if (lanes & 1u << i)
            len += (size_t)snprintf(text + len, sizeof(text) - len, " %u", i);
    config_put_value(view, 8, "", "LaneErrStat", text);
}

/* ---- 16, 32 and 64 GT/s ---- */

#define EQUALIZATION                                                                               \
    FLAG(0, "EquComplete"), FLAG(1, "EquPhase1"), FLAG(2, "EquPhase2"), FLAG(3, "EquPhase3"),      \
        FLAG(4, "LinkEquRequest")

static const struct config_field phy16_sta[] = {EQUALIZATION};
static const struct config_reg phy16_regs[] = {REG(12, 4, "Phy16Sta", phy16_sta)};

/* lspci does not print the lanes whose data parity was wrong; they tell of a bad lane long before
 * the link goes down, so they are facts when there are any. */
static void parity(const struct config_view *view, unsigned at, const char *name)
{
    uint32_t lanes = config_get(view, at, 4);
    char text[FIELD_TEXT_MAX];
    size_t len = 0;

    if (!lanes)
        return;
    for (unsigned i = 0; i < 32 && len < sizeof(text); i++)
        if (lanes & 1u << i)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", len ? " " : "", i);
    config_put_value(view, at, "", name, text);
}

static void phy16(const struct config_view *view)
{
    config_put_regs(view, phy16_regs, ARRAY_LEN(phy16_regs));
    parity(view, 16, "LocalParity");
    parity(view, 20, "FirstRetimerParity");
    parity(view, 24, "SecondRetimerParity");
}

CODES(ts_modes, NULL, "PCI Express", "Training Set Messages", "Alternate Protocol Negotiation",
      "??3", "??4", "??5", "??6", "??7");
CODES(link_behavior, NULL, "Full Equalization required",
      "Equalization bypass to highest rate support", "No Equalization Needed",
      "Modified TS1/TS2 Ordered Sets supported");

static const struct config_field phy32_cap[] = {
    FLAG(0, "EqualizationBypass"), FLAG(1, "NoEqualizationNeeded"), FLAG(8, "ModTsMode0"),
    FLAG(9, "ModTsMode1"),         FLAG(10, "ModTsMode2"),
};
static const struct config_field phy32_ctl[] = {
    FLAG(0, "EqualizationBypassDis"),
    FLAG(1, "NoEqualizationNeededDis"),
    CODE(8, 3, "Modified TS Usage Mode", ts_modes),
};
static const struct config_field phy32_sta[] = {
    EQUALIZATION,
    CODE(6, 2, "Received Enhanced Link Behavior Control", link_behavior),
    FLAG(5, "ModTsRecv"),
    FLAG(8, "TxPrecodeOn"),
    FLAG(9, "TxPrecodeReq"),
    FLAG(10, "NoEqualizationNeededRecv"),
};
static const struct config_reg phy32_regs[] = {
    REG(4, 4, "Phy32Cap", phy32_cap),
    REG(8, 4, "Phy32Ctl", phy32_ctl),
    REG(12, 4, "Phy32Sta", phy32_sta),
};

static const struct config_field phy64_sta[] = {
    EQUALIZATION,
    FLAG(5, "TxPrecodeOn"),
    FLAG(6, "TxPrecodeReq"),
    FLAG(7, "NoEqualizationNeededRecv"),
};
static const struct config_reg phy64_regs[] = {REG(12, 4, "Phy64Sta", phy64_sta)};

static const struct config_field margin_cap[] = {FLAG(0, "Uses Driver")};
static const struct config_field margin_sta[] = {
    FLAG(0, "MargReady"),
    FLAG(1, "MargSoftReady"),
};
static const struct config_reg margin_regs[] = {
    REG(4, 2, "PortCap", margin_cap),
    REG(6, 2, "PortSta", margin_sta),
};

/* ---- L1 substates ---- */

enum { L1_PM_L12 = 1, L1_ASPM_L12 = 4 };

static void print_power_on(uint32_t code, char out[FIELD_TEXT_MAX])
{
    static const unsigned scales[] = {2, 10, 100};

    if ((code & 3) == 3)
        (void)snprintf(out, FIELD_TEXT_MAX, "<error>");
    else
        (void)snprintf(out, FIELD_TEXT_MAX, "%uus", scales[code & 3] * (code >> 3 & 0x1f));
}

static void print_threshold(uint32_t code, char out[FIELD_TEXT_MAX])
{
    unsigned scale = code >> 13;

    if (scale > 5)
        (void)snprintf(out, FIELD_TEXT_MAX, "<error>");
    else
        (void)snprintf(out, FIELD_TEXT_MAX, "%lluns",
                       (unsigned long long)(code & 0x3ff) << scale * 5);
}

static const struct config_field l1_cap[] = {
    FLAG(0, "PCI-PM_L1.2"), FLAG(1, "PCI-PM_L1.1"),     FLAG(2, "ASPM_L1.2"),
    FLAG(3, "ASPM_L1.1"),   FLAG(4, "L1_PM_Substates"),
};
static const struct config_field l1_cap_times[] = {
    {.name = "PortCommonModeRestoreTime",
     .shift = 8,
     .bits = 8,
     .kind = FIELD_NUMBER,
     .unit = "us"},
    TEXT(16, 8, "PortTPowerOnTime", print_power_on),
};
static const struct config_field l1_ctl1[] = {
    FLAG(0, "PCI-PM_L1.2"),
    FLAG(1, "PCI-PM_L1.1"),
    FLAG(2, "ASPM_L1.2"),
    FLAG(3, "ASPM_L1.1"),
};
static const struct config_field l1_ctl1_mode[] = {
    {.name = "T_CommonMode", .shift = 8, .bits = 8, .kind = FIELD_NUMBER, .unit = "us"}};
static const struct config_field l1_ctl1_threshold[] = {
    TEXT(16, 16, "LTR1.2_Threshold", print_threshold)};
static const struct config_field l1_ctl2[] = {TEXT(0, 8, "T_PwrOn", print_power_on)};

static void l1_substates(const struct config_view *view)
{
    static const struct config_reg cap = REG(4, 4, "L1SubCap", l1_cap);
    static const struct config_reg cap_times = REG(4, 4, "L1SubCap", l1_cap_times);
    static const struct config_reg ctl1 = REG(8, 4, "L1SubCtl1", l1_ctl1);
    static const struct config_reg ctl1_mode = REG(8, 4, "L1SubCtl1", l1_ctl1_mode);
    static const struct config_reg ctl1_threshold = REG(8, 4, "L1SubCtl1", l1_ctl1_threshold);
    static const struct config_reg ctl2 = REG(12, 4, "L1SubCtl2", l1_ctl2);
    uint32_t can = config_get(view, 4, 4);
    bool l12 = can & (L1_PM_L12 | L1_ASPM_L12);

    config_put_reg(view, &cap, 0, NULL);
    if (l12)
        config_put_reg(view, &cap_times, 0, NULL);
    config_put_reg(view, &ctl1, 0, NULL);
    if (l12)
        config_put_reg(view, &ctl1_mode, 0, NULL);
    if (can & L1_ASPM_L12)
        config_put_reg(view, &ctl1_threshold, 0, NULL);
    if (l12)
        config_put_reg(view, &ctl2, 0, NULL);
}

/* ---- precision time ---- */

static void print_granularity(uint32_t ns, const char *none, char out[FIELD_TEXT_MAX])
{
    if (!ns)
        (void)snprintf(out, FIELD_TEXT_MAX, "%s", none);
    else if (ns == 0xff)
        (void)snprintf(out, FIELD_TEXT_MAX, "Greater than 254ns");
    else
        (void)snprintf(out, FIELD_TEXT_MAX, "%uns", ns);
}

static void print_clock(uint32_t ns, char out[FIELD_TEXT_MAX])
{
    print_granularity(ns, "Unimplemented", out);
}

static void print_effective(uint32_t ns, char out[FIELD_TEXT_MAX])
{
    print_granularity(ns, "Unknown", out);
}

static const struct config_field ptm_cap[] = {
    FLAG(0, "Requester"),
    FLAG(1, "Responder"),
    FLAG(2, "Root"),
};
static const struct config_field ptm_clock[] = {TEXT(8, 8, "PTMClockGranularity", print_clock)};
static const struct config_field ptm_ctl[] = {FLAG(0, "Enabled"), FLAG(1, "RootSelected")};
static const struct config_field ptm_effective[] = {
    TEXT(8, 8, "PTMEffectiveGranularity", print_effective)};
static const struct config_reg ptm_regs[] = {
    REG(4, 4, "PTMCap", ptm_cap),
    REG(4, 4, "", ptm_clock),
    REG(8, 4, "PTMControl", ptm_ctl),
    REG(8, 4, "", ptm_effective),
};

/* ---- device 3 ---- */

CODES(l0p_latency, NULL, "Less than 1us", "1us to less than 2us", "2us to less than 4us",
      "4us to less than 8us", "8us to less than 16us", "16us to less than 32us", "32us-64us",
      "More than 64us");
CODES(widths, NULL, "x1", "x2", "x4", "x8", "x16", "Unknown (5)", "Unknown (6)", "Dynamic");

static const struct config_field dev3_cap[] = {
    FLAG(0, "DMWr Request Routing"),
    FLAG(1, "14-Bit Tag Completer"),
    FLAG(2, "14-Bit Tag Requester"),
    FLAG(3, "L0p"),
};
static const struct config_field dev3_cap_l0p[] = {
    CODE(4, 3, "Port L0p Exit Latency", l0p_latency),
    CODE(7, 3, "Retimer L0p Exit Latency", l0p_latency),
};
static const struct config_field dev3_cap_uio[] = {
    FLAG(10, "UIO Mem RdWr Completer"),
    FLAG(11, "UIO Mem RdWr Requester"),
};
static const struct config_field dev3_ctl[] = {
    FLAG(0, "DMWr Requester"),
    FLAG(1, "DMWr Egress Blocking"),
    FLAG(2, "14-Bit Tag Requester"),
    FLAG(3, "L0p"),
    CODE(4, 3, "Target Link Width", widths),
    FLAG(7, "UIO Mem RdWr Requester"),
    {.name = "UIO Request 256B Boundary", .shift = 8, .bits = 1, .kind = FIELD_CLEAR},
};
static const struct config_field dev3_sta[] = {
    CODE(0, 3, "Initial Link Width", widths),
    FLAG(3, "Segment Captured"),
    FLAG(4, "Remote L0p"),
};

static void device3(const struct config_view *view)
{
    static const struct config_reg cap = REG(4, 4, "DevCap3", dev3_cap);
    static const struct config_reg l0p = REG(4, 4, "DevCap3", dev3_cap_l0p);
    static const struct config_reg rest[] = {
        REG(4, 4, "DevCap3", dev3_cap_uio),
        REG(8, 2, "DevCtl3", dev3_ctl),
        REG(12, 2, "DevSta3", dev3_sta),
    };

    config_put_reg(view, &cap, 0, NULL);
    if (config_get(view, 4, 4) & 8)
        config_put_reg(view, &l0p, 0, NULL);
    config_put_regs(view, rest, ARRAY_LEN(rest));
}

/* ---- data link feature ---- */

static const struct config_field feature_cap[] = {
    FLAG(0, "ScaledFlowCtl"),
    FLAG(31, "Exchange"),
};
static const struct config_field feature_sta[] = {
    FLAG(0, "RemoteScaledFlowCtl"),
    FLAG(31, "RemoteValid"),
};
static const struct config_reg feature_regs[] = {
    REG(4, 4, "DLFCap", feature_cap),
    REG(8, 4, "DLFSta", feature_sta),
};

const struct config_cap config_ecaps_link[] = {
    CAP_CODE(0x19, 10, "SecPCIe", secondary),
    CAP_BARE(0x1a, "PMUX"),
    CAP_CODE(0x1e, 16, "L1SS", l1_substates),
    CAP(0x1f, 12, "PTM", ptm_regs),
    CAP_BARE(0x20, "MPHY"),
    CAP(0x25, 12, "DLF", feature_regs),
    CAP_CODE(0x26, 28, "16GT", phy16),
    CAP(0x27, 8, "LaneMargin", margin_regs),
    CAP(0x2a, 16, "32GT", phy32_regs),
    CAP_BARE(0x2b, "AltProto"),
    CAP_CODE(0x2f, 14, "DEV3", device3),
    CAP(0x31, 16, "64GT", phy64_regs),
    {0},
};
