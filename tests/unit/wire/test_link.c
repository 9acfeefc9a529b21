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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_ends_with_one_key_come_up_and_talk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
