/* The controller with the real store, and agents' real proxies: what a rank sets on one node,
 * another reads, whoever died in between. */
#include "cluster.h"

#include "rendezvous/proxy.h"

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

static void a_value_survives_the_controller(void **state)
{
    static uint32_t nodes[2] = {0, 1};
    struct cluster *k = cluster = cluster_new(2, 0, 1);
    struct proxy_client *clients[2];
    int client_data;

    (void)state;
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
    asks(clients[0], 0, 0, "/a", "first light");
    advance(k, 0.1);
    assert_true(k->journal.len > 0);

    control_restarts(k);
    asks(clients[1], 1, 2, "/a", NULL); /* while nobody listens */
    for (uint32_t i = 0; i < 2; i++) {
        agent_connects(k, i);
        proxy_link_up(proxies[i]);
    }
    advance(k, 0.1);
    assert_int_equal(replies[1].len, 8 + 11);
    assert_memory_equal(replies[1].p + 8, "first light", 11);
    assert_int_equal(view_of(k).attempt, 1);
    for (uint32_t i = 0; i < 2; i++) {
        proxy_client_gone(proxies[i], clients[i]);
        proxy_free(proxies[i]);
        buf_done(&replies[i]);
    }
    cluster_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_survives_the_controller),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
