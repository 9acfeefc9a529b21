/* ranks/rank_status - where a node's ranks are: from their pages, or else from their output. */
#ifndef RANKS_RANK_STATUS_H
#define RANKS_RANK_STATUS_H

#include "base/arena.h"
#include "progress/page.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

#define RANK_STATUS_LINES 256 /* of a rank that are looked at between two looks at its page */

struct rank_status;

/* What a look at a page may find; each is told once. */
struct rank_status_watch {
    void *data;
    void (*page_used)(void *data, uint32_t local_rank);
    void (*stop_seen)(void *data, uint32_t local_rank);
    void (*saved)(void *data, uint32_t local_rank, int64_t step, struct str path, int64_t at_ns);
    void (*phase)(void *data, uint32_t local_rank, uint32_t phase, int64_t at_ns);
};

/* `pattern`: the job's, or NULL for the built-in ones; must outlive it. NULL: no memory. */
struct rank_status *rank_status_new(uint32_t nproc, const char *pattern,
                                    const struct rank_status_watch *watch);
void rank_status_free(struct rank_status *status);

/* Each a few times a second, and when a rank has died. */
void rank_status_look(struct rank_status *status, uint32_t local_rank, const struct page *page);
/* A part of what it printed; without libfirstlight steps are read from there. */
void rank_status_output(struct rank_status *status, uint32_t local_rank, int stream,
                        struct str bytes);

bool rank_status_has_step(const struct rank_status *status); /* any of its ranks */
uint32_t rank_status_phase(const struct rank_status *status, uint32_t local_rank);

/* Its part of a STATUS: step, total, tokens, loss and phase. Lists live in `arena`; false: no
 * memory. */
bool rank_status_fill(const struct rank_status *status, struct arena *arena,
                      struct msg_status *out);

#endif
