/* The HyperTransport capability. Its registers depend on the type and the revision in it. */
#include "pci/config_view.h"

#include <stdio.h>

enum { REVISION_WITH_ALL = 0x22 }; /* earlier ones lack the upper halves of most registers */

CODES(ht_widths, NULL, "8bit", "16bit", "[2]", "32bit", "2bit", "4bit", "[6]", "N/C");
CODES(ht_clocks, NULL, "200MHz", "300MHz", "400MHz", "500MHz", "600MHz", "800MHz", "1.0GHz",
      "1.2GHz", "1.4GHz", "1.6GHz", "[a]", "[b]", "[c]", "[d]", "[e]", "Vend");

static const struct config_field primary_command[] = {
    NUMBER(0, 5, "BaseUnitID"),
    NUMBER(5, 5, "UnitCnt"),
    FLAG(10, "MastHost"),
    FLAG(11, "DefDir"),
};
static const struct config_field primary_command_more[] = {FLAG(12, "DUL")};
static const struct config_field secondary_command[] = {FLAG(0, "WarmRst"), FLAG(1, "DblEnd")};
static const struct config_field secondary_command_more[] = {
    NUMBER(2, 5, "DevNum"), FLAG(7, "ChainSide"), FLAG(8, "HostHide"),
    FLAG(10, "Slave"),      FLAG(11, "<EOCErr"),  FLAG(12, "DUL"),
};
static const struct config_field link_control[] = {
    FLAG(1, "CFlE"), FLAG(2, "CST"), FLAG(3, "CFE"), FLAG(4, "<LkFail"),
    FLAG(5, "Init"), FLAG(6, "EOC"), FLAG(7, "TXO"), HEX(8, 4, 1, "<CRCErr"),
};
static const struct config_field link_control_more[] = {
    FLAG(12, "IsocEn"),
    FLAG(13, "LSEn"),
    FLAG(14, "ExtCTL"),
    FLAG(15, "64b"),
};
static const struct config_field link_config[] = {
    CODE(0, 3, "MLWI", ht_widths),
    CODE(4, 3, "MLWO", ht_widths),
    CODE(8, 3, "LWI", ht_widths),
    CODE(12, 3, "LWO", ht_widths),
};
static const struct config_field link_config_more[] = {
    FLAG(3, "DwFcIn"),
    FLAG(7, "DwFcOut"),
    FLAG(11, "DwFcInEn"),
    FLAG(15, "DwFcOutEn"),
};
static const struct config_field link_error[] = {
    FLAG(4, "<Prot"),
    FLAG(5, "<Ovfl"),
    FLAG(6, "<EOC"),
    FLAG(7, "CTLTm"),
};
static const struct config_field link_clocks[] = {
    FLAG(0, "200MHz"), FLAG(1, "300MHz"), FLAG(2, "400MHz"), FLAG(3, "500MHz"),
    FLAG(4, "600MHz"), FLAG(5, "800MHz"), FLAG(6, "1.0GHz"), FLAG(7, "1.2GHz"),
    FLAG(8, "1.4GHz"), FLAG(9, "1.6GHz"), FLAG(15, "Vend"),
};
static const struct config_field features[] = {
    FLAG(0, "IsocFC"), FLAG(1, "LDTSTOP"), FLAG(2, "CRCTM"),
    FLAG(3, "ECTLT"),  FLAG(4, "64bA"),    FLAG(5, "UIDRD"),
};
static const struct config_field features_host[] = {FLAG(8, "ExtRS"), FLAG(9, "UCnfE")};
static const struct config_field error_handling[] = {
    FLAG(0, "PFlE"),    FLAG(1, "OFlE"),  FLAG(2, "PFE"),     FLAG(3, "OFE"),
    FLAG(4, "EOCFE"),   FLAG(5, "RFE"),   FLAG(6, "CRCFE"),   FLAG(7, "SERRFE"),
    FLAG(8, "CF"),      FLAG(9, "RE"),    FLAG(10, "PNFE"),   FLAG(11, "ONFE"),
    FLAG(12, "EOCNFE"), FLAG(13, "RNFE"), FLAG(14, "CRCNFE"), FLAG(15, "SERRNFE"),
};

#define PUT(at, bytes, name, fields)                                                               \
    config_put_reg(view, REG_HERE(at, bytes, name, fields), 0, NULL)

static void put_named(const struct config_view *view, const struct config_reg *reg,
                      const char *suffix)
{
    char name[48];

    (void)snprintf(name, sizeof(name), "%s%s", reg->name, suffix);
    config_put_reg(view, reg, 0, name);
}

#define PUT_LINK(at, bytes, name, fields) put_named(view, REG_HERE(at, bytes, name, fields), suffix)

static void put_link(const struct config_view *view, unsigned control, const char *suffix, bool all)
{
    PUT_LINK(control, 2, "Link Control", link_control);
    if (all)
        PUT_LINK(control, 2, "Link Control", link_control_more);
    PUT_LINK(control + 2, 2, "Link Config", link_config);
    if (all)
        PUT_LINK(control + 2, 2, "Link Config", link_config_more);
}

static void put_frequency(const struct config_view *view, unsigned at, unsigned can,
                          unsigned can_bytes, const char *suffix)
{
    char name[48];

    if (!config_has(view, at, 1))
        return;
    (void)snprintf(name, sizeof(name), "Link Frequency%s", suffix);
    config_put_value(view, at, "", name, config_code(&ht_clocks, config_get(view, at, 1) & 0xf));
    PUT_LINK(at, 1, "Link Error", link_error);
    PUT_LINK(can, can_bytes, "Link Frequency Capability", link_clocks);
}

static void put_revision(const struct config_view *view, unsigned at)
{
    uint32_t revision = config_get(view, at, 1);

    config_put_printf(view, at, "", "Revision ID", "%u.%02u", revision >> 5, revision & 0x1f);
}

static void put_upper(const struct config_view *view, unsigned at)
{
    config_put_printf(view, at, "", "Prefetchable memory behind bridge Upper", "%02x-%02x",
                      config_get(view, at, 1), config_get(view, at + 1, 1));
}

static void primary(const struct config_view *view)
{
    bool all = config_get(view, 12, 1) >= REVISION_WITH_ALL;

    if (!config_has(view, 4, 24))
        return;
    PUT(2, 2, "Command", primary_command);
    if (all)
        PUT(2, 2, "Command", primary_command_more);
    put_link(view, 4, " 0", all);
    put_link(view, 8, " 1", all);
    put_revision(view, 12);
    if (!all)
        return;
    /* lspci reads the low byte of the two capability registers only, so that 1.4GHz, 1.6GHz and
     * Vend are always off there; the same here. */
    put_frequency(view, 13, 14, 1, " 0");
    PUT(16, 1, "Feature Capability", features);
    put_frequency(view, 17, 18, 1, " 1");
    PUT(22, 2, "Error Handling", error_handling);
    put_upper(view, 24);
    config_put_printf(view, 26, "", "Bus Number", "%0*llx", 2,
                      (unsigned long long)(config_get(view, 26, 1)));
}

static void host(const struct config_view *view)
{
    bool all = config_get(view, 8, 1) >= REVISION_WITH_ALL;

    if (!config_has(view, 4, 20))
        return;
    PUT(2, 2, "Command", secondary_command);
    if (all)
        PUT(2, 2, "Command", secondary_command_more);
    put_link(view, 4, "", all);
    put_revision(view, 8);
    if (!all)
        return;
    put_frequency(view, 9, 10, 1, "");
    PUT(12, 2, "Feature Capability", features);
    PUT(12, 2, "Feature Capability", features_host);
    if (!(config_get(view, 12, 2) & 0x100))
        return;
    PUT(18, 2, "Error Handling", error_handling);
    put_upper(view, 20);
}

static void hypertransport(const struct config_view *view)
{
    static const char *const types[32] = {
        [0x00] = "Slave or Primary Interface",
        [0x01] = "Slave or Primary Interface",
        [0x02] = "Slave or Primary Interface",
        [0x03] = "Slave or Primary Interface",
        [0x04] = "Host or Secondary Interface",
        [0x05] = "Host or Secondary Interface",
        [0x06] = "Host or Secondary Interface",
        [0x07] = "Host or Secondary Interface",
        [0x08] = "Switch",
        [0x10] = "Interrupt Discovery and Configuration",
        [0x11] = "Revision ID",
        [0x12] = "UnitID Clumping",
        [0x13] = "Extended Configuration Space Access",
        [0x14] = "Address Mapping",
        [0x15] = "MSI Mapping",
        [0x16] = "DirectRoute",
        [0x17] = "VCSet",
        [0x18] = "Retry Mode",
        [0x19] = "X86 (reserved)",
    };
    uint32_t command = config_get(view, 2, 2);
    unsigned type = command >> 11;

    if (!config_has(view, 2, 2))
        return;
    if (type == 0x11)
        config_put_printf(view, 2, "", "type", "Revision ID: %u.%02u", command >> 5 & 7,
                          command & 0x1f);
    else if (types[type])
        config_put_value(view, 2, "", "type", types[type]);
    else
        config_put_printf(view, 2, "", "type", "#%02x", type);
    if (type < 4) {
        primary(view);
    } else if (type < 8) {
        host(view);
    } else if (type == 0x15) {
        config_put_flag(view, 2, "", "Enable", command & 1);
        config_put_flag(view, 2, "", "Fixed", command & 2);
        if (!(command & 2) && config_has(view, 4, 8))
            config_put_printf(view, 4, "", "Mapping Address Base", "%016llx",
                              (unsigned long long)(config_get64(view, 4, 8) & ~0xfffffull));
    }
}

const struct config_cap config_caps_ht[] = {CAP_CODE(0x08, 28, "HT", hypertransport), {0}};
