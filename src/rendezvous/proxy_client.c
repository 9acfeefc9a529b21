/* A client: its place, what it is told, what it asks without waiting for keys. */
#include "rendezvous/proxy_parts.h"

#include <stdlib.h>

static bool more_slots(struct proxy *proxy)
{
    uint32_t space = proxy->slot_space ? proxy->slot_space * 2 : 16;
    struct proxy_client **slots = realloc(proxy->slots, space * sizeof(struct proxy_client *));
    uint32_t *free_slots;

    if (!slots)
        return false;
    proxy->slots = slots;
    free_slots = realloc(proxy->free_slots, space * sizeof(uint32_t));
    if (!free_slots)
        return false;
    proxy->free_slots = free_slots;
    proxy->slot_space = space;
    return true;
}

struct proxy_client *proxy_client_new(struct proxy *proxy, void *client_data)
{
    struct proxy_client *client;
    uint32_t slot;

    if (!proxy->free_count && proxy->slot_count == PROXY_CLIENTS_MAX)
        return NULL;
    if (!proxy->free_count && proxy->slot_count == proxy->slot_space && !more_slots(proxy))
        return NULL;
    client = calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    slot = proxy->free_count ? proxy->free_slots[--proxy->free_count] : proxy->slot_count++;
    proxy->slots[slot] = client;
    client->proxy = proxy;
    client->data = client_data;
    client->rank = -1;
    client->id = ++proxy->generation << 16 | slot;
    return client;
}

struct proxy_client *client_find(struct proxy *proxy, uint64_t id)
{
    uint32_t slot = (uint32_t)(id & 0xffff);
    struct proxy_client *client = slot < proxy->slot_count ? proxy->slots[slot] : NULL;

    return client && client->id == id ? client : NULL;
}

void client_let_go(struct proxy *proxy, struct op **op)
{
    if (!*op)
        return;
    (*op)->client = NULL;
    if ((*op)->count && (*op)->waiters[0].entry)
        op_free(proxy, *op);
    *op = NULL;
}

void proxy_client_gone(struct proxy *proxy, struct proxy_client *client)
{
    uint32_t slot = (uint32_t)(client->id & 0xffff);

    client_let_go(proxy, &client->op);
    client_let_go(proxy, &client->wait);
    tcpstore_done(&client->conn);
    pmi_free(client->pmi);
    proxy->slots[slot] = NULL;
    proxy->free_slots[proxy->free_count++] = slot;
    free(client);
}

void client_reply(struct proxy_client *client, const struct buf *bytes)
{
    if (bytes->failed)
        client->proxy->failed = true;
    else if (bytes->len && !client->dead)
        client->proxy->out.reply(client->proxy->out.data, client->data,
                                 (struct str){bytes->p, bytes->len});
}

void client_hang_up(struct proxy_client *client, const char *why)
{
    if (client->dead)
        return;
    client->dead = true;
    client_let_go(client->proxy, &client->op);
    client_let_go(client->proxy, &client->wait);
    client->proxy->out.hang_up(client->proxy->out.data, client->data, why);
}

void client_done(struct proxy_client *client, struct op *op)
{
    uint64_t *slot;

    if (client->wait == op)
        client->wait = NULL;
    if (client->op != op)
        return;
    client->op = NULL;
    if (client->queued || client->running)
        return;
    slot = vec_push(&client->proxy->ready);
    if (!slot) {
        client->proxy->failed = true;
        return;
    }
    *slot = client->id;
    client->queued = true;
}

void client_tell(struct proxy_client *client, const struct item *item)
{
    struct proxy *proxy = client->proxy;
    struct entry *entry = entry_need(proxy, item->key);
    struct flight *flight = entry ? up_add(proxy, item, entry) : NULL;

    if (!flight)
        return;
    flight->client = client->id;
    client->last = entry->wrote = up_last(proxy);
}

void client_set(struct proxy_client *client, struct str key, struct str value)
{
    client_tell(client, &(struct item){.kind = UP_SET, .key = key, .value = value});
}

void client_add(struct proxy_client *client, enum kv_verb verb, struct str key, int64_t amount,
                int64_t target)
{
    struct proxy *proxy = client->proxy;
    struct op *op = op_new(client, verb, verb == KV_BARRIER);
    struct entry *entry = op ? entry_need(proxy, key) : NULL;

    if (!entry) {
        free(op);
        return;
    }
    op->amount = amount;
    op->target = target;
    op->next = entry->adds;
    entry->adds = op;
    if (verb == KV_BARRIER) {
        client_let_go(proxy, &client->wait);
        client->wait = op;
        client->wait_since_ms = proxy->now_ms;
    } else {
        client->op = op;
    }
    up_ask(proxy, entry);
}

void proxy_client_set_rank(struct proxy_client *client, int64_t rank)
{
    client->rank = rank;
}

int64_t proxy_client_rank(const struct proxy_client *client)
{
    return client->rank;
}

bool proxy_client_waits(const struct proxy_client *client, struct str *key, int64_t *since_ms)
{
    const struct op *op = client->wait;

    for (uint32_t i = 0; op && i < op->count; i++) {
        if (op->waiters[i].done || !op->waiters[i].entry)
            continue;
        *key = op->waiters[i].entry->named.name;
        *since_ms = client->wait_since_ms;
        return true;
    }
    return false;
}
