#include "unit/store/folder.h"

#include "base/rng.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

/* FIRSTLIGHT_SEEDS=N asks for more. */
#define SEEDS     40
#define BATCH_MAX 40
#define TEXT_MAX  600

/* The size of a batch and each event's text follow from seed and number, so that whoever reads can
 * tell what must be there. */
static size_t batch_size(uint64_t seed, uint64_t batch)
{
    struct rng rng = {seed * 1000003 + batch};

    return 1 + rng_below(&rng, BATCH_MAX);
}

static void event_text(uint64_t seed, uint64_t seq, char text[TEXT_MAX])
{
    struct rng rng = {seed ^ seq << 20};
    size_t len = rng_below(&rng, TEXT_MAX - 1);

    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + rng_below(&rng, 26));
    text[len] = '\0';
}

/* The child: appends for ever and says each batch that was acknowledged. */
static void append_for_ever(const char *dir, const char *run, uint64_t seed, int out)
{
    static char texts[BATCH_MAX][TEXT_MAX];
    struct store_event events[BATCH_MAX];
    struct store *store;
    uint64_t seq;

    if (store_open(dir, false, &store, NULL) < 0)
        _exit(1);
    seq = store_last_seq(store, run);
    if (seq)
        _exit(2);
    for (uint64_t batch = 0;; batch++) {
        size_t count = batch_size(seed, batch);
        struct store_metric metric = {
            .attempt = 1, .step = (int64_t)batch, .total = -1, .tokens = -1, .loss = 1};

        for (size_t i = 0; i < count; i++) {
            events[i] = small_event(++seq, "note");
            event_text(seed, seq, texts[i]);
            events[i].text = texts[i];
        }
        if (store_append(store, run, events, count, &metric, 1, NULL) < 0)
            _exit(3);
        if (write(out, &seq, sizeof(seq)) != sizeof(seq))
            _exit(4);
    }
}

struct reader {
    uint64_t seed, expected;
    bool wrong;
};

static bool check_event(void *data, const struct store_event *event)
{
    struct reader *reader = data;
    char text[TEXT_MAX];

    event_text(reader->seed, event->seq, text);
    reader->wrong = event->seq != ++reader->expected || strcmp(text, event->text) != 0;
    return !reader->wrong;
}

static void check_integrity(const char *dir)
{
    char path[512];
    sqlite3_stmt *statement;
    sqlite3 *db;

    (void)snprintf(path, sizeof(path), "%s/firstlight.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL), 0);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
}

/* Kill the writer after a number of acknowledged batches that the seed draws: it is then anywhere
 * between two of them, or in the middle of a checkpoint. */
static void kill_one(struct folder *folder, uint64_t seed)
{
    struct rng rng = {seed};
    uint64_t kill_after = rng_below(&rng, 120), acknowledged = 0, seq, whole = 0, batch = 0;
    struct store *store = folder_store(folder, false);
    const char *run = folder_run(folder, store, "crash", (int64_t)seed);
    struct reader reader = {.seed = seed};
    struct store_run row;
    int pipes[2], status;
    pid_t pid;

    store_close(store);
    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        append_for_ever(folder->path, run, seed, pipes[1]);
    (void)close(pipes[1]);
    for (uint64_t i = 0; i < kill_after; i++)
        assert_int_equal(read(pipes[0], &acknowledged, sizeof(acknowledged)), sizeof(acknowledged));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    while (read(pipes[0], &seq, sizeof(seq)) == sizeof(seq))
        acknowledged = seq;
    (void)close(pipes[0]);

    store = folder_store(folder, false);
    seq = store_last_seq(store, run);
    assert_true(seq >= acknowledged);
    while (whole < seq)
        whole += batch_size(seed, batch++);
    assert_int_equal(whole, seq); /* no batch is there by half */
    assert_int_equal(store_events(store, run, 0, check_event, &reader, NULL), 0);
    assert_false(reader.wrong);
    assert_int_equal(reader.expected, seq);
    assert_int_equal(store_run_find(store, folder->arena, run, &row, NULL), 0);
    assert_int_equal(row.loss == 1, seq > 0); /* metrics come with their events */
    store_close(store);
}

static void a_killed_writer_loses_nothing_it_was_told_is_there(void **state)
{
    const char *text = getenv("FIRSTLIGHT_SEEDS");
    uint64_t seeds = text ? strtoull(text, NULL, 10) : SEEDS;

    for (uint64_t seed = 1; seed <= seeds; seed++)
        kill_one(*state, seed);
    check_integrity(((struct folder *)*state)->path);
}

/* Several first ones at once: each makes a run, all runs are there. */
static void many_that_come_first_at_once_all_get_in(void **state)
{
    struct folder *folder = *state;
    enum { COMERS = 12 };
    pid_t pids[COMERS];
    struct store_run *runs;
    struct store *store;
    size_t count;
    int gate[2], status;

    assert_int_equal(pipe(gate), 0);
    for (size_t i = 0; i < COMERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            struct err err = {0};
            const char *id;
            char c;

            (void)close(gate[1]);
            (void)!read(gate[0], &c, 1); /* the end of the file, for all at once */
            if (store_open(folder->path, false, &store, &err) < 0 ||
                store_run_new(store, folder->arena, "x", "{}", 1, &id, &err) < 0) {
                (void)fprintf(stderr, "%s\n", err.text);
                _exit(1);
            }
            store_close(store);
            _exit(0);
        }
    }
    (void)close(gate[0]);
    (void)close(gate[1]);
    for (size_t i = 0; i < COMERS; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    store = folder_store(folder, true);
    assert_int_equal(store_run_list(store, folder->arena, &runs, &count, NULL), 0);
    assert_int_equal(count, COMERS);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_killed_writer_loses_nothing_it_was_told_is_there,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(many_that_come_first_at_once_all_get_in, folder_make,
                                        folder_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
