/* A rendezvous store that takes everything and journals what it took. */
#include "rendezvous/kv.h"

#include <errno.h>

static struct kv_wait fake_wait;
static size_t fake_waits;

struct kv *kv_new(uint32_t nodes, size_t bytes_max)
{
    (void)nodes;
    (void)bytes_max;
    return calloc(1, 1);
}

void kv_free(struct kv *kv)
{
    free(kv);
}

int kv_take(struct kv *kv, uint32_t node, uint64_t incarnation, struct str bytes, int64_t now_ms,
            const struct kv_out *out, struct err *err)
{
    (void)kv;
    (void)incarnation;
    (void)now_ms;
    if (str_is(bytes, "garbage"))
        return err_set(err, -EPROTO, "garbage from node %u", node);
    out->journal(out->data, bytes);
    out->send(out->data, node, bytes);
    return 0;
}

int kv_set(struct kv *kv, struct str key, struct str value, int64_t now_ms,
           const struct kv_out *out)
{
    (void)kv;
    (void)value;
    (void)now_ms;
    out->journal(out->data, key);
    return 0;
}

int kv_delete(struct kv *kv, struct str key, int64_t now_ms, const struct kv_out *out)
{
    return kv_set(kv, key, key, now_ms, out);
}

int64_t kv_tick(struct kv *kv, int64_t now_ms, const struct kv_out *out)
{
    (void)kv;
    (void)now_ms;
    (void)out;
    return -1;
}

void kv_node_up(struct kv *kv, uint32_t node, const struct kv_out *out)
{
    (void)kv;
    out->send(out->data, node, STR("again"));
}

int kv_replay(struct kv *kv, struct str journal, size_t *good, struct err *err)
{
    (void)kv;
    (void)err;
    *good = journal.len;
    return 0;
}

size_t kv_waits(const struct kv *kv, struct kv_wait *waits, size_t max)
{
    (void)kv;
    if (fake_waits && max)
        waits[0] = fake_wait;
    return fake_waits;
}
