/* fleet/symptom - what the user says about who is slow, read from words and CSV files. */
#ifndef FLEET_SYMPTOM_H
#define FLEET_SYMPTOM_H

#include "base/arena.h"
#include "fleet/fleet.h"

/* What names no node of the fleet: how many names (of pairs: rows), and the first different ones.
 */
#define STRANGERS_NAMED 3
struct strangers {
    size_t count, named;
    const char *names[STRANGERS_NAMED];
};

/* A name of the user's may be a node's name, or differ from it by its domain ("n1.cluster" and
 * "n1"). What names nodes that are not in the fleet goes to *strangers. All memory in
 * `arena`; each returns 0, -EINVAL (with file and line) or -ENOMEM; -ENOENT when no name fits a
 * node. */
int symptom_from_slow(struct arena *arena, const struct fleet *fleet, const char *hosts,
                      struct symptom *out, struct strangers *strangers, struct err *err);

/* Rows node,value; a first row without a number is a heading. */
int symptom_from_metric(struct arena *arena, const struct fleet *fleet, const char *file,
                        struct str text, struct symptom *out, struct strangers *strangers,
                        struct err *err);

/* Rows node,node,value. */
int symptom_from_pairs(struct arena *arena, const struct fleet *fleet, const char *file,
                       struct str text, struct symptom *out, struct strangers *strangers,
                       struct err *err);

/* Which node of the fleet each name is, by the same rules; -1: none. Two names of one node: the
 * first has it. Returns how many were found, or -ENOMEM. */
long symptom_match(const struct fleet *fleet, const char *const *names, size_t count,
                   int64_t *nodes);

#endif
