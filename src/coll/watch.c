#include "coll/watch.h"

#include "base/clock.h"
#include "coll/hub_thread.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECT_S    30
#define SEND_S       30
#define SOME_TIME_MS 3600000
#define WHOLE_MS     1000 /* for the rest of a message of which something is there */

static int say_hello(struct watch *watch, size_t size, uint64_t token)
{
    const struct hub_hello hello = {token, (uint32_t)watch->rank, (uint32_t)size};

    return watch_send(watch, HUB_HELLO, &hello, sizeof(hello));
}

static int connect_to(int fd, const struct sockaddr *at, socklen_t len)
{
    struct timeval timeout = {CONNECT_S, 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, at, len) == 0)
        return 0;
    return errno == EINPROGRESS ? -ETIMEDOUT : -errno;
}

int watch_connect(struct watch *watch, size_t rank, size_t size, uint64_t token,
                  const struct sockaddr *at, socklen_t len, struct err *err)
{
    char host[64] = "?", port[16] = "?";
    int r, fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *watch = (struct watch){.fd = fd, .rank = rank};
    if (fd < 0)
        return err_set(err, -errno, "a socket to rank 0: %s", strerror(errno));
    r = connect_to(fd, at, len);
    hub_set_silence(fd);
    if (r == 0)
        r = say_hello(watch, size, token);
    if (r == 0)
        return 0;
    watch_close(watch);
    (void)getnameinfo(at, len, host, sizeof(host), port, sizeof(port),
                      NI_NUMERICHOST | NI_NUMERICSERV);
    return err_set(err, -ECONNRESET, "rank 0 has died or can't be reached at %s, port %s: %s", host,
                   port, strerror(-r));
}

int watch_start_hub(struct watch *watch, size_t size, uint64_t token, int64_t meet_ms, int family,
                    uint16_t *port, struct err *err)
{
    int r;

    *watch = (struct watch){.fd = -1};
    r = hub_thread_start(&watch->hub, size, token, meet_ms, family, port, &watch->fd, err);
    if (r < 0)
        return r;
    r = say_hello(watch, size, token);
    return r == 0 ? 0 : err_set(err, r, "rank 0 to itself: %s", strerror(-r));
}

static int send_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int watch_send(struct watch *watch, enum hub_kind kind, const void *bytes, size_t len)
{
    const struct hub_head head = {kind, (uint32_t)len};
    int r = send_all(watch->fd, &head, sizeof(head));

    return r == 0 ? send_all(watch->fd, bytes, len) : r;
}

/* Rank 0 is gone with its hub. When somebody has left before, it may have ended as it should. */
static int hub_is_gone(struct watch *watch, ssize_t n)
{
    bool closed = n == 0 || errno == ECONNRESET || errno == EPIPE;

    if (watch->fall.why == FALL_NONE || (watch->fall.why == FALL_LEFT && !closed))
        watch->fall = (struct fall){.rank = 0, .why = closed ? FALL_DIED : FALL_GONE};
    (void)close(watch->fd);
    watch->fd = -1;
    return -ECONNRESET;
}

static int receive(struct watch *watch, void *bytes, size_t len, int64_t deadline_ms)
{
    char *at = bytes;

    if (watch->fd < 0)
        return -ECONNRESET;
    while (len > 0) {
        struct pollfd poller = {watch->fd, POLLIN, 0};
        int64_t left = deadline_ms - clock_now_ms();
        ssize_t n;

        if (left < 0)
            return -ETIMEDOUT;
        if (poll(&poller, 1, left < SOME_TIME_MS ? (int)left : SOME_TIME_MS) == 0)
            continue;
        n = recv(watch->fd, at, len, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return hub_is_gone(watch, n);
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The hub is ours; still, nothing of what it sends is longer than a list. */
static int receive_body(struct watch *watch, struct hub_head head, char **body, int64_t deadline_ms)
{
    int r;

    if (head.bytes > HUB_LIST_MAX ||
        (head.kind == HUB_VERDICT && head.bytes != sizeof(struct fall))) {
        watch->fall = (struct fall){.rank = 0, .why = FALL_FAILED};
        return -ECONNRESET;
    }
    *body = malloc(head.bytes + (size_t)1);
    if (!*body)
        return -ENOMEM;
    r = receive(watch, *body, head.bytes, deadline_ms);
    if (r < 0)
        free(*body);
    return r;
}

int watch_read(struct watch *watch, void **bytes, size_t *len, int64_t deadline_ms)
{
    struct hub_head head;
    char *body = NULL;
    int r = receive(watch, &head, sizeof(head), deadline_ms);

    if (r == 0)
        r = receive_body(watch, head, &body, deadline_ms + WHOLE_MS);
    if (r < 0)
        return r;
    if (head.kind == HUB_VERDICT) {
        memcpy(&watch->fall, body, sizeof(watch->fall));
        watch->verdicts++;
        free(body);
        return -ECONNRESET;
    }
    *bytes = body;
    *len = head.bytes;
    return (int)head.kind;
}

bool watch_look(struct watch *watch)
{
    struct pollfd poller = {watch->fd, POLLIN, 0};
    void *bytes;
    size_t len;

    /* After the meeting the hub sends nothing but verdicts. */
    if (watch->fd >= 0 && poll(&poller, 1, 0) > 0 &&
        watch_read(watch, &bytes, &len, clock_now_ms() + WHOLE_MS) >= 0)
        free(bytes);
    return watch->fall.why != FALL_NONE;
}

void watch_blame(struct watch *watch, size_t rank, enum fall_why why, int64_t wait_ms)
{
    const struct fall fall = {.rank = (uint32_t)rank, .why = why};
    int64_t deadline_ms = clock_now_ms() + wait_ms;
    unsigned before = watch->verdicts;
    void *bytes;
    size_t len;

    if (watch->fd < 0 || watch_send(watch, HUB_BLAME, &fall, sizeof(fall)) < 0)
        return;
    while (wait_ms > 0 && watch->verdicts == before) {
        int r = watch_read(watch, &bytes, &len, deadline_ms);

        if (r < 0)
            return;
        free(bytes);
    }
}

void watch_close(struct watch *watch)
{
    (void)watch_look(watch); /* closing with unread bytes would throw away what we send, too */
    if (watch->fd >= 0) {
        (void)watch_send(watch, HUB_LEAVE, NULL, 0);
        (void)close(watch->fd);
    }
    watch->fd = -1;
    hub_thread_join(watch->hub);
    watch->hub = NULL;
}
