/* How ranks find each other, and what is said when they do not. */
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

/* A rank that meets a list of its own making: every prefix of a good one is refused. */
static void a_list_that_is_cut_off_is_refused(void **state)
{
    static const char list[] = "\3\0\0\0abc\0\0\0\0\2\0\0\0de";
    struct store_client store;
    struct err err = {0};

    (void)state;
    assert_int_equal(
        store_client_open(&store, "127.0.0.1", server->port, clock_now_ms() + 5000, NULL), 0);
    for (size_t len = 0; len <= sizeof(list) - 1; len++) {
        struct coll_options options;
        struct meet_card cards[3];
        struct meet meet;
        char name[24], key[64];
        void *all;
        int r;

        (void)snprintf(name, sizeof(name), "cut.%zu", len);
        (void)snprintf(key, sizeof(key), "coll/%s/0/all", name);
        assert_int_equal(store_client_set(&store, key, list, len, NULL), 0);
        options = options_of(name, 1, 3);
        assert_int_equal(meet_open(&meet, &options, NULL), 0);
        r = meet_all(&meet, "x", 1, cards, &all, &err);
        meet_close(&meet);
        if (len < sizeof(list) - 1) {
            assert_int_equal(r, -EPROTO);
            assert_non_null(strstr(err.text, "the store's list of ranks is cut off"));
            continue;
        }
        assert_int_equal(r, 0);
        assert_int_equal(cards[0].len, 3);
        assert_memory_equal(cards[0].p, "abc", 3);
        assert_int_equal(cards[1].len, 0);
        assert_memory_equal(cards[2].p, "de", 2);
        free(all);
    }
    store_client_close(&store);
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
        cmocka_unit_test(a_list_that_is_cut_off_is_refused),
        cmocka_unit_test(the_store_keeps_and_forgets),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
