#include "render.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "layout.h"
#include "lspci.h"
#include "template.h"

#include <errno.h>
#include <stdlib.h>

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

static int add_template(struct renderer *renderer, struct variant *variant, int index, uint64_t key,
                        struct str block)
{
    struct template *made = template_make(renderer->arena, &variant->machine, index, block);

    if (!made)
        return -ENOMEM;
    variant->templates[index] = made;
    return map_add(&renderer->templates, key, made);
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
        else if (add_template(renderer, variant, fresh[i], keys[fresh[i]], block) < 0)
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
