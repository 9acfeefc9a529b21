/* Extended capabilities about errors: AER and DPC. */
#include "pci/config_view.h"

#include <stdio.h>

static const struct config_field uncorrectable[] = {
    FLAG(4, "DLP"),
    FLAG(5, "SDES"),
    FLAG(12, "TLP"),
    FLAG(13, "FCP"),
    FLAG(14, "CmpltTO"),
    FLAG(15, "CmpltAbrt"),
    FLAG(16, "UnxCmplt"),
    FLAG(17, "RxOF"),
    FLAG(18, "MalfTLP"),
    FLAG(19, "ECRC"),
    FLAG(20, "UnsupReq"),
    FLAG(21, "ACSViol"),
    FLAG(22, "UncorrIntErr"),
    FLAG(23, "BlockedTLP"),
    FLAG(24, "AtomicOpBlocked"),
    FLAG(25, "TLPBlockedErr"),
    FLAG(26, "PoisonTLPBlocked"),
    FLAG(27, "DMWrReqBlocked"),
    FLAG(28, "IDECheck"),
    FLAG(29, "MisIDETLP"),
    FLAG(30, "PCRC_CHECK"),
    FLAG(31, "TLPXlatBlocked"),
};
static const struct config_field correctable[] = {
    FLAG(0, "RxErr"),    FLAG(6, "BadTLP"),          FLAG(7, "BadDLLP"),     FLAG(8, "Rollover"),
    FLAG(12, "Timeout"), FLAG(13, "AdvNonFatalErr"), FLAG(14, "CorrIntErr"), FLAG(15, "HeaderOF"),
};
static const struct config_field aer_cap[] = {
    {.name = "First Error Pointer", .shift = 0, .bits = 5, .kind = FIELD_HEX, .digits = 2},
    FLAG(5, "ECRCGenCap"),
    FLAG(6, "ECRCGenEn"),
    FLAG(7, "ECRCChkCap"),
    FLAG(8, "ECRCChkEn"),
    FLAG(9, "MultHdrRecCap"),
    FLAG(10, "MultHdrRecEn"),
    FLAG(11, "TLPPfxPres"),
    FLAG(12, "HdrLogCap"),
};
static const struct config_field root_cmd[] = {
    FLAG(0, "CERptEn"),
    FLAG(1, "NFERptEn"),
    FLAG(2, "FERptEn"),
};
static const struct config_field root_sta[] = {
    FLAG(0, "CERcvd"),     FLAG(1, "MultCERcvd"),  FLAG(2, "UERcvd"),   FLAG(3, "MultUERcvd"),
    FLAG(4, "FirstFatal"), FLAG(5, "NonFatalMsg"), FLAG(6, "FatalMsg"), NUMBER(27, 5, "IntMsgNum"),
};
static const struct config_field error_src[] = {
    HEX(0, 16, 4, "ERR_COR"),
    HEX(16, 16, 4, "ERR_FATAL/NONFATAL"),
};

static void aer(const struct config_view *view)
{
    static const struct config_reg regs[] = {
        REG(4, 4, "UESta", uncorrectable),   REG(8, 4, "UEMsk", uncorrectable),
        REG(12, 4, "UESvrt", uncorrectable), REG(16, 4, "CESta", correctable),
        REG(20, 4, "CEMsk", correctable),    REG(24, 4, "AERCap", aer_cap),
    };
    static const struct config_reg root[] = {
        REG_ON(44, 4, "RootCmd", root_cmd, PORT_RP | PORT_RCEC),
        REG_ON(48, 4, "RootSta", root_sta, PORT_RP | PORT_RCEC),
        REG_ON(52, 4, "ErrorSrc", error_src, PORT_RP | PORT_RCEC),
    };

    config_put_regs(view, regs, ARRAY_LEN(regs));
    if (config_has(view, 28, 16))
        config_put_printf(view, 28, "", "HeaderLog", "%08x %08x %08x %08x", config_get(view, 28, 4),
                          config_get(view, 32, 4), config_get(view, 36, 4),
                          config_get(view, 40, 4));
    config_put_regs(view, root, ARRAY_LEN(root));
}

static const struct config_field dpc_cap[] = {
    NUMBER(0, 5, "IntMsgNum"), FLAG(5, "RPExt"),           FLAG(6, "PoisonedTLP"),
    FLAG(7, "SwTrigger"),      NUMBER(8, 4, "RP PIO Log"), FLAG(12, "DL_ActiveErr"),
};
static const struct config_field dpc_ctl[] = {
    HEX(0, 2, 1, "Trigger"), FLAG(2, "Cmpl"),      FLAG(3, "INT"),          FLAG(4, "ErrCor"),
    FLAG(5, "PoisonedTLP"),  FLAG(6, "SwTrigger"), FLAG(7, "DL_ActiveErr"),
};
static const struct config_field dpc_sta[] = {
    FLAG(0, "Trigger"), HEX(1, 2, 2, "Reason"),     FLAG(3, "INT"),
    FLAG(4, "RPBusy"),  HEX(5, 2, 2, "TriggerExt"), HEX(8, 5, 2, "RP PIO ErrPtr"),
};
static const struct config_field dpc_source[] = {HEX(0, 16, 4, "Source")};
static const struct config_reg dpc_regs[] = {
    REG(4, 2, "DpcCap", dpc_cap),
    REG(6, 2, "DpcCtl", dpc_ctl),
    REG(8, 2, "DpcSta", dpc_sta),
    REG(10, 2, "", dpc_source),
};

const struct config_cap config_ecaps_error[] = {
    CAP_CODE(0x01, 56, "AER", aer),
    CAP(0x1d, 12, "DPC", dpc_regs),
    {0},
};
