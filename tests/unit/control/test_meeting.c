/* The controller with the real store, and agents' real proxies: what a rank sets on one node,
 * another reads, whoever died in between. */
#include "cluster.h"

#include "rendezvous/proxy.h"

#include <errno.h>

static struct proxy *proxies[2];
static struct buf replies[2];
static struct cluster *cluster;

static void on_reply(void *data, void *client, struct str bytes)
{
    (void)client;
    buf_add(&replies[*(uint32_t *)data], bytes.p, bytes.len);
}

static void on_hang_up(void *data, void *client, const char *why)
{
    (void)data;
    (void)client;
    fail_msg("%s", why);
}

static void on_up(void *data, struct str bytes)
{
    uint32_t node = *(uint32_t *)data;
    struct message message = {.id = MSG_STORE_UP,
                              .store = {.attempt = cluster->agents[node].attempt, .bytes = bytes}};

    if (cluster->agents[node].linked)
        hand_over(cluster, node, &message);
}

static void on_down(struct cluster *k, uint32_t node, struct str bytes)
{
    struct err err;

    (void)k;
    if (proxy_answer(proxies[node], bytes, &err) < 0)
        fail_msg("%s", err.text);
}

/* torch 1.13's bytes: u8 verb, texts with a u64 length. */
static void asks(struct proxy_client *client, uint32_t node, uint8_t verb, const char *key,
                 const char *value)
{
    struct buf bytes = {0};
    uint64_t len = strlen(key);

    buf_add(&bytes, (const char *)&verb, 1);
    buf_add(&bytes, (const char *)&len, 8);
    buf_puts(&bytes, key);
    len = value ? strlen(value) : 0;
    if (value) {
        buf_add(&bytes, (const char *)&len, 8);
        buf_puts(&bytes, value);
    }
    proxy_take(proxies[node], client, (struct str){bytes.p, bytes.len});
    proxy_flush(proxies[node]);
    buf_done(&bytes);
}

/* Until a key is there: one byte then. */
static void waits(struct proxy_client *client, uint32_t node, const char *key)
{
    static const char verb_and_count[] = {5, 1, 0, 0, 0, 0, 0, 0, 0};
    struct buf bytes = {0};
    uint64_t len = strlen(key);

    buf_add(&bytes, verb_and_count, sizeof(verb_and_count));
    buf_add(&bytes, (const char *)&len, 8);
    buf_puts(&bytes, key);
    proxy_take(proxies[node], client, (struct str){bytes.p, bytes.len});
    proxy_flush(proxies[node]);
    buf_done(&bytes);
}

static struct proxy_client *clients[2];

static struct cluster *begins(void)
{
    static uint32_t nodes[2] = {0, 1};
    static int client_data;
    struct cluster *k = cluster = cluster_new(2, 0, 1);

    k->store_down = on_down;
    control_starts(k);
    advance(k, 0.1);
    assert_state(k, RUN_RUNNING);
    for (uint32_t i = 0; i < 2; i++) {
        const struct proxy_limits limits = {2, i, 1};
        const struct proxy_out out = {&nodes[i], on_reply, on_hang_up, on_up};

        proxies[i] = proxy_new(k->agents[i].incarnation, &limits, &out);
        clients[i] = proxy_client_new(proxies[i], &client_data);
        assert_non_null(clients[i]);
    }
    return k;
}

static void restarts(struct cluster *k)
{
    control_restarts(k);
    for (uint32_t i = 0; i < 2; i++) {
        agent_connects(k, i);
        proxy_link_up(proxies[i]);
    }
    advance(k, 0.1);
    assert_int_equal(view_of(k).attempt, 1);
}

static void ends(struct cluster *k)
{
    for (uint32_t i = 0; i < 2; i++) {
        proxy_client_gone(proxies[i], clients[i]);
        proxy_free(proxies[i]);
        buf_done(&replies[i]);
    }
    cluster_free(k);
}

/* The answer to a GET. */
static void assert_got(uint32_t node, const char *value)
{
    assert_int_equal(replies[node].len, 8 + strlen(value));
    assert_memory_equal(replies[node].p + 8, value, strlen(value));
    buf_clear(&replies[node]);
}

static void a_value_survives_the_controller(void **state)
{
    struct cluster *k = begins();

    (void)state;
    asks(clients[0], 0, 0, "/a", "first light");
    advance(k, 0.1);
    assert_true(k->journal.len > 0);
    assert_string_equal(k->stored.p, "/a=first light;");
    restarts(k);
    asks(clients[1], 1, 2, "/a", NULL);
    advance(k, 0.1);
    assert_got(1, "first light");
    assert_string_equal(k->stored.p, "/a=first light;"); /* told once */
    ends(k);
}

/* A rank waits for the head's order, and answers; both survive the head. */
static void head_and_ranks_talk_through_the_store(void **state)
{
    struct cluster *k = begins();

    (void)state;
    waits(clients[1], 1, "order/1/1");
    advance(k, 0.1);
    assert_int_equal(replies[1].len, 0);
    assert_int_equal(control_store_set(k->control, STR("order/1/1"), STR("measure"), k->now_ns), 0);
    advance(k, 0.1);
    assert_int_equal(replies[1].len, 1);
    buf_clear(&replies[1]);
    asks(clients[1], 1, 2, "order/1/1", NULL);
    advance(k, 0.1);
    assert_got(1, "measure");
    assert_int_equal(control_store_set(k->control, STR("order/0/1"), STR("rest"), k->now_ns), 0);
    assert_int_equal(control_store_delete(k->control, STR("order/1/1"), k->now_ns), 0);
    assert_int_equal(control_store_delete(k->control, STR("nothing"), k->now_ns), 0);
    restarts(k);
    asks(clients[0], 0, 2, "order/0/1", NULL);
    waits(clients[1], 1, "order/1/1");
    advance(k, 0.1);
    assert_got(0, "rest");
    assert_int_equal(replies[1].len, 0); /* it is deleted: who asks waits */
    ends(k);
}

/* The head hears that rank 1 is gone, and has another order for who waits with it. */
static void reorders(struct cluster *k, const struct run_event *event)
{
    if (event->kind == EV_RANK_EXITED && k->control)
        assert_int_equal(control_store_set(k->control, STR("order"), STR("alone"), k->now_ns), 0);
}

static void the_head_may_answer_to_an_event(void **state)
{
    struct cluster *k = begins();

    (void)state;
    k->job.independent = true;
    k->on_event = reorders;
    waits(clients[0], 0, "order");
    rank_ends(k, 1, 1 << 8, 0, "");
    advance(k, 0.1);
    assert_int_equal(replies[0].len, 1);
    restarts(k);
    buf_clear(&replies[0]);
    asks(clients[0], 0, 2, "order", NULL);
    advance(k, 0.1);
    assert_got(0, "alone");
    ends(k);
}

static void without_an_attempt_there_is_no_store(void **state)
{
    struct cluster *k = cluster_new(2, 0, 1);
    uint32_t count = 9;

    (void)state;
    k->agents[1].broken = true;
    control_starts(k);
    advance(k, 0.1);
    assert_state(k, RUN_GATHERING);
    assert_null(control_nodes(k->control, &count));
    assert_int_equal(count, 0);
    assert_int_equal(control_store_set(k->control, STR("a"), STR("b"), k->now_ns), -EAGAIN);
    assert_int_equal(control_store_delete(k->control, STR("a"), k->now_ns), -EAGAIN);
    k->agents[1].broken = false;
    advance(k, 5);
    assert_state(k, RUN_RUNNING);
    assert_int_equal(control_nodes(k->control, &count)[1], 1);
    assert_int_equal(count, 2);
    assert_int_equal(control_store_set(k->control, STR("a"), STR("b"), k->now_ns), 0);
    control_wish(k->control, WISH_KILL, "test", k->now_ns);
    assert_int_equal(control_store_set(k->control, STR("a"), STR("b"), k->now_ns), -EAGAIN);
    cluster_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_survives_the_controller),
        cmocka_unit_test(head_and_ranks_talk_through_the_store),
        cmocka_unit_test(the_head_may_answer_to_an_event),
        cmocka_unit_test(without_an_attempt_there_is_no_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
