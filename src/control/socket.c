#include "control/socket.h"

#include "base/base64.h"
#include "base/vec.h"
#include "control/driver.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME             "control.sock"
#define LOG_BYTES_MAX    (1u << 20)
#define OUTPUT_BYTES_MAX (8u << 20) /* a follower that does not read is cut off */

struct client {
    struct control_socket *socket;
    struct bufferevent *stream;
    bool follows;
    unsigned logs; /* answers it waits for */
};

struct control_socket {
    struct driver *driver;
    struct evconnlistener *listener;
    VEC(struct client *) clients;
    char path[PATH_MAX];
};

static void answer(struct client *client, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

    if (text) {
        (void)bufferevent_write(client->stream, text, strlen(text));
        (void)bufferevent_write(client->stream, "\n", 1);
    }
    free(text);
    json_decref(value);
}

static void complain(struct client *client, const char *sentence)
{
    answer(client, json_pack("{s:s}", "error", sentence));
}

static void drop(struct client *client)
{
    struct control_socket *socket = client->socket;

    for (size_t i = 0; i < socket->clients.count; i++)
        if (socket->clients.items[i] == client)
            socket->clients.items[i] = socket->clients.items[--socket->clients.count];
    bufferevent_free(client->stream);
    client->stream = NULL;
    if (!client->logs)
        free(client);
}

static json_t *number_or_null(int64_t value)
{
    return value < 0 ? json_null() : json_integer(value);
}

static json_t *view_json(const struct control_view *view)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:s, s:s, "
                     "s:s, s:o, s:o}",
                     "state", run_state_name(view->state), "attempt", (int)view->attempt,
                     "attempts_without_progress", (int)view->attempts_without_progress, "nodes_up",
                     (int)view->nodes_up, "nodes_wanted", (int)view->nodes_wanted, "spares_up",
                     (int)view->spares_up, "ranks_running", (int)view->ranks_running, "world",
                     (int)view->world, "step", number_or_null(view->step), "total",
                     number_or_null(view->total), "tokens_per_s",
                     number_or_null(view->tokens_per_s), "eta_s", number_or_null(view->eta_s),
                     "loss", isfinite(view->loss) ? json_real(view->loss) : json_null(), "phase",
                     view->phase ? view->phase : "", "waiting", view->waiting ? view->waiting : "",
                     "headline", view->headline ? view->headline : "", "exit_code",
                     number_or_null(view->exit_code), "ends_in_s", number_or_null(view->ends_in_s));
}

static void say_view(struct client *client)
{
    struct control_view view;

    driver_view(client->socket->driver, &view);
    answer(client, view_json(&view));
}

static void on_log(void *data, const struct msg_log_data *log)
{
    struct client *client = data;
    struct buf text = {0};

    client->logs--;
    if (!client->stream) { /* it went away meanwhile */
        if (!client->logs)
            free(client);
        return;
    }
    if (log->complaint.len) {
        answer(client, json_pack("{s:s%}", "error", log->complaint.p, log->complaint.len));
        return;
    }
    base64_encode(&text, log->bytes.p, log->bytes.len);
    answer(client, json_pack("{s:I, s:I, s:s%}", "offset", (json_int_t)log->offset, "log_size",
                             (json_int_t)log->log_size, "base64", text.p ? text.p : "", text.len));
    buf_done(&text);
}

static void do_view(struct client *client, const json_t *request)
{
    client->follows = json_is_true(json_object_get(request, "follow"));
    say_view(client);
}

static void wish(struct client *client, enum control_wish what, const json_t *request)
{
    const char *why = json_string_value(json_object_get(request, "why"));

    driver_wish(client->socket->driver, what, why ? why : "asked by the user");
    answer(client, json_pack("{s:b}", "ok", 1));
}

static void do_stop(struct client *client, const json_t *request)
{
    wish(client, WISH_STOP, request);
}

static void do_kill(struct client *client, const json_t *request)
{
    wish(client, WISH_KILL, request);
}

static void do_save(struct client *client, const json_t *request)
{
    wish(client, WISH_SAVE, request);
}

static void do_log(struct client *client, const json_t *request)
{
    struct control *control = driver_control(client->socket->driver);
    json_int_t rank = -1, attempt = 0, offset = 0, bytes = 65536, node = -1;
    struct msg_log_read ask;

    (void)json_unpack((json_t *)request, "{s?I, s?I, s?I, s?I, s?I}", "rank", &rank, "attempt",
                      &attempt, "offset", &offset, "bytes", &bytes, "node", &node);
    if (rank < 0 || bytes < 1 || bytes > LOG_BYTES_MAX) {
        complain(client, "log takes rank, and bytes from 1 to 1048576");
        return;
    }
    if (node < 0)
        node = control_node_of_rank(control, (uint32_t)rank);
    if (node < 0 || node >= driver_saved(client->socket->driver)->node_count) {
        complain(client, "there is no such rank in this attempt");
        return;
    }
    ask = (struct msg_log_read){.attempt = (uint32_t)attempt,
                                .rank = (uint32_t)rank,
                                .offset = offset,
                                .bytes_max = (uint32_t)bytes};
    client->logs++;
    driver_log_read(client->socket->driver, &ask, (uint32_t)node, on_log, client);
}

static const struct {
    const char *name;
    void (*act)(struct client *client, const json_t *request);
} verbs[] = {
    {"view", do_view}, {"stop", do_stop}, {"kill", do_kill}, {"save", do_save}, {"log", do_log},
};

static void take_line(struct client *client, const char *line, size_t len)
{
    json_error_t error;
    json_t *request = json_loadb(line, len, 0, &error);
    const char *name = json_string_value(json_object_get(request, "do"));
    size_t i = 0;

    while (name && i < ARRAY_LEN(verbs) && strcmp(name, verbs[i].name) != 0)
        i++;
    if (!name)
        complain(client, "a request is an object like {\"do\":\"view\"}");
    else if (i == ARRAY_LEN(verbs))
        complain(client, "do is one of view, stop, kill, save, log");
    else
        verbs[i].act(client, request);
    json_decref(request);
}

static void on_read(struct bufferevent *stream, void *data)
{
    struct client *client = data;
    struct evbuffer *input = bufferevent_get_input(stream);
    size_t len;
    char *line;

    while ((line = evbuffer_readln(input, &len, EVBUFFER_EOL_LF))) {
        take_line(client, line, len);
        free(line);
    }
    if (evbuffer_get_length(input) > CONTROL_SOCKET_LINE_MAX) {
        complain(client, "a request has at most 4096 bytes");
        drop(client);
    }
}

static void on_event(struct bufferevent *stream, short what, void *data)
{
    (void)stream;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        drop(data);
}

static void on_connect(struct evconnlistener *listener, evutil_socket_t fd,
                       struct sockaddr *address, int len, void *data)
{
    struct control_socket *socket = data;
    struct client *client = NULL, **row = NULL;

    (void)address;
    (void)len;
    if (socket->clients.count < CONTROL_SOCKET_CLIENTS_MAX)
        client = calloc(1, sizeof(*client));
    if (client)
        client->stream =
            bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    if (client && client->stream)
        row = vec_push(&socket->clients);
    if (!row) {
        if (client && client->stream)
            bufferevent_free(client->stream);
        else
            (void)close(fd);
        free(client);
        return;
    }
    *row = client;
    client->socket = socket;
    bufferevent_setcb(client->stream, on_read, NULL, on_event, client);
    (void)bufferevent_enable(client->stream, EV_READ | EV_WRITE);
}

/* A socket's name has 107 bytes at most; through an open folder any path is short enough. */
static struct evconnlistener *listen_in(struct control_socket *socket, const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), why;
    struct evconnlistener *listener;

    if (fd < 0)
        return NULL;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", fd, NAME);
    listener = evconnlistener_new_bind(driver_base(socket->driver), on_connect, socket,
                                       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16,
                                       (struct sockaddr *)&address, sizeof(address));
    why = errno;
    (void)close(fd);
    errno = why;
    return listener;
}

struct control_socket *control_socket_new(struct driver *driver, struct err *err)
{
    struct control_socket *socket = calloc(1, sizeof(*socket));
    const char *dir = driver_run_dir(driver);

    if (!socket) {
        (void)err_set(err, -ENOMEM, "no memory for the control socket");
        return NULL;
    }
    socket->driver = driver;
    (void)snprintf(socket->path, sizeof(socket->path), "%s/%s", dir, NAME);
    (void)unlink(socket->path); /* a dead controller's: we hold the run's lock */
    socket->listener = listen_in(socket, dir);
    if (!socket->listener) {
        (void)err_set(err, -errno, "%s: %s", socket->path, strerror(errno));
        free(socket);
        return NULL;
    }
    (void)chmod(socket->path, 0600);
    return socket;
}

void control_socket_view(struct control_socket *socket, const struct control_view *view)
{
    for (size_t i = socket->clients.count; i-- > 0;) {
        struct client *client = socket->clients.items[i];

        if (!client->follows)
            continue;
        if (evbuffer_get_length(bufferevent_get_output(client->stream)) > OUTPUT_BYTES_MAX)
            drop(client);
        else
            answer(client, view_json(view));
    }
}

void control_socket_free(struct control_socket *socket)
{
    if (!socket)
        return;
    while (socket->clients.count)
        drop(socket->clients.items[0]);
    vec_done(&socket->clients);
    evconnlistener_free(socket->listener);
    (void)unlink(socket->path);
    free(socket);
}
