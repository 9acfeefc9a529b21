#include "ranks/oom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
    const char *record;
    pid_t pid;
} records[] = {
    {"3,1234,5678,-;Out of memory: Killed process 4711 (python3) total-vm:9kB, anon-rss:8kB\n",
     4711},
    {"3,1,5,-;Memory cgroup out of memory: Killed process 12 (a) total-vm:1kB\n", 12},
    {"3,1,5,-;Out of memory: Kill process 4711 (python3) score 900 or sacrifice child\n", 0},
    {"3,1,5,-;Killed process  (x)\n", 0},
    {"3,1,5,-;Killed process 99999999999999999999 (x)\n", 0},
    {"6,1,5,-;usb 1-1: new device\n", 0},
    {"", 0},
};

static void the_logs_victim_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(records); i++)
        assert_int_equal(oom_victim(str_of(records[i].record)), records[i].pid);
}

static void a_groups_count_is_read(void **state)
{
    (void)state;
    assert_int_equal(oom_count(STR("low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 9\n")),
                     3);
    assert_int_equal(oom_count(STR("low 0\n")), 0);
    assert_int_equal(oom_count(STR("")), 0);
}

static void write_events(const char *folder, int kills)
{
    char path[64];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/memory.events", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "oom %d\noom_kill %d\n", kills, kills) > 0);
    assert_int_equal(fclose(file), 0);
}

static void a_group_that_lost_one_since_says_so_once(void **state)
{
    char folder[] = "/tmp/test-oom-XXXXXX", path[64];
    struct oom oom;

    (void)state;
    assert_non_null(mkdtemp(folder));
    write_events(folder, 5); /* before our time */
    oom_init(&oom, folder);
    assert_false(oom_killed(&oom, getpid()));
    write_events(folder, 6);
    assert_true(oom_killed(&oom, getpid()));
    assert_false(oom_killed(&oom, getpid()));
    oom_done(&oom);
    (void)snprintf(path, sizeof(path), "%s/memory.events", folder);
    (void)unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_logs_victim_is_read),
        cmocka_unit_test(a_groups_count_is_read),
        cmocka_unit_test(a_group_that_lost_one_since_says_so_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
