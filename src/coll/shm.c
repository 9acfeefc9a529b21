/* Ranks of one host exchange through memory they share (shm_memory).
 *
 * Each rank has a ring to each other rank, and one that all others read. Who finds nothing to do
 * sleeps on its own bell (a futex) and is woken by who has moved a ring. A sleeper looks ten times
 * a second whether those it waits for still live (by pidfd). */
#include "base/clock.h"
#include "base/str.h"
#include "coll/fall.h"
#include "coll/meet.h"
#include "coll/parts.h"
#include "coll/shm_memory.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOK_MS  100 /* between looks at who lives */
#define STUCK_MS 500 /* for others to say that they are stuck too */

struct flow {
    struct ring_message message;
    bool in;
    size_t peer; /* this rank itself: to all others */
};

struct shm {
    struct coll coll;
    struct shm_memory memory;
    int *pidfds; /* (size); -1: this rank */
    struct pollfd *polls;
    struct flow *flows; /* of the exchange under way: at most one each way for each rank */
    size_t flow_count;
    uint64_t exchanges;
};

static void wake(struct shm *shm, size_t rank)
{
    struct bell *bell = &shm->memory.region->bells[rank];

    (void)atomic_fetch_add(&bell->rung, 1);
    if (atomic_load(&bell->asleep))
        (void)syscall(SYS_futex, &bell->rung, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void wake_all(struct shm *shm)
{
    for (size_t i = 0; i < shm->coll.size; i++)
        if (i != shm->coll.rank)
            wake(shm, i);
}

/* Until the bell has rung since it was at `seen`. False: it was a long time (LOOK_MS). */
static bool sleep_on_bell(struct shm *shm, uint32_t seen)
{
    struct bell *bell = &shm->memory.region->bells[shm->coll.rank];
    const struct timespec limit = {0, LOOK_MS * 1000000};
    long r;

    atomic_store(&bell->asleep, 1);
    r = syscall(SYS_futex, &bell->rung, FUTEX_WAIT, seen, &limit, NULL, 0);
    r = r < 0 && errno == ETIMEDOUT ? -1 : 0;
    atomic_store(&bell->asleep, 0);
    return r == 0;
}

/* The first fall counts; whoever notices another one names this. */
static void blame(struct shm *shm, size_t rank, enum fall_why why)
{
    uint64_t none = 0;

    (void)atomic_compare_exchange_strong(&shm->memory.region->culprit, &none,
                                         (uint64_t)why << 32 | (rank + 1));
    wake_all(shm);
}

static int fallen(struct shm *shm, struct err *err)
{
    uint64_t culprit = atomic_load(&shm->memory.region->culprit);
    const struct fall fall = {.rank = (uint32_t)culprit - 1, .why = (uint32_t)(culprit >> 32)};

    return fall_say(&fall, err);
}

static bool is_done(const struct flow *flow)
{
    return flow->message.done == ring_length(flow->message.bytes);
}

/* Move what can be moved. Returns how many flows have moved, or -EPROTO. */
static int move_all(struct shm *shm, size_t *open, struct err *err)
{
    int moved = 0;

    *open = 0;
    for (size_t i = 0; i < shm->flow_count; i++) {
        struct flow *flow = &shm->flows[i];
        uint64_t bytes = 0, call = 0;
        int64_t n;

        if (is_done(flow))
            continue;
        n = flow->in ? ring_read(&flow->message, &bytes, &call) : ring_write(&flow->message);
        if (n < 0 && call == shm->exchanges && bytes != flow->message.bytes)
            return coll_mismatch(&shm->coll, flow->peer, bytes, flow->message.bytes, err);
        if (n < 0)
            return err_set(err, -EPROTO, "rank %zu is not in the same exchange as rank %zu",
                           flow->peer, shm->coll.rank);
        if (n > 0 && flow->peer == shm->coll.rank)
            wake_all(shm);
        else if (n > 0)
            wake(shm, flow->peer);
        moved += n > 0;
        *open += !is_done(flow);
    }
    return moved;
}

/* Who of those that this rank waits for is gone. */
static void look(struct shm *shm)
{
    for (size_t i = 0; i < shm->flow_count; i++) {
        const struct flow *flow = &shm->flows[i];
        bool to_all = flow->peer == shm->coll.rank;

        for (size_t peer = 0; peer < shm->coll.size && !is_done(flow); peer++)
            if (peer == flow->peer || to_all)
                shm->polls[peer].fd = shm->pidfds[peer];
    }
    (void)poll(shm->polls, shm->coll.size, 0);
    for (size_t peer = 0; peer < shm->coll.size; peer++) {
        struct pollfd *polled = &shm->polls[peer];

        if (polled->fd >= 0 && atomic_load(&shm->memory.region->bells[peer].left))
            blame(shm, peer, FALL_LEFT);
        else if (polled->fd >= 0 && polled->revents)
            blame(shm, peer, FALL_DIED);
        polled->fd = -1;
    }
}

/* From whom something is missing, or who does not read: of a ring for all, the last one. */
static size_t waited_for(const struct shm *shm)
{
    size_t rank = shm->coll.rank, last = 0;
    const struct flow *flow = shm->flows, *end = flow + shm->flow_count;
    const struct ring_position *heads;

    while (flow < end && (is_done(flow) || !flow->in))
        flow++;
    for (const struct flow *out = shm->flows; flow == end; out++)
        if (!is_done(out))
            flow = out;
    if (flow->peer != rank)
        return flow->peer;
    heads = flow->message.ring.heads;
    for (size_t i = 1; i < flow->message.ring.readers; i++)
        if (atomic_load(&heads[i].at) < atomic_load(&heads[last].at))
            last = i;
    return last + (last >= rank);
}

/* Nothing has moved for too long. The one it is up to may wait for another one itself, who says so
 * too: the one at the end of that chain is stuck. */
static int stuck(struct shm *shm, struct err *err)
{
    size_t peer = waited_for(shm), culprit = peer;

    atomic_store(&shm->memory.region->bells[shm->coll.rank].waits_for, (uint32_t)peer + 1);
    (void)poll(NULL, 0, STUCK_MS);
    for (size_t i = 0; i < shm->coll.size; i++) {
        uint32_t next = atomic_load(&shm->memory.region->bells[culprit].waits_for);

        if (next == 0 || next > shm->coll.size)
            break;
        culprit = next - 1;
    }
    blame(shm, culprit, FALL_STUCK);
    if (atomic_load(&shm->memory.region->culprit) != ((uint64_t)FALL_STUCK << 32 | (peer + 1)))
        return fallen(shm, err);
    return err_set(err, -ETIMEDOUT, "rank %zu lives, but nothing has come from it for %g s", peer,
                   (double)shm->coll.stuck_ms / 1000);
}

/* Until all flows are done. What was sent before its sender fell is still read: a fall counts only
 * when nothing has moved since it was known. */
static int run_flows(struct shm *shm, struct err *err)
{
    struct bell *bell = &shm->memory.region->bells[shm->coll.rank];
    int64_t moved_ms = clock_now_ms();
    bool known = false;

    for (;;) {
        uint32_t seen = atomic_load(&bell->rung);
        size_t open;
        int moved = move_all(shm, &open, err);

        if (moved < 0 || open == 0)
            return moved < 0 ? moved : 0;
        if (moved > 0) {
            moved_ms = 0;
            continue;
        }
        if (known)
            return fallen(shm, err);
        if (moved_ms == 0)
            moved_ms = clock_now_ms();
        if (!sleep_on_bell(shm, seen)) {
            look(shm);
            if (clock_now_ms() - moved_ms > shm->coll.stuck_ms)
                return stuck(shm, err);
        }
        known = atomic_load(&shm->memory.region->culprit) != 0;
    }
}

static void add_flow(struct shm *shm, bool in, size_t peer, struct ring ring, size_t reader,
                     struct coll_piece piece)
{
    shm->flows[shm->flow_count++] = (struct flow){
        .message = {ring, piece.p, piece.bytes, shm->exchanges, 0, reader}, .in = in, .peer = peer};
}

static int shm_exchange(struct coll *coll, const struct coll_piece *send,
                        const struct coll_piece *receive, struct err *err)
{
    struct shm *shm = (struct shm *)coll;
    size_t rank = coll->rank, size = coll->size;

    shm->exchanges++;
    shm->flow_count = 0;
    for (size_t k = 1; k < size; k++) { /* each begins with its neighbour */
        size_t to = (rank + k) % size, from = (rank + size - k) % size;

        add_flow(shm, false, to, shm_memory_ring(&shm->memory, rank, to), 0, send[to]);
        add_flow(shm, true, from, shm_memory_ring(&shm->memory, from, rank), 0, receive[from]);
    }
    return run_flows(shm, err);
}

/* Each writes once, and all read it. */
static int shm_gather_parts(struct coll *coll, char *buf, const size_t *begin, struct err *err)
{
    struct shm *shm = (struct shm *)coll;
    size_t rank = coll->rank, size = coll->size;

    shm->exchanges++;
    shm->flow_count = 0;
    for (size_t k = 0; k < size; k++) {
        size_t from = (rank + k) % size, reader = rank - (rank > from);
        struct coll_piece piece = {buf + begin[from], begin[from + 1] - begin[from]};

        add_flow(shm, from != rank, from, shm_memory_ring(&shm->memory, from, from), reader, piece);
    }
    return run_flows(shm, err);
}

static void shm_leave(struct coll *coll, bool failed)
{
    struct shm *shm = (struct shm *)coll;

    if (!shm->memory.region)
        return;
    if (failed)
        blame(shm, coll->rank, FALL_FAILED);
    atomic_store(&shm->memory.region->bells[coll->rank].left, 1);
    wake_all(shm);
}

static void shm_free(struct coll *coll)
{
    struct shm *shm = (struct shm *)coll;

    for (size_t i = 0; shm->pidfds && i < coll->size; i++)
        if (shm->pidfds[i] >= 0)
            (void)close(shm->pidfds[i]);
    shm_memory_unmap(&shm->memory);
    free(shm->pidfds);
    free(shm->polls);
    free(shm->flows);
    coll_delete(coll);
}

static const struct coll_ops shm_ops = {.exchange = shm_exchange,
                                        .gather_parts = shm_gather_parts,
                                        .leave = shm_leave,
                                        .free = shm_free};

/* Map the memory, and take hold of each peer: it is still in the meeting, so the pid is its own. */
static int join(struct shm *shm, const struct meet_card *cards, struct err *err)
{
    struct shm_card card;

    for (size_t i = 0; i < shm->coll.size; i++) {
        if (cards[i].len != sizeof(card))
            return err_set(err, -EPROTO, "rank %zu is another version of this program", i);
        memcpy(&card, cards[i].p, sizeof(card));
        if (i == 0) {
            int r = shm_memory_map(&shm->memory, &card, err);

            if (r < 0)
                return r;
        }
        if (i == shm->coll.rank)
            continue;
        shm->pidfds[i] = (int)syscall(SYS_pidfd_open, (pid_t)card.pid, 0);
        if (shm->pidfds[i] < 0)
            return err_set(err, -errno, "rank %zu, process %lld: %s", i, (long long)card.pid,
                           errno == ESRCH ? "it has died" : strerror(errno));
    }
    return 0;
}

static struct shm *shm_new(const struct coll_options *options)
{
    size_t size = options->size;
    struct shm *shm = coll_new(sizeof(*shm), &shm_ops, options->rank, size, "shm");

    if (!shm)
        return NULL;
    if (options->stuck_ms)
        shm->coll.stuck_ms = options->stuck_ms;
    shm_memory_plan(&shm->memory, size);
    shm->pidfds = malloc(size * sizeof(*shm->pidfds));
    shm->polls = calloc(size, sizeof(*shm->polls));
    shm->flows = calloc(2 * size, sizeof(*shm->flows));
    for (size_t i = 0; shm->pidfds && i < size; i++)
        shm->pidfds[i] = -1;
    for (size_t i = 0; shm->polls && i < size; i++)
        shm->polls[i] = (struct pollfd){-1, POLLIN, 0};
    if (shm->pidfds && shm->polls && shm->flows)
        return shm;
    shm_free(&shm->coll);
    return NULL;
}

int coll_open_shm(const struct coll_options *options, struct meet *meet, struct coll **out,
                  struct err *err)
{
    struct shm *shm = shm_new(options);
    struct meet_card *cards = calloc(options->size, sizeof(*cards));
    struct shm_card mine = {.pid = getpid(), .fd = -1};
    void *all = NULL;
    int r = 0;

    if (!shm || !cards) {
        r = err_set(err, -ENOMEM, "no memory for a group of %zu ranks", options->size);
    } else {
        mine.bytes = shm->memory.bytes;
        if (options->rank == 0)
            r = shm_memory_make(&shm->memory, &mine, err);
    }
    r = meet_agree(meet, r, err);
    if (r == 0)
        r = meet_all(meet, &mine, sizeof(mine), cards, &all, err);
    if (r == 0)
        r = meet_agree(meet, join(shm, cards, err), err);
    if (mine.fd >= 0)
        (void)close((int)mine.fd);
    free(all);
    free(cards);
    if (r < 0) {
        if (shm)
            shm_free(&shm->coll);
        return r;
    }
    *out = &shm->coll;
    return 0;
}
