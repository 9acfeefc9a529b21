#include "rendezvous/pmi.h"

#include "rendezvous/kv.h"
#include "rendezvous/proxy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void lines_become_commands(void **state)
{
    static const struct {
        const char *lines;
        enum pmi_verb verb;
        const char *key, *value, *err;
    } cases[] = {
        {"cmd=init pmi_version=1 pmi_subversion=1\n", PMI_INIT, "", "", NULL},
        {"cmd=put kvsname=k key=a value=x y z\n", PMI_PUT, "a", "x y z", NULL},
        {"cmd=put kvsname=k key=a value=\n", PMI_PUT, "a", "", NULL},
        {"cmd=get kvsname=k key=-bcast-1\n", PMI_GET, "-bcast-1", "", NULL},
        {"cmd=finalize\n", PMI_FINALIZE, "", "", NULL},
        {"mcmd=spawn\nnprocs=1\ncmd=get key=inside\nendcmd\n", PMI_SPAWN, "", "", NULL},
        {"cmd=dance\n", PMI_UNKNOWN, "", "", NULL},
        {"cmd=get\n", 0, "", "", "PMI: a get without a key"},
        {"cmd=put key=a\n", 0, "", "", "PMI: a put without key and value"},
        {"hello\n", 0, "", "", "PMI: a line without cmd=: hello"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pmi *pmi = pmi_new(0);
        struct pmi_command command;
        struct err err;
        const char *p = cases[i].lines;
        int r = 0;

        for (; *p && r == 0; p++) { /* a byte at a time */
            assert_int_equal(pmi_feed(pmi, (struct str){p, 1}), 0);
            r = pmi_next(pmi, &command, &err);
        }
        assert_int_equal(*p, '\0');
        assert_int_equal(r, cases[i].err ? -EPROTO : 1);
        if (cases[i].err) {
            assert_string_equal(err.text, cases[i].err);
        } else {
            assert_int_equal(command.verb, cases[i].verb);
            assert_true(str_is(command.key, cases[i].key));
            assert_true(str_is(command.value, cases[i].value));
        }
        pmi_free(pmi);
    }
}

static void on_reply(void *data, void *client_data, struct str bytes)
{
    (void)data;
    buf_add(client_data, bytes.p, bytes.len);
}

static void on_hang_up(void *data, void *client_data, const char *why)
{
    (void)data;
    buf_printf(client_data, "hung up: %s", why);
}

static struct buf up, down;

static void on_up(void *data, struct str bytes)
{
    (void)data;
    buf_clear(&up);
    buf_add(&up, bytes.p, bytes.len);
}

static void on_send(void *data, uint32_t node, struct str bytes)
{
    (void)data, (void)node;
    buf_clear(&down);
    buf_add(&down, bytes.p, bytes.len);
}

/* One turn: up with what was asked, down with what was said. */
static void turn(struct proxy *proxy, struct kv *kv, int64_t now_ms)
{
    const struct kv_out out = {NULL, NULL, on_send};
    struct err err;

    buf_clear(&up);
    buf_clear(&down);
    proxy_flush(proxy);
    if (up.len)
        assert_int_equal(kv_take(kv, 0, 1, (struct str){up.p, up.len}, now_ms, &out, &err), 0);
    (void)kv_tick(kv, now_ms, &out);
    if (down.len)
        assert_int_equal(proxy_answer(proxy, (struct str){down.p, down.len}, &err), 0);
}

static void say(struct proxy *proxy, struct proxy_client *client, const char *text)
{
    proxy_take(proxy, client, str_of(text));
}

static void every_node_tells_the_same_mapping(void **state)
{
    static const struct {
        struct proxy_limits limits; /* world, first rank, ranks here, node */
        const char *want;
    } cases[] = {
        {{8, 0, 2, 0}, "(vector,(0,4,2))"},         {{8, 6, 2, 3}, "(vector,(0,4,2))"},
        {{7, 0, 2, 0}, "(vector,(0,3,2),(3,1,1))"}, {{7, 6, 1, 3}, "(vector,(0,3,2),(3,1,1))"},
        {{1, 0, 1, 0}, "(vector,(0,1,1))"},         {{2, 0, 3, 0}, "(vector,(0,1,2))"},
        {{5, 5, 0, 3}, "(vector,(0,5,1))"},
    };
    static const struct proxy_out out = {NULL, on_reply, on_hang_up, on_up};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct proxy *proxy = proxy_new(1, &cases[i].limits, &out);
        struct buf got = {0};
        struct proxy_client *client = proxy_pmi_new(proxy, &got, cases[i].limits.first_rank);
        struct str value;

        say(proxy, client, "cmd=get kvsname=k key=PMI_process_mapping\n");
        value = str_of(got.p);
        assert_int_equal(str_find(value, cases[i].want), str_find(value, "(vector"));
        assert_true(str_find(value, cases[i].want) > 0);
        proxy_client_gone(proxy, client);
        proxy_free(proxy);
        buf_done(&got);
    }
}

static int aborted;

static void on_aborted(void *data, void *client_data, int exit_code)
{
    (void)data;
    assert_non_null(client_data);
    aborted = exit_code;
}

static void an_abort_is_told_with_its_code_and_not_answered(void **state)
{
    static const struct proxy_limits limits = {1, 0, 1};
    static const struct {
        const char *line;
        int code;
    } cases[] = {
        {"cmd=abort exitcode=7\n", 7},   {"cmd=abort exitcode=-1\n", 255},
        {"cmd=abort exitcode=256\n", 1}, {"cmd=abort exitcode=0\n", 1},
        {"cmd=abort exitcode=x\n", 1},   {"cmd=abort\n", 1},
    };
    struct proxy_out out = {NULL, on_reply, on_hang_up, on_up, on_aborted};

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        struct proxy *proxy;
        struct buf got = {0};
        struct proxy_client *client;

        out.aborted = i % 2 ? NULL : on_aborted;
        proxy = proxy_new(1, &limits, &out);
        client = proxy_pmi_new(proxy, &got, 0);
        aborted = 0;
        say(proxy, client, cases[i / 2].line);
        assert_int_equal(aborted, i % 2 ? 0 : cases[i / 2].code);
        assert_int_equal(got.len, 0);
        proxy_client_gone(proxy, client);
        proxy_free(proxy);
        buf_done(&got);
    }
}

static void ranks_meet_in_barriers(void **state)
{
    static const struct proxy_limits limits = {2, 0, 2};
    static const struct proxy_out out = {NULL, on_reply, on_hang_up, on_up};
    struct proxy *proxy = proxy_new(1, &limits, &out);
    struct kv *kv = kv_new(1, 1 << 20);
    struct buf got[2] = {{0}, {0}};
    struct proxy_client *a = proxy_pmi_new(proxy, &got[0], 0);
    struct proxy_client *b = proxy_pmi_new(proxy, &got[1], 1);
    struct str key;
    int64_t since;

    (void)state;
    say(proxy, a, "cmd=put kvsname=k key=addr value=one two\ncmd=barrier_in\n");
    assert_string_equal(got[0].p, "cmd=put_result rc=0 msg=success\n");
    for (int i = 1; i < 4; i++)
        turn(proxy, kv, i * 1000);
    assert_string_equal(got[0].p, "cmd=put_result rc=0 msg=success\n");
    assert_true(proxy_client_waits(a, &key, &since));
    assert_true(str_is(key, "pmi-barrier"));
    say(proxy, b, "cmd=barrier_in\n");
    for (int i = 4; i < 8; i++)
        turn(proxy, kv, i * 1000);
    assert_string_equal(got[1].p, "cmd=barrier_out rc=0\n");
    assert_non_null(strstr(got[0].p, "cmd=barrier_out rc=0\n"));
    assert_false(proxy_client_waits(a, &key, &since));
    buf_clear(&got[1]);
    say(proxy, b, "cmd=get kvsname=k key=addr\n");
    turn(proxy, kv, 9000);
    assert_string_equal(got[1].p, "cmd=get_result rc=0 msg=success value=one two\n");
    buf_clear(&got[1]);
    say(proxy, b, "cmd=get kvsname=k key=none\n");
    turn(proxy, kv, 10000);
    assert_string_equal(got[1].p, "cmd=get_result rc=-1 msg=key_not_found value=unknown\n");
    buf_clear(&got[1]);
    say(proxy, b, "mcmd=spawn\nendcmd\ncmd=get kvsname=k key=PMI_process_mapping\nwhat\n");
    assert_string_equal(got[1].p, "cmd=spawn_result rc=-1 msg=not_supported_by_firstlight\n"
                                  "cmd=get_result rc=0 msg=success value=(vector,(0,1,2))\n"
                                  "hung up: PMI: a line without cmd=: what");
    proxy_free(proxy);
    kv_free(kv);
    buf_done(&got[0]);
    buf_done(&got[1]);
    buf_done(&up);
    buf_done(&down);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_commands),
        cmocka_unit_test(every_node_tells_the_same_mapping),
        cmocka_unit_test(an_abort_is_told_with_its_code_and_not_answered),
        cmocka_unit_test(ranks_meet_in_barriers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
