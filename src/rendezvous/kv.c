#include "rendezvous/kv.h"

#include "rendezvous/kv_parts.h"

#include <errno.h>
#include <stdlib.h>

struct kv *kv_new(uint32_t nodes, size_t bytes_max)
{
    struct kv *kv = calloc(1, sizeof(*kv));

    if (!kv)
        return NULL;
    kv->nodes = nodes;
    kv->bytes_max = bytes_max;
    kv->sessions = calloc(nodes ? nodes : 1, sizeof(*kv->sessions));
    if (!kv->sessions) {
        free(kv);
        return NULL;
    }
    return kv;
}

void kv_free(struct kv *kv)
{
    if (!kv)
        return;
    for (size_t slot = 0; slot < kv->keys.space; slot++)
        if (kv->keys.slots[slot])
            key_free((struct kv_key *)kv->keys.slots[slot]);
    for (uint32_t node = 0; node < kv->nodes; node++)
        session_done(&kv->sessions[node]);
    table_done(&kv->keys);
    vec_done(&kv->touched);
    vec_done(&kv->dirty);
    free(kv->sessions);
    free(kv);
}

/* Is every byte of it as it should be? Nothing is changed. */
static int check_batch(const struct kv *kv, uint32_t node, uint64_t incarnation, struct str rest,
                       struct up_head *head, struct err *err)
{
    const struct session *session = &kv->sessions[node];
    uint64_t last = session->incarnation == incarnation ? session->last : 0;
    uint64_t sent = session->incarnation == incarnation ? session->number : 0;
    struct item item;
    int r;

    if (batch_take_up(&rest, head) < 0)
        return err_set(err, -EPROTO, "store: node %u sent a batch without a head", node);
    if (head->ack > sent)
        return err_set(err, -EPROTO,
                       "store: node %u acknowledges message %llu of %llu, it is not of this store",
                       node, (unsigned long long)head->ack, (unsigned long long)sent);
    if (head->first > last + 1 || (head->first == 0 && rest.len))
        return err_set(err, -EPROTO, "store: node %u sent request %llu after %llu", node,
                       (unsigned long long)head->first, (unsigned long long)last);
    do {
        r = batch_take(&rest, true, &item);
        if (r > 0 && (item.kind == UP_READ || item.kind == UP_UNWAIT) &&
            (item.amount < 0 || item.amount > UINT32_MAX))
            r = -EPROTO;
    } while (r > 0);
    if (r < 0)
        return err_set(err, -EPROTO, "store: node %u sent a request that can't be read", node);
    return 0;
}

static void apply(struct kv *kv, uint32_t node, uint64_t incarnation, struct str rest)
{
    struct session *session = &kv->sessions[node];
    struct up_head head;
    struct item item;

    if (session->incarnation != incarnation) {
        if (session->incarnation)
            key_forget_node(kv, node);
        session_reset(kv, node, incarnation);
    }
    (void)batch_take_up(&rest, &head);
    session_acknowledge(session, head.ack);
    for (uint64_t number = head.first; batch_take(&rest, true, &item) > 0; number++) {
        if (number <= session->last)
            continue; /* it comes a second time, after a reconnect */
        session_touch(kv, node);
        session->last = number;
        request_do(kv, node, number, &item);
    }
    session_flush_all(kv);
}

int kv_take(struct kv *kv, uint32_t node, uint64_t incarnation, struct str bytes, int64_t now_ms,
            const struct kv_out *out, struct err *err)
{
    struct up_head head;
    int r;

    if (node >= kv->nodes)
        return err_set(err, -EPROTO, "store: there is no node %u, there are %u", node, kv->nodes);
    if (!incarnation)
        return err_set(err, -EPROTO, "store: node %u has no incarnation", node);
    r = check_batch(kv, node, incarnation, bytes, &head, err);
    if (r < 0)
        return r;
    if (kv->failed)
        return err_set(err, -ENOMEM, "no memory for the store");
    kv->out = out;
    kv->now_ms = now_ms;
    journal_batch(kv, node, incarnation, bytes);
    apply(kv, node, incarnation, bytes);
    kv->out = NULL;
    return kv->failed ? err_set(err, -ENOMEM, "no memory for the store") : 0;
}

static int apply_own(struct kv *kv, const struct item *item)
{
    struct kv_key *key = item->kind == UP_SET ? key_need(kv, item->key) : key_find(kv, item->key);
    bool full = false;

    if (item->kind == UP_SET)
        full = !key || !key_put(kv, key, item->value);
    else if (key)
        (void)key_delete(kv, key);
    if (key)
        key_tidy(kv, key);
    session_flush_all(kv);
    return kv->failed ? -ENOMEM : full ? -ENOSPC : 0;
}

/* UP_SET or UP_DELETE of the store's owner; see kv_set. */
static int take_own(struct kv *kv, const struct item *item, int64_t now_ms,
                    const struct kv_out *out)
{
    int r;

    if (item->key.len > KV_KEY_BYTES_MAX || item->value.len > KV_VALUE_BYTES_MAX)
        return -EMSGSIZE;
    if (kv->failed)
        return -ENOMEM;
    kv->out = out;
    kv->now_ms = now_ms;
    journal_own(kv, item);
    r = apply_own(kv, item);
    kv->out = NULL;
    return r;
}

int kv_set(struct kv *kv, struct str key, struct str value, int64_t now_ms,
           const struct kv_out *out)
{
    const struct item item = {.kind = UP_SET, .key = key, .value = value};

    return take_own(kv, &item, now_ms, out);
}

int kv_delete(struct kv *kv, struct str key, int64_t now_ms, const struct kv_out *out)
{
    const struct item item = {.kind = UP_DELETE, .key = key};

    return take_own(kv, &item, now_ms, out);
}

/* A counter that still moves is told rarely when many listen: a push costs a message each. */
static int64_t due_ms(const struct kv_key *key)
{
    int64_t rested = key->changed_ms + KV_PUSH_MS;
    int64_t at_last = key->pushed_ms + KV_PUSH_MS + (int64_t)(key->pollers.count / 50);
    int64_t soonest = key->pushed_ms + KV_PUSH_MS;
    int64_t due = rested < at_last ? rested : at_last;

    return due > soonest ? due : soonest;
}

static bool anything_due(const struct kv *kv, int64_t now_ms)
{
    for (size_t i = 0; i < kv->dirty.count; i++)
        if (due_ms(kv->dirty.items[i]) <= now_ms)
            return true;
    return false;
}

static void push(struct kv *kv, struct kv_key *key)
{
    for (size_t i = 0; i < key->pollers.count; i++) {
        uint32_t node = key->pollers.items[i];
        struct session *session = &kv->sessions[node];

        for (uint32_t p = 0; p < session->poll_count; p++)
            if (session->polls[p].key == key && session->polls[p].version != key->version)
                session_flush(kv, node);
    }
    key->pushed_ms = kv->now_ms;
    key->dirty = false;
}

int64_t kv_tick(struct kv *kv, int64_t now_ms, const struct kv_out *out)
{
    int64_t next = -1;
    size_t kept = 0;

    if (anything_due(kv, now_ms)) {
        kv->out = out;
        kv->now_ms = now_ms;
        journal_tick(kv);
        for (size_t i = 0; i < kv->dirty.count; i++) {
            struct kv_key *key = kv->dirty.items[i];

            if (due_ms(key) > now_ms) {
                kv->dirty.items[kept++] = key;
                continue;
            }
            push(kv, key);
            key_tidy(kv, key);
        }
        kv->dirty.count = kept;
        kv->out = NULL;
    }
    for (size_t i = 0; i < kv->dirty.count; i++) {
        int64_t due = due_ms(kv->dirty.items[i]);

        if (next < 0 || due < next)
            next = due;
    }
    return next;
}

static int replay(struct kv *kv, const struct journal_record *record, struct err *err)
{
    switch (record->kind) {
    case RECORD_BATCH:
        return kv_take(kv, record->node, record->incarnation, record->batch, record->now_ms, NULL,
                       err);
    case RECORD_TICK:
        (void)kv_tick(kv, record->now_ms, NULL);
        return 0;
    case RECORD_OWN: /* it may have found the store full then; so it does now */
        return take_own(kv, &record->item, record->now_ms, NULL) == -ENOMEM
                   ? err_set(err, -ENOMEM, "no memory for the store")
                   : 0;
    }
    return 0;
}

int kv_replay(struct kv *kv, struct str journal, size_t *good, struct err *err)
{
    struct str rest = journal;
    struct journal_record record;
    int r = journal_take_head(&rest, err);

    *good = 0;
    if (r <= 0)
        return r;
    kv->journaled = true;
    *good = journal.len - rest.len;
    while ((r = journal_next(&rest, &record, err)) > 0) {
        r = replay(kv, &record, err);
        if (r < 0)
            break;
        *good = journal.len - rest.len;
    }
    return r < 0 ? err_wrap(err, r, "journal of the store, byte %zu", *good) : 0;
}

void kv_node_up(struct kv *kv, uint32_t node, const struct kv_out *out)
{
    if (node >= kv->nodes)
        return;
    for (const struct sent *sent = kv->sessions[node].first; sent; sent = sent->next)
        out->send(out->data, node, (struct str){sent->bytes, sent->len});
}

static bool is_before(const struct kv_wait *a, const struct kv_wait *b)
{
    return a->nodes != b->nodes ? a->nodes > b->nodes : a->since_ms < b->since_ms;
}

size_t kv_waits(const struct kv *kv, struct kv_wait *waits, size_t max)
{
    size_t count = 0;

    for (size_t slot = 0; slot < kv->keys.space; slot++) {
        const struct kv_key *key = (const struct kv_key *)kv->keys.slots[slot];
        struct kv_wait wait = {.first_node = UINT32_MAX};
        size_t at;

        if (!key || key->exists)
            continue;
        for (size_t i = 0; i < key->holders.count; i++) {
            if (!key->holders.items[i].waits)
                continue;
            wait.nodes++;
            if (key->holders.items[i].node < wait.first_node)
                wait.first_node = key->holders.items[i].node;
        }
        if (!wait.nodes)
            continue;
        wait.key = key->named.name;
        wait.since_ms = key->waits_since_ms;
        for (at = count; at > 0 && is_before(&wait, &waits[at - 1]); at--)
            if (at < max)
                waits[at] = waits[at - 1];
        if (at < max)
            waits[at] = wait;
        if (count < max)
            count++;
    }
    return count;
}

size_t kv_key_count(const struct kv *kv)
{
    return kv->key_count;
}

size_t kv_bytes(const struct kv *kv)
{
    return kv->bytes;
}

bool kv_peek(const struct kv *kv, struct str key, struct str *value)
{
    const struct kv_key *found = table_get(&kv->keys, key);

    if (!found || !found->exists)
        return false;
    *value = (struct str){found->value, found->len};
    return true;
}
