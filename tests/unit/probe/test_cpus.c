#include "probe/cpus.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A made-up /sys below a folder of its own; what is put there is listed to be taken away again. */
static char root[64];
static char made[512][160];
static size_t made_count;

static void put(const char *name, const char *text)
{
    char path[256], *slash;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/sys/devices/system/%s", root, name);
    for (slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (mkdir(path, 0700) == 0)
            (void)snprintf(made[made_count++], sizeof(*made), "%s", path);
        *slash = '/';
    }
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(made[made_count++], sizeof(*made), "%s", path);
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof(root), "/tmp/firstlight-cpus.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    while (made_count)
        (void)remove(made[--made_count]);
    return rmdir(root);
}

static struct cpulist list_of(const char *text)
{
    struct cpulist list = {0};

    assert_true(cpulist_read(&list, str_of(text)));
    return list;
}

/* Two sockets of 4 cores with two threads each, CPU n and n + 8; an L3 for two cores; a third NUMA
 * node that is the memory of a GPU. */
static void put_machine(void)
{
    for (int cpu = 0; cpu < 16; cpu++) {
        char name[96], text[64];
        int core = cpu % 8, pair = core / 2 * 2;

        (void)snprintf(name, sizeof(name), "cpu/cpu%d/topology/thread_siblings_list", cpu);
        (void)snprintf(text, sizeof(text), "%d,%d\n", core, core + 8);
        put(name, text);
        (void)snprintf(name, sizeof(name), "cpu/cpu%d/cache/index3/shared_cpu_list", cpu);
        (void)snprintf(text, sizeof(text), "%d-%d,%d-%d\n", pair, pair + 1, pair + 8, pair + 9);
        put(name, text);
        (void)snprintf(name, sizeof(name), "cpu/cpu%d/cache/index3/size", cpu);
        put(name, "32768K\n");
    }
    put("node/online", "0-2\n");
    put("node/node0/cpulist", "0-3,8-11\n");
    put("node/node1/cpulist", "4-7,12-15\n");
    put("node/node2/cpulist", "\n");
    put("node/node1/meminfo", "Node 1 MemTotal:       1000000 kB\nNode 1 MemFree:        2048 kB\n"
                              "Node 1 Active(file):   1024 kB\nNode 1 Inactive(file): 1024 kB\n");
}

static void cores_and_numa_nodes_are_those_of_the_allowed_cpus(void **state)
{
    struct arena *arena = arena_new(0);
    struct cpulist allowed = list_of("1-2,5,9,12-13");
    struct cpus cpus;
    struct err err;

    (void)state;
    put_machine();
    assert_int_equal(cpus_read(arena, root, &allowed, &cpus, &err), 0);
    assert_int_equal(cpus.core_count, 4); /* 9 is core 1's, 13 is core 5's; 12 stands for core 4 */
    assert_int_equal(cpus.cores[0], 1);
    assert_int_equal(cpus.cores[1], 2);
    assert_int_equal(cpus.cores[2], 5);
    assert_int_equal(cpus.cores[3], 12);
    assert_int_equal(cpus.numa_count, 2);
    assert_int_equal(cpus.numas[0].number, 0);
    assert_int_equal(cpus.numas[0].core_count, 2);
    assert_int_equal(cpus.numas[0].cores[1], 2);
    assert_int_equal(cpus.numas[0].cache, 64 << 20);
    assert_int_equal(cpus.numas[0].free_bytes, 0); /* not known */
    assert_int_equal(cpus.numas[1].number, 1);
    assert_int_equal(cpus.numas[1].core_count, 2);
    assert_int_equal(cpus.numas[1].cores[1], 12);
    assert_int_equal(cpus.numas[1].cache, 32 << 20); /* one L3 of both */
    assert_int_equal(cpus.numas[1].free_bytes, 4 << 20);
    arena_free(arena);
}

static void without_sysfs_each_cpu_is_a_core_of_one_numa_node(void **state)
{
    struct arena *arena = arena_new(0);
    struct cpulist allowed = list_of("3,6-7"), none = {0};
    struct cpus cpus;
    struct err err;

    (void)state;
    assert_int_equal(cpus_read(arena, root, &allowed, &cpus, &err), 0);
    assert_int_equal(cpus.core_count, 3);
    assert_int_equal(cpus.numa_count, 1);
    assert_int_equal(cpus.numas[0].core_count, 3);
    assert_int_equal(cpus.numas[0].cores[2], 7);
    assert_int_equal(cpus.numas[0].cache, 0);
    assert_int_equal(cpus_read(arena, root, &none, &cpus, &err), -EINVAL);
    assert_string_equal(err.text, "there is no CPU that this process may use");
    arena_free(arena);
}

static void a_cpu_that_two_numa_nodes_claim_is_of_the_first(void **state)
{
    struct arena *arena = arena_new(0);
    struct cpulist allowed = list_of("0-3");
    struct cpus cpus;

    (void)state;
    put("node/online", "0-1023\n");
    put("node/node0/cpulist", "0-3\n");
    put("node/node1/cpulist", "0-8191\n");
    put("node/node2/cpulist", "no list\n");
    assert_int_equal(cpus_read(arena, root, &allowed, &cpus, NULL), 0);
    assert_int_equal(cpus.numa_count, 1);
    assert_int_equal(cpus.numas[0].core_count, 4);
    arena_free(arena);
}

static void no_memory_is_an_error_at_any_point(void **state)
{
    struct cpulist allowed = list_of("0-3");
    struct cpus cpus;
    struct err err;
    size_t failed = 0;

    (void)state;
    for (size_t bytes = 16; bytes <= 128 << 10; bytes *= 2) {
        struct arena *arena = arena_new(bytes);
        int r = cpus_read(arena, root, &allowed, &cpus, &err);

        assert_true(r == 0 || r == -ENOMEM);
        failed += r < 0;
        arena_free(arena);
    }
    assert_true(failed > 0 && failed < 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cores_and_numa_nodes_are_those_of_the_allowed_cpus, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_sysfs_each_cpu_is_a_core_of_one_numa_node, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_cpu_that_two_numa_nodes_claim_is_of_the_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_memory_is_an_error_at_any_point, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
