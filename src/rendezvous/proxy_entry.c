/* What a proxy knows of keys. */
#include "rendezvous/proxy_parts.h"

#include <stdlib.h>

#define IDLE_MAX 64 /* values of a counter that nobody looked at, until we stop listening */

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
    if (entry->idle > IDLE_MAX && !entry->first) {
        (void)up_add(proxy, &(struct item){.kind = UP_UNPOLL, .key = entry->named.name}, NULL);
        entry->kept = entry->polled = false;
    }
}

bool entry_number(const struct entry *entry, int64_t *number)
{
    return entry->state == ENTRY_VALUE &&
           str_to_i64((struct str){entry->value, entry->len}, 10, number) == 0;
}

void entry_ask(struct proxy *proxy, struct entry *entry)
{
    struct entry **slot;

    if (entry->listed)
        return;
    slot = vec_push(&proxy->asks);
    if (!slot) {
        proxy->failed = true;
        return;
    }
    *slot = entry;
    entry->listed = true;
}

/* All ADDs of this turn as one, then one READ or POLL. They may go behind everything else that was
 * asked: whoever asked them waits for them. */
static void ask_add(struct proxy *proxy, struct entry *entry)
{
    uint64_t sum = 0;
    struct flight *flight;

    for (struct op *op = entry->adds; op; op = op->next)
        sum += (uint64_t)op->amount;
    flight = up_add(
        proxy, &(struct item){.kind = UP_ADD, .key = entry->named.name, .amount = (int64_t)sum},
        entry);
    if (!flight)
        return;
    flight->ops = entry->adds;
    entry->adds = NULL;
    entry->wrote = up_last(proxy);
    for (struct op *op = flight->ops; op; op = op->next)
        if (op->client)
            op->client->last = entry->wrote;
}

static void ask_state(struct proxy *proxy, struct entry *entry, enum batch_kind kind,
                      int64_t amount)
{
    uint64_t number;

    if (!up_add(proxy, &(struct item){.kind = kind, .key = entry->named.name, .amount = amount},
                entry))
        return;
    number = up_last(proxy);
    *(kind == UP_READ ? &entry->read : &entry->poll) = number;
    for (struct waiter *waiter = entry->first; waiter; waiter = waiter->next)
        if (waiter->need == NOT_SENT)
            waiter->need = number;
}

void entry_ask_all(struct proxy *proxy)
{
    for (size_t i = 0; i < proxy->asks.count; i++) {
        struct entry *entry = proxy->asks.items[i];

        entry->listed = false;
        if (entry->adds)
            ask_add(proxy, entry);
        if (entry->ask_poll)
            ask_state(proxy, entry, UP_POLL, 0);
        if (entry->ask_read)
            ask_state(proxy, entry, UP_READ,
                      (int64_t)entry->ask_waits << 1 | (entry->ask_whole ? READ_WHOLE : 0));
        entry->ask_poll = entry->ask_read = entry->ask_whole = false;
        entry->ask_waits = 0;
        entry_tidy(proxy, entry);
    }
    proxy->asks.count = 0;
}
