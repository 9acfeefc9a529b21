/* What clients wait for: the states of some keys, from what is known here or from above. */
#include "rendezvous/proxy_parts.h"

#include <stdlib.h>

static uint64_t reader_bit(const struct proxy_client *client)
{
    return (uint64_t)1 << (client->id & 63);
}

/* May this client be answered from what is known here? Not when it may have changed the key itself
 * since; nor when it has read this copy before and asks again: then it wants to know whether
 * something has changed that it may have heard of elsewhere. */
static bool may_know(const struct proxy *proxy, const struct entry *entry,
                     const struct proxy_client *client, enum kv_verb verb)
{
    if (!entry->kept || (entry->wrote > proxy->processed && client->last > proxy->processed))
        return false;
    if (verb == KV_ADD || verb == KV_BARRIER)
        return entry->polled;
    return (verb != KV_GET && verb != KV_MULTI_GET) || !(entry->readers & reader_bit(client));
}

static bool take_value(struct proxy *proxy, struct waiter *waiter)
{
    const struct entry *entry = waiter->entry;

    if (waiter->op->count == 1)
        return true; /* answered at once, from the entry */
    waiter->value = malloc(entry->len ? entry->len : 1);
    if (!waiter->value) {
        proxy->failed = true;
        return false;
    }
    if (entry->len)
        memcpy(waiter->value, entry->value, entry->len);
    waiter->len = entry->len;
    return true;
}

/* Is what is known of the key now what the waiter waits for? */
static bool is_content(struct proxy *proxy, struct waiter *waiter, bool fresh)
{
    struct entry *entry = waiter->entry;
    struct op *op = waiter->op;
    int64_t number;

    if (entry->state == ENTRY_UNKNOWN)
        return false;
    if (op->verb == KV_WAIT) {
        if (entry->queue)
            return fresh && !waiter->settled;
        waiter->settled |= fresh;
        return entry->state != ENTRY_ABSENT;
    }
    if (op->verb == KV_BARRIER)
        return entry_number(entry, &number) && number >= op->target;
    if (!fresh)
        return false;
    if (op->verb == KV_ADD)
        return entry_number(entry, &number);
    if (op->verb == KV_CHECK) {
        op->missing |= entry->state == ENTRY_ABSENT;
        return true;
    }
    if (entry->state == ENTRY_EXISTS && !entry->queue)
        return false; /* its value is asked for */
    entry->readers |= reader_bit(op->client);
    return take_value(proxy, waiter);
}

static void answer_pmi(struct buf *out, const struct op *op, bool there, struct str value)
{
    if (op->verb == KV_BARRIER)
        pmi_say_barrier(out);
    else
        pmi_say_get(out, there, value);
}

static void finish(struct proxy *proxy, struct op *op)
{
    struct proxy_client *client = op->client;
    struct buf answer = {0};
    int64_t number = 0;

    if (client->pmi) {
        const struct entry *entry = op->waiters[0].entry;

        answer_pmi(&answer, op, entry->state == ENTRY_VALUE,
                   (struct str){entry->value, entry->len});
    } else if (op->verb == KV_WAIT || op->verb == KV_BARRIER) {
        tcpstore_answer_wait(&answer);
    } else if (op->verb == KV_CHECK) {
        tcpstore_answer_check(&answer, !op->missing);
    } else if (op->verb == KV_ADD) {
        (void)entry_number(op->waiters[0].entry, &number);
        tcpstore_answer_number(&answer, number);
    } else if (op->count == 1) {
        const struct entry *entry = op->waiters[0].entry;

        tcpstore_answer_value(&answer, (struct str){entry->value, entry->len});
    } else {
        for (uint32_t i = 0; i < op->count; i++)
            tcpstore_answer_value(&answer, (struct str){op->waiters[i].value, op->waiters[i].len});
    }
    client_reply(client, &answer);
    buf_done(&answer);
    client_done(client, op);
    op_free(proxy, op);
}

/* Ask above, or join in what has been asked. */
static void ask(struct proxy *proxy, struct waiter *waiter)
{
    struct entry *entry = waiter->entry;
    enum kv_verb verb = waiter->op->verb;
    bool poll = verb == KV_ADD || verb == KV_BARRIER;
    uint64_t asked = poll ? entry->poll : entry->read;

    if (verb != KV_WAIT && asked > proxy->processed && asked > entry->wrote) {
        waiter->need = asked;
        return;
    }
    waiter->need = NOT_SENT;
    if (poll)
        entry->ask_poll = true;
    else
        entry->ask_read = true;
    entry->ask_whole |= verb == KV_GET || verb == KV_MULTI_GET;
    entry->ask_waits += verb == KV_WAIT;
    up_ask(proxy, entry);
}

static void start_waiter(struct proxy *proxy, struct op *op, struct waiter *waiter)
{
    waiter->op = op;
    if (may_know(proxy, waiter->entry, op->client, op->verb)) {
        waiter->entry->idle = 0;
        if (is_content(proxy, waiter, true)) {
            waiter->done = true;
            op->left--;
            return;
        }
        waiter->settled = false;
        if (op->verb == KV_BARRIER) { /* each new value will come */
            waiter_link(waiter);
            return;
        }
    }
    waiter_link(waiter);
    ask(proxy, waiter);
}

bool wait_for_keys(struct proxy *proxy, struct proxy_client *client, enum kv_verb verb,
                   const struct str *keys, uint32_t count)
{
    struct op *op = op_new(client, verb, count);

    if (!op)
        return false;
    *(verb == KV_WAIT ? &client->wait : &client->op) = op;
    client->wait_since_ms = proxy->now_ms;
    for (uint32_t i = 0; i < count; i++) {
        struct entry *entry = entry_need(proxy, keys[i]);

        if (!entry)
            return false;
        op->waiters[i].entry = entry;
        start_waiter(proxy, op, &op->waiters[i]);
    }
    if (!op->left)
        finish(proxy, op);
    return true;
}

static void waiter_done(struct proxy *proxy, struct waiter *waiter)
{
    waiter_unlink(waiter);
    waiter->done = true;
    if (--waiter->op->left == 0)
        finish(proxy, waiter->op);
}

/* What was learnt did not do: a counter that is no longer pushed, a value that was not sent. */
static bool must_ask_again(const struct proxy *proxy, const struct waiter *waiter)
{
    const struct entry *entry = waiter->entry;
    enum kv_verb verb = waiter->op->verb;

    if (waiter->need > proxy->processed || verb == KV_WAIT || verb == KV_CHECK)
        return false;
    if (verb == KV_BARRIER)
        return !entry->polled;
    return verb == KV_ADD || entry->state == ENTRY_EXISTS;
}

void wait_resolve(struct proxy *proxy, struct entry *entry)
{
    struct waiter *next;

    for (struct waiter *waiter = entry->first; waiter; waiter = next) {
        next = waiter->next;
        if (is_content(proxy, waiter, waiter->need <= proxy->processed))
            waiter_done(proxy, waiter);
        else if (must_ask_again(proxy, waiter))
            ask(proxy, waiter);
    }
}

/* One client that waits for a queue may go on: the one that has waited longest. */
void wait_wake(struct proxy *proxy, struct entry *entry)
{
    for (struct waiter *waiter = entry->first; waiter; waiter = waiter->next)
        if (waiter->op->verb == KV_WAIT && waiter->need != NOT_SENT) {
            waiter_done(proxy, waiter);
            return;
        }
}

static void finish_number(struct proxy *proxy, struct op *op, int64_t number)
{
    struct buf answer = {0};

    if (op->client->pmi)
        answer_pmi(&answer, op, true, (struct str){0});
    else if (op->verb == KV_BARRIER)
        tcpstore_answer_wait(&answer);
    else
        tcpstore_answer_number(&answer, number);
    client_reply(op->client, &answer);
    buf_done(&answer);
    client_done(op->client, op);
    op_free(proxy, op);
}

void wait_number(struct proxy *proxy, struct op *op, struct entry *entry, int64_t number)
{
    if (!op->client) {
        op_free(proxy, op);
    } else if (op->verb != KV_BARRIER || number >= op->target) {
        finish_number(proxy, op, number);
    } else {
        op->waiters[0].entry = entry;
        start_waiter(proxy, op, &op->waiters[0]);
        if (!op->left)
            finish(proxy, op);
    }
}
