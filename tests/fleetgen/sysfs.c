#include "sysfs.h"

#include <errno.h>

#define FILES_EACH 5

/* Flags of struct resource in the kernel. */
enum {
    RESOURCE_MEM = 0x200,
    RESOURCE_PREFETCH = 0x2000,
    RESOURCE_SIZEALIGN = 0x40000,
    RESOURCE_64 = 0x100000,
    RESOURCE_WINDOW = 0x200000,
};

static void add_range(struct buf *out, uint64_t start, uint64_t end, unsigned flags)
{
    if (end <= start)
        start = end = flags = 0;
    else
        end--;
    buf_printf(out, "0x%016llx 0x%016llx 0x%016x\n", (unsigned long long)start,
               (unsigned long long)end, flags);
}

/* Six BARs, the ROM, and for a bridge its windows: I/O, memory, prefetchable memory. */
static void resource_text(const struct function *function, const struct config_noise *noise,
                          struct buf *out)
{
    for (int i = 0; i < 6; i++) {
        int kind = function->type->bars[i].kind;
        uint64_t start = function->bar_address[i] + (kind == BAR_PREF64 ? noise->address_shift : 0);
        unsigned flags = RESOURCE_MEM | RESOURCE_SIZEALIGN;

        if (kind == BAR_MEM64 || kind == BAR_PREF64)
            flags |= RESOURCE_64 | 0x4;
        if (kind == BAR_PREF64)
            flags |= RESOURCE_PREFETCH | 0x8;
        add_range(out, start, kind ? start + (UINT64_C(1) << function->bar_bits[i]) : 0, flags);
    }
    add_range(out, 0, 0, 0);
    if (!function_is_bridge(function))
        return;
    add_range(out, 0, 0, 0);
    add_range(out, function->mem_base, function->mem_end, RESOURCE_MEM | RESOURCE_WINDOW);
    add_range(out, function->pref_base + noise->address_shift,
              function->pref_end > function->pref_base ? function->pref_end + noise->address_shift
                                                       : 0,
              RESOURCE_MEM | RESOURCE_PREFETCH | RESOURCE_64 | RESOURCE_WINDOW | 0x9);
}

struct adder {
    struct arena *arena;
    struct tree *tree;
    const char *folder; /* "sys/bus/pci/devices/0000:19:00.0" */
    bool failed;
};

static void add(struct adder *adder, const char *name, const char *bytes, size_t len, bool link)
{
    const char *path = arena_printf(adder->arena, "%s/%s", adder->folder, name);
    const char *copy = arena_copy(adder->arena, bytes ? bytes : "", len);

    adder->failed = adder->failed || !path || !copy;
    if (!adder->failed)
        adder->tree->entries[adder->tree->count++] =
            (struct tree_entry){.path = path, .bytes = {copy, len}, .link = link};
}

static void add_function(struct adder *adder, const struct variant *variant,
                         const struct lspci_noise *noise, int index, struct buf *scratch)
{
    const struct function *function = &variant->machine.functions[index];
    struct bdf bdf = render_bdf(variant, noise, index);
    uint8_t bytes[CONFIG_BYTES];

    adder->folder = arena_printf(adder->arena, "sys/bus/pci/devices/%04x:%02x:%02x.%x", bdf.domain,
                                 bdf.bus, bdf.device, bdf.function);
    if (!adder->folder) {
        adder->failed = true;
        return;
    }
    render_config(variant, noise, index, bytes);
    add(adder, "config", (const char *)bytes, sizeof(bytes), false);
    buf_clear(scratch);
    resource_text(function, &noise->functions[index], scratch);
    add(adder, "resource", scratch->p, scratch->len, false);
    buf_clear(scratch);
    buf_printf(scratch, "%d\n", function->numa);
    add(adder, "numa_node", scratch->p, scratch->len, false);
    if (function->type->driver) {
        buf_clear(scratch);
        buf_printf(scratch, "../../../../bus/pci/drivers/%s", function->type->driver);
        add(adder, "driver", scratch->p, scratch->len, true);
    }
    if (variant->machine.host.iommu) {
        buf_clear(scratch);
        buf_printf(scratch, "../../../../kernel/iommu_groups/%u", noise->iommu_group[index]);
        add(adder, "iommu_group", scratch->p, scratch->len, true);
    }
}

int gen_node_sysfs(const struct gen_fleet *fleet, uint32_t index, const struct gen_node *node,
                   struct arena *arena, struct tree *out)
{
    const struct variant *variant = gen_variant(fleet, index);
    struct adder adder = {.arena = arena, .tree = out};
    struct buf scratch = {0};

    *out = (struct tree){.name = node->tree.name};
    out->entries =
        arena_alloc(arena, (node->tree.count + (size_t)variant->order_count * FILES_EACH) *
                               sizeof(*out->entries));
    if (!out->entries)
        return -ENOMEM;
    for (size_t i = 0; i < node->tree.count; i++)
        if (strcmp(node->tree.entries[i].path, "lspci.txt") != 0)
            out->entries[out->count++] = node->tree.entries[i];
    for (int i = 0; i < variant->order_count && !adder.failed; i++)
        add_function(&adder, variant, &node->noise.lspci, variant->order[i], &scratch);
    if (scratch.failed)
        adder.failed = true;
    buf_done(&scratch);
    tree_sort(out);
    return adder.failed ? -ENOMEM : 0;
}
