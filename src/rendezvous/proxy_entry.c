/* What a proxy knows of keys. */
#include "rendezvous/proxy_parts.h"

#include <stdlib.h>

void entry_free(struct entry *entry)
{
    free(entry->value);
    free(entry);
}

void entry_tidy(struct proxy *proxy, struct entry *entry)
{
    uint64_t last = entry->read > entry->poll ? entry->read : entry->poll;

    if (entry->wrote > last)
        last = entry->wrote;
    if (entry->kept || entry->touched || entry->listed || entry->first || entry->adds ||
        last >= proxy->flight_number)
        return;
    table_remove(&proxy->entries, &entry->named);
    proxy->copy_bytes -= entry->len;
    entry_free(entry);
}

void entry_forget(struct proxy *proxy, struct entry *entry)
{
    proxy->copy_bytes -= entry->len;
    free(entry->value);
    entry->value = NULL;
    entry->len = 0;
    entry->state = ENTRY_UNKNOWN;
    entry->kept = entry->polled = entry->queue = false;
    entry->readers = 0;
}

/* All go that nobody waits for. The store may still tell of them, which is harmless. */
static void forget_all(struct proxy *proxy)
{
    VEC(struct entry *) idle = {0};

    for (size_t slot = 0; slot < proxy->entries.space; slot++) {
        struct entry *entry = (struct entry *)proxy->entries.slots[slot], **place;

        if (!entry || entry->touched || entry->listed || entry->first || entry->polled)
            continue;
        place = vec_push(&idle);
        if (!place)
            break; /* fewer are forgotten */
        *place = entry;
    }
    for (size_t i = 0; i < idle.count; i++) {
        entry_forget(proxy, idle.items[i]);
        entry_tidy(proxy, idle.items[i]);
    }
    vec_done(&idle);
    proxy->forget_at = 2 * proxy->entries.count;
    if (proxy->forget_at < PROXY_ENTRIES_MAX)
        proxy->forget_at = PROXY_ENTRIES_MAX;
}

struct entry *entry_need(struct proxy *proxy, struct str name)
{
    struct entry *entry = table_get(&proxy->entries, name);

    if (entry)
        return entry;
    if (proxy->entries.count >= proxy->forget_at)
        forget_all(proxy);
    entry = calloc(1, sizeof(*entry) + name.len);
    if (entry) {
        memcpy(entry->name, name.p, name.len);
        entry->named.name = (struct str){entry->name, name.len};
        if (table_add(&proxy->entries, &entry->named) == 0)
            return entry;
    }
    free(entry);
    proxy->failed = true;
    return NULL;
}

void entry_touch(struct proxy *proxy, struct entry *entry)
{
    struct entry **slot;

    if (entry->touched)
        return;
    slot = vec_push(&proxy->touched);
    if (!slot) {
        proxy->failed = true;
        return;
    }
    *slot = entry;
    entry->touched = true;
}

void entry_learn(struct proxy *proxy, struct entry *entry, enum entry_state state, struct str value,
                 int64_t keep)
{
    bool polled = entry->polled;

    entry_touch(proxy, entry);
    entry_forget(proxy, entry);
    entry->state = state;
    entry->kept = keep & (KEEP_COPY | KEEP_POLL);
    entry->polled = keep & KEEP_POLL;
    entry->queue = keep & KEEP_QUEUE;
    entry->idle = polled && entry->polled ? entry->idle + 1 : 0;
    if (state != ENTRY_VALUE)
        return;
    entry->value = malloc(value.len ? value.len : 1);
    if (!entry->value) {
        proxy->failed = true;
        return;
    }
    memcpy(entry->value, value.p, value.len);
    entry->len = value.len;
    proxy->copy_bytes += value.len;
    if (proxy->copy_bytes > PROXY_COPY_BYTES_MAX)
        forget_all(proxy);
}

bool entry_number(const struct entry *entry, int64_t *number)
{
    return entry->state == ENTRY_VALUE &&
           str_to_i64((struct str){entry->value, entry->len}, 10, number) == 0;
}
