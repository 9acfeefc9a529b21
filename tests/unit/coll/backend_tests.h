/* What holds for each back end between processes. BACKEND is its name in options, BACKEND_NAME the
 * one for people, MEETING_US about how long a small group takes to meet. */
#ifndef TESTS_COLL_BACKEND_TESTS_H
#define TESTS_COLL_BACKEND_TESTS_H

#include "group.h"

static struct server *server;

static struct group group_of(size_t size, uint64_t seed)
{
    return (struct group){
        .server = server, .size = size, .seed = seed, .options = {.backend = BACKEND}};
}

static int body_rounds(struct group *group, struct coll *coll, struct group_rank *rank)
{
    return many_rounds(coll, group->seed, 60, group->size > 4 ? 20000 : 300000, &rank->err);
}

static void every_call_gives_what_the_model_says(void **state)
{
    static const size_t sizes[] = {2, 3, 4, 8};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct group group = group_of(sizes[i], 3 + i);

        group_start(&group, body_rounds);
        assert_true(group_wait(&group, 60000));
        for (size_t k = 0; k < group.size; k++) {
            if (group.ranks[k].r != 0)
                fail_msg("rank %zu of %zu: %s", k, group.size, group.ranks[k].err.text);
            assert_true(group.ranks[k].ended);
            assert_string_equal(group.ranks[k].name, BACKEND_NAME);
        }
        group_done(&group);
    }
}

/* Longer than any ring or message of a transport. */
static int body_long(struct group *group, struct coll *coll, struct group_rank *rank)
{
    (void)group;
    return many_rounds(coll, 99, 8, (size_t)5 << 20, &rank->err);
}

static void long_pieces_go_through(void **state)
{
    struct group group = group_of(2, 0);

    (void)state;
    group_start(&group, body_long);
    assert_true(group_wait(&group, 60000));
    for (size_t k = 0; k < group.size; k++)
        if (group.ranks[k].r != 0)
            fail_msg("rank %zu: %s", k, group.ranks[k].err.text);
    group_done(&group);
}

/* Until an error comes. */
static int body_for_ever(struct group *group, struct coll *coll, struct group_rank *rank)
{
    int r;

    do
        r = many_rounds(coll, group->seed + ++rank->rounds, 1, 200000, &rank->err);
    while (r == 0);
    return r;
}

static void wait_for_round(const struct group_rank *rank, uint64_t round)
{
    int64_t end = clock_now_ms() + 30000;

    while (rank->rounds < round && clock_now_ms() < end)
        (void)poll(NULL, 0, 1);
    assert_true(rank->rounds >= round);
}

/* What ranks say of one that was killed. Who was killed before it came is only missed. */
static void check_survivors(const struct group *group, size_t victim, uint64_t seed)
{
    for (size_t k = 0; k < group->size; k++) {
        const struct group_rank *rank = &group->ranks[k];
        size_t named = group->size;

        if (k == victim) {
            assert_true(rank->killed);
            continue;
        }
        assert_true(rank->ended);
        if ((rank->r != -ECONNRESET && rank->r != -ETIMEDOUT) ||
            sscanf(rank->err.text, "rank %zu ", &named) != 1 || named != victim)
            fail_msg("seed %llu: rank %zu of %zu, when rank %zu was killed: %d %s",
                     (unsigned long long)seed, k, group->size, victim, rank->r, rank->err.text);
        if (rank->rounds > 0)
            assert_int_equal(rank->r, -ECONNRESET);
    }
}

/* FIRSTLIGHT_FAULTS is how many are killed. */
static void whoever_is_killed_whenever_all_others_name_it(void **state)
{
    const char *count = getenv("FIRSTLIGHT_FAULTS");

    (void)state;
    for (uint64_t seed = 0; seed < (count ? strtoull(count, NULL, 10) : 8); seed++) {
        struct rng rng = {seed};
        struct group group = group_of(2 + rng_below(&rng, 3), seed * 1000);
        size_t victim = rng_below(&rng, group.size);
        bool meeting = rng_below(&rng, 3) == 0;

        group.options.meet_ms = meeting ? 3000 : 0;
        group_start(&group, body_for_ever);
        if (!meeting)
            wait_for_round(&group.ranks[victim], 2 + rng_below(&rng, 40));
        (void)usleep((useconds_t)rng_below(&rng, meeting ? MEETING_US : 3000));
        (void)kill(group.ranks[victim].pid, SIGKILL);
        if (!group_wait(&group, 10000))
            fail_msg("seed %llu: somebody hangs", (unsigned long long)seed);
        check_survivors(&group, victim, seed);
        group_done(&group);
    }
}

static void who_is_stopped_is_known_as_stuck(void **state)
{
    struct group group = group_of(3, 50);
    unsigned saw = 0;

    (void)state;
    group.options.stuck_ms = 700;
    group_start(&group, body_for_ever);
    wait_for_round(&group.ranks[1], 5);
    (void)kill(group.ranks[1].pid, SIGSTOP);
    for (int64_t end = clock_now_ms() + 10000;
         (group.ranks[0].r == 0 || group.ranks[2].r == 0) && clock_now_ms() < end;)
        (void)poll(NULL, 0, 2);
    (void)kill(group.ranks[1].pid, SIGKILL);
    assert_true(group_wait(&group, 10000));
    for (size_t k = 0; k < 3; k += 2) {
        assert_true(group.ranks[k].r == -ETIMEDOUT || group.ranks[k].r == -ECONNRESET);
        assert_non_null(strstr(group.ranks[k].err.text, "rank 1"));
        saw += strstr(group.ranks[k].err.text, "for 0.7 s") != NULL;
    }
    if (saw == 0)
        fail_msg("%s; %s", group.ranks[0].err.text, group.ranks[2].err.text);
    group_done(&group);
}

static int body_mismatch(struct group *group, struct coll *coll, struct group_rank *rank)
{
    char out[40] = {0}, in[40];
    struct coll_piece send[2] = {{out, 10}, {out, 10}}, receive[2] = {{in, 10}, {in + 10, 10}};
    bool longer = group->seed == 1;

    if (coll_rank(coll) == 1)
        receive[0].bytes = longer ? 20 : 4;
    rank->r = coll_exchange(coll, send, receive, &rank->err);
    if (rank->r == 0)
        rank->r = coll_barrier(coll, &rank->err);
    return rank->r;
}

static void sizes_that_differ_are_an_error_with_both(void **state)
{
    static const char *const want[] = {"rank 0 has sent 10 bytes, rank 1 expected 4 (call 1)",
                                       "rank 0 has sent 10 bytes, rank 1 expected 20 (call 1)"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct group group = group_of(2, i);

        group_start(&group, body_mismatch);
        assert_true(group_wait(&group, 10000));
        assert_string_equal(group.ranks[1].err.text, want[i]);
        assert_int_equal(group.ranks[1].r, -EPROTO);
        assert_int_equal(group.ranks[0].r, -ECONNRESET);
        group_done(&group);
    }
}

static int body_leave(struct group *group, struct coll *coll, struct group_rank *rank)
{
    int r = coll_barrier(coll, &rank->err);

    (void)group;
    return r < 0 || coll_rank(coll) == 2 ? r : coll_barrier(coll, &rank->err);
}

static void who_leaves_early_is_named(void **state)
{
    struct group group = group_of(3, 0);

    (void)state;
    group_start(&group, body_leave);
    assert_true(group_wait(&group, 10000));
    assert_int_equal(group.ranks[2].r, 0);
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(group.ranks[k].r, -ECONNRESET);
        assert_string_equal(group.ranks[k].err.text, "rank 2 has left the group");
    }
    group_done(&group);
}

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

static int run_backend_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_gives_what_the_model_says),
        cmocka_unit_test(long_pieces_go_through),
        cmocka_unit_test(whoever_is_killed_whenever_all_others_name_it),
        cmocka_unit_test(who_is_stopped_is_known_as_stuck),
        cmocka_unit_test(sizes_that_differ_are_an_error_with_both),
        cmocka_unit_test(who_leaves_early_is_named),
    };

    return cmocka_run_group_tests(tests, start, stop);
}

#endif
