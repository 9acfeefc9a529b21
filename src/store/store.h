/* store/store - runs and their events on disk: the only room that knows SQLite.
 *
 * `DIR/firstlight.db` (WAL, synchronous=NORMAL: what was committed survives kill -9 of anybody; a
 * power cut may take the last second). The table `events` is the truth and only grows; `runs`,
 * `attempts`, `ranks`, `nodes`, `metrics` are views and tables that are computed from it. Rights
 * are 0600 in a folder 0700. On a network file system the store says so once
 * (store_on_network). One writer per run: run_lock. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

/* One thing that happened. `seq` counts from 1 in each run, without holes. */
struct store_event {
    uint64_t seq;
    int64_t at_ns;        /* wall clock, by the controller's clock */
    int64_t uncertain_ns; /* +- of at_ns; 0: the controller's own */
    uint32_t attempt;     /* 0: not of an attempt */
    int64_t node, rank;   /* -1: none. node is the index in the run */
    const char *kind;     /* "rank.exited": control/event.h has the list */
    const char *text;     /* one sentence for people, or "" */
    const char *fields;   /* a JSON object with the kind's own fields, "{}" when none */
};

/* One row per (attempt, step) that was reported: the newest attempt wins in the view `curve`. */
struct store_metric {
    uint32_t attempt;
    int64_t step, total, at_ns, tokens; /* -1: not told */
    double loss;                        /* NaN: not told */
};

/* $XDG_STATE_HOME/firstlight, ~/.local/state/firstlight, or `given`. In `arena`. */
const char *store_dir(struct arena *arena, const char *given, struct err *err);

/* Open, and make folder and tables where they are not. `readonly` never makes anything: -ENOENT. A
 * database of a newer firstlight is -EINVAL with its version. A damaged one is -EIO, named, and not
 * touched. */
int store_open(const char *dir, bool readonly, struct store **store, struct err *err);
void store_close(struct store *store);

/* What whoever opens it should say: the folder is on a network ("nfs"), or gives rights to others
 * than its owner (*mode, as it was found). */
bool store_on_network(const char *dir, const char **type);
bool store_open_to_others(const char *dir, unsigned *mode);

/* A new run: id is "NAME-" and 5 letters, unique here; makes DIR/runs/ID (0700). `job` is its JSON.
 */
int store_run_new(struct store *store, struct arena *arena, const char *name, const char *job,
                  int64_t now_ns, const char **id, struct err *err);

/* Hold the run: no other controller can while this process lives. -EBUSY names the holder's pid.
 * Returns a descriptor to close in the end. *generation grows with each holder; the row gets this
 * process's pid and host. */
int store_run_lock(struct store *store, const char *id, uint64_t *generation, struct err *err);
/* Does somebody hold it? Asking is in nobody's way. */
bool store_run_alive(struct store *store, const char *id);

/* All or nothing. -ENOSPC and -EIO leave the store as it was: try again later. `seq` of an event is
 * the one that comes next, or 0 to be given it. */
int store_append(struct store *store, const char *run, const struct store_event *events,
                 size_t count, const struct store_metric *metrics, size_t metric_count,
                 struct err *err);

/* The run's row as others see it; updated with each append by the controller. An update leaves
 * texts that are NULL as they are, and never changes id, name, job, created_ns and loss. */
struct store_run {
    const char *id, *name, *state, *job, *host; /* host and pid of the controller */
    const char *headline;                       /* one line: what it does now, or how it ended */
    int64_t pid, created_ns, updated_ns, ended_ns, step, total; /* -1: none */
    uint32_t attempt, world, nodes;
    int32_t exit_code; /* -1: not ended */
    bool alive;        /* somebody holds its lock now */
    double loss;       /* of the newest step; NaN: not told */
};
int store_run_update(struct store *store, const struct store_run *run, struct err *err);

/* Forget a run to which nothing has happened, with its folder: it could not begin. Returns 1, or 0
 * when there are events, which are never lost. */
int store_run_drop(struct store *store, const char *id, struct err *err);

/* `name` is a run's id, "last", a name, whose newest run that goes on is meant or
 * else its newest, or a unique beginning of an id.
 * -ENOENT with the nearest ids; -EINVAL: the beginning of several. */
int store_run_find(struct store *store, struct arena *arena, const char *name,
                   struct store_run *out, struct err *err);
/* The newest first. */
int store_run_list(struct store *store, struct arena *arena, struct store_run **runs, size_t *count,
                   struct err *err);

/* Events with seq > after, in order; `each` returns false to stop, and reads no other events. */
int store_events(struct store *store, const char *run, uint64_t after,
                 bool (*each)(void *data, const struct store_event *event), void *data,
                 struct err *err);
uint64_t store_last_seq(struct store *store, const char *run);

/* A read-only statement for `firstlight query`: no writes, no ATTACH, STORE_QUERY_MS at most.
 * `row` gets texts (NULL for null); the first call has the column names. */
#define STORE_QUERY_MS 60000
int store_query(struct store *store, const char *sql,
                bool (*row)(void *data, size_t columns, const char *const *texts), void *data,
                struct err *err);

/* DIR/runs/ID, in `arena`; NULL: no memory. */
const char *store_run_dir(struct arena *arena, const char *dir, const char *id);

#endif
