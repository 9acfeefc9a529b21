#include "render.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "layout.h"
#include "lspci.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum hole {
    HOLE_NONE,
    HOLE_BDF,
    HOLE_IRQ,
    HOLE_PRIMARY,
    HOLE_SECONDARY,
    HOLE_SUBORDINATE,
    HOLE_ADDRESS, /* value: address on an unshifted node; width: digits, 0: as many as needed */
    HOLE_MSI_ADDRESS,
    HOLE_MSI_DATA,
    HOLE_SERIAL,
    HOLE_CORRECTED, /* '+' or '-' */
    HOLE_IOMMU,     /* the whole line */
};

/* A hole and the literal text after it. */
struct piece {
    enum hole hole;
    uint8_t width;
    uint64_t value;
    uint32_t at, len;
};

struct form {
    char *text;
    struct piece *pieces;
    size_t count;
};

struct template
{
    uint64_t key;
    struct form now, old; /* as lspci 3.9 and as 3.6 print it */
};

struct renderer {
    struct arena *arena;
    struct map templates; /* by key */
};

struct renderer *renderer_new(void)
{
    struct renderer *renderer = calloc(1, sizeof(*renderer));

    if (!renderer)
        return NULL;
    renderer->arena = arena_new(0);
    if (!renderer->arena) {
        free(renderer);
        return NULL;
    }
    return renderer;
}

void renderer_free(struct renderer *renderer)
{
    if (!renderer)
        return;
    map_done(&renderer->templates);
    arena_free(renderer->arena);
    free(renderer);
}

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
 * don't tell their width, DevCtl2 lacks 10BitTagReq, capabilities of 32GT/s are unknown. */
static void old_line(const struct function *function, struct str line, struct buf *out)
{
    buf_clear(out);
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

static int make_form(struct renderer *renderer, const struct machine *machine,
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

    form->text = arena_copy(renderer->arena, maker.text.p ? maker.text.p : "", maker.text.len);
    form->pieces = arena_alloc(renderer->arena, maker.count * sizeof(*form->pieces));
    form->count = maker.count;
    if (maker.text.failed || scratch.failed || !form->text || !form->pieces)
        r = -ENOMEM;
    else
        memcpy(form->pieces, maker.pieces, maker.count * sizeof(*form->pieces));
    buf_done(&maker.text);
    buf_done(&scratch);
    return r;
}

static int make_template(struct renderer *renderer, struct variant *variant, int index,
                         uint64_t key, struct str block)
{
    struct template *made = arena_alloc(renderer->arena, sizeof(*made));
    const struct function *function = &variant->machine.functions[index];
    int r;

    if (!made)
        return -ENOMEM;
    made->key = key;
    r = make_form(renderer, &variant->machine, function, block, false, &made->now);
    if (r == 0)
        r = make_form(renderer, &variant->machine, function, block, true, &made->old);
    if (r == 0)
        r = map_add(&renderer->templates, key, made);
    if (r == 0)
        variant->templates[index] = made;
    return r;
}

static int compare_places(const void *a, const void *b, void *context)
{
    const struct machine *machine = context;
    const struct function *fa = &machine->functions[*(const int *)a];
    const struct function *fb = &machine->functions[*(const int *)b];
    uint32_t da = machine->roots[fa->root].domain, db = machine->roots[fb->root].domain;
    int pa = fa->bus << 8 | fa->device << 3 | fa->number;
    int pb = fb->bus << 8 | fb->device << 3 | fb->number;

    return da != db ? (da < db ? -1 : 1) : pa - pb;
}

static void order_functions(struct variant *variant)
{
    struct machine *machine = &variant->machine;

    variant->order_count = 0;
    for (int i = 0; i < machine->count; i++) {
        bool gone = false;

        for (int at = i; at >= 0; at = machine->functions[at].parent)
            gone = gone || machine->functions[at].absent;
        if (!gone)
            variant->order[variant->order_count++] = i;
    }
    qsort_r(variant->order, (size_t)variant->order_count, sizeof(int), compare_places, machine);
}

/* All that the template depends on. The bus numbers and addresses in the bytes make every function
 * its own; that costs little, since lspci prints a whole machine in 0.1 s. */
static uint64_t template_key(const struct machine *machine, int index,
                             const uint8_t bytes[CONFIG_BYTES])
{
    const struct function *function = &machine->functions[index];
    uint64_t key = hash64(bytes, CONFIG_BYTES);

    key = hash_mix(key, (uint64_t)(uintptr_t)function->type);
    key = hash_mix(key, hash64(function->bar_bits, sizeof(function->bar_bits)));
    return hash_mix(key, (uint64_t)(function->numa + 2) << 1 | machine->host.iommu);
}

/* The next function's block of an lspci text: up to an empty line. */
static bool next_block(struct str *text, struct str *block)
{
    ptrdiff_t end;

    while (text->len > 0 && text->p[0] == '\n')
        *text = str_skip(*text, 1);
    end = str_find(*text, "\n\n");
    *block = end < 0 ? *text : (struct str){text->p, (size_t)end + 1};
    *text = str_skip(*text, block->len);
    return block->len > 0;
}

int renderer_prepare(struct renderer *renderer, struct variant *variant, struct err *err)
{
    struct machine *machine = &variant->machine;
    uint64_t keys[MACHINE_FUNCTIONS_MAX];
    int fresh[MACHINE_FUNCTIONS_MAX], fresh_count = 0, r = 0;
    struct buf hex = {0}, text = {0};
    struct str rest, block;

    layout_place(machine);
    order_functions(variant);
    for (int i = 0; i < variant->order_count; i++) {
        int index = variant->order[i];
        const struct function *function = &machine->functions[index];
        uint8_t bytes[CONFIG_BYTES];

        config_build(machine, index, bytes, &variant->maps[index]);
        keys[index] = template_key(machine, index, bytes);
        variant->templates[index] = map_get(&renderer->templates, keys[index], NULL);
        if (variant->templates[index])
            continue;
        fresh[fresh_count++] = index;
        lspci_add_hex(&hex, machine->roots[function->root].domain, function->bus, function->device,
                      function->number, bytes, CONFIG_BYTES);
    }
    if (fresh_count == 0)
        return 0;
    if (hex.failed)
        r = err_set(err, -ENOMEM, "no memory for config bytes");
    else
        r = lspci_print((struct str){hex.p, hex.len}, &text, err);
    rest = (struct str){text.p, text.len};
    for (int i = 0; i < fresh_count && r == 0; i++) {
        if (!next_block(&rest, &block))
            r = err_set(err, -EIO, "lspci printed %d of %d functions", i, fresh_count);
        else if (make_template(renderer, variant, fresh[i], keys[fresh[i]], block) < 0)
            r = err_set(err, -ENOMEM, "no memory for templates");
    }
    buf_done(&hex);
    buf_done(&text);
    return r;
}

struct bdf render_bdf(const struct variant *variant, const struct lspci_noise *noise, int index)
{
    const struct function *function = &variant->machine.functions[index];
    unsigned shift = function->parent < 0 ? 0 : noise->functions[index].bus_shift;

    return (struct bdf){
        .domain = variant->machine.roots[function->root].domain,
        .bus = (uint8_t)(function->bus + shift),
        .device = function->device,
        .function = function->number,
    };
}

static void add_hex(struct buf *out, uint64_t value, unsigned width)
{
    static const char digits[] = "0123456789abcdef";
    char text[16];
    unsigned at = sizeof(text);

    do {
        text[--at] = digits[value & 15];
        value >>= 4;
    } while (value || sizeof(text) - at < width);
    buf_add(out, text + at, sizeof(text) - at);
}

static void add_decimal(struct buf *out, unsigned value)
{
    char text[12];
    unsigned at = sizeof(text);

    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_add(out, text + at, sizeof(text) - at);
}

static void fill(const struct variant *variant, const struct lspci_noise *noise, int index,
                 bool domains, const struct piece *piece, struct buf *out)
{
    const struct function *function = &variant->machine.functions[index];
    const struct config_noise *own = &noise->functions[index];
    struct bdf bdf = render_bdf(variant, noise, index);

    switch (piece->hole) {
    case HOLE_NONE:
        break;
    case HOLE_BDF:
        if (domains) {
            add_hex(out, bdf.domain, 4);
            buf_add(out, ":", 1);
        }
        add_hex(out, bdf.bus, 2);
        buf_add(out, ":", 1);
        add_hex(out, bdf.device, 2);
        buf_add(out, ".", 1);
        add_hex(out, bdf.function, 1);
        break;
    case HOLE_IRQ:
        add_decimal(out, own->irq);
        break;
    case HOLE_PRIMARY:
        add_hex(out, bdf.bus, 2);
        break;
    case HOLE_SECONDARY:
        add_hex(out, (unsigned)function->secondary + own->bus_shift, 2);
        break;
    case HOLE_SUBORDINATE:
        add_hex(out, (unsigned)function->subordinate + own->bus_shift, 2);
        break;
    case HOLE_ADDRESS:
        add_hex(out, piece->value + own->address_shift, piece->width);
        break;
    case HOLE_MSI_ADDRESS:
        add_hex(out, own->msi_address, 16);
        break;
    case HOLE_MSI_DATA:
        add_hex(out, own->msi_data, 4);
        break;
    case HOLE_SERIAL:
        for (int byte = 7; byte >= 0; byte--) {
            add_hex(out, own->serial >> (8 * byte) & 0xff, 2);
            buf_add(out, "-", byte > 0);
        }
        break;
    case HOLE_CORRECTED:
        buf_add(out, own->corrected ? "+" : "-", 1);
        break;
    case HOLE_IOMMU:
        buf_add(out, "\tIOMMU group: ", 14);
        add_decimal(out, noise->iommu_group[index]);
        buf_add(out, "\n", 1);
        break;
    }
}

void render_lspci(const struct variant *variant, const struct lspci_noise *noise, struct buf *out)
{
    bool domains = false;

    for (int i = 0; i < variant->machine.root_count; i++)
        domains = domains || variant->machine.roots[i].domain != 0;
    for (int i = 0; i < variant->order_count; i++) {
        int index = variant->order[i];
        const struct template *template = variant->templates[index];
        const struct form *form = noise->old ? &template->old : &template->now;

        for (size_t j = 0; j < form->count; j++) {
            fill(variant, noise, index, domains, &form->pieces[j], out);
            buf_add(out, form->text + form->pieces[j].at, form->pieces[j].len);
        }
    }
}

void render_config(const struct variant *variant, const struct lspci_noise *noise, int index,
                   uint8_t bytes[CONFIG_BYTES])
{
    struct config_map map;

    config_build(&variant->machine, index, bytes, &map);
    config_patch(&variant->machine.functions[index], &map, &noise->functions[index], bytes);
}

void render_hex(const struct variant *variant, const struct lspci_noise *noise, struct buf *out)
{
    for (int i = 0; i < variant->order_count; i++) {
        struct bdf bdf = render_bdf(variant, noise, variant->order[i]);
        uint8_t bytes[CONFIG_BYTES];

        render_config(variant, noise, variant->order[i], bytes);
        lspci_add_hex(out, bdf.domain, bdf.bus, bdf.device, bdf.function, bytes, CONFIG_BYTES);
    }
}
