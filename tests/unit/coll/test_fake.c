/* Threads of one process as ranks; a group of one. ctest labels: threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "many.h"

#include <errno.h>
#include <pthread.h>

#define SIZE_MAX_HERE 64

struct rank {
    struct coll *coll;
    uint64_t seed, rounds;
    size_t max;
    int r;
    struct err err;
};

static void *rank_main(void *data)
{
    struct rank *rank = data;

    rank->r = many_rounds(rank->coll, rank->seed, rank->rounds, rank->max, &rank->err);
    coll_free(rank->coll);
    return NULL;
}

static void run(struct rank *ranks, size_t size, const struct coll_fault *fault,
                void *(*body)(void *))
{
    pthread_t threads[SIZE_MAX_HERE];
    struct coll *colls[SIZE_MAX_HERE];

    assert_int_equal(coll_open_fake(size, fault, colls, NULL), 0);
    for (size_t i = 0; i < size; i++) {
        ranks[i].coll = colls[i];
        assert_int_equal(coll_rank(colls[i]), i);
        assert_int_equal(coll_size(colls[i]), size);
        assert_int_equal(pthread_create(&threads[i], NULL, body, &ranks[i]), 0);
    }
    for (size_t i = 0; i < size; i++)
        (void)pthread_join(threads[i], NULL);
}

static void every_call_gives_what_the_model_says(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 5, 8, 64};

    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct rank ranks[SIZE_MAX_HERE];

        for (size_t i = 0; i < sizes[s]; i++)
            ranks[i] = (struct rank){.seed = 7 + s,
                                     .rounds = sizes[s] < 10 ? 60 : 8,
                                     .max = sizes[s] < 10 ? 40000 : 2000};
        run(ranks, sizes[s], NULL, rank_main);
        for (size_t i = 0; i < sizes[s]; i++)
            if (ranks[i].r != 0)
                fail_msg("rank %zu of %zu: %s", i, sizes[s], ranks[i].err.text);
    }
}

static void a_rank_that_fails_is_named_by_all(void **state)
{
    (void)state;
    for (uint64_t call = 1; call <= 12; call++) {
        struct coll_fault fault = {call % 3, call};
        struct rank ranks[3];

        for (size_t i = 0; i < 3; i++)
            ranks[i] = (struct rank){.seed = call, .rounds = 100, .max = 500};
        run(ranks, 3, &fault, rank_main);
        for (size_t i = 0; i < 3; i++) {
            char want[80];

            (void)snprintf(want, sizeof(want),
                           i == fault.rank ? "rank %zu fails at call %llu, as it was asked to"
                                           : "rank %zu has failed",
                           fault.rank, (unsigned long long)call);
            assert_int_equal(ranks[i].r, -ECONNRESET);
            assert_string_equal(ranks[i].err.text, want);
        }
    }
}

static void *mismatch_main(void *data)
{
    struct rank *rank = data;
    size_t me = coll_rank(rank->coll);
    uint8_t out[20] = {0}, in[20];
    struct coll_piece send[2] = {{out, 10}, {out, 10}}, receive[2] = {{in, 10}, {in + 10, 10}};

    if (me == 1)
        receive[0].bytes = 9;
    rank->r = coll_exchange(rank->coll, send, receive, &rank->err);
    if (me == 0 && rank->r == 0)
        rank->r = coll_barrier(rank->coll, &rank->err);
    else if (coll_barrier(rank->coll, NULL) != -ECONNRESET)
        rank->r = 0;
    coll_free(rank->coll);
    return NULL;
}

static void sizes_that_differ_are_an_error_with_both(void **state)
{
    struct rank ranks[2] = {0};

    (void)state;
    run(ranks, 2, NULL, mismatch_main);
    assert_int_equal(ranks[1].r, -EPROTO);
    assert_string_equal(ranks[1].err.text, "rank 0 has sent 10 bytes, rank 1 expected 9 (call 1)");
    assert_int_equal(ranks[0].r, -ECONNRESET);
    assert_string_equal(ranks[0].err.text, "rank 1 has failed");
}

static void *leaver_main(void *data)
{
    struct rank *rank = data;

    rank->r = coll_barrier(rank->coll, &rank->err);
    if (coll_rank(rank->coll) != 2 && rank->r == 0)
        rank->r = coll_barrier(rank->coll, &rank->err);
    coll_free(rank->coll);
    return NULL;
}

static void who_leaves_early_is_named(void **state)
{
    struct rank ranks[4] = {0};

    (void)state;
    run(ranks, 4, NULL, leaver_main);
    assert_int_equal(ranks[2].r, 0);
    for (size_t i = 0; i < 4; i++) {
        if (i == 2)
            continue;
        assert_int_equal(ranks[i].r, -ECONNRESET);
        assert_string_equal(ranks[i].err.text, "rank 2 has left the group");
    }
}

static void a_group_of_one_needs_no_store(void **state)
{
    const struct coll_options options = {.size = 1};
    struct err err = {0};
    struct coll *coll;
    char text[] = "abc";
    struct coll_piece send = {text, 3};
    char in[4];
    struct coll_piece receive = {in, 3};

    (void)state;
    assert_int_equal(coll_open(&options, &coll, NULL), 0);
    assert_string_equal(coll_name(coll), "self");
    assert_int_equal(many_rounds(coll, 1, 50, 5000, &err), 0);
    assert_int_equal(coll_exchange(coll, &send, &receive, NULL), 0);
    assert_memory_equal(in, "abc", 3);
    receive.bytes = 2;
    assert_int_equal(coll_exchange(coll, &send, &receive, &err), -EPROTO);
    assert_string_equal(err.text, "rank 0 has sent 3 bytes, rank 0 expected 2 (call 52)");
    coll_free(coll);
    coll_free(NULL);
}

static void a_group_of_none_is_refused(void **state)
{
    struct coll *out[1];
    struct err err;
    const struct coll_options third_of_two = {.rank = 2, .size = 2};

    (void)state;
    assert_int_equal(coll_open_fake(0, NULL, out, &err), -EINVAL);
    assert_string_equal(err.text, "a group has 1 to 4096 ranks, not 0");
    assert_int_equal(coll_open(&third_of_two, out, &err), -EINVAL);
    assert_string_equal(err.text, "rank 2 of 2: a group has 1 to 4096 ranks, from 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_gives_what_the_model_says),
        cmocka_unit_test(a_rank_that_fails_is_named_by_all),
        cmocka_unit_test(sizes_that_differ_are_an_error_with_both),
        cmocka_unit_test(who_leaves_early_is_named),
        cmocka_unit_test(a_group_of_one_needs_no_store),
        cmocka_unit_test(a_group_of_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
