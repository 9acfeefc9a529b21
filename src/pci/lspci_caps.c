#include "pci/lspci_caps.h"

#include "pci/lspci_head.h"
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

/* The lines below the first. */
static void cap_lines(struct registers *r, struct str rest)
{
    lspci_odd_line *parse = lspci_odd_of(r->block);
    struct str line;
    bool own = false;

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
        if (deeper && !(own && str_is(r->block, "VPD"))) {
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
        lspci_head_parse(&r, name, cap.text);
    cap_lines(&r, rest);
    return fact_end_cached(builder, CACHE_KIND, chunk);
}

const struct fact_block *lspci_cap_parse(struct fact_builder *builder, struct str chunk)
{
    const struct fact_block *block = fact_cached(builder, CACHE_KIND, chunk);

    return block ? block : cap_build(builder, chunk);
}
