/* sim/queue - what will happen, in order of time; equal times in order of asking. */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct sim;

struct sim_event {
    int64_t at_ns;
    uint64_t order;
    void (*act)(struct sim *sim, const struct sim_event *event);
    uint32_t node, epoch; /* what it is about; an epoch that has passed makes it void */
    int64_t a, b;
    void *data; /* malloc'ed; freed after act */
};

struct sim_queue {
    VEC(struct sim_event) heap;
    uint64_t order;
};

/* Returns 0 or -ENOMEM (data is then freed). */
int sim_queue_put(struct sim_queue *queue, const struct sim_event *event);
bool sim_queue_take(struct sim_queue *queue, struct sim_event *out);
void sim_queue_done(struct sim_queue *queue);

#endif
