#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/str.h"
#include "trainer/memory_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char root[] = "/tmp/firstlight-memory.XXXXXX";

static void put(const char *name, const char *text)
{
    char command[256], path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    (void)snprintf(command, sizeof(command), "mkdir -p $(dirname %s)", path);
    assert_int_equal(system(command), 0);
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
}

static void put_host(uint64_t total_kib, uint64_t free_kib)
{
    char text[256];

    (void)snprintf(text, sizeof(text),
                   "MemTotal: %llu kB\nMemFree: 1 kB\nMemAvailable: %llu kB\n"
                   "SwapTotal: 1000 kB\nSwapFree: 1000 kB\n",
                   (unsigned long long)total_kib - 1000, (unsigned long long)free_kib - 1000);
    put("proc/meminfo", text);
}

static int check(size_t ranks, size_t here, uint64_t *bytes, struct buf *warning, struct err *err)
{
    static struct train_config config;

    assert_int_equal(train_preset("grok-nano", &config, err), 0);
    config.train.threads = 1;
    buf_clear(warning);
    return memory_check(root, &config, ranks, here, bytes, warning, err);
}

static void what_a_host_has_is_held_against_the_plan(void **state)
{
    struct buf warning = {0};
    struct err err = {0};
    uint64_t bytes, two;

    (void)state;
    put_host((uint64_t)1 << 30, (uint64_t)1 << 30);
    assert_int_equal(check(1, 1, &bytes, &warning, &err), 0);
    assert_true(bytes > (1 << 20) && bytes % 4 == 0);
    assert_int_equal(warning.len, 0);
    assert_int_equal(check(2, 2, &two, &warning, &err), 0);

    put_host(bytes / 1024 + 1, bytes / 1024 + 1);
    assert_int_equal(check(1, 1, &bytes, &warning, &err), 0);
    assert_int_equal(warning.len, 0);
    put_host(bytes / 1024 - 1, bytes / 1024 - 1);
    assert_int_equal(check(1, 1, &bytes, &warning, &err), -ENOMEM);
    assert_non_null(strstr(err.text, "this training needs "));
    assert_non_null(strstr(err.text, "this host has "));
    put_host(bytes / 1024 + 1, bytes / 1024 - 1);
    assert_int_equal(check(1, 1, &bytes, &warning, &err), 0);
    assert_non_null(strstr(warning.p, " are free"));

    /* two here need twice as much as one of two */
    put_host(2 * two / 1024 + 1, 2 * two / 1024 + 1);
    assert_int_equal(check(2, 2, &two, &warning, &err), 0);
    put_host(2 * two / 1024 - 1, 2 * two / 1024 - 1);
    assert_int_equal(check(2, 2, &two, &warning, &err), -ENOMEM);
    assert_non_null(strstr(err.text, "2 ranks here need "));
    assert_int_equal(check(2, 1, &two, &warning, &err), 0);
    buf_done(&warning);
}

static void a_control_group_is_a_warning(void **state)
{
    struct buf warning = {0};
    struct err err = {0};
    uint64_t bytes;

    (void)state;
    put_host((uint64_t)1 << 30, (uint64_t)1 << 30);
    put("proc/self/cgroup", "0::/job\n");
    put("sys/fs/cgroup/job/memory.max", "1048576\n");
    put("sys/fs/cgroup/job/memory.current", "0\n");
    assert_int_equal(check(1, 1, &bytes, &warning, &err), 0);
    assert_non_null(strstr(warning.p, "only 1.0 MiB are free"));
    buf_done(&warning);
}

static void a_host_that_tells_nothing_has_enough(void **state)
{
    static const char *const texts[] = {"", "MemTotal: many kB\n", "MemTotal: 5 kB\n", "\0", ":::"};
    struct buf warning = {0};
    struct err err = {0};
    uint64_t bytes;

    (void)state;
    put("proc/self/cgroup", "");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        put("proc/meminfo", texts[i]);
        assert_int_equal(check(1, 1, &bytes, &warning, &err), 0);
        assert_int_equal(warning.len, 0);
    }
    buf_done(&warning);
}

static void sizes_are_for_people(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *want;
    } cases[] = {{0, "0.0 KiB"},
                 {1536, "1.5 KiB"},
                 {102 << 20, "102 MiB"},
                 {(uint64_t)44610 << 20, "43.6 GiB"}};
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&text);
        memory_print(cases[i].bytes, &text);
        assert_string_equal(text.p, cases[i].want);
    }
    buf_done(&text);
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

static int end(void **state)
{
    char command[256];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -r %s", root);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_host_has_is_held_against_the_plan),
        cmocka_unit_test(a_control_group_is_a_warning),
        cmocka_unit_test(a_host_that_tells_nothing_has_enough),
        cmocka_unit_test(sizes_are_for_people),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
