/* ctest labels: threads */
#include "probe/memory.h"

#include "support/told.h"

#include <stdlib.h>

static struct told told;

/* A machine whose cores are all the first CPU of this one, with caches so small that buffers are
 * too; its NUMA nodes have the same number, which every machine has. */
static struct cpus machine_of(size_t numa_count)
{
    static uint32_t here[2];
    static struct numa numas[3];
    struct cpulist allowed;

    assert_int_equal(cpus_allowed(&allowed, NULL), 0);
    for (here[0] = 0; !cpulist_has(&allowed, here[0]);)
        here[0]++;
    here[1] = here[0];
    for (size_t i = 0; i < ARRAY_LEN(numas); i++)
        numas[i] = (struct numa){.cores = here, .core_count = 1 + i % 2, .cache = 1 << 20};
    return (struct cpus){.cores = here, .core_count = 2, .numas = numas, .numa_count = numa_count};
}

static void one_numa_node_is_read_and_copied(void **state)
{
    struct cpus cpus = machine_of(1);

    (void)state;
    told_init(&told, 6);
    cpus.numas[0].free_bytes = 1 << 30;
    memory_measure(&told.probe, &cpus);
    told_no_trouble(&told);
    assert_int_equal(told.measure_count, 2);
    assert_int_equal(told_find(&told, "memory.read", "numa0")->bytes, 4 << 20);
    assert_int_equal(told_find(&told, "memory.copy", "numa0")->bytes, 4 << 20);
}

static void each_two_numa_nodes_copy_to_each_other(void **state)
{
    struct cpus cpus = machine_of(3);
    size_t copies = 0;

    (void)state;
    told_init(&told, 6);
    memory_measure(&told.probe, &cpus);
    told_no_trouble(&told);
    for (size_t i = 0; i < told.measure_count; i++) {
        const struct measure *m = &told.measures[i];

        assert_true(m->value > 0);
        if (strcmp(m->metric->name, "numa.copy") == 0) {
            assert_string_equal(m->part, "numa0>numa0");
            copies++;
        }
    }
    assert_int_equal(copies, 6);
    assert_int_equal(told.measure_count, 6 + 6);
}

static void a_node_that_is_not_there_costs_only_itself(void **state)
{
    struct cpus cpus = machine_of(2);

    (void)state;
    cpus.numas[1].number = 1000;
    told_init(&told, 6);
    memory_measure(&told.probe, &cpus);
    (void)told_find(&told, "memory.copy", "numa0");
    if (told.trouble_count == 0)
        skip(); /* a container that forbids mbind: memory is where it was touched first */
    assert_int_equal(told.measure_count, 2);
    assert_int_equal(told_words(&told, "memory of numa1000: its memory can't be had: ")->kind,
                     TROUBLE_TEST);
}

static void too_little_memory_is_said(void **state)
{
    struct cpus cpus = machine_of(1);

    (void)state;
    cpus.numas[0].cache = 256 << 20;
    cpus.numas[0].free_bytes = 1 << 30;
    told_init(&told, 6);
    memory_measure(&told.probe, &cpus);
    assert_int_equal(told.measure_count, 0);
    (void)told_words(&told, "memory of numa0: there is room for a buffer of 128 MiB, which says "
                            "nothing below 512 MiB");
    cpus.numas[0].cache = 0; /* not known */
    cpus.numas[0].free_bytes = 1 << 20;
    told_init(&told, 6);
    memory_measure(&told.probe, &cpus);
    assert_int_equal(told.measure_count, 0);
    (void)told_words(&told, "a buffer of 0 MiB, which says nothing below 64 MiB");
}

static void what_is_late_is_not_begun(void **state)
{
    (void)state;
    told_init(&told, 6);
    told.probe.deadline_ms = clock_now_ms();
    probe_test_memory(&told.probe);
    assert_int_equal(told.measure_count, 0);
    assert_true(told.trouble_count > 0);
    assert_non_null(strstr(told.troubles[0].words, "its time was over before it began"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_numa_node_is_read_and_copied),
        cmocka_unit_test(each_two_numa_nodes_copy_to_each_other),
        cmocka_unit_test(a_node_that_is_not_there_costs_only_itself),
        cmocka_unit_test(too_little_memory_is_said),
        cmocka_unit_test(what_is_late_is_not_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
