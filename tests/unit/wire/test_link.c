#include "ends.h"

static void send_number(struct link *link, uint64_t number)
{
    const struct message message = {MSG_ACK, .ack = {number}};

    assert_int_equal(link_send(link, &message), 0);
}

static void two_ends_with_one_key_come_up_and_talk(void **state)
{
    struct ends *ends = ends_new();
    struct end client = {0};
    char own[64];

    (void)state;
    end_connect(ends, &client);
    assert_int_equal(client.ups, 0); /* never from inside the call */
    assert_int_equal(link_send(client.link, &(struct message){MSG_ACK}), -ENOTCONN);
    ENDS_UNTIL(ends, client.ups == 1 && ends->accepted_count == 1);
    assert_int_equal(ends->accepted[0].ups, 0);
    send_number(client.link, 7);
    send_number(ends->accepted[0].link, 8);
    assert_true(link_queued(client.link) > 0);
    ENDS_UNTIL(ends, client.messages == 1 && ends->accepted[0].messages == 1);
    assert_int_equal(client.sum, 8);
    assert_int_equal(ends->accepted[0].sum, 7);
    assert_int_equal(link_queued(client.link), 0);
    assert_int_equal(link_own_address(client.link, own, sizeof(own)), 0);
    assert_string_equal(own, "127.0.0.1");
    assert_int_equal(strncmp(link_peer(ends->accepted[0].link), "127.0.0.1:", 10), 0);
    link_close(client.link);
    ENDS_UNTIL(ends, ends->accepted[0].downs == 1);
    assert_string_equal(ends->accepted[0].why, "closed by the peer");
    assert_int_equal(client.downs, 0);
    ends_free(ends);
}

static void a_thousand_messages_each_way_arrive_in_order(void **state)
{
    enum { COUNT = 1000 };
    struct ends *ends = ends_new();
    struct end client = {0};
    uint64_t sum = 0;

    (void)state;
    ends_pair(ends, &client);
    for (uint64_t i = 1; i <= COUNT; i++) {
        sum = sum * 31 + i;
        send_number(client.link, i);
        send_number(ends->accepted[0].link, i);
        if (i % 100 == 0)
            ends_turn(ends);
    }
    ENDS_UNTIL(ends, client.messages == COUNT && ends->accepted[0].messages == COUNT);
    assert_int_equal(client.sum, sum);
    assert_int_equal(ends->accepted[0].sum, sum);
    link_close(client.link);
    ends_free(ends);
}

static void what_is_encoded_already_is_sent_as_it_is(void **state)
{
    const struct message message = {MSG_ACK, .ack = {9}};
    struct ends *ends = ends_new();
    struct end client = {0};
    struct buf bytes = {0};

    (void)state;
    ends_pair(ends, &client);
    message_encode(&message, &bytes);
    assert_int_equal(link_send_encoded(client.link, (struct str){bytes.p, bytes.len}), 0);
    send_number(client.link, 1);
    ENDS_UNTIL(ends, ends->accepted[0].messages == 2);
    assert_int_equal(ends->accepted[0].sum, 9 * 31 + 1);
    buf_done(&bytes);
    link_close(client.link);
    ends_free(ends);
}

static void messages_of_one_turn_share_a_frame(void **state)
{
    struct ends *ends = ends_new();
    struct end client = {0};
    uint64_t before;

    (void)state;
    ends_pair(ends, &client);
    before = ends->accepted[0].link->receive.frames;
    for (uint64_t i = 0; i < 100; i++)
        send_number(client.link, i);
    ENDS_UNTIL(ends, ends->accepted[0].messages == 100);
    assert_int_equal(ends->accepted[0].link->receive.frames, before + 1);
    link_close(client.link);
    ends_free(ends);
}

static const char *large(size_t len)
{
    static char bytes[16 << 20];

    assert_true(len <= sizeof(bytes));
    return bytes;
}

static int send_bytes(struct link *link, size_t len)
{
    const struct message message = {MSG_STORE_UP, .store = {1, {large(len), len}}};

    return link_send(link, &message);
}

static void eight_mebibytes_are_a_message(void **state)
{
    const size_t len = (size_t)8 << 20;
    struct ends *ends = ends_new();
    struct end client = {0};

    (void)state;
    ends_pair(ends, &client);
    send_number(client.link, 1);
    assert_int_equal(send_bytes(client.link, len), 0);
    send_number(client.link, 2);
    ENDS_UNTIL(ends, ends->accepted[0].messages == 3);
    assert_int_equal(ends->accepted[0].bytes, len);
    assert_int_equal(ends->accepted[0].sum, 1 * 31 + 2);
    assert_null(client.link->out.p); /* an idle link holds no memory */
    assert_null(ends->accepted[0].link->in.p);
    link_close(client.link);
    ends_free(ends);
}

/* Nobody else reads; then the loop of this test does, and finds the rest of the queue moved. */
static void a_slow_reader_gets_it_all_in_order(void **state)
{
    enum { COUNT = 300 };
    struct ends *ends = ends_new();
    struct end client = {0};
    uint64_t sum = 0;

    (void)state;
    ends_pair(ends, &client);
    (void)event_del(&ends->accepted[0].link->read);
    for (uint64_t i = 1; i <= COUNT; i++) {
        assert_int_equal(send_bytes(client.link, 100000), 0);
        send_number(client.link, i);
        sum = sum * 31 + i;
        ends_turn(ends);
        if (i == COUNT / 2)
            (void)event_add(&ends->accepted[0].link->read, NULL);
    }
    ENDS_UNTIL(ends, ends->accepted[0].messages == 2 * COUNT);
    assert_int_equal(ends->accepted[0].sum, sum);
    link_close(client.link);
    ends_free(ends);
}

static void a_queue_that_grows_too_long_breaks_the_link(void **state)
{
    struct ends *ends = ends_new();
    struct end client = {0};
    int r = 0;

    (void)state;
    ends_pair(ends, &client);
    for (int i = 0; i < 100 && r == 0; i++) {
        assert_true(link_queued(client.link) <= LINK_QUEUE_MAX);
        r = send_bytes(client.link, (size_t)4 << 20);
    }
    assert_int_equal(r, -ENOBUFS);
    assert_int_equal(client.downs, 0); /* never from inside the call */
    assert_int_equal(link_send(client.link, &(struct message){MSG_ACK}), -ENOTCONN);
    ENDS_UNTIL(ends, client.downs == 1 && ends->accepted[0].downs == 1);
    assert_string_equal(client.why, "the peer does not read: too many bytes wait to be sent");
    ends_free(ends);
}

static void a_link_that_broke_can_still_be_closed_in_silence(void **state)
{
    struct ends *ends = ends_new();
    struct end client = {0};

    (void)state;
    ends_pair(ends, &client);
    while (send_bytes(client.link, (size_t)4 << 20) == 0)
        ;
    link_close(client.link);
    ENDS_UNTIL(ends, ends->accepted[0].downs == 1);
    ends_free(ends);
    assert_int_equal(client.downs, 0);
}

static void any_bit_flipped_in_a_frame_breaks_its_seal(void **state)
{
    struct ends *ends = ends_new();
    struct raw size = {0};
    struct buf text = {0}, frame = {0};

    (void)state;
    raw_text("\6\1\0\0\0\0\0\0\0", 9, &text);
    raw_seal(&size, text.p, text.len, &frame);
    for (size_t i = FRAME_HEAD_BYTES; i < frame.len; i++) {
        struct raw raw = {0};
        struct end *end = raw_up(ends, &raw);
        struct buf bent = {0};

        raw_seal(&raw, text.p, text.len, &bent);
        bent.p[i] ^= (char)(1 << i % 8);
        raw_say(&raw, bent.p, bent.len);
        ENDS_UNTIL(ends, end->downs);
        assert_string_equal(end->why, "a frame's seal is broken");
        assert_int_equal(end->messages, 0);
        buf_done(&bent);
        raw_done(&raw);
    }
    buf_done(&frame);
    buf_done(&text);
    ends_free(ends);
}

static void what_one_with_the_key_says_wrong_is_named(void **state)
{
    static const struct {
        const char *name, *text;
        size_t len;
        const char *why;
    } cases[] = {
        {"no such message", "\1\0\0\0\x4d", 5, "no message has the id 77"},
        {"a message cut off", "\3\0\0\0\6\1\2", 7, "ack: 6 bytes are missing in event"},
        {"no byte", "\0\0\0\0", 4, "a message without a byte"},
        {"more than the frame has", "\4\0\0\0\6\1\2", 7, "a frame ends in the middle of a message"},
        {"half a length", "\4\0\0", 3, "a frame ends in the middle of a message"},
    };
    struct ends *ends = ends_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct raw raw = {0};
        struct end *end = raw_up(ends, &raw);

        raw_say_frame(&raw, cases[i].text, cases[i].len);
        ENDS_UNTIL(ends, end->downs);
        if (strcmp(end->why, cases[i].why) != 0)
            fail_msg("%s: %s", cases[i].name, end->why);
        raw_done(&raw);
    }
    ends_free(ends);
}

static void a_frame_of_an_impossible_length_ends_the_link(void **state)
{
    static const uint32_t lengths[] = {0, CIPHER_SEAL_BYTES - 1, LINK_FRAME_BYTES_MAX + 1,
                                       UINT32_MAX};
    struct ends *ends = ends_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct raw raw = {0};
        struct end *end = raw_up(ends, &raw);

        raw_say(&raw, &lengths[i], sizeof(lengths[i]));
        ENDS_UNTIL(ends, end->downs);
        assert_string_equal(end->why, "a frame's length is out of bounds");
        raw_done(&raw);
    }
    ends_free(ends);
}

static void memory_grows_with_what_came_not_with_what_is_announced(void **state)
{
    const uint32_t announced = LINK_FRAME_BYTES_MAX;
    struct ends *ends = ends_new();
    struct raw raw = {0};
    struct end *end = raw_up(ends, &raw);

    (void)state;
    raw_say(&raw, &announced, sizeof(announced));
    raw_say(&raw, large(1000), 1000);
    ENDS_UNTIL(ends, end->link->in.len == 1004);
    assert_true(end->link->in.space < 4096);
    raw_done(&raw);
    ENDS_UNTIL(ends, end->downs);
    assert_string_equal(end->why, "closed by the peer in the middle of a frame");
    ends_free(ends);
}

static void two_hundred_links_talk_at_once(void **state)
{
    enum { LINKS = 200 };
    static struct end clients[LINKS];
    struct ends *ends = ends_new();
    unsigned up = 0, heard = 0;

    (void)state;
    for (size_t i = 0; i < LINKS; i++)
        end_connect(ends, &clients[i]);
    ENDS_UNTIL(ends, ends->accepted_count == LINKS);
    for (size_t i = 0; i < LINKS; i++) {
        up += clients[i].ups;
        send_number(clients[i].link, i);
        send_number(ends->accepted[i].link, i);
    }
    assert_int_equal(up, LINKS);
    for (size_t i = 0; i < LINKS; i++) {
        ENDS_UNTIL(ends, clients[i].messages && ends->accepted[i].messages);
        heard += (unsigned)clients[i].sum;
    }
    assert_int_equal(heard, LINKS * (LINKS - 1) / 2);
    assert_int_equal(link_server_strangers(ends->server), 0);
    for (size_t i = 0; i < LINKS; i++)
        link_close(clients[i].link);
    ends_free(ends);
    memset(clients, 0, sizeof(clients));
}

static void close_itself(struct end *end, const struct message *message)
{
    (void)message;
    link_close(end->link);
    end->link = NULL;
}

static void a_link_closed_in_its_own_callback_hears_no_more(void **state)
{
    struct ends *ends = ends_new();
    struct end client = {0};

    (void)state;
    ends_pair(ends, &client);
    ends->accepted[0].on_message = close_itself;
    for (uint64_t i = 0; i < 10; i++)
        send_number(client.link, i);
    ENDS_UNTIL(ends, client.downs);
    assert_string_equal(client.why, "closed by the peer");
    assert_int_equal(ends->accepted[0].messages, 1);
    assert_int_equal(ends->accepted[0].downs, 0);
    ends_free(ends);
}

static void close_accepted(struct end *end)
{
    link_close(end->link);
    end->link = NULL;
}

static void a_link_closed_when_it_is_accepted_goes(void **state)
{
    struct ends *ends = ends_new();
    struct end client = {0};

    (void)state;
    ends->on_accepted = close_accepted;
    end_connect(ends, &client);
    ENDS_UNTIL(ends, client.downs);
    assert_string_equal(client.why, "closed by the peer");
    ends_free(ends);
}

static void close_from_inside(struct link *link, void *data, const char *why)
{
    end_down(link, data, why);
    link_close(link);
}

static void closing_a_link_inside_its_down_changes_nothing(void **state)
{
    static const struct link_watch watch = {end_up, end_message, close_from_inside};
    struct ends *ends = ends_new();
    struct sockaddr_in addr = ends_address(ends);
    struct end client = {.ends = ends};

    (void)state;
    client.link = link_connect(ends->base, (const struct sockaddr *)&addr, sizeof(addr), ends->key,
                               &watch, &client, NULL);
    ENDS_UNTIL(ends, client.ups && ends->accepted_count);
    link_close(ends->accepted[0].link);
    ends->accepted[0].link = NULL;
    ENDS_UNTIL(ends, client.downs);
    ends_free(ends);
    assert_int_equal(client.downs, 1);
}

static void a_link_closed_before_it_is_up_says_nothing(void **state)
{
    struct ends *ends = ends_new();
    struct end client = {0};

    (void)state;
    end_connect(ends, &client);
    link_close(client.link);
    end_connect(ends, &client);
    ENDS_UNTIL(ends, client.link->state == LINK_ASKING);
    link_close(client.link);
    ENDS_UNTIL(ends, link_server_strangers(ends->server) == 2);
    assert_int_equal(client.ups + client.downs, 0);
    assert_int_equal(ends->accepted_count, 0);
    ends_free(ends);
}

/* Both ends have much to say when one of them leaves; what it said last comes through. */
static void what_was_queued_before_the_close_arrives(void **state)
{
    struct ends *ends = ends_new();
    struct end client = {0};

    (void)state;
    ends_pair(ends, &client);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(send_bytes(client.link, (size_t)1 << 20), 0);
        assert_int_equal(send_bytes(ends->accepted[0].link, (size_t)1 << 20), 0);
    }
    send_number(client.link, 77);
    link_close(client.link);
    ENDS_UNTIL(ends, ends->accepted[0].downs);
    assert_int_equal(ends->accepted[0].messages, 11);
    assert_int_equal(ends->accepted[0].sum, 77);
    ends_free(ends);
    assert_int_equal(client.downs, 0);
}

/* ends_free runs the loop until the closed link is gone: that must not take for ever. */
static void a_peer_that_reads_nothing_does_not_keep_a_closed_link(void **state)
{
    struct ends *ends = ends_new();
    struct raw raw = {0};
    struct end *end = raw_up(ends, &raw);
    int64_t begun = link_now_ms();

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(send_bytes(end->link, (size_t)4 << 20), 0);
    ends_free(ends);
    assert_true(link_now_ms() - begun < WAIT_MS);
    raw_done(&raw);
}

static void a_refusal_is_told_by_the_loop(void **state)
{
    struct ends *ends = ends_new();
    struct sockaddr_in addr = ends_address(ends);
    struct end client = {.ends = ends};

    (void)state;
    link_server_free(ends->server);
    ends->server = NULL;
    client.link = link_connect(ends->base, (const struct sockaddr *)&addr, sizeof(addr), ends->key,
                               &end_watch, &client, NULL);
    assert_non_null(client.link);
    assert_int_equal(client.downs, 0);
    ENDS_UNTIL(ends, client.downs);
    assert_string_equal(client.why, "connection refused");
    ends_free(ends);
}

/* What answers has not the key: at its first wrong byte, or when its hello is whole. */
static void a_client_is_not_taken_in_by_another_server(void **state)
{
    static const char other[] = "SSH-2.0-OpenSSH_9.2p1\r\n";
    struct ends *ends = ends_new();
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(bind(listener, (const struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    for (int i = 0; i < 2; i++) {
        struct end client = {.ends = ends};
        struct hello hello;
        int fd;

        client.link = link_connect(ends->base, (const struct sockaddr *)&addr, len, ends->key,
                                   &end_watch, &client, NULL);
        fd = accept(listener, NULL, NULL);
        ENDS_UNTIL(ends, client.link->state == LINK_ASKING);
        assert_int_equal(recv(fd, hello.bytes, HELLO_BYTES, MSG_WAITALL), HELLO_BYTES);
        if (i)
            send_all(fd, hello.bytes, HELLO_BYTES); /* its own, thrown back */
        else
            send_all(fd, other, sizeof(other));
        ENDS_UNTIL(ends, client.downs);
        assert_string_equal(client.why, i ? "the peer does not have this run's key"
                                          : "what answers there is another program");
        assert_int_equal(client.ups, 0);
        (void)close(fd);
    }
    (void)close(listener);
    ends_free(ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_ends_with_one_key_come_up_and_talk),
        cmocka_unit_test(a_thousand_messages_each_way_arrive_in_order),
        cmocka_unit_test(what_is_encoded_already_is_sent_as_it_is),
        cmocka_unit_test(messages_of_one_turn_share_a_frame),
        cmocka_unit_test(eight_mebibytes_are_a_message),
        cmocka_unit_test(a_slow_reader_gets_it_all_in_order),
        cmocka_unit_test(a_queue_that_grows_too_long_breaks_the_link),
        cmocka_unit_test(a_link_that_broke_can_still_be_closed_in_silence),
        cmocka_unit_test(any_bit_flipped_in_a_frame_breaks_its_seal),
        cmocka_unit_test(what_one_with_the_key_says_wrong_is_named),
        cmocka_unit_test(a_frame_of_an_impossible_length_ends_the_link),
        cmocka_unit_test(memory_grows_with_what_came_not_with_what_is_announced),
        cmocka_unit_test(two_hundred_links_talk_at_once),
        cmocka_unit_test(a_link_closed_in_its_own_callback_hears_no_more),
        cmocka_unit_test(a_link_closed_when_it_is_accepted_goes),
        cmocka_unit_test(closing_a_link_inside_its_down_changes_nothing),
        cmocka_unit_test(a_link_closed_before_it_is_up_says_nothing),
        cmocka_unit_test(what_was_queued_before_the_close_arrives),
        cmocka_unit_test(a_peer_that_reads_nothing_does_not_keep_a_closed_link),
        cmocka_unit_test(a_refusal_is_told_by_the_loop),
        cmocka_unit_test(a_client_is_not_taken_in_by_another_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
