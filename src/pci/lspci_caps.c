#include "pci/lspci_caps.h"

#include "pci/lspci_odd.h"
#include "pci/registers.h"

#include <stdio.h>

/* Keeps these chunks apart from other parsers' in the builder's cache. */
#define CACHE_KIND 0x7001

struct cap_line {
    struct str offset;
    struct str version; /* empty when not printed */
    struct str text;    /* behind "] " */
    bool extended;
};

static bool cap_line_parse(struct str line, struct cap_line *cap)
{
    const char *close;
    struct str inside;

    *cap = (struct cap_line){0};
    if (!str_starts(line, "Capabilities:"))
        return false;
    line = str_trim(str_skip(line, 13));
    cap->text = line;
    if (!line.len || line.p[0] != '[')
        return true;
    close = memchr(line.p, ']', line.len < 17 ? line.len : 17);
    if (!close)
        return false;
    inside = str_range(line.p + 1, close);
    cap->text = str_trim(str_range(close + 1, line.p + line.len));
    if (!str_word(&inside, &cap->offset))
        return false;
    cap->version = str_trim(inside);
    if (str_starts(cap->version, "v"))
        cap->version = str_skip(cap->version, 1);
    cap->extended = cap->offset.len >= 3;
    return true;
}

enum cap_found lspci_cap_kind(struct str line, bool *extended)
{
    struct cap_line cap;

    *extended = false;
    if (!cap_line_parse(line, &cap))
        return CAP_NONE;
    if (str_starts(cap.text, "<access denied"))
        return CAP_DENIED;
    if (str_starts(cap.text, "<chain"))
        return CAP_BROKEN;
    *extended = cap.extended;
    if (!cap.offset.len || str_is(cap.text, "Null"))
        return CAP_NONE;
    return CAP_BLOCK;
}

/* The number in "#19", "Capability ID 0x14 [0004]", "Extended Capability ID 0x2a", or -1. */
static int unknown_id(struct str text)
{
    struct str word;
    uint64_t id;

    if (str_starts(text, "#")) {
        text = str_skip(text, 1);
    } else {
        ptrdiff_t hex = str_find(text, "ID 0x");

        if (hex < 0)
            return -1;
        text = str_skip(text, (size_t)hex + 5);
    }
    if (!str_word(&text, &word) || str_to_u64(word, 16, &id) < 0 || id > 0xffff)
        return -1;
    return (int)id;
}

/* ---- header lines that say more than the name ---- */

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

/* ---- lines that are no plain registers; each returns false when the line is none of its own ----
 */

/* "Status: D0 NoSoftRst+ PME-Enable- DSel=0 DScale=0 PME-" */
static bool line_pm(struct registers *r, uint32_t line, struct str text)
{
    struct str state;

    if (!str_starts(text, "Status:"))
        return false;
    text = str_skip(text, 7);
    registers_open(r, STR("Status"));
    if (str_word(&text, &state))
        registers_text(r, line, STR("state"), state);
    registers_fields(r, line, text);
    return true;
}

/* "BAR 0: current size: 256MB, supported: 64MB 128MB 256MB" */
static bool line_rebar(struct registers *r, uint32_t line, struct str text)
{
    ptrdiff_t current = str_find(text, "current size:"), supported = str_find(text, "supported:");
    struct str rest, word;
    char name[8], list[256], size[SIZE_TEXT_MAX];
    size_t len = 0;
    int64_t bytes;

    if (str_starts(text, "<error in resizable BAR: num_bars=")) {
        rest = str_skip(text, strlen("<error in resizable BAR: num_bars="));
        registers_open(r, (struct str){0});
        if (str_word(&rest, &word))
            registers_value(r, line, STR("num_bars"), word);
        return true;
    }
    if (!str_starts(text, "BAR ") || text.len < 6 || current < 0)
        return false;
    name[0] = 'B', name[1] = 'A', name[2] = 'R', name[3] = text.p[4];
    registers_open(r, (struct str){name, 4});
    rest = str_skip(text, (size_t)current + strlen("current size:"));
    if (str_word(&rest, &word)) {
        if (str_ends(word, ","))
            word.len--;
        bytes = size_parse(word);
        if (bytes > 0)
            registers_number(r, line, STR("current"), bytes, size_print((uint64_t)bytes, size));
    }
    if (supported < 0)
        return true;
    rest = str_skip(text, (size_t)supported + strlen("supported:"));
    while (str_word(&rest, &word)) {
        bytes = size_parse(word);
        if (bytes > 0) {
            struct str one = size_print((uint64_t)bytes, size);

            if (len + 1 + one.len > sizeof(list))
                break;
            if (len)
                list[len++] = ' ';
            memcpy(list + len, one.p, one.len);
            len += one.len;
        }
    }
    registers_text(r, line, STR("supported"), (struct str){list, len});
    registers_open(r, (struct str){0}); /* `name` ends here */
    return true;
}

/* "Region 0: Memory at 00000000c8000000 (64-bit, prefetchable)" of the virtual functions */
static bool line_sriov(struct registers *r, uint32_t line, struct str text)
{
    ptrdiff_t at = str_find(text, " at "), open = str_find(text, "(");
    char name[8] = "RegionN";
    struct str address;

    if (!str_starts(text, "Region ") || text.len < 9 || at < 0)
        return false;
    name[6] = text.p[7];
    registers_open(r, (struct str){name, 7});
    if (open >= 0 && str_ends(text, ")"))
        registers_text(r, line, STR("type"), str_range(text.p + open + 1, text.p + text.len - 1));
    text = str_skip(text, (size_t)at + 4);
    if (str_word(&text, &address))
        registers_value(r, line, STR("address"), address);
    registers_open(r, (struct str){0});
    return true;
}

/* "BAR=4 offset=00003000 size=00001000", "multiplier=00000004" of a virtio device */
static bool line_vendor(struct registers *r, uint32_t line, struct str text)
{
    if (!str_starts(text, "BAR=") && !str_starts(text, "multiplier="))
        return false;
    registers_open(r, STR("VirtIO"));
    registers_fields(r, line, text);
    return true;
}

/* The fields of the vital product data: "[SN] Serial number: MT2231" */
static bool line_vpd(struct registers *r, uint32_t line, struct str text)
{
    ptrdiff_t colon = str_find(text, ": ");

    registers_open(r, (struct str){0});
    if (str_starts(text, "Product Name:")) {
        registers_text(r, line, STR("product"), str_trim(str_skip(text, 13)));
    } else if (text.len > 4 && text.p[0] == '[' && text.p[3] == ']' && colon > 0) {
        struct str name = {text.p + 1, 2};

        if (name.p[0] != 'R' || (name.p[1] != 'V' && name.p[1] != 'W')) /* the rest, no field */
            registers_text(r, line, name, str_skip(text, (size_t)colon + 2));
    } else if (str_starts(text, "Not readable")) {
        registers_flag(r, line, STR("readable"), false);
    }
    return true;
}

static const struct {
    const char *block;
    bool (*parse)(struct registers *r, uint32_t line, struct str text);
} lines[] = {
    {"PM", line_pm},
    {"ReBAR", line_rebar},
    {"VReBAR", line_rebar},
    {"SR-IOV", line_sriov},
    {"VPD", line_vpd},
    {"Vendor", line_vendor},
    {"MCAST", lspci_line_mcast},
    {"VC", lspci_line_vc},
    {"DVSEC", lspci_line_dvsec},
    {"IDE", lspci_line_ide},
};

/* The lines below the first. */
static void cap_lines(struct registers *r, struct str rest)
{
    bool (*parse)(struct registers * r, uint32_t line, struct str text) = NULL;
    struct str line;
    bool own = false;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (str_is(r->block, lines[i].block))
            parse = lines[i].parse;
    for (uint32_t number = 1; str_line(&rest, &line); number++) {
        size_t tabs = 0;
        struct str text = str_trim(line);
        bool deeper;

        while (tabs < line.len && line.p[tabs] == '\t')
            tabs++;
        if (!text.len)
            continue;
        if (text.len > REGISTERS_LINE_MAX)
            text.len = REGISTERS_LINE_MAX;
        deeper = tabs > 2 || line.p[tabs] == ' ';
        if (deeper && str_starts(text, "Port Arbitration Table")) {
            r->prefix = (struct str){0};
            registers_flag(r, number, STR("Port Arbitration Table"), true);
            continue;
        }
        if (deeper && !(own && parse == line_vpd)) {
            registers_more(r, number, text);
            continue;
        }
        own = parse && parse(r, number, text);
        if (!own)
            registers_line(r, number, text);
    }
}

static const struct fact_block *cap_build(struct fact_builder *builder, struct str chunk)
{
    struct str rest = chunk, first;
    const struct cap_name *name;
    struct registers r;
    struct cap_line cap;
    char unknown[16];
    uint64_t offset;

    if (!str_line(&rest, &first) || !cap_line_parse(str_trim(first), &cap) || !cap.offset.len)
        return NULL;
    name = cap_by_text(cap.text, cap.extended);
    if (name) {
        registers_begin(&r, builder, str_of(name->block));
    } else {
        int id = unknown_id(cap.text);
        int len;

        name = id < 0 ? NULL : cap_by_id((uint16_t)id, cap.extended);
        if (name)
            len = snprintf(unknown, sizeof(unknown), "%s", name->block);
        else if (id >= 0)
            len = snprintf(unknown, sizeof(unknown), cap.extended ? "ECap-%04x" : "Cap-%02x", id);
        else
            len = snprintf(unknown, sizeof(unknown), cap.extended ? "ECap" : "Cap");
        registers_begin(&r, builder, (struct str){unknown, (size_t)len});
        name = NULL;
    }
    if (str_to_u64(cap.offset, 16, &offset) == 0)
        registers_number(&r, 0, STR("offset"), (int64_t)offset, cap.offset);
    if (cap.version.len)
        registers_value(&r, 0, STR("version"), cap.version);
    if (!name && unknown_id(cap.text) < 0)
        registers_text(&r, 0, STR("title"), cap.text);
    if (name)
        for (size_t i = 0; i < ARRAY_LEN(heads); i++)
            if (str_is(r.block, heads[i].block))
                heads[i].parse(&r, name, cap.text);
    cap_lines(&r, rest);
    return fact_end_cached(builder, CACHE_KIND, chunk);
}

const struct fact_block *lspci_cap_parse(struct fact_builder *builder, struct str chunk)
{
    const struct fact_block *block = fact_cached(builder, CACHE_KIND, chunk);

    return block ? block : cap_build(builder, chunk);
}
