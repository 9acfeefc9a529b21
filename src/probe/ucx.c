#include "probe/ucx.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

static int failed(const struct ucx_port *port, const char *what, ucs_status_t status,
                  struct err *err)
{
    return err_set(err, -EIO, "UCX: %s%s%s: %s", what, port->device[0] ? " on " : "", port->device,
                   port->ucx->ucs_status_string(status));
}

/* Between processes of one host UCX would take shared memory; what is measured is the network. A
 * peer that is gone is known by its silence, sooner than by UCX's own keepalive. */
static void configure(const struct ucx_port *port, ucp_config_t *config)
{
    const struct {
        const char *name, *variable, *value;
    } settings[] = {
        {"TLS", "UCX_TLS", "^sm"},
        {"KEEPALIVE_INTERVAL", "UCX_KEEPALIVE_INTERVAL", "inf"},
    };

    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (!getenv(settings[i].variable))
            (void)port->ucx->ucp_config_modify(config, settings[i].name, settings[i].value);
    if (port->device[0])
        (void)port->ucx->ucp_config_modify(config, "NET_DEVICES", port->device);
}

static int open_context(struct ucx_port *port, struct err *err)
{
    const ucp_params_t params = {.field_mask =
                                     UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_ESTIMATED_NUM_EPS,
                                 .features = UCP_FEATURE_TAG,
                                 .estimated_num_eps = 1};
    ucp_config_t *config;
    ucs_status_t status;
    int r = ucx_library_load(&port->ucx, err);

    if (r < 0)
        return r;
    status = port->ucx->ucp_config_read(NULL, NULL, &config);
    if (status != UCS_OK)
        return failed(port, "its configuration", status, err);
    configure(port, config);
    status =
        port->ucx->ucp_init_version(UCP_API_MAJOR, UCP_API_MINOR, &params, config, &port->context);
    port->ucx->ucp_config_release(config);
    return status == UCS_OK ? 0 : failed(port, "no transport", status, err);
}

/* What UCX prints as text; the caller frees it. NULL: no memory. */
static char *printed(void (*print)(const void *what, FILE *file), const void *what)
{
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);

    if (!file)
        return NULL;
    print(what, file);
    if (fclose(file) == 0)
        return text;
    free(text);
    return NULL;
}

static void print_context(const void *what, FILE *file)
{
    const struct ucx_port *port = what;

    port->ucx->ucp_context_print_info(port->context, file);
}

static void print_ep(const void *what, FILE *file)
{
    const struct ucx_port *port = what;

    port->ucx->ucp_ep_print_info(port->ep, file);
}

/* Add `word` to a list in `out` unless it is there or has no room. */
static void join(char *out, size_t space, const char *separator, struct str word)
{
    size_t len = strlen(out), part = strlen(separator);
    struct str rest = {out, len};

    while (rest.len >= word.len && word.len > 0) {
        ptrdiff_t end = str_find(rest, separator);
        struct str item = {rest.p, end < 0 ? rest.len : (size_t)end};

        if (str_eq(item, word))
            return;
        if (end < 0)
            break;
        rest = str_skip(rest, (size_t)end + part);
    }
    if (word.len > 0 && len + part + word.len < space)
        (void)snprintf(out + len, space - len, "%s%.*s", len ? separator : "", STR_ARG(word));
}

/* Lines "#      resource 1  :  md 1  dev 1  flags -- tcp/lo". False: there are no more. */
static bool next_resource(struct str *rest, struct str *transport, struct str *device)
{
    struct str line;

    while (str_line(rest, &line)) {
        ptrdiff_t at = str_find(line, "-- ");

        if (str_find(line, " resource ") < 0 || at < 0)
            continue;
        *device = str_trim(str_skip(line, (size_t)at + 3));
        if (str_cut(device, '/', transport) && !str_is(*transport, "self"))
            return true;
    }
    return false;
}

/* UCX goes on with what is left when there is no such device. */
static int check_device(const struct ucx_port *port, struct err *err)
{
    char *text = printed(print_context, port);
    struct str rest = str_of(text ? text : ""), transport, device;
    bool found = false;

    while (!found && next_resource(&rest, &transport, &device))
        found = !port->device[0] || str_is(device, port->device);
    free(text);
    if (found)
        return 0;
    return port->device[0] ? err_set(err, -ENODEV, "UCX has no device '%s' here", port->device)
                           : err_set(err, -ENODEV, "UCX has no network device here");
}

int ucx_port_open(struct ucx_port *port, const char *device, struct err *err)
{
    const ucp_worker_params_t params = {.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
                                        .thread_mode = UCS_THREAD_MODE_SINGLE};
    ucs_status_t status;
    int r;

    *port = (struct ucx_port){0};
    (void)snprintf(port->device, sizeof(port->device), "%s", device);
    (void)setenv("UCX_MEM_EVENTS", "y", 0); /* memory stays registered between messages */
    (void)prctl(PR_SET_TIMERSLACK, 1);      /* who rests while it waits wakes in time */
    r = open_context(port, err);
    if (r < 0)
        return r;
    r = check_device(port, err);
    if (r < 0) {
        ucx_port_close(port);
        return r;
    }
    status = port->ucx->ucp_worker_create(port->context, &params, &port->worker);
    if (status == UCS_OK)
        status =
            port->ucx->ucp_worker_get_address(port->worker, &port->address, &port->address_len);
    if (status == UCS_OK)
        return 0;
    r = failed(port, "a worker", status, err);
    ucx_port_close(port);
    return r;
}

void ucx_port_close(struct ucx_port *port)
{
    if (port->address)
        port->ucx->ucp_worker_release_address(port->worker, port->address);
    if (port->worker)
        port->ucx->ucp_worker_destroy(port->worker);
    if (port->context)
        port->ucx->ucp_cleanup(port->context);
    *port = (struct ucx_port){0};
}

int ucx_describe(char out[CARD_TEXT_BYTES], struct err *err)
{
    char transports[CARD_TEXT_BYTES / 2] = "";
    struct ucx_port port = {0};
    struct str rest, transport, device;
    char *text;
    int r = open_context(&port, err);

    if (r < 0)
        return r;
    text = printed(print_context, &port);
    rest = str_of(text ? text : "");
    while (next_resource(&rest, &transport, &device))
        join(transports, sizeof(transports), ", ", transport);
    free(text);
    (void)snprintf(out, CARD_TEXT_BYTES, "UCX %.64s (%s)", port.ucx->ucp_get_version_string(),
                   transports);
    ucx_port_close(&port);
    return 0;
}

bool ucx_takes_gpu(const struct ucx_port *port)
{
    ucp_context_attr_t attr = {.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES};

    return port->ucx->ucp_context_query(port->context, &attr) == UCS_OK &&
           (attr.memory_types >> UCS_MEMORY_TYPE_CUDA & 1);
}

static void on_error(void *data, ucp_ep_h ep, ucs_status_t status)
{
    struct ucx_port *port = data;

    if (port->ep == ep)
        port->peer = status;
}

/* Without error handling, as jobs connect: with it UCX takes a slower way for large messages where
 * a transport can't take memory back from a peer (TCP: 0.6 of the bandwidth). A peer that is gone
 * still ends its requests with an error, or falls silent, or UCX ends the process; each is told. */
int ucx_connect(struct ucx_port *port, const void *address, struct err *err)
{
    const ucp_ep_params_t params = {.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS |
                                                  UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                                                  UCP_EP_PARAM_FIELD_ERR_HANDLER,
                                    .address = address,
                                    .err_mode = UCP_ERR_HANDLING_MODE_NONE,
                                    .err_handler = {on_error, port}};
    ucs_status_t status;

    port->peer = UCS_OK;
    status = port->ucx->ucp_ep_create(port->worker, &params, &port->ep);
    if (status == UCS_OK)
        return 0;
    port->ep = NULL;
    return err_set(err, -EHOSTUNREACH, "UCX has no way to it%s%s: %s",
                   port->device[0] ? " from " : "", port->device,
                   port->ucx->ucs_status_string(status));
}

void ucx_disconnect(struct ucx_port *port, int64_t deadline_ms)
{
    const ucp_request_param_t param = {0};
    ucs_status_ptr_t p = port->ep ? port->ucx->ucp_ep_close_nbx(port->ep, &param) : NULL;

    port->ep = NULL;
    while (UCS_PTR_IS_PTR(p) && clock_now_ms() < deadline_ms &&
           port->ucx->ucp_request_check_status(p) == UCS_INPROGRESS)
        if (port->ucx->ucp_worker_progress(port->worker) == 0)
            (void)sched_yield();
    if (UCS_PTR_IS_PTR(p))
        port->ucx->ucp_request_free(p);
}

/* Lines "#   lane[0]:  1:tcp/lo.0 md[1]  -> md[1]/tcp/sysdev[255] am am_bw#0 wireup": transport and
 * device, without the number of a device's path; nothing when it carries no large messages, or
 * only copies between memories. */
static struct str lane_of(struct str line)
{
    static const struct str none = {"", 0};
    struct str lane;
    ptrdiff_t at = str_find(line, "]:");
    bool carries = str_find(line, " am_bw") >= 0 || str_find(line, " rma_bw") >= 0 ||
                   str_find(line, "lane[0]") >= 0;

    if (str_find(line, " lane[") < 0 || at < 0 || !carries)
        return none;
    line = str_trim(str_skip(line, (size_t)at + 2));
    if (!str_cut(&line, ':', &lane) || !str_word(&line, &lane))
        return none;
    for (size_t i = lane.len; i-- > 0 && lane.p[i] != '/';)
        if (lane.p[i] == '.') {
            lane.len = i;
            break;
        }
    return str_starts(lane, "cuda") || str_starts(lane, "gdr") ? none : lane;
}

bool ucx_via(const struct ucx_port *port, char out[MEASURE_TEXT_BYTES])
{
    char *text = port->ep ? printed(print_ep, port) : NULL;
    struct str rest = str_of(text ? text : ""), line;
    bool all_tcp = true;

    out[0] = '\0';
    while (str_line(&rest, &line)) {
        struct str lane = lane_of(line);

        join(out, MEASURE_TEXT_BYTES, "+", lane);
        all_tcp = all_tcp && (lane.len == 0 || str_starts(lane, "tcp"));
    }
    free(text);
    return all_tcp && out[0] != '\0';
}

static void end_one(struct ucx_stream *stream, void *request, ucs_status_t status)
{
    if (status != UCS_OK && stream->status == UCS_OK)
        stream->status = status;
    stream->done++;
    if (request)
        stream->port->ucx->ucp_request_free(request);
}

static void on_sent(void *request, ucs_status_t status, void *data)
{
    end_one(data, request, status);
}

static void on_received(void *request, ucs_status_t status, const ucp_tag_recv_info_t *info,
                        void *data)
{
    (void)info;
    end_one(data, request, status);
}

static ucs_status_ptr_t begin_one(struct ucx_stream *stream)
{
    const struct ucx_port *port = stream->port;
    ucp_request_param_t param = {.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK |
                                                 UCP_OP_ATTR_FIELD_USER_DATA |
                                                 UCP_OP_ATTR_FIELD_MEMORY_TYPE,
                                 .user_data = stream,
                                 .memory_type = stream->memory};

    if (stream->in) {
        param.cb.recv = on_received;
        return port->ucx->ucp_tag_recv_nbx(port->worker, stream->p, stream->bytes, stream->tag,
                                           UINT64_MAX, &param);
    }
    param.cb.send = on_sent;
    return port->ucx->ucp_tag_send_nbx(port->ep, stream->p, stream->bytes, stream->tag, &param);
}

void ucx_stream_fill(struct ucx_stream *stream)
{
    for (uint32_t n = 0; n < stream->window && stream->begun < stream->count &&
                         stream->begun - stream->done < stream->window && stream->status == UCS_OK;
         n++) {
        ucs_status_ptr_t p = begin_one(stream);

        stream->begun++;
        if (!UCS_PTR_IS_PTR(p))
            end_one(stream, NULL, UCS_PTR_RAW_STATUS(p));
    }
}
