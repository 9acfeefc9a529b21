#include "random_message.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ROUNDS 50

static bool lists_equal(enum field_kind kind, const struct i64_list *a, const struct i64_list *b)
{
    if (a->count != b->count)
        return false;
    if (kind != FIELD_TEXTS)
        return !a->count || memcmp(a->items, b->items, a->count * sizeof(int64_t)) == 0;
    for (uint32_t i = 0; i < a->count; i++)
        if (!str_eq(((const struct str *)a->items)[i], ((const struct str *)b->items)[i]))
            return false;
    return true;
}

static bool fields_equal(enum field_kind kind, const void *a, const void *b)
{
    switch (kind) {
    case FIELD_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case FIELD_U32:
        return *(const uint32_t *)a == *(const uint32_t *)b;
    case FIELD_U64:
    case FIELD_I64:
        return *(const uint64_t *)a == *(const uint64_t *)b;
    case FIELD_TEXT:
    case FIELD_BYTES:
        return str_eq(*(const struct str *)a, *(const struct str *)b);
    case FIELD_TEXTS:
    case FIELD_I64S:
    case FIELD_F64S:
        return lists_equal(kind, a, b);
    }
    return false;
}

static bool messages_equal(const struct message *a, const struct message *b)
{
    const struct message_shape *shape = message_shape(a->id);

    if (a->id != b->id)
        return false;
    for (size_t i = 0; i < shape->count; i++)
        if (!fields_equal(shape->fields[i].kind, (const char *)a + shape->fields[i].offset,
                          (const char *)b + shape->fields[i].offset))
            return false;
    return true;
}

/* In a heap block of exactly its size, so that ASan sees one byte past. */
static int decode_exact(struct arena *arena, const void *bytes, size_t len, struct message *out,
                        struct err *err)
{
    char *exact = malloc(len ? len : 1);
    char *kept = arena_alloc(arena, len + 1);
    int r;

    memcpy(exact, bytes, len);
    r = message_decode(arena, (struct str){len ? exact : NULL, len}, out, err);
    free(exact);
    if (r == 0) { /* once more from memory that stays, for who looks at the texts */
        memcpy(kept, bytes, len);
        r = message_decode(arena, (struct str){kept, len}, out, err);
    }
    return r;
}

static const size_t kind_bytes[] = {
    [FIELD_BOOL] = sizeof(bool),
    [FIELD_U32] = 4,
    [FIELD_U64] = 8,
    [FIELD_I64] = 8,
    [FIELD_TEXT] = sizeof(struct str),
    [FIELD_BYTES] = sizeof(struct str),
    [FIELD_TEXTS] = sizeof(struct text_list),
    [FIELD_I64S] = sizeof(struct i64_list),
    [FIELD_F64S] = sizeof(struct f64_list),
};

/* A member that the table lacks would come out as zero at the other end; it leaves a hole that
 * alignment does not explain. */
static void every_member_of_every_message_is_in_the_table(void **state)
{
    static const struct {
        enum message_id id;
        size_t bytes;
    } sizes[] = {
        {MSG_WELCOME, sizeof(struct msg_welcome)},
        {MSG_START, sizeof(struct msg_start)},
        {MSG_STOP, sizeof(struct msg_stop)},
        {MSG_SIGNAL, sizeof(struct msg_signal)},
        {MSG_PING, sizeof(struct msg_ping)},
        {MSG_ACK, sizeof(struct msg_ack)},
        {MSG_STORE_DOWN, sizeof(struct msg_store)},
        {MSG_FIND_CHECKPOINT, sizeof(struct msg_find_checkpoint)},
        {MSG_LOG_READ, sizeof(struct msg_log_read)},
        {MSG_LOG_CREDIT, sizeof(struct msg_log_credit)},
        {MSG_LEAVE, sizeof(struct msg_leave)},
        {MSG_HELLO, sizeof(struct msg_hello)},
        {MSG_EVENT, sizeof(struct msg_event)},
        {MSG_PONG, sizeof(struct msg_pong)},
        {MSG_STATUS, sizeof(struct msg_status)},
        {MSG_STORE_UP, sizeof(struct msg_store)},
        {MSG_CHECKPOINT, sizeof(struct msg_checkpoint)},
        {MSG_LOG, sizeof(struct msg_log)},
        {MSG_LOG_DATA, sizeof(struct msg_log_data)},
    };
    size_t named = 0;

    (void)state;
    for (unsigned id = 0; id < MESSAGE_IDS; id++)
        named += message_shape(id) != NULL;
    assert_int_equal(named, ARRAY_LEN(sizes));
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        const struct message_shape *shape = message_shape(sizes[k].id);
        size_t start = offsetof(struct message, hello), end = start;

        for (size_t i = 0; i < shape->count; i++) {
            const struct field *field = &shape->fields[i];
            size_t bytes = kind_bytes[field->kind], align = bytes < 8 ? bytes : 8;

            assert_int_equal(field->offset, (end + align - 1) / align * align);
            end = field->offset + bytes;
        }
        assert_int_equal(sizes[k].bytes, (end - start + 7) / 8 * 8);
    }
}

static void what_is_encoded_comes_back(void **state)
{
    struct rng rng = {.state = 1};
    struct arena *arena = arena_new(0);

    (void)state;
    for (unsigned id = 0; id < MESSAGE_IDS; id++)
        for (int round = 0; round < ROUNDS; round++) {
            struct message message, back;
            struct buf bytes = {0};
            struct err err = {0};

            arena_reset(arena);
            if (!random_message(arena, &rng, id, &message))
                break;
            message_encode(&message, &bytes);
            assert_false(bytes.failed);
            if (decode_exact(arena, bytes.p, bytes.len, &back, &err) < 0)
                fail_msg("%s", err.text);
            assert_true(messages_equal(&message, &back));
            buf_done(&bytes);
        }
    arena_free(arena);
}

static void a_part_of_a_message_or_more_than_it_is_refused(void **state)
{
    struct rng rng = {.state = 2};
    struct arena *arena = arena_new(0);

    (void)state;
    for (unsigned id = 0; id < MESSAGE_IDS; id++) {
        struct message message, back;
        struct buf bytes = {0};

        arena_reset(arena);
        if (!random_message(arena, &rng, id, &message))
            continue;
        message_encode(&message, &bytes);
        for (size_t len = 0; len < bytes.len; len++) {
            struct err err = {0};

            assert_int_equal(decode_exact(arena, bytes.p, len, &back, &err), -EPROTO);
            assert_true(err.text[0]);
            if (len)
                assert_int_equal(
                    strncmp(err.text, message_name(message.id), strlen(message_name(message.id))),
                    0);
        }
        buf_add(&bytes, "", 1);
        assert_int_equal(decode_exact(arena, bytes.p, bytes.len, &back, NULL), -EPROTO);
        buf_done(&bytes);
    }
    arena_free(arena);
}

static void a_refusal_names_message_and_field(void **state)
{
#define TEXT(literal) literal, sizeof(literal) - 1
    static const struct {
        const char *name, *bytes;
        size_t len;
        const char *err;
    } cases[] = {
        {"nothing", TEXT(""), "a message without a byte"},
        {"an id without a message", TEXT("\x4d"), "no message has the id 77"},
        {"a high id", TEXT("\xff"), "no message has the id 255"},
        {"a number cut off", TEXT("\x05\1\2\3\4\5"), "ping: 3 bytes are missing in sent_ns"},
        {"one byte cut off", TEXT("\x05\1\2\3\4\5\6\7"), "ping: 1 byte is missing in sent_ns"},
        {"one byte more", TEXT("\x05\1\2\3\4\5\6\7\x8\x9"),
         "ping: 1 byte is after its last field, sent_ns"},
        {"a text longer than the rest", TEXT("\x0b\xff\xff\xff\xff yes"),
         "leave: 4294967291 bytes are missing in why"},
        {"a list longer than may be", TEXT("\x23\1\0\0\0\1\0\x10\0........"),
         "status: step has 1048577 items, at most 1048576 may be"},
        {"a list longer than the rest", TEXT("\x23\1\0\0\0\2\0\0\0............"),
         "status: step has 2 items in 12 bytes"},
        {"texts longer than the rest",
         TEXT("\x25\1\0\0\0\0\0\0\0........\2\0\0\0\1\0\0\0x\2\0\0\0y"),
         "checkpoint: 1 byte is missing in quarantined"},
        {"neither true nor false",
         TEXT("\x20\0\0\0\0........\0\0\0\0\0\0\0\0\0\0\0\0........\0\0\0\0\0\0\0\0........"
              "\0\0\0\0\2"),
         "hello: empty is 2, neither 0 nor 1"},
    };
    struct arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct message message;
        struct err err = {0};

        if (decode_exact(arena, cases[i].bytes, cases[i].len, &message, &err) != -EPROTO)
            fail_msg("%s is accepted", cases[i].name);
        assert_string_equal(err.text, cases[i].err);
    }
    arena_free(arena);
}

static void a_list_that_the_arena_cannot_hold_is_no_memory(void **state)
{
    static int64_t items[10000];
    struct message message = {MSG_STATUS, .status = {.step = {items, ARRAY_LEN(items)}}}, back;
    struct arena *arena = arena_new(70000);
    struct buf bytes = {0};
    struct err err = {0};

    (void)state;
    message_encode(&message, &bytes);
    assert_int_equal(message_decode(arena, (struct str){bytes.p, bytes.len}, &back, &err), -ENOMEM);
    assert_string_equal(err.text, "status: no memory for the 10000 items of step");
    arena_free(arena);
    buf_done(&bytes);
}

/* Two peers of one WIRE_VERSION may be of different builds: whoever changes these bytes raises it.
 */
static void the_format_does_not_change_in_silence(void **state)
{
    static const struct str waits[] = {{"key", 3}, {"", 0}};
    static const int64_t one[] = {-1, 258};
    static const double loss[] = {1.5};
    const struct message event = {
        MSG_EVENT,
        .event = {7, AGENT_RANK_EXITED, 2, 17, 1000, 256, 1, {"bye", 3}},
    };
    const struct message status = {
        MSG_STATUS,
        .status = {.attempt = 3, .step = {one, 2}, .loss = {loss, 1}, .waits = {waits, 2}},
    };
    static const struct {
        const char *bytes;
        size_t len;
    } want[] = {
        {TEXT("\x21\7\0\0\0\0\0\0\0\3\0\0\0\2\0\0\0\x11\0\0\0\0\0\0\0\xe8\3\0\0\0\0\0\0"
              "\0\1\0\0\0\0\0\0\1\0\0\0\0\0\0\0\3\0\0\0bye")},
        {TEXT("\x23\3\0\0\0\2\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\2\1\0\0\0\0\0\0"
              "\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\0\0"
              "\2\0\0\0\3\0\0\0key\0\0\0\0\0\0\0\0")},
    };
    const struct message *const messages[] = {&event, &status};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct buf bytes = {0};

        message_encode(messages[i], &bytes);
        assert_int_equal(bytes.len, want[i].len);
        assert_memory_equal(bytes.p, want[i].bytes, want[i].len);
        buf_done(&bytes);
    }
}

static void a_line_shows_all_fields_but_no_secret_and_no_end_of_text(void **state)
{
    static const struct str names[] = {{"n1", 2}, {"n\n2", 3}};
    static const int64_t ranks[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const double loss[] = {2.25, NAN};
    static char text[200];
    struct message messages[] = {
        {MSG_EVENT, .event = {7, 3, 2, -1, 1000, 256, 1, {"it said \"no\"\x1b[1m", 16}}},
        {MSG_START, .start = {.job = STR("{\"env\":\"SECRET=1\"}"), .hosts = {names, 2}}},
        {MSG_HELLO, .hello = {.empty = true, .host = {text, 200}, .ranks_alive = {ranks, 10}}},
        {MSG_STATUS, .status = {.loss = {loss, 2}}},
        {(enum message_id)99},
    };
    static const char *const want[] = {
        "event number=7 kind=3 attempt=2 rank=-1 at_ns=1000 a=256 b=1 "
        "text=\"it said \\x22no\\x22\\x1b[1m\"",
        "start attempt=0 node_rank=0 nnodes=0 first_rank=0 nproc=0 world=0 job=(18 bytes) run=\"\" "
        "resume=\"\" resume_step=0 master_addr=\"\" master_port=0 hosts=[\"n1\" \"n\\x0a2\"]",
        "hello node=0 incarnation=0 host=\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"+80 version=\"\" "
        "boot_id=\"\" pid=0 cpus=0 gpus=0 generation=0 attempt=0 empty=true "
        "ranks_alive=[0 1 2 3 4 5 6 7]+2 events_from=0 data_addr=\"\" ports=[]",
        "status attempt=0 step=[] total=[] tokens=[] loss=[2.25 nan] phase=[] connected=[] "
        "waits=[] log_size=[]",
        "?",
    };

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct buf line = {0};

        message_print(&messages[i], &line);
        assert_string_equal(line.p, want[i]);
        buf_done(&line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_of_every_message_is_in_the_table),
        cmocka_unit_test(what_is_encoded_comes_back),
        cmocka_unit_test(a_part_of_a_message_or_more_than_it_is_refused),
        cmocka_unit_test(a_refusal_names_message_and_field),
        cmocka_unit_test(a_list_that_the_arena_cannot_hold_is_no_memory),
        cmocka_unit_test(the_format_does_not_change_in_silence),
        cmocka_unit_test(a_line_shows_all_fields_but_no_secret_and_no_end_of_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
