/* cli/collapse - lines that many ranks print alike are shown once: "ranks 0-8191: ...".
 *
 * Only lines that are equal byte for byte are one. A line waits for its like at most `window_ms`,
 * or until every rank has printed it. The lines of each rank come out in the order in which it
 * printed them: a line never joins a group that is older than the one its rank joined last. Lines
 * of different ranks come in the order of the first who printed them. One rank: nothing waits. */
#ifndef CLI_COLLAPSE_H
#define CLI_COLLAPSE_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define COLLAPSE_BYTES_MAX (16u << 20) /* waiting; the oldest go when it is more */

struct collapse;

struct collapse_line {
    const uint32_t *ranks; /* rising */
    size_t count;
    int stream;
    struct str text;
};

/* `world`: how many ranks there are. NULL: no memory. */
struct collapse *collapse_new(uint32_t world, int64_t window_ms,
                              void (*each)(void *data, const struct collapse_line *line),
                              void *data);
void collapse_free(struct collapse *collapse); /* what waits is not shown: flush first */

/* A line without its newline; `rank` < world. When there is no memory, it is shown at once. */
void collapse_add(struct collapse *collapse, uint32_t rank, int stream, struct str line,
                  int64_t now_ns);
/* Show what has waited long enough. Returns when to come again, or -1: nothing waits. */
int64_t collapse_tick(struct collapse *collapse, int64_t now_ns);
void collapse_flush(struct collapse *collapse);

/* "rank 3", "ranks 0-8191", "ranks 0,2-5"; a long set is cut: "ranks 0,2,4,... (512 of them)". */
void collapse_print_ranks(const uint32_t *ranks, size_t count, struct buf *out);

#endif
