#include "rendezvous/tcpstore.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAGIC "\xce\xf7\x85\x3c"
#define K     "\1\0\0\0\0\0\0\0k"
#define J     "\1\0\0\0\0\0\0\0j"
#define V     "\2\0\0\0\0\0\0\0vw"
#define NONE  "\0\0\0\0\0\0\0\0"
#define TWO   "\2\0\0\0\0\0\0\0"
#define FIVE  "\5\0\0\0\0\0\0\0"
#define BYTES(text)                                                                                \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

/* Requests as "SET k=vw;", and "!sentence" when it ends in an error. */
static void flatten(struct str bytes, size_t piece, struct buf *out)
{
    struct tcpstore conn = {0};
    struct kv_request request;
    struct err err;
    int r = 0;

    while (r >= 0 && bytes.len) {
        size_t len = bytes.len < piece ? bytes.len : piece;
        char *exact = malloc(len);

        memcpy(exact, bytes.p, len);
        assert_int_equal(tcpstore_feed(&conn, (struct str){exact, len}), 0);
        free(exact);
        bytes = str_skip(bytes, len);
        while ((r = tcpstore_next(&conn, &request, &err)) > 0) {
            buf_puts(out, tcpstore_verb_name(request.verb));
            for (uint32_t i = 0; i < request.key_count; i++)
                buf_printf(out, " %.*s", STR_ARG(request.keys[i]));
            for (size_t i = 0; i < conn.values.count; i++)
                buf_printf(out, "=%.*s", STR_ARG(request.values[i]));
            if (request.amount)
                buf_printf(out, " %lld", (long long)request.amount);
            buf_puts(out, ";");
        }
    }
    if (r < 0)
        buf_printf(out, "!%s", err.text);
    tcpstore_done(&conn);
}

static const struct {
    struct str bytes;
    const char *want;
} cases[] = {
    {BYTES("\3" K FIVE), "ADD k 5;"},
    {BYTES("\0" K V), "SET k=vw;"},
    {BYTES("\0" NONE NONE "\2" NONE), "SET =;GET ;"},
    {BYTES("\6\1" K V NONE), "GETNUMKEYS;COMPARE_SET k=vw=;"},
    {BYTES("\4" TWO K J "\5" NONE "\7" K "\10" K), "CHECK k j;WAIT;WATCH_KEY k;DELETE_KEY k;"},
    {BYTES("\6\11" K V "\12" TWO K J "\13" TWO K V J NONE "\14"),
     "GETNUMKEYS;APPEND k=vw;MULTI_GET k j;MULTI_SET k j=vw=;CANCEL_WAIT;"},
    {BYTES(MAGIC "\0" K V MAGIC "\2" K MAGIC "\7" K MAGIC "\10" K V MAGIC "\13"),
     "SET k=vw;GET k;DELETE_KEY k;APPEND k=vw;CANCEL_WAIT;"},
    {BYTES("\0" MAGIC "\15\1\2\0\0\1" K V "\3" K "\10" K "\14"),
     "PING 513;SET k=vw;GET k;DELETE_KEY k;CANCEL_WAIT;"},
    {BYTES("\0" MAGIC "\16" K V "\17" K "\20" K "\21\22" K FIVE),
     "QUEUE_PUSH k=vw;QUEUE_POP k;QUEUE_LEN k;LIST_KEYS;BARRIER k 5;"},
    {BYTES("\0" MAGIC "\4" K "\377\377\377\377\377\377\377\377"), "ADD k -1;"},
    /* What is no client's. */
    {BYTES("GET / HTTP/1.0\r\n"), "!store: request code 71 is not known in this dialect"},
    {BYTES("\xce\xce\xce\xce\xce"), "!store: the connection does not begin as a TCPStore client's"},
    {BYTES(MAGIC "\6\6\6\6\6\6"), "GETNUMKEYS;!store: a request without its magic number"},
    {BYTES("\0" MAGIC "\0" MAGIC), "!store: request code 0 is not known in this dialect"},
    {BYTES("\0" MAGIC "\23"), "!store: request code 19 is not known in this dialect"},
    {BYTES("\6\15"), "GETNUMKEYS;!store: request code 13 is not known in this dialect"},
    {BYTES("\2\1\40\0\0\0\0\0\0"), "!store: a key of 8193 bytes, at most 8192 are taken"},
    {BYTES("\0" K "\1\0\200\0\0\0\0\0"),
     "!store: a value of 8388609 bytes, at most 8388608 are taken"},
    {BYTES("\5\1\0\2\0\0\0\0\0"), "!store: a request with 131073 keys, at most 131072 are taken"},
};

static void each_dialect_is_read_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece <= cases[i].bytes.len; piece++) {
            struct buf out = {0};

            flatten(cases[i].bytes, piece, &out);
            assert_string_equal(out.p, cases[i].want);
            buf_done(&out);
        }
}

/* Every prefix gives a prefix of the requests, and no error. */
static void a_prefix_waits_for_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t len = 0; len < cases[i].bytes.len && !strchr(cases[i].want, '!'); len++) {
            struct buf out = {0};

            buf_puts(&out, "");
            flatten((struct str){cases[i].bytes.p, len}, len ? len : 1, &out);
            assert_memory_equal(out.p ? out.p : "", cases[i].want, out.len);
            buf_done(&out);
        }
}

static void a_request_has_a_bound(void **state)
{
    struct tcpstore conn = {0};
    struct kv_request request;
    struct err err;
    char *value = calloc(1, 1 << 20);
    uint64_t count = 64, len = 1 << 20;
    int r = 0;

    (void)state;
    assert_int_equal(tcpstore_feed(&conn, (struct str)BYTES("\6\13")), 0);
    assert_int_equal(tcpstore_next(&conn, &request, &err), 1);
    assert_int_equal(tcpstore_feed(&conn, (struct str){(char *)&count, 8}), 0);
    for (int i = 0; i < 64 && r == 0; i++) {
        assert_int_equal(tcpstore_feed(&conn, (struct str)BYTES(K)), 0);
        assert_int_equal(tcpstore_feed(&conn, (struct str){(char *)&len, 8}), 0);
        assert_int_equal(tcpstore_feed(&conn, (struct str){value, len}), 0);
        r = tcpstore_next(&conn, &request, &err);
    }
    assert_int_equal(r, -EPROTO);
    assert_string_equal(err.text, "store: a request of more than 33554432 bytes");
    tcpstore_done(&conn);
    free(value);
}

static void answers_are_torchs(void **state)
{
    static const struct str want = BYTES("\2\0\0\0\0\0\0\0vw"
                                         "\377\377\377\377\377\377\377\377"
                                         "\0\1\0\1\3\1\2\0\0"
                                         "\0\0\0\0\0\0\0\0"
                                         "\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0x");
    struct buf out = {0};

    (void)state;
    tcpstore_answer_value(&out, STR("vw"));
    tcpstore_answer_number(&out, -1);
    tcpstore_answer_check(&out, true);
    tcpstore_answer_check(&out, false);
    tcpstore_answer_wait(&out);
    tcpstore_answer_cancelled(&out);
    tcpstore_answer_watch(&out);
    tcpstore_answer_ping(&out, 513);
    tcpstore_answer_pop(&out, 0, (struct str){0});
    tcpstore_answer_pop(&out, 1, STR("x"));
    assert_int_equal(out.len, want.len);
    assert_memory_equal(out.p, want.p, want.len);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_dialect_is_read_in_any_pieces),
        cmocka_unit_test(a_prefix_waits_for_more),
        cmocka_unit_test(a_request_has_a_bound),
        cmocka_unit_test(answers_are_torchs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
