#include "fleet/model.h"

#include "base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* How alike two nodes' devices must be (share of the larger count of each id). Known and equal
 * products allow more to be missing; two nodes that the user puts side by side, most of it. */
#define ALIKE         0.85
#define ALIKE_PRODUCT 0.70
#define ALIKE_TWO     0.50
#define DEVICES_SPARE 2   /* as many may always differ, when that is less than half */
#define REST_SHARE    3   /* one for so many whole ones may be what is left of such a machine */
#define LEADERS_MAX   512 /* bounds the work when all nodes differ: makeups x leaders */
#define NAMES_MAX     26

/* How many devices of one id. */
struct part {
    uint32_t id;
    uint32_t count;
    bool gpu;
};

/* Nodes made of the same: devices and products. */
struct makeup {
    uint64_t sig;
    const char *products;
    struct part *parts;
    uint32_t part_count, devices;
    uint32_t nodes, first; /* how many, and the lowest index */
    uint32_t cohort;
};

static int by_id(const void *a, const void *b)
{
    const struct part *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

/* A text without -nn may tell the maker alone. */
static bool has_ids(const struct seat *seat)
{
    return seat->vendor_device & 0xffff;
}

/* Names differ between versions of pci.ids, so a device without ids is known by where it sits. */
static uint32_t device_id(const struct seat *seat)
{
    if (has_ids(seat))
        return seat->vendor_device;
    return (uint32_t)hash_mix(hash64(seat->key, strlen(seat->key)), seat->device);
}

static int makeup_parts(struct arena *arena, const struct layout *layout, struct makeup *makeup)
{
    struct part *parts = arena_alloc(arena, (layout->count + 1) * sizeof(*parts));
    uint32_t count = 0, kept = 0;

    if (!parts)
        return -ENOMEM;
    for (uint32_t i = 0; i < layout->count; i++)
        if (layout->seats[i].kind == SUBJECT_PCI)
            parts[count++] =
                (struct part){device_id(&layout->seats[i]), 1, layout->seats[i].device == TOPO_GPU};
    qsort(parts, count, sizeof(*parts), by_id);
    for (uint32_t i = 0; i < count; i++) {
        if (kept && parts[kept - 1].id == parts[i].id)
            parts[kept - 1].count++;
        else
            parts[kept++] = parts[i];
    }
    makeup->parts = parts;
    makeup->part_count = kept;
    makeup->devices = count;
    return 0;
}

/* "a|b|c": a product that only one of them knows says nothing. */
static bool products_agree(const char *a, const char *b, bool *known)
{
    struct str x = str_of(a), y = str_of(b), p, q;

    *known = false;
    while (x.len && y.len) {
        (void)str_cut(&x, '|', &p);
        (void)str_cut(&y, '|', &q);
        if (!p.len || !q.len)
            continue;
        if (!str_eq(p, q))
            return false;
        *known = true;
    }
    return true;
}

/* Is b like a, which is as common or more? */
static bool makeups_alike(const struct makeup *a, const struct makeup *b, size_t node_count)
{
    uint32_t least = 0, most = 0, i = 0, k = 0;
    bool gpus_a = false, gpus_b = false, gpus_both = false, known, agree;
    double want;

    agree = products_agree(a->products, b->products, &known);
    if (!agree && node_count > 2)
        return false;
    while (i < a->part_count || k < b->part_count) {
        bool in_a = k == b->part_count || (i < a->part_count && a->parts[i].id <= b->parts[k].id);
        bool in_b = i == a->part_count || (k < b->part_count && b->parts[k].id <= a->parts[i].id);
        const struct part *x = in_a ? &a->parts[i++] : NULL, *y = in_b ? &b->parts[k++] : NULL;
        uint32_t p = x ? x->count : 0, q = y ? y->count : 0;

        least += p < q ? p : q;
        most += p < q ? q : p;
        gpus_a |= x && x->gpu;
        gpus_b |= y && y->gpu;
        gpus_both |= x && y && x->gpu;
    }
    if (node_count > 2 && gpus_a && gpus_b && !gpus_both)
        return false; /* another model of GPU is another machine, whatever else it holds */
    /* A switch that is dead, or a text that was cut off (in its last device's name, it may be),
     * takes most devices with it. */
    if ((known || gpus_both) && least + 1 >= b->devices && a->nodes >= REST_SHARE * b->nodes)
        return true;
    want = node_count <= 2 ? ALIKE_TWO : known ? ALIKE_PRODUCT : ALIKE;
    if (least >= want * most)
        return true;
    return most - least <= DEVICES_SPARE && least * 2 > most;
}

static int by_size(const void *a, const void *b)
{
    const struct makeup *x = *(struct makeup *const *)a, *y = *(struct makeup *const *)b;

    if (x->nodes != y->nodes)
        return x->nodes > y->nodes ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* The makeups of all nodes, largest first; of[node] is its makeup, NULL for one that was not read.
 */
static long makeups_find(struct arena *arena, const struct fleet *fleet, struct makeup **of,
                         struct makeup ***out)
{
    struct map map = {0};
    VEC(struct makeup *) list = {0};
    long count = -ENOMEM;

    for (uint32_t n = 0; n < fleet->nodes.count; n++) {
        const struct record *record = &fleet->records.items[n];
        struct makeup *makeup, **slot;
        uint64_t sig;

        if (!record->layout)
            continue;
        sig = hash_mix(record->layout->pci_sig, (uintptr_t)record->products);
        makeup = map_get(&map, sig, NULL);
        if (!makeup) {
            makeup = arena_alloc(arena, sizeof(*makeup));
            slot = makeup ? vec_push(&list) : NULL;
            if (!slot || makeup_parts(arena, record->layout, makeup) < 0 ||
                map_add(&map, sig, makeup) < 0)
                goto out;
            *slot = makeup;
            makeup->sig = sig;
            makeup->products = record->products;
            makeup->first = n;
        }
        makeup->nodes++;
        of[n] = makeup;
    }
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), by_size);
    *out = arena_alloc(arena, (list.count + 1) * sizeof(**out));
    if (!*out)
        goto out;
    for (size_t i = 0; i < list.count; i++)
        (*out)[i] = list.items[i];
    count = (long)list.count;
out:
    map_done(&map);
    vec_done(&list);
    return count;
}

/* The cards that fleets are made of; others are called by their ids. */
static const char *gpu_model(struct arena *arena, const struct seat *seat)
{
    static const struct {
        uint32_t id;
        const char *name;
    } models[] = {
        {0x10de2330, "H100 SXM"},  {0x10de2331, "H100 PCIe"}, {0x10de2335, "H200 SXM"},
        {0x10de20b0, "A100 40GB"}, {0x10de20b2, "A100 80GB"}, {0x10de2901, "B200"},
        {0x10de2941, "GB200"},     {0x10de26b9, "L40S"},      {0x10de1db5, "V100"},
        {0x100274a1, "MI300X"},    {0x1002740c, "MI250X"},    {0x10de2bb5, "RTX PRO 6000"},
    };

    for (size_t i = 0; i < ARRAY_LEN(models); i++)
        if (models[i].id == seat->vendor_device)
            return models[i].name;
    if (has_ids(seat))
        return arena_printf(arena, "%04x:%04x", seat->vendor_device >> 16,
                            seat->vendor_device & 0xffff);
    return *seat->name ? seat->name : "GPU";
}

/* "8x H100 SXM (XE9680)". */
static const char *cohort_name(struct fleet *fleet, const struct record *record, size_t index)
{
    const struct layout *layout = record->layout;
    struct str rest = str_of(record->products), board = {0}, system = {0};
    const char *model = NULL, *product;
    uint32_t gpus = 0;
    char letter[16];

    for (uint32_t i = 0; i < layout->count; i++)
        if (layout->seats[i].device == TOPO_GPU) {
            if (!gpus++)
                model = gpu_model(fleet->arena, &layout->seats[i]);
        }
    (void)str_cut(&rest, '|', &board);
    (void)str_cut(&rest, '|', &system);
    product = arena_copy(fleet->arena, system.len ? system.p : board.p,
                         system.len ? system.len : board.len);
    if (!product || (gpus && !model))
        return NULL;
    if (gpus && *product)
        return arena_printf(fleet->arena, "%ux %s (%s)", gpus, model, product);
    if (gpus)
        return arena_printf(fleet->arena, "%ux %s", gpus, model);
    if (*product)
        return product;
    if (index < NAMES_MAX)
        (void)snprintf(letter, sizeof(letter), "%c", 'A' + (char)index);
    else
        (void)snprintf(letter, sizeof(letter), "group %zu", index + 1);
    return arena_copy(fleet->arena, letter, strlen(letter));
}

/* A makeup joins the first (largest) one before it that is alike. Returns the number of cohorts. */
static size_t makeups_lead(struct makeup **makeups, size_t count, size_t node_count)
{
    size_t leaders = 0, leader_list[LEADERS_MAX], cohorts = 0;

    for (size_t i = 0; i < count; i++) {
        size_t k = 0;

        while (k < leaders && !makeups_alike(makeups[leader_list[k]], makeups[i], node_count))
            k++;
        if (k < leaders) {
            makeups[i]->cohort = makeups[leader_list[k]]->cohort;
            continue;
        }
        if (leaders < LEADERS_MAX)
            leader_list[leaders++] = i;
        makeups[i]->cohort = (uint32_t)cohorts++;
    }
    return cohorts;
}

/* Node lists and names; cohorts were numbered by their largest makeup. */
static int cohorts_fill(struct fleet *fleet, struct makeup *const *of)
{
    uint32_t **lists = arena_alloc(fleet->arena, (fleet->cohort_count + 1) * sizeof(*lists));

    fleet->cohorts = arena_alloc(fleet->arena, (fleet->cohort_count + 1) * sizeof(*fleet->cohorts));
    fleet->members = arena_alloc(fleet->arena, (fleet->cohort_count + 1) * sizeof(*fleet->members));
    if (!lists || !fleet->cohorts || !fleet->members)
        return -ENOMEM;
    for (size_t n = 0; n < fleet->nodes.count; n++)
        if (of[n])
            fleet->cohorts[of[n]->cohort].node_count++;
    for (size_t c = 0; c < fleet->cohort_count; c++) {
        lists[c] = arena_alloc(fleet->arena, fleet->cohorts[c].node_count * sizeof(**lists));
        if (!lists[c])
            return -ENOMEM;
        fleet->members[c].nodes = lists[c];
    }
    for (uint32_t n = 0; n < fleet->nodes.count; n++) {
        struct node_set *set;

        if (!of[n])
            continue;
        set = &fleet->members[of[n]->cohort];
        lists[of[n]->cohort][set->count++] = n;
        fleet->nodes.items[n].cohort = of[n]->cohort;
    }
    return 0;
}

int fleet_group(struct fleet *fleet)
{
    struct arena *arena = arena_new(0);
    struct makeup **of = NULL, **makeups = NULL;
    long count = -ENOMEM;
    int r = -ENOMEM;

    if (fleet->grouped) {
        arena_free(arena);
        return 0;
    }
    if (arena)
        of = arena_alloc(arena, (fleet->nodes.count + 1) * sizeof(*of));
    if (of)
        count = makeups_find(arena, fleet, of, &makeups);
    if (count < 0)
        goto out;
    fleet->cohort_count = makeups_lead(makeups, (size_t)count, fleet->nodes.count);
    r = cohorts_fill(fleet, of);
    for (long i = 0; i < count && r == 0; i++) {
        struct fleet_cohort *cohort = &fleet->cohorts[makeups[i]->cohort];

        if (cohort->name)
            continue;
        cohort->name =
            cohort_name(fleet, &fleet->records.items[makeups[i]->first], makeups[i]->cohort);
        if (!cohort->name)
            r = -ENOMEM;
    }
    if (r == 0)
        r = fleet_find_duplicates(fleet);
    fleet->grouped = r == 0;
out:
    arena_free(arena);
    return r;
}
