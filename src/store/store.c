#include "store/store.h"

#include "store/place.h"
#include "store/schema.h"
#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 5000

/* A log (firstlight.db-wal) below this stays where it is when the last one closes: copying it into
 * the database takes three fsyncs, 1 ms on an NVMe disk and 15 ms and more on others, which a short
 * run should not wait for. Reading it again takes the next opener at most 0.5 ms. */
#define WAL_STAYS_BYTES (1 << 20)

/* What a database of `version` (0: a new one) lacks. All or nothing, so that one without tables is
 * a new one. No fsync for a new one: until the first checkpoint there is nothing that a power cut
 * could spoil but this run's first second. */
static int make_tables(struct store *store, int version, struct err *err)
{
    char pragma[128];
    int r = sql_run(store,
                    version ? "BEGIN IMMEDIATE"
                            : "PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL; BEGIN IMMEDIATE",
                    err);

    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < schema_item_count; i++)
        if (schema_items[i].since > version)
            r = sql_run(store, schema_items[i].sql, err);
    (void)snprintf(pragma, sizeof(pragma), "PRAGMA application_id=%d; PRAGMA user_version=%d",
                   SCHEMA_APPLICATION_ID, SCHEMA_VERSION);
    if (r == 0)
        r = sql_run(store, pragma, err);
    if (r == 0)
        r = sql_run(store, "COMMIT", err);
    if (r < 0)
        (void)sql_run(store, "ROLLBACK", NULL);
    return r;
}

/* Returns 1 when the database is new and empty or older than this program (store->version says
 * which, 0 when it is new), 0 when it is ours, or an error. One statement, since another process
 * may make the tables between two. */
static int look_at(struct store *store, struct err *err)
{
    sqlite3_stmt *statement;
    int64_t version = 0, application = 0, tables = 0;
    int code = sqlite3_prepare_v2(store->db,
                                  "SELECT user_version, application_id, "
                                  "(SELECT count(*) FROM sqlite_schema) "
                                  "FROM pragma_user_version, pragma_application_id",
                                  -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        version = sqlite3_column_int64(statement, 0);
        application = sqlite3_column_int64(statement, 1);
        tables = sqlite3_column_int64(statement, 2);
        (void)sqlite3_finalize(statement);
    }
    if (code != SQLITE_ROW)
        return sql_error(store, code, err);
    store->version = (int)version;
    if (application == 0 && version == 0 && tables == 0)
        return 1;
    if (application != SCHEMA_APPLICATION_ID)
        return err_set(err, -EIO, "%s: a database of another program", store->path);
    if (version > SCHEMA_VERSION)
        return err_set(err, -EINVAL,
                       "%s: its version is %lld, this firstlight knows up to %d: take a newer "
                       "firstlight, or another folder with --state",
                       store->path, (long long)version, SCHEMA_VERSION);
    return version < SCHEMA_VERSION;
}

/* Two that come first at once: one makes the tables, the other waits at the folder's lock. */
static int make_once(struct store *store, struct err *err)
{
    int fd = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

    if (fd < 0)
        return err_set(err, -errno, "%s: %s", store->dir, strerror(errno));
    while ((r = flock(fd, LOCK_EX)) < 0 && errno == EINTR)
        ;
    r = r < 0 ? err_set(err, -errno, "%s: cannot be locked: %s", store->dir, strerror(errno))
              : look_at(store, err);
    if (r > 0)
        r = make_tables(store, store->version, err);
    if (r == 0)
        store->version = SCHEMA_VERSION;
    (void)close(fd);
    return r;
}

/* SQLite gives its own files beside it the rights of the first. */
static int make_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

    if (fd < 0)
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    (void)close(fd);
    return 0;
}

static int open_database(struct store *store, struct err *err)
{
    int flags = store->readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, code, r;

    if (!store->readonly) {
        r = place_make(store->dir, err);
        if (r == 0)
            r = make_file(store->path, err);
        if (r < 0)
            return r;
    } else if (access(store->path, F_OK) < 0) {
        return err_set(err, -errno, "%s: %s", store->path,
                       errno == ENOENT ? "there is none: nothing was run yet" : strerror(errno));
    }
    code = sqlite3_open_v2(store->path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return sql_error(store, code, err);
    (void)sqlite3_extended_result_codes(store->db, 1);
    (void)sqlite3_busy_timeout(store->db, BUSY_MS);
    r = look_at(store, err);
    if (r > 0 && !store->readonly)
        r = make_once(store, err);
    else if (r > 0 && !store->version)
        r = err_set(err, -ENOENT, "%s: it is empty: nothing was run yet", store->path);
    else if (r > 0) /* an older one is read as it is: what it lacks is empty */
        r = 0;
    if (r == 0)
        r = sql_run(store, "PRAGMA synchronous=NORMAL", err);
    return r;
}

int store_open(const char *dir, bool readonly, struct store **out, struct err *err)
{
    struct store *store = calloc(1, sizeof(*store));
    int r;

    if (!store)
        return err_set(err, -ENOMEM, "no memory for the store");
    store->readonly = readonly;
    store->dir = strdup(dir);
    if (!store->dir || asprintf(&store->path, "%s/firstlight.db", dir) < 0) {
        store->path = NULL;
        r = err_set(err, -ENOMEM, "no memory for the store");
    } else {
        r = open_database(store, err);
    }
    if (r < 0)
        store_close(store);
    else
        *out = store;
    return r;
}

static void leave_small_wal(struct store *store)
{
    struct stat st;
    char *wal;

    if (asprintf(&wal, "%s-wal", store->path) < 0)
        return;
    if (stat(wal, &st) == 0 && st.st_size < WAL_STAYS_BYTES)
        (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    free(wal);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    if (store->db)
        leave_small_wal(store);
    for (size_t i = 0; i < ARRAY_LEN(store->statements); i++)
        (void)sqlite3_finalize(store->statements[i]);
    (void)sqlite3_close(store->db);
    free(store->seq_run);
    free(store->path);
    free(store->dir);
    free(store);
}
