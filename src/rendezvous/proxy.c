#include "rendezvous/proxy.h"

#include "rendezvous/proxy_parts.h"

#include <errno.h>
#include <stdlib.h>

struct proxy *proxy_new(uint64_t incarnation, const struct proxy_limits *limits,
                        const struct proxy_out *out)
{
    struct proxy *proxy = calloc(1, sizeof(*proxy));

    if (!proxy)
        return NULL;
    proxy->incarnation = incarnation;
    proxy->limits = *limits;
    proxy->out = *out;
    proxy->forget_at = PROXY_ENTRIES_MAX;
    proxy->flight_number = proxy->log_number = proxy->sent_number = 1;
    return proxy;
}

void proxy_free(struct proxy *proxy)
{
    if (!proxy)
        return;
    for (uint32_t i = 0; i < proxy->slot_count; i++)
        if (proxy->slots[i])
            proxy_client_gone(proxy, proxy->slots[i]);
    for (size_t i = proxy->flight_head; i < proxy->flights.count; i++)
        for (struct op *op = proxy->flights.items[i].ops, *next; op; op = next) {
            next = op->next;
            free(op);
        }
    for (size_t slot = 0; slot < proxy->entries.space; slot++) {
        struct entry *entry = (struct entry *)proxy->entries.slots[slot];

        for (struct op *op = entry ? entry->adds : NULL, *next; op; op = next) {
            next = op->next;
            free(op);
        }
        if (entry)
            entry_free(entry);
    }
    table_done(&proxy->entries);
    vec_done(&proxy->asks);
    vec_done(&proxy->touched);
    vec_done(&proxy->ready);
    vec_done(&proxy->flights);
    buf_done(&proxy->log);
    free(proxy->slots);
    free(proxy->free_slots);
    free(proxy);
}

/* Begin a request whose answer comes by its number. */
static void ask_above(struct proxy *proxy, struct proxy_client *client, enum kv_verb verb,
                      const struct item *item, struct entry *entry)
{
    struct op *op = op_new(client, verb, 0);
    struct flight *flight = op ? up_add(proxy, item, entry) : NULL;

    if (!flight) {
        free(op);
        return;
    }
    flight->ops = op;
    client->op = op;
    client->last = up_last(proxy);
    if (entry)
        entry->wrote = client->last;
}

static void reply_now(struct proxy_client *client, enum kv_verb verb, int64_t amount)
{
    struct buf answer = {0};

    if (verb == KV_PING)
        tcpstore_answer_ping(&answer, (uint32_t)amount);
    else if (verb == KV_WATCH_KEY)
        tcpstore_answer_watch(&answer);
    else
        tcpstore_answer_cancelled(&answer);
    client_reply(client, &answer);
    buf_done(&answer);
}

/* Requests that go up as they are. */
static const uint8_t ups[] = {
    [KV_SET] = UP_SET,       [KV_COMPARE_SET] = UP_COMPARE_SET, [KV_DELETE_KEY] = UP_DELETE,
    [KV_APPEND] = UP_APPEND, [KV_QUEUE_PUSH] = UP_PUSH,         [KV_QUEUE_POP] = UP_POP,
    [KV_QUEUE_LEN] = UP_LEN, [KV_GETNUMKEYS] = UP_COUNT,        [KV_LIST_KEYS] = UP_LIST,
    [KV_BARRIER] = 0,
};

static void go_up(struct proxy *proxy, struct proxy_client *client,
                  const struct kv_request *request)
{
    struct item item = {.kind = (enum batch_kind)ups[request->verb]};
    struct entry *entry = NULL;

    if (request->key_count)
        item.key = request->keys[0];
    if (request->values && (item.kind == UP_SET || item.kind == UP_APPEND || item.kind == UP_PUSH ||
                            item.kind == UP_COMPARE_SET))
        item.value = request->values[0];
    if (item.kind == UP_COMPARE_SET)
        item.other = request->values[1];
    if (!up_has_answer(item.kind)) {
        client_tell(client, &item);
        return;
    }
    if (request->key_count)
        entry = entry_need(proxy, item.key);
    ask_above(proxy, client, request->verb, &item, entry);
}

static void handle(struct proxy *proxy, struct proxy_client *client,
                   const struct kv_request *request)
{
    switch (request->verb) {
    case KV_PING:
    case KV_WATCH_KEY:
        reply_now(client, request->verb, request->amount);
        break;
    case KV_CANCEL_WAIT:
        client_let_go(proxy, &client->wait);
        reply_now(client, request->verb, 0);
        break;
    case KV_WAIT:
        client_let_go(proxy, &client->wait);
        (void)wait_for_keys(proxy, client, KV_WAIT, request->keys, request->key_count);
        break;
    case KV_GET:
    case KV_CHECK:
    case KV_MULTI_GET:
        (void)wait_for_keys(proxy, client, request->verb, request->keys, request->key_count);
        break;
    case KV_MULTI_SET:
        for (uint32_t i = 0; i < request->key_count; i++)
            client_set(client, request->keys[i], request->values[i]);
        break;
    case KV_ADD:
        if (request->amount == 0)
            (void)wait_for_keys(proxy, client, KV_ADD, request->keys, 1);
        else
            client_add(client, KV_ADD, request->keys[0], request->amount, 0);
        break;
    case KV_BARRIER:
        client_add(client, KV_BARRIER, request->keys[0], 1, request->amount);
        break;
    default:
        go_up(proxy, client, request);
    }
}

static bool run_one(struct proxy *proxy, struct proxy_client *client)
{
    struct kv_request request;
    struct err err;
    int r = tcpstore_next(&client->conn, &request, &err);

    if (r < 0)
        client_hang_up(client, r == -ENOMEM ? "no memory for a request" : err.text);
    if (r <= 0)
        return false;
    handle(proxy, client, &request);
    return true;
}

static void run(struct proxy *proxy, struct proxy_client *client)
{
    client->running = true;
    while (!client->dead && !client->op && !proxy->failed)
        if (!(client->pmi ? pmi_run_one(proxy, client) : run_one(proxy, client)))
            break;
    client->running = false;
}

/* Clients whose answers have gone out may have asked more already. */
void clients_run(struct proxy *proxy)
{
    for (size_t i = 0; i < proxy->ready.count; i++) {
        struct proxy_client *client = client_find(proxy, proxy->ready.items[i]);

        if (!client)
            continue;
        client->queued = false;
        run(proxy, client);
    }
    proxy->ready.count = 0;
}

void proxy_take(struct proxy *proxy, struct proxy_client *client, struct str bytes)
{
    int r;

    if (client->dead)
        return;
    r = client->pmi ? pmi_feed(client->pmi, bytes) : tcpstore_feed(&client->conn, bytes);
    if (r < 0 || proxy->failed) {
        client_hang_up(client, "no memory for the store's clients");
        return;
    }
    if (client->conn.in.len - client->conn.at > 2 * KV_REQUEST_MAX) {
        client_hang_up(client, "it asks on and on and does not wait for answers");
        return;
    }
    if (proxy->log.len - proxy->log_at > PROXY_LOG_BYTES_MAX) {
        client_hang_up(client, "too much waits for the controller, which does not answer");
        return;
    }
    run(proxy, client);
    clients_run(proxy);
}

void proxy_flush(struct proxy *proxy)
{
    up_ask_all(proxy);
    up_send(proxy);
}

void proxy_link_up(struct proxy *proxy)
{
    proxy->log_sent = proxy->log_at;
    proxy->sent_number = proxy->log_number;
    proxy_flush(proxy);
}

void proxy_set_now(struct proxy *proxy, int64_t now_ms)
{
    proxy->now_ms = now_ms;
}
