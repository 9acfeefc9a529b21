/* Extended capabilities about flits, the fixed packets of 64 GT/s links: the log and its counters,
 * and the injection of errors for tests. */
#include "pci/config_view.h"

#include <stdio.h>

CODES(widths, NULL, "x1", "x2", "x4", "x8", "x16", "Unknown (5)", "Unknown (6)", "Dynamic");
CODES(granularities, NULL, "all", "even", "odd", "mismatch");

static const struct config_field flit_log1[] = {
    FLAG(0, "Valid"),
    CODE(1, 3, "Link Width", widths),
    FLAG(13, "More entries"),
    FLAG(14, "Unrecognized flit"),
    FLAG(15, "FEC uncorrectable"),
    HEX(16, 8, 2, "SyndParityGrp0"),
    HEX(24, 8, 2, "SyndCheckGrp0"),
};
static const struct config_field flit_log2[] = {
    HEX(0, 8, 2, "SyndParityGrp1"),
    HEX(8, 8, 2, "SyndCheckGrp1"),
    HEX(16, 8, 2, "SyndParityGrp2"),
    HEX(24, 8, 2, "SyndCheckGrp2"),
};
static const struct config_field flit_counter[] = {
    FLAG(0, "Flit Error Counter En"),
    FLAG(1, "Flit Error Counter Interrupt En"),
    NUMBER(2, 2, "Events to count"),
    HEX(4, 8, 2, "Trigger Event on Error Count"),
};
static const struct config_field flit_counted[] = {
    CODE(0, 3, "Link Width when Error Counter Started", widths),
    FLAG(2, "Interrupt Generated based on Trigger Event Count"),
    NUMBER(8, 8, "FlitErr"),
};
static const struct config_field flit_measure[] = {
    FLAG(0, "En"),
    CODE(2, 2, "Granularity", granularities),
};
static const struct config_field flit_flits[] = {NUMBER(0, 32, "Flit Counter")};
static const struct config_field flit_invalid[] = {NUMBER(0, 16, "Invalid Flit Counter")};

static void flit_log(const struct config_view *view)
{
    static const struct config_reg regs[] = {
        REG(4, 4, "Log1", flit_log1),         REG(8, 4, "Log2", flit_log2),
        REG(12, 2, "CntCtl", flit_counter),   REG(14, 2, "CntSts", flit_counted),
        REG(16, 4, "MeasCtl", flit_measure),  REG(20, 4, "MeasSts1", flit_flits),
        REG(24, 4, "MeasSts2", flit_invalid),
    };

    config_put_regs(view, regs, ARRAY_LEN(regs));
    for (unsigned lane = 0; lane < 16; lane++) {
        unsigned at = 28 + 2 * lane;
        char reg[16], name[16];

        if (!config_has(view, at, 2))
            return;
        (void)snprintf(reg, sizeof(reg), "MeasSts%u", 3 + lane / 2);
        (void)snprintf(name, sizeof(name), "Lane%u", lane);
        config_put_number(view, at, reg, name, config_get(view, at, 2), NULL);
    }
}

/* ---- error injection ---- */

CODES(flit_types, NULL, "any", "any non-IDLE", "only payload", "only NOP");
CODES(runs, NULL, "none", "1", "2", "3", "Unknown (4)", "5", "6", "pseudo-random");
CODES(error_types, NULL, "random", "correctable single group", "correctable three groups",
      "uncorrectable");
CODES(progress, NULL, "not started", "started", "completed", "error");

static const struct config_field inject_ctl1[] = {
    FLAG(0, "En"),
    FLAG(1, "Tx"),
    FLAG(2, "Rx"),
    FLAG(6, "2.5GT/s"),
    FLAG(7, "5.0GT/s"),
    FLAG(8, "8.0GT/s"),
    FLAG(9, "16.0GT/s"),
    FLAG(10, "32.0GT/s"),
    FLAG(11, "64.0GT/s"),
    NUMBER(16, 5, "Number of errors"),
    NUMBER(21, 8, "Spacing between errors"),
    CODE(29, 2, "Flit Type", flit_types),
};
static const struct config_field inject_ctl2[] = {
    CODE(0, 3, "Consecutive", runs),
    CODE(3, 2, "Type", error_types),
    NUMBER(5, 7, "Offset"),
    NUMBER(12, 8, "Magnitude"),
};
static const struct config_field inject_sts[] = {
    CODE(0, 2, "Tx", progress),
    CODE(2, 2, "Rx", progress),
};
static const struct config_field inject_os_ctl1[] = {
    FLAG(0, "En"),    FLAG(1, "Tx"),    FLAG(2, "Rx"),     FLAG(16, "TS0"),  FLAG(17, "TS1"),
    FLAG(18, "TS2"),  FLAG(19, "SKP"),  FLAG(20, "EIEOS"), FLAG(21, "EIOS"), FLAG(22, "SDS"),
    FLAG(23, "Poll"), FLAG(24, "Conf"), FLAG(25, "L0"),    FLAG(26, "NoEq"), FLAG(27, "Eq01"),
    FLAG(28, "Eq2"),  FLAG(29, "Eq3"),
};
static const struct config_field inject_os_ctl2[] = {
    HEX(0, 16, 4, "Bytes"),
    HEX(16, 16, 4, "Lanes"),
};
static const struct config_field inject_os_sts[] = {
    CODE(0, 2, "TS0", progress),
    CODE(2, 2, "TS1", progress),
    CODE(4, 2, "TS2", progress),
    CODE(6, 2, "SKP", progress),
    CODE(8, 2, "EIEOS", progress),
    CODE(10, 2, "EIOS", progress),
    CODE(12, 2, "SDS", progress),
    CODE(14, 2, "Polling", progress),
    CODE(16, 2, "Configuration", progress),
    CODE(18, 2, "L0", progress),
    CODE(20, 2, "non-EQ recovery", progress),
    CODE(22, 2, "Eq01", progress),
    CODE(24, 2, "Eq2", progress),
    CODE(26, 2, "Eq3", progress),
};
static const struct config_reg inject_regs[] = {
    REG(8, 4, "FlitEiCtl1", inject_ctl1),       REG(12, 4, "FlitEiCtl2", inject_ctl2),
    REG(16, 4, "FlitEiSts", inject_sts),        REG(20, 4, "FlitEiOsCtl1", inject_os_ctl1),
    REG(24, 4, "FlitEiOsCtl2", inject_os_ctl2), REG(28, 4, "FlitEiOsTx", inject_os_sts),
    REG(32, 4, "FlitEiOsRx", inject_os_sts),
};

/* ---- where blocks of registers lie in memory ---- */

static void locators(const struct config_view *view)
{
    static const char *const ids[] = {"Empty", "MCAP"};
    unsigned length = config_get(view, 4, 2) & 0xfff;
    unsigned count = length >= 16 ? length / 8 - 1 : 0;

    for (unsigned i = 0; i < count && config_has(view, 8 + 8 * i, 8); i++) {
        unsigned at = 8 + 8 * i, id;
        uint32_t low = config_get(view, at, 4);
        char reg[16];

        id = low >> 8 & 0xff;
        (void)snprintf(reg, sizeof(reg), "Locator%u", i);
        config_put_printf(view, at, reg, "BIR", "BAR%u", low & 7);
        if (id == 0xff)
            config_put_value(view, at, reg, "ID", "MDVS");
        else if (id < ARRAY_LEN(ids))
            config_put_value(view, at, reg, "ID", ids[id]);
        else
            config_put_printf(view, at, reg, "ID", "Reserved (%u)", id);
        config_put_printf(view, at, reg, "offset", "%08x%08x", config_get(view, at + 4, 4),
                          low & 0xffff0000);
    }
}

const struct config_cap config_ecaps_flit[] = {
    CAP_CODE(0x32, 60, "FLitLog", flit_log),
    CAP_BARE(0x33, "FLitPerf"),
    CAP(0x34, 36, "FLitErr", inject_regs),
    CAP_CODE(0x36, 0, "MRBL", locators),
    {0},
};
