#include "store/fabric.h"

#include "base/vec.h"
#include "store/find.h"
#include "store/sql.h"

#include <errno.h>
#include <math.h>

/* A database of a firstlight that had no fabric tests, opened for reading. */
#define FABRIC_SINCE 2

struct numbers {
    int64_t test, measure, trouble; /* the test's own; the last of each kind that is there */
};

/* Returns -ENOENT when there is no such test. */
static int know_numbers(struct store *store, const char *run, struct numbers *out, struct err *err)
{
    sqlite3_stmt *statement;
    int code, r = sql_use(store, SQL_FABRIC_TEST_NUMBER, &statement, err);

    if (r < 0)
        return r;
    sql_bind_text(statement, 1, run);
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *out =
            (struct numbers){sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1),
                             sqlite3_column_int64(statement, 2)};
    else if (code == SQLITE_DONE)
        r = err_set(err, -ENOENT, "there is no fabric test '%s'", run);
    else
        r = sql_error(store, code, err);
    (void)sqlite3_reset(statement);
    return r;
}

static int put_test(struct store *store, const struct store_fabric_test *test, struct err *err)
{
    sqlite3_stmt *statement;
    int r = sql_use(store, SQL_FABRIC_TEST_PUT, &statement, err);

    if (r < 0)
        return r;
    sql_bind_text(statement, 1, test->run);
    sql_bind_text(statement, 2, test->level);
    sql_bind_text(statement, 3, test->tests);
    (void)sqlite3_bind_int64(statement, 4, test->began_ns);
    sql_bind_told(statement, 5, test->ended_ns);
    (void)sqlite3_bind_int64(statement, 6, test->whole);
    (void)sqlite3_bind_int64(statement, 7, test->rounds);
    (void)sqlite3_bind_int64(statement, 8, test->pairs_planned);
    (void)sqlite3_bind_int64(statement, 9, test->pairs_done);
    return sql_step(store, statement, err);
}

static int put_nodes(struct store *store, int64_t test, const struct store_fabric_node *nodes,
                     size_t count, struct err *err)
{
    sqlite3_stmt *statement;
    int r = count ? sql_use(store, SQL_FABRIC_NODE_PUT, &statement, err) : 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        (void)sqlite3_bind_int64(statement, 1, test);
        (void)sqlite3_bind_int64(statement, 2, nodes[i].node);
        sql_bind_text(statement, 3, nodes[i].name);
        sql_bind_text(statement, 4, nodes[i].group);
        sql_bind_text(statement, 5, nodes[i].fate);
        sql_bind_text(statement, 6, nodes[i].words);
        sql_bind_text(statement, 7, nodes[i].card);
        r = sql_step(store, statement, err);
    }
    return r;
}

enum { WORDS = 5 }; /* of a measure */

static void words_of(const struct store_fabric_measure *measure, const char *words[WORDS])
{
    words[0] = measure->metric;
    words[1] = measure->unit;
    words[2] = measure->phase;
    words[3] = measure->part;
    words[4] = measure->via;
}

/* Measures come in series: most words are those of the one before, and known. */
static int know_words(struct store *store, const char *const *words, const char *const *before,
                      struct err *err)
{
    sqlite3_stmt *statement;
    int r = 0;

    for (size_t i = 0; r == 0 && i < WORDS; i++) {
        if (before && !strcmp(words[i], before[i]))
            continue;
        r = sql_use(store, SQL_FABRIC_WORD_ADD, &statement, err);
        if (r == 0) {
            sql_bind_text(statement, 1, words[i]);
            r = sql_step(store, statement, err);
        }
    }
    return r;
}

static int add_measures(struct store *store, const struct numbers *numbers,
                        const struct store_fabric_measure *measures, size_t count, struct err *err)
{
    const char *words[2][WORDS];
    sqlite3_stmt *statement;
    int r = count ? sql_use(store, SQL_FABRIC_MEASURE_ADD, &statement, err) : 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct store_fabric_measure *measure = &measures[i];

        words_of(measure, words[i % 2]);
        r = know_words(store, words[i % 2], i ? words[(i + 1) % 2] : NULL, err);
        if (r < 0)
            break;
        (void)sqlite3_clear_bindings(statement);
        (void)sqlite3_bind_int64(statement, 1, numbers->test);
        (void)sqlite3_bind_int64(statement, 2, numbers->measure + 1 + (int64_t)i);
        (void)sqlite3_bind_int64(statement, 3, measure->node);
        sql_bind_told(statement, 4, measure->peer);
        (void)sqlite3_bind_int64(statement, 5, (int64_t)measure->bytes);
        (void)sqlite3_bind_double(statement, 6, measure->value); /* NaN becomes NULL */
        (void)sqlite3_bind_double(statement, 7, measure->low);
        (void)sqlite3_bind_double(statement, 8, measure->high);
        for (size_t w = 0; w < WORDS; w++)
            sql_bind_text(statement, 9 + (int)w, words[i % 2][w]);
        r = sql_step(store, statement, err);
    }
    return r;
}

static int add_troubles(struct store *store, const struct numbers *numbers,
                        const struct store_fabric_trouble *troubles, size_t count, struct err *err)
{
    sqlite3_stmt *statement;
    int r = count ? sql_use(store, SQL_FABRIC_TROUBLE_ADD, &statement, err) : 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        (void)sqlite3_clear_bindings(statement);
        (void)sqlite3_bind_int64(statement, 1, numbers->test);
        (void)sqlite3_bind_int64(statement, 2, numbers->trouble + 1 + (int64_t)i);
        sql_bind_text(statement, 3, troubles[i].kind);
        sql_bind_text(statement, 4, troubles[i].test);
        (void)sqlite3_bind_int64(statement, 5, troubles[i].node);
        sql_bind_told(statement, 6, troubles[i].peer);
        sql_bind_text(statement, 7, troubles[i].words);
        r = sql_step(store, statement, err);
    }
    return r;
}

static int put_rows(struct store *store, const struct store_fabric_rows *rows, struct err *err)
{
    struct numbers numbers = {0};
    int r = put_test(store, &rows->test, err);

    if (r == 0)
        r = know_numbers(store, rows->test.run, &numbers, err);
    if (r == 0)
        r = put_nodes(store, numbers.test, rows->nodes, rows->node_count, err);
    if (r == 0)
        r = add_measures(store, &numbers, rows->measures, rows->measure_count, err);
    if (r == 0)
        r = add_troubles(store, &numbers, rows->troubles, rows->trouble_count, err);
    return r;
}

int store_fabric_put(struct store *store, const struct store_fabric_rows *rows, struct err *err)
{
    int r = sql_do(store, SQL_BEGIN, err);

    if (r < 0)
        return r;
    r = put_rows(store, rows, err);
    if (r == 0)
        r = sql_do(store, SQL_COMMIT, err);
    if (r < 0 &&
        !sqlite3_get_autocommit(store->db)) /* a full disk may have rolled back by itself */
        (void)sql_do(store, SQL_ROLLBACK, NULL);
    return r;
}

static const char *copy_text(struct arena *arena, sqlite3_stmt *statement, int at, bool *failed)
{
    const char *text = sql_text(statement, at), *copy = arena_copy(arena, text, strlen(text));

    *failed = *failed || !copy;
    return copy;
}

static int read_test(struct store *store, struct arena *arena, sqlite3_stmt *statement,
                     struct store_fabric_test *test, struct err *err)
{
    bool failed = false;

    *test = (struct store_fabric_test){
        .run = copy_text(arena, statement, 0, &failed),
        .level = copy_text(arena, statement, 1, &failed),
        .tests = copy_text(arena, statement, 2, &failed),
        .began_ns = sqlite3_column_int64(statement, 3),
        .ended_ns = sql_told(statement, 4),
        .whole = sqlite3_column_int64(statement, 5) != 0,
        .rounds = (uint32_t)sqlite3_column_int64(statement, 6),
        .pairs_planned = (uint32_t)sqlite3_column_int64(statement, 7),
        .pairs_done = (uint32_t)sqlite3_column_int64(statement, 8),
        .nodes = (uint32_t)sqlite3_column_int64(statement, 9),
    };
    return failed ? err_set(err, -ENOMEM, "%s: no memory for the list of fabric tests", store->path)
                  : 0;
}

int store_fabric_list(struct store *store, struct arena *arena, struct store_fabric_test **tests,
                      size_t *count, struct err *err)
{
    VEC(struct store_fabric_test) list = {0};
    sqlite3_stmt *statement;
    int code = SQLITE_DONE, r = 0;

    if (store->version >= FABRIC_SINCE) {
        r = sql_use(store, SQL_FABRIC_LIST, &statement, err);
        while (r == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
            struct store_fabric_test *test = vec_push(&list);

            r = test ? read_test(store, arena, statement, test, err)
                     : err_set(err, -ENOMEM, "%s: no memory for the list of fabric tests",
                               store->path);
        }
        if (r == 0 && code != SQLITE_DONE)
            r = sql_error(store, code, err);
        (void)sqlite3_reset(store->statements[SQL_FABRIC_LIST]);
    }
    if (r == 0) {
        *count = list.count;
        *tests = arena_alloc(arena, (list.count + 1) * sizeof(**tests));
        if (!*tests)
            r = err_set(err, -ENOMEM, "%s: no memory for the list of fabric tests", store->path);
        else if (list.count)
            memcpy(*tests, list.items, list.count * sizeof(**tests));
    }
    vec_done(&list);
    return r;
}

int store_fabric_find(struct store *store, struct arena *arena, const char *name,
                      struct store_fabric_test *out, struct err *err)
{
    static const struct find_words words = {"fabric test", "fabric tests",
                                            "nothing was measured yet"};
    struct store_fabric_test *tests;
    struct find_item *items;
    size_t count, at;
    int r = store_fabric_list(store, arena, &tests, &count, err);

    if (r < 0)
        return r;
    items = arena_alloc(arena, (count + 1) * sizeof(*items));
    if (!items)
        return err_set(err, -ENOMEM, "no memory for the list of fabric tests");
    for (size_t i = 0; i < count; i++)
        items[i].id = tests[i].run;
    r = find_item(&words, name, items, count, &at, err);
    if (r == 0)
        *out = tests[at];
    return r;
}

static int read_node(const struct store_fabric_reader *reader, sqlite3_stmt *row, struct err *err)
{
    const struct store_fabric_node node = {
        .node = (uint32_t)sqlite3_column_int64(row, 0),
        .name = sql_text(row, 1),
        .group = sql_text(row, 2),
        .fate = sql_text(row, 3),
        .words = sql_text(row, 4),
        .card = sql_text(row, 5),
    };

    return reader->node(reader->data, &node, err);
}

static double number_at(sqlite3_stmt *row, int at)
{
    return sqlite3_column_type(row, at) == SQLITE_NULL ? NAN : sqlite3_column_double(row, at);
}

static int read_measure(const struct store_fabric_reader *reader, sqlite3_stmt *row,
                        struct err *err)
{
    const struct store_fabric_measure measure = {
        .node = (uint32_t)sqlite3_column_int64(row, 0),
        .peer = sql_told(row, 1),
        .bytes = (uint64_t)sqlite3_column_int64(row, 2),
        .value = number_at(row, 3),
        .low = number_at(row, 4),
        .high = number_at(row, 5),
        .metric = sql_text(row, 6),
        .unit = sql_text(row, 7),
        .phase = sql_text(row, 8),
        .part = sql_text(row, 9),
        .via = sql_text(row, 10),
    };

    return reader->measure(reader->data, &measure, err);
}

static int read_trouble(const struct store_fabric_reader *reader, sqlite3_stmt *row,
                        struct err *err)
{
    const struct store_fabric_trouble trouble = {
        .kind = sql_text(row, 0),
        .test = sql_text(row, 1),
        .node = (uint32_t)sqlite3_column_int64(row, 2),
        .peer = sql_told(row, 3),
        .words = sql_text(row, 4),
    };

    return reader->trouble(reader->data, &trouble, err);
}

int store_fabric_read(struct store *store, const char *run,
                      const struct store_fabric_reader *reader, struct err *err)
{
    static const struct {
        enum sql_statement rows;
        int (*read)(const struct store_fabric_reader *reader, sqlite3_stmt *row, struct err *err);
    } kinds[] = {
        {SQL_FABRIC_NODES, read_node},
        {SQL_FABRIC_MEASURES, read_measure},
        {SQL_FABRIC_TROUBLES, read_trouble},
    };
    struct numbers numbers;
    int r = store->version < FABRIC_SINCE
                ? err_set(err, -ENOENT, "there is no fabric test '%s'", run)
                : know_numbers(store, run, &numbers, err);

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(kinds); i++) {
        sqlite3_stmt *statement;
        int code = SQLITE_DONE;

        r = sql_use(store, kinds[i].rows, &statement, err);
        if (r < 0)
            break;
        (void)sqlite3_bind_int64(statement, 1, numbers.test);
        while (r == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW)
            r = kinds[i].read(reader, statement, err);
        if (r == 0 && code != SQLITE_DONE)
            r = sql_error(store, code, err);
        (void)sqlite3_reset(statement);
    }
    return r;
}
