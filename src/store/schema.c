#include "store/schema.h"

/* clang-format off */

/* Readable times are generated columns: they take no space and cannot disagree. */
#define TIME(column) "strftime('%Y-%m-%d %H:%M:%f', " column " / 1e9, 'unixepoch')"

/* A number of the event's own, and the newest value among a group's events of one kind (seq is never
 * below 1, so that texts with it in front are in order). Both need no join, so that a view asked for
 * one run reads that run's few events by the index. */
#define FIELD(name)      "json_extract(fields, '$." name "')"
#define OF(kind, value)  "max(" value ") FILTER (WHERE kind = '" kind "')"
#define LAST(kind, text) "substr(" OF(kind, "printf('%020d', seq) || " text) ", 21)"

/* A measure's nodes and its words. */
#define NAMES \
    "JOIN fabric_nodes a ON a.test = f.test AND a.node = f.node " \
    "LEFT JOIN fabric_nodes b ON b.test = f.test AND b.node = f.peer " \
    "JOIN fabric_words m ON m.id = f.metric JOIN fabric_words u ON u.id = f.unit " \
    "JOIN fabric_words p ON p.id = f.phase "

const struct schema_item schema_items[] = {
    {1, "runs", "One row a run; its controller keeps it up to date.",
     "CREATE TABLE runs("
     "id TEXT PRIMARY KEY, name TEXT NOT NULL, "
     "state TEXT NOT NULL DEFAULT 'created', headline TEXT NOT NULL DEFAULT '', "
     "job TEXT NOT NULL, host TEXT NOT NULL DEFAULT '', pid INTEGER, "
     "generation INTEGER NOT NULL DEFAULT 0, "
     "created_ns INTEGER NOT NULL, updated_ns INTEGER NOT NULL, ended_ns INTEGER, "
     "step INTEGER, total INTEGER, attempt INTEGER NOT NULL DEFAULT 0, "
     "world INTEGER NOT NULL DEFAULT 0, nodes INTEGER NOT NULL DEFAULT 0, exit_code INTEGER, "
     "created TEXT AS (" TIME("created_ns") "), ended TEXT AS (" TIME("ended_ns") "))"},
    {1, NULL, NULL, "CREATE INDEX runs_created ON runs(created_ns)"},
    {1, "events", "Everything that happened, in order; the truth that all else is computed from.",
     "CREATE TABLE events("
     "run TEXT NOT NULL, seq INTEGER NOT NULL, at_ns INTEGER NOT NULL, "
     "uncertain_ns INTEGER NOT NULL, attempt INTEGER NOT NULL, node INTEGER, rank INTEGER, "
     "kind TEXT NOT NULL, text TEXT NOT NULL, fields TEXT NOT NULL, "
     "at TEXT AS (" TIME("at_ns") "), "
     "PRIMARY KEY(run, seq)) WITHOUT ROWID"},
    {1, NULL, NULL, "CREATE INDEX events_kind ON events(run, kind)"},
    {1, "metrics", "What each attempt reported of each step.",
     "CREATE TABLE metrics("
     "run TEXT NOT NULL, attempt INTEGER NOT NULL, step INTEGER NOT NULL, "
     "at_ns INTEGER NOT NULL, loss REAL, tokens INTEGER, total INTEGER, "
     "at TEXT AS (" TIME("at_ns") "), "
     "PRIMARY KEY(run, attempt, step)) WITHOUT ROWID"},
    {1, "curve", "The loss by step: the newest attempt that reported a step wins.",
     "CREATE VIEW curve AS "
     "SELECT run, step, max(attempt) AS attempt, loss, tokens, total, at_ns, at "
     "FROM metrics GROUP BY run, step"},
    {1, "attempts", "Each attempt of a run: when, how large, how it ended and what failed first.",
     "CREATE VIEW attempts AS SELECT run, attempt, "
     OF("attempt.begun", "at") " AS began, "
     OF("attempt.running", "at") " AS running, "
     OF("attempt.ended", "at") " AS ended, "
     "(" OF("attempt.ended", "at_ns") " - " OF("attempt.begun", "at_ns") ") / 1e9 AS seconds, "
     OF("attempt.begun", FIELD("nodes")) " AS nodes, "
     OF("attempt.begun", FIELD("world")) " AS world, "
     OF("attempt.begun", FIELD("resume_step")) " AS resume_step, "
     "max(" FIELD("step") ") FILTER (WHERE kind IN ('step', 'checkpoint.saved')) AS best_step, "
     "CASE " OF("attempt.ended", FIELD("how"))
     " WHEN 0 THEN 'done' WHEN 1 THEN 'failed' WHEN 2 THEN 'stopped' END AS result, "
     LAST("failed", "text") " AS cause, "
     OF("failed", "rank") " AS cause_rank, " OF("failed", "node") " AS cause_node "
     "FROM events WHERE kind IN ('attempt.begun', 'attempt.running', 'attempt.ended', 'failed', "
     "'step', 'checkpoint.saved') AND attempt > 0 GROUP BY run, attempt"},
    {1, "ranks", "Each rank that has ended: its exit code or signal, and who did it.",
     "CREATE VIEW ranks AS SELECT run, attempt, rank, node, at, "
     "CASE WHEN " FIELD("status") " & 127 = 0 THEN " FIELD("status") " >> 8 & 255 END AS exit_code, "
     "nullif(" FIELD("status") " & 127, 0) AS signal, "
     "CASE " FIELD("by") " WHEN 1 THEN 'firstlight' WHEN 2 THEN 'OOM killer' ELSE 'itself' END "
     "AS ended_by, text AS last_words, uncertain_ns, at_ns "
     "FROM events WHERE kind = 'rank.exited'"},
    {1, "nodes", "Each node of a run: its host, and whether it is up, lost or excluded.",
     "CREATE VIEW nodes AS SELECT run, node, " LAST("node.up", "text") " AS host, "
     "substr(max(printf('%020d', seq) || kind), 26) AS state, max(at) AS since, "
     "count(*) FILTER (WHERE kind = 'node.lost') AS times_lost, "
     LAST("node.excluded", "text") " AS excluded "
     "FROM events WHERE kind IN ('node.starting', 'node.up', 'node.down', 'node.lost', "
     "'node.excluded') AND node IS NOT NULL GROUP BY run, node"},
    {1, "incidents", "What went wrong, in order.",
     "CREATE VIEW incidents AS SELECT run, seq, attempt, at, kind, node, rank, text FROM events "
     "WHERE kind IN ('failed', 'node.down', 'node.lost', 'node.excluded', 'node.swapped', "
     "'spawn.failed', 'hang', 'checkpoint.quarantined')"},
    {1, "phases", "How long each part of each start took, in seconds.",
     "CREATE VIEW phases AS SELECT run, attempt, "
     "CASE " FIELD("phase") " WHEN 0 THEN 'detect' WHEN 1 THEN 'abort' WHEN 2 THEN 'drain' "
     "WHEN 3 THEN 'check' WHEN 4 THEN 'swap' WHEN 5 THEN 'spawn' WHEN 6 THEN 'rendezvous' "
     "WHEN 7 THEN 'load' WHEN 8 THEN 'first step' END AS phase, "
     FIELD("ns") " / 1e9 AS seconds, at FROM events WHERE kind = 'phase.ended'"},
    {1, "checkpoints", "Checkpoints that were saved, resumed from, or put aside because they were torn.",
     "CREATE VIEW checkpoints AS SELECT run, attempt, at, substr(kind, 12) AS what, "
     FIELD("step") " AS step, text AS path FROM events "
     "WHERE kind IN ('checkpoint.saved', 'checkpoint.chosen', 'checkpoint.quarantined') "
     "AND text <> ''"},
    {2, "fabric_tests", "One row a fabric test, which is a run; its numbers are in what follows.",
     "CREATE TABLE fabric_tests("
     "number INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, level TEXT NOT NULL, "
     "tests TEXT NOT NULL, began_ns INTEGER NOT NULL, ended_ns INTEGER, "
     "whole INTEGER NOT NULL, rounds INTEGER NOT NULL, pairs_planned INTEGER NOT NULL, "
     "pairs_done INTEGER NOT NULL, "
     "began TEXT AS (" TIME("began_ns") "), ended TEXT AS (" TIME("ended_ns") "))"},
    {2, "fabric_nodes", "The nodes of each fabric test: how they fared, and what they have.",
     "CREATE TABLE fabric_nodes("
     "test INTEGER NOT NULL, node INTEGER NOT NULL, name TEXT NOT NULL, \"group\" TEXT NOT NULL, "
     "fate TEXT NOT NULL, words TEXT NOT NULL, card TEXT NOT NULL, "
     "PRIMARY KEY(test, node)) WITHOUT ROWID"},
    {2, "fabric_words", "Words of fabric tests, each once: metrics, units, devices.",
     "CREATE TABLE fabric_words(id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE)"},
    {2, "fabric_measures", "What was measured, in order; 'measures' shows it with its words.",
     "CREATE TABLE fabric_measures("
     "test INTEGER NOT NULL, seq INTEGER NOT NULL, metric INTEGER NOT NULL, unit INTEGER NOT NULL, "
     "phase INTEGER NOT NULL, node INTEGER NOT NULL, peer INTEGER, bytes INTEGER NOT NULL, "
     "part INTEGER NOT NULL, via INTEGER NOT NULL, value REAL, low REAL, high REAL, "
     "PRIMARY KEY(test, seq)) WITHOUT ROWID"},
    {2, "fabric_troubles", "What went wrong in fabric tests, in order.",
     "CREATE TABLE fabric_troubles("
     "test INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, what TEXT NOT NULL, "
     "node INTEGER NOT NULL, peer INTEGER, words TEXT NOT NULL, "
     "PRIMARY KEY(test, seq)) WITHOUT ROWID"},
    {2, "measures", "Every number of every fabric test, with the names of its nodes.",
     "CREATE VIEW measures AS SELECT t.run, a.name AS node, b.name AS peer, m.word AS metric, "
     "u.word AS unit, p.word AS phase, f.bytes, nullif(d.word, '') AS part, "
     "nullif(v.word, '') AS via, f.value, f.low, f.high FROM fabric_tests t "
     "JOIN fabric_measures f ON f.test = t.number " NAMES
     "JOIN fabric_words d ON d.id = f.part JOIN fabric_words v ON v.id = f.via"},
    {2, "pairs", "What two nodes measured of each other: GB/s, or microseconds.",
     "CREATE VIEW pairs AS SELECT t.run, a.name AS from_node, b.name AS to_node, m.word AS metric, "
     "p.word AS phase, f.bytes, CASE u.word WHEN 'B/s' THEN f.value / 1e9 END AS gb_per_s, "
     "CASE u.word WHEN 's' THEN f.value * 1e6 END AS us, nullif(v.word, '') AS via "
     "FROM fabric_tests t JOIN fabric_measures f ON f.test = t.number " NAMES
     "JOIN fabric_words v ON v.id = f.via WHERE f.peer IS NOT NULL"},
    {2, "troubles", "What went wrong in fabric tests, with the names of the nodes.",
     "CREATE VIEW troubles AS SELECT t.run, f.kind, f.what AS test, a.name AS node, b.name AS peer, "
     "f.words FROM fabric_tests t JOIN fabric_troubles f ON f.test = t.number "
     "JOIN fabric_nodes a ON a.test = f.test AND a.node = f.node "
     "LEFT JOIN fabric_nodes b ON b.test = f.test AND b.node = f.peer"},
};
const size_t schema_item_count = sizeof(schema_items) / sizeof(schema_items[0]);
