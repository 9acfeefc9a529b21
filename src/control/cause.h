/* control/cause - which death was the first of all, and how sure is that?
 *
 * Each node's clock has an offset to the controller's, measured by PING and PONG: the answer with
 * the smallest round trip of the last minute gives it, +- half of that trip. Two deaths whose
 * intervals overlap are not in order. */
#ifndef CONTROL_CAUSE_H
#define CONTROL_CAUSE_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock_estimate {
    int64_t offset_ns;    /* node minus controller */
    int64_t uncertain_ns; /* half of the best round trip, plus drift since */
    int64_t best_rtt_ns, measured_ns;
    bool known;
};

/* A PONG came. */
void clock_measure(struct clock_estimate *clock, int64_t sent_ns, int64_t agent_ns,
                   int64_t received_ns);
/* A node's time as ours; *uncertain_ns is how wrong it may be. */
int64_t clock_to_ours(const struct clock_estimate *clock, int64_t node_ns, int64_t now_ns,
                      int64_t *uncertain_ns);

struct death {
    uint32_t rank, node;
    int64_t at_ns, uncertain_ns; /* ours */
    int wait_status;
    bool ours; /* a consequence: we had signalled it */
    bool oom;
    bool lost; /* nothing is known but that its node was lost; rank is the first one there */
};

struct first_cause {
    size_t first;         /* index */
    size_t candidates;    /* 1: certain; else so many may be the first, in time's order */
    int64_t next_ns;      /* to the next death that is not ours; 0: there is none */
    int64_t uncertain_ns; /* of the order, when it is not certain */
};

/* Deaths on one node are in order by its own clock, however wrong that is. False when all are ours
 * or there is none. Sorts `deaths`: those that may be the first, the others, ours; each by time. */
bool cause_first(struct death *deaths, size_t count, struct first_cause *out);

/* "rank 17 on n003 exited 1 at 14:02:11.381, 212 ms before the next; certain", or "within +-4 ms:
 * these three: rank 3 on n001 (SIGSEGV), ...". */
void cause_sentence(const struct death *deaths, const struct first_cause *cause,
                    const char *(*node_name)(void *data, uint32_t node), void *data,
                    int64_t wall_minus_mono_ns, struct buf *out);

#endif
