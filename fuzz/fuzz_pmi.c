/* Any bytes as the lines of a PMI-1 client: cut anywhere, the commands are the same; and at a
 * proxy. */
#include "rendezvous/pmi.h"
#include "rendezvous/proxy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void flatten(struct str bytes, size_t piece, struct buf *out)
{
    struct pmi *pmi = pmi_new(0);
    struct pmi_command command;
    struct err err = {0};
    int r = 0;

    if (!pmi)
        abort();
    while (r >= 0 && bytes.len) {
        size_t len = bytes.len < piece ? bytes.len : piece;

        if (pmi_feed(pmi, (struct str){bytes.p, len}) < 0)
            abort();
        bytes = str_skip(bytes, len);
        while ((r = pmi_next(pmi, &command, &err)) > 0) {
            buf_printf(out, "%d ", command.verb);
            buf_add(out, command.key.p, command.key.len);
            buf_add(out, "=", 1);
            buf_add(out, command.value.p, command.value.len);
        }
    }
    buf_printf(out, "end %d", r);
    if (r < 0 && !err.text[0])
        abort();
    pmi_free(pmi);
}

static void on_reply(void *data, void *client_data, struct str bytes)
{
    (void)data, (void)client_data;
    if (!bytes.len || bytes.p[bytes.len - 1] != '\n')
        abort();
}

static void on_hang_up(void *data, void *client_data, const char *why)
{
    (void)data, (void)client_data;
    if (!why[0])
        abort();
}

static void on_up(void *data, struct str bytes)
{
    (void)data, (void)bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct proxy_limits limits = {4, 0, 2};
    struct proxy_out out = {NULL, on_reply, on_hang_up, on_up};
    struct str bytes = {(const char *)data, size};
    struct proxy *proxy = proxy_new(1, &limits, &out);
    struct proxy_client *client = proxy ? proxy_pmi_new(proxy, NULL, 1) : NULL;
    struct buf whole = {0}, cut = {0};

    if (!client)
        abort();
    flatten(bytes, size ? size : 1, &whole);
    flatten(bytes, 1 + (size ? data[0] % 7 : 0), &cut);
    if (size <= PMI_LINE_MAX &&
        !str_eq((struct str){whole.p, whole.len}, (struct str){cut.p, cut.len}))
        abort();
    proxy_take(proxy, client, bytes);
    proxy_flush(proxy);
    proxy_free(proxy);
    buf_done(&whole);
    buf_done(&cut);
    return 0;
}
