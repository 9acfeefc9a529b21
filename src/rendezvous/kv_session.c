/* What goes to each node: items gathered into numbered messages, kept until acknowledged. */
#include "rendezvous/kv_parts.h"

#include <stdlib.h>

#define MESSAGE_BYTES_MAX (4u << 20) /* soft: one item more may be in it */

void session_touch(struct kv *kv, uint32_t node)
{
    struct session *session = &kv->sessions[node];
    uint32_t *slot;

    if (session->touched)
        return;
    slot = vec_push(&kv->touched);
    if (!slot) {
        kv->failed = true;
        return;
    }
    *slot = node;
    session->touched = true;
}

void session_put(struct kv *kv, uint32_t node, const struct item *item)
{
    struct session *session = &kv->sessions[node];

    session_touch(kv, node);
    batch_put(&session->items, item);
    if (session->items.len > MESSAGE_BYTES_MAX)
        session_flush(kv, node);
}

/* Counters that the node polls go first, so that nothing it learns is newer than they are. */
static void put_polls(struct session *session, struct buf *out)
{
    for (uint32_t i = 0; i < session->poll_count; i++) {
        struct kv_key *key = session->polls[i].key;

        if (session->polls[i].version == key->version)
            continue;
        session->polls[i].version = key->version;
        batch_put(out, &(struct item){.kind = DOWN_VALUE,
                                      .key = key->named.name,
                                      .value = {key->value, key->len},
                                      .amount = KEEP_POLL});
    }
}

static void keep(struct kv *kv, struct session *session, const struct buf *message)
{
    struct sent *sent = malloc(sizeof(*sent) + message->len);

    if (!sent || message->failed) {
        free(sent);
        kv->failed = true;
        return;
    }
    sent->next = NULL;
    sent->number = session->number;
    sent->len = message->len;
    memcpy(sent->bytes, message->p, message->len);
    if (session->last_sent)
        session->last_sent->next = sent;
    else
        session->first = sent;
    session->last_sent = sent;
}

void session_flush(struct kv *kv, uint32_t node)
{
    struct session *session = &kv->sessions[node];
    struct buf message = {0};

    if (session->items.failed)
        kv->failed = true;
    session->number++;
    session->told = session->last;
    session->owes_poll = false;
    batch_put_down(&message,
                   &(struct down_head){session->incarnation, session->number, session->last});
    put_polls(session, &message);
    buf_add(&message, session->items.p, session->items.len);
    buf_clear(&session->items);
    keep(kv, session, &message);
    if (!kv->failed && kv->out)
        kv->out->send(kv->out->data, node, (struct str){message.p, message.len});
    buf_done(&message);
}

void session_flush_all(struct kv *kv)
{
    for (size_t i = 0; i < kv->touched.count; i++) {
        struct session *session = &kv->sessions[kv->touched.items[i]];

        session->touched = false;
        if (session->items.len || session->told != session->last || session->owes_poll)
            session_flush(kv, kv->touched.items[i]);
    }
    kv->touched.count = 0;
}

void session_acknowledge(struct session *session, uint64_t number)
{
    while (session->first && session->first->number <= number) {
        struct sent *sent = session->first;

        session->first = sent->next;
        free(sent);
    }
    if (!session->first)
        session->last_sent = NULL;
}

void session_done(struct session *session)
{
    session_acknowledge(session, UINT64_MAX);
    buf_done(&session->items);
}

void session_reset(struct kv *kv, uint32_t node, uint64_t incarnation)
{
    struct session *session = &kv->sessions[node];
    bool touched = session->touched;

    session_done(session);
    *session = (struct session){.incarnation = incarnation, .touched = touched};
}

bool session_polls(const struct session *session, const struct kv_key *key)
{
    for (uint32_t i = 0; i < session->poll_count; i++)
        if (session->polls[i].key == key)
            return true;
    return false;
}

static bool forget_poll(struct session *session, const struct kv_key *key)
{
    for (uint32_t i = 0; i < session->poll_count; i++) {
        if (session->polls[i].key != key)
            continue;
        session->poll_count--;
        memmove(&session->polls[i], &session->polls[i + 1],
                (session->poll_count - i) * sizeof(session->polls[0]));
        return true;
    }
    return false;
}

static void forget_poller(struct kv_key *key, uint32_t node)
{
    for (size_t i = 0; i < key->pollers.count; i++)
        if (key->pollers.items[i] == node) {
            key->pollers.items[i] = key->pollers.items[--key->pollers.count];
            return;
        }
}

void session_unpoll(struct kv *kv, uint32_t node, struct kv_key *key)
{
    if (forget_poll(&kv->sessions[node], key))
        forget_poller(key, node);
}

void session_unpoll_all(struct kv *kv, struct kv_key *key)
{
    for (size_t i = 0; i < key->pollers.count; i++) {
        (void)forget_poll(&kv->sessions[key->pollers.items[i]], key);
        session_put(kv, key->pollers.items[i],
                    &(struct item){.kind = DOWN_DROP, .key = key->named.name});
    }
    vec_done(&key->pollers);
}

void session_poll(struct kv *kv, uint32_t node, struct kv_key *key)
{
    struct session *session = &kv->sessions[node];

    if (!forget_poll(session, key)) {
        uint32_t *poller = vec_push(&key->pollers);

        if (!poller) {
            kv->failed = true;
            return;
        }
        *poller = node;
    }
    session->polls[session->poll_count].key = key;
    session->polls[session->poll_count++].version = 0; /* none yet */
    session->owes_poll = true;
    session_touch(kv, node);
}
