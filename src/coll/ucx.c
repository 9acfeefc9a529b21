/* Ranks of several hosts exchange through UCX: InfiniBand or RoCE where there is one, else TCP.
 *
 * A piece is one tagged message, whose tag carries its length: so a piece of another length is
 * known with both numbers. Nobody spins: who finds nothing to do sleeps on the worker's
 * descriptor.
 *
 * UCX tells by an endpoint's error handler that a peer is gone. When a host vanishes without a
 * word, TCP's keepalive finds out in 5 s, but not while data to it are unacknowledged: then it is
 * the limit on silence (stuck_ms), or who has started the ranks. Shared memory is left out of the
 * transports: it would leave segments behind when a rank is killed, and ranks of one host have a
 * better one (shm.c). */
#include "base/clock.h"
#include "base/str.h"
#include "coll/meet.h"
#include "coll/parts.h"
#include "peer/ucx_library.h"

#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message's tag: which exchange (16 bits), from whom (12), how many bytes (36). */
#define TAG_BYTES_BITS 36
#define TAG_RANK_BITS  12
#define TAG_BYTES_MAX  (((uint64_t)1 << TAG_BYTES_BITS) - 1)
#define GOODBYE        0 /* in place of the exchange, which counts from 1 */

#define SLEEP_MS   200
#define GOODBYE_MS 2000 /* for the others to come to their end too */
#define CANCEL_MS  1000

/* One message on its way. */
struct transfer {
    void *request; /* NULL: done */
    ucs_status_t status;
    ucp_tag_recv_info_t info; /* of a received one */
};

struct ucx {
    struct coll coll;
    const struct ucx_library *library;
    ucp_context_h context;
    ucp_worker_h worker;
    int efd;
    ucp_ep_h *eps;             /* (size); NULL for this rank */
    ucs_status_t *peers;       /* (size): UCS_OK while it lives */
    struct transfer *out, *in; /* (size) each */
    uint64_t exchanges;
};

static int failed(const struct ucx *ucx, const char *what, ucs_status_t status, struct err *err)
{
    return err_set(err, status == UCS_ERR_NO_MEMORY ? -ENOMEM : -EIO, "UCX: %s: %s", what,
                   ucx->library->ucs_status_string(status));
}

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

/* Sleep until UCX has something to do, or for SLEEP_MS. */
static void sleep_on_worker(struct ucx *ucx)
{
    struct pollfd poller = {ucx->efd, POLLIN, 0};

    if (ucx->library->ucp_worker_arm(ucx->worker) == UCS_OK)
        (void)poll(&poller, 1, SLEEP_MS);
}

/* Let UCX work. Returns whether it had something to do. */
static bool progress(struct ucx *ucx)
{
    bool did = false;

    while (ucx->library->ucp_worker_progress(ucx->worker))
        did = true;
    return did;
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
    if (status == UCS_OK)
        return 0;
    return err_set(err, -ECONNRESET, "rank %zu has died or can't be reached (%s)", i,
                   ucx->library->ucs_status_string(status));
}

static int stuck(const struct ucx *ucx, int64_t limit_ms, struct err *err)
{
    size_t i = 0;

    while (i + 1 < ucx->coll.size && !ucx->in[i].request && !ucx->out[i].request)
        i++;
    return err_set(err, -ETIMEDOUT, "nothing has come from rank %zu for %g s", i,
                   (double)limit_ms / 1000);
}

/* Until all transfers are done. A keepalive's message is no progress: what counts is transfers that
 * end. */
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

static int ucx_exchange(struct coll *coll, const struct coll_piece *send,
                        const struct coll_piece *receive, struct err *err)
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

static void ucx_leave(struct coll *coll, bool has_failed)
{
    struct ucx *ucx = (struct ucx *)coll;

    if (!ucx->worker)
        return;
    if (!has_failed)
        say_goodbye(ucx);
    cancel(ucx);
    ucx->library->ucp_worker_destroy(ucx->worker);
    ucx->worker = NULL;
}

static void ucx_free(struct coll *coll)
{
    struct ucx *ucx = (struct ucx *)coll;

    if (ucx->worker)
        ucx->library->ucp_worker_destroy(ucx->worker);
    if (ucx->context)
        ucx->library->ucp_cleanup(ucx->context);
    free(ucx->eps);
    free(ucx->peers);
    free(ucx->out);
    coll_delete(coll);
}

static const struct coll_ops ucx_ops = {
    .exchange = ucx_exchange, .leave = ucx_leave, .free = ucx_free};

/* UCX's own keepalive is for RDMA. Over TCP it would do harm: what it sends to a host that is gone
 * stays unacknowledged, and as long as there is such data the kernel's keepalive is silent (seen
 * with 1.13: 5 s without it, more than 60 s with it). */
static const char *keepalive_interval(void)
{
    glob_t found;
    int r = glob("/sys/class/infiniband/*", GLOB_NOSORT, NULL, &found);

    globfree(&found);
    return r == 0 ? "2s" : "inf";
}

/* What differs from UCX's defaults, unless the user has set it. (More in ucx_library.c: what goes
 * by the environment alone.) */
static void configure(const struct ucx *ucx, ucp_config_t *config)
{
    const struct {
        const char *name, *variable, *value;
    } settings[] = {
        {"TLS", "UCX_TLS", "^sm"},
        {"KEEPALIVE_INTERVAL", "UCX_KEEPALIVE_INTERVAL", keepalive_interval()},
    };

    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (!getenv(settings[i].variable))
            (void)ucx->library->ucp_config_modify(config, settings[i].name, settings[i].value);
}

static int open_context(struct ucx *ucx, struct err *err)
{
    const ucp_params_t params = {.field_mask =
                                     UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_ESTIMATED_NUM_EPS,
                                 .features = UCP_FEATURE_TAG | UCP_FEATURE_WAKEUP,
                                 .estimated_num_eps = ucx->coll.size};
    ucp_config_t *config;
    ucs_status_t status = ucx->library->ucp_config_read(NULL, NULL, &config);

    if (status != UCS_OK)
        return failed(ucx, "its configuration", status, err);
    configure(ucx, config);
    status = ucx->library->ucp_init_version(UCP_API_MAJOR, UCP_API_MINOR, &params, config,
                                            &ucx->context);
    ucx->library->ucp_config_release(config);
    return status == UCS_OK ? 0 : failed(ucx, "no transport", status, err);
}

static int open_worker(struct ucx *ucx, struct err *err)
{
    const ucp_worker_params_t params = {.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
                                        .thread_mode = UCS_THREAD_MODE_SINGLE};
    ucs_status_t status;
    int r = open_context(ucx, err);

    if (r < 0)
        return r;
    status = ucx->library->ucp_worker_create(ucx->context, &params, &ucx->worker);
    if (status == UCS_OK)
        status = ucx->library->ucp_worker_get_efd(ucx->worker, &ucx->efd);
    return status == UCS_OK ? 0 : failed(ucx, "a worker", status, err);
}

static void on_error(void *data, ucp_ep_h ep, ucs_status_t status)
{
    struct ucx *ucx = data;

    for (size_t i = 0; i < ucx->coll.size; i++)
        if (ucx->eps[i] == ep)
            ucx->peers[i] = status;
}

static int connect_to(struct ucx *ucx, size_t peer, const void *address, struct err *err)
{
    const ucp_ep_params_t params = {.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS |
                                                  UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                                                  UCP_EP_PARAM_FIELD_ERR_HANDLER,
                                    .address = address,
                                    .err_mode = UCP_ERR_HANDLING_MODE_PEER,
                                    .err_handler = {on_error, ucx}};
    ucs_status_t status = ucx->library->ucp_ep_create(ucx->worker, &params, &ucx->eps[peer]);

    if (status == UCS_OK)
        return 0;
    ucx->eps[peer] = NULL;
    return err_set(err, -EHOSTUNREACH, "rank %zu can't be reached by UCX: %s", peer,
                   ucx->library->ucs_status_string(status));
}

/* Tell all where this rank is, and connect to each. */
static int connect_all(struct ucx *ucx, struct meet *meet, struct meet_card *cards, struct err *err)
{
    ucp_address_t *address;
    size_t len;
    void *all;
    ucs_status_t status = ucx->library->ucp_worker_get_address(ucx->worker, &address, &len);
    int r;

    if (status != UCS_OK)
        return failed(ucx, "its address", status, err);
    r = meet_all(meet, address, len, cards, &all, err);
    ucx->library->ucp_worker_release_address(ucx->worker, address);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < ucx->coll.size; i++)
        if (i != ucx->coll.rank)
            r = connect_to(ucx, i, cards[i].p, err);
    free(all);
    return r;
}

/* "ucx over tcp": by the first lane of the first peer, "#  lane[0]:  2:tcp/lo.0 md[1] ...". */
static void name_group(struct ucx *ucx)
{
    size_t len, peer = ucx->coll.rank == 0;
    char *text = NULL, *lane, *colon;
    FILE *file = open_memstream(&text, &len);

    if (!file)
        return;
    ucx->library->ucp_ep_print_info(ucx->eps[peer], file);
    if (fclose(file) != 0)
        return;
    lane = strstr(text, "lane[0]:");
    colon = lane ? strchr(lane + 8, ':') : NULL;
    if (colon)
        (void)snprintf(ucx->coll.name, sizeof(ucx->coll.name), "ucx over %.*s",
                       (int)strcspn(colon + 1, "/ \n"), colon + 1);
    free(text);
}

static struct ucx *ucx_new(const struct coll_options *options)
{
    size_t size = options->size;
    struct ucx *ucx = coll_new(sizeof(*ucx), &ucx_ops, options->rank, size, "ucx");

    if (!ucx)
        return NULL;
    if (options->stuck_ms)
        ucx->coll.stuck_ms = options->stuck_ms;
    ucx->eps = calloc(size, sizeof(ucp_ep_h));
    ucx->peers = calloc(size, sizeof(*ucx->peers));
    ucx->out = calloc(2 * size, sizeof(*ucx->out));
    ucx->in = ucx->out + size;
    if (ucx->eps && ucx->peers && ucx->out)
        return ucx;
    ucx_free(&ucx->coll);
    return NULL;
}

int coll_open_ucx(const struct coll_options *options, struct meet *meet, struct coll **out,
                  struct err *err)
{
    struct ucx *ucx = ucx_new(options);
    struct meet_card *cards = calloc(options->size, sizeof(*cards));
    int r = 0;

    if (!ucx || !cards)
        r = err_set(err, -ENOMEM, "no memory for a group of %zu ranks", options->size);
    if (r == 0)
        r = ucx_library_load(&ucx->library, err);
    if (r == 0)
        r = open_worker(ucx, err);
    r = meet_agree(meet, r, err);
    if (r == 0)
        r = meet_agree(meet, connect_all(ucx, meet, cards, err), err);
    free(cards);
    if (r == 0) { /* the first messages make the connections */
        memset(ucx->coll.send, 0, options->size * sizeof(*ucx->coll.send));
        r = ucx_exchange(&ucx->coll, ucx->coll.send, ucx->coll.send, err);
    }
    if (r == 0) {
        name_group(ucx);
        *out = &ucx->coll;
        return 0;
    }
    if (ucx) {
        ucx_leave(&ucx->coll, true);
        ucx_free(&ucx->coll);
    }
    return r;
}
