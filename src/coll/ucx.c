/* Ranks of several hosts exchange through UCX: InfiniBand or RoCE where there is one, else TCP.
 *
 * A piece is one tagged message, whose tag carries its length: so a piece of another length is
 * known with both numbers. Nobody spins: who finds nothing to do sleeps on the worker's descriptor
 * and on its connection to the hub (watch), which says who has fallen. UCX itself tells by an
 * endpoint's error handler that a peer is gone, but not who was the first, and of a host that
 * vanishes while data to it are unacknowledged not within minutes. */
#include "coll/ucx.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* A message's tag: which exchange (16 bits), from whom (12), how many bytes (36). */
#define TAG_BYTES_BITS 36
#define TAG_RANK_BITS  12
#define TAG_BYTES_MAX  (((uint64_t)1 << TAG_BYTES_BITS) - 1)
#define GOODBYE        0 /* in place of the exchange, which counts from 1 */

#define SLEEP_MS   200
#define GOODBYE_MS 2000 /* for the others to come to their end too */
#define CANCEL_MS  1000
#define VERDICT_MS 2000 /* for the hub to say who fell */

static uint64_t tag_of(uint64_t exchange, size_t rank, uint64_t bytes)
{
    return exchange << (TAG_RANK_BITS + TAG_BYTES_BITS) | (uint64_t)rank << TAG_BYTES_BITS | bytes;
}

/* Take what nbx calls return. */
static void begin_transfer(struct transfer *t, ucs_status_ptr_t p)
{
    t->request = UCS_PTR_IS_PTR(p) ? p : NULL;
    t->status = UCS_PTR_IS_PTR(p) ? UCS_INPROGRESS : UCS_PTR_RAW_STATUS(p);
}

/* Always with a request: of a receive that is done at once UCX 1.13 does not tell the tag. */
static void begin_receive(struct ucx *ucx, size_t from, uint64_t exchange, struct coll_piece piece)
{
    const ucp_request_param_t param = {.op_attr_mask = UCP_OP_ATTR_FLAG_NO_IMM_CMPL};

    begin_transfer(&ucx->in[from], ucx->library->ucp_tag_recv_nbx(ucx->worker, piece.p, piece.bytes,
                                                                  tag_of(exchange, from, 0),
                                                                  ~TAG_BYTES_MAX, &param));
}

static void begin_send(struct ucx *ucx, size_t to, uint64_t exchange, struct coll_piece piece)
{
    const ucp_request_param_t param = {0};

    begin_transfer(&ucx->out[to], ucx->library->ucp_tag_send_nbx(
                                      ucx->eps[to], piece.p, piece.bytes,
                                      tag_of(exchange, ucx->coll.rank, piece.bytes), &param));
}

static void look_at(struct ucx *ucx, struct transfer *t, bool in)
{
    if (!t->request)
        return;
    t->status = in ? ucx->library->ucp_tag_recv_request_test(t->request, &t->info)
                   : ucx->library->ucp_request_check_status(t->request);
    if (t->status == UCS_INPROGRESS)
        return;
    ucx->library->ucp_request_free(t->request);
    t->request = NULL;
}

/* How many are still under way. */
static size_t look_at_all(struct ucx *ucx)
{
    size_t open = 0;

    for (size_t i = 0; i < ucx->coll.size; i++) {
        look_at(ucx, &ucx->out[i], false);
        look_at(ucx, &ucx->in[i], true);
        open += (ucx->out[i].request != NULL) + (ucx->in[i].request != NULL);
    }
    return open;
}

/* Sleep until UCX or the hub has something to say, or for SLEEP_MS. */
static void sleep_on_worker(struct ucx *ucx)
{
    struct pollfd polls[2] = {{ucx->efd, POLLIN, 0}, {ucx->watch.fd, POLLIN, 0}};

    if (ucx->library->ucp_worker_arm(ucx->worker) == UCS_OK)
        (void)poll(polls, 2, SLEEP_MS);
    (void)watch_look(&ucx->watch);
}

/* Let UCX work. Returns whether it had something to do. */
static bool progress(struct ucx *ucx)
{
    bool did = false;

    while (ucx->library->ucp_worker_progress(ucx->worker))
        did = true;
    return did;
}

/* Has the hub said who fell first? Not that somebody has left: that may have been well. */
static bool is_judged(const struct watch *watch)
{
    return watch->fall.why != FALL_NONE && watch->fall.why != FALL_LEFT;
}

static bool is_open(const struct ucx *ucx, size_t i)
{
    return ucx->in[i].request || ucx->out[i].request;
}

/* Does what the hub says end this exchange? Not that a rank has left from which nothing more is
 * wanted. */
static bool is_over(const struct ucx *ucx)
{
    const struct fall *fall = &ucx->watch.fall;

    if (fall->why == FALL_NONE || ucx->leaving)
        return false;
    return fall->why != FALL_LEFT || (fall->rank < ucx->coll.size && is_open(ucx, fall->rank));
}

/* UCX says that a peer is gone. It may have left because of another one: who fell first, the hub
 * knows. */
static int lost(struct ucx *ucx, size_t peer, ucs_status_t status, struct err *err)
{
    struct watch *watch = &ucx->watch;
    unsigned before = watch->verdicts;

    (void)watch_look(watch);
    if (!ucx->leaving && !is_judged(watch))
        watch_blame(watch, peer, FALL_UNREACHED, VERDICT_MS);
    if (watch->verdicts > before || is_judged(watch) || is_over(ucx) ||
        (watch->fall.why == FALL_LEFT && watch->fall.rank == peer))
        return fall_say(&watch->fall, err);
    return err_set(err, -ECONNRESET, "rank %zu has died or can't be reached (%s)", peer,
                   ucx->library->ucs_status_string(status));
}

/* Has anything gone wrong with what came from a peer, or with a peer that is still needed? */
static int check(struct ucx *ucx, size_t i, const struct coll_piece *receive, struct err *err)
{
    const struct transfer *out = &ucx->out[i], *in = &ucx->in[i];
    uint64_t sent = in->info.sender_tag & TAG_BYTES_MAX;
    ucs_status_t status = ucx->peers[i];

    if (!in->request && (in->status == UCS_OK || in->status == UCS_ERR_MESSAGE_TRUNCATED) &&
        sent != receive[i].bytes)
        return coll_mismatch(&ucx->coll, i, sent, receive[i].bytes, err);
    if (!in->request && in->status != UCS_OK)
        status = in->status;
    else if (!out->request && out->status != UCS_OK)
        status = out->status;
    else if (!in->request && !out->request)
        return 0;
    return status == UCS_OK ? 0 : lost(ucx, i, status, err);
}

/* The one from which nothing comes may be waiting for another one itself. */
static int stuck(struct ucx *ucx, int64_t limit_ms, struct err *err)
{
    const struct fall *fall = &ucx->watch.fall;
    size_t i = 0;

    while (i + 1 < ucx->coll.size && !is_open(ucx, i))
        i++;
    if (!ucx->leaving)
        watch_blame(&ucx->watch, i, FALL_STUCK, VERDICT_MS);
    if (is_judged(&ucx->watch) && (fall->why != FALL_STUCK || fall->rank != i))
        return fall_say(fall, err);
    return err_set(err, -ETIMEDOUT, "nothing has come from rank %zu for %g s", i,
                   (double)limit_ms / 1000);
}

/* Until all transfers are done. A keepalive's message is no progress: what counts is transfers that
 * end. What was sent before its sender fell is still read: a fall counts only when UCX has nothing
 * more to do. */
static int finish(struct ucx *ucx, const struct coll_piece *receive, int64_t limit_ms,
                  struct err *err)
{
    int64_t moved_ms = clock_now_ms();
    size_t before = SIZE_MAX;

    for (;;) {
        bool did = progress(ucx);
        size_t open = look_at_all(ucx);

        for (size_t i = 0; i < ucx->coll.size; i++) {
            int r = i == ucx->coll.rank ? 0 : check(ucx, i, receive, err);

            if (r < 0)
                return r;
        }
        if (open == 0)
            return 0;
        if (open != before)
            moved_ms = clock_now_ms();
        else if (clock_now_ms() - moved_ms > limit_ms)
            return stuck(ucx, limit_ms, err);
        before = open;
        if (!did && is_over(ucx))
            return fall_say(&ucx->watch.fall, err);
        if (!did)
            sleep_on_worker(ucx);
    }
}

static int exchange(struct ucx *ucx, uint64_t number, const struct coll_piece *send,
                    const struct coll_piece *receive, int64_t limit_ms, struct err *err)
{
    size_t rank = ucx->coll.rank, size = ucx->coll.size;

    for (size_t k = 1; k < size; k++) { /* each begins with its neighbour */
        size_t from = (rank + size - k) % size;

        begin_receive(ucx, from, number, receive[from]);
    }
    for (size_t k = 1; k < size; k++) {
        size_t to = (rank + k) % size;

        begin_send(ucx, to, number, send[to]);
    }
    return finish(ucx, receive, limit_ms, err);
}

int ucx_exchange(struct coll *coll, const struct coll_piece *send, const struct coll_piece *receive,
                 struct err *err)
{
    struct ucx *ucx = (struct ucx *)coll;

    for (size_t i = 0; i < coll->size; i++)
        if (send[i].bytes > TAG_BYTES_MAX)
            return err_set(err, -E2BIG, "a piece of %zu bytes; UCX takes %llu here", send[i].bytes,
                           (unsigned long long)TAG_BYTES_MAX);
    /* The numbers go round, past GOODBYE. */
    return exchange(ucx, ucx->exchanges++ % UINT16_MAX + 1, send, receive, coll->stuck_ms, err);
}

/* Nobody hangs up while somebody still reads: all wait for each other's goodbye, a little. */
static void say_goodbye(struct ucx *ucx)
{
    struct coll_piece *none = ucx->coll.send;

    memset(none, 0, ucx->coll.size * sizeof(*none));
    ucx->leaving = true;
    (void)exchange(ucx, GOODBYE, none, none, GOODBYE_MS, NULL);
}

/* Nothing may write to the callers' memory after this. */
static void cancel(struct ucx *ucx)
{
    int64_t end = clock_now_ms() + CANCEL_MS;

    for (size_t i = 0; i < ucx->coll.size; i++)
        if (ucx->in[i].request)
            ucx->library->ucp_request_cancel(ucx->worker, ucx->in[i].request);
    for (size_t i = 0; i < ucx->coll.size; i++) {
        const ucp_request_param_t force = {.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS,
                                           .flags = UCP_EP_CLOSE_FLAG_FORCE};
        ucs_status_ptr_t p = NULL;

        if (ucx->eps[i])
            p = ucx->library->ucp_ep_close_nbx(ucx->eps[i], &force);
        ucx->eps[i] = NULL;
        while (UCS_PTR_IS_PTR(p) && clock_now_ms() < end &&
               ucx->library->ucp_request_check_status(p) == UCS_INPROGRESS)
            if (!progress(ucx))
                sleep_on_worker(ucx);
        if (UCS_PTR_IS_PTR(p))
            ucx->library->ucp_request_free(p);
    }
    while (look_at_all(ucx) > 0 && clock_now_ms() < end)
        if (!progress(ucx))
            sleep_on_worker(ucx);
}

/* Before anything is closed, so that nobody takes this rank for the first that fell. */
static void say_why(struct ucx *ucx)
{
    struct watch *watch = &ucx->watch;

    if (!watch_look(watch))
        watch_blame(watch, ucx->coll.rank, FALL_FAILED, 0);
    else if (watch->fall.why == FALL_LEFT)
        watch_blame(watch, watch->fall.rank, FALL_EARLY, 0);
}

void ucx_leave(struct coll *coll, bool has_failed)
{
    struct ucx *ucx = (struct ucx *)coll;

    if (!ucx->worker)
        return;
    if (!has_failed)
        say_goodbye(ucx);
    else
        say_why(ucx);
    ucx->leaving = true;
    cancel(ucx); /* the peers know by now why */
    ucx->library->ucp_worker_destroy(ucx->worker);
    ucx->worker = NULL;
    watch_close(&ucx->watch);
}
