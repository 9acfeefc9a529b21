#include "unit/store/folder.h"

#include "store/query.h"

#include <errno.h>

struct table {
    struct buf text; /* "a|b\n1|2\n" */
    size_t rows_max;
    size_t rows;
};

static bool add_row(void *data, size_t columns, const char *const *texts)
{
    struct table *table = data;

    for (size_t i = 0; i < columns; i++)
        buf_printf(&table->text, "%s%s", texts[i] ? texts[i] : "NULL",
                   i + 1 < columns ? "|" : "\n");
    return ++table->rows != table->rows_max;
}

static int ask(struct folder *folder, const char *sql, struct table *table)
{
    struct store *store = folder_store(folder, true);
    int r = query_run(store, sql, 60000, add_row, table, &folder->err);

    store_close(store);
    return r;
}

static void fill(struct folder *folder)
{
    struct store *store = folder_store(folder, false);
    const char *run = folder_run(folder, store, "train", 1700000000123000000);
    static const struct {
        const char *kind;
        uint32_t attempt;
        int node, rank;
        const char *text, *fields;
    } rows[] = {
        {"a", 1, -1, -1, "", "{}"},
        {"b", 1, -1, -1, "", "{}"},
        {"node.starting", 0, 0, -1, "", "{}"},
        {"node.up", 0, 0, -1, "n001", "{\"incarnation\":1}"},
        {"node.up", 0, 1, -1, "n002", "{\"incarnation\":2}"},
        {"attempt.begun", 1, -1, -1, "0-1", "{\"nodes\":2,\"world\":16,\"resume_step\":-1}"},
        {"attempt.running", 1, -1, -1, "", "{}"},
        {"step", 1, -1, -1, "", "{\"step\":7}"},
        {"step", 1, -1, -1, "", "{\"step\":12}"},
        {"checkpoint.chosen", 1, -1, -1, "", "{\"step\":-1}"},
        {"checkpoint.saved", 1, -1, -1, "/c/step_13", "{\"step\":13}"},
        {"rank.exited", 1, 1, 9, "ValueError: boom", "{\"status\":256,\"by\":0}"},
        {"rank.exited", 1, 0, 3, "", "{\"status\":9,\"by\":1}"},
        {"rank.exited", 1, 0, 4, "", "{\"status\":9,\"by\":2}"},
        {"failed", 1, 1, 9, "rank 9 on n002 exited 1", "{\"cause\":1,\"status\":256}"},
        {"attempt.ended", 1, -1, -1, "", "{\"how\":1}"},
        {"phase.ended", 2, -1, -1, "", "{\"phase\":1,\"ns\":250000000}"},
        {"phase.ended", 2, -1, -1, "", "{\"phase\":8,\"ns\":1500000000}"},
        {"node.lost", 0, 1, -1, "silent for 10 s", "{}"},
        {"node.excluded", 0, 1, -1, "rank 9 died first twice", "{}"},
        {"checkpoint.chosen", 2, -1, -1, "/c/step_10", "{\"step\":10}"},
        {"checkpoint.quarantined", 2, -1, -1, "a -> b (torn)", "{}"},
        {"attempt.begun", 2, -1, -1, "0,2", "{\"nodes\":2,\"world\":16,\"resume_step\":10}"},
    };
    struct store_event events[ARRAY_LEN(rows)];
    const struct store_metric metrics[] = {
        {.attempt = 1, .step = 1, .total = -1, .tokens = -1, .loss = 4},
        {.attempt = 1, .step = 2, .total = -1, .tokens = -1, .loss = 3},
        {.attempt = 1, .step = 3, .total = -1, .tokens = -1, .loss = 2},
        {.attempt = 2, .step = 3, .total = -1, .tokens = -1, .loss = 2.5},
        {.attempt = 2, .step = 4, .total = -1, .tokens = -1, .loss = 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        events[i] = small_event(i + 1, rows[i].kind);
        events[i].attempt = rows[i].attempt;
        events[i].node = rows[i].node;
        events[i].rank = rows[i].rank;
        events[i].text = rows[i].text;
        events[i].fields = rows[i].fields;
    }
    assert_int_equal(
        store_append(store, run, events, ARRAY_LEN(events), metrics, ARRAY_LEN(metrics), NULL), 0);
    store_close(store);
}

static void a_query_gets_names_and_rows(void **state)
{
    static const struct {
        const char *sql, *want;
    } cases[] = {
        {"SELECT seq, kind, node FROM events WHERE seq < 3", "seq|kind|node\n1|a|NULL\n2|b|NULL\n"},
        {"SELECT step, attempt, loss FROM curve;",
         "step|attempt|loss\n1|1|4.0\n2|1|3.0\n3|2|2.5\n4|2|1.0\n"},
        {"SELECT created FROM runs", "created\n2023-11-14 22:13:20.123\n"},
        {"SELECT at FROM events WHERE seq = 2", "at\n2023-11-14 22:13:20.002\n"},
        {"SELECT attempt, substr(began, 18) AS began, substr(running, 18) AS running, seconds, "
         "nodes, "
         "world, resume_step, best_step, result, cause, cause_rank, cause_node FROM attempts",
         "attempt|began|running|seconds|nodes|world|resume_step|best_step|result|cause|cause_rank|"
         "cause_node\n"
         "1|20.006|20.007|0.01|2|16|-1|13|failed|rank 9 on n002 exited 1|9|1\n"
         "2|20.023|NULL|NULL|2|16|10|NULL|NULL|NULL|NULL|NULL\n"},
        {"SELECT rank, node, exit_code, signal, ended_by, last_words FROM ranks ORDER BY rank",
         "rank|node|exit_code|signal|ended_by|last_words\n3|0|NULL|9|firstlight|\n"
         "4|0|NULL|9|OOM killer|\n9|1|1|NULL|itself|ValueError: boom\n"},
        {"SELECT node, host, state, times_lost, excluded FROM nodes",
         "node|host|state|times_lost|excluded\n0|n001|up|0|NULL\n"
         "1|n002|excluded|1|rank 9 died first twice\n"},
        {"SELECT attempt, phase, seconds FROM phases",
         "attempt|phase|seconds\n2|abort|0.25\n2|first step|1.5\n"},
        {"SELECT what, step, path FROM checkpoints",
         "what|step|path\nsaved|13|/c/step_13\nchosen|10|/c/step_10\nquarantined|NULL|a -> b "
         "(torn)\n"},
        {"SELECT kind, node, text FROM incidents ORDER BY seq LIMIT 2",
         "kind|node|text\nfailed|1|rank 9 on n002 exited 1\nnode.lost|1|silent for 10 s\n"},
        {"SELECT 1 AS n WHERE 0 -- nothing", "n\n"},
        {"WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t WHERE i < 3) "
         "SELECT sum(i) AS s FROM t",
         "s\n6\n"},
    };
    struct folder *folder = *state;

    fill(folder);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct table table = {0};

        assert_int_equal(ask(folder, cases[i].sql, &table), 0);
        assert_string_equal(table.text.p, cases[i].want);
        buf_done(&table.text);
    }
}

static void a_query_only_reads(void **state)
{
    static const struct {
        const char *sql;
        int want;
        const char *err;
    } cases[] = {
        {"DELETE FROM events", -EACCES, "only reads"},
        {"INSERT INTO runs(id) VALUES(1)", -EACCES, "only reads"},
        {"UPDATE runs SET name = 1", -EACCES, "only reads"},
        {"DROP TABLE runs", -EACCES, "only reads"},
        {"CREATE TABLE t(a)", -EACCES, "only reads"},
        {"CREATE TEMP TABLE t(a)", -EACCES, "only reads"},
        {"ATTACH '/etc/passwd' AS p", -EACCES, "only reads"},
        {"PRAGMA journal_mode=DELETE", -EACCES, "only reads"},
        {"BEGIN", -EACCES, "only reads"},
        {"VACUUM INTO '/tmp/x'", -EACCES, "only reads"},
        {"SELECT load_extension('x')", -EINVAL, "not authorized to use function: load_extension"},
        {"SELECT 1; SELECT 2", -EINVAL, "one statement at a time: what is 'SELECT 2'?"},
        {"", -EINVAL, "empty"},
        {" -- nothing", -EINVAL, "empty"},
        {"SELEC 1", -EINVAL, "syntax error"},
        {"SELECT nope FROM runs", -EINVAL, "no such column: nope"},
        {"SELECT * FROM nope", -EINVAL, "no such table: nope"},
        {"SELECT zeroblob(100000000)", -EINVAL, "too big"},
        {"SELECT abs(-9223372036854775808)", -EINVAL, "overflow"},
    };
    struct folder *folder = *state;
    struct table table = {0};

    fill(folder);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct table none = {0};

        folder->err = (struct err){0};
        if (ask(folder, cases[i].sql, &none) != cases[i].want)
            fail_msg("%s: %s", cases[i].sql, folder->err.text);
        if (!strstr(folder->err.text, cases[i].err))
            fail_msg("%s: %s", cases[i].sql, folder->err.text);
        assert_null(strchr(folder->err.text, '\n'));
        buf_done(&none.text);
    }
    assert_int_equal(ask(folder, "SELECT count(*) FROM events", &table), 0);
    assert_string_equal(table.text.p, "count(*)\n23\n");
    buf_done(&table.text);
}

static void a_query_has_its_time_and_its_memory(void **state)
{
    static const char counts[] = "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) "
                                 "SELECT count(*) FROM t";
    static const char grows[] = "WITH RECURSIVE t(i, s) AS (SELECT 1, zeroblob(8000000) UNION ALL "
                                "SELECT i + 1, zeroblob(8000000 + i) FROM t) SELECT i FROM t "
                                "ORDER BY s DESC";
    struct folder *folder = *state;
    struct table table = {.rows_max = 3};
    struct store *store;

    fill(folder);
    store = folder_store(folder, true);
    assert_int_equal(query_run(store, counts, 50, add_row, &table, &folder->err), -ETIMEDOUT);
    assert_string_equal(folder->err.text, "the query took more than 0.05 s");
    assert_int_equal(query_run(store, grows, 60000, add_row, &table, &folder->err), -ENOMEM);
    table.rows = 0;
    assert_int_equal(
        query_run(store, "SELECT step FROM metrics", 60000, add_row, &table, &folder->err), 0);
    assert_int_equal(table.rows, 3); /* it stops when it is told to */
    buf_done(&table.text);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)
        T(a_query_gets_names_and_rows),
        T(a_query_only_reads),
        T(a_query_has_its_time_and_its_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
