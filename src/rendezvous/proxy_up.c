/* Requests on their way up: gathered, numbered, kept as bytes until the store has processed them.
 */
#include "rendezvous/proxy_parts.h"

#include <stdlib.h>

#define BATCH_BYTES_MAX (4u << 20) /* soft: one request more may be in it */
#define ACK_MESSAGES    16 /* unacknowledged: then a batch goes up with nothing else in it */
#define ACK_BYTES       (256u << 10)
#define IDLE_MAX        64 /* values of a counter that nobody looked at, until we stop listening */

uint64_t up_last(const struct proxy *proxy)
{
    return proxy->flight_number + (proxy->flights.count - proxy->flight_head) - 1;
}

struct flight *up_add(struct proxy *proxy, const struct item *item, struct entry *entry)
{
    size_t before = proxy->log.len;
    struct flight *flight = vec_push(&proxy->flights);

    batch_put(&proxy->log, item);
    if (!flight || proxy->log.failed) {
        proxy->failed = true;
        return NULL;
    }
    flight->kind = item->kind;
    flight->bytes = (uint32_t)(proxy->log.len - before);
    flight->entry = entry;
    return flight;
}

struct flight *up_find(struct proxy *proxy, uint64_t number)
{
    if (number < proxy->flight_number || number > up_last(proxy))
        return NULL;
    return &proxy->flights.items[proxy->flight_head + (number - proxy->flight_number)];
}

bool up_has_answer(enum batch_kind kind)
{
    return kind == UP_COMPARE_SET || kind == UP_ADD || kind == UP_DELETE || kind == UP_POP ||
           kind == UP_LEN || kind == UP_COUNT || kind == UP_LIST;
}

void up_ask(struct proxy *proxy, struct entry *entry)
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

void up_ask_all(struct proxy *proxy)
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

void up_unpoll_idle(struct proxy *proxy, struct entry *entry)
{
    if (entry->idle <= IDLE_MAX || entry->first)
        return;
    (void)up_add(proxy, &(struct item){.kind = UP_UNPOLL, .key = entry->named.name}, NULL);
    entry->kept = entry->polled = false;
}

static void pop_flights(struct proxy *proxy)
{
    while (proxy->flight_head < proxy->flights.count && proxy->flight_number <= proxy->processed) {
        struct flight *flight = &proxy->flights.items[proxy->flight_head];

        if (up_has_answer(flight->kind) && !flight->answered)
            break;
        proxy->flight_head++;
        proxy->flight_number++;
        if (flight->entry)
            entry_tidy(proxy, flight->entry);
    }
    if (proxy->flight_head > 64 && proxy->flight_head > proxy->flights.count / 2) {
        proxy->flights.count -= proxy->flight_head;
        memmove(proxy->flights.items, proxy->flights.items + proxy->flight_head,
                proxy->flights.count * sizeof(*proxy->flights.items));
        proxy->flight_head = 0;
    }
}

void up_processed(struct proxy *proxy, uint64_t number)
{
    if (number > proxy->processed)
        proxy->processed = number;
    for (; proxy->log_number <= proxy->processed; proxy->log_number++)
        proxy->log_at += up_find(proxy, proxy->log_number)->bytes;
    if (proxy->sent_number < proxy->log_number) { /* processed before the link broke */
        proxy->sent_number = proxy->log_number;
        proxy->log_sent = proxy->log_at;
    }
    if (proxy->log_at > 4096 && proxy->log_at > proxy->log.len / 2) {
        proxy->log.len -= proxy->log_at;
        memmove(proxy->log.p, proxy->log.p + proxy->log_at, proxy->log.len);
        proxy->log_sent -= proxy->log_at;
        proxy->log_at = 0;
    }
    pop_flights(proxy);
}

static void send_batch(struct proxy *proxy, uint64_t first, struct str items)
{
    struct buf batch = {0};

    batch_put_up(&batch, &(struct up_head){proxy->received, first});
    buf_add(&batch, items.p, items.len);
    proxy->acked = proxy->received;
    proxy->unacked_bytes = 0;
    if (batch.failed)
        proxy->failed = true;
    else
        proxy->out.up(proxy->out.data, (struct str){batch.p, batch.len});
    buf_done(&batch);
}

void up_send(struct proxy *proxy)
{
    while (proxy->log_sent < proxy->log.len) {
        uint64_t first = proxy->sent_number;
        size_t bytes = 0;

        while (proxy->log_sent + bytes < proxy->log.len && bytes < BATCH_BYTES_MAX)
            bytes += up_find(proxy, proxy->sent_number++)->bytes;
        proxy->log_sent += bytes;
        send_batch(proxy, first, (struct str){proxy->log.p + proxy->log_sent - bytes, bytes});
    }
    if (proxy->received - proxy->acked >= ACK_MESSAGES || proxy->unacked_bytes >= ACK_BYTES)
        send_batch(proxy, 0, (struct str){0});
}
