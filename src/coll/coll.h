/* coll/coll - ranks exchange bytes. No arithmetic happens here: who receives sums, in its own fixed
 * order. When a peer dies, calls return -ECONNRESET within seconds with a sentence that names the
 * rank; after an error a group can only be freed. */
#ifndef COLL_COLL_H
#define COLL_COLL_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define COLL_RANKS_MAX 4096

struct coll;

struct coll_options {
    size_t rank, size;
    const char *backend; /* "auto" (shared memory when all ranks are on one host, else UCX), "shm",
                            "ucx" */
    const char *store_host, *store_port; /* a TCPStore (PyTorch's protocol), where ranks meet */
    const char *name; /* of the group in the store: attempts of one job must differ */
    int64_t meet_ms;  /* how long to wait for the others at first; 0: 300000 */
    int64_t stuck_ms; /* a peer that lives but sends nothing for so long is an error; 0: 600000 */
    /* May be NULL. Told once when the meeting takes long: "waiting for rank 3 and 4 others of 8".
     */
    void (*note)(void *arg, const char *text);
    void *note_arg;
};

/* Fill from RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, TORCHELASTIC_RUN_ID and _RESTART_COUNT as
 * `firstlight run` and torchrun set them; without RANK a group of one. Text points into the
 * environment or static memory. Returns 0 or -EINVAL with a sentence. */
int coll_options_from_env(struct coll_options *options, struct err *err);

/* size 1 needs no store. Returns 0 or a negative errno. */
int coll_open(const struct coll_options *options, struct coll **out, struct err *err);

/* `size` groups for threads of this process (tests); each out[rank] is used by one thread. `fault`
 * may fail the nth call of a rank. */
struct coll_fault {
    size_t rank;
    uint64_t call; /* counted from 1; 0: never */
};
int coll_open_fake(size_t size, const struct coll_fault *fault, struct coll **out, struct err *err);

void coll_free(struct coll *coll);

size_t coll_rank(const struct coll *coll);
size_t coll_size(const struct coll *coll);
/* "self", "shm", "ucx over tcp", "fake": for people. */
const char *coll_name(const struct coll *coll);

struct coll_piece {
    void *p; /* not written to when it is sent */
    size_t bytes;
};

/* All to all: send[r] goes to rank r, receive[r] comes from rank r (its own included, a copy;
 * skipped when both point to the same place). Sizes must match; a mismatch is -EPROTO. All ranks
 * call it in the same order with the other calls. */
int coll_exchange(struct coll *coll, const struct coll_piece *send,
                  const struct coll_piece *receive, struct err *err);

/* Everybody gets everybody's `bytes`: all (size, bytes). */
int coll_gather(struct coll *coll, const void *mine, size_t bytes, void *all, struct err *err);

/* Rank r has the bytes [begin[r], begin[r + 1]) of buf; afterwards everybody has all. */
int coll_gather_parts(struct coll *coll, void *buf, const size_t *begin, struct err *err);

int coll_broadcast(struct coll *coll, size_t root, void *buf, size_t bytes, struct err *err);
int coll_barrier(struct coll *coll, struct err *err);

#endif
