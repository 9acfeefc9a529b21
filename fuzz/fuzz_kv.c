/* Any bytes as a node's batch, as a message to a proxy, and as a journal. What was refused has
 * changed nothing; a journal that was read up to `good` reads the same when it is cut there; and
 * what a store has written reads back as that store. */
#include "rendezvous/kv.h"
#include "rendezvous/proxy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NODES     3
#define BYTES_MAX ((size_t)1 << 20)

static void on_journal(void *data, struct str bytes)
{
    buf_add(data, bytes.p, bytes.len);
}

static void on_send(void *data, uint32_t node, struct str bytes)
{
    (void)data;
    if (node >= NODES || !bytes.len)
        abort();
}

static void on_reply(void *data, void *client_data, struct str bytes)
{
    (void)data, (void)client_data, (void)bytes;
}

static void on_hang_up(void *data, void *client_data, const char *why)
{
    (void)data, (void)client_data, (void)why;
}

static void on_up(void *data, struct str bytes)
{
    (void)data, (void)bytes;
}

static struct kv *must_new(void)
{
    struct kv *kv = kv_new(NODES, BYTES_MAX);

    if (!kv)
        abort();
    return kv;
}

static void must_be_same(const struct kv *a, const struct kv *b)
{
    struct kv_wait waits_a[4], waits_b[4];

    if (kv_key_count(a) != kv_key_count(b) || kv_bytes(a) != kv_bytes(b) ||
        kv_waits(a, waits_a, 4) != kv_waits(b, waits_b, 4))
        abort();
}

/* The first byte cuts the rest into batches of several nodes; the owner acts in between. */
static void batches(struct str bytes)
{
    struct buf journal = {0};
    struct kv_out out = {&journal, on_journal, on_send};
    struct kv *kv = must_new(), *again = must_new();
    struct err err = {0};
    size_t good = 0;

    for (int64_t now = 1; bytes.len; now++) {
        size_t len = 1 + (unsigned char)bytes.p[0] % 64;
        uint32_t node = (unsigned char)bytes.p[0] / 64; /* 3 is none */
        struct str batch = {bytes.p + 1, bytes.len - 1 < len ? bytes.len - 1 : len};
        size_t keys = kv_key_count(kv);

        if (kv_take(kv, node, 1 + node, batch, now, &out, &err) < 0 &&
            (!err.text[0] || kv_key_count(kv) != keys))
            abort();
        if (now % 4 == 0)
            (void)kv_set(kv, batch, batch, now, &out);
        else if (now % 4 == 1)
            (void)kv_delete(kv, batch, now, &out);
        (void)kv_tick(kv, now * 3, &out);
        bytes = str_skip(bytes, 1 + batch.len);
    }
    if (journal.len && (kv_replay(again, (struct str){journal.p, journal.len}, &good, &err) < 0 ||
                        good != journal.len))
        abort();
    must_be_same(kv, again);
    kv_free(kv);
    kv_free(again);
    buf_done(&journal);
}

static void journal(struct str bytes)
{
    struct kv *kv = must_new(), *again = must_new();
    struct err err = {0};
    size_t good, good_again;
    int r = kv_replay(kv, bytes, &good, &err);

    if (good > bytes.len || (r < 0 && !err.text[0]))
        abort();
    if (r == 0) {
        bytes.len = good;
        if (kv_replay(again, bytes, &good_again, &err) < 0 || good_again != good)
            abort();
        must_be_same(kv, again);
    }
    kv_free(kv);
    kv_free(again);
}

/* To a proxy with a few clients that wait for various things. */
static void message(struct str bytes)
{
    static const char asked[] = "\0\xce\xf7\x85\x3c"
                                "\x06\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0k" /* WAIT k */
                                "\x04\x01\0\0\0\0\0\0\0k\0\0\0\0\0\0\0\0";  /* ADD k 0 */
    static const char popped[] = "\0\xce\xf7\x85\x3c"
                                 "\x0f\x01\0\0\0\0\0\0\0k"; /* QUEUE_POP k */
    static const struct proxy_limits limits = {4, 0, 2};
    struct proxy_out out = {NULL, on_reply, on_hang_up, on_up};
    struct proxy *proxy = proxy_new(1, &limits, &out);
    struct proxy_client *a = proxy ? proxy_client_new(proxy, NULL) : NULL;
    struct proxy_client *b = proxy ? proxy_client_new(proxy, NULL) : NULL;
    struct err err = {0};

    if (!a || !b)
        abort();
    proxy_take(proxy, a, (struct str){asked, sizeof(asked) - 1});
    proxy_take(proxy, b, (struct str){popped, sizeof(popped) - 1});
    proxy_flush(proxy);
    if (proxy_answer(proxy, bytes, &err) < 0 && !err.text[0])
        abort();
    proxy_flush(proxy);
    proxy_link_up(proxy);
    proxy_free(proxy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};

    if (!size)
        return 0;
    bytes = str_skip(bytes, 1);
    if (data[0] % 3 == 0)
        batches(bytes);
    else if (data[0] % 3 == 1)
        journal(bytes);
    else
        message(bytes);
    return 0;
}
