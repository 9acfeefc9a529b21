/* The keys of the store, and who is told what becomes of them.
 *
 * Who has asked for a key holds it: when it comes into being all holders are told, with its value
 * when that is short. When its value changes they are told to drop it, once: a key that has changed
 * is given out without a promise from then on. So the work for a change is paid by what was asked.
 */
#include "rendezvous/kv_parts.h"

#include <stdlib.h>

#define KEY_BYTES (sizeof(struct kv_key) + 32) /* what a key costs beside its texts */

struct kv_key *key_find(struct kv *kv, struct str name)
{
    return table_get(&kv->keys, name);
}

static bool has_room(const struct kv *kv, size_t bytes)
{
    return bytes <= kv->bytes_max && kv->bytes <= kv->bytes_max - bytes;
}

struct kv_key *key_need(struct kv *kv, struct str name)
{
    struct kv_key *key = key_find(kv, name);

    if (key || !has_room(kv, KEY_BYTES + name.len))
        return key;
    key = calloc(1, sizeof(*key) + name.len);
    if (!key) {
        kv->failed = true;
        return NULL;
    }
    memcpy(key->name, name.p, name.len);
    key->named.name = (struct str){key->name, name.len};
    if (table_add(&kv->keys, &key->named) < 0) {
        free(key);
        kv->failed = true;
        return NULL;
    }
    kv->bytes += KEY_BYTES + name.len;
    return key;
}

void key_free(struct kv_key *key)
{
    while (key->first) {
        struct queued *item = key->first;

        key->first = item->next;
        free(item);
    }
    vec_done(&key->holders);
    vec_done(&key->pollers);
    free(key->value);
    free(key);
}

void key_tidy(struct kv *kv, struct kv_key *key)
{
    if (key->exists || key->first || key->holders.count || key->pollers.count || key->dirty)
        return;
    table_remove(&kv->keys, &key->named);
    kv->bytes -= KEY_BYTES + key->named.name.len;
    key_free(key);
}

static void drop_holders(struct kv *kv, struct kv_key *key)
{
    for (size_t i = 0; i < key->holders.count; i++)
        session_put(kv, key->holders.items[i].node,
                    &(struct item){.kind = DOWN_DROP, .key = key->named.name});
    vec_done(&key->holders);
    key->first_wait = 0;
}

static void tell_holders(struct kv *kv, struct kv_key *key)
{
    struct item item = {.kind = DOWN_VALUE,
                        .key = key->named.name,
                        .value = {key->value, key->len},
                        .amount = KEEP_COPY};

    if (key->len > KV_COPY_BYTES_MAX)
        item.kind = DOWN_EXISTS;
    for (size_t i = 0; i < key->holders.count; i++) {
        session_put(kv, key->holders.items[i].node, &item);
        key->holders.items[i].waits = 0;
    }
    key->waits_since_ms = 0;
}

static void mark_dirty(struct kv *kv, struct kv_key *key)
{
    struct kv_key **slot;

    key->version++;
    key->changed_ms = kv->now_ms;
    if (key->dirty || !key->pollers.count)
        return;
    slot = vec_push(&kv->dirty);
    if (!slot) {
        kv->failed = true;
        return;
    }
    *slot = key;
    key->dirty = true;
}

bool key_put(struct kv *kv, struct kv_key *key, struct str value)
{
    char *bytes;

    if (key->exists && str_eq(value, (struct str){key->value, key->len}))
        return true;
    if (value.len > key->len && !has_room(kv, value.len - key->len))
        return false;
    bytes = malloc(value.len ? value.len : 1);
    if (!bytes) {
        kv->failed = true;
        return false;
    }
    memcpy(bytes, value.p, value.len);
    kv->bytes += value.len - key->len;
    free(key->value);
    key->value = bytes;
    key->len = value.len;
    if (key->exists) {
        key->changed = true;
        drop_holders(kv, key);
    } else {
        key->exists = true;
        kv->key_count++;
        tell_holders(kv, key);
    }
    mark_dirty(kv, key);
    return true;
}

bool key_delete(struct kv *kv, struct kv_key *key)
{
    if (!key->exists)
        return false;
    kv->bytes -= key->len;
    free(key->value);
    key->value = NULL;
    key->len = 0;
    key->exists = false;
    key->changed = false;
    kv->key_count--;
    drop_holders(kv, key);
    session_unpoll_all(kv, key);
    return true;
}

/* As in torch, a push lets one waiting client go on. */
static void wake_one(struct kv *kv, struct kv_key *key)
{
    while (key->first_wait < key->holders.count && !key->holders.items[key->first_wait].waits)
        key->first_wait++;
    if (key->first_wait == key->holders.count)
        return;
    key->holders.items[key->first_wait].waits--;
    session_put(kv, key->holders.items[key->first_wait].node,
                &(struct item){.kind = DOWN_WAKE, .key = key->named.name});
}

bool key_push(struct kv *kv, struct kv_key *key, struct str value)
{
    struct queued *item;

    if (!has_room(kv, sizeof(*item) + value.len))
        return false;
    item = malloc(sizeof(*item) + value.len);
    if (!item) {
        kv->failed = true;
        return false;
    }
    item->next = NULL;
    item->len = value.len;
    memcpy(item->bytes, value.p, value.len);
    if (key->last)
        key->last->next = item;
    else
        key->first = item;
    key->last = item;
    key->queued++;
    kv->bytes += sizeof(*item) + value.len;
    wake_one(kv, key);
    return true;
}

void key_pop(struct kv *kv, struct kv_key *key, uint32_t node, uint64_t number)
{
    struct queued *item = key->first;

    session_put(kv, node,
                &(struct item){.kind = DOWN_POPPED,
                               .number = number,
                               .amount = (int64_t)key->queued,
                               .value = {item ? item->bytes : NULL, item ? item->len : 0}});
    if (!item)
        return;
    key->first = item->next;
    if (!key->first)
        key->last = NULL;
    key->queued--;
    kv->bytes -= sizeof(*item) + item->len;
    free(item);
}

/* One entry a node, but those that wait keep their place in the row. */
static void merge_holders(struct kv *kv, struct kv_key *key)
{
    bool *seen = calloc(kv->nodes, 1);
    size_t kept = 0;

    if (!seen) {
        kv->failed = true;
        return;
    }
    for (size_t i = 0; i < key->holders.count; i++)
        if (key->holders.items[i].waits)
            seen[key->holders.items[i].node] = true;
    for (size_t i = 0; i < key->holders.count; i++) {
        struct holder holder = key->holders.items[i];

        if (!holder.waits && seen[holder.node])
            continue;
        seen[holder.node] = true;
        key->holders.items[kept++] = holder;
    }
    key->holders.count = kept;
    key->first_wait = 0;
    free(seen);
}

void key_hold(struct kv *kv, struct kv_key *key, uint32_t node, uint32_t waits)
{
    struct holder *holder;

    if (key->holders.count && key->holders.items[key->holders.count - 1].node == node) {
        key->holders.items[key->holders.count - 1].waits += waits;
        if (waits && key->first_wait == key->holders.count)
            key->first_wait--;
    } else {
        if (key->holders.count == key->holders.space && key->holders.count)
            merge_holders(kv, key);
        holder = vec_push(&key->holders);
        if (!holder) {
            kv->failed = true;
            return;
        }
        *holder = (struct holder){node, waits};
    }
    if (waits && !key->waits_since_ms)
        key->waits_since_ms = kv->now_ms;
}

/* Fewer clients wait. When more have stopped than we know of, one of them had been let go on for
 * something in the queue: that goes to the next. */
void key_unwait(struct kv *kv, struct kv_key *key, uint32_t node, uint32_t waits)
{
    for (size_t i = 0; i < key->holders.count && waits; i++) {
        struct holder *holder = &key->holders.items[i];
        uint32_t fewer;

        if (holder->node != node)
            continue;
        fewer = holder->waits < waits ? holder->waits : waits;
        holder->waits -= fewer;
        waits -= fewer;
    }
    for (size_t i = 0; i < waits && i < key->queued; i++)
        wake_one(kv, key);
}

/* The counter that was asked for longest ago makes room: most likely its barrier is over. */
static void drop_oldest_poll(struct kv *kv, uint32_t node)
{
    struct kv_key *key = kv->sessions[node].polls[0].key;

    session_unpoll(kv, node, key);
    session_put(kv, node, &(struct item){.kind = DOWN_DROP, .key = key->named.name});
    key_tidy(kv, key);
}

void key_poll(struct kv *kv, struct kv_key *key, uint32_t node)
{
    const struct session *session = &kv->sessions[node];

    if (session->poll_count == KV_POLLS_MAX && !session_polls(session, key))
        drop_oldest_poll(kv, node);
    session_poll(kv, node, key);
}

void key_forget_node(struct kv *kv, uint32_t node)
{
    struct session *session = &kv->sessions[node];

    while (session->poll_count)
        session_unpoll(kv, node, session->polls[0].key);
    for (size_t slot = 0; slot < kv->keys.space; slot++) {
        struct kv_key *key = (struct kv_key *)kv->keys.slots[slot];
        size_t kept = 0;

        if (!key)
            continue;
        for (size_t i = 0; i < key->holders.count; i++)
            if (key->holders.items[i].node != node)
                key->holders.items[kept++] = key->holders.items[i];
        key->holders.count = kept;
        key->first_wait = 0;
    }
}
