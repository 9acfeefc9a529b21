#include "base/memory_limit.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char root[64];

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
    char command[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    assert_int_equal(system(command), 0);
}

static void put(const char *name, const char *text)
{
    shell("mkdir -p $(dirname %s/%s) && printf -- '%s\\n' >%s/%s", root, name, text, root, name);
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof(root), "/tmp/firstlight-limit.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    shell("rm -r %s", root);
    return 0;
}

static void the_tightest_of_all_groups_counts(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/pods/mine/");
    put("sys/fs/cgroup/pods/mine/memory.max", "max");
    put("sys/fs/cgroup/pods/mine/memory.current", "100");
    assert_true(memory_limit_left(root) == UINT64_MAX);
    put("sys/fs/cgroup/pods/memory.max", "9000");
    put("sys/fs/cgroup/pods/memory.current", "5000");
    assert_int_equal(memory_limit_left(root), 4000);
    put("sys/fs/cgroup/pods/memory.stat",
        "anon 1\\nfile 9999\\nactive_file 700\\ninactive_file 300\\nshmem 5");
    assert_int_equal(memory_limit_left(root), 5000); /* files make room */
    put("sys/fs/cgroup/pods/mine/memory.max", "2000");
    assert_int_equal(memory_limit_left(root), 1900);
    put("sys/fs/cgroup/memory.max", "10"); /* a container sees its own group there */
    put("sys/fs/cgroup/memory.current", "12");
    assert_int_equal(memory_limit_left(root), 0);
}

static void the_first_version_is_known_too(void **state)
{
    (void)state;
    put("proc/self/cgroup", "11:cpu,cpuacct:/slurm\\n9:hugetlb,memory:/slurm/job_7\\n0::/");
    put("sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes", "1000");
    put("sys/fs/cgroup/memory/slurm/job_7/memory.usage_in_bytes", "400");
    assert_int_equal(memory_limit_left(root), 600);
}

static const struct {
    const char *cgroup, *limit;
} odd[] = {
    {"", "5"},
    {"nothing", "5"},
    {"0:", "5"},
    {"0::", "no number"},
    {"0::/a/b", "-1"},
    {":::::", "5"},
    {"0:://///", "9999999999999999999999"},
};

static void what_says_nothing_is_no_limit(void **state)
{
    (void)state;
    assert_true(memory_limit_left(root) == UINT64_MAX);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        put("proc/self/cgroup", odd[i].cgroup);
        put("sys/fs/cgroup/memory.max", odd[i].limit);
        put("sys/fs/cgroup/memory.current", "1");
        if (memory_limit_left(root) != UINT64_MAX)
            fail_msg("'%s' with a limit of '%s' is %llu", odd[i].cgroup, odd[i].limit,
                     (unsigned long long)memory_limit_left(root));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_tightest_of_all_groups_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_version_is_known_too, setup, teardown),
        cmocka_unit_test_setup_teardown(what_says_nothing_is_no_limit, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
