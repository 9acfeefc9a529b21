/* What comes from above: the states of keys, and answers to the clients that asked. */
#include "rendezvous/proxy_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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
        up_unpoll_idle(proxy, entry);
        break;
    case DOWN_EXISTS:
        entry_learn(proxy, entry, ENTRY_EXISTS, (struct str){0}, item->amount);
        break;
    case DOWN_DROP: /* but who waited for this message may still have it */
        entry_touch(proxy, entry);
        entry->kept = entry->polled = false;
        break;
    default:
        wait_wake(proxy, entry);
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
        wait_number(proxy, op, entry, (int64_t)sum);
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

        wait_resolve(proxy, entry);
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
    clients_run(proxy);
    return proxy->failed ? err_set(err, -ENOMEM, "no memory for the store's clients") : 0;
}
