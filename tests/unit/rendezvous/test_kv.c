#include "base/rng.h"
#include "rendezvous/batch.h"
#include "rendezvous/kv.h"
#include "rendezvous/table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODES 4

struct bench {
    struct kv *kv;
    struct buf journal, said; /* what nodes were told: "0: NUMBER 1 5;" */
    struct kv_out out;
    size_t sent;
};

static const char *const kinds[] = {
    [DOWN_ABSENT] = "ABSENT", [DOWN_VALUE] = "VALUE",   [DOWN_EXISTS] = "EXISTS",
    [DOWN_DROP] = "DROP",     [DOWN_WAKE] = "WAKE",     [DOWN_NUMBER] = "NUMBER",
    [DOWN_BYTES] = "BYTES",   [DOWN_POPPED] = "POPPED", [DOWN_KEYS] = "KEYS",
    [DOWN_ERROR] = "ERROR",
};

static void on_journal(void *data, struct str bytes)
{
    buf_add(&((struct bench *)data)->journal, bytes.p, bytes.len);
}

static void on_send(void *data, uint32_t node, struct str bytes)
{
    struct bench *bench = data;
    struct down_head head;
    struct item item;
    int r;

    assert_int_equal(batch_take_down(&bytes, &head), 0);
    bench->sent++;
    while ((r = batch_take(&bytes, false, &item)) > 0) {
        buf_printf(&bench->said, "%u:%s", node, kinds[item.kind]);
        if (item.number)
            buf_printf(&bench->said, " #%llu", (unsigned long long)item.number);
        if (item.key.len)
            buf_printf(&bench->said, " %.*s", STR_ARG(item.key));
        if (item.value.p)
            buf_printf(&bench->said, "=%.*s", STR_ARG(item.value));
        if (item.amount)
            buf_printf(&bench->said, " %lld", (long long)item.amount);
        buf_puts(&bench->said, ";");
    }
    assert_int_equal(r, 0);
}

static void bench_init(struct bench *bench, size_t bytes_max)
{
    *bench = (struct bench){.kv = kv_new(NODES, bytes_max), .out = {bench, on_journal, on_send}};
    assert_non_null(bench->kv);
}

static void bench_done(struct bench *bench)
{
    kv_free(bench->kv);
    buf_done(&bench->journal);
    buf_done(&bench->said);
}

static int take(struct bench *bench, uint32_t node, uint64_t incarnation, uint64_t ack,
                uint64_t first, const struct item *items, size_t count, struct err *err)
{
    struct buf batch = {0};
    int r;

    batch_put_up(&batch, &(struct up_head){ack, first});
    for (size_t i = 0; i < count; i++)
        batch_put(&batch, &items[i]);
    buf_clear(&bench->said);
    buf_puts(&bench->said, "");
    r = kv_take(bench->kv, node, incarnation, (struct str){batch.p, batch.len}, 1000, &bench->out,
                err);
    buf_done(&batch);
    return r;
}

/* One request; what was said to all nodes. */
static const char *ask(struct bench *bench, uint32_t node, uint64_t number, struct item item)
{
    struct err err;

    assert_int_equal(take(bench, node, 7, 0, number, &item, 1, &err), 0);
    return bench->said.p;
}

#define A(kind_, key_, ...) ((struct item){.kind = (kind_), .key = STR(key_), ##__VA_ARGS__})

static void who_asks_is_told(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench, 1 << 20);
    assert_string_equal(ask(&bench, 0, 1, A(UP_READ, "k", .amount = 2)), "0:ABSENT k;");
    assert_string_equal(ask(&bench, 1, 1, A(UP_READ, "k")), "1:ABSENT k;");
    assert_string_equal(ask(&bench, 2, 1, A(UP_SET, "k", .value = STR("v"))),
                        "0:VALUE k=v 1;1:VALUE k=v 1;");
    assert_string_equal(ask(&bench, 2, 2, A(UP_SET, "k", .value = STR("v"))), "");
    assert_string_equal(ask(&bench, 3, 1, A(UP_READ, "k")), "3:VALUE k=v 1;");
    /* Whoever has a copy drops it, once; from then on no promise is made. */
    assert_string_equal(ask(&bench, 2, 3, A(UP_SET, "k", .value = STR("w"))),
                        "0:DROP k;1:DROP k;3:DROP k;");
    assert_string_equal(ask(&bench, 0, 2, A(UP_READ, "k")), "0:VALUE k=w;");
    assert_string_equal(ask(&bench, 2, 4, A(UP_SET, "k", .value = STR("x"))), "");
    assert_string_equal(ask(&bench, 2, 5, A(UP_DELETE, "k")), "2:NUMBER #5 1;");
    assert_string_equal(ask(&bench, 2, 6, A(UP_DELETE, "k")), "2:NUMBER #6;");
    bench_done(&bench);
}

static void requests_do_as_torchs_server(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench, 1 << 20);
    assert_string_equal(ask(&bench, 0, 1, A(UP_ADD, "n", .amount = 5)), "0:NUMBER #1 5;");
    assert_string_equal(ask(&bench, 0, 2, A(UP_ADD, "n", .amount = -7)), "0:NUMBER #2 -2;");
    (void)ask(&bench, 0, 3, A(UP_SET, "t", .value = STR(" 12x")));
    assert_string_equal(ask(&bench, 0, 4, A(UP_ADD, "t", .amount = 5)), "0:NUMBER #4 17;");
    (void)ask(&bench, 0, 5, A(UP_SET, "t", .value = STR("-")));
    assert_string_equal(ask(&bench, 0, 6, A(UP_ADD, "t", .amount = 5)),
                        "0:ERROR #6=ADD to a key whose value is not a number;");
    assert_string_equal(
        ask(&bench, 0, 7, A(UP_COMPARE_SET, "c", .value = STR("old"), .other = STR("new"))),
        "0:BYTES #7=old;");
    assert_string_equal(ask(&bench, 0, 8, A(UP_COMPARE_SET, "c", .other = STR("new"))),
                        "0:BYTES #8=new;");
    assert_string_equal(
        ask(&bench, 0, 9, A(UP_COMPARE_SET, "c", .value = STR("new"), .other = STR("2"))),
        "0:BYTES #9=2;");
    assert_string_equal(ask(&bench, 0, 10, A(UP_COUNT, "")), "0:NUMBER #10 3;");
    bench_done(&bench);
}

static void a_push_wakes_the_one_that_waits_longest(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench, 1 << 20);
    (void)ask(&bench, 1, 1, A(UP_READ, "q", .amount = 2 << 1));
    (void)ask(&bench, 0, 1, A(UP_READ, "q", .amount = 1 << 1));
    assert_string_equal(ask(&bench, 2, 1, A(UP_PUSH, "q", .value = STR("a"))), "1:WAKE q;");
    assert_string_equal(ask(&bench, 2, 2, A(UP_PUSH, "q", .value = STR("b"))), "1:WAKE q;");
    /* One of those two had stopped waiting: its turn goes to the next. */
    assert_string_equal(ask(&bench, 1, 2, A(UP_UNWAIT, "q", .amount = 1)), "0:WAKE q;");
    assert_string_equal(ask(&bench, 1, 3, A(UP_POP, "q")), "1:POPPED #3=a 2;");
    assert_string_equal(ask(&bench, 0, 2, A(UP_LEN, "q")), "0:NUMBER #2 1;");
    assert_string_equal(ask(&bench, 0, 3, A(UP_POP, "q")), "0:POPPED #3=b 1;");
    assert_string_equal(ask(&bench, 0, 4, A(UP_POP, "q")), "0:POPPED #4=;");
    bench_done(&bench);
}

static void polled_counters_are_pushed_when_due(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench, 1 << 20);
    assert_string_equal(ask(&bench, 0, 1, A(UP_POLL, "n")), "0:VALUE n=0 2;");
    (void)kv_tick(bench.kv, 1000, &bench.out);
    assert_string_equal(ask(&bench, 1, 1, A(UP_ADD, "n", .amount = 1)), "1:NUMBER #1 1;");
    assert_string_equal(ask(&bench, 1, 2, A(UP_ADD, "n", .amount = 1)), "1:NUMBER #2 2;");
    buf_clear(&bench.said);
    buf_puts(&bench.said, "");
    assert_int_equal(kv_tick(bench.kv, 1001, &bench.out), -1); /* none for long: at once */
    assert_string_equal(bench.said.p, "0:VALUE n=2 2;");
    (void)ask(&bench, 1, 3, A(UP_ADD, "n", .amount = 1));
    assert_int_equal(kv_tick(bench.kv, 1002, &bench.out), 1001 + KV_PUSH_MS);
    assert_string_equal(bench.said.p, "1:NUMBER #3 3;");
    assert_int_equal(kv_tick(bench.kv, 1001 + KV_PUSH_MS, &bench.out), -1);
    assert_string_equal(bench.said.p, "1:NUMBER #3 3;0:VALUE n=3 2;");
    /* Anything else said to the node has the counter in front of it. */
    (void)ask(&bench, 1, 4, A(UP_ADD, "n", .amount = 1));
    assert_string_equal(ask(&bench, 0, 2, A(UP_COUNT, "")), "0:VALUE n=4 2;0:NUMBER #2 1;");
    bench_done(&bench);
}

static void the_counter_asked_for_longest_ago_is_polled_no_more(void **state)
{
    struct item item = {.kind = UP_POLL};
    struct bench bench;
    char name[16];

    (void)state;
    bench_init(&bench, 1 << 20);
    for (uint64_t i = 1; i <= 17; i++) {
        item.key = (struct str){
            name, (size_t)snprintf(name, sizeof(name), "n%llu", (unsigned long long)i)};
        (void)ask(&bench, 0, i, item);
    }
    assert_string_equal(bench.said.p, "0:VALUE n17=0 2;0:DROP n1;");
    (void)kv_tick(bench.kv, 1100, &bench.out);
    assert_string_equal(ask(&bench, 1, 1, A(UP_ADD, "n1", .amount = 1)), "1:NUMBER #1 1;");
    assert_int_equal(kv_tick(bench.kv, 1200, &bench.out), -1);
    assert_string_equal(bench.said.p, "1:NUMBER #1 1;");
    assert_string_equal(ask(&bench, 0, 18, A(UP_DELETE, "n2")), "0:DROP n2;0:NUMBER #18 1;");
    assert_string_equal(ask(&bench, 0, 19, A(UP_UNPOLL, "n3")), "");
    assert_string_equal(ask(&bench, 1, 2, A(UP_ADD, "n3", .amount = 1)), "1:NUMBER #2 1;");
    assert_int_equal(kv_tick(bench.kv, 1300, &bench.out), -1);
    assert_string_equal(bench.said.p, "1:NUMBER #2 1;");
    bench_done(&bench);
}

static void nothing_counts_twice(void **state)
{
    struct item add = A(UP_ADD, "n", .amount = 1);
    struct bench bench;
    struct err err;
    struct str value;

    (void)state;
    bench_init(&bench, 1 << 20);
    (void)ask(&bench, 0, 1, add);
    assert_string_equal(ask(&bench, 0, 1, add), "");
    kv_node_up(bench.kv, 0, &bench.out);
    assert_string_equal(bench.said.p, "0:NUMBER #1 1;");
    assert_int_equal(take(&bench, 0, 7, 1, 0, NULL, 0, &err), 0);
    kv_node_up(bench.kv, 0, &bench.out);
    assert_string_equal(bench.said.p, "");
    /* A new agent begins anew. */
    assert_int_equal(take(&bench, 0, 8, 0, 1, &add, 1, &err), 0);
    assert_string_equal(bench.said.p, "0:NUMBER #1 2;");
    assert_true(kv_peek(bench.kv, STR("n"), &value));
    assert_true(str_is(value, "2"));
    bench_done(&bench);
}

static void what_does_not_fit_is_said(void **state)
{
    struct bench bench;
    char big[4096] = {0};
    size_t before;

    (void)state;
    bench_init(&bench, 3000);
    assert_string_equal(ask(&bench, 0, 1, A(UP_SET, "k", .value = {big, sizeof(big)})),
                        "0:ERROR #1=the store is full: it may have 0 MiB of keys and values;");
    assert_int_equal(kv_bytes(bench.kv), 0);
    (void)ask(&bench, 0, 2, A(UP_SET, "k", .value = {big, 2000}));
    before = kv_bytes(bench.kv);
    assert_string_equal(ask(&bench, 0, 3, A(UP_APPEND, "k", .value = {big, 2000})),
                        "0:ERROR #3=the store is full: it may have 0 MiB of keys and values;");
    assert_int_equal(kv_bytes(bench.kv), before);
    (void)ask(&bench, 0, 4, A(UP_DELETE, "k"));
    assert_int_equal(kv_bytes(bench.kv), 0);
    bench_done(&bench);
}

static void bad_batches_are_refused_whole(void **state)
{
    static const struct {
        uint32_t node;
        uint64_t ack, first;
        struct str items;
        const char *want;
    } cases[] = {
        {9, 0, 1, {0}, "store: there is no node 9, there are 4"},
        {0, 5, 1, {0}, "store: node 0 acknowledges message 5 of 0, it is not of this store"},
        {0, 0, 3, STR("\x0d"), "store: node 0 sent request 3 after 0"},
        {0, 0, 0, STR("\x0d"), "store: node 0 sent request 0 after 0"},
        {0, 0, 1, STR("\x05\x01k\x01v\x63"), "store: node 0 sent a request that can't be read"},
        {0, 0, 1, STR("\x05\x01k\x01v\x05\x01k"),
         "store: node 0 sent a request that can't be read"},
        {0, 0, 1, STR("\x05\x01k\x01v\x0f\x01k"),
         "store: node 0 sent a request that can't be read"},
        {0, 0, 1, STR("\x05\x81\0k\x01v"), "store: node 0 sent a request that can't be read"},
        {0, 0, 1, STR("\x01\x01k\x01"), "store: node 0 sent a request that can't be read"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf batch = {0};
        struct bench bench;
        struct err err;

        bench_init(&bench, 1 << 20);
        batch_put_up(&batch, &(struct up_head){cases[i].ack, cases[i].first});
        buf_add(&batch, cases[i].items.p, cases[i].items.len);
        assert_int_equal(kv_take(bench.kv, cases[i].node, 7, (struct str){batch.p, batch.len}, 1,
                                 &bench.out, &err),
                         -EPROTO);
        assert_string_equal(err.text, cases[i].want);
        assert_int_equal(kv_key_count(bench.kv) + bench.journal.len + bench.sent, 0);
        buf_done(&batch);
        bench_done(&bench);
    }
}

static void a_journal_is_read_back_wherever_it_was_torn(void **state)
{
    struct bench bench;
    struct err err;
    size_t last_good = 0;

    (void)state;
    bench_init(&bench, 1 << 20);
    (void)ask(&bench, 0, 1, A(UP_SET, "k", .value = STR("v")));
    (void)ask(&bench, 1, 1, A(UP_ADD, "n", .amount = 4));
    (void)ask(&bench, 1, 2, A(UP_POLL, "n"));
    (void)ask(&bench, 0, 2, A(UP_PUSH, "q", .value = STR("x")));
    (void)kv_tick(bench.kv, 5000, &bench.out);
    for (size_t len = 0; len <= bench.journal.len; len++) {
        char *exact = malloc(len ? len : 1);
        struct kv *kv = kv_new(NODES, 1 << 20);
        size_t good;

        memcpy(exact, bench.journal.p, len);
        assert_int_equal(kv_replay(kv, (struct str){exact, len}, &good, &err), 0);
        assert_in_range(good, last_good, len);
        last_good = good;
        free(exact);
        kv_free(kv);
    }
    assert_int_equal(last_good, bench.journal.len);
    bench.journal.p[bench.journal.len - 1] ^= 1;
    kv_free(bench.kv);
    bench.kv = kv_new(NODES, 1 << 20);
    assert_int_equal(
        kv_replay(bench.kv, (struct str){bench.journal.p, bench.journal.len}, &last_good, &err), 0);
    assert_true(last_good < bench.journal.len);
    assert_int_equal(kv_replay(bench.kv, STR("SQLite format 3"), &last_good, &err), -EPROTO);
    assert_string_equal(err.text, "not a journal of a rendezvous store");
    bench_done(&bench);
}

static void on_stored(void *data, uint32_t node, struct str key, struct str value)
{
    buf_printf(&((struct bench *)data)->said, "stored %u:%.*s=%.*s;", node, STR_ARG(key),
               STR_ARG(value));
}

static const char *own(struct bench *bench, const char *key, const char *value)
{
    struct str name = str_of(key);

    buf_clear(&bench->said);
    buf_puts(&bench->said, "");
    assert_int_equal(value ? kv_set(bench->kv, name, str_of(value), 1000, &bench->out)
                           : kv_delete(bench->kv, name, 1000, &bench->out),
                     0);
    return bench->said.p;
}

static void the_owner_is_one_more_that_sets_and_deletes(void **state)
{
    struct bench bench;
    struct str value;
    size_t good;

    (void)state;
    bench_init(&bench, 1 << 20);
    bench.out.stored = on_stored;
    (void)ask(&bench, 0, 1, A(UP_READ, "order", .amount = 1 << 1));
    assert_string_equal(own(&bench, "order", "go"), "0:VALUE order=go 1;");
    assert_string_equal(ask(&bench, 1, 1, A(UP_READ, "order")), "1:VALUE order=go 1;");
    assert_string_equal(own(&bench, "order", NULL), "0:DROP order;1:DROP order;");
    assert_string_equal(own(&bench, "order", NULL), "");
    assert_string_equal(ask(&bench, 1, 2, A(UP_SET, "answer", .value = STR("3"))),
                        "stored 1:answer=3;");
    assert_string_equal(ask(&bench, 1, 2, A(UP_SET, "answer", .value = STR("3"))), ""); /* again */
    (void)own(&bench, "kept", "yes");
    kv_free(bench.kv);

    bench.kv = kv_new(NODES, 1 << 20);
    buf_clear(&bench.said);
    assert_int_equal(
        kv_replay(bench.kv, (struct str){bench.journal.p, bench.journal.len}, &good, NULL), 0);
    assert_int_equal(good, bench.journal.len);
    assert_int_equal(bench.said.len, 0); /* what was told once is not told again */
    assert_int_equal(kv_key_count(bench.kv), 2);
    assert_true(kv_peek(bench.kv, STR("kept"), &value) && str_is(value, "yes"));
    assert_true(kv_peek(bench.kv, STR("answer"), &value) && str_is(value, "3"));
    assert_string_equal(ask(&bench, 1, 3, A(UP_READ, "order")), "1:ABSENT order;");
    bench_done(&bench);
}

static void the_owner_has_the_same_bounds(void **state)
{
    static char long_key[KV_KEY_BYTES_MAX + 1];
    struct str value = {long_key, 5000}, peeked;
    struct bench bench;
    size_t good;

    (void)state;
    bench_init(&bench, 6000);
    assert_int_equal(kv_set(bench.kv, (struct str){long_key, sizeof(long_key)}, value, 1, NULL),
                     -EMSGSIZE);
    assert_int_equal(kv_set(bench.kv, STR("a"), value, 1, &bench.out), 0);
    assert_int_equal(kv_set(bench.kv, STR("b"), value, 1, &bench.out), -ENOSPC);
    assert_false(kv_peek(bench.kv, STR("b"), &peeked));
    kv_free(bench.kv);
    bench.kv = kv_new(NODES, 6000);
    assert_int_equal(
        kv_replay(bench.kv, (struct str){bench.journal.p, bench.journal.len}, &good, NULL), 0);
    assert_int_equal(kv_key_count(bench.kv), 1);
    bench_done(&bench);
}

static void count_sent(void *data, uint32_t node, struct str bytes)
{
    uint32_t *sent = data;

    assert_true(bytes.len < 64);
    sent[node]++;
}

/* Every node of a large cluster waits for a key of its own, round for round: one short message
 * each, and nothing is left. */
static void a_round_of_orders_is_a_message_a_node(void **state)
{
    enum { MANY = 12500, ROUNDS = 3 };
    static uint32_t sent[MANY];
    const struct kv_out out = {.data = sent, .send = count_sent};
    struct kv *kv = kv_new(MANY, KV_BYTES_MAX);
    char key[32];

    (void)state;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        memset(sent, 0, sizeof(sent));
        for (uint32_t node = 0; node < MANY; node++) {
            int len = snprintf(key, sizeof(key), "order/%u/%u", node, round);
            const struct item item = {.kind = UP_READ, .key = {key, (size_t)len}, .amount = 1 << 1};
            struct buf batch = {0};

            /* so many messages have come: ABSENT, VALUE, DROP, each round */
            batch_put_up(&batch, &(struct up_head){3 * round, round + 1});
            batch_put(&batch, &item);
            assert_int_equal(kv_take(kv, node, 7, (struct str){batch.p, batch.len}, 1, &out, NULL),
                             0);
            buf_done(&batch);
        }
        for (uint32_t node = 0; node < MANY; node++) {
            int len = snprintf(key, sizeof(key), "order/%u/%u", node, round);

            assert_int_equal(sent[node], 1);
            assert_int_equal(kv_set(kv, (struct str){key, (size_t)len}, STR("{}"), 1, &out), 0);
            assert_int_equal(sent[node], 2);
            assert_int_equal(kv_delete(kv, (struct str){key, (size_t)len}, 1, &out), 0);
            assert_int_equal(sent[node], 3);
        }
        assert_int_equal(kv_key_count(kv) + kv_bytes(kv), 0);
    }
    kv_free(kv);
}

static void it_says_who_waits(void **state)
{
    struct kv_wait waits[2];
    struct bench bench;

    (void)state;
    bench_init(&bench, 1 << 20);
    (void)ask(&bench, 3, 1, A(UP_READ, "one", .amount = 1 << 1));
    (void)ask(&bench, 2, 1, A(UP_READ, "two", .amount = 3 << 1));
    (void)ask(&bench, 3, 2, A(UP_READ, "two", .amount = 1 << 1));
    (void)ask(&bench, 1, 1, A(UP_READ, "asked", .amount = 0));
    assert_int_equal(kv_waits(bench.kv, waits, 2), 2);
    assert_true(str_is(waits[0].key, "two"));
    assert_int_equal(waits[0].nodes, 2);
    assert_int_equal(waits[0].first_node, 2);
    assert_int_equal(waits[0].since_ms, 1000);
    assert_true(str_is(waits[1].key, "one"));
    (void)ask(&bench, 2, 2, A(UP_UNWAIT, "two", .amount = 3));
    (void)ask(&bench, 3, 3, A(UP_SET, "one", .value = STR("")));
    assert_int_equal(kv_waits(bench.kv, waits, 2), 1);
    assert_int_equal(waits[0].first_node, 3);
    bench_done(&bench);
}

struct word {
    struct named named;
    char text[16];
    bool in;
};

static void a_table_finds_what_is_in_it(void **state)
{
    static struct word words[500];
    struct table table = {0};
    struct rng rng = {1};
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        (void)snprintf(words[i].text, sizeof(words[i].text), "w%zu", i);
        words[i].named.name = str_of(words[i].text);
    }
    for (int round = 0; round < 20000; round++) {
        struct word *word = &words[rng_below(&rng, ARRAY_LEN(words))];

        assert_ptr_equal(table_get(&table, word->named.name), word->in ? word : NULL);
        if (word->in)
            table_remove(&table, &word->named);
        else
            assert_int_equal(table_add(&table, &word->named), 0);
        word->in = !word->in;
        count += word->in ? 1 : (size_t)-1;
        assert_int_equal(table.count, count);
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_ptr_equal(table_get(&table, words[i].named.name), words[i].in ? &words[i] : NULL);
    table_done(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_is_told),
        cmocka_unit_test(requests_do_as_torchs_server),
        cmocka_unit_test(a_push_wakes_the_one_that_waits_longest),
        cmocka_unit_test(polled_counters_are_pushed_when_due),
        cmocka_unit_test(the_counter_asked_for_longest_ago_is_polled_no_more),
        cmocka_unit_test(nothing_counts_twice),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(bad_batches_are_refused_whole),
        cmocka_unit_test(a_journal_is_read_back_wherever_it_was_torn),
        cmocka_unit_test(the_owner_is_one_more_that_sets_and_deletes),
        cmocka_unit_test(the_owner_has_the_same_bounds),
        cmocka_unit_test(a_round_of_orders_is_a_message_a_node),
        cmocka_unit_test(it_says_who_waits),
        cmocka_unit_test(a_table_finds_what_is_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
