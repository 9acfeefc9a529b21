#include "cli/run_client.h"

#include "base/base64.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_BYTES 65536

struct run_client {
    int fd;
    struct buf in; /* [taken..len) is not yet an answer */
    size_t taken;
};

/* A socket's name has 107 bytes at most; through an open folder any path is short enough. */
static int connect_in(int fd, const char *run_dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int dir = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC), r;

    if (dir < 0)
        return -errno;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/control.sock",
                   dir);
    r = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    (void)close(dir);
    return r;
}

int run_client_open(const char *run_dir, struct run_client **out, struct err *err)
{
    struct run_client *client = calloc(1, sizeof(*client));
    const char *id = strrchr(run_dir, '/') ? strrchr(run_dir, '/') + 1 : run_dir;
    int r;

    if (!client)
        return err_set(err, -ENOMEM, "no memory");
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    r = client->fd < 0 ? -errno : connect_in(client->fd, run_dir);
    if (r == 0) {
        *out = client;
        return 0;
    }
    run_client_close(client);
    if (r == -ENOENT || r == -ECONNREFUSED)
        return err_set(err, -ESRCH, "run %s has no controller now", id);
    return err_set(err, r, "the controller of run %s: %s", id, strerror(-r));
}

void run_client_close(struct run_client *client)
{
    if (!client)
        return;
    if (client->fd >= 0)
        (void)close(client->fd);
    buf_done(&client->in);
    free(client);
}

int run_client_fd(const struct run_client *client)
{
    return client->fd;
}

int run_client_ask(struct run_client *client, json_t *request, struct err *err)
{
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    struct buf line = {0};
    int r = 0;

    json_decref(request);
    if (text)
        buf_printf(&line, "%s\n", text);
    if (!text || line.failed)
        r = err_set(err, -ENOMEM, "no memory for a request to the controller");
    free(text);
    for (size_t done = 0; r == 0 && done < line.len;) {
        ssize_t sent = send(client->fd, line.p + done, line.len - done, MSG_NOSIGNAL);

        if (sent >= 0)
            done += (size_t)sent;
        else if (errno != EINTR)
            r = err_set(err, -errno, "the controller: %s", strerror(errno));
    }
    buf_done(&line);
    return r;
}

/* More bytes: 1, the end: 0, or an error. */
static int fill(struct run_client *client, int timeout_ms, struct err *err)
{
    int64_t until = timeout_ms < 0 ? 0 : clock_now_ms() + timeout_ms;
    struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
    char bytes[READ_BYTES];
    ssize_t got;
    int r;

    do {
        int64_t left = timeout_ms < 0 ? -1 : until - clock_now_ms();

        r = poll(&poll_fd, 1, left < 0 && timeout_ms >= 0 ? 0 : (int)left);
    } while (r < 0 && errno == EINTR);
    if (r < 0)
        return err_set(err, -errno, "the controller: %s", strerror(errno));
    if (r == 0)
        return err_set(err, -ETIMEDOUT, "the controller does not answer");
    do
        got = recv(client->fd, bytes, sizeof(bytes), 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == ECONNRESET ? 0
                                   : err_set(err, -errno, "the controller: %s", strerror(errno));
    if (client->taken) {
        memmove(client->in.p, client->in.p + client->taken, client->in.len - client->taken);
        client->in.len -= client->taken;
        client->taken = 0;
    }
    buf_add(&client->in, bytes, (size_t)got);
    if (client->in.failed)
        return err_set(err, -ENOMEM, "no memory for the controller's answer");
    return got > 0;
}

static int parse(const char *text, size_t len, json_t **answer, struct err *err)
{
    json_error_t error;
    json_t *value = json_loadb(text, len, 0, &error);
    const char *complaint = json_string_value(json_object_get(value, "error"));
    int r = 1;

    if (!json_is_object(value))
        r = err_set(err, -EPROTO, "the controller's answer is not a JSON object: %s",
                    value ? "another value" : error.text);
    else if (complaint)
        r = err_set(err, -EREMOTEIO, "%s", complaint);
    if (r == 1)
        *answer = value;
    else
        json_decref(value);
    return r;
}

int run_client_next(struct run_client *client, int timeout_ms, json_t **answer, struct err *err)
{
    for (;;) {
        size_t len = client->in.len - client->taken;
        const char *text = client->in.p ? client->in.p + client->taken : "";
        const char *end = memchr(text, '\n', len);
        int r;

        if (end) {
            client->taken += (size_t)(end - text) + 1;
            return parse(text, (size_t)(end - text), answer, err);
        }
        if (len > RUN_CLIENT_LINE_MAX)
            return err_set(err, -EPROTO, "the controller's answer has no end");
        r = fill(client, timeout_ms, err);
        if (r <= 0)
            return r;
    }
}

int run_client_call(struct run_client *client, json_t *request, json_t **answer, struct err *err)
{
    int r = run_client_ask(client, request, err);

    if (r == 0)
        r = run_client_next(client, RUN_CLIENT_MS, answer, err);
    if (r == 0)
        r = err_set(err, -ESRCH, "the controller has ended");
    return r < 0 ? r : 0;
}

int run_client_log(struct run_client *client, struct arena *arena, const struct msg_log_read *ask,
                   struct msg_log_data *part, struct err *err)
{
    json_t *answer;
    json_int_t at = 0, all = 0;
    const char *text = "";
    struct buf out = {0};
    int r = run_client_call(client,
                            json_pack("{s:s, s:I, s:I, s:I, s:I}", "do", "log", "rank",
                                      (json_int_t)ask->rank, "attempt", (json_int_t)ask->attempt,
                                      "offset", (json_int_t)ask->offset, "bytes",
                                      (json_int_t)ask->bytes_max),
                            &answer, err);

    if (r < 0)
        return r;
    if (json_unpack(answer, "{s:I, s:I, s:s}", "offset", &at, "log_size", &all, "base64", &text) <
        0)
        r = err_set(err, -EPROTO, "the controller's answer is no part of a log");
    if (r == 0)
        r = base64_decode(&out, str_of(text));
    if (r == 0) {
        part->offset = at;
        part->log_size = all;
        part->bytes = (struct str){arena_copy(arena, out.p ? out.p : "", out.len), out.len};
        if (!part->bytes.p)
            r = err_set(err, -ENOMEM, "no memory for a log of %zu bytes", out.len);
    }
    buf_done(&out);
    json_decref(answer);
    return r;
}
