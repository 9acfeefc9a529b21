#include "store/sql.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static int last_seq(struct store *store, const char *run, uint64_t *seq, struct err *err)
{
    sqlite3_stmt *statement;
    int code, r = sql_use(store, SQL_LAST_SEQ, &statement, err);

    if (r < 0)
        return r;
    sql_bind_text(statement, 1, run);
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *seq = (uint64_t)sqlite3_column_int64(statement, 0);
    else
        r = sql_error(store, code, err);
    (void)sqlite3_reset(statement);
    return r;
}

uint64_t store_last_seq(struct store *store, const char *run)
{
    uint64_t seq = 0;

    return last_seq(store, run, &seq, NULL) < 0 ? 0 : seq;
}

/* Asked once; then only this process adds, since it holds the run. */
static int know_seq(struct store *store, const char *run, struct err *err)
{
    char *copy;
    int r;

    if (store->seq_run && !strcmp(store->seq_run, run))
        return 0;
    copy = strdup(run);
    if (!copy)
        return err_set(err, -ENOMEM, "no memory for the store");
    r = last_seq(store, run, &store->seq, err);
    free(store->seq_run);
    store->seq_run = r < 0 ? NULL : copy;
    if (r < 0)
        free(copy);
    return r;
}

static int add_events(struct store *store, const char *run, const struct store_event *events,
                      size_t count, struct err *err)
{
    sqlite3_stmt *statement;
    int r = count ? sql_use(store, SQL_EVENT_ADD, &statement, err) : 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct store_event *event = &events[i];
        uint64_t seq = store->seq + 1 + i;

        if (event->seq && event->seq != seq)
            return err_set(err, -EINVAL, "run %s: event %llu where %llu comes next", run,
                           (unsigned long long)event->seq, (unsigned long long)seq);
        (void)sqlite3_clear_bindings(statement);
        sql_bind_text(statement, 1, run);
        (void)sqlite3_bind_int64(statement, 2, (int64_t)seq);
        (void)sqlite3_bind_int64(statement, 3, event->at_ns);
        (void)sqlite3_bind_int64(statement, 4, event->uncertain_ns);
        (void)sqlite3_bind_int64(statement, 5, event->attempt);
        sql_bind_told(statement, 6, event->node);
        sql_bind_told(statement, 7, event->rank);
        sql_bind_text(statement, 8, event->kind);
        sql_bind_text(statement, 9, event->text ? event->text : "");
        sql_bind_text(statement, 10, event->fields ? event->fields : "{}");
        r = sql_step(store, statement, err);
    }
    return r;
}

static int add_metrics(struct store *store, const char *run, const struct store_metric *metrics,
                       size_t count, struct err *err)
{
    sqlite3_stmt *statement;
    int r = count ? sql_use(store, SQL_METRIC_ADD, &statement, err) : 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        const struct store_metric *metric = &metrics[i];

        (void)sqlite3_clear_bindings(statement);
        sql_bind_text(statement, 1, run);
        (void)sqlite3_bind_int64(statement, 2, metric->attempt);
        (void)sqlite3_bind_int64(statement, 3, metric->step);
        sql_bind_told(statement, 4, metric->total);
        (void)sqlite3_bind_int64(statement, 5, metric->at_ns);
        sql_bind_told(statement, 6, metric->tokens);
        (void)sqlite3_bind_double(statement, 7, metric->loss); /* NaN becomes NULL */
        r = sql_step(store, statement, err);
    }
    return r;
}

int store_append(struct store *store, const char *run, const struct store_event *events,
                 size_t count, const struct store_metric *metrics, size_t metric_count,
                 struct err *err)
{
    int r = know_seq(store, run, err);

    if (r < 0 || (count == 0 && metric_count == 0))
        return r;
    r = sql_do(store, SQL_BEGIN, err);
    if (r < 0)
        return r;
    r = add_events(store, run, events, count, err);
    if (r == 0)
        r = add_metrics(store, run, metrics, metric_count, err);
    if (r == 0)
        r = sql_do(store, SQL_COMMIT, err);
    if (r == 0) {
        store->seq += count;
        return 0;
    }
    if (!sqlite3_get_autocommit(store->db)) /* a full disk may have rolled back by itself */
        (void)sql_do(store, SQL_ROLLBACK, NULL);
    return r;
}

int store_events(struct store *store, const char *run, uint64_t after,
                 bool (*each)(void *data, const struct store_event *event), void *data,
                 struct err *err)
{
    sqlite3_stmt *statement;
    bool more = true;
    int code = SQLITE_DONE, r = sql_use(store, SQL_EVENTS, &statement, err);

    if (r < 0)
        return r;
    sql_bind_text(statement, 1, run);
    (void)sqlite3_bind_int64(statement, 2, after > INT64_MAX ? INT64_MAX : (int64_t)after);
    while (more && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const struct store_event event = {
            .seq = (uint64_t)sqlite3_column_int64(statement, 0),
            .at_ns = sqlite3_column_int64(statement, 1),
            .uncertain_ns = sqlite3_column_int64(statement, 2),
            .attempt = (uint32_t)sqlite3_column_int64(statement, 3),
            .node = sql_told(statement, 4),
            .rank = sql_told(statement, 5),
            .kind = sql_text(statement, 6),
            .text = sql_text(statement, 7),
            .fields = sql_text(statement, 8),
        };

        more = each(data, &event);
    }
    if (more && code != SQLITE_DONE)
        r = sql_error(store, code, err);
    (void)sqlite3_reset(statement);
    return r;
}
