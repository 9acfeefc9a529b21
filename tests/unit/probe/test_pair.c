/* Pairs of probes that measure over UCX's TCP on loopback, and what happens when one of them does
 * not do its part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probe/pair_order.h"
#include "unit/probe/head.h"

static const node_test no_tests[TEST_COUNT];

static int start(void **state)
{
    struct head *head = calloc(1, sizeof(*head));

    head_start(head);
    for (uint32_t i = 0; i < 2; i++)
        head_start_probe(head, i, no_tests);
    *state = head;
    return 0;
}

static int stop(void **state)
{
    head_stop(*state);
    free(*state);
    return 0;
}

static struct order pair_with(uint32_t peer, uint32_t meeting)
{
    return (struct order){.kind = ORDER_PAIR,
                          .tests = 1u << TEST_PAIRS,
                          .limit_ms = HEAD_WAIT_MS,
                          .ms = 10,
                          .peer = peer,
                          .meeting = meeting,
                          .first = peer == 1,
                          .phase = PHASE_TOGETHER,
                          .bandwidth = true,
                          .both = true,
                          .latency = true,
                          .size_count = 2,
                          .sizes = {64, 262144},
                          .latency_bytes = 8};
}

/* Both ends get theirs; what rank 0 answers. */
static struct answer measure_pair(struct head *head, struct order order)
{
    struct answer answer;

    order.peer = 0;
    order.first = false;
    head_order(head, 1, &order);
    order.peer = 1;
    order.first = true;
    head_order(head, 0, &order);
    answer = head_answer(head, 0);
    assert_int_equal(head_answer(head, 1).measure_count, 0);
    return answer;
}

static void assert_whole(const struct answer *answer)
{
    static const struct {
        const char *metric;
        uint32_t node, peer;
        uint64_t bytes;
    } want[] = {
        {"pair.latency.p50", 0, 1, 8},    {"pair.latency.p99", 0, 1, 8},
        {"pair.latency.p99.9", 0, 1, 8},  {"pair.bandwidth", 0, 1, 64},
        {"pair.bandwidth", 1, 0, 64},     {"pair.both", 0, 1, 64},
        {"pair.bandwidth", 0, 1, 262144}, {"pair.bandwidth", 1, 0, 262144},
        {"pair.both", 0, 1, 262144},
    };

    if (answer->trouble_count > 0)
        fail_msg("%s", answer->troubles[0].words);
    assert_int_equal(answer->measure_count, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const struct measure *m = &answer->measures[i];

        assert_string_equal(m->metric->name, want[i].metric);
        assert_int_equal(m->node, want[i].node);
        assert_int_equal(m->peer, want[i].peer);
        assert_int_equal(m->bytes, want[i].bytes);
        assert_int_equal(m->phase, PHASE_TOGETHER);
        assert_string_equal(m->via, "tcp/lo");
        assert_true(m->low > 0 && m->low <= m->value && m->value <= m->high);
    }
    assert_true(answer->measures[0].value <= answer->measures[2].value);
}

static void test_both_directions_and_both_at_once(void **state)
{
    struct head *head = *state;
    struct answer answer = measure_pair(head, pair_with(1, 1));

    assert_whole(&answer);
    answer = measure_pair(head, pair_with(1, 2)); /* once more, by the same processes */
    assert_whole(&answer);
}

static void test_a_device_is_chosen(void **state)
{
    struct head *head = *state;
    struct order order = pair_with(1, 1);
    struct answer answer;

    (void)snprintf(order.device, sizeof(order.device), "lo");
    answer = measure_pair(head, order);
    assert_whole(&answer);
    order.meeting = 2;
    (void)snprintf(order.device, sizeof(order.device), "nosuch0");
    answer = measure_pair(head, order);
    assert_int_equal(answer.measure_count, 0);
    assert_int_equal(answer.trouble_count, 1);
    assert_int_equal(answer.troubles[0].kind, TROUBLE_TEST);
    assert_string_equal(answer.troubles[0].words, "UCX has no device 'nosuch0' here");
    order.device[0] = '\0'; /* and later it is well again */
    order.meeting = 3;
    answer = measure_pair(head, order);
    assert_whole(&answer);
}

static void test_tcp_beside_an_rdma_port_is_a_fallback(void **state)
{
    struct head *head = *state;
    struct order order = pair_with(1, 1);
    struct answer answer;

    head->card.devices[head->card.device_count++] =
        (struct device){DEVICE_RDMA, "mlx5_0:1", true, 5e10, 0};
    head->card.devices[head->card.device_count++] = (struct device){DEVICE_NET, "lo", true, 0, -1};
    for (uint32_t i = 0; i < 2; i++) {
        (void)kill(head->probes[i], SIGKILL);
        (void)head_wait_probe(head, i);
    }
    head->seq[0] = head->seq[1] = 0;
    for (uint32_t i = 0; i < 2; i++)
        head_start_probe(head, i, no_tests);
    answer = measure_pair(head, order);
    assert_int_equal(answer.trouble_count, 1);
    assert_int_equal(answer.troubles[0].kind, TROUBLE_FALLBACK);
    assert_int_equal(answer.troubles[0].peer, 1);
    assert_string_equal(answer.troubles[0].words,
                        "tcp/lo carried the data although both nodes have an RDMA port that is up");
    order.meeting = 2;
    (void)snprintf(order.device, sizeof(order.device), "lo"); /* asked for, it is none */
    answer = measure_pair(head, order);
    assert_whole(&answer);
}

static void assert_peer_trouble(struct head *head, const char *pattern)
{
    struct answer answer = head_answer(head, 0);

    assert_int_equal(answer.trouble_count, 1);
    assert_int_equal(answer.troubles[0].kind, TROUBLE_PEER);
    assert_int_equal(answer.troubles[0].test, TEST_PAIRS);
    assert_int_equal(answer.troubles[0].node, 0);
    assert_int_equal(answer.troubles[0].peer, 1);
    if (!str_glob(pattern, str_of(answer.troubles[0].words)))
        fail_msg("%s", answer.troubles[0].words);
}

static void test_a_peer_that_does_not_come(void **state)
{
    struct head *head = *state;
    struct order order = pair_with(1, 1);

    order.limit_ms = 800;
    head_order(head, 0, &order);
    assert_peer_trouble(head, "it did not come to be measured");
    order = pair_with(1, 2);
    assert_int_equal(measure_pair(head, order).trouble_count, 0);
}

/* One end in a process of its own, without a store: what it tells goes to the test. */
struct end {
    int socket; /* to the other end */
    int64_t silence_ms;
    pid_t peer; /* gets `signal` once something was measured; 0: nobody */
    int signal, troubles;
    char words[TROUBLE_WORDS_BYTES];
};

static void signal_peer(void *data, const struct measure *measure)
{
    const struct end *end = data;

    (void)measure;
    if (end->peer > 0)
        (void)kill(end->peer, end->signal);
}

static void keep_words(void *data, const struct fabric_trouble *trouble)
{
    struct end *end = data;

    end->troubles += trouble->kind == TROUBLE_PEER && trouble->peer == 1;
    (void)snprintf(end->words, sizeof(end->words), "%s", trouble->words);
}

static bool run_end(struct end *end, bool first)
{
    const struct card card = {.host = "test"};
    const struct telling telling = {end, signal_peer, keep_words};
    const struct pair_meeting meeting = {&end->socket, 7, pair_swap_by_socket};
    struct order order = pair_with(first, 7);
    const struct probe probe = {&card, &telling, !first, order.ms, clock_now_ms() + HEAD_WAIT_MS,
                                &order};
    struct cuda cuda = {0};
    struct ucx_port port;

    if (ucx_port_open(&port, "", NULL) < 0)
        abort();
    return pair_order(&probe, &port, &meeting, &cuda, end->silence_ms);
}

/* The leader's end, in a process that ends with 0 when it saw what is wanted. */
static int lead_against(int signal, int64_t silence_ms, const char *pattern)
{
    int sockets[2], status;
    pid_t leader = fork();

    if (leader == 0) {
        struct end end = {.signal = signal, .silence_ms = silence_ms};

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
            abort();
        end.peer = fork();
        end.socket = sockets[end.peer == 0];
        if (end.peer == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit(run_end(&end, false) ? 0 : 1);
        }
        if (run_end(&end, true) || end.troubles != 1 || !str_glob(pattern, str_of(end.words))) {
            (void)fprintf(stderr, "%d troubles: %s\n", end.troubles, end.words);
            _exit(1);
        }
        _exit(0);
    }
    (void)waitpid(leader, &status, 0);
    return status;
}

static void test_a_peer_killed_in_the_middle(void **state)
{
    (void)state;
    assert_int_equal(lead_against(SIGKILL, HEAD_WAIT_MS, "it has died or can't be reached (*)"), 0);
}

static void test_a_peer_that_falls_silent(void **state)
{
    (void)state;
    assert_int_equal(lead_against(SIGSTOP, 300, "nothing has come from it for * s"), 0);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(test_both_directions_and_both_at_once, start, stop),
        cmocka_unit_test_setup_teardown(test_a_device_is_chosen, start, stop),
        cmocka_unit_test_setup_teardown(test_tcp_beside_an_rdma_port_is_a_fallback, start, stop),
        cmocka_unit_test_setup_teardown(test_a_peer_that_does_not_come, start, stop),
        cmocka_unit_test(test_a_peer_killed_in_the_middle),
        cmocka_unit_test(test_a_peer_that_falls_silent),
    };

    const struct ucx_library *ucx;
    struct err err;

    (void)setenv("UCX_NET_DEVICES", "lo", 1);
    if (ucx_library_load(&ucx, &err) < 0) {
        (void)printf("skipped: %s\n", err.text);
        return 77;
    }
    return cmocka_run_group_tests(all, NULL, NULL);
}
