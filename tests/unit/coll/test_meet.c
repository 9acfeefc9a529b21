/* How ranks find each other, and what is said when they do not. ctest labels: threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "coll/meet.h"
#include "coll/parts.h"
#include "group.h"

#include <pthread.h>

static struct server *server;

static int start(void **state)
{
    (void)state;
    server = server_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    server_stop(server);
    return 0;
}

static struct coll_options options_of(const char *name, size_t rank, size_t size)
{
    return (struct coll_options){.rank = rank,
                                 .size = size,
                                 .backend = "shm",
                                 .store_host = "127.0.0.1",
                                 .store_port = server->port,
                                 .name = name,
                                 .meet_ms = 10000};
}

static void environment(const char *rank, const char *size, const char *attempt)
{
    const struct {
        const char *name, *value;
    } set[] = {{"RANK", rank},
               {"WORLD_SIZE", size},
               {"TORCHELASTIC_RESTART_COUNT", attempt},
               {"TORCHELASTIC_RUN_ID", "job"},
               {"MASTER_ADDR", "here"},
               {"MASTER_PORT", "29500"}};

    for (size_t i = 0; i < ARRAY_LEN(set); i++)
        (void)(set[i].value ? setenv(set[i].name, set[i].value, 1) : unsetenv(set[i].name));
}

static void the_environment_says_who_a_rank_is(void **state)
{
    struct coll_options options;

    (void)state;
    environment("3", "8", "2");
    assert_int_equal(coll_options_from_env(&options, NULL), 0);
    assert_int_equal(options.rank, 3);
    assert_int_equal(options.size, 8);
    assert_string_equal(options.backend, "auto");
    assert_string_equal(options.store_host, "here");
    assert_string_equal(options.store_port, "29500");
    assert_string_equal(options.name, "job.2");
    environment(NULL, "8", NULL);
    assert_int_equal(coll_options_from_env(&options, NULL), 0);
    assert_int_equal(options.size, 1);
}

static void a_wrong_environment_is_named(void **state)
{
    static const struct {
        const char *rank, *size, *attempt, *err;
    } cases[] = {
        {"x", "8", "0", "RANK=x is not a whole number below 4096"},
        {"-1", "8", "0", "RANK=-1 is not a whole number below 4096"},
        {"0", "4097", "0", "WORLD_SIZE=4097 is not a whole number below 4097"},
        {"8", "8", "0", "RANK=8, but WORLD_SIZE=8: ranks count from 0"},
        {"0", "0", "0", "RANK=0, but WORLD_SIZE=0: ranks count from 0"},
        {"0", "2", "", "TORCHELASTIC_RESTART_COUNT= is not a whole number below 4294967296"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct coll_options options;
        struct err err = {0};

        environment(cases[i].rank, cases[i].size, cases[i].attempt);
        assert_int_equal(coll_options_from_env(&options, &err), -EINVAL);
        assert_string_equal(err.text, cases[i].err);
    }
    environment("0", "2", "0");
    (void)unsetenv("MASTER_PORT");
    {
        struct coll_options options;
        struct err err = {0};

        assert_int_equal(coll_options_from_env(&options, &err), -EINVAL);
        assert_string_equal(err.text,
                            "WORLD_SIZE=2, but MASTER_PORT is not set: where do ranks meet?");
    }
}

struct caller {
    struct coll_options options;
    int r;
    struct err err;
};

static void *open_main(void *data)
{
    struct caller *caller = data;
    struct coll *coll = NULL;

    caller->r = coll_open(&caller->options, &coll, &caller->err);
    coll_free(coll);
    return NULL;
}

static void open_both(struct caller callers[2])
{
    pthread_t other;

    assert_int_equal(pthread_create(&other, NULL, open_main, &callers[1]), 0);
    (void)open_main(&callers[0]);
    (void)pthread_join(other, NULL);
}

static void back_ends_that_differ_are_refused_by_all(void **state)
{
    struct caller callers[2] = {{.options = options_of("differ", 0, 2)},
                                {.options = options_of("differ", 1, 2)}};

    (void)state;
    callers[1].options.backend = "ucx";
    open_both(callers);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(callers[i].r, -EINVAL);
        assert_string_equal(callers[i].err.text, "rank 1 wants the back end ucx, rank 0 shm");
    }
}

static void who_does_not_come_is_named_to_all(void **state)
{
    struct caller callers[2] = {{.options = options_of("missing", 0, 3)},
                                {.options = options_of("missing", 1, 3)}};

    (void)state;
    callers[0].options.meet_ms = callers[1].options.meet_ms = 300;
    open_both(callers);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(callers[i].r, -ETIMEDOUT);
        assert_string_equal(callers[i].err.text, "rank 2 of 3 has not come within 0.3 s");
    }
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *backend, *host, *port, *err;
    } cases[] = {
        {"nccl", "127.0.0.1", NULL, "no back end 'nccl': it is auto, shm or ucx"},
        {"shm", NULL, NULL, "2 ranks need a store to meet at"},
        {"shm", "127.0.0.1", "1", "store at 127.0.0.1:1: Connection refused"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct caller caller = {.options = options_of("refused", 0, 2)};

        caller.options.meet_ms = 250;
        caller.options.backend = cases[i].backend;
        caller.options.store_host = cases[i].host;
        if (cases[i].port)
            caller.options.store_port = cases[i].port;
        (void)open_main(&caller);
        assert_true(caller.r < 0);
        assert_string_equal(caller.err.text, cases[i].err);
    }
}

/* A rank that comes, and then is gone without a word. */
static void come_and_go(const struct coll_options *options, bool tells)
{
    struct meet meet;

    assert_int_equal(meet_open(&meet, options, NULL), 0);
    if (tells)
        assert_int_equal(watch_send(&meet.watch, HUB_CARD, "x", 1), 0);
    (void)close(meet.watch.fd);
    meet.watch.fd = -1;
    meet_close(&meet, 0);
}

static void who_dies_while_it_waits_is_named_at_once_and_to_latecomers(void **state)
{
    (void)state;
    for (int tells = 0; tells < 2; tells++) {
        const char *name = tells ? "died.told" : "died";
        struct coll_options gone = options_of(name, 2, 3);
        struct caller first = {.options = options_of(name, 0, 3)},
                      late = {.options = options_of(name, 1, 3)};
        int64_t begin_ms = clock_now_ms();
        pthread_t other;

        assert_int_equal(pthread_create(&other, NULL, open_main, &first), 0);
        come_and_go(&gone, tells);
        (void)pthread_join(other, NULL);
        assert_true(clock_now_ms() - begin_ms < 8000); /* not the 10 s of a rank that never comes */
        (void)open_main(&late);
        for (struct caller *c = &first; c; c = c == &first ? &late : NULL) {
            assert_int_equal(c->r, -ECONNRESET);
            assert_string_equal(c->err.text, "rank 2 has died");
        }
    }
}

static void a_rank_that_is_there_already_is_refused(void **state)
{
    struct coll_options options[3];
    struct meet meets[2];
    struct caller second = {.options = options_of("twice", 1, 3)};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        options[i] = options_of("twice", i, 3);
        assert_int_equal(meet_open(&meets[i], &options[i], NULL), 0);
    }
    (void)open_main(&second);
    assert_int_equal(second.r, -EEXIST);
    assert_string_equal(second.err.text, "rank 1 is taken: another process is it already");
    for (size_t i = 2; i-- > 0;)
        meet_close(&meets[i], 0);
}

static void keep_note(void *arg, const char *text)
{
    (void)snprintf(arg, 80, "%s", text);
}

/* Who speaks to a hub of the test's own making. */
struct visitor {
    struct coll_options options;
    struct meet_card cards[3];
    void *all;
    int r;
    struct err err;
};

static void *visitor_main(void *data)
{
    struct visitor *v = data;
    struct meet meet;

    v->r = meet_open(&meet, &v->options, &v->err);
    if (v->r == 0)
        v->r = meet_all(&meet, "x", 1, v->cards, &v->all, &v->err);
    meet_close(&meet, v->r);
    return NULL;
}

/* As rank 0 puts it into the store: the family 0 is the store's own host. */
struct place {
    uint32_t magic;
    uint16_t family, port;
    uint8_t address[16];
    uint64_t token;
    struct fall fall;
};

/* Meet a hub that sends these bytes and ends. */
static struct visitor visit(const char *name, const void *bytes, size_t len, char *noted)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof(at);
    struct place place = {.magic = 0x31425548u};
    struct visitor v = {.options = options_of(name, 1, 3)};
    struct store_client store;
    char key[64], unread[64];
    pthread_t thread;
    int fd = socket(AF_INET, SOCK_STREAM, 0), conn;

    v.options.note = keep_note;
    v.options.note_arg = noted;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &at_len), 0);
    place.port = ntohs(at.sin_port);
    assert_int_equal(
        store_client_open(&store, "127.0.0.1", server->port, clock_now_ms() + 5000, NULL), 0);
    (void)snprintf(key, sizeof(key), "coll/%s/hub", name);
    assert_int_equal(store_client_set(&store, key, &place, sizeof(place), NULL), 0);
    store_client_close(&store);
    assert_int_equal(pthread_create(&thread, NULL, visitor_main, &v), 0);
    conn = accept(fd, NULL, NULL);
    assert_int_equal(recv(conn, unread, 8 + sizeof(struct hub_hello) + 9, MSG_WAITALL), 33);
    assert_int_equal(send(conn, bytes, len, MSG_NOSIGNAL), len);
    (void)shutdown(conn, SHUT_WR);
    (void)pthread_join(thread, NULL);
    (void)close(conn);
    (void)close(fd);
    return v;
}

static void a_list_that_is_cut_off_is_refused(void **state)
{
    static const char list[] = "\3\0\0\0abc\0\0\0\0\2\0\0\0de";
    size_t whole = sizeof(list) - 1;

    (void)state;
    for (size_t len = 0; len <= whole; len++) {
        struct hub_head head = {HUB_LIST, (uint32_t)len};
        char bytes[64], name[24], noted[80];
        struct visitor v;

        memcpy(bytes, &head, sizeof(head));
        memcpy(bytes + sizeof(head), list, len);
        (void)snprintf(name, sizeof(name), "cut.%zu", len);
        v = visit(name, bytes, sizeof(head) + len, noted);
        if (len < whole) {
            assert_int_equal(v.r, -EPROTO);
            assert_non_null(strstr(v.err.text, "rank 0's list of ranks is cut off"));
            continue;
        }
        assert_int_equal(v.r, 0);
        assert_int_equal(v.cards[0].len, 3);
        assert_memory_equal(v.cards[0].p, "abc", 3);
        assert_int_equal(v.cards[1].len, 0);
        assert_memory_equal(v.cards[2].p, "de", 2);
        free(v.all);
    }
}

static void a_hub_that_ends_or_talks_nonsense_is_rank_0s_fall(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t len;
        const char *err;
    } cases[] = {
        {"nothing", "", 0, "rank 0 has died"},
        {"half.head", "\5\0\0\0\4", 5, "rank 0 has died"},
        {"half.list", "\5\0\0\0\4\0\0\0abc", 11, "rank 0 has died"},
        {"huge", "\5\0\0\0\1\0\200\0", 8, "rank 0 has failed"},
        {"short.verdict", "\7\0\0\0\3\0\0\0abc", 11, "rank 0 has failed"},
        {"verdict", "\7\0\0\0\14\0\0\0\2\0\0\0\3\0\0\0\0\0\0\0", 20,
         "rank 2 has died or can't be reached by rank 0"},
        {"late", "\7\0\0\0\14\0\0\0\2\0\0\0\10\0\0\0\0\0\0\0", 20,
         "rank 2 of 3 has not come within 10 s"},
        {"no.verdict", "\7\0\0\0\14\0\0\0\2\0\0\0\77\0\0\0\0\0\0\0", 20, "rank 2 has fallen"},
    };
    char noted[80] = "";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct visitor v = visit(cases[i].name, cases[i].bytes, cases[i].len, noted);

        assert_true(v.r < 0);
        assert_string_equal(v.err.text, cases[i].err);
    }
    assert_string_equal(noted, "");
}

static void for_whom_one_waits_is_said(void **state)
{
    static const struct {
        const char *name, *bytes, *text;
    } cases[] = {
        {"note.1", "\6\0\0\0\10\0\0\0\2\0\0\0\1\0\0\0", "waiting for rank 2 of 3"},
        {"note.2", "\6\0\0\0\10\0\0\0\1\0\0\0\2\0\0\0", "waiting for rank 1 and 1 other of 3"},
        {"note.3", "\6\0\0\0\10\0\0\0\0\0\0\0\3\0\0\0", "waiting for rank 0 and 2 others of 3"},
    };
    char noted[80];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)visit(cases[i].name, cases[i].bytes, 16, noted);
        assert_string_equal(noted, cases[i].text);
    }
}

static void the_store_keeps_and_forgets(void **state)
{
    char key[STORE_CLIENT_KEY_MAX + 2], bytes[8];
    struct store_client store;
    struct err err = {0};

    (void)state;
    assert_int_equal(
        store_client_open(&store, "127.0.0.1", server->port, clock_now_ms() + 5000, NULL), 0);
    assert_int_equal(store_client_set(&store, "a", "12345678", 8, NULL), 0);
    assert_int_equal(store_client_get(&store, "a", bytes, 8, STORE_CLIENT_FOREVER, NULL), 0);
    assert_memory_equal(bytes, "12345678", 8);
    memset(key, 'k', sizeof(key));
    key[STORE_CLIENT_KEY_MAX + 1] = '\0';
    assert_int_equal(store_client_set(&store, key, "", 0, &err), -ENAMETOOLONG);
    key[STORE_CLIENT_KEY_MAX] = '\0';
    assert_int_equal(store_client_set(&store, key, "", 0, NULL), 0);
    assert_int_equal(store_client_get(&store, "a", bytes, 7, STORE_CLIENT_FOREVER, &err), -EPROTO);
    assert_non_null(strstr(err.text, ": 'a' has 8 bytes, not 7"));
    store_client_close(&store);
    assert_int_equal(
        store_client_open(&store, "127.0.0.1", server->port, clock_now_ms() + 5000, NULL), 0);
    assert_int_equal(store_client_delete(&store, "a", NULL), 0);
    assert_int_equal(store_client_get(&store, "a", bytes, 8, clock_now_ms() + 50, &err),
                     -ETIMEDOUT);
    assert_non_null(strstr(err.text, ": no answer in time"));
    store_client_close(&store);
    store_client_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_says_who_a_rank_is),
        cmocka_unit_test(a_wrong_environment_is_named),
        cmocka_unit_test(back_ends_that_differ_are_refused_by_all),
        cmocka_unit_test(who_does_not_come_is_named_to_all),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(who_dies_while_it_waits_is_named_at_once_and_to_latecomers),
        cmocka_unit_test(a_rank_that_is_there_already_is_refused),
        cmocka_unit_test(a_list_that_is_cut_off_is_refused),
        cmocka_unit_test(a_hub_that_ends_or_talks_nonsense_is_rank_0s_fall),
        cmocka_unit_test(for_whom_one_waits_is_said),
        cmocka_unit_test(the_store_keeps_and_forgets),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
