#include "probe/disk.h"

#include "support/told.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct told told;
static char folder[64];

static int setup(void **state)
{
    static const char *where;

    (void)state;
    if (!where)
        where = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : "/tmp";
    (void)snprintf(folder, sizeof(folder), "%.30s/firstlight-disk.XXXXXX", where);
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder); /* which fails when something was left behind */
}

static void all_three_are_told(const char *part)
{
    static const char *const names[] = {"disk.write", "disk.read", "disk.fsync"};

    told_no_trouble(&told);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct measure *m = told_find(&told, names[i], part);

        assert_non_null(strchr(m->via, '/'));
        assert_true(m->bytes > 0);
    }
}

static void a_folder_is_written_synced_and_read(void **state)
{
    (void)state;
    told_init(&told, 10);
    disk_measure(&told.probe, folder);
    all_three_are_told(folder);
    assert_int_equal(told.measure_count, 3);
}

static void folders_come_from_the_environment_each_once(void **state)
{
    char list[512];

    (void)state;
    told_init(&told, 2);
    (void)setenv("TMPDIR", folder, 1);
    (void)snprintf(list, sizeof(list), ":%s:here:/nowhere/at/all:%s:", folder, folder);
    (void)setenv(DISK_ENV, list, 1);
    probe_test_disk(&told.probe);
    (void)unsetenv(DISK_ENV);
    (void)told_find(&told, "disk.read", folder);
    assert_int_equal(told.measure_count, 3);
    assert_int_equal(told.trouble_count, 2);
    (void)told_words(&told, DISK_ENV ": 'here' is no absolute path");
    (void)told_words(&told,
                     "/nowhere/at/all: no file can be made there: No such file or directory");
}

static void too_many_folders_are_said(void **state)
{
    struct buf list = {0};

    (void)state;
    told_init(&told, 2);
    (void)setenv("TMPDIR", "/proc/self/fd/none", 1);
    for (int i = 0; i < DISK_FOLDERS_MAX; i++)
        buf_printf(&list, "/proc/self/none/%d:", i);
    (void)setenv(DISK_ENV, list.p, 1);
    probe_test_disk(&told.probe);
    (void)unsetenv(DISK_ENV);
    buf_done(&list);
    assert_int_equal(told.trouble_count, DISK_FOLDERS_MAX + 1);
    (void)told_words(&told, "'/proc/self/none/15' is one folder too many and left out");
}

static void what_is_late_is_not_begun(void **state)
{
    (void)state;
    told_init(&told, 10);
    told.probe.deadline_ms = clock_now_ms();
    disk_measure(&told.probe, folder);
    assert_int_equal(told.measure_count, 0);
    assert_non_null(strstr(told_words(&told, "its time was over before it began")->words, folder));
}

/* What a child in a world of its own told, by its exit code: 0 as wanted. */
static int in_a_child(bool (*world)(void), const char *words)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        told_init(&told, 2);
        if (!world())
            _exit(77);
        disk_measure(&told.probe, folder);
        if (told.measure_count == 0 && told.trouble_count == 1 &&
            strstr(told.troubles[0].words, words))
            _exit(0);
        (void)fprintf(stderr, "%zu measures, %zu troubles: %s\n", told.measure_count,
                      told.trouble_count, told.troubles[0].words);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool limited_files(void)
{
    struct rlimit limit = {1 << 20, 1 << 20};

    return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

static void a_limit_on_files_is_a_sentence(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(limited_files, "File too large"), 0);
}

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        (void)close(fd);
    return written;
}

/* A mount that nobody else sees: as root, or as root of a user namespace of our own. */
static bool mount_tmpfs(const char *options)
{
    unsigned uid = (unsigned)getuid();
    char map[64];

    (void)snprintf(map, sizeof(map), "0 %u 1", uid);
    if (unshare(uid ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) < 0 ||
        (uid && !write_text("/proc/self/uid_map", map)))
        return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", folder, "tmpfs", 0, options) == 0;
}

static bool small_disk(void)
{
    return mount_tmpfs("size=40m");
}

static bool read_only_disk(void)
{
    return mount_tmpfs("size=100m") && mount(NULL, folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0;
}

static void a_small_and_a_read_only_disk_are_a_sentence(void **state)
{
    int small, read_only;

    (void)state;
    small = in_a_child(small_disk, "40 MiB are free, the test needs 80");
    read_only = in_a_child(read_only_disk, "no file can be made there: Read-only file system");
    if (small == 77 || read_only == 77) {
        (void)printf("skipped: no mounts of our own here\n");
        skip();
    }
    assert_int_equal(small, 0);
    assert_int_equal(read_only, 0);
}

static void a_disk_without_direct_access_is_measured_too(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        told_init(&told, 2);
        if (!mount_tmpfs("size=100m"))
            _exit(77);
        disk_measure(&told.probe, folder);
        all_three_are_told(folder);
        _exit(strncmp(told.measures[0].via, "tmpfs/", 6) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_is_written_synced_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_come_from_the_environment_each_once, setup,
                                        teardown),
        cmocka_unit_test(too_many_folders_are_said),
        cmocka_unit_test_setup_teardown(what_is_late_is_not_begun, setup, teardown),
        cmocka_unit_test_setup_teardown(a_limit_on_files_is_a_sentence, setup, teardown),
        cmocka_unit_test_setup_teardown(a_small_and_a_read_only_disk_are_a_sentence, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_disk_without_direct_access_is_measured_too, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
