/* report/heat - who sends to whom how fast, as a square of cells.
 *
 * Speeds are shares of what is typical (of a time: typical / time), so that 1 is well and less is
 * slow whatever is measured. When there are more nodes than cells, a cell is several nodes by
 * several and shows its slowest pair: a slow row stays visible however much is folded.
 *
 * A row or column is marked where its median is below HEAT_WELL and that is somebody's doing: the
 * model has named the node, or has not judged this metric and chance does not explain it. */
#ifndef REPORT_HEAT_H
#define REPORT_HEAT_H

#include "fabric/model.h"

#define HEAT_WELL 0.9 /* at least this share of typical is drawn as well */

struct heat_cell {
    float worst;       /* share; NAN: no pair of it was measured */
    uint32_t from, to; /* the worst pair: nodes */
    uint32_t measures;
};

struct heat {
    const struct metric *metric;
    enum phase phase;
    uint64_t bytes;
    double typical; /* the median of pairs of which the model has named neither, or of all */
    uint32_t measures;
    uint32_t nodes, fold, side;           /* nodes; nodes along a cell; cells along the square */
    const uint32_t *order;                /* place -> node: nodes of a group stand together */
    struct heat_cell *cells;              /* [from * side + to] */
    bool *sends_slowly, *receives_slowly; /* by place */
};

/* Of the message size that was measured most. All in `arena`. Returns 1, 0 when there is nothing of
 * it, or -ENOMEM. */
int heat_make(struct arena *arena, const struct fabric_result *result,
              const struct findings_of_fabric *findings, const struct metric *metric,
              enum phase phase, uint32_t side_max, struct heat *out);

/* 0 (under a tenth of typical) to 8, and 9 from HEAT_WELL on. */
int heat_step(double share);

/* "n001", or "n[001-008]" of a folded row, in `arena`; NULL: no memory. */
const char *heat_label(struct arena *arena, const struct heat *heat,
                       const struct fabric_result *result, uint32_t cell);

/* The marked ones among the places of a cell's row: by what they send, or what they receive.
 * Returns how many, at most `max` of them in `nodes`. */
uint32_t heat_slow(const struct heat *heat, uint32_t cell, bool receiving, uint32_t *nodes,
                   uint32_t max);

#endif
