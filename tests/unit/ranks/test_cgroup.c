#include "ranks/cgroup.h"

#include "base/file.h"
#include "base/str.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];

static const struct {
    const char *name, *mounts, *groups, *path, *why;
} cases[] = {
    {"of a user", "25 1 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
     "0::/user.slice/user-1000.slice/a.scope\n",
     "/sys/fs/cgroup/user.slice/user-1000.slice/a.scope", NULL},
    {"beside version 1",
     "40 39 0:33 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu\n"
     "41 39 0:34 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw\n",
     "9:cpu:/x\n0::/\n", "/sys/fs/cgroup/unified", NULL},
    {"a part is mounted", "25 1 0:22 /box /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
     "0::/box/inner\n", "/sys/fs/cgroup/inner", NULL},
    {"another part is mounted", "25 1 0:22 /box /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
     "0::/boxes/inner\n", NULL, "our control group /boxes/inner is not in what is mounted"},
    {"version 1 alone", "40 39 0:33 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", "9:cpu:/x\n",
     NULL, "this kernel has no control groups of version 2"},
    {"not mounted", "", "0::/x\n", NULL, "no cgroup2 is mounted"},
};

static void our_group_is_found_or_the_reason_said(void **state)
{
    char folder[] = "/tmp/test-cgroup-XXXXXX", file[64], path[256];

    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err why = {0};
        int r;

        (void)snprintf(file, sizeof(file), "%s/mountinfo", folder);
        assert_int_equal(file_write(file, cases[i].mounts, strlen(cases[i].mounts), NULL), 0);
        (void)snprintf(file, sizeof(file), "%s/cgroup", folder);
        assert_int_equal(file_write(file, cases[i].groups, strlen(cases[i].groups), NULL), 0);
        r = cgroup_own(folder, path, sizeof(path), &why);
        assert_int_equal(r, cases[i].path ? 0 : -ENOENT);
        assert_string_equal(r == 0 ? path : why.text, cases[i].path ? cases[i].path : cases[i].why);
    }
    (void)unlink(file);
    (void)snprintf(file, sizeof(file), "%s/mountinfo", folder);
    (void)unlink(file);
    assert_int_equal(rmdir(folder), 0);
}

/* A cgroup2 of the test's own: in a mount namespace, below a group that it makes. */
static int mount_cgroup2(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof(root), "/tmp/test-cgroup2-%d", (int)getpid());
    if (mkdir(root, 0700) < 0)
        return -1;
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", root, "cgroup2", 0, NULL) < 0) {
        (void)rmdir(root);
        root[0] = '\0';
    }
    return 0;
}

static int unmount_cgroup2(void **state)
{
    (void)state;
    return root[0] && (umount(root) < 0 || rmdir(root) < 0) ? -1 : 0;
}

static void need_cgroup2(void)
{
    if (root[0])
        return;
    print_message("skipped: a cgroup2 cannot be mounted here\n");
    skip();
}

static void enter(const struct cgroup *cgroup, pid_t pid)
{
    char path[256], number[16];

    (void)snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup_path(cgroup));
    (void)snprintf(number, sizeof(number), "%d", (int)pid);
    FILE *procs = fopen(path, "w");
    assert_non_null(procs);
    assert_true(fputs(number, procs) >= 0);
    assert_int_equal(fclose(procs), 0);
}

static void wait_until_empty(const struct cgroup *cgroup)
{
    for (int i = 0; i < 10000 && cgroup_populated(cgroup); i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_false(cgroup_populated(cgroup));
}

static void a_group_kills_all_that_is_in_it(void **state)
{
    struct cgroup *cgroup;
    struct err why;
    int status;
    pid_t pid;

    (void)state;
    need_cgroup2();
    cgroup = cgroup_make(root, "run-1", &why);
    assert_non_null(cgroup);
    assert_false(cgroup_populated(cgroup));
    pid = fork();
    if (pid == 0) {
        (void)raise(SIGSTOP);
        if (fork() == 0)
            (void)setsid();
        for (;;)
            (void)pause();
    }
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    enter(cgroup, pid);
    assert_true(cgroup_populated(cgroup));
    (void)kill(pid, SIGCONT);
    cgroup_kill(cgroup);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    wait_until_empty(cgroup);
    cgroup_free(cgroup);
}

static void a_dead_agents_empty_group_is_removed(void **state)
{
    char left[128], living[128];
    struct cgroup *cgroup;
    pid_t pid = fork();

    (void)state;
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    need_cgroup2();
    (void)snprintf(left, sizeof(left), "%s/firstlight-old-1-%d", root, (int)pid);
    (void)snprintf(living, sizeof(living), "%s/firstlight-other-1-%d", root, (int)getppid());
    assert_int_equal(mkdir(left, 0755), 0);
    assert_int_equal(mkdir(living, 0755), 0);
    cgroup = cgroup_make(root, "run-1", NULL);
    assert_non_null(cgroup);
    assert_int_equal(access(left, F_OK), -1);
    assert_int_equal(access(living, F_OK), 0);
    assert_int_equal(rmdir(living), 0);
    cgroup_free(cgroup);
}

static void where_none_may_be_made_the_reason_is_said(void **state)
{
    struct err why;

    (void)state;
    assert_null(cgroup_make("/nonexistent/group", "run-1", &why));
    assert_string_equal(why.text, "no control group may be made in /nonexistent/group: No such "
                                  "file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_group_is_found_or_the_reason_said),
        cmocka_unit_test(a_group_kills_all_that_is_in_it),
        cmocka_unit_test(a_dead_agents_empty_group_is_removed),
        cmocka_unit_test(where_none_may_be_made_the_reason_is_said),
    };

    return cmocka_run_group_tests(tests, mount_cgroup2, unmount_cgroup2);
}
