#include "ranks/bind.h"

#include "ranks/folders.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define TWO_SOCKETS                                                                                \
    "pack:2 numa:2 core:8 pu:2" /* 32 cores, 64 threads; a NUMA node: 16 of these                  \
                                 */

/* "0-3 8" : runs of numbers of a set */
static void text_of(const struct bind_plan *plan, uint32_t rank, char text[256])
{
    int len = 0, cpus = (int)(plan->set_bytes * 8);

    text[0] = '\0';
    if (!plan->sets[rank])
        return;
    for (int i = 0; i < cpus; i++) {
        int begin = i;

        while (i < cpus && CPU_ISSET_S((size_t)i, plan->set_bytes, plan->sets[rank]))
            i++;
        if (i > begin)
            len += snprintf(text + len, 256 - (size_t)len, len ? " %d-%d" : "%d-%d", begin, i - 1);
    }
}

static const struct {
    const char *name, *synthetic;
    enum job_bind how;
    uint32_t nproc, rank;
    const char *want;
} cases[] = {
    {"none", TWO_SOCKETS, JOB_BIND_NONE, 8, 0, ""},
    {"first of 8", TWO_SOCKETS, JOB_BIND_CORE, 8, 0, "0-7"},
    {"last of 8", TWO_SOCKETS, JOB_BIND_CORE, 8, 7, "56-63"},
    {"one has all", TWO_SOCKETS, JOB_BIND_CORE, 1, 0, "0-63"},
    {"a core each", TWO_SOCKETS, JOB_BIND_CORE, 32, 5, "10-11"},
    {"not even: first", TWO_SOCKETS, JOB_BIND_CORE, 3, 0, "0-19"},
    {"not even: last", TWO_SOCKETS, JOB_BIND_CORE, 3, 2, "42-63"},
    {"more than cores", TWO_SOCKETS, JOB_BIND_CORE, 64, 63, "63-63"},
    {"more than threads", TWO_SOCKETS, JOB_BIND_CORE, 128, 127, "63-63"},
    {"numa, two each", TWO_SOCKETS, JOB_BIND_NUMA, 8, 3, "16-31"},
    {"numa, two nodes each", TWO_SOCKETS, JOB_BIND_NUMA, 2, 1, "32-63"},
    {"socket", TWO_SOCKETS, JOB_BIND_SOCKET, 4, 1, "0-31"},
    {"socket", TWO_SOCKETS, JOB_BIND_SOCKET, 4, 2, "32-63"},
    {"no socket known", "core:4 pu:1", JOB_BIND_SOCKET, 2, 1, "0-3"},
};

static void ranks_get_even_parts(void **state)
{
    struct arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bind_wish wish = {
            .how = cases[i].how, .nproc = cases[i].nproc, .synthetic = cases[i].synthetic};
        struct bind_plan plan;
        char text[256];

        assert_int_equal(bind_plan(arena, &wish, &plan, NULL), 0);
        text_of(&plan, cases[i].rank, text);
        if (strcmp(text, cases[i].want) != 0)
            fail_msg("%s: \"%s\" is not \"%s\"", cases[i].name, text, cases[i].want);
    }
    arena_free(arena);
}

static void cores_are_disjoint_and_all_used(void **state)
{
    struct arena *arena = arena_new(0);

    (void)state;
    for (uint32_t nproc = 1; nproc <= 64; nproc++) {
        struct bind_wish wish = {.how = JOB_BIND_CORE, .nproc = nproc, .synthetic = TWO_SOCKETS};
        struct bind_plan plan;
        int seen[64] = {0};

        assert_int_equal(bind_plan(arena, &wish, &plan, NULL), 0);
        for (uint32_t rank = 0; rank < nproc; rank++)
            for (size_t cpu = 0; cpu < 64; cpu++)
                seen[cpu] += CPU_ISSET_S(cpu, plan.set_bytes, plan.sets[rank]) != 0;
        for (int cpu = 0; cpu < 64; cpu++)
            assert_int_equal(seen[cpu], 1);
    }
    arena_free(arena);
}

static void a_bad_description_is_an_error(void **state)
{
    struct bind_wish wish = {.how = JOB_BIND_CORE, .nproc = 1, .synthetic = "pack:two"};
    struct arena *arena = arena_new(0);
    struct bind_plan plan;
    struct err err;

    (void)state;
    assert_int_equal(bind_plan(arena, &wish, &plan, &err), -EINVAL);
    assert_string_equal(err.text, "pack:two is no description of a topology");
    arena_free(arena);
}

/* What is given here may be used here. */
static void this_machines_cpus_are_those_we_may_use(void **state)
{
    struct bind_wish wish = {.how = JOB_BIND_CORE, .nproc = 2};
    struct arena *arena = arena_new(0);
    struct bind_plan plan;
    cpu_set_t before;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
    assert_int_equal(bind_plan(arena, &wish, &plan, NULL), 0);
    for (int i = 0; i < 2; i++) {
        size_t count = (size_t)CPU_COUNT_S(plan.set_bytes, plan.sets[i]);

        assert_in_range(count, 1, CPU_COUNT(&before));
        for (size_t cpu = 0; cpu < plan.set_bytes * 8; cpu++)
            if (CPU_ISSET_S(cpu, plan.set_bytes, plan.sets[i]))
                assert_true(CPU_ISSET(cpu, &before));
    }
    arena_free(arena);
}

/* ---- GPUs ---- */

static void put(const char *root, const char *device, const char *file, const char *text)
{
    char path[512];
    FILE *out;

    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s", root, device);
    assert_int_equal(folders_make(path, NULL), 0);
    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/%s", root, device, file);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void put_card(const char *root, const char *device, const char *vendor, const char *cpus)
{
    put(root, device, "vendor", vendor);
    put(root, device, "class", "0x030200\n");
    put(root, device, "local_cpulist", cpus);
}

static void a_rank_sits_next_to_its_gpu(void **state)
{
    char root[] = "/tmp/test-bind-XXXXXX", command[64], text[256];
    struct arena *arena = arena_new(0);
    struct gpus gpus, some;
    struct bind_wish wish = {
        .how = JOB_BIND_GPU, .nproc = 4, .gpus = &gpus, .synthetic = TWO_SOCKETS};
    static const char *const want[] = {"32-63", "0-31", "0-31", ""};
    struct bind_plan plan;
    size_t first, count;

    (void)state;
    assert_non_null(mkdtemp(root));
    put_card(root, "0000:17:00.0", "0x10de\n", "32-63\n");
    put_card(root, "0000:65:00.0", "0x10de\n", "0-31\n");
    put_card(root, "0000:e3:00.0", "0x1002\n", "0-31\n");
    put_card(root, "0001:01:00.0", "0x10de\n", "\n");     /* nobody knows where */
    put_card(root, "0000:03:00.0", "0x1a03\n", "0-31\n"); /* the board's own VGA */
    assert_int_equal(gpus_find(arena, root, NULL, &gpus), 0);
    assert_int_equal(gpus.count, 4);
    wish.root = root;
    assert_int_equal(bind_plan(arena, &wish, &plan, NULL), 0);
    for (uint32_t i = 0; i < 4; i++) {
        text_of(&plan, i, text);
        assert_string_equal(text, want[i]);
    }
    gpus_of_rank(&gpus, 1, 2, &first, &count);
    assert_string_equal(gpus_words(arena, &gpus, first, count), "2,3");
    gpus_of_rank(&gpus, 7, 8, &first, &count); /* two ranks a GPU */
    assert_string_equal(gpus_words(arena, &gpus, first, count), "3");
    assert_int_equal(gpus_find(arena, root, "3, 1,GPU-abc", &some), 0);
    assert_int_equal(some.count, 3);
    assert_string_equal(some.addresses[1], "0000:65:00.0");
    assert_null(some.addresses[2]);
    assert_string_equal(gpus_words(arena, &some, 0, 3), "3,1,GPU-abc");
    (void)snprintf(command, sizeof(command), "rm -r %s", root);
    assert_int_equal(system(command), 0);
    arena_free(arena);
}

static void without_a_gpu_there_is_a_sentence(void **state)
{
    struct arena *arena = arena_new(0);
    struct gpus gpus;
    struct bind_wish wish = {
        .how = JOB_BIND_GPU, .nproc = 1, .gpus = &gpus, .root = "/nonexistent"};
    struct bind_plan plan;
    struct err err;

    (void)state;
    assert_int_equal(gpus_find(arena, "/nonexistent", NULL, &gpus), 0);
    assert_int_equal(gpus.count, 0);
    assert_int_equal(bind_plan(arena, &wish, &plan, &err), -ENODEV);
    assert_string_equal(err.text, "bind gpu: there is no GPU here");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_get_even_parts),
        cmocka_unit_test(cores_are_disjoint_and_all_used),
        cmocka_unit_test(a_bad_description_is_an_error),
        cmocka_unit_test(this_machines_cpus_are_those_we_may_use),
        cmocka_unit_test(a_rank_sits_next_to_its_gpu),
        cmocka_unit_test(without_a_gpu_there_is_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
