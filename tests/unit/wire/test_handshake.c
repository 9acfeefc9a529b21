#include "wire/handshake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Two ends, and all that they say. */
struct talk {
    unsigned char key[LINK_KEY_BYTES];
    struct ephemeral client_secret, server_secret;
    struct hello client, server;
    struct cipher client_send, client_receive, server_send, server_receive;
};

static void talk(struct talk *talk)
{
    link_key_new(talk->key);
    ephemeral_new(&talk->client_secret);
    ephemeral_new(&talk->server_secret);
    hello_make(&talk->client, WIRE_VERSION, talk->key, &talk->client_secret, NULL);
    hello_make(&talk->server, WIRE_VERSION, talk->key, &talk->server_secret, &talk->client);
}

static void finish(struct talk *talk)
{
    assert_true(session_keys(false, talk->key, &talk->client_secret, &talk->client, &talk->server,
                             &talk->client_send, &talk->client_receive));
    assert_true(session_keys(true, talk->key, &talk->server_secret, &talk->client, &talk->server,
                             &talk->server_send, &talk->server_receive));
}

static bool same(const struct cipher *a, const struct cipher *b)
{
    return memcmp(a->key, b->key, CIPHER_KEY_BYTES) == 0;
}

static void both_ends_get_the_same_keys_and_one_for_each_way(void **state)
{
    struct talk t;

    (void)state;
    talk(&t);
    assert_true(hello_check(&t.client, t.key, NULL));
    assert_true(hello_check(&t.server, t.key, &t.client));
    finish(&t);
    assert_true(same(&t.client_send, &t.server_receive));
    assert_true(same(&t.server_send, &t.client_receive));
    assert_false(same(&t.client_send, &t.server_send));
}

static void a_hello_with_any_bit_changed_is_refused(void **state)
{
    struct talk t;

    (void)state;
    talk(&t);
    for (size_t bit = 0; bit < HELLO_BYTES * 8; bit++) {
        struct hello bent = t.client;

        bent.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(hello_check(&bent, t.key, NULL));
        bent = t.server;
        bent.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(hello_check(&bent, t.key, &t.client));
        bent = t.client; /* the answer to another hello */
        bent.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(hello_check(&t.server, t.key, &bent));
    }
}

static void a_hello_thrown_back_is_no_answer(void **state)
{
    struct talk t;

    (void)state;
    talk(&t);
    assert_false(hello_check(&t.client, t.key, &t.client));
    assert_false(hello_check(&t.server, t.key, NULL));
}

/* One ephemeral key of the server answers many; a recorded hello answered again is another session.
 */
static void the_same_ephemeral_keys_make_other_sessions(void **state)
{
    struct talk t;
    struct cipher first;

    (void)state;
    talk(&t);
    finish(&t);
    first = t.server_receive;
    hello_make(&t.server, WIRE_VERSION, t.key, &t.server_secret, &t.client);
    finish(&t);
    assert_false(same(&first, &t.server_receive));
}

static void who_has_the_run_key_alone_does_not_have_the_session(void **state)
{
    struct talk t;
    struct ephemeral other;
    struct cipher send, receive;

    (void)state;
    talk(&t);
    finish(&t);
    ephemeral_new(&other);
    assert_true(session_keys(false, t.key, &other, &t.client, &t.server, &send, &receive));
    assert_false(same(&send, &t.client_send));
    assert_false(same(&receive, &t.client_receive));
}

/* The point of order 1 would make a secret that everybody knows. */
static void an_ephemeral_key_without_a_secret_is_refused(void **state)
{
    struct talk t;
    struct cipher send, receive;

    (void)state;
    talk(&t);
    memset(t.client_secret.open, 0, sizeof(t.client_secret.open));
    hello_make(&t.client, WIRE_VERSION, t.key, &t.client_secret, NULL);
    assert_false(
        session_keys(true, t.key, &t.server_secret, &t.client, &t.server, &send, &receive));
}

static void frames_open_once_and_in_order(void **state)
{
    struct cipher send = {.key = {1}}, receive = {.key = {1}};
    unsigned char frames[3][FRAME_HEAD_BYTES + 2 + CIPHER_SEAL_BYTES], again[sizeof(frames[0])];

    (void)state;
    for (int i = 0; i < 3; i++) {
        frames[i][FRAME_HEAD_BYTES] = 'm';
        frames[i][FRAME_HEAD_BYTES + 1] = (unsigned char)i;
        cipher_seal(&send, frames[i], 2);
        assert_int_equal(cipher_frame_len(frames[i]), 2 + CIPHER_SEAL_BYTES);
    }
    memcpy(again, frames[0], sizeof(again));
    assert_true(cipher_open(&receive, frames[0]));
    assert_memory_equal(frames[0] + FRAME_HEAD_BYTES, "m\0", 2);
    assert_false(cipher_open(&receive, again));
    receive.frames = 1;
    assert_false(cipher_open(&receive, frames[2]));
}

static void a_key_is_printed_and_parsed(void **state)
{
    unsigned char key[LINK_KEY_BYTES], back[LINK_KEY_BYTES];
    char text[44];
    static const struct {
        const char *text, *err;
    } bad[] = {
        {"", "a run's key has 43 letters, here are 0"},
        {"abc", "a run's key has 43 letters, here are 3"},
        {"AAAAAAAAAAAAAAAAAAAAA+AAAAAAAAAAAAAAAAAAAAA", "a run's key is base64url, here is another "
                                                        "letter in it"},
        {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "a run's key is base64url, here is another "
                                                        "letter in it"},
    };

    (void)state;
    for (int i = 0; i < 100; i++) {
        link_key_new(key);
        link_key_print(key, text);
        assert_int_equal(strlen(text), 43);
        assert_int_equal(link_key_parse(str_of(text), back, NULL), 0);
        assert_memory_equal(key, back, sizeof(key));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};

        assert_int_equal(link_key_parse(str_of(bad[i].text), back, &err), -EINVAL);
        assert_string_equal(err.text, bad[i].err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_get_the_same_keys_and_one_for_each_way),
        cmocka_unit_test(a_hello_with_any_bit_changed_is_refused),
        cmocka_unit_test(a_hello_thrown_back_is_no_answer),
        cmocka_unit_test(the_same_ephemeral_keys_make_other_sessions),
        cmocka_unit_test(who_has_the_run_key_alone_does_not_have_the_session),
        cmocka_unit_test(an_ephemeral_key_without_a_secret_is_refused),
        cmocka_unit_test(frames_open_once_and_in_order),
        cmocka_unit_test(a_key_is_printed_and_parsed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
