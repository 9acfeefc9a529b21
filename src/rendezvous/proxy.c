#include "rendezvous/proxy.h"

#include "rendezvous/proxy_parts.h"

#include <errno.h>
#include <stdio.h>
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

/* An op that is on its way up stays until its answer comes; others end here. */
static void let_go(struct proxy *proxy, struct op **op)
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

    let_go(proxy, &client->op);
    let_go(proxy, &client->wait);
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
    let_go(client->proxy, &client->op);
    let_go(client->proxy, &client->wait);
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

/* Send a request that has no answer. */
static void tell_above(struct proxy *proxy, struct proxy_client *client, const struct item *item)
{
    struct entry *entry = entry_need(proxy, item->key);
    struct flight *flight = entry ? up_add(proxy, item, entry) : NULL;

    if (!flight)
        return;
    flight->client = client->id;
    client->last = entry->wrote = up_last(proxy);
}

void client_set(struct proxy_client *client, struct str key, struct str value)
{
    tell_above(client->proxy, client, &(struct item){.kind = UP_SET, .key = key, .value = value});
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
        let_go(proxy, &client->wait);
        client->wait = op;
        client->wait_since_ms = proxy->now_ms;
    } else {
        client->op = op;
    }
    entry_ask(proxy, entry);
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
        tell_above(proxy, client, &item);
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
        let_go(proxy, &client->wait);
        reply_now(client, request->verb, 0);
        break;
    case KV_WAIT:
        let_go(proxy, &client->wait);
        (void)op_keys(proxy, client, KV_WAIT, request->keys, request->key_count);
        break;
    case KV_GET:
    case KV_CHECK:
    case KV_MULTI_GET:
        (void)op_keys(proxy, client, request->verb, request->keys, request->key_count);
        break;
    case KV_MULTI_SET:
        for (uint32_t i = 0; i < request->key_count; i++)
            client_set(client, request->keys[i], request->values[i]);
        break;
    case KV_ADD:
        if (request->amount == 0)
            (void)op_keys(proxy, client, KV_ADD, request->keys, 1);
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
static void run_ready(struct proxy *proxy)
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
    run_ready(proxy);
}

void proxy_flush(struct proxy *proxy)
{
    entry_ask_all(proxy);
    up_send(proxy);
}

void proxy_link_up(struct proxy *proxy)
{
    proxy->log_sent = proxy->log_at;
    proxy->sent_number = proxy->log_number;
    proxy_flush(proxy);
}

static void learn(struct proxy *proxy, const struct item *item)
{
    struct entry *entry = table_get(&proxy->entries, item->key);

    if (!entry)
        return; /* forgotten since */
    switch (item->kind) {
    case DOWN_ABSENT:
        entry_learn(proxy, entry, ENTRY_ABSENT, (struct str){0}, KEEP_COPY);
        break;
    case DOWN_VALUE:
        entry_learn(proxy, entry, ENTRY_VALUE, item->value, item->amount);
        break;
    case DOWN_EXISTS:
        entry_learn(proxy, entry, ENTRY_EXISTS, (struct str){0}, item->amount);
        break;
    case DOWN_DROP: /* but who waited for this message may still have it */
        entry_touch(proxy, entry);
        entry->kept = entry->polled = false;
        break;
    default:
        op_wake(proxy, entry);
    }
}

static void fail_waiters(struct entry *entry, uint64_t number, const char *why)
{
    struct waiter *waiter = entry->first;

    while (waiter) {
        if (waiter->need != number) {
            waiter = waiter->next;
            continue;
        }
        client_hang_up(waiter->op->client, why);
        waiter = entry->first;
    }
}

/* Whoever asked this is hung up on. */
static void fail(struct proxy *proxy, struct flight *flight, const struct item *item)
{
    struct proxy_client *client = client_find(proxy, flight->client);
    struct entry *read = flight->kind == UP_READ || flight->kind == UP_POLL ? flight->entry : NULL;
    struct op *ops = flight->ops;
    char why[ERR_TEXT_MAX];

    flight->ops = NULL; /* hanging up may send requests, which moves flights */
    (void)snprintf(why, sizeof(why), "%.*s", STR_ARG(item->value));
    if (client)
        client_hang_up(client, why);
    for (struct op *next; ops; ops = next) {
        next = ops->next;
        if (ops->client)
            client_hang_up(ops->client, why); /* it lets go of the op, which is ours */
        free(ops);
    }
    if (read)
        fail_waiters(read, item->number, why);
}

/* Each of the merged ADDs has a sum of its own. */
static void give_sums(struct proxy *proxy, struct flight *flight, int64_t total)
{
    struct entry *entry = flight->entry;
    uint64_t sum = (uint64_t)total;

    for (struct op *op = flight->ops, *next; op; op = next) {
        int64_t amount = op->amount;

        next = op->next;
        op_number(proxy, op, entry, (int64_t)sum);
        sum -= (uint64_t)amount;
    }
    flight->ops = NULL;
}

static bool answer_op(struct op *op, const struct item *item)
{
    struct buf answer = {0};
    struct str rest = item->value, key;
    bool good = true;

    if (item->kind == DOWN_NUMBER) {
        tcpstore_answer_number(&answer, item->amount);
    } else if (item->kind == DOWN_BYTES) {
        tcpstore_answer_value(&answer, item->value);
    } else if (item->kind == DOWN_POPPED) {
        tcpstore_answer_pop(&answer, item->amount, item->value);
    } else {
        tcpstore_answer_key_count(&answer, item->amount);
        for (int64_t i = 0; i < item->amount && good; i++) {
            good = batch_take_text(&rest, KV_KEY_BYTES_MAX, &key);
            if (good)
                tcpstore_answer_value(&answer, key);
        }
        good = good && !rest.len;
    }
    if (good && op->client) {
        client_reply(op->client, &answer);
        client_done(op->client, op);
    }
    buf_done(&answer);
    return good;
}

static int answer(struct proxy *proxy, const struct item *item)
{
    static const uint8_t wanted[BATCH_KINDS] = {
        [UP_COMPARE_SET] = DOWN_BYTES, [UP_ADD] = DOWN_NUMBER, [UP_DELETE] = DOWN_NUMBER,
        [UP_POP] = DOWN_POPPED,        [UP_LEN] = DOWN_NUMBER, [UP_COUNT] = DOWN_NUMBER,
        [UP_LIST] = DOWN_KEYS,
    };
    struct flight *flight = up_find(proxy, item->number);

    if (!flight || flight->answered)
        return -EPROTO;
    if (item->kind == DOWN_ERROR) {
        flight->answered = true;
        fail(proxy, flight, item);
        return 0;
    }
    if (wanted[flight->kind] != item->kind)
        return -EPROTO;
    flight->answered = true;
    if (flight->kind == UP_ADD) {
        give_sums(proxy, flight, item->amount);
        return 0;
    }
    if (!answer_op(flight->ops, item))
        return -EPROTO;
    free(flight->ops);
    flight->ops = NULL;
    return 0;
}

/* What a message said of keys, for those who wait; what may not be kept is forgotten again. */
static void settle(struct proxy *proxy)
{
    for (size_t i = 0; i < proxy->touched.count; i++) {
        struct entry *entry = proxy->touched.items[i];

        op_resolve(proxy, entry);
        entry->touched = false;
        if (!entry->kept)
            entry_forget(proxy, entry);
        entry_tidy(proxy, entry);
    }
    proxy->touched.count = 0;
}

int proxy_answer(struct proxy *proxy, struct str bytes, struct err *err)
{
    struct down_head head;
    struct item item;
    size_t len = bytes.len;
    int r;

    if (batch_take_down(&bytes, &head) < 0)
        return err_set(err, -EPROTO, "store: a message without a head");
    if (head.incarnation != proxy->incarnation || head.number <= proxy->received)
        return 0; /* for an agent before us, or once more */
    if (head.number != proxy->received + 1 || head.processed > up_last(proxy))
        return err_set(err, -EPROTO, "store: message %llu after %llu, for request %llu of %llu",
                       (unsigned long long)head.number, (unsigned long long)proxy->received,
                       (unsigned long long)head.processed, (unsigned long long)up_last(proxy));
    proxy->received = head.number;
    proxy->unacked_bytes += len;
    while ((r = batch_take(&bytes, false, &item)) > 0) {
        if (item.kind < DOWN_NUMBER)
            learn(proxy, &item);
        else if (answer(proxy, &item) < 0)
            return err_set(err, -EPROTO, "store: an answer that nobody asked for");
    }
    if (r < 0)
        return err_set(err, -EPROTO, "store: an answer that can't be read");
    up_processed(proxy, head.processed);
    settle(proxy);
    run_ready(proxy);
    return proxy->failed ? err_set(err, -ENOMEM, "no memory for the store's clients") : 0;
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

void proxy_set_now(struct proxy *proxy, int64_t now_ms)
{
    proxy->now_ms = now_ms;
}
