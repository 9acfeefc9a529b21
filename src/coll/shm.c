/* Ranks of one host exchange through memory they share.
 *
 * The memory is a memfd of rank 0, which the others open by way of /proc: it has no name in
 * /dev/shm, so nothing is left behind whoever is killed when, and no small /dev/shm of a container
 * is its limit. It is filled with pages at once: a lack of memory is a sentence now, not a SIGBUS
 * later.
 *
 * Each rank has a ring to each other rank, and one that all others read. Who finds nothing to do
 * sleeps on its own bell (a futex) and is woken by who has moved a ring. A sleeper looks ten times
 * a second whether those it waits for still live (by pidfd). */
#include "base/clock.h"
#include "base/str.h"
#include "coll/meet.h"
#include "coll/parts.h"
#include "coll/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALL_RINGS_BYTES ((size_t)32 << 20) /* shared by all rings ... */
#define RING_BYTES_MIN  ((size_t)16 << 10) /* ... of which each has at least this */
#define RING_BYTES_MAX  ((size_t)1 << 20)  /* more would not stay in the cache: slower */
#define LOOK_MS         100                /* between looks at who lives */

struct bell {
    _Alignas(RING_LINE) _Atomic uint32_t rung; /* counts */
    _Atomic uint32_t asleep;                   /* somebody must wake it */
    _Atomic uint32_t left;                     /* this rank takes no more part */
};

enum why { WHY_DIED = 1, WHY_FAILED, WHY_LEFT, WHY_STUCK };

/* How the memory begins. Then come (size) bells, the positions of all rings, their data. */
struct region {
    uint64_t token; /* of this group: what is mapped is what is meant */
    /* The first rank whose fall was noticed, plus 1, and why << 32: all name the same. */
    _Alignas(RING_LINE) _Atomic uint64_t culprit;
    struct bell bells[];
};

struct flow {
    struct ring_message message;
    bool in;
    size_t peer; /* this rank itself: to all others */
};

struct shm {
    struct coll coll;
    struct region *region;
    size_t bytes, ring_bytes;
    int *pidfds; /* (size); -1: this rank */
    struct pollfd *polls;
    struct flow *flows; /* of the exchange under way: at most one each way for each rank */
    size_t flow_count;
    uint64_t exchanges;
};

/* What each rank tells the others. */
struct shm_card {
    int64_t pid;
    int64_t fd; /* rank 0's */
    uint64_t token, bytes;
};

/* Each rank has (size) rings: to each other rank, and at its own place the one for all. */
static size_t positions_of_rank(size_t size)
{
    return 2 * (size - 1) + size; /* a tail and a head to each other; a tail and heads for all */
}

static size_t ring_bytes_for(size_t size)
{
    size_t bytes = RING_BYTES_MAX;

    while (bytes > RING_BYTES_MIN && bytes * size * size > ALL_RINGS_BYTES)
        bytes /= 2;
    return bytes;
}

static size_t positions_begin(size_t size)
{
    return sizeof(struct region) + size * sizeof(struct bell);
}

static size_t data_begin(size_t size)
{
    size_t at = positions_begin(size) + size * positions_of_rank(size) * RING_LINE;

    return (at + 4095) / 4096 * 4096;
}

/* The ring from a rank to another, or to all others when they are the same. */
static struct ring ring_at(const struct shm *shm, size_t from, size_t to)
{
    size_t size = shm->coll.size;
    char *base = (char *)shm->region;
    struct ring_position *positions = (struct ring_position *)(base + positions_begin(size));
    /* The ring for all comes last: it has more heads. */
    size_t place = from == to ? size - 1 : to < from ? to : to - 1;

    positions += from * positions_of_rank(size) + 2 * place;
    return (struct ring){.tail = positions,
                         .heads = positions + 1,
                         .readers = from == to ? size - 1 : 1,
                         .data = base + data_begin(size) + (from * size + to) * shm->ring_bytes,
                         .space = shm->ring_bytes};
}

static void wake(struct shm *shm, size_t rank)
{
    struct bell *bell = &shm->region->bells[rank];

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
    struct bell *bell = &shm->region->bells[shm->coll.rank];
    const struct timespec limit = {0, LOOK_MS * 1000000};
    long r;

    atomic_store(&bell->asleep, 1);
    r = syscall(SYS_futex, &bell->rung, FUTEX_WAIT, seen, &limit, NULL, 0);
    r = r < 0 && errno == ETIMEDOUT ? -1 : 0;
    atomic_store(&bell->asleep, 0);
    return r == 0;
}

/* The first fall counts; whoever notices another one names this. */
static void blame(struct shm *shm, size_t rank, enum why why)
{
    uint64_t none = 0;

    (void)atomic_compare_exchange_strong(&shm->region->culprit, &none,
                                         (uint64_t)why << 32 | (rank + 1));
    wake_all(shm);
}

static int fallen(struct shm *shm, struct err *err)
{
    static const char *const words[] = {"", "has died", "has failed", "has left the group",
                                        "lives, but has sent nothing for too long"};
    uint64_t culprit = atomic_load(&shm->region->culprit), why = culprit >> 32;

    return err_set(err, -ECONNRESET, "rank %lu %s", (unsigned long)((uint32_t)culprit - 1),
                   words[why < ARRAY_LEN(words) ? why : 0]);
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

        if (polled->fd >= 0 && atomic_load(&shm->region->bells[peer].left))
            blame(shm, peer, WHY_LEFT);
        else if (polled->fd >= 0 && polled->revents)
            blame(shm, peer, WHY_DIED);
        polled->fd = -1;
    }
}

/* Nothing has moved for too long: it is somebody from whom something is missing. */
static int stuck(struct shm *shm, struct err *err)
{
    size_t i = 0;

    while (i + 1 < shm->flow_count && (is_done(&shm->flows[i]) || !shm->flows[i].in))
        i++;
    blame(shm, shm->flows[i].peer, WHY_STUCK);
    return err_set(err, -ETIMEDOUT, "rank %zu lives, but nothing has come from it for %g s",
                   shm->flows[i].peer, (double)shm->coll.stuck_ms / 1000);
}

/* Until all flows are done. What was sent before its sender fell is still read: a fall counts only
 * when nothing has moved since it was known. */
static int run_flows(struct shm *shm, struct err *err)
{
    struct bell *bell = &shm->region->bells[shm->coll.rank];
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
        known = atomic_load(&shm->region->culprit) != 0;
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

        add_flow(shm, false, to, ring_at(shm, rank, to), 0, send[to]);
        add_flow(shm, true, from, ring_at(shm, from, rank), 0, receive[from]);
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

        add_flow(shm, from != rank, from, ring_at(shm, from, from), reader, piece);
    }
    return run_flows(shm, err);
}

static void shm_leave(struct coll *coll, bool failed)
{
    struct shm *shm = (struct shm *)coll;

    if (!shm->region)
        return;
    if (failed)
        blame(shm, coll->rank, WHY_FAILED);
    atomic_store(&shm->region->bells[coll->rank].left, 1);
    wake_all(shm);
}

static void shm_free(struct coll *coll)
{
    struct shm *shm = (struct shm *)coll;

    for (size_t i = 0; shm->pidfds && i < coll->size; i++)
        if (shm->pidfds[i] >= 0)
            (void)close(shm->pidfds[i]);
    if (shm->region)
        (void)munmap(shm->region, shm->bytes);
    free(shm->pidfds);
    free(shm->polls);
    free(shm->flows);
    coll_delete(coll);
}

static const struct coll_ops shm_ops = {.exchange = shm_exchange,
                                        .gather_parts = shm_gather_parts,
                                        .leave = shm_leave,
                                        .free = shm_free};

/* Rank 0 makes the memory. It can't shrink any more: nobody can be made to fall by that. */
static int make_memory(const struct shm *shm, struct shm_card *card, struct err *err)
{
    int r, fd = memfd_create("firstlight-coll", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return err_set(err, -errno, "memory to share: %s", strerror(errno));
    r = -posix_fallocate(fd, 0, (off_t)shm->bytes);
    if (r == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        r = -errno;
    if (r == 0 && getrandom(&card->token, sizeof(card->token), 0) != sizeof(card->token))
        r = -EIO;
    if (r == 0 && pwrite(fd, &card->token, sizeof(card->token), 0) != sizeof(card->token))
        r = -EIO;
    card->fd = fd;
    if (r < 0)
        return err_set(err, r, "%zu MiB of memory for %zu ranks to share: %s", shm->bytes >> 20,
                       shm->coll.size, strerror(-r));
    return 0;
}

static int map_memory(struct shm *shm, const struct shm_card *first, struct err *err)
{
    char path[64];
    struct stat at;
    void *p;
    int r = 0, fd;

    (void)snprintf(path, sizeof(path), "/proc/%lld/fd/%lld", (long long)first->pid,
                   (long long)first->fd);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "the memory of rank 0, %s: %s", path, strerror(errno));
    if (fstat(fd, &at) < 0 || at.st_size != (off_t)shm->bytes || first->bytes != shm->bytes)
        r = err_set(err, -EPROTO, "%s is not the memory of rank 0", path);
    p = r == 0 ? mmap(NULL, shm->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (r == 0 && p == MAP_FAILED)
        r = err_set(err, -errno, "%zu MiB of shared memory: %s", shm->bytes >> 20, strerror(errno));
    (void)close(fd);
    if (r < 0)
        return r;
    shm->region = p;
    if (shm->region->token != first->token)
        return err_set(err, -EPROTO, "%s is the memory of another group", path);
    return 0;
}

/* Map the memory, and take hold of each peer: it is still in the meeting, so the pid is its own. */
static int join(struct shm *shm, const struct meet_card *cards, struct err *err)
{
    struct shm_card card;

    for (size_t i = 0; i < shm->coll.size; i++) {
        if (cards[i].len != sizeof(card))
            return err_set(err, -EPROTO, "rank %zu is another version of this program", i);
        memcpy(&card, cards[i].p, sizeof(card));
        if (i == 0) {
            int r = map_memory(shm, &card, err);

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
    shm->ring_bytes = ring_bytes_for(size);
    shm->bytes = data_begin(size) + size * size * shm->ring_bytes;
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
        mine.bytes = shm->bytes;
        if (options->rank == 0)
            r = make_memory(shm, &mine, err);
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
