/* Clients on several nodes against proxies and a store that lose links, are read back from the
 * journal and get everything late and in pieces. From seeds (RENDEZVOUS_SEED=N RENDEZVOUS_SEEDS=M:
 * M from N on): what clients see must be what one store, asked in one order, could have said. */
#include "base/rng.h"
#include "rendezvous/kv.h"
#include "rendezvous/proxy.h"
#include "rendezvous/tcpstore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODES    3
#define CLIENTS  4 /* a node */
#define ALL      (NODES * CLIENTS)
#define OPS      60 /* a client */
#define COUNTERS 3
#define LOCKS    4
#define SEEDS    400

enum todo {
    DO_ADD,      /* a counter that all add to */
    DO_POLL,     /* ... and read by ADD 0 */
    DO_OWN_SET,  /* a key that only this client sets: data, then a flag that counts */
    DO_OWN_GET,  /* reads its own key: what it has set last */
    DO_FLAG,     /* another's flag */
    DO_DATA,     /* ... then its data: at least as new */
    DO_WAIT,     /* for another's key that is set once */
    DO_ONCE_GET, /* ... then its value */
    DO_ONCE_SET,
    DO_LOCK, /* COMPARE_SET from nothing to oneself */
    DO_PUSH,
    DO_POP,
    DO_APPEND,
    DO_CHECK,
    DO_KINDS,
};

struct letter {
    struct letter *next;
    size_t len;
    char bytes[];
};

struct post {
    struct letter *first, **end;
};

struct client {
    uint32_t index, node;
    struct proxy_client *proxy_client;
    struct buf in; /* answers */
    enum todo doing;
    uint32_t other; /* whose key, which counter */
    bool busy;
    unsigned ops;
    int64_t amount;
    int64_t own; /* what it has set last */
    bool once;   /* it has set its key that is set once */
    int64_t seen_counter[COUNTERS], seen_data[ALL], seen_flag[ALL];
};

struct world {
    struct rng rng;
    struct kv *kv;
    struct proxy *proxies[NODES];
    struct post up[NODES], down[NODES];
    struct buf journal;
    int64_t now_ms;
    struct client clients[ALL];
    unsigned char *seen[COUNTERS]; /* of each counter: which units have been given out */
    int64_t total[COUNTERS];
    uint32_t owner[LOCKS];
    bool *popped;
    int64_t pushed, popped_count, tokens;
};

#define UNITS_MAX (ALL * OPS * 3 + 1)

static void post_add(struct post *post, struct str bytes)
{
    struct letter *letter = malloc(sizeof(*letter) + bytes.len);

    assert_non_null(letter);
    letter->next = NULL;
    letter->len = bytes.len;
    memcpy(letter->bytes, bytes.p, bytes.len);
    *post->end = letter;
    post->end = &letter->next;
}

static struct letter *post_take(struct post *post)
{
    struct letter *letter = post->first;

    if (letter) {
        post->first = letter->next;
        if (!post->first)
            post->end = &post->first;
    }
    return letter;
}

static void post_clear(struct post *post)
{
    struct letter *letter;

    while ((letter = post_take(post)))
        free(letter);
}

static void on_journal(void *data, struct str bytes)
{
    struct world *world = data;

    buf_add(&world->journal, bytes.p, bytes.len);
}

static void on_send(void *data, uint32_t node, struct str bytes)
{
    struct world *world = data;

    post_add(&world->down[node], bytes);
}

static void on_reply(void *data, void *client_data, struct str bytes)
{
    struct client *client = client_data;

    (void)data;
    buf_add(&client->in, bytes.p, bytes.len);
}

static void on_hang_up(void *data, void *client_data, const char *why)
{
    (void)data, (void)client_data;
    fail_msg("hung up: %s", why);
}

static void on_up(void *data, struct str bytes)
{
    post_add(data, bytes);
}

static struct kv_out kv_out(struct world *world)
{
    return (struct kv_out){world, on_journal, on_send};
}

static void put_u64(struct buf *out, uint64_t number)
{
    buf_add(out, (const char *)&number, sizeof(number));
}

static void put_text(struct buf *out, const char *text)
{
    put_u64(out, strlen(text));
    buf_puts(out, text);
}

/* Codes of torch 2.2. */
enum { SET = 1, COMPARE_SET, GET, ADD, CHECK, WAIT, APPEND = 9, CANCEL = 12, PUSH = 14, POP };

static void ask(struct world *world, struct client *client, int code, const char *key)
{
    struct buf bytes = {0};

    buf_add(&bytes, &(char){(char)code}, 1);
    if (code == CHECK || code == WAIT)
        put_u64(&bytes, 1);
    if (key)
        put_text(&bytes, key);
    if (code == ADD)
        put_u64(&bytes, (uint64_t)client->amount);
    for (size_t at = 0; at < bytes.len;) { /* in pieces */
        size_t piece = 1 + rng_below(&world->rng, bytes.len - at);

        proxy_take(world->proxies[client->node], client->proxy_client,
                   (struct str){bytes.p + at, piece});
        at += piece;
    }
    buf_done(&bytes);
}

static void ask_value(struct world *world, struct client *client, int code, const char *key,
                      const char *value, const char *other)
{
    struct buf bytes = {0};

    buf_add(&bytes, &(char){(char)code}, 1);
    put_text(&bytes, key);
    put_text(&bytes, value);
    if (other)
        put_text(&bytes, other);
    proxy_take(world->proxies[client->node], client->proxy_client,
               (struct str){bytes.p, bytes.len});
    buf_done(&bytes);
}

static const char *name(const char *format, uint32_t index)
{
    static char text[64];

    (void)snprintf(text, sizeof(text), format, index);
    return text;
}

static void connect_client(struct world *world, struct client *client)
{
    static const char hello[] = "\0\xce\xf7\x85\x3c";

    client->proxy_client = proxy_client_new(world->proxies[client->node], client);
    assert_non_null(client->proxy_client);
    proxy_take(world->proxies[client->node], client->proxy_client, (struct str){hello, 5});
}

static void own_set(struct world *world, struct client *client)
{
    char value[32];

    (void)snprintf(value, sizeof(value), "%lld", (long long)++client->own);
    ask_value(world, client, SET, name("data%u", client->index), value, NULL);
    client->amount = 1;
    ask(world, client, ADD, name("flag%u", client->index));
}

static void start(struct world *world, struct client *client)
{
    char value[32];

    client->ops++;
    client->busy = true;
    client->doing = (enum todo)rng_below(&world->rng, DO_KINDS);
    client->other = (uint32_t)rng_below(&world->rng, ALL);
    client->amount = 0;
    (void)snprintf(value, sizeof(value), "%u", client->index + 1);
    switch (client->doing) {
    case DO_ADD:
        client->other %= COUNTERS;
        client->amount = 1 + (int64_t)rng_below(&world->rng, 3);
        world->total[client->other] += client->amount;
        ask(world, client, ADD, name("counter%u", client->other));
        break;
    case DO_POLL:
        client->other %= COUNTERS;
        ask(world, client, ADD, name("counter%u", client->other));
        break;
    case DO_OWN_SET:
        own_set(world, client);
        break;
    case DO_OWN_GET:
        ask(world, client, GET, name("data%u", client->index));
        break;
    case DO_FLAG:
        ask(world, client, ADD, name("flag%u", client->other));
        break;
    case DO_DATA:
        ask(world, client, GET, name("data%u", client->other));
        break;
    case DO_WAIT:
        ask(world, client, WAIT, name("once%u", client->other));
        break;
    case DO_ONCE_GET:
    case DO_CHECK:
        ask(world, client, client->doing == DO_CHECK ? CHECK : GET, name("once%u", client->other));
        break;
    case DO_ONCE_SET:
        ask_value(world, client, SET, name("once%u", client->index), value, NULL);
        client->once = true;
        client->busy = false;
        break;
    case DO_LOCK:
        client->other %= LOCKS;
        ask_value(world, client, COMPARE_SET, name("lock%u", client->other), "", value);
        break;
    case DO_PUSH:
        (void)snprintf(value, sizeof(value), "%lld", (long long)world->pushed++);
        ask_value(world, client, PUSH, "queue", value, NULL);
        client->busy = false;
        break;
    case DO_POP:
        ask(world, client, POP, "queue");
        break;
    default:
        (void)snprintf(value, sizeof(value), "<%lld>", (long long)world->tokens++);
        ask_value(world, client, APPEND, "log", value, NULL);
        client->busy = false;
    }
}

static int64_t number_at(const struct client *client, size_t at)
{
    int64_t number;

    memcpy(&number, client->in.p + at, sizeof(number));
    return number;
}

/* A whole answer of the form length and digits; -1 for an empty one. */
static bool take_value(const struct client *client, size_t at, int64_t *number)
{
    struct str digits;

    if (client->in.len < at + 8 || client->in.len < at + 8 + (size_t)number_at(client, at))
        return false;
    digits = (struct str){client->in.p + at + 8, (size_t)number_at(client, at)};
    assert_int_equal(client->in.len, at + 8 + digits.len);
    *number = -1;
    assert_true(!digits.len || str_to_i64(digits, 10, number) == 0);
    return true;
}

static void check_sum(struct world *world, struct client *client, int64_t sum)
{
    uint32_t counter = client->other;

    assert_in_range(sum, client->amount, world->total[counter]);
    assert_true(sum >= client->seen_counter[counter] + client->amount);
    client->seen_counter[counter] = sum;
    for (int64_t unit = sum - client->amount; unit < sum; unit++) {
        assert_int_equal(world->seen[counter][unit], 0);
        world->seen[counter][unit] = 1;
    }
}

/* What has come is the answer to what was asked, and could be. */
static bool finish(struct world *world, struct client *client)
{
    size_t len = client->in.len;
    int64_t number;

    switch (client->doing) {
    case DO_ADD:
    case DO_POLL:
        if (len < 8)
            return false;
        check_sum(world, client, number_at(client, 0));
        return true;
    case DO_OWN_SET:
        if (len < 8)
            return false;
        assert_int_equal(number_at(client, 0), client->own);
        return true;
    case DO_OWN_GET:
        if (!take_value(client, 0, &number))
            return false;
        assert_int_equal(number, client->own ? client->own : -1);
        return true;
    case DO_FLAG:
        if (len < 8)
            return false;
        number = number_at(client, 0);
        assert_in_range(number, client->seen_flag[client->other],
                        world->clients[client->other].own);
        client->seen_flag[client->other] = number;
        return true;
    case DO_DATA:
        if (!take_value(client, 0, &number))
            return false;
        number = number < 0 ? 0 : number;
        assert_true(number >= client->seen_data[client->other]);
        assert_true(number >= client->seen_flag[client->other]); /* the data is set first */
        assert_true(number <= world->clients[client->other].own);
        client->seen_data[client->other] = number;
        return true;
    case DO_WAIT:
    case DO_CHECK:
        if (!len)
            return false;
        if (client->in.p[0] == 0)
            assert_true(world->clients[client->other].once);
        else
            assert_int_equal(client->doing, DO_CHECK);
        return true;
    case DO_ONCE_GET:
        if (!take_value(client, 0, &number))
            return false;
        assert_true(number == -1 ||
                    (number == client->other + 1 && world->clients[client->other].once));
        return true;
    case DO_LOCK:
        if (!take_value(client, 0, &number))
            return false;
        if (!world->owner[client->other])
            world->owner[client->other] = (uint32_t)number;
        assert_int_equal(number, world->owner[client->other]);
        return true;
    default:
        assert_int_equal(client->doing, DO_POP);
        if (len < 8)
            return false;
        if (number_at(client, 0) == 0)
            return true;
        if (!take_value(client, 8, &number))
            return false;
        assert_in_range(number, 0, world->pushed - 1);
        assert_false(world->popped[number]);
        world->popped[number] = true;
        world->popped_count++;
        return true;
    }
}

static void step_client(struct world *world, struct client *client)
{
    /* One that waits, or reads, may die, or stop waiting. */
    if (client->busy && client->doing == DO_WAIT && !client->in.len &&
        rng_below(&world->rng, 20) == 0) {
        if (rng_below(&world->rng, 2)) {
            ask(world, client, CANCEL, NULL);
            assert_int_equal(client->in.len, 1);
            assert_int_equal(client->in.p[0], 1);
        } else {
            proxy_client_gone(world->proxies[client->node], client->proxy_client);
            connect_client(world, client);
        }
        buf_clear(&client->in);
        client->busy = false;
    }
    if (client->busy && client->in.len && finish(world, client)) {
        buf_clear(&client->in);
        client->busy = false;
    }
    if (!client->busy && client->ops < OPS)
        start(world, client);
}

static void break_link(struct world *world, uint32_t node)
{
    struct kv_out out = kv_out(world);

    post_clear(&world->up[node]);
    post_clear(&world->down[node]);
    kv_node_up(world->kv, node, &out);
    proxy_link_up(world->proxies[node]);
}

static void restart_controller(struct world *world)
{
    struct err err = {0};
    size_t good = 0;

    kv_free(world->kv);
    world->kv = kv_new(NODES, 1 << 24);
    assert_non_null(world->kv);
    if (world->journal.len && rng_below(&world->rng, 2)) /* it died in the middle of a write */
        buf_add(&world->journal, "\x09\0\0\0torn", rng_below(&world->rng, 8));
    if (world->journal.len)
        assert_int_equal(
            kv_replay(world->kv, (struct str){world->journal.p, world->journal.len}, &good, &err),
            0);
    world->journal.len = good;
    for (uint32_t node = 0; node < NODES; node++)
        break_link(world, node);
}

static bool step_post(struct world *world, uint32_t node)
{
    struct kv_out out = kv_out(world);
    struct letter *letter = NULL;
    struct err err = {0};

    if (rng_below(&world->rng, 2) && (letter = post_take(&world->up[node])))
        assert_int_equal(kv_take(world->kv, node, 100 + node,
                                 (struct str){letter->bytes, letter->len}, world->now_ms, &out,
                                 &err),
                         0);
    else if ((letter = post_take(&world->down[node])))
        assert_int_equal(
            proxy_answer(world->proxies[node], (struct str){letter->bytes, letter->len}, &err), 0);
    free(letter);
    return letter != NULL;
}

static void step(struct world *world, bool calm)
{
    struct kv_out out = kv_out(world);
    uint32_t node = (uint32_t)rng_below(&world->rng, NODES);

    world->now_ms += (int64_t)rng_below(&world->rng, 3);
    switch (rng_below(&world->rng, 8)) {
    case 0:
    case 1:
    case 2:
        step_client(world, &world->clients[rng_below(&world->rng, ALL)]);
        break;
    case 3:
        proxy_flush(world->proxies[node]);
        break;
    case 4:
        (void)kv_tick(world->kv, world->now_ms, &out);
        break;
    default:
        (void)step_post(world, node);
    }
    if (!calm && rng_below(&world->rng, 150) == 0)
        break_link(world, node);
    if (!calm && rng_below(&world->rng, 300) == 0)
        restart_controller(world);
}

static void begin(struct world *world, uint64_t seed)
{
    *world = (struct world){.rng = {seed}, .now_ms = 1000};
    world->kv = kv_new(NODES, 1 << 24);
    world->popped = calloc(ALL * OPS, sizeof(bool));
    assert_non_null(world->kv);
    assert_non_null(world->popped);
    for (int i = 0; i < COUNTERS; i++)
        assert_non_null(world->seen[i] = calloc(UNITS_MAX, 1));
    for (uint32_t node = 0; node < NODES; node++) {
        struct proxy_limits limits = {ALL, node * CLIENTS, CLIENTS};
        struct proxy_out out = {&world->up[node], on_reply, on_hang_up, on_up};

        world->up[node].end = &world->up[node].first;
        world->down[node].end = &world->down[node].first;
        world->proxies[node] = proxy_new(100 + node, &limits, &out);
        assert_non_null(world->proxies[node]);
    }
    for (uint32_t i = 0; i < ALL; i++) {
        world->clients[i].index = i;
        world->clients[i].node = i / CLIENTS;
        connect_client(world, &world->clients[i]);
    }
}

static bool is_quiet(const struct world *world)
{
    for (uint32_t i = 0; i < ALL; i++)
        if (world->clients[i].busy || world->clients[i].ops < OPS)
            return false;
    return true;
}

/* SETs have no answers: they may still be on their way. */
static void drain(struct world *world)
{
    bool moved;

    do {
        moved = false;
        for (uint32_t node = 0; node < NODES; node++) {
            proxy_flush(world->proxies[node]);
            while (world->up[node].first || world->down[node].first)
                moved |= step_post(world, node);
        }
    } while (moved);
}

static void check_end(struct world *world)
{
    struct str value;
    char text[32];

    for (uint32_t i = 0; i < COUNTERS; i++) {
        for (int64_t unit = 0; unit < world->total[i]; unit++)
            assert_int_equal(world->seen[i][unit], 1);
        if (kv_peek(world->kv, str_of(name("counter%u", i)), &value)) {
            (void)snprintf(text, sizeof(text), "%lld", (long long)world->total[i]);
            assert_true(str_is(value, text));
        } else {
            assert_int_equal(world->total[i], 0);
        }
    }
    if (kv_peek(world->kv, STR("log"), &value))
        for (int64_t token = 0; token < world->tokens; token++) {
            char *found, *whole = strndup(value.p, value.len);

            (void)snprintf(text, sizeof(text), "<%lld>", (long long)token);
            found = strstr(whole, text);
            assert_non_null(found);
            assert_null(strstr(found + 1, text));
            free(whole);
        }
}

static void end(struct world *world)
{
    for (uint32_t node = 0; node < NODES; node++) {
        proxy_free(world->proxies[node]);
        post_clear(&world->up[node]);
        post_clear(&world->down[node]);
    }
    for (uint32_t i = 0; i < ALL; i++)
        buf_done(&world->clients[i].in);
    for (int i = 0; i < COUNTERS; i++)
        free(world->seen[i]);
    kv_free(world->kv);
    free(world->popped);
    buf_done(&world->journal);
}

/* What nobody has set is set, so that all who wait end. */
static void set_the_rest(struct world *world)
{
    for (uint32_t i = 0; i < ALL; i++) {
        struct client *client = &world->clients[i];
        char value[32];

        if (client->once || (client->busy && client->doing != DO_WAIT))
            continue;
        (void)snprintf(value, sizeof(value), "%u", i + 1);
        ask_value(world, client, SET, name("once%u", i), value, NULL);
        client->once = true;
    }
}

static uint64_t the_seed;

static int say_seed(void **state)
{
    (void)state;
    print_message("up to seed %llu\n", (unsigned long long)the_seed);
    return 0;
}

static void what_clients_see_is_one_store(void **state)
{
    static struct world world;
    const char *from = getenv("RENDEZVOUS_SEED"), *count = getenv("RENDEZVOUS_SEEDS");
    uint64_t end_seed;

    (void)state;
    the_seed = from ? strtoull(from, NULL, 10) : 1;
    end_seed = the_seed + (count ? strtoull(count, NULL, 10) : SEEDS);
    for (; the_seed < end_seed; the_seed++) {
        uint64_t steps = 0;

        begin(&world, the_seed);
        while (!is_quiet(&world)) {
            step(&world, steps > 20000);
            if (++steps % 5000 == 0)
                set_the_rest(&world);
            assert_true(steps < 1000000);
        }
        drain(&world);
        check_end(&world);
        end(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_clients_see_is_one_store),
    };

    return cmocka_run_group_tests(tests, NULL, say_seed);
}
