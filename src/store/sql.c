#include "store/sql.h"

#include <errno.h>
#include <string.h>

/* clang-format off */
#define WORD(at) "(SELECT id FROM fabric_words WHERE word = " at ")"

static const char *const texts[SQL_STATEMENT_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_EVENT_ADD] =
        "INSERT INTO events(run, seq, at_ns, uncertain_ns, attempt, node, rank, kind, text, fields) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [SQL_EVENTS] =
        "SELECT seq, at_ns, uncertain_ns, attempt, node, rank, kind, text, fields "
        "FROM events WHERE run = ?1 AND seq > ?2 ORDER BY seq",
    [SQL_LAST_SEQ] = "SELECT max(seq) FROM events WHERE run = ?1",
    [SQL_METRIC_ADD] =
        "INSERT OR REPLACE INTO metrics(run, attempt, step, total, at_ns, tokens, loss) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_RUN_ADD] =
        "INSERT INTO runs(id, name, job, created_ns, updated_ns) VALUES(?1, ?2, ?3, ?4, ?4)",
    [SQL_RUN_DROP] =
        "DELETE FROM runs WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM events WHERE run = ?1) "
        "RETURNING 1",
    [SQL_RUN_LOCK] =
        "UPDATE runs SET generation = generation + 1, pid = ?2, host = ?3 WHERE id = ?1 "
        "RETURNING generation",
    [SQL_RUN_UPDATE] =
        "UPDATE runs SET state = coalesce(?2, state), headline = coalesce(?3, headline), "
        "host = coalesce(?4, host), pid = ?5, updated_ns = ?6, ended_ns = ?7, step = ?8, "
        "total = ?9, attempt = ?10, world = ?11, nodes = ?12, exit_code = ?13 WHERE id = ?1",
    [SQL_RUN_LIST] =
        "SELECT id, name, state, headline, job, host, pid, created_ns, updated_ns, ended_ns, "
        "step, total, attempt, world, nodes, exit_code, (SELECT loss FROM metrics "
        "WHERE run = id ORDER BY attempt DESC, step DESC LIMIT 1) "
        "FROM runs ORDER BY created_ns DESC, rowid DESC",
    [SQL_FABRIC_TEST_PUT] =
        "INSERT INTO fabric_tests(run, level, tests, began_ns, ended_ns, whole, rounds, "
        "pairs_planned, pairs_done) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
        "ON CONFLICT(run) DO UPDATE SET level = ?2, tests = ?3, began_ns = ?4, ended_ns = ?5, "
        "whole = ?6, rounds = ?7, pairs_planned = ?8, pairs_done = ?9",
    [SQL_FABRIC_TEST_NUMBER] =
        "SELECT number, (SELECT coalesce(max(seq), 0) FROM fabric_measures WHERE test = number), "
        "(SELECT coalesce(max(seq), 0) FROM fabric_troubles WHERE test = number) "
        "FROM fabric_tests WHERE run = ?1",
    [SQL_FABRIC_LIST] =
        "SELECT run, level, tests, began_ns, ended_ns, whole, rounds, pairs_planned, "
        "pairs_done, (SELECT count(*) FROM fabric_nodes WHERE test = number) "
        "FROM fabric_tests ORDER BY began_ns DESC, number DESC",
    [SQL_FABRIC_WORD_ADD] = "INSERT OR IGNORE INTO fabric_words(word) VALUES(?1)",
    [SQL_FABRIC_NODE_PUT] =
        "INSERT OR REPLACE INTO fabric_nodes(test, node, name, \"group\", fate, words, card) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_FABRIC_MEASURE_ADD] =
        "INSERT INTO fabric_measures(test, seq, node, peer, bytes, value, low, high, metric, unit, "
        "phase, part, via) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
        WORD("?9") ", " WORD("?10") ", " WORD("?11") ", " WORD("?12") ", " WORD("?13") ")",
    [SQL_FABRIC_TROUBLE_ADD] =
        "INSERT INTO fabric_troubles(test, seq, kind, what, node, peer, words) "
        "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_FABRIC_NODES] =
        "SELECT node, name, \"group\", fate, words, card FROM fabric_nodes WHERE test = ?1 "
        "ORDER BY node",
    [SQL_FABRIC_MEASURES] =
        "SELECT node, peer, bytes, value, low, high, m.word, u.word, p.word, d.word, v.word "
        "FROM fabric_measures f JOIN fabric_words m ON m.id = f.metric "
        "JOIN fabric_words u ON u.id = f.unit JOIN fabric_words p ON p.id = f.phase "
        "JOIN fabric_words d ON d.id = f.part JOIN fabric_words v ON v.id = f.via "
        "WHERE f.test = ?1 ORDER BY f.seq",
    [SQL_FABRIC_TROUBLES] =
        "SELECT kind, what, node, peer, words FROM fabric_troubles WHERE test = ?1 ORDER BY seq",
};
/* clang-format on */

int sql_error(struct store *store, int code, struct err *err)
{
    int os = store->db ? sqlite3_system_errno(store->db) : 0;

    if ((code & 0xff) == SQLITE_IOERR && (os == ENOSPC || os == EDQUOT))
        code = SQLITE_FULL;
    switch (code & 0xff) {
    case SQLITE_FULL:
        return err_set(err, -ENOSPC, "%s: no space left on the disk", store->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, -EBUSY, "%s: another process has it locked", store->path);
    case SQLITE_NOTADB:
        return err_set(err, -EIO,
                       "%s: not a database of firstlight; move it away, and a new one is made",
                       store->path);
    case SQLITE_CORRUPT:
        return err_set(err, -EIO,
                       "%s: the database is damaged (%s); it was left as it is; 'sqlite3 %s "
                       ".recover' saves what can be read",
                       store->path, sqlite3_errmsg(store->db), store->path);
    case SQLITE_NOMEM:
        return err_set(err, -ENOMEM, "%s: no memory", store->path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return err_set(err, -EACCES, "%s: it may not be written", store->path);
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        if (os)
            return err_set(err, -EIO, "%s: %s", store->path, strerror(os));
        return err_set(err, -EIO, "%s: %s", store->path, sqlite3_errstr(code));
    default:
        return err_set(err, -EINVAL, "%s: %s", store->path,
                       store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code));
    }
}

int sql_use(struct store *store, enum sql_statement which, sqlite3_stmt **statement,
            struct err *err)
{
    sqlite3_stmt **slot = &store->statements[which];

    if (!*slot) {
        int code =
            sqlite3_prepare_v3(store->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);

        if (code != SQLITE_OK)
            return sql_error(store, code, err);
    }
    (void)sqlite3_reset(*slot);
    (void)sqlite3_clear_bindings(*slot);
    *statement = *slot;
    return 0;
}

int sql_do(struct store *store, enum sql_statement which, struct err *err)
{
    sqlite3_stmt *statement = NULL; /* gcc -O3 does not see that sql_error is never 0 */
    int code, r = sql_use(store, which, &statement, err);

    if (r < 0)
        return r;
    code = sqlite3_step(statement);
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        r = sql_error(store, code, err);
    (void)sqlite3_reset(statement);
    return r;
}

int sql_run(struct store *store, const char *text, struct err *err)
{
    int code = sqlite3_exec(store->db, text, NULL, NULL, NULL);

    return code == SQLITE_OK ? 0 : sql_error(store, code, err);
}

int sql_step(struct store *store, sqlite3_stmt *statement, struct err *err)
{
    int code = sqlite3_step(statement), r = 0;

    if (code != SQLITE_DONE)
        r = sql_error(store, code, err);
    (void)sqlite3_reset(statement);
    return r;
}

const char *sql_text(sqlite3_stmt *statement, int at)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);

    return text ? text : "";
}

void sql_bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    if (text)
        (void)sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

void sql_bind_told(sqlite3_stmt *statement, int at, int64_t number)
{
    if (number >= 0)
        (void)sqlite3_bind_int64(statement, at, number);
}

int64_t sql_told(sqlite3_stmt *statement, int at)
{
    return sqlite3_column_type(statement, at) == SQLITE_NULL ? -1
                                                             : sqlite3_column_int64(statement, at);
}
