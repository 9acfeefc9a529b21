#include "pci/lspci_odd.h"

/* "McastCap: MaxGroups 64, WindowSz 1 (2 bytes)\t\tMcastCtl: ...": lspci forgets to end the line.
 */
static bool line_mcast(struct registers *r, uint32_t line, struct str text)
{
    ptrdiff_t control = str_find(text, "McastCtl:");

    if (control <= 0)
        return false;
    registers_line(r, line, str_trim((struct str){text.p, (size_t)control}));
    registers_line(r, line, str_skip(text, (size_t)control));
    return true;
}

/* "Port Arbitration Table [1b8] <?>" */
static bool line_vc(struct registers *r, uint32_t line, struct str text)
{
    ptrdiff_t open = str_find(text, "["), close = str_find(text, "]");

    if (!str_starts(text, "Port Arbitration Table") || open < 0 || close < open)
        return false;
    registers_open(r, (struct str){0});
    registers_value(r, line, STR("Port Arbitration Table"),
                    str_range(text.p + open + 1, text.p + close));
    return true;
}

/* "Range1: 0000000000000000-00000003ffffffff [size=0x400000000]"; its flags stand on the next line
 */
static bool cxl_range(struct registers *r, uint32_t line, struct str text)
{
    ptrdiff_t colon = str_find(text, ": "), dash = str_find(text, "-");
    char size[SIZE_TEXT_MAX];
    struct str word;
    uint64_t base, limit;

    if (!str_starts(text, "Range") || colon < 0 || dash < colon)
        return false;
    registers_open(r, (struct str){text.p, (size_t)colon});
    word = str_range(text.p + colon + 2, text.p + dash);
    text = str_skip(text, (size_t)dash + 1);
    if (str_to_u64(word, 16, &base) < 0)
        return true;
    registers_number(r, line, STR("base"), (int64_t)base, word);
    if (str_word(&text, &word) && str_to_u64(word, 16, &limit) == 0 && limit > base &&
        limit - base < INT64_MAX)
        registers_number(r, line, STR("size"), (int64_t)(limit - base + 1),
                         size_print(limit - base + 1, size));
    return true;
}

/* "CXLCtl: Cache- IO+ Mem+ Cache SF Cov 0 Cache SF Gran 0 Cache Clean- Viral-" before 3.11 */
static bool cxl_control(struct registers *r, uint32_t line, struct str text)
{
    static const char *const names[] = {"Cache SF Cov", "Cache SF Gran"};
    ptrdiff_t at = str_find(text, names[0]), clean;
    struct str word;

    if (!str_starts(text, "CXLCtl:") || at < 0)
        return false;
    registers_line(r, line, (struct str){text.p, (size_t)at});
    text = str_skip(text, (size_t)at);
    for (size_t i = 0; i < ARRAY_LEN(names) && str_starts(text, names[i]); i++) {
        text = str_skip(text, strlen(names[i]));
        if (str_word(&text, &word))
            registers_value(r, line, str_of(names[i]), word);
        text = str_trim(text);
    }
    clean = str_find(text, "Cache Clean");
    if (clean == 0) {
        registers_fields(r, line, str_skip(text, 6)); /* "Clean- Viral-" */
        return true;
    }
    registers_fields(r, line, text);
    return true;
}

/* What CXL prints that is no plain register. */
static bool line_dvsec(struct registers *r, uint32_t line, struct str text)
{
    if (str_find(text, "DVSEC") >= 0 && str_find(text, ":") < 0) {
        if (str_ends(text, "<?>"))
            text = str_trim((struct str){text.p, text.len - 3});
        registers_open(r, (struct str){0});
        registers_text(r, line, STR("title"), text);
        return true;
    }
    if (cxl_range(r, line, text) || cxl_control(r, line, text))
        return true;
    if (str_starts(text, "CXLCap2:")) /* since 3.11 */
        text = str_trim(str_skip(text, 8));
    if (str_starts(text, "Cache Size")) {
        text = str_trim(str_skip(text, 10));
        if (str_starts(text, ":"))
            text = str_skip(text, 1);
        registers_open(r, STR("CXLCap2"));
        registers_value(r, line, STR("Cache Size"), text);
        return true;
    }
    if (str_starts(text, "AlternateBus:") && text.len > 13 + 6) { /* lspci's second is memory */
        registers_open(r, (struct str){0});
        registers_text(r, line, STR("AlternateMem"), str_trim(str_skip(text, 13)));
        return true;
    }
    return false;
}

/* "[83c]SelectiveIDE#0 Ctl: En- ... TC0 TeeLim- ID0 Default": the offset is printed by -vvv only,
 * and some words have their value glued on. */
static bool line_ide(struct registers *r, uint32_t line, struct str text)
{
    ptrdiff_t close = str_find(text, "]"), colon;
    struct str word;

    if (text.len && text.p[0] == '[' && close > 0)
        text = str_skip(text, (size_t)close + 1);
    colon = str_find(text, ": ");
    if (colon < 0)
        return false;
    registers_open(r, (struct str){text.p, (size_t)colon});
    text = str_skip(text, (size_t)colon + 1);
    while (str_word(&text, &word)) {
        bool number = word.len > 2 && char_is_digit(word.p[2]);

        if (number && (str_starts(word, "TC") || str_starts(word, "ID")))
            registers_value(r, line, (struct str){word.p, 2}, str_skip(word, 2));
        else if (str_is(word, "Default"))
            registers_flag(r, line, word, true);
        else if (str_is(word, "secure") || str_is(word, "insecure") || str_is(word, "reserved"))
            registers_text(r, line, STR("Status"), word);
        else
            registers_fields(r, line, word);
    }
    return true;
}

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
    lspci_odd_line *parse;
} lines[] = {
    {"PM", line_pm},       {"ReBAR", line_rebar},   {"VReBAR", line_rebar}, {"SR-IOV", line_sriov},
    {"VPD", line_vpd},     {"Vendor", line_vendor}, {"MCAST", line_mcast},  {"VC", line_vc},
    {"DVSEC", line_dvsec}, {"IDE", line_ide},
};

lspci_odd_line *lspci_odd_of(struct str block)
{
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (str_is(block, lines[i].block))
            return lines[i].parse;
    return NULL;
}
