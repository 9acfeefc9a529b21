#include "pci/lspci_clean.h"

#include "base/vec.h"
#include "pci/hex.h"
#include "pci/lspci_index.h"
#include "pci/lspci_lines.h"

#include <errno.h>

enum line_kind {
    LINE_BLANK,
    LINE_NOISE,  /* prompts, messages */
    LINE_HEADER, /* a device starts */
    LINE_HEX,
    LINE_DEVICE, /* lspci prints such a line at one tab */
    LINE_OTHER,
};

struct line {
    size_t at;       /* of its text in the survey's bytes */
    uint32_t len;    /* of the text, without blanks at its ends */
    uint32_t indent; /* columns; a tab goes on to the next multiple of 8 */
    uint32_t number; /* in the original, from 1 */
    enum line_kind kind;
};

/* The lines with what stands in the way of reading them taken out. */
struct survey {
    struct buf bytes;
    VEC(struct line) lines;
    uint32_t base; /* indentation of the devices' lines */
    bool indented; /* what belongs to a device is deeper than it */
    bool narrow;   /* no line is longer than a mailer's, so some were broken */
};

static struct str line_text(const struct survey *survey, const struct line *line)
{
    return (struct str){survey->bytes.p + line->at, line->len};
}

/* ---- bytes ---- */

/* Length of an ANSI escape at the start of `s`: ESC [ ... letter, or ESC and one byte. */
static size_t escape_len(struct str s)
{
    size_t i = 2;

    if (s.len < 2 || s.p[1] != '[')
        return s.len < 2 ? s.len : 2;
    while (i < s.len && i < 32 && (s.p[i] < '@' || s.p[i] > '~'))
        i++;
    return i < s.len ? i + 1 : s.len;
}

/* Copy a line without escapes, CRs and quote marks; no-break spaces become blanks. */
static void plain_bytes(struct buf *out, struct str raw)
{
    char text[CLEAN_LINE_MAX];
    struct str plain;
    size_t len = 0;

    while (raw.len && len < sizeof(text)) {
        size_t used = 1;

        if (raw.p[0] == 0x1b)
            used = escape_len(raw);
        else if (raw.len > 1 && raw.p[0] == '\xc2' && raw.p[1] == '\xa0')
            text[len++] = ' ', used = 2;
        else if (raw.p[0] != '\r')
            text[len++] = raw.p[0];
        raw = str_skip(raw, used);
    }
    plain = (struct str){text, len};
    while (plain.len && plain.p[0] == '>') {
        plain = str_skip(plain, 1);
        if (plain.len && plain.p[0] == ' ')
            plain = str_skip(plain, 1);
    }
    buf_add(out, plain.p, plain.len);
}

static bool is_noise(struct str text)
{
    static const char *const starts[] = {"lspci:", "pcilib:", "$ ", "# ", "% ", "sudo ", "```"};
    ptrdiff_t at;

    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        if (str_starts(text, starts[i]))
            return true;
    at = str_find(text, "@"); /* root@node1:~# lspci -vvv */
    if (at > 0 && at < 40 && str_find((struct str){text.p, (size_t)at}, " ") < 0 &&
        (str_find(text, "#") > at || str_find(text, "$") > at))
        return true;
    return str_find(text, "lspci -") >= 0;
}

static enum line_kind kind_of(struct str text)
{
    uint64_t bdf;

    if (!text.len)
        return LINE_BLANK;
    if (lspci_address(text, &bdf))
        return LINE_HEADER;
    if (hex_is_row(text))
        return LINE_HEX;
    if (lspci_is_device_line(text))
        return LINE_DEVICE;
    return is_noise(text) ? LINE_NOISE : LINE_OTHER;
}

static int survey_lines(struct survey *survey, struct str text)
{
    struct str raw;

    for (uint32_t number = 1; str_line(&text, &raw); number++) {
        struct line *line = vec_push(&survey->lines);
        size_t start = survey->bytes.len;
        struct str content;
        uint32_t indent = 0;

        if (!line)
            return -ENOMEM;
        plain_bytes(&survey->bytes, raw);
        if (survey->bytes.failed)
            return -ENOMEM;
        content = (struct str){survey->bytes.p + start, survey->bytes.len - start};
        for (; content.len && (content.p[0] == ' ' || content.p[0] == '\t');
             content = str_skip(content, 1))
            indent = content.p[0] == '\t' ? (indent | 7) + 1 : indent + 1;
        content = str_trim(content);
        line->at = content.len ? (size_t)(content.p - survey->bytes.p) : start;
        line->len = (uint32_t)content.len;
        line->indent = indent;
        line->number = number;
        line->kind = kind_of(content);
    }
    return 0;
}

#define MAIL_COLUMNS_MAX 80

/* Where do the devices' lines stand, and is what belongs to them deeper? */
static void survey_indent(struct survey *survey)
{
    size_t deeper = 0, level = 0, others_deeper = 0, longest = 0;
    uint32_t base = UINT32_MAX;

    for (size_t i = 0; i < survey->lines.count; i++)
        if (survey->lines.items[i].kind == LINE_HEADER && survey->lines.items[i].indent < base)
            base = survey->lines.items[i].indent;
    survey->base = base == UINT32_MAX ? 0 : base;
    for (size_t i = 0; i < survey->lines.count; i++) {
        const struct line *line = &survey->lines.items[i];

        if (line->kind == LINE_DEVICE || line->kind == LINE_OTHER)
            longest = line->len > longest ? line->len : longest;
        others_deeper += line->kind == LINE_OTHER && line->indent > survey->base;
        if (line->kind != LINE_DEVICE)
            continue;
        deeper += line->indent > survey->base;
        level += line->indent <= survey->base;
    }
    survey->narrow = longest <= MAIL_COLUMNS_MAX;
    survey->indented = deeper + level ? deeper > level : others_deeper > 0;
}

/* ---- the straight text ---- */

struct writer {
    const struct survey *survey;
    struct buf out;
    VEC(uint32_t) lines;
    const struct line *last; /* the line written last, NULL: nothing may be joined to it */
    bool device;             /* a device is open */
    bool cap;                /* its lines are a capability's */
    uint32_t device_indent, register_indent; /* UINT32_MAX: none seen yet */
    struct str reg;                          /* label of the open register, in the survey's bytes */
};

static void write_line(struct writer *w, const struct line *line, unsigned tabs)
{
    uint32_t *number = vec_push(&w->lines);
    struct str text = line_text(w->survey, line);

    if (!number) {
        w->out.failed = true;
        return;
    }
    *number = line->number;
    buf_add(&w->out, "\t\t\t", tabs);
    buf_add(&w->out, text.p, text.len);
    buf_add(&w->out, "\n", 1);
    w->last = line;
}

/* A mailer broke the line before: put this behind it. */
static void join_line(struct writer *w, const struct line *line)
{
    struct str text = line_text(w->survey, line);

    if (!w->out.len || w->out.failed)
        return;
    w->out.p[w->out.len - 1] = ' ';
    buf_add(&w->out, text.p, text.len);
    buf_add(&w->out, "\n", 1);
}

/* The label in front of ':' that a register's line starts with; empty when there is none. */
static struct str label_of(struct str text)
{
    size_t i = 0;

    while (i < text.len && i < 48 && text.p[i] != ':' && text.p[i] != ',' && text.p[i] != ';' &&
           text.p[i] != '=' && text.p[i] != '+' && text.p[i] != '(')
        i++;
    if (!i || i >= text.len || text.p[i] != ':' ||
        (i + 1 < text.len && text.p[i + 1] != ' ' && text.p[i + 1] != '\t'))
        return (struct str){0};
    for (size_t k = 0; k + 1 < i; k++)
        if (text.p[k] == '-' && text.p[k + 1] == ' ')
            return (struct str){0};
    return (struct str){text.p, i};
}

/* Without indentation: does the line go on with the open register, or start a new one? */
static bool goes_on(const struct writer *w, struct str text)
{
    static const char *const labels[] = {
        "AtomicOpsCap",
        "AtomicOpsCtl",
        "Transmit Margin",
        "DownstreamComp",
        "Addr",
        "Report errors",
        "Selectable De-emphasis",
        "Completion Timeout",
        "Supported Link Speeds",
        "Target Link Speed",
        "Current De-emphasis Level",
        "CrosslinkRes",
    };
    static const char *const sentences[] = {
        "No steering",
        "Steering table",
        "Interrupt vector",
        "Device specific",
        "Extended requester",
        "Not readable",
        "Port Arbitration",
        "<",
        "BAR=",
        "multiplier=",
        "End",
    };
    struct str label = label_of(text);

    if (!w->reg.len)
        return false;
    if (!label.len) {
        for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
            if (str_starts(text, sentences[i]))
                return false;
        return true;
    }
    if (str_starts(label, "Compliance") || text.p[0] == '[')
        return true;
    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        if (str_is(label, labels[i]))
            return true;
    if (str_starts(w->reg, "Slt"))
        return str_is(label, "Control") || str_is(label, "Changed");
    if (str_starts(w->reg, "VC") && w->reg.len <= 3)
        return str_is(label, "Arb") || str_is(label, "Ctrl") || str_is(label, "Status");
    return false;
}

/* Lines that are a device's own even behind a capability. */
static bool ends_cap(struct str text)
{
    return str_starts(text, "Capabilities:") || str_starts(text, "Kernel ") ||
           str_starts(text, "Subsystem:") || str_starts(text, "NUMA node:") ||
           str_starts(text, "IOMMU group:");
}

static void put_device_line(struct writer *w, const struct line *line)
{
    write_line(w, line, 1);
    w->cap = str_starts(line_text(w->survey, line), "Capabilities:");
    w->register_indent = UINT32_MAX;
    w->reg = (struct str){0};
}

static void put_detail(struct writer *w, const struct line *line, bool deeper)
{
    if (!deeper)
        w->reg = label_of(line_text(w->survey, line));
    write_line(w, line, deeper ? 3 : 2);
}

/* Without indentation: is the line the rest of the one above, which a mailer broke? What lspci
 * itself puts on a line of its own starts with a flag, a label or one of a few words. */
static bool is_broken_off(const struct writer *w, struct str text)
{
    static const char *const own[] = {"Slot #", "MaxPayload ", "T_", "Port", "Emergency"};
    struct str rest = text, word;

    if (!w->survey->narrow || !w->last || w->last->len < 40 || !str_word(&rest, &word))
        return false;
    if (label_of(text).len && !str_starts(text, "Completion Timeout"))
        return false;
    if (str_ends(word, ","))
        word.len--;
    if (str_ends(word, "+") || str_ends(word, "-"))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (str_starts(text, own[i]))
            return false;
    return true;
}

/* A line of a text that has lost its indentation. */
static void put_flat(struct writer *w, const struct line *line)
{
    struct str text = line_text(w->survey, line);

    if (line->kind == LINE_DEVICE && (!w->cap || ends_cap(text)))
        put_device_line(w, line);
    else if (w->last && (w->last->kind == LINE_HEADER || is_broken_off(w, text)))
        join_line(w, line);
    else if (!w->cap)
        write_line(w, line, 2);
    else
        put_detail(w, line, goes_on(w, text));
}

static void put_indented(struct writer *w, const struct line *line)
{
    struct str text = line_text(w->survey, line);

    if (line->indent <= w->survey->base) {
        if (line->kind == LINE_DEVICE && (!w->cap || ends_cap(text)))
            put_device_line(w, line);
        else if (w->last)
            join_line(w, line);
        return;
    }
    if (w->device_indent == UINT32_MAX)
        w->device_indent = line->indent;
    if (line->indent <= w->device_indent) {
        put_device_line(w, line);
        return;
    }
    if (w->register_indent == UINT32_MAX)
        w->register_indent = line->indent;
    put_detail(w, line, line->indent > w->register_indent);
}

static void put_line(struct writer *w, const struct line *line)
{
    switch (line->kind) {
    case LINE_BLANK:
        /* What follows a blank line at column 0 is no broken line's rest, unless every line has a
         * blank one below it. */
        if (w->survey->indented)
            w->last = NULL;
        return;
    case LINE_NOISE:
        w->last = NULL;
        return;
    case LINE_HEADER:
        w->device = true;
        w->cap = false;
        w->device_indent = w->register_indent = UINT32_MAX;
        w->reg = (struct str){0};
        write_line(w, line, 0);
        return;
    case LINE_HEX:
        if (w->device)
            write_line(w, line, 0);
        return;
    case LINE_DEVICE:
    case LINE_OTHER:
        break;
    }
    if (!w->device)
        return;
    if (w->survey->indented)
        put_indented(w, line);
    else
        put_flat(w, line);
}

int lspci_clean(struct arena *arena, struct str text, struct lspci_clean *out)
{
    struct survey survey = {0};
    struct writer w = {.survey = &survey};
    int r = survey_lines(&survey, text);
    uint32_t *lines;

    *out = (struct lspci_clean){0};
    if (r < 0)
        goto out;
    survey_indent(&survey);
    for (size_t i = 0; i < survey.lines.count; i++)
        put_line(&w, &survey.lines.items[i]);
    r = -ENOMEM;
    if (w.out.failed)
        goto out;
    out->text.p = arena_copy(arena, w.out.len ? w.out.p : "", w.out.len);
    lines = arena_alloc(arena, w.lines.count * sizeof(*lines) + 1);
    if (!out->text.p || !lines)
        goto out;
    if (w.lines.count)
        memcpy(lines, w.lines.items, w.lines.count * sizeof(*lines));
    out->text.len = w.out.len;
    out->lines = lines;
    out->line_count = (uint32_t)w.lines.count;
    r = 0;
out:
    buf_done(&survey.bytes);
    buf_done(&w.out);
    vec_done(&survey.lines);
    vec_done(&w.lines);
    return r;
}
