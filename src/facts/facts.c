#include "facts/facts.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/vec.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A builder forgets its cached texts when it holds this many: 24 MB of table. */
#define CACHE_ENTRIES_MAX (1u << 19)

struct text_entry {
    uint64_t hash;
    size_t len;
    char text[];
};

struct key_entry {
    uint32_t key;
    uint32_t len;
    uint64_t hash;
    char name[];
};

struct fact_pool {
    pthread_mutex_t lock;
    struct arena *arena;
    struct map keys, texts, blocks;
    VEC(struct key_entry *) names; /* names.items[key - 1] */
    unsigned keep;
};

static bool text_equal(const void *value, const void *key)
{
    const struct text_entry *entry = value;
    const struct str *s = key;

    return entry->len == s->len && memcmp(entry->text, s->p, s->len) == 0;
}

static bool key_equal(const void *value, const void *key)
{
    const struct key_entry *entry = value;
    const struct str *s = key;

    return entry->len == s->len && memcmp(entry->name, s->p, s->len) == 0;
}

bool fact_equal(const struct fact *a, const struct fact *b)
{
    return a->type == b->type && a->number == b->number &&
           (a->text == b->text || strcmp(a->text, b->text) == 0);
}

static bool block_equal(const void *value, const void *key)
{
    const struct fact_block *a = value, *b = key;

    if (a->name != b->name || a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct fact *x = &a->facts[i], *y = &b->facts[i];

        if (x->key != y->key || x->line != y->line || x->class != y->class || !fact_equal(x, y))
            return false;
    }
    return true;
}

struct fact_pool *fact_pool_new(unsigned keep_classes)
{
    struct fact_pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    pool->arena = arena_new(0);
    if (!pool->arena) {
        free(pool);
        return NULL;
    }
    pool->keep = keep_classes;
    pool->keys.equal = key_equal;
    pool->texts.equal = text_equal;
    pool->blocks.equal = block_equal;
    (void)pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

void fact_pool_free(struct fact_pool *pool)
{
    if (!pool)
        return;
    map_done(&pool->keys);
    map_done(&pool->texts);
    map_done(&pool->blocks);
    vec_done(&pool->names);
    arena_free(pool->arena);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static struct key_entry *pool_key(struct fact_pool *pool, struct str name, uint64_t hash)
{
    struct key_entry *entry, **slot;

    (void)pthread_mutex_lock(&pool->lock);
    entry = map_get(&pool->keys, hash, &name);
    if (entry)
        goto out;
    entry = arena_alloc(pool->arena, sizeof(*entry) + name.len + 1);
    if (!entry)
        goto out;
    memcpy(entry->name, name.p, name.len);
    entry->len = (uint32_t)name.len;
    entry->hash = hash;
    slot = vec_push(&pool->names);
    if (!slot || map_add(&pool->keys, hash, entry) < 0) {
        if (slot)
            pool->names.count--;
        entry = NULL;
        goto out;
    }
    *slot = entry;
    entry->key = (uint32_t)pool->names.count;
out:
    (void)pthread_mutex_unlock(&pool->lock);
    return entry;
}

uint32_t fact_pool_key(struct fact_pool *pool, struct str name)
{
    struct key_entry *entry = pool_key(pool, name, hash64(name.p, name.len));

    return entry ? entry->key : 0;
}

const char *fact_key_name(const struct fact_pool *pool, uint32_t key)
{
    struct fact_pool *p = (struct fact_pool *)pool;
    const char *name;

    (void)pthread_mutex_lock(&p->lock);
    assert(key > 0 && key <= p->names.count);
    name = p->names.items[key - 1]->name;
    (void)pthread_mutex_unlock(&p->lock);
    return name;
}

size_t fact_pool_bytes(const struct fact_pool *pool)
{
    return arena_bytes(pool->arena) +
           (pool->keys.space + pool->texts.space + pool->blocks.space) * sizeof(struct map_slot);
}

/* ---- the builder ---- */

struct cache_slot {
    struct hash128 hash; /* of the text, with `kind` mixed in; {0, 0} is a free slot */
    const struct fact_block *block;
};

/* A fact that waits for fact_end: its text lies in `texts` at `text`. */
struct draft {
    struct fact fact;
    uint64_t key_hash, text_hash;
    size_t text, text_len;
};

struct fact_builder {
    struct fact_pool *pool;
    struct map keys; /* the pool's key entries that this thread has seen */
    struct cache_slot *cache;
    size_t cache_count, cache_space;
    struct buf path, texts;
    struct key_entry *name;
    size_t path_len; /* of the block's name in `path` */
    VEC(struct draft) drafts;
    bool failed;
};

struct fact_builder *fact_builder_new(struct fact_pool *pool)
{
    struct fact_builder *builder = calloc(1, sizeof(*builder));

    if (builder) {
        builder->pool = pool;
        builder->keys.equal = key_equal;
    }
    return builder;
}

void fact_builder_free(struct fact_builder *builder)
{
    if (!builder)
        return;
    map_done(&builder->keys);
    free(builder->cache);
    buf_done(&builder->path);
    buf_done(&builder->texts);
    vec_done(&builder->drafts);
    free(builder);
}

struct fact_pool *fact_builder_pool(const struct fact_builder *builder)
{
    return builder->pool;
}

static struct hash128 cache_hash(unsigned kind, struct str text)
{
    struct hash128 h = hash128(text.p, text.len);

    h.low = hash_mix(h.low, kind + 1);
    if (!h.low && !h.high)
        h.low = 1;
    return h;
}

static struct cache_slot *cache_find(struct cache_slot *slots, size_t space, struct hash128 hash)
{
    size_t i = hash.low & (space - 1);

    while ((slots[i].hash.low || slots[i].hash.high) &&
           (slots[i].hash.low != hash.low || slots[i].hash.high != hash.high))
        i = (i + 1) & (space - 1);
    return &slots[i];
}

const struct fact_block *fact_cached(struct fact_builder *builder, unsigned kind, struct str text)
{
    if (!builder->cache_space)
        return NULL;
    return cache_find(builder->cache, builder->cache_space, cache_hash(kind, text))->block;
}

/* A lost entry costs a second parse, no more: so no memory is no error here. */
static void cache_add(struct fact_builder *builder, struct hash128 hash,
                      const struct fact_block *block)
{
    struct cache_slot *slot;

    if ((builder->cache_count + 1) * 4 > builder->cache_space * 3) {
        size_t space = builder->cache_space ? builder->cache_space * 2 : 4096;
        struct cache_slot *slots;

        if (builder->cache_count >= CACHE_ENTRIES_MAX) {
            memset(builder->cache, 0, builder->cache_space * sizeof(*builder->cache));
            builder->cache_count = 0;
            space = builder->cache_space;
            slots = builder->cache;
        } else {
            slots = calloc(space, sizeof(*slots));
            if (!slots)
                return;
            for (size_t i = 0; i < builder->cache_space; i++)
                if (builder->cache[i].block)
                    *cache_find(slots, space, builder->cache[i].hash) = builder->cache[i];
            free(builder->cache);
        }
        builder->cache = slots;
        builder->cache_space = space;
    }
    slot = cache_find(builder->cache, builder->cache_space, hash);
    if (!slot->block)
        builder->cache_count++;
    *slot = (struct cache_slot){hash, block};
}

static struct key_entry *builder_key(struct fact_builder *builder, struct str name)
{
    uint64_t hash = hash64(name.p, name.len);
    struct key_entry *entry = map_get(&builder->keys, hash, &name);

    if (entry)
        return entry;
    entry = pool_key(builder->pool, name, hash);
    if (!entry || map_add(&builder->keys, hash, entry) < 0) {
        builder->failed = true;
        return NULL;
    }
    return entry;
}

void fact_begin(struct fact_builder *builder, struct str name)
{
    builder->drafts.count = 0;
    builder->failed = false;
    buf_clear(&builder->texts);
    buf_clear(&builder->path);
    buf_add(&builder->path, name.p, name.len);
    builder->path_len = builder->path.len;
    builder->name = builder_key(builder, name);
}

uint32_t fact_key(struct fact_builder *builder, struct str reg, struct str name)
{
    struct buf *path = &builder->path;
    struct key_entry *entry;

    path->len = builder->path_len;
    if (reg.len) {
        buf_add(path, ".", 1);
        buf_add(path, reg.p, reg.len);
    }
    if (name.len) {
        buf_add(path, ".", 1);
        buf_add(path, name.p, name.len);
    }
    if (path->failed) {
        builder->failed = true;
        return 0;
    }
    entry = builder_key(builder, (struct str){path->p, path->len});
    return entry ? entry->key : 0;
}

static void draft_add(struct fact_builder *builder, struct fact fact, struct str text)
{
    struct draft *draft;

    if (!(builder->pool->keep & 1u << fact.class) || builder->drafts.count == FACT_BLOCK_FACTS_MAX)
        return;
    if (text.len > FACT_TEXT_MAX)
        text.len = FACT_TEXT_MAX;
    draft = vec_push(&builder->drafts);
    if (!draft) {
        builder->failed = true;
        return;
    }
    draft->fact = fact;
    draft->text = builder->texts.len;
    draft->text_len = text.len;
    draft->text_hash = hash64(text.p, text.len);
    buf_add(&builder->texts, text.p, text.len);
}

void fact_flag(struct fact_builder *builder, enum fact_class class, uint32_t line, uint32_t key,
               bool on)
{
    draft_add(
        builder,
        (struct fact){
            .key = key, .line = line, .number = on, .type = FACT_FLAG, .class = (uint8_t) class},
        on ? STR("+") : STR("-"));
}

void fact_number(struct fact_builder *builder, enum fact_class class, uint32_t line, uint32_t key,
                 int64_t number, struct str text)
{
    char decimal[24];

    if (!text.len)
        text = (struct str){decimal,
                            (size_t)snprintf(decimal, sizeof(decimal), "%lld", (long long)number)};
    draft_add(builder,
              (struct fact){.key = key,
                            .line = line,
                            .number = number,
                            .type = FACT_NUMBER,
                            .class = (uint8_t) class},
              text);
}

void fact_text(struct fact_builder *builder, enum fact_class class, uint32_t line, uint32_t key,
               struct str text)
{
    draft_add(builder,
              (struct fact){.key = key, .line = line, .type = FACT_TEXT, .class = (uint8_t) class},
              text);
}

/* With the pool's lock held. */
static const char *pool_text(struct fact_pool *pool, struct str text, uint64_t hash)
{
    struct text_entry *entry = map_get(&pool->texts, hash, &text);

    if (entry)
        return entry->text;
    entry = arena_alloc(pool->arena, sizeof(*entry) + text.len + 1);
    if (!entry)
        return NULL;
    entry->hash = hash;
    entry->len = text.len;
    if (text.len)
        memcpy(entry->text, text.p, text.len);
    return map_add(&pool->texts, hash, entry) < 0 ? NULL : entry->text;
}

/* With the pool's lock held: the drafts as a block of the pool, or NULL. */
static struct fact_block *pool_block(struct fact_pool *pool, struct fact_builder *builder)
{
    size_t count = builder->drafts.count;
    uint64_t config = builder->name->hash, state = config, all = config;
    bool any_config = false;
    struct fact_block *scratch, *block;

    scratch = malloc(sizeof(*scratch) + count * sizeof(scratch->facts[0]));
    if (!scratch)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct draft *draft = &builder->drafts.items[i];
        struct fact *fact = &scratch->facts[i];
        struct str text = {builder->texts.p + draft->text, draft->text_len};
        uint64_t sig;

        if (!draft->fact.key)
            goto fail;
        sig = hash_mix(hash_mix(pool->names.items[draft->fact.key - 1]->hash, draft->text_hash),
                       hash_mix((uint64_t)draft->fact.number, draft->fact.type));
        *fact = draft->fact;
        fact->text = pool_text(pool, text, draft->text_hash);
        if (!fact->text)
            goto fail;
        if (fact->class == FACT_CONFIG) {
            config = hash_mix(config, sig);
            any_config = true;
        }
        if (fact->class == FACT_CONFIG || fact->class == FACT_STATE)
            state = hash_mix(state, sig);
        all = hash_mix(hash_mix(all, sig), fact->line);
    }
    scratch->name = builder->name->key;
    scratch->count = (uint32_t)count;
    scratch->config_sig = any_config ? config : 0;
    scratch->state_sig = state;
    block = map_get(&pool->blocks, all, scratch);
    if (!block) {
        size_t bytes = sizeof(*block) + count * sizeof(block->facts[0]);

        block = arena_alloc(pool->arena, bytes);
        if (!block)
            goto fail;
        memcpy(block, scratch, bytes);
        if (map_add(&pool->blocks, all, block) < 0)
            goto fail;
    }
    free(scratch);
    return block;
fail:
    free(scratch);
    return NULL;
}

const struct fact_block *fact_end(struct fact_builder *builder)
{
    struct fact_pool *pool = builder->pool;
    const struct fact_block *block;

    if (builder->failed || builder->texts.failed || !builder->name)
        return NULL;
    (void)pthread_mutex_lock(&pool->lock);
    block = pool_block(pool, builder);
    (void)pthread_mutex_unlock(&pool->lock);
    return block;
}

const struct fact_block *fact_end_cached(struct fact_builder *builder, unsigned kind,
                                         struct str text)
{
    const struct fact_block *block = fact_end(builder);

    if (block)
        cache_add(builder, cache_hash(kind, text), block);
    return block;
}
