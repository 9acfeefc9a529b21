#include "unit/store/folder.h"

#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define EVENT_TEXT 900
#define BATCH      20

struct reader {
    uint64_t expected;
    bool wrong;
};

static bool check_order(void *data, const struct store_event *event)
{
    struct reader *reader = data;

    reader->wrong = reader->wrong || event->seq != ++reader->expected;
    return true;
}

/* Append until it fails, `batches` at most; returns the failure's code. */
static int fill(struct store *store, const char *run, uint64_t *seq, unsigned batches,
                struct err *err)
{
    static char text[EVENT_TEXT + 1];
    struct store_event events[BATCH];

    memset(text, 'x', EVENT_TEXT);
    for (unsigned batch = 0; batch < batches; batch++) {
        int r;

        for (size_t i = 0; i < BATCH; i++) {
            events[i] = small_event(*seq + 1 + i, "note");
            events[i].text = text;
        }
        r = store_append(store, run, events, BATCH, NULL, 0, err);
        if (r < 0)
            return r;
        *seq += BATCH;
    }
    return 0;
}

static void all_is_there(struct store *store, const char *run, uint64_t seq)
{
    struct reader reader = {0};

    assert_int_equal(store_last_seq(store, run), seq);
    assert_int_equal(store_events(store, run, 0, check_order, &reader, NULL), 0);
    assert_false(reader.wrong);
    assert_int_equal(reader.expected, seq);
}

static void a_full_database_says_so_and_goes_on_when_there_is_room(void **state)
{
    struct folder *folder = *state;
    struct store *store = folder_store(folder, false);
    const char *run = folder_run(folder, store, "full", 1);
    uint64_t seq = 0;

    assert_int_equal(sql_run(store, "PRAGMA max_page_count=100", NULL), 0);
    assert_int_equal(fill(store, run, &seq, 1000, &folder->err), -ENOSPC);
    assert_non_null(strstr(folder->err.text, "firstlight.db: no space left"));
    assert_true(seq > 0);
    all_is_there(store, run, seq);
    assert_int_equal(fill(store, run, &seq, 1, NULL), -ENOSPC); /* and again */
    assert_int_equal(sql_run(store, "PRAGMA max_page_count=100000", NULL), 0);
    assert_int_equal(fill(store, run, &seq, 50, NULL), 0);
    all_is_there(store, run, seq);
    store_close(store);
    store = folder_store(folder, true);
    all_is_there(store, run, seq);
    store_close(store);
}

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), r;

    if (fd < 0)
        return -1;
    r = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
    (void)close(fd);
    return r;
}

/* A mount that nobody else sees: as root, or as root of a user namespace of our own. */
static bool mount_small_disk(const char *path, const char *bytes)
{
    char map[64], options[64];
    uid_t uid = getuid();

    if (uid == 0) {
        if (unshare(CLONE_NEWNS) < 0)
            return false;
    } else {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
            return false;
        (void)snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
        if (write_text("/proc/self/uid_map", map) < 0)
            return false;
    }
    (void)snprintf(options, sizeof(options), "mode=0700,size=%s", bytes);
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", path, "tmpfs", 0, options) == 0;
}

/* The child's exit code: 77 when there can be no such disk here. */
static int on_a_small_disk(struct folder *folder)
{
    char ballast[512];
    struct store *store;
    const char *run;
    uint64_t seq = 0;
    int fd;

    if (!mount_small_disk(folder->path, "2m"))
        return 77;
    store = folder_store(folder, false);
    run = folder_run(folder, store, "full", 1);
    (void)snprintf(ballast, sizeof(ballast), "%s/ballast", folder->path);
    fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, 1 << 20), 0);
    (void)close(fd);

    assert_int_equal(fill(store, run, &seq, 10000, &folder->err), -ENOSPC);
    assert_non_null(strstr(folder->err.text, "firstlight.db: no space left on the disk"));
    assert_true(seq > 0);
    for (int i = 0; i < 3; i++) /* nothing is lost by trying */
        assert_int_equal(fill(store, run, &seq, 10000, NULL), -ENOSPC);
    all_is_there(store, run, seq);
    store_close(store);

    store = folder_store(folder, false); /* a full disk can still be read */
    all_is_there(store, run, seq);
    assert_int_equal(unlink(ballast), 0);
    assert_int_equal(fill(store, run, &seq, 5, &folder->err), 0);
    all_is_there(store, run, seq);
    store_close(store);
    return 0;
}

static void a_full_disk_says_so_and_loses_nothing(void **state)
{
    struct folder *folder = *state;
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        int code = on_a_small_disk(folder);

        (void)fflush(NULL);
        _exit(code);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        (void)printf("skipped: no mount namespace can be had here\n");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_database_says_so_and_goes_on_when_there_is_room,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_full_disk_says_so_and_loses_nothing, folder_make,
                                        folder_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
