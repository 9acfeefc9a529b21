#include "fleet/layout.h"

#include "base/hash.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct layouts {
    pthread_mutex_t lock;
    struct words *words;
    struct arena *arena;
    struct map map;
    uint32_t ib_pci, net_pci; /* keys: which card a port is of */
};

struct layouts *layouts_new(struct fact_pool *pool, struct words *words)
{
    struct layouts *layouts = calloc(1, sizeof(*layouts));

    if (!layouts)
        return NULL;
    layouts->arena = arena_new(0);
    if (!layouts->arena) {
        free(layouts);
        return NULL;
    }
    layouts->words = words;
    layouts->ib_pci = fact_pool_key(pool, STR("ib.pci"));
    layouts->net_pci = fact_pool_key(pool, STR("net.pci"));
    (void)pthread_mutex_init(&layouts->lock, NULL);
    return layouts;
}

void layouts_free(struct layouts *layouts)
{
    if (!layouts)
        return;
    (void)pthread_mutex_destroy(&layouts->lock);
    map_done(&layouts->map);
    arena_free(layouts->arena);
    free(layouts);
}

/* The word for rules. */
static const char *device_who(enum topo_kind kind)
{
    static const char *const words[] = {
        [TOPO_OTHER] = "other",       [TOPO_GPU] = "gpu",   [TOPO_NIC] = "nic",
        [TOPO_NVSWITCH] = "nvswitch", [TOPO_NVME] = "nvme", [TOPO_BRIDGE] = "port",
    };

    return words[kind];
}

static uint64_t text_hash(const char *text)
{
    return hash64(text, strlen(text));
}

/* With the lock held. */
static struct layout *layout_make(struct layouts *layouts, const struct layout *draft)
{
    size_t bytes = sizeof(*draft) + draft->count * sizeof(draft->seats[0]);
    struct layout *layout = arena_alloc(layouts->arena, bytes);

    if (!layout)
        return NULL;
    memcpy(layout, draft, bytes);
    for (uint32_t i = 0; i < layout->count; i++) {
        struct seat *seat = &layout->seats[i];
        bool same = seat->role == seat->key;

        seat->key = words_keep(layouts->words, str_of(seat->key));
        seat->role = same ? seat->key : words_keep(layouts->words, str_of(seat->role));
        seat->name = words_keep(layouts->words, str_of(seat->name));
        if (!seat->key || !seat->role || !seat->name)
            return NULL;
    }
    return layout;
}

static void layout_sign(struct layout *draft)
{
    for (uint32_t i = 0; i < draft->count; i++) {
        const struct seat *seat = &draft->seats[i];
        uint64_t place = hash_mix(text_hash(seat->key), (uint64_t)seat->kind << 8 | seat->device);

        if (seat->kind == SUBJECT_PCI) {
            draft->pci_sig = hash_mix(hash_mix(draft->pci_sig, place), seat->vendor_device);
            draft->numbering = hash_mix(draft->numbering, seat->bdf);
        }
        draft->sig = hash_mix(hash_mix(draft->sig, place), seat->vendor_device);
        draft->sig = hash_mix(hash_mix(draft->sig, seat->bdf), text_hash(seat->role));
    }
}

/* "host", "numa0", "mlx5_0/1". */
static const char *subject_role(struct words *words, const struct subject *subject)
{
    char text[32];

    if (subject->kind == SUBJECT_HOST)
        return "host";
    if (subject->kind != SUBJECT_NUMA)
        return subject->name;
    (void)snprintf(text, sizeof(text), "numa%.16s", subject->name);
    return words_keep(words, str_of(text));
}

/* A port sits where its card does, not where its name counts it: without one card "mlx5_4" is
 * called "mlx5_3". */
static int seat_on_card(struct layouts *layouts, const struct node *node, const struct topo *topo,
                        uint32_t subject_index, struct seat *seat)
{
    const struct subject *subject = &node->subjects[subject_index];
    const char *port = strchr(subject->name, '/');
    struct fact_at at = {0};
    char text[512];
    uint64_t bdf;

    if (subject->kind == SUBJECT_IB_PORT)
        at = node_fact(node, subject_index, layouts->ib_pci);
    else if (subject->kind == SUBJECT_NET)
        at = node_fact(node, subject_index, layouts->net_pci);
    if (!at.fact || bdf_parse(str_of(at.fact->text), &bdf) < 0)
        return 0;
    for (uint32_t i = 0; i < topo->count; i++) {
        const struct topo_device *device = &topo->devices[i];

        if (device->bdf != bdf)
            continue;
        (void)snprintf(text, sizeof(text), "%.400s#%.16s", device->slot, port ? port + 1 : "");
        seat->key = words_keep(layouts->words, str_of(text));
        (void)snprintf(text, sizeof(text), "%.400s%.16s", device->role, port ? port : "");
        seat->role = words_keep(layouts->words, str_of(text));
        seat->root = (int16_t)device->root_bus;
        return seat->key && seat->role ? 0 : -ENOMEM;
    }
    return 0;
}

/* A device of which only a log or nvidia-smi speaks is not in the list of devices. */
static bool is_listed(const struct topo_device *device)
{
    return device->vendor_device || *device->name;
}

/* Seats for the devices that are listed; for all when none is. 0 or -ENOMEM. */
static int seat_devices(struct layout *draft, const struct topo *topo, uint32_t *subjects,
                        uint32_t *seats)
{
    int32_t *seat_of = malloc((topo->count + 1) * sizeof(*seat_of));
    uint32_t count = *seats;
    bool listed = false;

    if (!seat_of)
        return -ENOMEM;
    for (uint32_t i = 0; i < topo->count; i++)
        listed |= is_listed(&topo->devices[i]);
    for (uint32_t i = 0; i < topo->count; i++) {
        const struct topo_device *device = &topo->devices[i];

        seat_of[i] = -1;
        if (listed && !is_listed(device))
            continue;
        seat_of[i] = (int32_t)count;
        subjects[count] = device->subject;
        draft->seats[count++] = (struct seat){
            .key = device->slot,
            .role = device->role,
            .who = device_who(device->kind),
            .name = device->name,
            .bdf = device->bdf,
            .vendor_device = device->vendor_device,
            .parent = device->parent < 0 ? -1 : seat_of[device->parent],
            .root = (int16_t)device->root_bus,
            .kind = SUBJECT_PCI,
            .device = (uint8_t)device->kind,
        };
        if (device->root_bus >= (int)draft->roots)
            draft->roots = (uint32_t)device->root_bus + 1;
    }
    free(seat_of);
    *seats = count;
    return 0;
}

const struct layout *layout_of(struct layouts *layouts, const struct node *node,
                               const struct topo *topo, uint32_t *subjects)
{
    uint32_t count = 0;
    struct layout *draft, *layout;

    draft = calloc(1, sizeof(*draft) + node->subject_count * sizeof(draft->seats[0]));
    if (!draft)
        return NULL;
    for (uint32_t i = 0; i < node->subject_count; i++) {
        const struct subject *subject = &node->subjects[i];
        struct seat *seat = &draft->seats[count];

        if (subject->kind == SUBJECT_PCI)
            continue;
        *seat = (struct seat){
            .key = subject->name,
            .role = subject_role(layouts->words, subject),
            .who = subject_kind_name(subject->kind),
            .name = "",
            .parent = -1,
            .root = -1,
            .kind = (uint8_t)subject->kind,
        };
        if (!seat->role || seat_on_card(layouts, node, topo, i, seat) < 0) {
            free(draft);
            return NULL;
        }
        subjects[count++] = i;
    }
    if (seat_devices(draft, topo, subjects, &count) < 0) {
        free(draft);
        return NULL;
    }
    draft->count = count;
    layout_sign(draft);
    (void)pthread_mutex_lock(&layouts->lock);
    layout = map_get(&layouts->map, draft->sig, NULL);
    if (!layout) {
        layout = layout_make(layouts, draft);
        if (layout && map_add(&layouts->map, draft->sig, layout) < 0)
            layout = NULL;
    }
    (void)pthread_mutex_unlock(&layouts->lock);
    free(draft);
    return layout;
}
