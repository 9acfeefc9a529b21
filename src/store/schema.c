#include "store/schema.h"

/* clang-format off */

/* Readable times are generated columns: they take no space and cannot disagree. */
#define TIME(column) "strftime('%Y-%m-%d %H:%M:%f', " column " / 1e9, 'unixepoch')"

const struct schema_item schema_items[] = {
    {"runs", "One row a run; its controller keeps it up to date.",
     "CREATE TABLE runs("
     "id TEXT PRIMARY KEY, name TEXT NOT NULL, "
     "state TEXT NOT NULL DEFAULT 'created', headline TEXT NOT NULL DEFAULT '', "
     "job TEXT NOT NULL, host TEXT NOT NULL DEFAULT '', pid INTEGER, "
     "generation INTEGER NOT NULL DEFAULT 0, "
     "created_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL, ended_ns INTEGER, "
     "step INTEGER, total INTEGER, attempt INTEGER NOT NULL DEFAULT 0, "
     "world INTEGER NOT NULL DEFAULT 0, nodes INTEGER NOT NULL DEFAULT 0, exit_code INTEGER, "
     "created TEXT AS (" TIME("created_ns") "), ended TEXT AS (" TIME("ended_ns") "))"},
    {NULL, NULL, "CREATE INDEX runs_created ON runs(created_ns)"},
    {"events", "Everything that happened, in order; the truth that all else is computed from.",
     "CREATE TABLE events("
     "run TEXT NOT NULL, seq INTEGER NOT NULL, at_ns INTEGER NOT NULL, "
     "uncertain_ns INTEGER NOT NULL, attempt INTEGER NOT NULL, node INTEGER, rank INTEGER, "
     "kind TEXT NOT NULL, text TEXT NOT NULL, fields TEXT NOT NULL, "
     "at TEXT AS (" TIME("at_ns") "), "
     "PRIMARY KEY(run, seq)) WITHOUT ROWID"},
    {NULL, NULL, "CREATE INDEX events_kind ON events(run, kind)"},
    {"metrics", "What each attempt reported of each step.",
     "CREATE TABLE metrics("
     "run TEXT NOT NULL, attempt INTEGER NOT NULL, step INTEGER NOT NULL, "
     "at_ns INTEGER NOT NULL, loss REAL, tokens INTEGER, total INTEGER, "
     "at TEXT AS (" TIME("at_ns") "), "
     "PRIMARY KEY(run, attempt, step)) WITHOUT ROWID"},
    {"curve", "The loss by step: the newest attempt that reported a step wins.",
     "CREATE VIEW curve AS "
     "SELECT run, step, max(attempt) AS attempt, loss, tokens, total, at_ns, at "
     "FROM metrics GROUP BY run, step"},
};
const size_t schema_item_count = sizeof(schema_items) / sizeof(schema_items[0]);
