#include "store/query.h"

#include "base/clock.h"
#include "store/sql.h"

#include <errno.h>
#include <stdlib.h>

#define QUERY_MEMORY_MAX  ((sqlite3_int64)1 << 30)
#define QUERY_TEXT_MAX    (16 << 20) /* bytes of one value or row */
#define QUERY_SQL_MAX     (1 << 20)
#define QUERY_LOOK_EVERY  20000 /* instructions of SQLite's machine: about 1 ms */
#define QUERY_COLUMNS_MAX 2000

struct deadline {
    int64_t at_ms;
    bool over;
};

static int is_over(void *data)
{
    struct deadline *deadline = data;

    deadline->over = clock_now_ms() >= deadline->at_ms;
    return deadline->over;
}

/* Reading alone: no writes, no ATTACH, no PRAGMA, no virtual tables that open files. */
static int allow(void *data, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)data, (void)a, (void)c, (void)d;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return b && !strcmp(b, "load_extension") ? SQLITE_DENY : SQLITE_OK;
    default:
        return SQLITE_DENY;
    }
}

static int query_error(struct store *store, sqlite3 *db, int code, const struct deadline *deadline,
                       int64_t limit_ms, struct err *err)
{
    struct store broken = {.db = db, .path = store->path};

    switch (code & 0xff) {
    case SQLITE_INTERRUPT:
        if (deadline->over)
            return err_set(err, -ETIMEDOUT, "the query took more than %g s",
                           (double)limit_ms / 1e3);
        break;
    case SQLITE_AUTH:
        return err_set(err, -EACCES, "a query only reads: %s", sqlite3_errmsg(db));
    case SQLITE_NOMEM:
        return err_set(err, -ENOMEM, "the query needs more than %lld MiB of memory",
                       (long long)(QUERY_MEMORY_MAX >> 20));
    case SQLITE_ERROR:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return err_set(err, -EINVAL, "the query: %s", sqlite3_errmsg(db));
    default:
        break;
    }
    return sql_error(&broken, code, err);
}

static void limit(sqlite3 *db)
{
    static const struct {
        int id, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, QUERY_TEXT_MAX},    {SQLITE_LIMIT_SQL_LENGTH, QUERY_SQL_MAX},
        {SQLITE_LIMIT_COLUMN, QUERY_COLUMNS_MAX}, {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_EXPR_DEPTH, 200},           {SQLITE_LIMIT_COMPOUND_SELECT, 100},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000}, {SQLITE_LIMIT_WORKER_THREADS, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        (void)sqlite3_limit(db, limits[i].id, limits[i].value);
}

static int rows(sqlite3_stmt *statement,
                bool (*row)(void *data, size_t columns, const char *const *texts), void *data)
{
    size_t columns = (size_t)sqlite3_column_count(statement);
    const char **texts = calloc(columns + 1, sizeof(*texts));
    bool more;
    int code = SQLITE_DONE;

    if (!texts)
        return SQLITE_NOMEM;
    for (size_t i = 0; i < columns; i++)
        texts[i] = sqlite3_column_name(statement, (int)i);
    more = row(data, columns, texts);
    while (more && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        for (size_t i = 0; i < columns; i++)
            texts[i] = (const char *)sqlite3_column_text(statement, (int)i);
        more = row(data, columns, texts);
    }
    free(texts);
    return more ? code : SQLITE_DONE;
}

static bool is_blank(const char *sql)
{
    return sql[strspn(sql, " \t\r\n;")] == '\0';
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement, struct err *err)
{
    const char *tail = "";
    int code = sqlite3_prepare_v2(db, sql, -1, statement, &tail);

    if (code != SQLITE_OK)
        return code;
    if (!*statement)
        return err_set(err, -EINVAL, "the query is empty");
    if (!is_blank(tail))
        return err_set(err, -EINVAL, "one statement at a time: what is '%.40s'?",
                       tail + strspn(tail, " \t\r\n;"));
    return sqlite3_stmt_readonly(*statement) ? 0 : SQLITE_AUTH;
}

int query_run(struct store *store, const char *sql, int64_t limit_ms,
              bool (*row)(void *data, size_t columns, const char *const *texts), void *data,
              struct err *err)
{
    struct deadline deadline = {.at_ms = clock_now_ms() + limit_ms};
    sqlite3_int64 heap = sqlite3_hard_heap_limit64(QUERY_MEMORY_MAX);
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    int r = sqlite3_open_v2(store->path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

    if (r == SQLITE_OK) {
        limit(db);
        (void)sqlite3_busy_timeout(db, 5000);
        /* The tables' own texts are read before the authorizer looks at every statement. */
        r = sqlite3_exec(db, "PRAGMA temp_store=MEMORY; SELECT 1 FROM sqlite_schema", NULL, NULL,
                         NULL);
    }
    if (r == SQLITE_OK) {
        (void)sqlite3_set_authorizer(db, allow, NULL);
        sqlite3_progress_handler(db, QUERY_LOOK_EVERY, is_over, &deadline);
        r = prepare(db, sql, &statement, err);
    }
    if (r == SQLITE_OK) {
        r = rows(statement, row, data);
        r = r == SQLITE_DONE ? 0 : r;
    }
    if (r > 0) /* SQLite's codes are positive, ours are not */
        r = query_error(store, db, r, &deadline, limit_ms, err);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    (void)sqlite3_hard_heap_limit64(heap);
    return r;
}

int store_query(struct store *store, const char *sql,
                bool (*row)(void *data, size_t columns, const char *const *texts), void *data,
                struct err *err)
{
    return query_run(store, sql, STORE_QUERY_MS, row, data, err);
}
