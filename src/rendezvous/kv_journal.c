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

int journal_take_head(struct str *rest, struct err *err)
{
    size_t len = rest->len < HEAD_BYTES ? rest->len : HEAD_BYTES;

    if (len && memcmp(rest->p, HEAD, len) != 0)
        return err_set(err, -EPROTO, "not a journal of a rendezvous store");
    *rest = str_skip(*rest, len);
    return len == HEAD_BYTES;
}

static bool take_body(struct str body, struct journal_record *out)
{
    uint64_t node = 0, now_ms;

    *out = (struct journal_record){.kind = body.len ? (enum journal_kind)body.p[0] : 0};
    body = str_skip(body, 1);
    if (out->kind == RECORD_BATCH &&
        (!batch_take_number(&body, &node) || !batch_take_number(&body, &out->incarnation)))
        return false;
    if (!batch_take_number(&body, &now_ms) || node > UINT32_MAX)
        return false;
    out->node = (uint32_t)node;
    out->now_ms = (int64_t)now_ms;
    switch (out->kind) {
    case RECORD_BATCH:
        out->batch = body;
        return true;
    case RECORD_TICK:
        return !body.len;
    case RECORD_OWN:
        return batch_take(&body, true, &out->item) > 0 && !body.len &&
               (out->item.kind == UP_SET || out->item.kind == UP_DELETE);
    }
    return false;
}

int journal_next(struct str *rest, struct journal_record *out, struct err *err)
{
    uint32_t head[2];
    struct str body;

    if (rest->len < RECORD_BYTES)
        return 0;
    memcpy(head, rest->p, sizeof(head));
    if (head[0] > RECORD_MAX || head[0] > rest->len - RECORD_BYTES)
        return 0;
    body = (struct str){rest->p + RECORD_BYTES, head[0]};
    if ((uint32_t)hash64(body.p, body.len) != head[1])
        return 0;
    if (!take_body(body, out))
        return err_set(err, -EPROTO, "a record that no store has written");
    *rest = str_skip(*rest, RECORD_BYTES + head[0]);
    return 1;
}
