/* ctest labels: threads */
#include "kernels/pool.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h> /* cmocka wants it before itself */
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ITEMS_MAX 5000

struct sheet {
    size_t threads;
    uint32_t *seen;              /* (items), plain: a second thread on one item is a race */
    atomic_size_t out_of_bounds; /* calls with a thread that there is not */
};

static void count_item(void *arg, size_t item, size_t thread)
{
    struct sheet *sheet = arg;

    if (thread >= sheet->threads)
        atomic_fetch_add(&sheet->out_of_bounds, 1);
    sheet->seen[item]++;
}

static struct pool *new_pool(size_t threads)
{
    struct pool *pool = NULL;
    struct err err = {0};

    if (pool_new(threads, &pool, &err) < 0)
        fail_msg("%s", err.text);
    return pool;
}

static void every_item_is_done_once_and_seen_by_the_caller(void **state)
{
    static const size_t threads[] = {1, 2, 3, 8}, items[] = {0, 1, 2, 3, 7, 64, ITEMS_MAX};
    static uint32_t seen[ITEMS_MAX];

    (void)state;
    for (size_t t = 0; t < sizeof(threads) / sizeof(*threads); t++) {
        struct pool *pool = new_pool(threads[t]);
        struct sheet sheet = {.threads = threads[t], .seen = seen};

        assert_int_equal(pool_threads(pool), threads[t]);
        for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++) {
            memset(seen, 0, sizeof(seen));
            pool_run(pool, items[i], count_item, &sheet);
            for (size_t item = 0; item < ITEMS_MAX; item++)
                assert_int_equal(seen[item], item < items[i] ? 1 : 0);
        }
        assert_int_equal(sheet.out_of_bounds, 0);
        pool_free(pool);
    }
}

/* A thread that comes late from one run must not touch the next one's items twice. */
static void runs_that_follow_at_once_do_not_mix(void **state)
{
    static uint32_t seen[2][5];
    struct pool *pool = new_pool(4);
    struct sheet sheets[2] = {{.threads = 4, .seen = seen[0]}, {.threads = 4, .seen = seen[1]}};

    (void)state;
    for (uint32_t run = 1; run <= 3000; run++)
        for (size_t s = 0; s < 2; s++) {
            size_t items = 2 + run % 4;

            memset(seen[s], 0, sizeof(seen[s]));
            pool_run(pool, items, count_item, &sheets[s]);
            for (size_t item = 0; item < 5; item++)
                assert_int_equal(seen[s][item], item < items ? 1 : 0);
        }
    pool_free(pool);
}

struct crowd {
    atomic_size_t here;
    size_t want;
};

static void meet(void *arg, size_t item, size_t thread)
{
    struct crowd *crowd = arg;

    (void)item;
    (void)thread;
    atomic_fetch_add(&crowd->here, 1);
    while (atomic_load(&crowd->here) < crowd->want)
        (void)sched_yield();
}

/* Each item waits for all others: it ends only when so many threads took one. */
static void as_many_threads_work_as_there_are(void **state)
{
    struct pool *pool = new_pool(3);

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct crowd crowd = {.want = 3};

        pool_run(pool, 3, meet, &crowd);
        assert_int_equal(crowd.here, 3);
    }
    pool_free(pool);
}

static void zero_threads_means_those_of_the_affinity(void **state)
{
    struct pool *pool;
    cpu_set_t all, one;
    int cpu = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    pool = new_pool(0);
    assert_int_equal(pool_threads(pool), CPU_COUNT(&all));
    pool_free(pool);
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    pool = new_pool(0);
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
    assert_int_equal(pool_threads(pool), 1);
    pool_free(pool);
}

static void too_many_threads_are_refused(void **state)
{
    struct pool *pool = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(pool_new(POOL_THREADS_MAX + 1, &pool, &err), -EINVAL);
    assert_string_equal(err.text, "1025 threads are more than 1024");
    assert_null(pool);
    pool_free(NULL);
}

static void scratch_stays_until_more_is_asked_for(void **state)
{
    struct pool *pool = new_pool(2);
    char *first = pool_scratch(pool, 1, 100), *other = pool_scratch(pool, 0, 100);

    (void)state;
    assert_int_equal((uintptr_t)first % 64, 0);
    assert_ptr_not_equal(first, other);
    memset(first, 7, 100);
    assert_ptr_equal(pool_scratch(pool, 1, 10), first);
    assert_int_equal(first[99], 7);
    memset(pool_scratch(pool, 1, 1 << 20), 1, 1 << 20); /* all of it may be written */
    pool_free(pool);
}

static void look_at_mask(void *arg, size_t item, size_t thread)
{
    atomic_size_t *open = arg;
    sigset_t mask;

    (void)item;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
    if (thread > 0 && !sigismember(&mask, SIGTERM))
        atomic_fetch_add(open, 1);
    (void)sched_yield();
}

static void signals_are_left_to_the_caller(void **state)
{
    struct pool *pool = new_pool(3);
    atomic_size_t open = 0;
    sigset_t mask;

    (void)state;
    pool_run(pool, 200, look_at_mask, &open);
    assert_int_equal(open, 0);
    (void)pthread_sigmask(SIG_BLOCK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_done_once_and_seen_by_the_caller),
        cmocka_unit_test(runs_that_follow_at_once_do_not_mix),
        cmocka_unit_test(as_many_threads_work_as_there_are),
        cmocka_unit_test(zero_threads_means_those_of_the_affinity),
        cmocka_unit_test(too_many_threads_are_refused),
        cmocka_unit_test(scratch_stays_until_more_is_asked_for),
        cmocka_unit_test(signals_are_left_to_the_caller),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
