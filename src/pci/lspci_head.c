#include "pci/lspci_head.h"

static void head_express(struct registers *r, const struct cap_name *name, struct str text)
{
    struct str rest = str_trim(str_skip(text, strlen(name->text))), type = {0};
    ptrdiff_t paren, flit;
    int64_t number;

    if (str_starts(rest, "(v") && rest.len > 3) {
        registers_number(r, 0, STR("version"), rest.p[2] - '0', (struct str){0});
        rest = str_trim(str_skip(rest, 4));
    }
    (void)str_cut(&rest, ',', &type);
    paren = str_find(type, "(Slot");
    if (paren >= 0) {
        registers_flag(r, 0, STR("slot"), str_find(type, "(Slot+") >= 0);
        type.len = (size_t)paren;
    }
    type = str_trim(type);
    /* Spelled without "Express" at its end in older versions. */
    if (str_starts(type, "PCI-Express to PCI") || str_is(type, "PCI/PCI-X Bridge"))
        type = STR("PCI-Express to PCI/PCI-X Bridge");
    registers_text(r, 0, STR("type"), type);
    rest = str_trim(rest);
    if (str_starts(rest, "MSI ")) { /* hex before 3.11 */
        struct str head;

        (void)str_cut(&rest, ',', &head);
        if (str_to_i64(str_skip(head, 4), 16, &number) == 0)
            registers_number(r, 0, STR("IntMsgNum"), number, (struct str){0});
        rest = str_trim(rest);
    }
    flit = str_find(rest, "FLIT Mode Supported");
    if (flit >= 0)
        rest.len = (size_t)flit;
    registers_fields(r, 0, str_trim(rest));
    if (flit >= 0)
        registers_flag(r, 0, STR("FLIT Mode Supported"), true);
}

static void head_version(struct registers *r, const struct cap_name *name, struct str text)
{
    ptrdiff_t at = str_find(text, "version ");

    (void)name;
    if (at >= 0)
        registers_value(r, 0, STR("version"), str_skip(text, (size_t)at + 8));
}

static void head_dsn(struct registers *r, const struct cap_name *name, struct str text)
{
    text = str_trim(str_skip(text, strlen(name->text)));
    if (text.len)
        registers_text(r, 0, STR("serial"), text);
}

/* "HyperTransport: MSI Mapping Enable+ Fixed+" */
static void head_ht(struct registers *r, const struct cap_name *name, struct str text)
{
    struct str type;
    ptrdiff_t flags;

    text = str_trim(str_skip(text, strlen(name->text)));
    if (str_starts(text, ":"))
        text = str_trim(str_skip(text, 1));
    type = text;
    flags = str_find(text, "MSI Mapping");
    if (flags == 0)
        type.len = strlen("MSI Mapping");
    registers_text(r, 0, STR("type"), type);
    registers_fields(r, 0, str_skip(text, type.len));
}

/* "Subsystem: NVIDIA Corporation Device 1626 [10de:1626]" */
static void head_ssvid(struct registers *r, const struct cap_name *name, struct str text)
{
    struct str ids;
    int64_t vendor, device;

    text = str_trim(str_skip(text, strlen(name->text) + 1));
    registers_text(r, 0, STR("name"), text);
    if (text.len < 9)
        return;
    ids = str_skip(text, text.len - 9);
    if (str_ends(text, "]") && text.len >= 11)
        ids = (struct str){text.p + text.len - 10, 9};
    if (ids.p[4] == ':' && str_to_i64((struct str){ids.p, 4}, 16, &vendor) == 0 &&
        str_to_i64((struct str){ids.p + 5, 4}, 16, &device) == 0) {
        registers_number(r, 0, STR("vendor"), vendor, (struct str){ids.p, 4});
        registers_number(r, 0, STR("device"), device, (struct str){ids.p + 5, 4});
    }
}

/* "Vendor Specific Information: Len=14 <?>", "MSI: Enable+ ...", "Slot ID: 3 slots, First+" */
static void head_fields(struct registers *r, const struct cap_name *name, struct str text)
{
    text = str_skip(text, strlen(name->text));
    if (str_starts(text, ":"))
        text = str_skip(text, 1);
    text = str_trim(text);
    if (str_is(r->block, "SlotID") && str_find(text, " slots") > 0) {
        struct str slots;

        (void)str_cut(&text, ' ', &slots);
        registers_value(r, 0, STR("slots"), slots);
        text = str_skip(text, strlen("slots,"));
    }
    registers_fields(r, 0, text);
}

/* "VirtIO: CommonCfg", "Intel Capabilities v1": what kind of vendor block it is. */
static void head_kind(struct registers *r, const struct cap_name *name, struct str text)
{
    ptrdiff_t virtio = str_find(text, "VirtIO: "), intel = str_find(text, "Intel");

    if (virtio >= 0)
        registers_text(r, 0, STR("VirtIO"), str_skip(text, (size_t)virtio + strlen("VirtIO: ")));
    else if (intel >= 0)
        registers_text(r, 0, STR("kind"), str_skip(text, (size_t)intel));
    else
        head_fields(r, name, text);
}

static void head_pcix(struct registers *r, const struct cap_name *name, struct str text)
{
    registers_text(r, 0, STR("type"), str_trim(str_skip(text, strlen(name->text))));
}

/* "SATA HBA v1.0 BAR4 Offset=00000004", "SATA HBA v1.0 InCfgSpace" */
static void head_sata(struct registers *r, const struct cap_name *name, struct str text)
{
    struct str word;

    text = str_skip(text, strlen(name->text));
    if (str_word(&text, &word) && word.p[0] == 'v')
        registers_text(r, 0, STR("revision"), str_skip(word, 1));
    if (str_word(&text, &word))
        registers_text(r, 0, STR("location"), word);
    registers_open(r, STR("BAR"));
    registers_fields(r, 0, text);
}

/* "Debug port: BAR=1 offset=00a0" */
static void head_debug(struct registers *r, const struct cap_name *name, struct str text)
{
    registers_open(r, STR("Port"));
    registers_fields(r, 0, str_skip(text, strlen(name->text) + 1));
}

/* "Designated Vendor-Specific: Vendor=1e98 ID=0000 Rev=1 Len=56: CXL" */
static void head_dvsec(struct registers *r, const struct cap_name *name, struct str text)
{
    if (str_ends(text, ": CXL"))
        text.len -= strlen(": CXL");
    head_fields(r, name, text);
}

/* "Enhanced Allocation (EA): NumEntries=4, secondary=1, subordinate=2" */
static void head_ea(struct registers *r, const struct cap_name *name, struct str text)
{
    ptrdiff_t colon = str_find(text, ": ");

    (void)name;
    if (colon > 0)
        registers_fields(r, 0, str_skip(text, (size_t)colon + 2));
}

static const struct {
    const char *block;
    void (*parse)(struct registers *r, const struct cap_name *name, struct str text);
} heads[] = {
    {"Express", head_express}, {"PM", head_version},      {"AGP", head_version},
    {"DSN", head_dsn},         {"HT", head_ht},           {"SSVID", head_ssvid},
    {"Vendor", head_kind},     {"VSEC", head_fields},     {"DVSEC", head_dvsec},
    {"MSI", head_fields},      {"MSI-X", head_fields},    {"SlotID", head_fields},
    {"SATA", head_sata},       {"DebugPort", head_debug}, {"PCI-X", head_pcix},
    {"EA", head_ea},
};

void lspci_head_parse(struct registers *r, const struct cap_name *name, struct str text)
{
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        if (str_is(r->block, heads[i].block)) {
            heads[i].parse(r, name, text);
            return;
        }
}
