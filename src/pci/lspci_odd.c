#include "pci/lspci_odd.h"

/* "McastCap: MaxGroups 64, WindowSz 1 (2 bytes)\t\tMcastCtl: ...": lspci forgets to end the line.
 */
bool lspci_line_mcast(struct registers *r, uint32_t line, struct str text)
{
    ptrdiff_t control = str_find(text, "McastCtl:");

    if (control <= 0)
        return false;
    registers_line(r, line, str_trim((struct str){text.p, (size_t)control}));
    registers_line(r, line, str_skip(text, (size_t)control));
    return true;
}

/* "Port Arbitration Table [1b8] <?>" */
bool lspci_line_vc(struct registers *r, uint32_t line, struct str text)
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
bool lspci_line_dvsec(struct registers *r, uint32_t line, struct str text)
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
bool lspci_line_ide(struct registers *r, uint32_t line, struct str text)
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
