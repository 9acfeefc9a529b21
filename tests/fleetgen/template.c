#include "template.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Text under construction: pieces so far and the open literal. */
struct maker {
    struct buf text;
    struct piece pieces[64];
    size_t count;
};

static void literal(struct maker *maker, struct str text)
{
    buf_add(&maker->text, text.p, text.len);
    maker->pieces[maker->count - 1].len += (uint32_t)text.len;
}

static void hole(struct maker *maker, enum hole kind, uint64_t value, unsigned width)
{
    if (maker->count == ARRAY_LEN(maker->pieces)) {
        maker->text.failed = true;
        return;
    }
    maker->pieces[maker->count++] = (struct piece){
        .hole = kind, .value = value, .width = (uint8_t)width, .at = (uint32_t)maker->text.len};
}

/* `line` up to the end of `word` is literal; the run of `digits` after it becomes a hole. Returns
 * the rest of the line; unchanged when the word is not there. */
static struct str dig(struct maker *maker, struct str line, const char *word, enum hole kind)
{
    ptrdiff_t at = str_find(line, word);
    size_t start, end;
    char digits[32];

    if (at < 0)
        return line;
    start = end = (size_t)at + strlen(word);
    while (end < line.len &&
           (isxdigit((unsigned char)line.p[end]) || (kind == HOLE_SERIAL && line.p[end] == '-')))
        end++;
    if (kind == HOLE_CORRECTED)
        end = start + 1;
    literal(maker, (struct str){line.p, start});
    snprintf(digits, sizeof(digits), "%.*s", (int)(end - start), line.p + start);
    hole(maker, kind, kind == HOLE_ADDRESS ? strtoull(digits, NULL, 16) : 0,
         kind == HOLE_ADDRESS && digits[0] == '0' ? (unsigned)(end - start) : 0);
    return str_skip(line, end);
}

static const char *size_text(unsigned bits, char out[16])
{
    static const char units[] = " KMGT";

    snprintf(out, 16, "%u%c", 1u << bits % 10, units[bits / 10]);
    return out;
}

/* A line of an lspci text, with holes. Lines of functions whose noise is never written (MSI that
 * is off) stay as they are. */
static void make_line(struct maker *maker, const struct function *function, struct str line)
{
    struct str rest = line;
    char text[64], size[16];

    if (str_starts(line, "\tInterrupt: pin")) {
        rest = dig(maker, rest, "IRQ ", HOLE_IRQ);
    } else if (str_starts(line, "\tBus: primary=")) {
        rest = dig(maker, rest, "primary=", HOLE_PRIMARY);
        rest = dig(maker, rest, "secondary=", HOLE_SECONDARY);
        rest = dig(maker, rest, "subordinate=", HOLE_SUBORDINATE);
    } else if (str_starts(line, "\tRegion ")) {
        int bar = line.p[8] - '0';

        /* With -F, lspci takes the upper half of a 64-bit BAR for a region of its own. */
        if (bar < 0 || bar > 5 || function->type->bars[bar].kind == BAR_NONE)
            return;
        if (function->type->bars[bar].kind == BAR_PREF64)
            rest = dig(maker, rest, "Memory at ", HOLE_ADDRESS);
        literal(maker, rest);
        snprintf(text, sizeof(text), " [size=%s]", size_text(function->bar_bits[bar], size));
        literal(maker, str_of(text));
        rest = STR("");
    } else if (str_starts(line, "\tPrefetchable memory behind bridge: ") &&
               str_find(line, "[disabled]") < 0) {
        rest = dig(maker, rest, "bridge: ", HOLE_ADDRESS);
        rest = dig(maker, rest, "-", HOLE_ADDRESS);
    } else if (str_starts(line, "\t\tAddress: ") && (function->type->caps & CAP_MSI_ON)) {
        rest = dig(maker, rest, "Address: ", HOLE_MSI_ADDRESS);
        rest = dig(maker, rest, "Data: ", HOLE_MSI_DATA);
    } else if (str_find(line, "Device Serial Number ") >= 0) {
        rest = dig(maker, rest, "Number ", HOLE_SERIAL);
    } else if (str_starts(line, "\t\tDevSta:\tCorrErr-") && (function->type->caps & CAP_AER) &&
               !function->no_extended) {
        rest = dig(maker, rest, "CorrErr", HOLE_CORRECTED);
    } else if (str_starts(line, "\t\tCESta:") && str_ends(line, "AdvNonFatalErr-")) {
        rest = dig(maker, rest, "AdvNonFatalErr", HOLE_CORRECTED);
    }
    literal(maker, rest);
    literal(maker, STR("\n"));
}

/* NUMA node and IOMMU group come after Interrupt and before the first of these. */
static bool after_interrupt(struct str line)
{
    return str_starts(line, "\tRegion ") || str_starts(line, "\tBus: ") ||
           str_starts(line, "\tCapabilities: ") || str_starts(line, "\tExpansion ");
}

static void make_placement(struct maker *maker, const struct machine *machine,
                           const struct function *function, bool old)
{
    char text[64];

    if (function->numa >= 0) {
        snprintf(text, sizeof(text), "\tNUMA node: %d\n", function->numa);
        literal(maker, str_of(text));
    }
    /* The line came with pciutils 3.7. */
    if (machine->host.iommu && !old)
        hole(maker, HOLE_IOMMU, 0, 0);
}

/* One text of lspci 3.9 to what 3.6 made of it: every end of a link is marked, bridge windows
 * don't tell their width, LnkCap2 is not there (an empty line comes of it), DevCtl2 lacks
 * 10BitTagReq, capabilities of 32GT/s are unknown. */
static void old_line(const struct function *function, struct str line, struct buf *out)
{
    buf_clear(out);
    if (str_starts(line, "\t\tLnkCap2:"))
        return;
    if (str_starts(line, "\t\tLnkSta:")) {
        int speed = function->link_speed, width = function->link_width;
        struct str rest = line, head, tail;

        if (str_cut(&rest, ',', &head) && speed) {
            tail = rest;
            if (str_ends(head, " (downgraded)"))
                head.len -= strlen(" (downgraded)");
            if (str_ends(tail, " (downgraded)"))
                tail.len -= strlen(" (downgraded)");
            buf_printf(out, "%.*s%s,%.*s%s", STR_ARG(head),
                       speed < function->cap_speed ? " (downgraded)" : " (ok)", STR_ARG(tail),
                       width < function->cap_width ? " (downgraded)" : " (ok)");
            return;
        }
    }
    if (str_find(line, "behind bridge: ") >= 0 && str_ends(line, "-bit]"))
        line.len -= strlen(" [32-bit]");
    if (str_starts(line, "\t\tDevCtl2:")) {
        ptrdiff_t at = str_find(line, " 10BitTagReq");

        if (at >= 0) {
            buf_add(out, line.p, (size_t)at);
            line = str_skip(line, (size_t)at + strlen(" 10BitTagReq+"));
        }
    }
    buf_add(out, line.p, line.len);
}

static int make_form(struct arena *arena, const struct machine *machine,
                     const struct function *function, struct str block, bool old, struct form *form)
{
    struct maker maker = {0};
    struct buf scratch = {0};
    struct str line;
    bool placed = false, first = true;
    char text[160];
    int r = 0;

    hole(&maker, HOLE_BDF, 0, 0);
    while (str_line(&block, &line)) {
        if (line.len == 0)
            continue;
        if (old) {
            old_line(function, line, &scratch);
            if (!scratch.len)
                continue;
            line = (struct str){scratch.p, scratch.len};
        }
        if (first) {
            ptrdiff_t blank = str_find(line, " ");

            line = str_skip(line, blank < 0 ? 0 : (size_t)blank);
            first = false;
        } else if (!placed && after_interrupt(line)) {
            make_placement(&maker, machine, function, old);
            placed = true;
        }
        make_line(&maker, function, line);
    }
    if (!placed)
        make_placement(&maker, machine, function, old);
    if (function->type->driver) {
        snprintf(text, sizeof(text), "\tKernel driver in use: %s\n", function->type->driver);
        literal(&maker, str_of(text));
    }
    if (function->type->modules) {
        snprintf(text, sizeof(text), "\tKernel modules: %s\n", function->type->modules);
        literal(&maker, str_of(text));
    }
    literal(&maker, STR("\n"));

    form->text = arena_copy(arena, maker.text.p ? maker.text.p : "", maker.text.len);
    form->pieces = arena_alloc(arena, maker.count * sizeof(*form->pieces));
    form->count = maker.count;
    if (maker.text.failed || scratch.failed || !form->text || !form->pieces)
        r = -ENOMEM;
    else
        memcpy(form->pieces, maker.pieces, maker.count * sizeof(*form->pieces));
    buf_done(&maker.text);
    buf_done(&scratch);
    return r;
}

struct template *template_make(struct arena *arena, const struct machine *machine, int index,
                               struct str block)
{
    struct template *made = arena_alloc(arena, sizeof(*made));
    const struct function *function = &machine->functions[index];

    if (!made || make_form(arena, machine, function, block, false, &made->now) < 0 ||
        make_form(arena, machine, function, block, true, &made->old) < 0)
        return NULL;
    return made;
}
