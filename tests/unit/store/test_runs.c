#include "unit/store/folder.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>

static void an_id_is_the_name_and_five_letters(void **state)
{
    static const struct {
        const char *name, *beginning;
    } cases[] = {
        {"train", "train-"}, {"a b/c", "abc-"},           {"../../etc", "etc-"},     {"--", "run-"},
        {"", "run-"},        {"gpt_2.5-x", "gpt_2.5-x-"}, {"\xc3\xa4pfel", "pfel-"},
    };
    struct folder *folder = *state;
    struct store *store = folder_store(folder, false);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *id = folder_run(folder, store, cases[i].name, 1);

        assert_true(str_starts(str_of(id), cases[i].beginning));
        assert_int_equal(strlen(id), strlen(cases[i].beginning) + 5);
        assert_int_equal(strspn(id + strlen(id) - 5, "bcdfghjkmnpqrstvwxz"), 5);
    }
    store_close(store);
}

static void the_row_is_what_was_told_last(void **state)
{
    struct folder *folder = *state;
    struct store *store = folder_store(folder, false);
    const char *id = folder_run(folder, store, "train", 5);
    struct store_metric metric = {
        .attempt = 1, .step = 3, .total = 10, .at_ns = 7, .tokens = -1, .loss = 2.5};
    struct store_run run, update = {.id = id,
                                    .state = "running",
                                    .headline = "step 3 of 10",
                                    .host = "head",
                                    .pid = 77,
                                    .updated_ns = 9,
                                    .ended_ns = -1,
                                    .step = 3,
                                    .total = 10,
                                    .attempt = 2,
                                    .world = 16,
                                    .nodes = 4,
                                    .exit_code = -1};

    assert_int_equal(store_run_find(store, folder->arena, id, &run, NULL), 0);
    assert_string_equal(run.state, "created");
    assert_string_equal(run.job, "{}");
    assert_int_equal(run.created_ns, 5);
    assert_int_equal(run.ended_ns, -1);
    assert_int_equal(run.step, -1);
    assert_int_equal(run.exit_code, -1);
    assert_true(isnan(run.loss));
    assert_false(run.alive);
    assert_int_equal(store_run_update(store, &update, NULL), 0);
    assert_int_equal(store_append(store, id, NULL, 0, &metric, 1, NULL), 0);
    assert_int_equal(store_run_find(store, folder->arena, id, &run, NULL), 0);
    assert_string_equal(run.state, "running");
    assert_string_equal(run.headline, "step 3 of 10");
    assert_int_equal(run.pid, 77);
    assert_int_equal(run.attempt, 2);
    assert_int_equal(run.world, 16);
    assert_int_equal(run.nodes, 4);
    assert_int_equal(run.step, 3);
    assert_true(run.loss == 2.5);
    update = (struct store_run){.id = id, .ended_ns = 11, .step = -1, .total = -1, .exit_code = 0};
    assert_int_equal(store_run_update(store, &update, NULL), 0);
    assert_int_equal(store_run_find(store, folder->arena, id, &run, NULL), 0);
    assert_string_equal(run.state, "running"); /* NULL left it */
    assert_int_equal(run.ended_ns, 11);
    assert_int_equal(run.exit_code, 0);
    update.id = "no-such";
    assert_int_equal(store_run_update(store, &update, &folder->err), -ENOENT);
    store_close(store);
}

static void a_run_is_found_by_what_people_type(void **state)
{
    struct folder *folder = *state;
    struct store *store = folder_store(folder, false);
    struct store_run run, *runs;
    size_t count;
    const char *first, *second, *other;
    uint64_t generation;
    int fd;

    assert_int_equal(store_run_find(store, folder->arena, "train", &run, &folder->err), -ENOENT);
    assert_string_equal(folder->err.text, "there is no run 'train': nothing was run yet");
    first = folder_run(folder, store, "train", 100);
    second = folder_run(folder, store, "train", 200);
    other = folder_run(folder, store, "eval", 300);
    const struct {
        const char *name, *want;
    } cases[] = {
        {first, first},    {second, second},
        {"train", second}, {"last", other},
        {"ev", other},     {arena_copy(folder->arena, first, strlen(first) - 1), first},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(store_run_find(store, folder->arena, cases[i].name, &run, NULL), 0);
        assert_string_equal(run.id, cases[i].want);
    }
    assert_int_equal(store_run_find(store, folder->arena, "tr", &run, &folder->err), -EINVAL);
    assert_non_null(strstr(folder->err.text, "'tr' is the beginning of 2 runs: "));
    assert_int_equal(store_run_find(store, folder->arena, "evil", &run, &folder->err), -ENOENT);
    assert_non_null(strstr(folder->err.text, "the nearest: eval-"));
    assert_int_equal(store_run_find(store, folder->arena, "", &run, &folder->err), -ENOENT);
    assert_int_equal(store_run_list(store, folder->arena, &runs, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_string_equal(runs[0].id, other);
    assert_string_equal(runs[2].id, first);
    fd = store_run_lock(store, first, &generation, NULL); /* it goes on, the newer one does not */
    assert_true(fd >= 0);
    assert_int_equal(store_run_find(store, folder->arena, "train", &run, NULL), 0);
    assert_string_equal(run.id, first);
    (void)close(fd);
    store_close(store);
}

static void one_process_holds_a_run_and_a_dead_one_does_not(void **state)
{
    struct folder *folder = *state;
    struct store *store = folder_store(folder, false);
    const char *id = folder_run(folder, store, "train", 1);
    uint64_t generation = 0;
    int ready[2], fd, status;
    char pid_text[32], c;
    struct store_run run;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    store_close(store); /* SQLite's connections do not go through a fork */
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (store_open(folder->path, false, &store, NULL) < 0 ||
            store_run_lock(store, id, &generation, NULL) < 0 || generation != 1)
            _exit(1);
        (void)!write(ready[1], "x", 1);
        for (;;)
            (void)pause();
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    (void)close(ready[0]);
    store = folder_store(folder, false);
    assert_int_equal(store_run_lock(store, id, &generation, &folder->err), -EBUSY);
    (void)snprintf(pid_text, sizeof(pid_text), "process %ld", (long)pid);
    assert_non_null(strstr(folder->err.text, pid_text));
    assert_int_equal(store_run_find(store, folder->arena, id, &run, NULL), 0);
    assert_true(run.alive);
    assert_int_equal(run.pid, pid);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(store_run_alive(store, id));
    fd = store_run_lock(store, id, &generation, &folder->err);
    assert_true(fd >= 0);
    assert_int_equal(generation, 2);
    assert_true(store_run_alive(store, id));
    (void)close(fd);
    assert_false(store_run_alive(store, id));
    assert_true(store_run_lock(store, "no-such", &generation, NULL) < 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)
        T(an_id_is_the_name_and_five_letters),
        T(the_row_is_what_was_told_last),
        T(a_run_is_found_by_what_people_type),
        T(one_process_holds_a_run_and_a_dead_one_does_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
