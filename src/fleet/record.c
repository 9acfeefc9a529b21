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
    struct map entries;
    struct layouts *layouts;
    const char *kinds[KINDS_MAX];
    unsigned kind_count;
    uint32_t unique[ARRAY_LEN(unique_paths)], unique_blocks[ARRAY_LEN(unique_paths)];
    uint32_t products[ARRAY_LEN(product_paths)];
};

struct recorder {
    struct record_tables *tables;
    struct map entries; /* those that this thread has met */
    VEC(struct identity) identities;
    VEC(uint64_t) bits;   /* per source of the node at hand: its kind */
    VEC(uint64_t) unseen; /* per subject of the node at hand: hash of its globs */
};

struct record_tables *record_tables_new(struct fact_pool *pool, struct words *words)
{
    struct record_tables *tables = calloc(1, sizeof(*tables));

    if (!tables)
        return NULL;
    tables->arena = arena_new(0);
    tables->layouts = layouts_new(pool, words);
    if (!tables->arena || !tables->layouts) {
        arena_free(tables->arena);
        layouts_free(tables->layouts);
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
    (void)pthread_mutex_init(&tables->lock, NULL);
    return tables;
}

void record_tables_free(struct record_tables *tables)
{
    if (!tables)
        return;
    (void)pthread_mutex_destroy(&tables->lock);
    map_done(&tables->entries);
    layouts_free(tables->layouts);
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
    out->layout = layout_of(recorder->tables->layouts, node, topo, subjects);
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
