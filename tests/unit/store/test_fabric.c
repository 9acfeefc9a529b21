#include "unit/store/folder.h"

#include "base/file.h"
#include "store/fabric.h"
#include "store/schema.h"
#include "store/sql.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>

static const struct store_fabric_node two_nodes[] = {
    {0, "n1", "leaf1", "well", "", "{\"cpus\":2}"},
    {1, "n2", "", "expected", "", ""},
};

static const struct store_fabric_measure three_measures[] = {
    {"pair.bandwidth", "B/s", "alone", 0, 1, 1 << 20, "", "tcp/eth0", 1.25e9, 1.2e9, 1.3e9},
    {"pair.latency.p50", "s", "together", 1, 0, 8, "", "tcp/eth0", 3.5e-6, 3e-6, 4e-6},
    {"memory.read", "B/s", "alone", 1, -1, 0, "numa0", "", 4e10, 4e10, 4e10},
};

static const struct store_fabric_trouble one_trouble[] = {
    {"peer", "pairs", "n2 does not answer", 0, 1},
};

static struct store_fabric_rows rows_of(const char *run, int64_t began_ns)
{
    return (struct store_fabric_rows){
        .test = {.run = run,
                 .level = "quick",
                 .tests = "pairs,memory",
                 .began_ns = began_ns,
                 .ended_ns = -1,
                 .pairs_planned = 1},
        .nodes = two_nodes,
        .node_count = 2,
        .measures = three_measures,
        .measure_count = 3,
        .troubles = one_trouble,
        .trouble_count = 1,
    };
}

struct seen {
    struct store_fabric_node nodes[4];
    struct store_fabric_measure measures[16];
    struct store_fabric_trouble troubles[4];
    char texts[16][64], via[16][64], fate[4][16], words[4][64];
    size_t node_count, measure_count, trouble_count;
    int stop; /* what the first measure is answered with */
};

static int see_node(void *data, const struct store_fabric_node *row, struct err *err)
{
    struct seen *seen = data;

    (void)err;
    (void)snprintf(seen->fate[seen->node_count], 16, "%s", row->fate);
    seen->nodes[seen->node_count++] = *row;
    return 0;
}

static int see_measure(void *data, const struct store_fabric_measure *row, struct err *err)
{
    struct seen *seen = data;

    if (seen->stop)
        return err_set(err, seen->stop, "stopped");
    (void)snprintf(seen->texts[seen->measure_count], 64, "%s %s %s %s", row->metric, row->unit,
                   row->phase, row->part);
    (void)snprintf(seen->via[seen->measure_count], 64, "%s", row->via);
    seen->measures[seen->measure_count++] = *row;
    return 0;
}

static int see_trouble(void *data, const struct store_fabric_trouble *row, struct err *err)
{
    struct seen *seen = data;

    (void)err;
    (void)snprintf(seen->words[seen->trouble_count], 64, "%s %s %s", row->kind, row->test,
                   row->words);
    seen->troubles[seen->trouble_count++] = *row;
    return 0;
}

static int read_all(struct store *store, const char *run, struct seen *seen, struct err *err)
{
    const struct store_fabric_reader reader = {seen, see_node, see_measure, see_trouble};

    return store_fabric_read(store, run, &reader, err);
}

static void put(struct folder *folder, struct store *store, const struct store_fabric_rows *rows)
{
    if (store_fabric_put(store, rows, &folder->err) < 0)
        fail_msg("%s", folder->err.text);
}

static void what_was_put_is_read_back_in_its_order(void **state)
{
    struct folder *folder = *state;
    struct store *store = folder_store(folder, false);
    const char *id = folder_run(folder, store, "fabric", 1);
    struct store_fabric_rows rows = rows_of(id, 1000);
    struct store_fabric_node later = {1, "n2", "", "hung", "no answer for 30 s", ""};
    struct store_fabric_measure lost = three_measures[0];
    struct store_fabric_test test;
    struct seen seen = {0};

    put(folder, store, &rows);
    lost.value = NAN;
    rows.test.ended_ns = 2000;
    rows.test.whole = true;
    rows.test.pairs_done = 1;
    rows.nodes = &later;
    rows.node_count = 1;
    rows.measures = &lost;
    rows.measure_count = 1;
    rows.trouble_count = 0;
    put(folder, store, &rows);
    store_close(store);

    store = folder_store(folder, true);
    assert_int_equal(store_fabric_find(store, folder->arena, "LAST", &test, NULL), 0);
    assert_string_equal(test.run, id);
    assert_string_equal(test.tests, "pairs,memory");
    assert_int_equal(test.began_ns, 1000);
    assert_int_equal(test.ended_ns, 2000);
    assert_true(test.whole);
    assert_int_equal(test.pairs_done, 1);
    assert_int_equal(test.nodes, 2);
    assert_int_equal(read_all(store, id, &seen, NULL), 0);
    assert_int_equal(seen.node_count, 2);
    assert_string_equal(seen.fate[0], "well");
    assert_string_equal(seen.fate[1], "hung");
    assert_int_equal(seen.measure_count, 4);
    assert_string_equal(seen.texts[0], "pair.bandwidth B/s alone ");
    assert_string_equal(seen.texts[1], "pair.latency.p50 s together ");
    assert_string_equal(seen.texts[2], "memory.read B/s alone numa0");
    assert_string_equal(seen.via[1], "tcp/eth0");
    assert_string_equal(seen.via[2], "");
    assert_int_equal(seen.measures[1].node, 1);
    assert_int_equal(seen.measures[1].peer, 0);
    assert_int_equal(seen.measures[2].peer, -1);
    assert_int_equal(seen.measures[0].bytes, 1 << 20);
    assert_true(seen.measures[0].value == 1.25e9 && seen.measures[0].low == 1.2e9 &&
                seen.measures[0].high == 1.3e9);
    assert_true(isnan(seen.measures[3].value));
    assert_int_equal(seen.trouble_count, 1);
    assert_string_equal(seen.words[0], "peer pairs n2 does not answer");
    assert_int_equal(seen.troubles[0].peer, 1);
    seen = (struct seen){.stop = -ECANCELED};
    assert_int_equal(read_all(store, id, &seen, &folder->err), -ECANCELED);
    assert_string_equal(folder->err.text, "stopped");
    store_close(store);
}

static void a_test_is_found_by_what_people_type(void **state)
{
    struct folder *folder = *state;
    struct store *store = folder_store(folder, false);
    static const char *const ids[] = {"fabric-bbbbb", "fabric-bcccc", "fabric-ddddd"};
    static const struct {
        const char *name;
        int want;
        const char *says; /* the id, or the sentence */
    } cases[] = {
        {"last", 0, "fabric-ddddd"},
        {"LAST", 0, "fabric-ddddd"},
        {"fabric-bcccc", 0, "fabric-bcccc"},
        {"fabric-d", 0, "fabric-ddddd"},
        {"fabric-b", -EINVAL,
         "'fabric-b' is the beginning of 2 fabric tests: fabric-bcccc, fabric-bbbbb"},
        {"fabric-bbbbc", -ENOENT,
         "there is no fabric test 'fabric-bbbbc'; the nearest: fabric-bbbbb, fabric-bcccc, "
         "fabric-ddddd"},
    };
    struct store_fabric_test *tests, test;
    size_t count;

    assert_int_equal(store_fabric_find(store, folder->arena, "last", &test, &folder->err), -ENOENT);
    assert_string_equal(folder->err.text,
                        "there is no fabric test 'last': nothing was measured yet");
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct store_fabric_rows rows = rows_of(ids[i], 1000 + (int64_t)i);

        put(folder, store, &rows);
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int r = store_fabric_find(store, folder->arena, cases[i].name, &test, &folder->err);

        assert_int_equal(r, cases[i].want);
        assert_string_equal(r ? folder->err.text : test.run, cases[i].says);
    }
    assert_int_equal(store_fabric_list(store, folder->arena, &tests, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_string_equal(tests[0].run, "fabric-ddddd");
    assert_string_equal(tests[2].run, "fabric-bbbbb");
    assert_int_equal(tests[2].ended_ns, -1);
    assert_int_equal(read_all(store, "fabric-zzzzz", &(struct seen){0}, &folder->err), -ENOENT);
    store_close(store);
}

static void a_full_database_keeps_what_it_had(void **state)
{
    struct folder *folder = *state;
    struct store *store = folder_store(folder, false);
    struct store_fabric_measure many[200];
    struct store_fabric_rows rows = rows_of("fabric-bbbbb", 1000);
    struct seen seen = {0};
    size_t batches = 0;
    int r;

    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = three_measures[i % 3];
    put(folder, store, &rows);
    assert_int_equal(sql_run(store, "PRAGMA max_page_count=120", NULL), 0);
    rows.measures = many;
    rows.measure_count = ARRAY_LEN(many);
    rows.trouble_count = 0;
    while ((r = store_fabric_put(store, &rows, &folder->err)) == 0 && batches < 1000)
        batches++;
    assert_int_equal(r, -ENOSPC);
    assert_non_null(strstr(folder->err.text, "no space left on the disk"));
    assert_true(batches > 0);
    assert_int_equal(sql_run(store, "PRAGMA max_page_count=100000", NULL), 0);
    rows.measure_count = 0;
    put(folder, store, &rows);
    store_close(store);

    store = folder_store(folder, true);
    seen.stop = -ECANCELED; /* the count is enough */
    assert_int_equal(read_all(store, "fabric-bbbbb", &seen, NULL), -ECANCELED);
    assert_int_equal(seen.node_count, 2);
    {
        sqlite3_stmt *statement;

        assert_int_equal(sqlite3_prepare_v2(store->db,
                                            "SELECT count(*), max(seq) FROM fabric_measures", -1,
                                            &statement, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int64(statement, 0), 3 + batches * ARRAY_LEN(many));
        assert_int_equal(sqlite3_column_int64(statement, 1), 3 + batches * ARRAY_LEN(many));
        (void)sqlite3_finalize(statement);
    }
    store_close(store);
}

/* ---- a database of version 1 ---- */

static void make_version_1(struct folder *folder)
{
    char path[512], *sql;
    size_t len;
    sqlite3 *db;

    assert_int_equal(
        file_read(TEST_GOLDEN "/store/version1.sql", 1 << 20, &sql, &len, &folder->err), 0);
    (void)snprintf(path, sizeof(path), "%s/firstlight.db", folder->path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    free(sql);
}

struct line {
    char text[512];
    size_t rows;
};

static bool take_line(void *data, size_t columns, const char *const *texts)
{
    struct line *line = data;
    size_t at = 0;

    if (line->rows++ == 0) /* the names */
        return true;
    for (size_t i = 0; i < columns; i++)
        at += (size_t)snprintf(line->text + at, sizeof(line->text) - at, "%s%s", i ? "|" : "",
                               texts[i] ? texts[i] : "-");
    return true;
}

static void assert_query(struct folder *folder, struct store *store, const char *sql,
                         const char *want)
{
    struct line line = {0};

    if (store_query(store, sql, take_line, &line, &folder->err) < 0)
        fail_msg("%s: %s", sql, folder->err.text);
    assert_string_equal(line.text, want);
}

static void assert_version_1_is_kept(struct folder *folder, struct store *store)
{
    struct store_run run;

    assert_int_equal(store_run_find(store, folder->arena, "train", &run, NULL), 0);
    assert_string_equal(run.id, "train-bcdfg");
    assert_string_equal(run.headline, "all ranks finished");
    assert_int_equal(run.exit_code, 0);
    assert_int_equal(store_last_seq(store, run.id), 3);
    assert_query(folder, store, "SELECT text, node, rank FROM events WHERE seq = 3",
                 "it's done|1|3");
    assert_query(folder, store, "SELECT step, loss, tokens FROM metrics WHERE step = 1",
                 "1|2.5|1024");
    assert_query(folder, store, "SELECT exit_code FROM ranks", "0");
}

static void an_older_database_is_brought_up_and_keeps_everything(void **state)
{
    struct folder *folder = *state;
    struct store_fabric_test *tests;
    struct store *store;
    size_t count;

    make_version_1(folder);
    store = folder_store(folder, true); /* reading changes nothing */
    assert_version_1_is_kept(folder, store);
    assert_int_equal(store_fabric_list(store, folder->arena, &tests, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(store->version, 1);
    store_close(store);

    for (int i = 0; i < 2; i++) { /* the second time there is nothing to bring */
        store = folder_store(folder, false);
        assert_int_equal(store->version, SCHEMA_VERSION);
        assert_version_1_is_kept(folder, store);
        store_close(store);
    }
    store = folder_store(folder, false);
    put(folder, store, &(struct store_fabric_rows){.test = rows_of("fabric-bbbbb", 5).test});
    assert_query(folder, store, "SELECT run, level FROM fabric_tests", "fabric-bbbbb|quick");
    store_close(store);
}

/* A new database and one that was brought up have the same tables. */
static void a_new_and_an_older_database_end_alike(void **state)
{
    static const char sql[] = "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema "
                              "WHERE sql IS NOT NULL ORDER BY name)";
    struct folder *folder = *state, *other;
    struct store *old, *new;
    static char texts[2][32768];
    sqlite3_stmt *statement;

    make_version_1(folder);
    old = folder_store(folder, false);
    assert_int_equal(folder_make((void **)&other), 0);
    new = folder_store(other, false);
    for (int i = 0; i < 2; i++) {
        struct store *store = i ? new : old;

        assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        (void)snprintf(texts[i], sizeof(texts[i]), "%s", sqlite3_column_text(statement, 0));
        (void)sqlite3_finalize(statement);
    }
    assert_non_null(strstr(texts[0], "fabric_measures"));
    assert_string_equal(texts[0], texts[1]);
    store_close(old);
    store_close(new);
    (void)folder_remove((void **)&other);
}

static void queries_see_names_and_units(void **state)
{
    struct folder *folder = *state;
    struct store *store = folder_store(folder, false);
    struct store_fabric_rows rows = rows_of("fabric-bbbbb", 1000);

    put(folder, store, &rows);
    assert_query(folder, store,
                 "SELECT run, from_node, to_node, metric, phase, bytes, gb_per_s, us, via "
                 "FROM pairs WHERE gb_per_s IS NOT NULL",
                 "fabric-bbbbb|n1|n2|pair.bandwidth|alone|1048576|1.25|-|tcp/eth0");
    assert_query(folder, store, "SELECT count(*), max(us) FROM pairs", "2|3.5");
    assert_query(folder, store,
                 "SELECT node, peer, part, via, value FROM measures WHERE peer IS NULL",
                 "n2|-|numa0|-|40000000000.0");
    assert_query(folder, store, "SELECT kind, test, node, peer, words FROM troubles",
                 "peer|pairs|n1|n2|n2 does not answer");
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_put_is_read_back_in_its_order, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(a_test_is_found_by_what_people_type, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(a_full_database_keeps_what_it_had, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(an_older_database_is_brought_up_and_keeps_everything,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_new_and_an_older_database_end_alike, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(queries_see_names_and_units, folder_make, folder_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
