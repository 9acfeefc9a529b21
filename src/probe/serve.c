#include "probe/serve.h"

#include "base/clock.h"
#include "peer/store_client.h"
#include "probe/carry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_MS 60000

static int put_card(const struct serving *serving, struct store_client *store, struct err *err)
{
    char key[ORDER_KEY_BYTES];
    struct buf text = {0};
    int r;

    card_print(serving->card, &text);
    r = text.failed ? err_set(err, -ENOMEM, "no memory for the card")
                    : store_client_set(store, card_key(serving->rank, key), text.p, text.len, err);
    buf_done(&text);
    return r;
}

static int put_answer(struct store_client *store, uint32_t rank, uint32_t seq,
                      const struct told *told, struct err *err)
{
    struct answer answer = {.measure_count = (uint32_t)told->measures.count,
                            .trouble_count = (uint32_t)told->troubles.count,
                            .measures = told->measures.items,
                            .troubles = told->troubles.items};
    char key[ORDER_KEY_BYTES];
    struct buf text = {0};
    int r;

    answer_stamp(&answer);
    answer_print(&answer, &text);
    r = text.failed ? err_set(err, -ENOMEM, "no memory for the answer")
                    : store_client_set(store, answer_key(rank, seq, key), text.p, text.len, err);
    buf_done(&text);
    return r;
}

/* An order that can't be read is answered with the reason. */
static int take_order(struct store_client *store, uint32_t rank, uint32_t seq,
                      const struct telling *telling, struct order *order, struct err *err)
{
    struct fabric_trouble trouble = {TROUBLE_TEST, TEST_PAIRS, rank, MEASURE_NOBODY, ""};
    char key[ORDER_KEY_BYTES];
    struct err why = {0};
    void *bytes;
    size_t len;
    int r = store_client_get_any(store, order_key(rank, seq, key), ORDER_BYTES_MAX, &bytes, &len,
                                 STORE_CLIENT_FOREVER, err);

    if (r < 0)
        return r;
    if (order_read((struct str){bytes, len}, order, &why) < 0) {
        *order = (struct order){.kind = ORDER_CLOCK};
        (void)snprintf(trouble.words, sizeof(trouble.words), "%s", why.text);
        telling->trouble(telling->data, &trouble);
    }
    free(bytes);
    return 0;
}

static int serve(const struct serving *serving, struct store_client *store, struct carrier *carrier,
                 struct err *err)
{
    for (uint32_t seq = 1;; seq++) {
        struct told told = {.rank = serving->rank};
        const struct telling telling = told_telling(&told);
        struct order order;
        int r = take_order(store, serving->rank, seq, &telling, &order, err);

        if (r == 0 && carry_out(carrier, &order, &telling) < 0)
            r = err_set(err, -ECONNRESET, "store at %s: it has closed the connection",
                        store->where);
        if (r == 0)
            r = put_answer(store, serving->rank, seq, &told, err);
        told_done(&told);
        if (r < 0 || order.kind == ORDER_LEAVE)
            return r;
    }
}

int probe_serve(const struct serving *serving, struct err *err)
{
    struct store_client store;
    struct carrier carrier = {.self = {serving->card, serving->rank, serving->host, serving->port},
                              .tests = serving->tests,
                              .pairs = {0, -1, -1}};
    int r =
        store_client_open(&store, serving->host, serving->port, clock_now_ms() + CONNECT_MS, err);

    if (r < 0)
        return r;
    carrier.watch = store.fd;
    r = put_card(serving, &store, err);
    if (r == 0)
        r = serve(serving, &store, &carrier, err);
    carrier_done(&carrier);
    store_client_close(&store);
    return r;
}
