/* The sockets of an attempt's store, with a real store behind them. */
#include "ranks/store_port.h"
#include "rendezvous/kv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_S  60
#define INCARNATION 7
#define CLIENTS     200
#define LARGE       (4u << 20)

struct world {
    struct event_base *base;
    struct store_port *port;
    struct kv *kv;
    struct buf down; /* what the store answered; given to the port between two turns */
    unsigned batches;
    uint16_t asked_port; /* of which somebody wanted to know the rank */
};

static void on_kv_send(void *data, uint32_t node, struct str bytes)
{
    struct world *w = data;

    (void)node;
    assert_int_equal(store_port_answer(w->port, bytes, NULL), 0);
}

/* The controller is far away: its answers come later, never from inside. */
static void on_up(void *data, struct str bytes)
{
    struct world *w = data;
    uint64_t len = bytes.len;

    w->batches++;
    buf_add(&w->down, (const char *)&len, sizeof(len));
    buf_add(&w->down, bytes.p, bytes.len);
}

static int64_t on_rank_of(void *data, uint16_t peer_port)
{
    ((struct world *)data)->asked_port = peer_port;
    return 1;
}

static void on_nothing(evutil_socket_t fd, short what, void *data)
{
    (void)fd, (void)what, (void)data;
}

static void turn(struct world *w)
{
    struct timeval tick = {0, 2000};
    struct kv_out out = {.data = w, .send = on_kv_send};
    struct buf batches = w->down;

    w->down = (struct buf){0};
    for (size_t at = 0; at < batches.len;) {
        uint64_t len;

        memcpy(&len, batches.p + at, sizeof(len));
        at += sizeof(len);
        assert_int_equal(
            kv_take(w->kv, 0, INCARNATION, (struct str){batches.p + at, len}, 0, &out, NULL), 0);
        at += len;
    }
    buf_done(&batches);
    (void)event_base_once(w->base, -1, EV_TIMEOUT, on_nothing, NULL, &tick);
    (void)event_base_loop(w->base, EVLOOP_ONCE);
}

static int setup(void **state)
{
    static const struct proxy_limits limits = {.world = 4, .first_rank = 2, .nproc = 2};
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    w->base = event_base_new();
    w->kv = kv_new(1, 1 << 28);
    w->port = store_port_open(
        w->base, INCARNATION, &limits, true,
        &(struct store_port_watch){.data = w, .up = on_up, .rank_of = on_rank_of}, NULL);
    assert_true(w->base && w->kv && w->port);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    store_port_free(w->port);
    kv_free(w->kv);
    event_base_free(w->base);
    buf_done(&w->down);
    free(w);
    return 0;
}

static int client(const struct world *w)
{
    static const char hello[] = {0, (char)0xce, (char)0xf7, (char)0x85, 0x3c};
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(store_port_number(w->port)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(write(fd, hello, sizeof(hello)), sizeof(hello));
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Both sides move until all is written. */
static void put(struct world *w, int fd, const struct buf *bytes)
{
    time_t end = time(NULL) + PATIENCE_S;

    for (size_t done = 0; done < bytes->len;) {
        ssize_t n = write(fd, bytes->p + done, bytes->len - done);

        assert_true(n > 0 || errno == EAGAIN);
        assert_true(time(NULL) <= end);
        if (n > 0)
            done += (size_t)n;
        else
            turn(w);
    }
}

static void get(struct world *w, int fd, void *out, size_t len)
{
    time_t end = time(NULL) + PATIENCE_S;

    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, (char *)out + done, len - done);

        assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        assert_true(time(NULL) <= end);
        if (n > 0)
            done += (size_t)n;
        else
            turn(w);
    }
}

static void add_text(struct buf *out, const char *text, size_t len)
{
    uint64_t number = len;

    buf_add(out, (const char *)&number, sizeof(number));
    buf_add(out, text, len);
}

static void add_request(struct buf *out, char code, const char *key)
{
    buf_add(out, &code, 1);
    add_text(out, key, strlen(key));
}

static void add_wait(struct buf *out, const char *key)
{
    uint64_t count = 1;

    buf_add(out, "\6", 1);
    buf_add(out, (const char *)&count, sizeof(count));
    add_text(out, key, strlen(key));
}

static void test_a_value_goes_from_one_client_to_another(void **state)
{
    struct world *w = *state;
    int a = client(w), b = client(w);
    char *value = malloc(LARGE), *got = malloc(LARGE);
    struct buf set = {0}, ask = {0}, wait = {0};
    char stop_waiting;
    uint64_t len;

    for (size_t i = 0; i < LARGE; i++)
        value[i] = (char)(i * 7 + i / 251);
    add_wait(&wait, "/large"); /* before it is there */
    put(w, b, &wait);
    for (int i = 0; i < 20; i++)
        turn(w);
    assert_int_equal(read(b, &stop_waiting, 1), -1);
    add_request(&set, 1, "/large"); /* SET */
    add_text(&set, value, LARGE);
    put(w, a, &set);
    get(w, b, &stop_waiting, 1);
    assert_int_equal(stop_waiting, 0);
    add_request(&ask, 3, "/large"); /* GET */
    put(w, b, &ask);
    get(w, b, &len, sizeof(len));
    assert_int_equal(len, LARGE);
    get(w, b, got, LARGE);
    assert_memory_equal(got, value, LARGE);
    (void)close(a);
    (void)close(b);
    free(value);
    free(got);
    buf_done(&wait);
    buf_done(&set);
    buf_done(&ask);
}

static void test_requests_of_a_turn_are_one_batch(void **state)
{
    struct world *w = *state;
    int fds[CLIENTS];
    struct buf add = {0};
    int64_t one = 1, number, sum = 0;

    add_request(&add, 4, "/counter"); /* ADD */
    buf_add(&add, (const char *)&one, sizeof(one));
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = client(w);
    for (int i = 0; i < 20; i++)
        turn(w); /* all are accepted */
    w->batches = 0;
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(write(fds[i], add.p, add.len), add.len);
    for (int i = 0; i < CLIENTS; i++) {
        get(w, fds[i], &number, sizeof(number));
        assert_true(number >= 1 && number <= CLIENTS);
        sum += number; /* each has a number of its own */
        (void)close(fds[i]);
    }
    assert_int_equal(sum, CLIENTS * (CLIENTS + 1) / 2);
    assert_true(w->batches < CLIENTS / 2);
    buf_done(&add);
}

/* Who asks and does not read is not read from either, and loses nothing when it reads later. */
static void test_a_slow_reader_waits_for_itself(void **state)
{
    struct world *w = *state;
    int slow = client(w), quick = client(w);
    char *value = calloc(1, LARGE), byte;
    struct buf set = {0}, ask = {0}, ping = {0};
    uint64_t len;
    uint32_t nonce = 9, echo;

    add_request(&set, 1, "/large");
    add_text(&set, value, LARGE);
    put(w, slow, &set);
    add_request(&ask, 3, "/large");
    for (int i = 0; i < 8; i++)
        put(w, slow, &ask);
    for (int i = 0; i < 50; i++)
        turn(w);
    buf_add(&ping, "\15", 1); /* PING */
    buf_add(&ping, (const char *)&nonce, sizeof(nonce));
    put(w, quick, &ping);
    get(w, quick, &echo, sizeof(echo));
    assert_int_equal(echo, nonce);
    for (int i = 0; i < 8; i++) {
        get(w, slow, &len, sizeof(len));
        assert_int_equal(len, LARGE);
        get(w, slow, value, LARGE);
    }
    assert_int_equal(read(slow, &byte, 1), -1);
    (void)close(slow);
    (void)close(quick);
    free(value);
    buf_done(&set);
    buf_done(&ask);
    buf_done(&ping);
}

static void test_garbage_is_hung_up_on(void **state)
{
    struct world *w = *state;
    struct buf garbage = {0};
    int fd = client(w), well = client(w);
    struct buf ping = {0};
    uint32_t echo;
    char byte;
    time_t end = time(NULL) + PATIENCE_S;
    ssize_t n;

    buf_add(&garbage, "\377\377\377\377\377\377\377\377\377", 9);
    put(w, fd, &garbage);
    while ((n = read(fd, &byte, 1)) != 0 && !(n < 0 && errno == ECONNRESET)) {
        assert_true(n < 0 && errno == EAGAIN);
        assert_true(time(NULL) <= end);
        turn(w);
    }
    buf_add(&ping, "\15abcd", 5);
    put(w, well, &ping);
    get(w, well, &echo, sizeof(echo)); /* others did not notice */
    (void)close(fd);
    (void)close(well);
    buf_done(&garbage);
    buf_done(&ping);
}

static void test_whose_connection_it_is_is_found_later(void **state)
{
    struct world *w = *state;
    struct str waits[2];
    struct buf ask = {0};
    int fd = client(w);
    time_t end = time(NULL) + PATIENCE_S;

    add_wait(&ask, "/never");
    put(w, fd, &ask);
    assert_false(store_port_connected(w->port, 1));
    for (; !store_port_connected(w->port, 1); turn(w))
        assert_true(time(NULL) <= end);
    assert_int_not_equal(w->asked_port, 0);
    assert_false(store_port_connected(w->port, 0));
    store_port_waits(w->port, waits);
    assert_int_equal(waits[0].len, 0);
    assert_non_null(memmem(waits[1].p, waits[1].len, "never", 5));
    (void)close(fd);
    buf_done(&ask);
}

static void test_pmi_clients_are_known_at_once(void **state)
{
    struct world *w = *state;
    static const char hello[] = "cmd=init pmi_version=1 pmi_subversion=1\n";
    char answer[4];
    int fd = store_port_pmi(w->port, 0, NULL);

    assert_true(fd >= 0);
    assert_false(store_port_connected(w->port, 0));
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(write(fd, hello, strlen(hello)), strlen(hello));
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    get(w, fd, answer, sizeof(answer));
    assert_memory_equal(answer, "cmd=", 4);
    assert_true(store_port_connected(w->port, 0));
    (void)close(fd);
    for (int i = 0; i < 5; i++)
        turn(w);
}

int main(void)
{
#define PORT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    static const struct CMUnitTest tests[] = {
        PORT_TEST(test_a_value_goes_from_one_client_to_another),
        PORT_TEST(test_requests_of_a_turn_are_one_batch),
        PORT_TEST(test_a_slow_reader_waits_for_itself),
        PORT_TEST(test_garbage_is_hung_up_on),
        PORT_TEST(test_whose_connection_it_is_is_found_later),
        PORT_TEST(test_pmi_clients_are_known_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
