/* How ranks come to have an endpoint of UCX to each other. */
#include "base/str.h"
#include "coll/meet.h"
#include "coll/ucx.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const struct ucx *ucx, const char *what, ucs_status_t status, struct err *err)
{
    return err_set(err, status == UCS_ERR_NO_MEMORY ? -ENOMEM : -EIO, "UCX: %s: %s", what,
                   ucx->library->ucs_status_string(status));
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
    ucx->watch.fd = -1;
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
        ucx->watch = meet->watch;
        meet->watch.fd = -1;
        meet->watch.hub = NULL;
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
