#include "ends.h"

#include <sys/resource.h>

#define COMPLAINT(ends) link_server_complaint((ends)->server)

/* The complaint without the address in front. */
static const char *complaint(const struct ends *ends)
{
    const char *text = strstr(COMPLAINT(ends), ": ");

    return text ? text + 2 : COMPLAINT(ends);
}

static void who_has_another_key_is_turned_away_without_a_byte(void **state)
{
    struct ends *ends = ends_new(), *other = ends_new();
    struct sockaddr_in addr = ends_address(ends);
    struct end client = {.ends = ends};

    (void)state;
    client.link = link_connect(ends->base, (const struct sockaddr *)&addr, sizeof(addr), other->key,
                               &end_watch, &client, NULL);
    ENDS_UNTIL(ends, client.downs);
    assert_string_equal(client.why, "closed by the peer without a word: it has another key, or is "
                                    "another program");
    assert_int_equal(client.ups, 0);
    assert_int_equal(ends->accepted_count, 0);
    assert_int_equal(link_server_strangers(ends->server), 1);
    assert_string_equal(complaint(ends), "does not have this run's key");
    ends_free(other);
    ends_free(ends);
}

static void garbage_gets_no_byte_and_is_closed_at_once(void **state)
{
    static const char *const garbage[] = {
        "GET / HTTP/1.1\r\nHost: n1\r\n\r\n",
        "\n",
        "1lt",
        ("1lt\n\1\0\0\0 a hello's beginning, and then nothing that one who has the key would say, "
         "on and on"),
    };
    struct ends *ends = ends_new();

    (void)state;
    ends->server->hello_ms = 50; /* for the third, which may still become one */
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        int fd = ends_socket(ends);

        send_all(fd, garbage[i], i == 3 ? HELLO_BYTES : strlen(garbage[i]));
        assert_int_equal(read_to_end(ends, fd, NULL, 0), 0);
        assert_int_equal(link_server_strangers(ends->server), i + 1);
        (void)close(fd);
    }
    assert_int_equal(ends->accepted_count, 0);
    ends_free(ends);
}

static void silence_ends_wherever_it_begins(void **state)
{
    struct ends *ends = ends_new();
    struct raw raw = {0};
    struct hello hello;
    struct ephemeral ephemeral;
    int fds[2];

    (void)state;
    ends->server->hello_ms = 50;
    ephemeral_new(&ephemeral);
    hello_make(&hello, WIRE_VERSION, ends->key, &ephemeral, NULL);
    fds[0] = ends_socket(ends);
    fds[1] = ends_socket(ends);
    send_all(fds[1], hello.bytes, HELLO_BYTES / 2);
    assert_int_equal(read_to_end(ends, fds[0], NULL, 0), 0);
    assert_int_equal(read_to_end(ends, fds[1], NULL, 0), 0);
    assert_string_equal(complaint(ends), "said nothing that counts in time");
    ends->server->hello_ms = LINK_HELLO_MS;
    raw_meet(ends, &raw); /* has the key, and then no more to say */
    ends->server->hello_ms = 0;
    event_active(&ends->server->tick, EV_TIMEOUT, 0);
    assert_int_equal(read_to_end(ends, raw.fd, NULL, 0), 0);
    assert_int_equal(link_server_strangers(ends->server), 3);
    assert_int_equal(ends->server->stranger_count, 0);
    assert_int_equal(ends->server->ephemeral_left, 0);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        (void)close(fds[i]);
    raw_done(&raw);
    ends_free(ends);
}

/* A client that is slow, not strange. */
static void a_hello_byte_by_byte_is_one_too(void **state)
{
    struct ends *ends = ends_new();
    struct ephemeral ephemeral;
    struct hello hello, reply;
    int fd = ends_socket(ends);

    (void)state;
    ephemeral_new(&ephemeral);
    hello_make(&hello, WIRE_VERSION, ends->key, &ephemeral, NULL);
    for (size_t i = 0; i < HELLO_BYTES; i++) {
        send_all(fd, hello.bytes + i, 1);
        ends_turn(ends);
    }
    ENDS_UNTIL(ends, recv(fd, reply.bytes, HELLO_BYTES, 0) == HELLO_BYTES);
    assert_true(hello_check(&reply, ends->key, &hello));
    (void)close(fd);
    ENDS_UNTIL(ends, link_server_strangers(ends->server) == 1);
    assert_string_equal(complaint(ends), "left in the middle of the handshake");
    ends_free(ends);
}

/* All that an honest client said, said again: while the server's ephemeral key is still the same,
 * which is the worst case. */
static void a_recorded_client_gets_no_session(void **state)
{
    const struct message message = {MSG_ACK, .ack = {1}};
    struct ends *ends = ends_new();
    struct raw raw = {0};
    struct buf bytes = {0}, text = {0};
    struct ephemeral then;
    int waits = ends_socket(ends), fd; /* a stranger keeps the ephemeral key alive */
    struct end *end;

    (void)state;
    ends->server->hello_ms = WAIT_MS; /* however slow this machine is */
    ENDS_UNTIL(ends, ends->server->stranger_count == 1);
    end = raw_up(ends, &raw);
    message_encode(&message, &bytes);
    raw_text(bytes.p, (uint32_t)bytes.len, &text);
    raw_say_frame(&raw, text.p, text.len);
    ENDS_UNTIL(ends, end->messages == 1);
    then = ends->server->ephemeral;
    ends->server->ephemeral_ms = link_now_ms() + WAIT_MS;
    fd = ends_socket(ends);
    send_all(fd, raw.said.p, raw.said.len);
    assert_int_equal(read_to_end(ends, fd, NULL, 0), HELLO_BYTES);
    assert_memory_equal(&then, &ends->server->ephemeral, sizeof(then));
    assert_string_equal(complaint(ends), "sent a hello that was recorded, or a broken frame");
    assert_int_equal(ends->accepted_count, 1);
    assert_int_equal(end->messages, 1);
    (void)close(fd);
    (void)close(waits);
    buf_done(&bytes);
    buf_done(&text);
    raw_done(&raw);
    ends_free(ends);
}

static void another_version_is_named_on_both_ends(void **state)
{
    struct ends *ends = ends_new();
    struct ephemeral ephemeral;
    struct hello hello, reply;
    struct end client = {0};
    int fd = ends_socket(ends);

    (void)state;
    ephemeral_new(&ephemeral);
    hello_make(&hello, 2, ends->key, &ephemeral, NULL);
    send_all(fd, hello.bytes, HELLO_BYTES);
    assert_int_equal(read_to_end(ends, fd, reply.bytes, HELLO_BYTES), HELLO_BYTES);
    assert_true(hello_check(&reply, ends->key, &hello));
    assert_int_equal(hello_version(&reply), 1);
    assert_string_equal(complaint(ends), "speaks protocol 2, this is 1");
    (void)close(fd);
    ends->server->version = 2;
    end_connect(ends, &client);
    ENDS_UNTIL(ends, client.downs);
    assert_string_equal(client.why, "speaks protocol 2, this is 1");
    assert_string_equal(complaint(ends), "speaks protocol 1, this is 2");
    assert_int_equal(link_server_strangers(ends->server), 2);
    ends_free(ends);
}

/* The version lies under the hash: nobody without the key can make two ends part over it. */
static void a_version_changed_on_the_way_is_no_version(void **state)
{
    struct ends *ends = ends_new();
    struct ephemeral ephemeral;
    struct hello hello;
    int fd = ends_socket(ends);

    (void)state;
    ephemeral_new(&ephemeral);
    hello_make(&hello, WIRE_VERSION, ends->key, &ephemeral, NULL);
    hello.bytes[4] ^= 2;
    send_all(fd, hello.bytes, HELLO_BYTES);
    assert_int_equal(read_to_end(ends, fd, NULL, 0), 0);
    assert_string_equal(complaint(ends), "does not have this run's key");
    (void)close(fd);
    ends_free(ends);
}

static void files_max(rlim_t count)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void silent_strangers_do_not_keep_a_peer_out(void **state)
{
    enum { PLACES = 20, STRANGERS = PLACES + 5 };
    struct ends *ends = ends_new();
    struct end client = {0};
    struct raw raw = {0};
    int fds[STRANGERS];
    char byte;

    (void)state;
    assert_true(ends->server->strangers_max >= 1);
    assert_true(ends->server->strangers_max <= LINK_STRANGERS_MAX);
    ends->server->strangers_max = PLACES;
    ends->server->hello_ms = WAIT_MS;
    raw_meet(ends, &raw); /* has shown the key: it keeps its place */
    for (size_t i = 0; i < STRANGERS; i++)
        fds[i] = ends_socket(ends);
    end_connect(ends, &client);
    ENDS_UNTIL(ends, client.ups == 1 && ends->accepted_count == 1);
    assert_true(ends->server->stranger_count <= PLACES);
    assert_true(link_server_strangers(ends->server) >= STRANGERS + 2 - PLACES);
    assert_int_equal(recv(fds[0], &byte, 1, 0), 0); /* the oldest has left */
    raw_say_frame(&raw, NULL, 0);
    ENDS_UNTIL(ends, ends->accepted_count == 2);
    for (size_t i = 0; i < STRANGERS; i++)
        (void)close(fds[i]);
    ENDS_UNTIL(ends, ends->server->stranger_count == 0);
    raw_done(&raw);
    link_close(client.link);
    ends_free(ends);
}

static void a_server_out_of_descriptors_waits_for_some(void **state)
{
    struct ends *ends = ends_new();
    struct end client = {0};
    struct rlimit limit;
    int next = dup(0);

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    (void)close(next);
    end_connect(ends, &client);
    files_max((rlim_t)next + 1); /* the client's was the last */
    ENDS_UNTIL(ends, COMPLAINT(ends)[0]);
    assert_string_equal(COMPLAINT(ends), "cannot accept: Too many open files");
    assert_int_equal(client.downs + ends->accepted_count, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ENDS_UNTIL(ends, client.ups == 1 && ends->accepted_count == 1);
    link_close(client.link);
    ends_free(ends);
}

static void free_the_server(struct end *end)
{
    link_server_free(end->ends->server);
    end->ends->server = NULL;
}

static void a_server_freed_by_its_own_callback_leaves_the_link(void **state)
{
    struct ends *ends = ends_new();
    const struct message message = {MSG_ACK, .ack = {5}};
    struct end client = {0};
    int stranger = ends_socket(ends);

    (void)state;
    ENDS_UNTIL(ends, ends->server->stranger_count == 1);
    ends->on_accepted = free_the_server;
    end_connect(ends, &client);
    ENDS_UNTIL(ends, ends->accepted_count == 1);
    assert_int_equal(link_send(ends->accepted[0].link, &message), 0);
    ENDS_UNTIL(ends, client.messages == 1);
    assert_int_equal(read_to_end(ends, stranger, NULL, 0), 0);
    (void)close(stranger);
    link_close(client.link);
    ends_free(ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_another_key_is_turned_away_without_a_byte),
        cmocka_unit_test(garbage_gets_no_byte_and_is_closed_at_once),
        cmocka_unit_test(silence_ends_wherever_it_begins),
        cmocka_unit_test(a_hello_byte_by_byte_is_one_too),
        cmocka_unit_test(a_recorded_client_gets_no_session),
        cmocka_unit_test(another_version_is_named_on_both_ends),
        cmocka_unit_test(a_version_changed_on_the_way_is_no_version),
        cmocka_unit_test(silent_strangers_do_not_keep_a_peer_out),
        cmocka_unit_test(a_server_out_of_descriptors_waits_for_some),
        cmocka_unit_test(a_server_freed_by_its_own_callback_leaves_the_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
