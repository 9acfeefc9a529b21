/* ctest labels: threads */
#include "probe/cpu.h"

#include "base/cpulist.h"
#include "probe/cpus.h"
#include "probe/team.h"
#include "support/told.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

static struct told told;

/* Cores whose time goes by what they do: a turn takes 1 ms, on core 1 the work of two. */
static _Thread_local int64_t fake_ns = 1000;

static int64_t fake_now(void)
{
    return fake_ns;
}

static void fake_turn(void *data, size_t core)
{
    size_t *turns = data;

    turns[core]++;
    fake_ns += core == 1 ? 2000000 : 1000000;
}

static void a_core_that_needs_twice_as_long_has_half_the_rate(void **state)
{
    uint32_t here[4];
    size_t turns[4] = {0};
    double rates[3 * 4];
    struct cpu_bench bench = {turns, 1e6, fake_turn, fake_now};
    struct cpulist allowed;
    struct err err;

    (void)state;
    assert_int_equal(cpus_allowed(&allowed, &err), 0);
    for (uint32_t cpu = 0; cpu < CPULIST_CPUS_MAX; cpu++)
        if (cpulist_has(&allowed, cpu)) { /* four threads, whatever this machine has */
            for (size_t i = 0; i < 4; i++)
                here[i] = cpu;
            break;
        }
    assert_int_equal(cpu_rates(here, 4, &bench, 10000000, 3, rates, &err), 0);
    for (size_t repeat = 0; repeat < 3; repeat++)
        for (size_t core = 0; core < 4; core++)
            assert_true(rates[repeat * 4 + core] == (core == 1 ? 0.5e9 : 1e9));
    assert_int_equal(turns[0], 40); /* three slices and the one that does not count */
    assert_int_equal(turns[1], 20);
}

static void each_core_is_told_once(void **state)
{
    struct arena *arena = arena_new(0);
    struct cpulist allowed;
    struct cpus cpus;

    (void)state;
    assert_int_equal(cpus_allowed(&allowed, NULL), 0);
    assert_int_equal(cpus_read(arena, "", &allowed, &cpus, NULL), 0);
    told_init(&told, 12);
    probe_test_cpu(&told.probe);
    told_no_trouble(&told);
    assert_int_equal(told.measure_count, cpus.core_count);
    for (size_t i = 0; i < cpus.core_count; i++) {
        char part[32];

        (void)snprintf(part, sizeof(part), "cpu%u", (unsigned)cpus.cores[i]);
        (void)told_find(&told, "cpu.matrix", part);
    }
    arena_free(arena);
}

static void with_one_cpu_allowed_that_one_is_measured(void **state)
{
    cpu_set_t before, one;
    struct cpulist allowed;
    char part[32];
    int cpu = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    while (!CPU_ISSET(cpu, &before))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    assert_int_equal(cpus_allowed(&allowed, NULL), 0);
    assert_int_equal(cpulist_count(&allowed), 1);
    told_init(&told, 6);
    probe_test_cpu(&told.probe);
    assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
    told_no_trouble(&told);
    assert_int_equal(told.measure_count, 1);
    (void)snprintf(part, sizeof(part), "cpu%d", cpu);
    (void)told_find(&told, "cpu.matrix", part);
}

static void what_is_late_is_not_begun(void **state)
{
    (void)state;
    told_init(&told, 10);
    told.probe.deadline_ms = clock_now_ms();
    probe_test_cpu(&told.probe);
    assert_int_equal(told.measure_count, 0);
    assert_int_equal(told_words(&told, "its time was over before it began")->test, TEST_CPU);
}

static void never(void *arg, size_t index)
{
    (void)index;
    *(int *)arg = 1;
}

static void a_team_works_whole_or_not_at_all(void **state)
{
    struct cpulist allowed;
    uint32_t cpus[2] = {0, CPULIST_CPUS_MAX - 1}; /* the second is nowhere */
    struct err err;
    int worked = 0;

    (void)state;
    assert_int_equal(cpus_allowed(&allowed, NULL), 0);
    while (!cpulist_has(&allowed, cpus[0]))
        cpus[0]++;
    assert_int_equal(team_run(cpus, 2, never, &worked, &err), -EINVAL);
    assert_string_equal(err.text, "no thread can be bound to CPU 8191: Invalid argument");
    assert_int_equal(worked, 0);
    assert_int_equal(team_run(cpus, 1, never, &worked, &err), 0);
    assert_int_equal(worked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_core_that_needs_twice_as_long_has_half_the_rate),
        cmocka_unit_test(each_core_is_told_once),
        cmocka_unit_test(with_one_cpu_allowed_that_one_is_measured),
        cmocka_unit_test(what_is_late_is_not_begun),
        cmocka_unit_test(a_team_works_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
