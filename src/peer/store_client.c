#include "peer/store_client.h"

#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAGIC        0x3C85F7CEu
#define CONNECT_S    10    /* one attempt */
#define RETRY_MS     100   /* between attempts */
#define ANSWER_MS    60000 /* of what needs no waiting */
#define SOME_TIME_MS 3600000

enum verb { VALIDATE = 0, SET = 1, GET = 3, WAIT = 6, DELETE_KEY = 8 };

static int broken(struct store_client *store, int r, struct err *err)
{
    return err_set(err, r, "store at %s: %s", store->where,
                   r == -EPIPE       ? "it has closed the connection"
                   : r == -ETIMEDOUT ? "no answer in time"
                                     : strerror(-r));
}

static int send_all(struct store_client *store, const void *bytes, size_t len, struct err *err)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = send(store->fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return broken(store, -errno, err);
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int receive_all(struct store_client *store, void *bytes, size_t len, int64_t deadline_ms,
                       struct err *err)
{
    char *at = bytes;

    while (len > 0) {
        struct pollfd poller = {store->fd, POLLIN, 0};
        int64_t left = deadline_ms - clock_now_ms();
        ssize_t n;

        if (left < 0)
            return broken(store, -ETIMEDOUT, err);
        if (poll(&poller, 1, left < SOME_TIME_MS ? (int)left : SOME_TIME_MS) == 0)
            continue;
        n = recv(store->fd, at, len, MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return broken(store, n < 0 ? -errno : -EPIPE, err);
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

/* A verb, for WAIT the number of keys, one key. */
static int send_request(struct store_client *store, enum verb verb, const char *key,
                        struct err *err)
{
    char bytes[1 + 8 + 8 + STORE_CLIENT_KEY_MAX];
    uint64_t len = strlen(key), count = 1;
    size_t n = 0;

    if (len > STORE_CLIENT_KEY_MAX)
        return err_set(err, -ENAMETOOLONG, "store at %s: a key of %llu bytes; %d are the limit",
                       store->where, (unsigned long long)len, STORE_CLIENT_KEY_MAX);
    bytes[n++] = (char)verb;
    if (verb == WAIT) {
        memcpy(bytes + n, &count, 8);
        n += 8;
    }
    memcpy(bytes + n, &len, 8);
    memcpy(bytes + n + 8, key, len);
    return send_all(store, bytes, n + 8 + len, err);
}

static int connect_one(const struct addrinfo *at)
{
    struct timeval timeout = {CONNECT_S, 0}, none = {0, 0};
    int one = 1, fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
        int r = -errno;

        (void)close(fd);
        return r;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
    return fd;
}

static int connect_any(const struct addrinfo *list)
{
    int fd = -ECONNREFUSED;

    for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next)
        fd = connect_one(at);
    return fd;
}

int store_client_open(struct store_client *store, const char *host, const char *port,
                      int64_t deadline_ms, struct err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    char hello[5] = {VALIDATE};
    uint32_t magic = MAGIC;
    int r;

    store->fd = -1;
    (void)snprintf(store->where, sizeof(store->where), "%s:%s", host, port);
    r = getaddrinfo(host, port, &hints, &list);
    if (r != 0)
        return err_set(err, -EHOSTUNREACH, "store at %s: %s", store->where, gai_strerror(r));
    while ((r = connect_any(list)) < 0 && clock_now_ms() + RETRY_MS < deadline_ms)
        (void)poll(NULL, 0, RETRY_MS);
    freeaddrinfo(list);
    if (r < 0)
        return broken(store, r, err);
    store->fd = r;
    memcpy(hello + 1, &magic, 4);
    return send_all(store, hello, sizeof(hello), err);
}

void store_client_close(struct store_client *store)
{
    if (store->fd >= 0)
        (void)close(store->fd);
    store->fd = -1;
}

int store_client_set(struct store_client *store, const char *key, const void *bytes, size_t len,
                     struct err *err)
{
    uint64_t size = len;
    int r = send_request(store, SET, key, err);

    if (r == 0)
        r = send_all(store, &size, 8, err);
    return r == 0 ? send_all(store, bytes, len, err) : r;
}

/* Wait for the key, ask for its value, and read how long that is. */
static int begin_get(struct store_client *store, const char *key, uint64_t *size,
                     int64_t deadline_ms, struct err *err)
{
    uint8_t go;
    int r = send_request(store, WAIT, key, err);

    if (r == 0)
        r = receive_all(store, &go, 1, deadline_ms, err);
    if (r == 0 && go != 0)
        return err_set(err, -EPROTO, "store at %s: answers %u to WAIT", store->where, go);
    if (r == 0)
        r = send_request(store, GET, key, err);
    return r == 0 ? receive_all(store, size, 8, deadline_ms, err) : r;
}

int store_client_get(struct store_client *store, const char *key, void *bytes, size_t len,
                     int64_t deadline_ms, struct err *err)
{
    uint64_t size;
    int r = begin_get(store, key, &size, deadline_ms, err);

    if (r == 0 && size != len)
        return err_set(err, -EPROTO, "store at %s: '%s' has %llu bytes, not %zu", store->where, key,
                       (unsigned long long)size, len);
    return r == 0 ? receive_all(store, bytes, len, deadline_ms, err) : r;
}

int store_client_get_any(struct store_client *store, const char *key, size_t max, void **bytes,
                         size_t *len, int64_t deadline_ms, struct err *err)
{
    uint64_t size;
    char *p;
    int r = begin_get(store, key, &size, deadline_ms, err);

    if (r == 0 && size > max)
        return err_set(err, -EPROTO, "store at %s: '%s' has %llu bytes; %zu are the limit",
                       store->where, key, (unsigned long long)size, max);
    if (r < 0)
        return r;
    p = malloc(size + 1);
    if (!p)
        return err_set(err, -ENOMEM, "no memory for '%s' from the store", key);
    r = receive_all(store, p, size, deadline_ms, err);
    if (r < 0) {
        free(p);
        return r;
    }
    *bytes = p;
    *len = size;
    return 0;
}

int store_client_delete(struct store_client *store, const char *key, struct err *err)
{
    int64_t deleted;
    int r = send_request(store, DELETE_KEY, key, err);

    return r == 0 ? receive_all(store, &deleted, 8, clock_now_ms() + ANSWER_MS, err) : r;
}
