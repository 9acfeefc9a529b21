/* The PCI Express capability (PCIe 6.1, 7.5.3). */
#include "pci/config_view.h"

#include <stdio.h>

#define PORTS_UP_FACING (PORT_EP | PORT_LEGACY | PORT_UPSTREAM | PORT_TO_PCI_BRIDGE)
#define PORTS_ENDS      (PORT_EP | PORT_LEGACY | PORT_RCIEP)
#define PORTS_SWITCHING (PORT_RP | PORT_UPSTREAM | PORT_DOWNSTREAM)
#define PORTS_DOWN      (PORT_RP | PORT_DOWNSTREAM | PORT_TO_PCIE_BRIDGE)
#define PORTS_NO_LINK   (PORT_RCIEP | PORT_RCEC)

CODES(types, NULL, "Endpoint", "Legacy Endpoint", NULL, NULL, "Root Port", "Upstream Port",
      "Downstream Port", "PCI-Express to PCI/PCI-X Bridge", "PCI/PCI-X to PCI-Express Bridge",
      "Root Complex Integrated Endpoint", "Root Complex Event Collector");
CODES(latency_l0s, NULL, "<64ns", "<128ns", "<256ns", "<512ns", "<1us", "<2us", "<4us",
      "unlimited");
CODES(latency_l1, NULL, "<1us", "<2us", "<4us", "<8us", "<16us", "<32us", "<64us", "unlimited");
CODES(aspm_can, NULL, "not supported", "L0s", "L1", "L0s L1");
CODES(aspm_is, NULL, "Disabled", "L0s Enabled", "L1 Enabled", "L0s L1 Enabled");
CODES(indicator, NULL, "Unknown", "On", "Blink", "Off");
CODES(timeout_ranges, "Unknown", "Not Supported", "Range A", "Range B", "Range AB", NULL, NULL,
      "Range BC", "Range ABC", NULL, NULL, NULL, NULL, NULL, NULL, "Range BCD", "Range ABCD");
CODES(timeouts, "Unknown", "50us to 50ms", "50us to 100us", "1ms to 10ms", NULL, NULL,
      "16ms to 55ms", "65ms to 210ms", NULL, NULL, "260ms to 900ms", "1s to 3.5s", NULL, NULL,
      "4s to 13s", "17s to 64s");
CODES(obff_can, NULL, "Not Supported", "Via message", "Via WAKE#", "Via message/WAKE#");
CODES(obff_is, NULL, "Disabled", "Via message A", "Via message B", "Via WAKE#");
CODES(power_reduction, NULL, "Not Supported", "Dev Specific", "Form Factor Dev Specific",
      "Reserved");
CODES(ln_cls, NULL, "Not Supported", "64byte cachelines", "128byte cachelines", "Reserved");
/* 0: a port that knows 2.5 GT/s only may leave the field at 0. */
CODES(target_speeds, "Unknown", "2.5GT/s", "2.5GT/s", "5GT/s", "8GT/s", "16GT/s", "32GT/s",
      "64GT/s", NULL, "128GT/s");
CODES(deemphasis, NULL, "-6dB", "-3.5dB");
CODES(margins, "Unknown", "Normal Operating Range", "800-1200mV(full-swing)/400-700mV(half-swing)",
      "200-400mV(full-swing)/100-200mV(half-swing)", "200-400mV(full-swing)/100-200mV(half-swing)",
      "200-400mV(full-swing)/100-200mV(half-swing)", "200-400mV(full-swing)/100-200mV(half-swing)");
CODES(presets, "Unknown", "-6dB de-emphasis, 0dB preshoot", "-3.5dB de-emphasis, 0dB preshoot",
      "-4.4dB de-emphasis, 0dB preshoot", "-2.5dB de-emphasis, 0dB preshoot",
      "0dB de-emphasis, 0dB preshoot", "0dB de-emphasis, 1.9dB preshoot",
      "0dB de-emphasis, 2.5dB preshoot", "-6.0dB de-emphasis, 3.5dB preshoot",
      "-3.5dB de-emphasis, 3.5dB preshoot", "0dB de-emphasis, 3.5dB preshoot");
CODES(crosslinks, "incomplete", "unsupported", "Upstream Port", "Downstream Port");
CODES(components, "Reserved", "Link Down - Not Determined", "Link Down - Not Present",
      "Link Down - Present", NULL, "Link Up - Present", "Link Up - Present and DRS Received");

static int64_t payload_bytes(uint32_t code)
{
    return 128 << code;
}

static int64_t phantoms(uint32_t code)
{
    return (1 << code) - 1;
}

static int64_t rcb_bytes(uint32_t code)
{
    return code ? 128 : 64;
}

static int64_t prefixes(uint32_t code)
{
    return code ? code : 4;
}

/* Value in the low 8 bits, scale above; codes from 0xf0 on are steps above 250 W. */
static void print_watts(uint32_t code, char out[FIELD_TEXT_MAX])
{
    static const double scales[] = {1, 0.1, 0.01, 0.001};
    unsigned value = code & 0xff, scale = code >> 8 & 3;

    if (!scale && value == 0xff) {
        (void)snprintf(out, FIELD_TEXT_MAX, ">600W");
        return;
    }
    if (!scale && value >= 0xf0)
        value = 250 + 25 * (value - 0xf0);
    (void)snprintf(out, FIELD_TEXT_MAX, "%gW", value * scales[scale]);
}

/* The vector of LnkCap2: no speed below the highest may be left out. */
static void print_speeds(uint32_t vector, char out[FIELD_TEXT_MAX])
{
    static const char *const top[] = {"2.5GT/s",    "2.5-5GT/s",  "2.5-8GT/s",  "2.5-16GT/s",
                                      "2.5-32GT/s", "2.5-64GT/s", "2.5-128GT/s"};
    const char *text = "Unknown";

    for (size_t i = 0; i < ARRAY_LEN(top); i++)
        if (vector & 1u << i)
            text = top[i];
    (void)snprintf(out, FIELD_TEXT_MAX, "%s", text);
}

static const struct config_field dev_cap[] = {
    {.name = "MaxPayload", .shift = 0, .bits = 3, .kind = FIELD_NUMBER, .map = payload_bytes},
    NUMBER_MAP(3, 2, "PhantFunc", phantoms),
    {.name = "Latency L0s",
     .shift = 6,
     .bits = 3,
     .kind = FIELD_CODE,
     .codes = &latency_l0s,
     .ports = PORT_EP | PORT_LEGACY},
    {.name = "Latency L1",
     .shift = 9,
     .bits = 3,
     .kind = FIELD_CODE,
     .codes = &latency_l1,
     .ports = PORT_EP | PORT_LEGACY},
    FLAG(5, "ExtTag"),
    FLAG_ON(12, "AttnBtn", PORTS_UP_FACING),
    FLAG_ON(13, "AttnInd", PORTS_UP_FACING),
    FLAG_ON(14, "PwrInd", PORTS_UP_FACING),
    FLAG(15, "RBE"),
    FLAG_ON(28, "FLReset", PORTS_ENDS),
    {.name = "SlotPowerLimit",
     .shift = 18,
     .bits = 10,
     .kind = FIELD_TEXT,
     .print = print_watts,
     .ports = PORT_EP | PORT_UPSTREAM | PORT_TO_PCI_BRIDGE},
    FLAG(30, "TEE-IO"),
};
static const struct config_field dev_ctl[] = {
    FLAG(0, "CorrErr"),   FLAG(1, "NonFatalErr"),
    FLAG(2, "FatalErr"),  FLAG(3, "UnsupReq"),
    FLAG(4, "RlxdOrd"),   FLAG(8, "ExtTag"),
    FLAG(9, "PhantFunc"), FLAG(10, "AuxPwr"),
    FLAG(11, "NoSnoop"),  FLAG_ON(15, "BrConfRtry", PORT_TO_PCI_BRIDGE),
};
static const struct config_field dev_ctl_flr[] = {FLAG(15, "FLReset")};
static const struct config_field dev_ctl_sizes[] = {
    NUMBER_MAP(5, 3, "MaxPayload", payload_bytes),
    NUMBER_MAP(12, 3, "MaxReadReq", payload_bytes),
};
static const struct config_field dev_sta[] = {
    FLAG(0, "CorrErr"),  FLAG(1, "NonFatalErr"), FLAG(2, "FatalErr"),
    FLAG(3, "UnsupReq"), FLAG(4, "AuxPwr"),      FLAG(5, "TransPend"),
};
static const struct config_field link_cap[] = {
    NUMBER(24, 8, "Port"),
    {.name = "Speed", .shift = 0, .bits = 4, .kind = FIELD_SPEED},
    {.name = "Width", .shift = 4, .bits = 6, .kind = FIELD_NUMBER, .prefix = "x"},
    CODE(10, 2, "ASPM", aspm_can),
};
static const struct config_field link_cap_l0s[] = {CODE(12, 3, "Exit Latency L0s", latency_l0s)};
static const struct config_field link_cap_l1[] = {CODE(15, 3, "Exit Latency L1", latency_l1)};
static const struct config_field link_cap_more[] = {
    FLAG(18, "ClockPM"), FLAG(19, "Surprise"),    FLAG(20, "LLActRep"),
    FLAG(21, "BwNot"),   FLAG(22, "ASPMOptComp"),
};
static const struct config_field link_ctl[] = {
    CODE(0, 2, "ASPM", aspm_is),
    {.name = "RCB",
     .shift = 3,
     .bits = 1,
     .kind = FIELD_NUMBER,
     .map = rcb_bytes,
     .ports = PORT_RP | PORT_EP | PORT_LEGACY | PORT_TO_PCI_BRIDGE},
    FLAG(4, "LnkDisable"),
    FLAG(6, "CommClk"),
    FLAG(7, "ExtSynch"),
    FLAG(8, "ClockPM"),
    FLAG(9, "AutWidDis"),
    FLAG(10, "BWInt"),
    FLAG(11, "AutBWInt"),
    FLAG(13, "FltModeDis"),
};
static const struct config_field link_sta[] = {
    {.name = "Speed", .shift = 0, .bits = 4, .kind = FIELD_SPEED},
    {.name = "Width", .shift = 4, .bits = 6, .kind = FIELD_NUMBER, .prefix = "x"},
    FLAG(10, "TrErr"),
    FLAG(11, "Train"),
    FLAG(12, "SlotClk"),
    FLAG(13, "DLActive"),
    FLAG(14, "BWMgmt"),
    FLAG(15, "ABWMgmt"),
};
static const struct config_field slot_cap[] = {
    FLAG(0, "AttnBtn"),    FLAG(1, "PwrCtrl"),     FLAG(2, "MRL"),
    FLAG(3, "AttnInd"),    FLAG(4, "PwrInd"),      FLAG(6, "HotPlug"),
    FLAG(5, "Surprise"),   NUMBER(19, 13, "Slot"), TEXT(7, 10, "PowerLimit", print_watts),
    FLAG(17, "Interlock"), FLAG(18, "NoCompl"),
};
static const struct config_field slot_ctl[] = {
    FLAG(0, "Enable.AttnBtn"),
    FLAG(1, "Enable.PwrFlt"),
    FLAG(2, "Enable.MRL"),
    FLAG(3, "Enable.PresDet"),
    FLAG(4, "Enable.CmdCplt"),
    FLAG(5, "Enable.HPIrq"),
    FLAG(12, "Enable.LinkChg"),
    CODE(6, 2, "Control.AttnInd", indicator),
    CODE(8, 2, "Control.PwrInd", indicator),
    FLAG(10, "Control.Power"),
    FLAG(11, "Control.Interlock"),
};
static const struct config_field slot_sta[] = {
    FLAG(0, "Status.AttnBtn"), FLAG(1, "Status.PowerFlt"), FLAG(5, "Status.MRL"),
    FLAG(4, "Status.CmdCplt"), FLAG(6, "Status.PresDet"),  FLAG(7, "Status.Interlock"),
    FLAG(2, "Changed.MRL"),    FLAG(3, "Changed.PresDet"), FLAG(8, "Changed.LinkState"),
};
static const struct config_field root_cap[] = {FLAG(0, "CRSVisible")};
static const struct config_field root_ctl[] = {
    FLAG(0, "ErrCorrectable"), FLAG(1, "ErrNon-Fatal"), FLAG(2, "ErrFatal"),
    FLAG(3, "PMEIntEna"),      FLAG(4, "CRSVisible"),
};
static const struct config_field root_sta[] = {
    HEX(0, 16, 4, "PME ReqID"),
    FLAG(16, "PMEStatus"),
    FLAG(17, "PMEPending"),
};
static const struct config_field dev_cap2[] = {
    CODE(0, 4, "Completion Timeout", timeout_ranges),
    FLAG(4, "TimeoutDis"),
    FLAG(10, "NROPrPrP"),
    FLAG(11, "LTR"),
    FLAG(16, "10BitTagComp"),
    FLAG(17, "10BitTagReq"),
    CODE(18, 2, "OBFF", obff_can),
    FLAG(20, "ExtFmt"),
    FLAG(21, "EETLPPrefix"),
};
static const struct config_field dev_cap2_prefixes[] = {
    NUMBER_MAP(22, 2, "MaxEETLPPrefixes", prefixes)};
static const struct config_field dev_cap2_more[] = {
    CODE(24, 2, "EmergencyPowerReduction", power_reduction),
    FLAG(26, "EmergencyPowerReductionInit"),
    FLAG(31, "FRS"),
    {.name = "LN System CLS",
     .shift = 14,
     .bits = 2,
     .kind = FIELD_CODE,
     .codes = &ln_cls,
     .ports = PORT_RP},
};
/* Code 2 is reserved, and lspci prints nothing for it. */
static const struct config_field dev_cap2_tph[] = {
    FLAG_ON(12, "TPHComp", PORT_RP | PORT_EP),
    FLAG_ON(13, "ExtTPHComp", PORT_RP | PORT_EP),
};
static const struct config_field dev_cap2_ari[] = {FLAG_ON(5, "ARIFwd", PORT_RP | PORT_DOWNSTREAM)};
static const struct config_field dev_cap2_routing[] = {
    FLAG_ON(6, "AtomicOpsCap.Routing", PORTS_SWITCHING)};
static const struct config_field dev_cap2_atomics[] = {
    FLAG(7, "AtomicOpsCap.32bit"),
    FLAG(8, "AtomicOpsCap.64bit"),
    FLAG(9, "AtomicOpsCap.128bitCAS"),
};
static const struct config_field dev_ctl2[] = {
    CODE(0, 4, "Completion Timeout", timeouts),
    FLAG(4, "TimeoutDis"),
    FLAG_ON(5, "ARIFwd", PORT_RP | PORT_DOWNSTREAM),
    FLAG_ON(6, "AtomicOpsCtl.ReqEn", PORT_RP | PORTS_ENDS),
    FLAG_ON(7, "AtomicOpsCtl.EgressBlck", PORTS_SWITCHING),
    FLAG(8, "IDOReq"),
    FLAG(9, "IDOCompl"),
    FLAG(10, "LTR"),
    FLAG(11, "EmergencyPowerReductionReq"),
    FLAG(12, "10BitTagReq"),
    CODE(13, 2, "OBFF", obff_is),
    FLAG(15, "EETLPPrefixBlk"),
};
static const struct config_field link_cap2[] = {
    TEXT(1, 7, "Supported Link Speeds", print_speeds),
    FLAG(8, "Crosslink"),
    FLAG(23, "Retimer"),
    FLAG(24, "2Retimers"),
    FLAG(31, "DRS"),
};
static const struct config_field link_ctl2[] = {
    CODE(0, 4, "Target Link Speed", target_speeds),
    FLAG(4, "EnterCompliance"),
    FLAG(5, "SpeedDis"),
    {.name = "Selectable De-emphasis",
     .shift = 6,
     .bits = 1,
     .kind = FIELD_CODE,
     .codes = &deemphasis,
     .ports = PORT_DOWNSTREAM},
    CODE(7, 3, "Transmit Margin", margins),
    FLAG(10, "EnterModifiedCompliance"),
    FLAG(11, "ComplianceSOS"),
    CODE(12, 4, "Compliance Preset/De-emphasis", presets),
};
static const struct config_field link_sta2[] = {
    CODE(0, 1, "Current De-emphasis Level", deemphasis),
    FLAG(1, "EqualizationComplete"),
    FLAG(2, "EqualizationPhase1"),
    FLAG(3, "EqualizationPhase2"),
    FLAG(4, "EqualizationPhase3"),
    FLAG(5, "LinkEqualizationRequest"),
    FLAG(6, "Retimer"),
    FLAG(7, "2Retimers"),
    CODE(8, 2, "CrosslinkRes", crosslinks),
    FLAG(10, "FltMode"),
};
static const struct config_field link_sta2_drs[] = {
    FLAG(15, "DRS"),
    CODE(12, 3, "DownstreamComp", components),
};

enum { REG_FLAGS = 2, REG_DEV_CAP = 4, REG_LNK_CAP = 12, REG_LNK_STA = 18, REG_LNK_CAP2 = 44 };

/* `ok` in words only where lspci adds one: a port below which a slower card is well is not marked.
 */
static const char *speed_mark(const struct config_view *view, unsigned is, unsigned can)
{
    if (is > can)
        return "overdriven";
    return is < can && !(view->ports & PORTS_DOWN) ? "downgraded" : NULL;
}

#define PUT(at, bytes, name, fields)                                                               \
    config_put_reg(view, REG_HERE(at, bytes, name, fields), 0, NULL)

static void put_device(const struct config_view *view)
{
    uint32_t cap = config_get(view, REG_DEV_CAP, 4);

    PUT(4, 4, "DevCap", dev_cap);
    PUT(8, 2, "DevCtl", dev_ctl);
    if ((view->ports & PORTS_ENDS) && (cap & 1u << 28))
        PUT(8, 2, "DevCtl", dev_ctl_flr);
    PUT(8, 2, "DevCtl", dev_ctl_sizes);
    PUT(10, 2, "DevSta", dev_sta);
}

static void put_link(const struct config_view *view)
{
    uint32_t cap = config_get(view, REG_LNK_CAP, 4);
    uint32_t sta = config_get(view, REG_LNK_STA, 2);
    const char *mark;

    PUT(12, 4, "LnkCap", link_cap);
    if (cap & 1u << 10)
        PUT(12, 4, "LnkCap", link_cap_l0s);
    if (cap & 1u << 11)
        PUT(12, 4, "LnkCap", link_cap_l1);
    PUT(12, 4, "LnkCap", link_cap_more);
    PUT(16, 2, "LnkCtl", link_ctl);
    PUT(18, 2, "LnkSta", link_sta);
    if (!config_has(view, REG_LNK_STA, 2))
        return;
    mark = speed_mark(view, sta & 0xf, cap & 0xf);
    if (mark)
        config_put_value(view, REG_LNK_STA, "LnkSta", "SpeedMark", mark);
    mark = speed_mark(view, sta >> 4 & 0x3f, cap >> 4 & 0x3f);
    if (mark)
        config_put_value(view, REG_LNK_STA, "LnkSta", "WidthMark", mark);
}

static void put_device2(const struct config_view *view)
{
    uint32_t cap = config_get(view, 36, 4);

    PUT(36, 4, "DevCap2", dev_cap2);
    if (cap & 1u << 21)
        PUT(36, 4, "DevCap2", dev_cap2_prefixes);
    PUT(36, 4, "DevCap2", dev_cap2_more);
    if ((cap >> 12 & 3) != 2)
        PUT(36, 4, "DevCap2", dev_cap2_tph);
    PUT(36, 4, "DevCap2", dev_cap2_ari);
    PUT(36, 4, "DevCap2", dev_cap2_routing);
    if ((view->ports & PORT_RP) || view->has_memory)
        PUT(36, 4, "DevCap2", dev_cap2_atomics);
    PUT(40, 2, "DevCtl2", dev_ctl2);
}

static void put_link2(const struct config_view *view)
{
    uint32_t cap = 0;

    /* The link of a device is described by its function 0. */
    if (!(view->ports & (PORT_EP | PORT_LEGACY)) || view->first) {
        cap = config_get(view, REG_LNK_CAP2, 4);
        if (cap) /* reserved before PCIe 3.0 */
            PUT(44, 4, "LnkCap2", link_cap2);
        PUT(48, 2, "LnkCtl2", link_ctl2);
    }
    PUT(50, 2, "LnkSta2", link_sta2);
    if ((view->ports & PORTS_DOWN) && (cap & 1u << 31))
        PUT(50, 2, "LnkSta2", link_sta2_drs);
}

static void express(const struct config_view *view)
{
    static const struct config_reg root[] = {
        REG(30, 2, "RootCap", root_cap),
        REG(28, 2, "RootCtl", root_ctl),
        REG(32, 4, "RootSta", root_sta),
    };
    static const struct config_reg slot[] = {
        REG(20, 4, "SltCap", slot_cap),
        REG(24, 2, "SltCtl", slot_ctl),
        REG(26, 2, "SltSta", slot_sta),
    };
    uint32_t flags = config_get(view, REG_FLAGS, 2);
    bool link = !(view->ports & PORTS_NO_LINK);

    if (!config_has(view, REG_FLAGS, 2))
        return;
    config_put_number(view, REG_FLAGS, "", "version", flags & 0xf, NULL);
    config_put_value(view, REG_FLAGS, "", "type", config_code(&types, flags >> 4 & 0xf));
    if (view->ports & PORTS_DOWN)
        config_put_flag(view, REG_FLAGS, "", "slot", flags & 0x100);
    config_put_number(view, REG_FLAGS, "", "IntMsgNum", flags >> 9 & 0x1f, NULL);
    if (flags & 0x8000)
        config_put_flag(view, REG_FLAGS, "", "FLIT Mode Supported", true);
    put_device(view);
    if (link)
        put_link(view);
    if ((view->ports & PORTS_DOWN) && (flags & 0x100))
        config_put_regs(view, slot, ARRAY_LEN(slot));
    if (view->ports & (PORT_RP | PORT_RCEC))
        config_put_regs(view, root, ARRAY_LEN(root));
    if ((flags & 0xf) < 2)
        return;
    put_device2(view);
    if (link)
        put_link2(view);
}

const struct config_cap config_caps_express[] = {CAP_CODE(0x10, 60, "Express", express), {0}};
