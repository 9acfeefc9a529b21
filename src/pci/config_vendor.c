/* Extended capabilities whose contents a vendor or a consortium defines: VSEC, DVSEC and CXL. */
#include "pci/config_view.h"

#include <stdio.h>

static const struct config_field vsec_fields[] = {
    HEX(0, 16, 4, "ID"),
    NUMBER(16, 4, "Rev"),
    HEX(20, 12, 3, "Len"),
};
static const struct config_reg vsec_regs[] = {REG(4, 4, "", vsec_fields)};

static const struct config_field dvsec_vendor[] = {HEX(0, 16, 4, "Vendor")};
static const struct config_field dvsec_id[] = {HEX(0, 16, 4, "ID")};
static const struct config_field dvsec_length[] = {NUMBER(16, 4, "Rev"), NUMBER(20, 12, "Len")};
static const struct config_reg dvsec_regs[] = {
    REG(4, 4, "", dvsec_vendor),
    REG(8, 2, "", dvsec_id),
    REG(4, 4, "", dvsec_length),
};

static void dvsec(const struct config_view *view)
{
    if (config_has(view, 4, 6))
        config_put_regs(view, dvsec_regs, ARRAY_LEN(dvsec_regs));
}

const struct config_cap config_ecaps_vendor[] = {
    CAP(0x0b, 8, "VSEC", vsec_regs),
    CAP_CODE(0x23, 0, "DVSEC", dvsec),
    {0},
};
