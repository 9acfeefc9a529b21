/* The journal: everything that came in, in order. The store is a function of that, so reading it
 * back gives the same keys, the same answers and the same numbers of messages.
 *
 * A head of 16 bytes, then records: u32 length, u32 checksum, then that many bytes: kind, node,
 * incarnation, time and the batch; of what the owner did: kind, time and the item. */
#include "base/hash.h"
#include "rendezvous/kv_parts.h"

#include <errno.h>

#define HEAD         "firstlight kv 1\n"
#define HEAD_BYTES   (sizeof(HEAD) - 1)
#define RECORD_BYTES 8 /* length and checksum */
#define RECORD_MAX   (64u << 20)

enum { RECORD_BATCH = 1, RECORD_TICK, RECORD_OWN };

static void write_record(struct kv *kv, const struct buf *body)
{
    uint32_t head[2] = {(uint32_t)body->len, (uint32_t)hash64(body->p, body->len)};
    struct buf record = {0};

    if (!kv->journaled)
        buf_add(&record, HEAD, HEAD_BYTES);
    kv->journaled = true;
    buf_add(&record, (const char *)head, sizeof(head));
    buf_add(&record, body->p, body->len);
    if (record.failed || body->failed)
        kv->failed = true;
    else
        kv->out->journal(kv->out->data, (struct str){record.p, record.len});
    buf_done(&record);
}

void journal_batch(struct kv *kv, uint32_t node, uint64_t incarnation, struct str bytes)
{
    struct buf body = {0};

    if (!kv->out || !kv->out->journal)
        return;
    buf_add(&body, &(char){RECORD_BATCH}, 1);
    batch_put_number(&body, node);
    batch_put_number(&body, incarnation);
    batch_put_number(&body, (uint64_t)kv->now_ms);
    buf_add(&body, bytes.p, bytes.len);
    write_record(kv, &body);
    buf_done(&body);
}

void journal_tick(struct kv *kv)
{
    struct buf body = {0};

    if (!kv->out || !kv->out->journal)
        return;
    buf_add(&body, &(char){RECORD_TICK}, 1);
    batch_put_number(&body, (uint64_t)kv->now_ms);
    write_record(kv, &body);
    buf_done(&body);
}

void journal_own(struct kv *kv, const struct item *item)
{
    struct buf body = {0};

    if (!kv->out || !kv->out->journal)
        return;
    buf_add(&body, &(char){RECORD_OWN}, 1);
    batch_put_number(&body, (uint64_t)kv->now_ms);
    batch_put(&body, item);
    write_record(kv, &body);
    buf_done(&body);
}

/* It may have found the store full then; so it does now. */
static int replay_own(struct kv *kv, struct str body, struct err *err)
{
    struct item item;
    uint64_t now_ms;
    int r;

    if (!batch_take_number(&body, &now_ms) || batch_take(&body, true, &item) <= 0 || body.len ||
        (item.kind != UP_SET && item.kind != UP_DELETE))
        return err_set(err, -EPROTO, "a record of the owner that no store has written");
    r = kv_own(kv, &item, (int64_t)now_ms, NULL);
    return r == -ENOMEM ? err_set(err, r, "no memory for the store") : 0;
}

static int replay_record(struct kv *kv, struct str body, struct err *err)
{
    uint64_t node, incarnation, now_ms;
    char kind = body.len ? body.p[0] : 0;

    body = str_skip(body, 1);
    if (kind == RECORD_TICK && batch_take_number(&body, &now_ms) && !body.len) {
        (void)kv_tick(kv, (int64_t)now_ms, NULL);
        return 0;
    }
    if (kind == RECORD_OWN)
        return replay_own(kv, body, err);
    if (kind == RECORD_BATCH && batch_take_number(&body, &node) && node < kv->nodes &&
        batch_take_number(&body, &incarnation) && batch_take_number(&body, &now_ms))
        return kv_take(kv, (uint32_t)node, incarnation, body, (int64_t)now_ms, NULL, err);
    return err_set(err, -EPROTO, "a record that no store of %u nodes has written", kv->nodes);
}

int kv_replay(struct kv *kv, struct str journal, size_t *good, struct err *err)
{
    size_t at = HEAD_BYTES;

    *good = 0;
    if (memcmp(journal.p ? journal.p : "", HEAD,
               journal.len < HEAD_BYTES ? journal.len : HEAD_BYTES) != 0)
        return err_set(err, -EPROTO, "not a journal of a rendezvous store");
    if (journal.len < HEAD_BYTES)
        return 0;
    kv->journaled = true;
    *good = HEAD_BYTES;
    while (journal.len - at >= RECORD_BYTES) {
        uint32_t head[2];
        struct str body;
        int r;

        memcpy(head, journal.p + at, sizeof(head));
        if (head[0] > RECORD_MAX || head[0] > journal.len - at - RECORD_BYTES)
            break;
        body = (struct str){journal.p + at + RECORD_BYTES, head[0]};
        if ((uint32_t)hash64(body.p, body.len) != head[1])
            break;
        r = replay_record(kv, body, err);
        if (r < 0)
            return err_wrap(err, r, "journal of the store, byte %zu", at);
        at += RECORD_BYTES + head[0];
        *good = at;
    }
    return 0;
}
