/* What the hub says to whom, without sockets and with a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coll/hub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TOKEN 0x1234567890abcdefu
#define SIZE  3

static int put(struct hub *hub, size_t slot, enum hub_kind kind, const void *bytes, uint32_t len,
               int64_t now_ms)
{
    const struct hub_head head = {kind, len};
    char message[256];

    memcpy(message, &head, sizeof(head));
    if (len > 0)
        memcpy(message + sizeof(head), bytes, len);
    return hub_feed(hub, slot, message, sizeof(head) + len, now_ms);
}

static int hello(struct hub *hub, size_t slot, uint32_t rank, int64_t now_ms)
{
    const struct hub_hello hello = {TOKEN, rank, SIZE};

    hub_accept(hub, slot, now_ms);
    return put(hub, slot, HUB_HELLO, &hello, sizeof(hello), now_ms);
}

static int blame(struct hub *hub, size_t slot, uint32_t rank, enum fall_why why, int64_t now_ms)
{
    const struct fall fall = {.rank = rank, .why = why};

    return put(hub, slot, HUB_BLAME, &fall, sizeof(fall), now_ms);
}

/* Ranks 0, 1, 2 in the slots 0, 5, 6. */
static const size_t slot_of[SIZE] = {0, 5, 6};

static struct hub *hub_of_three(void)
{
    struct hub *hub = hub_new(SIZE, TOKEN, 20000, 0);

    assert_non_null(hub);
    for (uint32_t i = 0; i < SIZE; i++)
        assert_int_equal(hello(hub, slot_of[i], i, 0), 0);
    return hub;
}

/* Take the next message, a few bytes at a time. Its kind; 0: there is none. */
static uint32_t next(struct hub *hub, size_t slot, char *bytes, size_t *len)
{
    struct hub_head head = {0};
    char *at = (char *)&head;
    size_t want = sizeof(head), got = 0;
    bool body = false;

    for (;;) {
        struct str out = hub_output(hub, slot);
        size_t n = out.len < 3 ? out.len : 3;

        n = n < want - got ? n : want - got;
        if (want > got && n == 0) {
            assert_true(got == 0 && !body);
            return 0;
        }
        memcpy(at + got, out.p, n);
        hub_sent(hub, slot, n);
        got += n;
        if (got < want)
            continue;
        if (body || head.bytes == 0)
            break;
        at = bytes;
        want = head.bytes;
        got = 0;
        body = true;
        assert_true(want <= 256);
    }
    *len = head.bytes;
    return head.kind;
}

/* The next thing that a rank hears is who fell. */
static void assert_hears(struct hub *hub, size_t slot, const char *text)
{
    struct fall fall;
    struct err err;
    char bytes[256];
    size_t len;

    assert_int_equal(next(hub, slot, bytes, &len), HUB_VERDICT);
    assert_int_equal(len, sizeof(fall));
    memcpy(&fall, bytes, sizeof(fall));
    (void)fall_say(&fall, &err);
    assert_string_equal(err.text, text);
}

static void assert_silent(struct hub *hub)
{
    for (size_t i = 0; i < SIZE; i++)
        assert_int_equal(hub_output(hub, slot_of[i]).len, 0);
}

static void all_get_the_list_of_all_cards(void **state)
{
    static const char list[] = "\3\0\0\0abc\0\0\0\0\2\0\0\0de";
    struct hub *hub = hub_of_three();

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(put(hub, 6, HUB_CARD, "de", 2, 0), 0);
        assert_int_equal(put(hub, 0, HUB_CARD, "abc", 3, 0), 0);
        assert_silent(hub);
        assert_int_equal(put(hub, 5, HUB_CARD, "", 0, 0), 0);
        for (size_t i = 0; i < SIZE; i++) {
            char bytes[256];
            size_t len;

            assert_int_equal(next(hub, slot_of[i], bytes, &len), HUB_LIST);
            assert_int_equal(len, sizeof(list) - 1);
            assert_memory_equal(bytes, list, len);
        }
        assert_int_equal(hub_tick(hub, 1000000), -1); /* nobody is late for a round not begun */
    }
    hub_free(hub);
}

static void it_does_not_matter_how_bytes_are_cut(void **state)
{
    char message[64];
    const struct hub_head heads[] = {{HUB_HELLO, sizeof(struct hub_hello)}, {HUB_CARD, 1}};
    const struct hub_hello first = {TOKEN, 0, 1};
    size_t len = 0;

    (void)state;
    memcpy(message + len, &heads[0], 8);
    memcpy(message + len + 8, &first, sizeof(first));
    len += 8 + sizeof(first);
    memcpy(message + len, &heads[1], 8);
    message[len + 8] = 'x';
    len += 9;
    for (size_t cut = 0; cut <= len; cut++) {
        struct hub *hub = hub_new(1, TOKEN, 1000, 0);
        char bytes[256];
        size_t n;

        hub_accept(hub, 0, 0);
        assert_int_equal(hub_feed(hub, 0, message, cut, 0), 0);
        assert_int_equal(hub_output(hub, 0).len > 0, cut == len);
        assert_int_equal(hub_feed(hub, 0, message + cut, len - cut, 0), 0);
        assert_int_equal(next(hub, 0, bytes, &n), HUB_LIST);
        assert_memory_equal(bytes, "\1\0\0\0x", 5);
        hub_free(hub);
    }
}

static void nonsense_ends_a_connection(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t len;
    } cases[] = {
        {"no kind", "\0\0\0\0\0\0\0\0", 8},
        {"a kind there is not", "\11\0\0\0\0\0\0\0", 8},
        {"the hub's own kind", "\5\0\0\0\0\0\0\0", 8},
        {"hello again", "\1\0\0\0\20\0\0\0", 8},
        {"a card that is too long", "\2\0\0\0\0\0\1\0", 8},
        {"half a blame", "\3\0\0\0\4\0\0\0\0\0\0\0", 12},
        {"blames a rank there is not", "\3\0\0\0\14\0\0\0\3\0\0\0\4\0\0\0\0\0\0\0", 20},
        {"blames for what it can't know", "\3\0\0\0\14\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0", 20},
        {"leaves with words", "\4\0\0\0\1\0\0\0x", 9},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct hub *hub = hub_of_three();

        if (hub_feed(hub, 5, cases[i].bytes, cases[i].len, 0) >= 0)
            fail_msg("%s is taken", cases[i].name);
        hub_lost(hub, 5, FALL_FAILED);
        assert_hears(hub, 0, "rank 1 has failed");
        hub_free(hub);
    }
}

static void strangers_get_nothing(void **state)
{
    struct hub *hub = hub_new(SIZE, TOKEN, 20000, 0);
    struct hub_hello wrong = {TOKEN + 1, 1, SIZE};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        hub_accept(hub, 4, 0);
        assert_int_equal(put(hub, 4, HUB_HELLO, &wrong, sizeof(wrong), 0), -EPROTO);
        hub_lost(hub, 4, FALL_FAILED);
        wrong =
            i == 0 ? (struct hub_hello){TOKEN, 1, SIZE + 1} : (struct hub_hello){TOKEN, 3, SIZE};
    }
    hub_accept(hub, 4, 100);
    assert_int_equal(put(hub, 4, HUB_CARD, "x", 1, 100), -EPROTO);
    assert_false(hub_is_stale(hub, 4, 100 + HUB_STRANGER_MS));
    assert_true(hub_is_stale(hub, 4, 101 + HUB_STRANGER_MS));
    hub_lost(hub, 4, FALL_DIED);
    assert_int_equal(hello(hub, 0, 0, 0), 0);
    assert_int_equal(hub_output(hub, 0).len, 0);
    assert_int_equal(hello(hub, 7, 0, 0), 0);
    assert_int_equal(put(hub, 7, HUB_CARD, "x", 1, 0), 0); /* it may not have read that yet */
    assert_hears(hub, 7, "rank 0 is taken: another process is it already");
    assert_int_equal(put(hub, 7, HUB_CARD, "x", 1, 0), 0);
    assert_true(hub_is_stale(hub, 7, 1 + HUB_STRANGER_MS));
    hub_free(hub);
}

static void a_connection_that_ends_is_a_death_unless_it_has_said_goodbye(void **state)
{
    struct hub *hub = hub_of_three();

    (void)state;
    assert_int_equal(put(hub, 5, HUB_CARD, "x", 1, 0), 0);
    hub_lost(hub, 5, FALL_DIED);
    hub_lost(hub, 6, FALL_GONE); /* the first counts */
    assert_hears(hub, 0, "rank 1 has died");
    assert_int_equal(hub_output(hub, 0).len, 0);
    assert_int_equal(hello(hub, 9, 2, 0), 0);
    assert_hears(hub, 9, "rank 1 has died"); /* who comes later hears it too */
    hub_free(hub);

    hub = hub_of_three();
    assert_int_equal(put(hub, 6, HUB_LEAVE, NULL, 0, 0), 0);
    hub_lost(hub, 6, FALL_DIED);
    assert_hears(hub, 0, "rank 2 has left the group");
    assert_int_equal(put(hub, 0, HUB_LEAVE, NULL, 0, 0), 0);
    assert_int_equal(hub_output(hub, 0).len, 0);
    /* That may have been well; this is not. */
    hub_lost(hub, 5, FALL_GONE);
    assert_hears(hub, 0, "rank 1 has died or can't be reached: its host does not answer");
    hub_free(hub);
}

static void who_has_left_too_early_stays_the_first(void **state)
{
    struct hub *hub = hub_of_three();

    (void)state;
    assert_int_equal(put(hub, 6, HUB_LEAVE, NULL, 0, 0), 0);
    hub_lost(hub, 6, FALL_DIED);
    assert_int_equal(blame(hub, 5, 2, FALL_EARLY, 0), 0);
    assert_int_equal(put(hub, 5, HUB_LEAVE, NULL, 0, 0), 0);
    hub_lost(hub, 5, FALL_DIED);
    assert_hears(hub, 0, "rank 2 has left the group");
    assert_hears(hub, 0, "rank 2 has left the group");
    assert_int_equal(hub_output(hub, 0).len, 0);
    assert_int_equal(blame(hub, 0, 1, FALL_UNREACHED, 0), 0);
    assert_hears(hub, 0, "rank 2 has left the group");
    hub_free(hub);
}

static void a_verdict_does_not_overtake_the_list(void **state)
{
    struct hub *hub = hub_of_three();
    char bytes[256];
    size_t len;

    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        assert_int_equal(put(hub, slot_of[i], HUB_CARD, "x", 1, 0), 0);
    hub_sent(hub, 0, 1);
    hub_lost(hub, 6, FALL_DIED);
    hub_sent(hub, 0, 7);
    assert_int_equal(hub_output(hub, 0).len, 15);                /* the rest of the list */
    assert_int_equal(put(hub, 0, HUB_CARD, "y", 1, 0), -EPROTO); /* it can't have read it yet */
    assert_int_equal(next(hub, 5, bytes, &len), HUB_LIST);
    assert_hears(hub, 5, "rank 2 has died");
    hub_free(hub);
}

static void what_a_rank_says_of_itself_counts(void **state)
{
    struct hub *hub = hub_of_three();

    (void)state;
    assert_int_equal(blame(hub, 5, 1, FALL_FAILED, 0), 0);
    assert_int_equal(blame(hub, 6, 2, FALL_FAILED, 0), 0);
    for (size_t k = 0; k < SIZE; k++)
        assert_hears(hub, slot_of[k], "rank 1 has failed");
    assert_silent(hub);
    hub_free(hub);
}

/* Rank 0 waits for rank 1, which waits for rank 2: whoever says so first, it is rank 2. */
static void who_waits_for_another_is_not_the_one_that_is_stuck(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct hub *hub = hub_of_three();

        for (size_t i = 0; i < SIZE; i++) {
            assert_int_equal(put(hub, slot_of[i], HUB_CARD, "", 0, 0), 0);
        }
        for (size_t i = 0; i < SIZE; i++)
            hub_sent(hub, slot_of[i], hub_output(hub, slot_of[i]).len);
        assert_int_equal(blame(hub, slot_of[first], 1 + (uint32_t)first, FALL_STUCK, 100), 0);
        assert_int_equal(blame(hub, slot_of[1 - first], 2 - (uint32_t)first, FALL_STUCK, 300), 0);
        (void)hub_tick(hub, first ? 99 + HUB_SUSPECT_MS : 299 + HUB_SUSPECT_MS);
        assert_silent(hub);
        (void)hub_tick(hub, 300 + HUB_SUSPECT_MS);
        for (size_t k = 0; k < SIZE; k++)
            assert_hears(hub, slot_of[k], "rank 2 lives, but has sent nothing for too long");
        hub_free(hub);
    }
}

/* Rank 1 has left because of rank 2, which rank 0 does not know yet. */
static void a_rank_that_cannot_be_reached_may_be_a_victim(void **state)
{
    struct hub *hub = hub_of_three();

    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        assert_int_equal(put(hub, slot_of[i], HUB_CARD, "", 0, 0), 0);
    for (size_t i = 0; i < SIZE; i++)
        hub_sent(hub, slot_of[i], hub_output(hub, slot_of[i]).len);
    assert_int_equal(blame(hub, 0, 1, FALL_UNREACHED, 100), 0);
    assert_silent(hub);
    assert_int_equal(hub_tick(hub, 200), HUB_SUSPECT_MS - 100);
    hub_lost(hub, 6, FALL_DIED);
    assert_int_equal(put(hub, 5, HUB_LEAVE, NULL, 0, 300), 0);
    assert_int_equal(hub_tick(hub, 100 + HUB_SUSPECT_MS), -1);
    assert_hears(hub, 0, "rank 2 has died");
    assert_int_equal(blame(hub, 0, 1, FALL_UNREACHED, 900), 0);
    assert_hears(hub, 0, "rank 2 has died"); /* it asks again, and hears it again */
    assert_int_equal(hub_output(hub, 0).len, 0);
    hub_free(hub);

    hub = hub_of_three();
    assert_int_equal(blame(hub, 0, 1, FALL_UNREACHED, 100), 0);
    (void)hub_tick(hub, 100 + HUB_SUSPECT_MS);
    assert_hears(hub, 6, "rank 1 has died or can't be reached by rank 0");
    hub_free(hub);
}

static void who_is_late_is_named_to_all_who_came(void **state)
{
    struct hub *hub = hub_new(SIZE, TOKEN, 20000, 1000);
    struct hub_waiting waiting;
    char bytes[256];
    size_t len;

    (void)state;
    assert_int_equal(hello(hub, 0, 0, 1000), 0);
    assert_int_equal(hello(hub, 6, 2, 1000), 0);
    assert_int_equal(put(hub, 0, HUB_CARD, "x", 1, 1000), 0);
    assert_int_equal(hub_tick(hub, 1000), HUB_NOTE_MS);
    assert_int_equal(hub_tick(hub, 1000 + HUB_NOTE_MS), 20000 - HUB_NOTE_MS);
    assert_int_equal(hub_output(hub, 6).len, 0);
    assert_int_equal(next(hub, 0, bytes, &len), HUB_WAITING);
    memcpy(&waiting, bytes, sizeof(waiting));
    assert_int_equal(waiting.rank, 1);
    assert_int_equal(waiting.missing, 2); /* rank 2 is there, but has no card yet */
    assert_int_equal(put(hub, 6, HUB_CARD, "y", 1, 9000), 0);
    (void)hub_tick(hub, 20999);
    assert_silent(hub);
    assert_int_equal(hub_tick(hub, 21000), -1);
    assert_hears(hub, 0, "rank 1 has not come in time");
    assert_hears(hub, 6, "rank 1 has not come in time");
    hub_free(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_get_the_list_of_all_cards),
        cmocka_unit_test(it_does_not_matter_how_bytes_are_cut),
        cmocka_unit_test(nonsense_ends_a_connection),
        cmocka_unit_test(strangers_get_nothing),
        cmocka_unit_test(a_connection_that_ends_is_a_death_unless_it_has_said_goodbye),
        cmocka_unit_test(who_has_left_too_early_stays_the_first),
        cmocka_unit_test(a_verdict_does_not_overtake_the_list),
        cmocka_unit_test(what_a_rank_says_of_itself_counts),
        cmocka_unit_test(who_waits_for_another_is_not_the_one_that_is_stuck),
        cmocka_unit_test(a_rank_that_cannot_be_reached_may_be_a_victim),
        cmocka_unit_test(who_is_late_is_named_to_all_who_came),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
