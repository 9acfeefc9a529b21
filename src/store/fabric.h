/* store/fabric - what fabric tests measured, on disk, as plain rows.
 *
 * A fabric test is a run: its id is the run's. Rows are written as the test grows. What names mean
 * (metrics, units, fates) is known above; here they are words, each kept once. */
#ifndef STORE_FABRIC_H
#define STORE_FABRIC_H

#include "store/store.h"

struct store_fabric_test {
    const char *run;
    const char *level, *tests;  /* "quick"; "pairs,memory" */
    int64_t began_ns, ended_ns; /* wall clock; ended -1: not yet */
    bool whole;
    uint32_t rounds, pairs_planned, pairs_done;
    uint32_t nodes; /* how many rows it has; not written */
};

struct store_fabric_node {
    uint32_t node; /* its index */
    const char *name, *group, *fate, *words;
    const char *card; /* JSON, or "" */
};

struct store_fabric_measure {
    const char *metric, *unit, *phase; /* "pair.bandwidth", "B/s", "alone" */
    uint32_t node;
    int64_t peer; /* -1: none */
    uint64_t bytes;
    const char *part, *via;
    double value, low, high;
};

struct store_fabric_trouble {
    const char *kind, *test, *words;
    uint32_t node;
    int64_t peer; /* -1: none */
};

/* What is new. The test's own row is made by the first call and replaced by later ones, a node's
 * likewise by its index; measures and troubles come behind those that are there. */
struct store_fabric_rows {
    struct store_fabric_test test;
    const struct store_fabric_node *nodes;
    const struct store_fabric_measure *measures;
    const struct store_fabric_trouble *troubles;
    size_t node_count, measure_count, trouble_count;
};

/* All or nothing. -ENOSPC and -EIO leave the store as it was: try again later. */
int store_fabric_put(struct store *store, const struct store_fabric_rows *rows, struct err *err);

/* The newest first. */
int store_fabric_list(struct store *store, struct arena *arena, struct store_fabric_test **tests,
                      size_t *count, struct err *err);

/* `name` is a test's id, "last" in any case, or a unique beginning of an id. -ENOENT with the
 * nearest ids; -EINVAL: the beginning of several. */
int store_fabric_find(struct store *store, struct arena *arena, const char *name,
                      struct store_fabric_test *out, struct err *err);

/* All rows of a test, nodes first, each kind in the order in which it was written. Texts live until
 * the call returns. A call that returns less than 0 ends the reading with it, its sentence in
 * `err`. */
struct store_fabric_reader {
    void *data;
    int (*node)(void *data, const struct store_fabric_node *row, struct err *err);
    int (*measure)(void *data, const struct store_fabric_measure *row, struct err *err);
    int (*trouble)(void *data, const struct store_fabric_trouble *row, struct err *err);
};
int store_fabric_read(struct store *store, const char *run,
                      const struct store_fabric_reader *reader, struct err *err);

#endif
