/* ranks/live_output - what ranks print, on its way to the controller: whole lines, as many bytes as
 * it gives credit for; the rest is counted and stays in the rank's log. */
#ifndef RANKS_LIVE_OUTPUT_H
#define RANKS_LIVE_OUTPUT_H

#include "base/str.h"
#include "wire/message.h"

#include <stdint.h>

#define LIVE_LINE_MAX ((size_t)64 << 10) /* a longer line goes in pieces */

struct live_output;

struct live_output_watch {
    void *data;
    void (*send)(void *data, const struct msg_log *log);
};

/* NULL: no memory. */
struct live_output *live_output_new(uint32_t attempt, uint32_t first_rank, uint32_t nproc,
                                    const struct live_output_watch *watch);
void live_output_free(struct live_output *output);

/* *credit is what may still be sent; it belongs to the node's link and outlives attempts. */
void live_output_add(struct live_output *output, uint32_t local_rank, int stream, struct str bytes,
                     uint64_t *credit);
/* The rank is gone: what it left without a newline goes too, and how many lines did not. */
void live_output_end(struct live_output *output, uint32_t local_rank, uint64_t *credit);

#endif
