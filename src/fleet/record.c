#include "fleet/record.h"

#include "base/hash.h"
#include "base/vec.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define KINDS_MAX      64
#define UNSEEN_MAX     64 /* globs kept per subject */
#define IDENTITIES_MAX 256

/* Facts that are one of a kind, by path. */
static const char *const unique_paths[] = {
    "system.uuid", "system.serial",     "board.serial", "ib.node_guid",
    "DSN.serial",  "SMI.Serial Number", "SMI.GPU UUID",
};
static const char *const product_paths[] = {"board.product", "system.product", "cpu.model"};

struct record_tables {
    pthread_mutex_t lock;
    struct words *words;
    struct arena *arena;
    struct map entries, layouts;
    const char *kinds[KINDS_MAX];
    unsigned kind_count;
    uint32_t unique[ARRAY_LEN(unique_paths)], unique_blocks[ARRAY_LEN(unique_paths)];
    uint32_t products[ARRAY_LEN(product_paths)];
    uint32_t ib_pci, net_pci;
};

struct recorder {
    struct record_tables *tables;
    struct map entries; /* those that this thread has met */
    VEC(struct identity) identities;
    VEC(uint64_t) bits;   /* per source of the node at hand: its kind */
    VEC(uint64_t) unseen; /* per subject of the node at hand: hash of its globs */
};

/* The word for rules. */
static const char *device_who(enum topo_kind kind)
{
    static const char *const words[] = {
        [TOPO_OTHER] = "other",       [TOPO_GPU] = "gpu",   [TOPO_NIC] = "nic",
        [TOPO_NVSWITCH] = "nvswitch", [TOPO_NVME] = "nvme", [TOPO_BRIDGE] = "port",
    };

    return words[kind];
}

struct record_tables *record_tables_new(struct fact_pool *pool, struct words *words)
{
    struct record_tables *tables = calloc(1, sizeof(*tables));

    if (!tables)
        return NULL;
    tables->arena = arena_new(0);
    if (!tables->arena) {
        free(tables);
        return NULL;
    }
    tables->words = words;
    for (size_t i = 0; i < ARRAY_LEN(unique_paths); i++) {
        struct str path = str_of(unique_paths[i]), head = path, rest = path;

        (void)str_cut(&rest, '.', &head);
        tables->unique[i] = fact_pool_key(pool, path);
        tables->unique_blocks[i] = fact_pool_key(pool, head);
    }
    for (size_t i = 0; i < ARRAY_LEN(product_paths); i++)
        tables->products[i] = fact_pool_key(pool, str_of(product_paths[i]));
    tables->ib_pci = fact_pool_key(pool, STR("ib.pci"));
    tables->net_pci = fact_pool_key(pool, STR("net.pci"));
    (void)pthread_mutex_init(&tables->lock, NULL);
    return tables;
}

void record_tables_free(struct record_tables *tables)
{
    if (!tables)
        return;
    (void)pthread_mutex_destroy(&tables->lock);
    map_done(&tables->entries);
    map_done(&tables->layouts);
    arena_free(tables->arena);
    free(tables);
}

struct recorder *recorder_new(struct record_tables *tables)
{
    struct recorder *recorder = calloc(1, sizeof(*recorder));

    if (recorder)
        recorder->tables = tables;
    return recorder;
}

void recorder_free(struct recorder *recorder)
{
    if (!recorder)
        return;
    map_done(&recorder->entries);
    vec_done(&recorder->identities);
    vec_done(&recorder->bits);
    vec_done(&recorder->unseen);
    free(recorder);
}

/* The bit of a kind of source. The 65th kind shares the last bit. */
static uint64_t kind_bit(struct record_tables *tables, const char *kind)
{
    unsigned i;

    (void)pthread_mutex_lock(&tables->lock);
    for (i = 0; i < tables->kind_count && strcmp(tables->kinds[i], kind) != 0; i++)
        ;
    if (i == tables->kind_count) {
        const char *kept = i < KINDS_MAX ? words_keep(tables->words, str_of(kind)) : NULL;

        if (kept)
            tables->kinds[tables->kind_count++] = kept;
        else
            i = KINDS_MAX - 1;
    }
    (void)pthread_mutex_unlock(&tables->lock);
    return (uint64_t)1 << i;
}

/* ---- entries ---- */

static int unseen_hashes(struct recorder *recorder, const struct node *node)
{
    uint64_t all = 0;

    recorder->unseen.count = 0;
    for (uint32_t i = 0; i < node->subject_count; i++)
        if (!vec_push(&recorder->unseen))
            return -ENOMEM;
    for (uint32_t i = 0; i < node->unseen_count; i++) {
        const struct unseen *unseen = &node->unseen[i];
        uint64_t hash;

        if (!unseen->block)
            continue;
        hash = hash64(unseen->block, strlen(unseen->block)) | 1;
        if (unseen->subject < 0)
            all += hash;
        else if ((uint32_t)unseen->subject < node->subject_count)
            recorder->unseen.items[unseen->subject] += hash;
    }
    for (uint32_t i = 0; i < node->subject_count; i++)
        recorder->unseen.items[i] += all;
    return 0;
}

static bool same_block(const struct fact_ref *a, const struct fact_ref *b)
{
    return a->block->config_sig && b->block->config_sig && a->block->name == b->block->name &&
           a->ordinal == b->ordinal;
}

static bool has_key(const struct fact_block *block, uint32_t key)
{
    for (uint32_t i = 0; i < block->count; i++)
        if (block->facts[i].key == key)
            return true;
    return false;
}

/* What several sources say of one thing, from refs[first] on, as one block: of a path that two of
 * them have, the first one's counts. Only configuration. NULL when there is no memory. */
static const struct fact_block *merge_sources(struct record_tables *tables,
                                              const struct subject *subject, uint32_t first)
{
    struct fact_block *merged;
    size_t space = 0;

    for (uint32_t i = first; i < subject->count; i++)
        if (same_block(&subject->refs[first], &subject->refs[i]))
            space += subject->refs[i].block->count;
    merged = arena_alloc(tables->arena, sizeof(*merged) + space * sizeof(merged->facts[0]));
    if (!merged)
        return NULL;
    merged->name = subject->refs[first].block->name;
    for (uint32_t i = first; i < subject->count; i++) {
        const struct fact_block *block = subject->refs[i].block;

        if (!same_block(&subject->refs[first], &subject->refs[i]))
            continue;
        merged->config_sig = hash_mix(merged->config_sig, block->config_sig);
        for (uint32_t f = 0; f < block->count; f++)
            if (block->facts[f].class == FACT_CONFIG && !has_key(merged, block->facts[f].key))
                merged->facts[merged->count++] = block->facts[f];
    }
    return merged;
}

/* The entry's reference for refs[at], or one without a block when an earlier one tells of it. */
static int entry_ref_of(struct recorder *recorder, const struct subject *subject, uint32_t at,
                        struct entry_ref *out)
{
    const struct fact_ref *ref = &subject->refs[at];
    uint32_t others = 0;

    *out = (struct entry_ref){.ordinal = ref->ordinal};
    for (uint32_t i = 0; i < at; i++)
        if (same_block(&subject->refs[i], ref))
            return 0;
    for (uint32_t i = at; i < subject->count; i++)
        if (same_block(&subject->refs[i], ref)) {
            out->kind |= recorder->bits.items[subject->refs[i].source];
            others += i != at;
        }
    out->block = others ? merge_sources(recorder->tables, subject, at) : ref->block;
    return out->block ? 0 : -ENOMEM;
}

static struct entry *entry_make(struct recorder *recorder, const struct node *node,
                                uint32_t subject_index, uint64_t kinds, uint64_t sig)
{
    const struct subject *subject = &node->subjects[subject_index];
    struct record_tables *tables = recorder->tables;
    const char *globs[UNSEEN_MAX], **kept;
    struct entry *entry;
    uint32_t count = 0;

    for (uint32_t i = 0; recorder->unseen.items[subject_index] && i < node->unseen_count; i++) {
        const struct unseen *unseen = &node->unseen[i];

        if (unseen->block && count < UNSEEN_MAX &&
            (unseen->subject < 0 || (uint32_t)unseen->subject == subject_index))
            globs[count++] = unseen->block;
    }
    entry = arena_alloc(tables->arena, sizeof(*entry) + subject->count * sizeof(entry->refs[0]));
    kept = arena_alloc(tables->arena, (count + 1) * sizeof(*kept));
    if (!entry || !kept)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        kept[i] = words_keep(tables->words, str_of(globs[i]));
        if (!kept[i])
            return NULL;
    }
    entry->sig = sig;
    entry->kinds = kinds;
    entry->unseen = kept;
    entry->unseen_count = count;
    for (uint32_t i = 0; i < subject->count; i++) {
        if (!subject->refs[i].block->config_sig)
            continue;
        if (entry_ref_of(recorder, subject, i, &entry->refs[entry->ref_count]) < 0)
            return NULL;
        entry->ref_count += entry->refs[entry->ref_count].block != NULL;
    }
    return entry;
}

static const struct entry *entry_of(struct recorder *recorder, const struct node *node,
                                    uint32_t subject_index, uint64_t kinds)
{
    const struct subject *subject = &node->subjects[subject_index];
    struct record_tables *tables = recorder->tables;
    uint64_t sig = hash_mix(recorder->unseen.items[subject_index], kinds);
    struct entry *entry;

    for (uint32_t i = 0; i < subject->count; i++) {
        const struct fact_ref *ref = &subject->refs[i];

        if (ref->block->config_sig)
            sig =
                hash_mix(hash_mix(sig, ref->block->config_sig), recorder->bits.items[ref->source]);
    }
    entry = map_get(&recorder->entries, sig, NULL);
    if (entry)
        return entry;
    (void)pthread_mutex_lock(&tables->lock);
    entry = map_get(&tables->entries, sig, NULL);
    if (!entry) {
        entry = entry_make(recorder, node, subject_index, kinds, sig);
        if (entry && map_add(&tables->entries, sig, entry) < 0)
            entry = NULL;
    }
    (void)pthread_mutex_unlock(&tables->lock);
    if (entry && map_add(&recorder->entries, sig, entry) < 0)
        return NULL;
    return entry;
}

/* ---- layouts ---- */

static uint64_t text_hash(const char *text)
{
    return hash64(text, strlen(text));
}

/* With the tables' lock held. */
static struct layout *layout_make(struct record_tables *tables, const struct layout *draft)
{
    size_t bytes = sizeof(*draft) + draft->count * sizeof(draft->seats[0]);
    struct layout *layout = arena_alloc(tables->arena, bytes);

    if (!layout)
        return NULL;
    memcpy(layout, draft, bytes);
    for (uint32_t i = 0; i < layout->count; i++) {
        struct seat *seat = &layout->seats[i];
        bool same = seat->role == seat->key;

        seat->key = words_keep(tables->words, str_of(seat->key));
        seat->role = same ? seat->key : words_keep(tables->words, str_of(seat->role));
        seat->name = words_keep(tables->words, str_of(seat->name));
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
static int seat_on_card(struct record_tables *tables, const struct node *node,
                        const struct topo *topo, uint32_t subject_index, struct seat *seat)
{
    const struct subject *subject = &node->subjects[subject_index];
    const char *port = strchr(subject->name, '/');
    struct fact_at at = {0};
    char text[512];
    uint64_t bdf;

    if (subject->kind == SUBJECT_IB_PORT)
        at = node_fact(node, subject_index, tables->ib_pci);
    else if (subject->kind == SUBJECT_NET)
        at = node_fact(node, subject_index, tables->net_pci);
    if (!at.fact || bdf_parse(str_of(at.fact->text), &bdf) < 0)
        return 0;
    for (uint32_t i = 0; i < topo->count; i++) {
        const struct topo_device *device = &topo->devices[i];

        if (device->bdf != bdf)
            continue;
        (void)snprintf(text, sizeof(text), "%.400s#%.16s", device->slot, port ? port + 1 : "");
        seat->key = words_keep(tables->words, str_of(text));
        (void)snprintf(text, sizeof(text), "%.400s%.16s", device->role, port ? port : "");
        seat->role = words_keep(tables->words, str_of(text));
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

static const struct layout *layout_of(struct recorder *recorder, const struct node *node,
                                      const struct topo *topo, uint32_t *subjects)
{
    struct record_tables *tables = recorder->tables;
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
            .role = subject_role(tables->words, subject),
            .who = subject_kind_name(subject->kind),
            .name = "",
            .parent = -1,
            .root = -1,
            .kind = (uint8_t)subject->kind,
        };
        if (!seat->role || seat_on_card(tables, node, topo, i, seat) < 0) {
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
    (void)pthread_mutex_lock(&tables->lock);
    layout = map_get(&tables->layouts, draft->sig, NULL);
    if (!layout) {
        layout = layout_make(tables, draft);
        if (layout && map_add(&tables->layouts, draft->sig, layout) < 0)
            layout = NULL;
    }
    (void)pthread_mutex_unlock(&tables->lock);
    free(draft);
    return layout;
}

/* ---- identities ---- */

/* Serial numbers that a maker left out are all alike: "0", "To be filled by O.E.M.". */
static bool is_serial(const char *text)
{
    bool seen[256] = {false};
    unsigned different = 0, digits = 0;

    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;

        digits += c >= '0' && c <= '9';
        if (!seen[c] && c != '-' && c != ':' && c != ' ')
            different++;
        seen[c] = true;
    }
    return different >= 4 && digits >= 2;
}

/* A source's name as it is kept, and the last that was. */
struct named_source {
    const char *name;
    uint16_t source;
};

static const char *source_name(struct arena *arena, const struct node *node, uint16_t source,
                               struct named_source *last)
{
    const char *name = node->sources[source].name;

    if (!last->name || last->source != source)
        *last = (struct named_source){arena_copy(arena, name, strlen(name)), source};
    return last->name;
}

static int identities_of(struct recorder *recorder, struct arena *arena, const struct node *node,
                         const struct layout *layout, const uint32_t *subjects, struct record *out)
{
    const struct record_tables *tables = recorder->tables;
    struct named_source named = {0};

    recorder->identities.count = 0;
    for (uint32_t s = 0; s < layout->count; s++) {
        const struct subject *subject = &node->subjects[subjects[s]];

        /* A switch's serial number is often the same for the whole series. */
        if (layout->seats[s].kind == SUBJECT_PCI && layout->seats[s].device != TOPO_GPU &&
            layout->seats[s].device != TOPO_NIC)
            continue;
        for (uint32_t u = 0; u < ARRAY_LEN(unique_paths); u++) {
            const struct fact_ref *ref = node_block(node, subjects[s], tables->unique_blocks[u]);
            struct fact_at at =
                ref ? node_fact(node, subjects[s], tables->unique[u]) : (struct fact_at){0};
            struct identity *identity;

            if (!subject->count || !at.fact || !is_serial(at.fact->text) ||
                recorder->identities.count == IDENTITIES_MAX)
                continue;
            identity = vec_push(&recorder->identities);
            if (!identity)
                return -ENOMEM;
            *identity = (struct identity){
                .path = unique_paths[u],
                .text = at.fact->text,
                .role = layout->seats[s].role,
                .source = source_name(arena, node, at.ref->source, &named),
                .line = node_fact_line(node, at),
                .binary = node->sources[at.ref->source].binary,
            };
            if (!identity->source)
                return -ENOMEM;
        }
    }
    out->identity_count = (uint32_t)recorder->identities.count;
    if (out->identity_count) {
        size_t bytes = out->identity_count * sizeof(struct identity);
        struct identity *kept = arena_alloc(arena, bytes);

        if (!kept)
            return -ENOMEM;
        memcpy(kept, recorder->identities.items, bytes);
        out->identities = kept;
    }
    return 0;
}

static const char *products_of(const struct record_tables *tables, const struct node *node)
{
    const char *words[ARRAY_LEN(product_paths)];
    char text[256];

    for (size_t i = 0; i < ARRAY_LEN(product_paths); i++) {
        struct fact_at at = node_fact(node, 0, tables->products[i]);

        words[i] = at.fact ? at.fact->text : "";
    }
    (void)snprintf(text, sizeof(text), "%.80s|%.80s|%.80s", words[0], words[1], words[2]);
    return words_keep(tables->words, str_of(text));
}

int record_node(struct recorder *recorder, struct arena *arena, const struct node *node,
                const struct topo *topo, struct record *out)
{
    uint32_t *subjects = malloc((node->subject_count + 1) * sizeof(*subjects));
    uint64_t kinds = 0;
    int r = -ENOMEM;

    *out = (struct record){0};
    if (!subjects || unseen_hashes(recorder, node) < 0)
        goto out;
    recorder->bits.count = 0;
    for (uint32_t i = 0; i <= node->source_count; i++) {
        uint64_t *bit = vec_push(&recorder->bits);

        if (!bit)
            goto out;
        *bit = i < node->source_count ? kind_bit(recorder->tables, node->sources[i].kind) : 0;
        kinds |= *bit;
    }
    out->kinds = kinds;
    out->layout = layout_of(recorder, node, topo, subjects);
    out->products = products_of(recorder->tables, node);
    if (!out->layout || !out->products)
        goto out;
    out->entries = arena_alloc(arena, (out->layout->count + 1) * sizeof(*out->entries));
    if (!out->entries)
        goto out;
    for (uint32_t i = 0; i < out->layout->count; i++) {
        out->entries[i] = entry_of(recorder, node, subjects[i], kinds);
        if (!out->entries[i])
            goto out;
    }
    r = identities_of(recorder, arena, node, out->layout, subjects, out);
out:
    free(subjects);
    return r;
}
