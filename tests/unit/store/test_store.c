#include "unit/store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct seen {
    size_t count;
    uint64_t first, last;
    struct store_event event;
    char text[64], fields[64], kind[64];
};

static bool see(void *data, const struct store_event *event)
{
    struct seen *seen = data;

    if (!seen->count++)
        seen->first = event->seq;
    seen->last = event->seq;
    seen->event = *event;
    (void)snprintf(seen->kind, sizeof(seen->kind), "%s", event->kind);
    (void)snprintf(seen->text, sizeof(seen->text), "%s", event->text);
    (void)snprintf(seen->fields, sizeof(seen->fields), "%s", event->fields);
    return true;
}

static bool see_two(void *data, const struct store_event *event)
{
    (void)see(data, event);
    return ((struct seen *)data)->count < 2;
}

static void what_was_appended_is_read_back_after_a_reopen(void **state)
{
    struct folder *folder = *state;
    struct store *store = folder_store(folder, false);
    const char *id = folder_run(folder, store, "train", 1);
    struct store_event events[] = {small_event(1, "run.created"), small_event(0, "rank.exited"),
                                   small_event(3, "note")};
    struct seen seen = {0};

    events[1].node = 2;
    events[1].rank = 17;
    events[1].uncertain_ns = 5;
    events[1].text = "it's \"quoted\"\n";
    events[1].fields = "{\"status\":256}";
    assert_int_equal(store_append(store, id, events, 3, NULL, 0, NULL), 0);
    store_close(store);

    store = folder_store(folder, true);
    assert_int_equal(store_last_seq(store, id), 3);
    assert_int_equal(store_events(store, id, 0, see, &seen, NULL), 0);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.event.node, -1);
    assert_int_equal(seen.event.rank, -1);
    seen = (struct seen){0};
    assert_int_equal(store_events(store, id, 1, see, &seen, NULL), 0);
    assert_int_equal(seen.first, 2);
    seen = (struct seen){0};
    assert_int_equal(store_events(store, id, 0, see_two, &seen, NULL), 0);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.event.node, 2);
    assert_int_equal(seen.event.rank, 17);
    assert_int_equal(seen.event.uncertain_ns, 5);
    assert_int_equal(seen.event.at_ns, events[1].at_ns);
    assert_string_equal(seen.kind, "rank.exited");
    assert_string_equal(seen.text, "it's \"quoted\"\n");
    assert_string_equal(seen.fields, "{\"status\":256}");
    seen = (struct seen){0};
    assert_int_equal(store_events(store, "no-such", 0, see, &seen, NULL), 0);
    assert_int_equal(store_events(store, id, UINT64_MAX, see, &seen, NULL), 0);
    assert_int_equal(seen.count, 0);
    store_close(store);
}

static void an_append_with_a_hole_adds_nothing(void **state)
{
    struct folder *folder = *state;
    struct store *store = folder_store(folder, false);
    const char *id = folder_run(folder, store, "train", 1);
    struct store_event events[] = {small_event(1, "a"), small_event(3, "b")};
    struct store_metric metric = {.attempt = 1, .step = 1, .total = -1, .tokens = -1, .loss = 2};

    assert_int_equal(store_append(store, id, events, 2, &metric, 1, &folder->err), -EINVAL);
    assert_non_null(strstr(folder->err.text, "event 3 where 2 comes next"));
    assert_int_equal(store_last_seq(store, id), 0);
    events[1].seq = 2;
    assert_int_equal(store_append(store, id, events, 2, &metric, 1, NULL), 0);
    assert_int_equal(store_append(store, id, events, 2, NULL, 0, NULL), -EINVAL);
    assert_int_equal(store_last_seq(store, id), 2);
    store_close(store);
}

static void rights_are_for_the_owner_alone(void **state)
{
    struct folder *folder = *state;
    struct store *store;
    struct stat st;
    char path[512];
    mode_t mask = umask(0);
    unsigned mode = 0;
    const char *id;

    (void)snprintf(path, sizeof(path), "%s/a/b", folder->path);
    assert_int_equal(store_open(path, false, &store, NULL), 0);
    id = folder_run(folder, store, "x", 1);
    (void)umask(mask);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_false(store_open_to_others(path, &mode));
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"firstlight.db", "firstlight.db-wal",
                                            "firstlight.db-shm"};

        (void)snprintf(path, sizeof(path), "%s/a/b/%s", folder->path, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    (void)snprintf(path, sizeof(path), "%s/a/b/runs/%s", folder->path, id);
    assert_string_equal(
        store_run_dir(folder->arena, arena_printf(folder->arena, "%s/a/b", folder->path), id),
        path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    store_close(store);
    assert_int_equal(chmod(folder->path, 0755), 0);
    assert_true(store_open_to_others(folder->path, &mode));
    assert_int_equal(mode, 0755);
}

static int open_error(struct folder *folder, bool readonly)
{
    struct store *store = NULL;
    int r = store_open(folder->path, readonly, &store, &folder->err);

    store_close(store);
    return r;
}

static void write_file(struct folder *folder, const char *name, const char *bytes, size_t len)
{
    char path[512];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder->path, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static char *read_file(struct folder *folder, const char *name, size_t *len)
{
    char path[512], *bytes = calloc(1, 1 << 20);
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder->path, name);
    file = fopen(path, "r");
    assert_non_null(file);
    *len = fread(bytes, 1, 1 << 20, file);
    (void)fclose(file);
    return bytes;
}

static void reading_makes_nothing(void **state)
{
    struct folder *folder = *state;
    char path[512];

    assert_int_equal(open_error(folder, true), -ENOENT);
    assert_non_null(strstr(folder->err.text, "nothing was run yet"));
    (void)snprintf(path, sizeof(path), "%s/firstlight.db", folder->path);
    assert_int_equal(access(path, F_OK), -1);
    write_file(folder, "firstlight.db", "", 0);
    assert_int_equal(open_error(folder, true), -ENOENT);
}

static void raw(struct folder *folder, const char *sql)
{
    char path[512];
    sqlite3 *db;

    (void)snprintf(path, sizeof(path), "%s/firstlight.db", folder->path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void a_newer_database_is_refused_with_its_version(void **state)
{
    struct folder *folder = *state;

    store_close(folder_store(folder, false));
    raw(folder, "PRAGMA user_version=7");
    assert_int_equal(open_error(folder, false), -EINVAL);
    assert_non_null(strstr(folder->err.text, "its version is 7"));
    assert_int_equal(open_error(folder, true), -EINVAL);
}

static void another_programs_database_is_not_touched(void **state)
{
    struct folder *folder = *state;
    size_t len, len2;
    char *before, *after;

    raw(folder, "CREATE TABLE cookies(a)");
    before = read_file(folder, "firstlight.db", &len);
    assert_int_equal(open_error(folder, false), -EIO);
    assert_non_null(strstr(folder->err.text, "another program"));
    after = read_file(folder, "firstlight.db", &len2);
    assert_int_equal(len, len2);
    assert_memory_equal(before, after, len);
    free(before);
    free(after);
}

/* Every database that is cut off, and many with one spoilt page: a sentence or an answer, never a
 * crash, and the file stays as it was found. */
static void a_damaged_database_is_named_and_not_touched(void **state)
{
    struct folder *folder = *state;
    struct store *store = folder_store(folder, false);
    const char *id = folder_run(folder, store, "train", 1);
    size_t len, refused = 0;
    char *good;

    for (uint64_t seq = 1; seq <= 200; seq++) {
        struct store_event event = small_event(seq, "note");

        assert_int_equal(store_append(store, id, &event, 1, NULL, 0, NULL), 0);
    }
    store_close(store);
    raw(folder, "PRAGMA wal_checkpoint"); /* all into the one file that is then spoilt */
    good = read_file(folder, "firstlight.db", &len);
    write_file(folder, "firstlight.db", "not a database, but a text of some length.", 42);
    assert_int_equal(open_error(folder, false), -EIO);
    assert_non_null(strstr(folder->err.text, "firstlight.db: not a database"));
    for (size_t at = 0; at < len; at += 512) {
        struct seen seen = {0};
        char *spoilt = malloc(len), *after;
        size_t after_len;
        int r;

        memcpy(spoilt, good, len);
        memset(spoilt + at, 0xa5, len - at < 512 ? len - at : 512);
        write_file(folder, "firstlight.db", spoilt, len);
        folder->err = (struct err){0};
        r = store_open(folder->path, false, &store, &folder->err);
        if (r == 0) {
            r = store_events(store, id, 0, see, &seen, &folder->err);
            store_close(store);
        }
        if (r < 0) {
            refused++;
            assert_non_null(strstr(folder->err.text, "firstlight.db"));
            after = read_file(folder, "firstlight.db", &after_len);
            assert_int_equal(after_len, len);
            assert_memory_equal(after, spoilt, len);
            free(after);
        }
        free(spoilt);
    }
    assert_true(refused > len / 512 / 8);
    write_file(folder, "firstlight.db", good, len);
    store = folder_store(folder, false);
    assert_int_equal(store_last_seq(store, id), 200);
    store_close(store);
    free(good);
}

static void the_folders_name_comes_from_the_option_or_the_environment(void **state)
{
    struct folder *folder = *state;
    struct err *err = &folder->err;
    char cwd[512];

    assert_non_null(getcwd(cwd, sizeof(cwd)));
    assert_int_equal(setenv("HOME", "/home/u", 1), 0);
    assert_int_equal(setenv("XDG_STATE_HOME", "/x", 1), 0);
    assert_string_equal(store_dir(folder->arena, "/s", err), "/s");
    assert_string_equal(store_dir(folder->arena, "s", err),
                        arena_printf(folder->arena, "%s/s", cwd));
    assert_string_equal(store_dir(folder->arena, NULL, err), "/x/firstlight");
    assert_int_equal(setenv("XDG_STATE_HOME", "relative", 1), 0);
    assert_string_equal(store_dir(folder->arena, NULL, err), "/home/u/.local/state/firstlight");
    assert_null(store_dir(folder->arena, "", err));
    assert_int_equal(unsetenv("HOME"), 0);
    assert_null(store_dir(folder->arena, NULL, err));
    assert_non_null(strstr(err->text, "--state"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)
        T(what_was_appended_is_read_back_after_a_reopen),
        T(an_append_with_a_hole_adds_nothing),
        T(rights_are_for_the_owner_alone),
        T(reading_makes_nothing),
        T(a_newer_database_is_refused_with_its_version),
        T(another_programs_database_is_not_touched),
        T(a_damaged_database_is_named_and_not_touched),
        T(the_folders_name_comes_from_the_option_or_the_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
