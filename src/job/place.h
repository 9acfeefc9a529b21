/* job/place - which node runs which ranks.
 *
 * Order: by topology when a file (or Slurm's addresses) gives one - groups of nodes in order of
 * their first node - and within a group by name, numbers as numbers (n2 before n10). The same nodes
 * give the same ranks, in whatever order they connected. A spare that takes a node's place takes
 * its ranks: nobody else moves. */
#ifndef JOB_PLACE_H
#define JOB_PLACE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

/* Compare as people read: digits by value. <0, 0, >0. */
int place_name_order(const char *a, const char *b);

/* "host group" lines, where host may be a list (n[001-016] rack1); # comments; groups may be paths
 * "spine1/leaf3" compared part by part. A host twice or a bad line is -EINVAL with file and line.
 * groups[i] is set for names[i]; NULL for a host that is not in the text. */
int place_topology(struct arena *arena, struct str text, const char *file, const char *const *names,
                   size_t count, const char **groups, struct err *err);

/* order[] becomes the indices of names[] in rank order. Returns 0 or -ENOMEM. */
int place_order(const char *const *names, const char *const *groups, size_t count, uint32_t *order);

/* Ranks of node rank `node`, where all nodes but the last have nproc. */
struct place_span {
    uint32_t first, count;
};
struct place_span place_span(uint32_t node, uint32_t nnodes, uint32_t nproc, uint32_t world);

/* One line per node, folded where names and ranks run on evenly: "ranks 0-511: n[001-064], 8
 * each"; past `lines_max` lines only how many nodes are left. */
void place_print(const char *const *names, uint32_t nnodes, uint32_t nproc, uint32_t world,
                 size_t lines_max, struct buf *out);

/* The names in their order: "n[001-003,007],login1", as SLURM_JOB_NODELIST has them. Quick: a pass
 * over the names, no sorting. */
void place_fold(const char *const *names, size_t count, struct buf *out);

#endif
