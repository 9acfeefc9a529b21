/* What one client asks and waits for, and its place among the waiters of each key. */
#include "rendezvous/proxy_parts.h"

#include <stdlib.h>

struct op *op_new(struct proxy_client *client, enum kv_verb verb, uint32_t count)
{
    struct op *op = calloc(1, sizeof(*op) + count * sizeof(op->waiters[0]));

    if (!op) {
        client->proxy->failed = true;
        return NULL;
    }
    op->verb = verb;
    op->client = client;
    op->count = op->left = count;
    return op;
}

void waiter_link(struct waiter *waiter)
{
    struct entry *entry = waiter->entry;

    waiter->next = NULL;
    waiter->prev = entry->last;
    if (entry->last)
        entry->last->next = waiter;
    else
        entry->first = waiter;
    entry->last = waiter;
}

void waiter_unlink(struct waiter *waiter)
{
    struct entry *entry = waiter->entry;

    *(waiter->prev ? &waiter->prev->next : &entry->first) = waiter->next;
    *(waiter->next ? &waiter->next->prev : &entry->last) = waiter->prev;
}

/* The store counts the clients that wait for a key: for queues, and to say who waits. */
static void uncount(struct proxy *proxy, struct waiter *waiter)
{
    if (waiter->need == NOT_SENT)
        waiter->entry->ask_waits--;
    else
        (void)up_add(
            proxy, &(struct item){.kind = UP_UNWAIT, .key = waiter->entry->named.name, .amount = 1},
            NULL);
}

void op_free(struct proxy *proxy, struct op *op)
{
    for (uint32_t i = 0; i < op->count; i++) {
        struct waiter *waiter = &op->waiters[i];

        free(waiter->value);
        if (!waiter->entry || waiter->done)
            continue;
        waiter_unlink(waiter);
        if (op->verb == KV_WAIT)
            uncount(proxy, waiter);
        entry_tidy(proxy, waiter->entry);
    }
    free(op);
}
