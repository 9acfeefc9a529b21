/* Any bytes as a TCPStore connection: cut anywhere, the requests are the same; and as a proxy's
 * client. */
#include "rendezvous/proxy.h"
#include "rendezvous/tcpstore.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A text that stands for all requests that were read, and how it ended. */
static void flatten(struct str bytes, size_t piece, struct buf *out)
{
    struct tcpstore conn = {0};
    struct kv_request request;
    struct err err = {0};
    int r = 0;

    while (r >= 0 && bytes.len) {
        size_t len = bytes.len < piece ? bytes.len : piece;

        if (tcpstore_feed(&conn, (struct str){bytes.p, len}) < 0)
            abort();
        bytes = str_skip(bytes, len);
        while ((r = tcpstore_next(&conn, &request, &err)) > 0) {
            buf_printf(out, "%d %u %lld", request.verb, request.key_count,
                       (long long)request.amount);
            for (uint32_t i = 0; i < request.key_count; i++)
                buf_add(out, request.keys[i].p, request.keys[i].len);
            if (request.verb == KV_SET || request.verb == KV_COMPARE_SET)
                buf_add(out, request.values[0].p, request.values[0].len);
        }
    }
    buf_printf(out, "end %d", r);
    if (r < 0 && !err.text[0])
        abort();
    tcpstore_done(&conn);
}

static void on_reply(void *data, void *client_data, struct str bytes)
{
    (void)data, (void)client_data, (void)bytes;
}

static void on_hang_up(void *data, void *client_data, const char *why)
{
    (void)client_data;
    if (!why[0])
        abort();
    *(bool *)data = true;
}

static void on_up(void *data, struct str bytes)
{
    (void)data, (void)bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct proxy_limits limits = {4, 0, 2};
    struct str bytes = {(const char *)data, size};
    struct buf whole = {0}, cut = {0};
    bool hung_up = false;
    struct proxy_out out = {&hung_up, on_reply, on_hang_up, on_up};
    struct proxy *proxy = proxy_new(1, &limits, &out);
    struct proxy_client *client = proxy ? proxy_client_new(proxy, NULL) : NULL;

    if (!client)
        abort();
    flatten(bytes, size ? size : 1, &whole);
    flatten(bytes, 1 + (size ? data[0] % 7 : 0), &cut);
    if (!str_eq((struct str){whole.p, whole.len}, (struct str){cut.p, cut.len}))
        abort();
    proxy_take(proxy, client, bytes);
    proxy_flush(proxy);
    if (!hung_up)
        proxy_client_gone(proxy, client);
    proxy_free(proxy);
    buf_done(&whole);
    buf_done(&cut);
    return 0;
}
