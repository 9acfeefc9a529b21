/* store/sql - the open database inside the room: statements that are prepared once, transactions,
 * and SQLite's errors as sentences. */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include "base/err.h"
#include "store/store.h"

#include <sqlite3.h>

enum sql_statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_EVENT_ADD,
    SQL_EVENTS,
    SQL_LAST_SEQ,
    SQL_METRIC_ADD,
    SQL_RUN_ADD,
    SQL_RUN_LOCK,
    SQL_RUN_UPDATE,
    SQL_RUN_LIST,
    SQL_RUN_DROP,
    SQL_FABRIC_TEST_PUT,
    SQL_FABRIC_TEST_NUMBER,
    SQL_FABRIC_LIST,
    SQL_FABRIC_WORD_ADD,
    SQL_FABRIC_NODE_PUT,
    SQL_FABRIC_MEASURE_ADD,
    SQL_FABRIC_TROUBLE_ADD,
    SQL_FABRIC_NODES,
    SQL_FABRIC_MEASURES,
    SQL_FABRIC_TROUBLES,
    SQL_STATEMENT_COUNT,
};

struct store {
    sqlite3 *db;
    char *dir, *path;
    bool readonly;
    int version; /* of the database; below SCHEMA_VERSION only when it is read alone */
    sqlite3_stmt *statements[SQL_STATEMENT_COUNT];
    char *seq_run; /* whose last seq is known without asking; NULL: none */
    uint64_t seq;
};

/* Prepared on first use, reset, without bindings. */
int sql_use(struct store *store, enum sql_statement which, sqlite3_stmt **statement,
            struct err *err);

/* One that gives no rows. */
int sql_do(struct store *store, enum sql_statement which, struct err *err);

/* The whole text, as many statements as it has. */
int sql_run(struct store *store, const char *text, struct err *err);

/* Of SQLite's result code: -ENOSPC, -EIO, -EBUSY, -EACCES ... with "PATH: why". */
int sql_error(struct store *store, int code, struct err *err);

/* A statement that changes something: done, reset. */
int sql_step(struct store *store, sqlite3_stmt *statement, struct err *err);

/* Of a column, "" for NULL; lives until the next step. */
const char *sql_text(sqlite3_stmt *statement, int at);

/* "" and NaN and negative numbers that stand for "not told" are NULL on disk. */
void sql_bind_text(sqlite3_stmt *statement, int at, const char *text);
void sql_bind_told(sqlite3_stmt *statement, int at, int64_t number);
int64_t sql_told(sqlite3_stmt *statement, int at);

#endif
