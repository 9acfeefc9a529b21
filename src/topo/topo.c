#include "topo/topo.h"

#include "base/hash.h"
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the tree is built from, as keys of the node's pool. */
struct wanted {
    uint32_t header, bus, express, numa, driver; /* block names */
    uint32_t kind, class, vendor, device, name, secondary, type, numa_node, driver_name;
};

static struct wanted wanted_keys(struct fact_pool *pool)
{
    return (struct wanted){
        .header = fact_pool_key(pool, STR("Header")),
        .bus = fact_pool_key(pool, STR("Bus")),
        .express = fact_pool_key(pool, STR("Express")),
        .numa = fact_pool_key(pool, STR("NUMA")),
        .driver = fact_pool_key(pool, STR("Driver")),
        .kind = fact_pool_key(pool, STR("Header.kind")),
        .class = fact_pool_key(pool, STR("Header.class")),
        .vendor = fact_pool_key(pool, STR("Header.vendor")),
        .device = fact_pool_key(pool, STR("Header.device")),
        .name = fact_pool_key(pool, STR("Header.name")),
        .secondary = fact_pool_key(pool, STR("Bus.secondary")),
        .type = fact_pool_key(pool, STR("Express.type")),
        .numa_node = fact_pool_key(pool, STR("NUMA.node")),
        .driver_name = fact_pool_key(pool, STR("Driver.name")),
    };
}

static enum topo_kind kind_of(const char *text)
{
    static const struct {
        const char *text;
        enum topo_kind kind;
    } kinds[] = {
        {"gpu", TOPO_GPU},   {"nic", TOPO_NIC},       {"nvswitch", TOPO_NVSWITCH},
        {"nvme", TOPO_NVME}, {"bridge", TOPO_BRIDGE},
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (!strcmp(kinds[i].text, text))
            return kinds[i].kind;
    return TOPO_OTHER;
}

static enum port_type port_of(const char *text)
{
    static const struct {
        const char *text;
        enum port_type port;
    } ports[] = {
        {"Endpoint", PORT_ENDPOINT},
        {"Legacy Endpoint", PORT_ENDPOINT},
        {"Root Port", PORT_ROOT},
        {"Upstream Port", PORT_UP},
        {"Downstream Port", PORT_DOWN},
        {"Root Complex Integrated Endpoint", PORT_INTEGRATED},
        {"Root Complex Event Collector", PORT_INTEGRATED},
        {"PCI-Express to PCI/PCI-X Bridge", PORT_TO_PCI},
        {"PCI/PCI-X to PCI-Express Bridge", PORT_TO_PCI},
    };

    for (size_t i = 0; i < ARRAY_LEN(ports); i++)
        if (!strcmp(ports[i].text, text))
            return ports[i].port;
    return PORT_NONE;
}

/* NICs that do RDMA: any InfiniBand controller, and the makers whose network cards all do. */
static bool does_rdma(uint32_t class, uint32_t vendor, const char *driver)
{
    static const uint32_t makers[] = {0x15b3 /* Mellanox */, 0x1dd8 /* Pensando */,
                                      0x1425 /* Chelsio */};
    static const char *const drivers[] = {"mlx5_core", "mlx4_core", "bnxt_en", "irdma", "efa"};

    if (class == 0x0207)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(makers); i++)
        if (vendor == makers[i])
            return true;
    for (size_t i = 0; driver && i < ARRAY_LEN(drivers); i++)
        if (!strcmp(driver, drivers[i]))
            return true;
    return false;
}

/* A device while its facts are gathered. */
struct gather {
    struct topo_device device;
    int secondary; /* -1: no bridge */
};

static struct gather gather_device(const struct node *node, const struct wanted *wanted,
                                   uint32_t index)
{
    const struct subject *subject = &node->subjects[index];
    uint32_t class = 0, vendor = 0, id = 0;
    const char *driver = NULL;
    struct gather out = {
        .device = {.subject = index, .bdf = subject->bdf, .parent = -1, .numa = -1, .name = ""},
        .secondary = -1,
    };

    for (uint32_t r = 0; r < subject->count; r++) {
        const struct fact_block *block = subject->refs[r].block;

        if (block->name != wanted->header && block->name != wanted->bus &&
            block->name != wanted->express && block->name != wanted->numa &&
            block->name != wanted->driver)
            continue;
        for (uint32_t i = 0; i < block->count; i++) {
            const struct fact *fact = &block->facts[i];

            if (fact->key == wanted->kind)
                out.device.kind = kind_of(fact->text);
            else if (fact->key == wanted->class)
                class = (uint32_t)fact->number;
            else if (fact->key == wanted->vendor)
                vendor = (uint32_t)fact->number & 0xffff;
            else if (fact->key == wanted->device)
                id = (uint32_t)fact->number & 0xffff;
            else if (fact->key == wanted->name)
                out.device.name = fact->text;
            else if (fact->key == wanted->secondary)
                out.secondary = (int)(fact->number & 0xff);
            else if (fact->key == wanted->type)
                out.device.port = port_of(fact->text);
            else if (fact->key == wanted->numa_node)
                out.device.numa = (int)fact->number;
            else if (fact->key == wanted->driver_name)
                driver = fact->text;
            if (fact->key == wanted->type)
                break; /* the registers after it are not for us */
        }
    }
    if (vendor || id)
        out.device.vendor_device = vendor << 16 | id;
    if (out.secondary >= 0)
        out.device.kind = TOPO_BRIDGE;
    out.device.rdma = out.device.kind == TOPO_NIC && does_rdma(class, vendor, driver);
    return out;
}

static int by_bdf(const void *a, const void *b)
{
    uint64_t x = ((const struct gather *)a)->device.bdf, y = ((const struct gather *)b)->device.bdf;

    return x < y ? -1 : x > y;
}

static uint64_t bus_of(uint64_t bdf)
{
    return bdf >> 8; /* domain and bus */
}

/* Parent, depth and root bus of each device. A bridge's secondary bus number is above its own bus,
 * so with devices in bus order parents come first and no loop can arise. */
static int link_parents(struct topo *topo, const struct gather *gathered)
{
    struct map bridges = {0}; /* bus -> device index + 1 */
    uint64_t root = UINT64_MAX;
    int roots = -1, r = 0;

    for (uint32_t i = 0; i < topo->count && r == 0; i++) {
        struct topo_device *device = &topo->devices[i];
        uint64_t bus = bus_of(device->bdf);
        uintptr_t parent = (uintptr_t)map_get(&bridges, bus + 1, NULL);

        if (parent) {
            device->parent = (int)parent - 1;
            device->depth = topo->devices[device->parent].depth + 1;
            device->root_bus = topo->devices[device->parent].root_bus;
        } else {
            if (bus != root)
                roots++;
            root = bus;
            device->root_bus = roots;
        }
        if (gathered[i].secondary > (int)(bus & 0xff)) {
            uint64_t below = (bus & ~(uint64_t)0xff) | (unsigned)gathered[i].secondary;

            if (!map_get(&bridges, below + 1, NULL))
                r = map_add(&bridges, below + 1, (void *)(uintptr_t)(i + 1));
        }
    }
    map_done(&bridges);
    return r;
}

/* "rb2/01.0/00.0": parents come first, so theirs is there. */
static int name_slots(struct topo *topo)
{
    for (uint32_t i = 0; i < topo->count; i++) {
        struct topo_device *device = &topo->devices[i];
        unsigned slot = device->bdf >> 3 & 0x1f, function = device->bdf & 7;

        device->slot =
            device->parent < 0
                ? arena_printf(topo->node->arena, "rb%d/%02x.%x", device->root_bus, slot, function)
                : arena_printf(topo->node->arena, "%s/%02x.%x", topo->devices[device->parent].slot,
                               slot, function);
        if (!device->slot)
            return -ENOMEM;
        device->role = device->slot;
    }
    return 0;
}

/* Endpoints and switches are numbered by kind in bus order; a further function of the same card
 * takes the number of the one before and adds its own: "nic3", "nic3.1". */
static int name_roles(struct topo *topo)
{
    static const char *const words[] = {[TOPO_GPU] = "gpu",
                                        [TOPO_NIC] = "nic",
                                        [TOPO_NVSWITCH] = "nvswitch",
                                        [TOPO_NVME] = "nvme",
                                        [TOPO_BRIDGE] = "switch"};
    struct {
        int count;
        uint64_t card;
    } kinds[TOPO_BRIDGE + 1] = {0};
    struct arena *arena = topo->node->arena;

    for (uint32_t i = 0; i < topo->count; i++) {
        struct topo_device *device = &topo->devices[i];
        uint64_t card = device->bdf >> 3;
        enum topo_kind kind = device->kind;

        if (kind == TOPO_OTHER || (kind == TOPO_BRIDGE && device->port != PORT_UP))
            continue;
        if (kinds[kind].count && kinds[kind].card == card)
            device->role = arena_printf(arena, "%s%d.%x", words[kind], kinds[kind].count - 1,
                                        (unsigned)(device->bdf & 7));
        else
            device->role = arena_printf(arena, "%s%d", words[kind], kinds[kind].count++);
        kinds[kind].card = card;
        if (!device->role)
            return -ENOMEM;
    }
    for (uint32_t i = 0; i < topo->count; i++) {
        struct topo_device *device = &topo->devices[i], *port;

        if (device->parent < 0 || device->role == device->slot || (device->bdf & 0xff))
            continue;
        port = &topo->devices[device->parent];
        if (port->role != port->slot)
            continue;
        port->role = arena_printf(arena, "%s.port", device->role);
        if (!port->role)
            return -ENOMEM;
    }
    return 0;
}

static int find_links(struct topo *topo)
{
    topo->links = arena_alloc(topo->node->arena, (topo->count + 1) * sizeof(*topo->links));
    if (!topo->links)
        return -ENOMEM;
    for (uint32_t i = 0; i < topo->count; i++) {
        const struct topo_device *device = &topo->devices[i];
        const struct topo_device *port = device->parent < 0 ? NULL : &topo->devices[device->parent];

        /* Multi-function endpoints share one link: function 0 of device 0 speaks for it. */
        if (!port || (device->bdf & 0xff) || (port->port != PORT_ROOT && port->port != PORT_DOWN))
            continue;
        topo->links[topo->link_count++] = (struct topo_link){device->parent, (int)i};
    }
    return 0;
}

static int list_kinds(struct topo *topo)
{
    struct arena *arena = topo->node->arena;

    topo->gpus = arena_alloc(arena, (topo->count + 1) * sizeof(*topo->gpus));
    topo->nics = arena_alloc(arena, (topo->count + 1) * sizeof(*topo->nics));
    topo->by_subject =
        arena_alloc(arena, (topo->node->subject_count + 1) * sizeof(*topo->by_subject));
    if (!topo->gpus || !topo->nics || !topo->by_subject)
        return -ENOMEM;
    for (uint32_t i = 0; i < topo->node->subject_count; i++)
        topo->by_subject[i] = -1;
    for (uint32_t i = 0; i < topo->count; i++) {
        const struct topo_device *device = &topo->devices[i];

        topo->by_subject[device->subject] = (int)i;
        if (device->kind == TOPO_GPU)
            topo->gpus[topo->gpu_count++] = (int)i;
        else if (device->kind == TOPO_NIC)
            topo->nics[topo->nic_count++] = (int)i;
        topo->shape += hash_mix(device->vendor_device ? device->vendor_device
                                                      : hash64(device->name, strlen(device->name)),
                                device->kind + 1);
    }
    return 0;
}

struct topo *topo_build(struct node *node)
{
    struct wanted wanted = wanted_keys(node->pool);
    struct topo *topo = arena_alloc(node->arena, sizeof(*topo));
    struct gather *gathered = NULL;
    uint32_t count = 0;

    if (!topo)
        return NULL;
    topo->node = node;
    gathered = calloc(node->subject_count + 1, sizeof(*gathered));
    topo->devices = arena_alloc(node->arena, (node->subject_count + 1) * sizeof(*topo->devices));
    if (!gathered || !topo->devices)
        goto fail;
    for (uint32_t i = 0; i < node->subject_count; i++)
        if (node->subjects[i].kind == SUBJECT_PCI)
            gathered[count++] = gather_device(node, &wanted, i);
    qsort(gathered, count, sizeof(*gathered), by_bdf);
    topo->count = count;
    for (uint32_t i = 0; i < count; i++)
        topo->devices[i] = gathered[i].device;
    if (link_parents(topo, gathered) < 0 || name_slots(topo) < 0 || name_roles(topo) < 0 ||
        find_links(topo) < 0 || list_kinds(topo) < 0)
        goto fail;
    topo_mark_peer_paths(topo);
    free(gathered);
    return topo;
fail:
    free(gathered);
    return NULL;
}

int topo_of(const struct topo *topo, uint32_t subject)
{
    return subject < topo->node->subject_count ? topo->by_subject[subject] : -1;
}
