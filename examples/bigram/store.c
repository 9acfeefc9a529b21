#include "store.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAGIC     0x3C85F7CEu
#define KEY_MAX   63
#define CONNECT_S 30

enum verb { VALIDATE = 0, SET = 1, GET = 3, WAIT = 6, DELETE_KEY = 8 };

static int fail(struct store *store, int r, struct err *err)
{
    return err_set(err, r, "store at %s: %s", store->where,
                   r == -EPIPE ? "it has closed the connection" : strerror(-r));
}

static int send_all(struct store *store, const void *bytes, size_t len, struct err *err)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = send(store->fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(store, -errno, err);
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int receive_all(struct store *store, void *bytes, size_t len, struct err *err)
{
    char *at = bytes;

    while (len > 0) {
        ssize_t n = recv(store->fd, at, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(store, n < 0 ? -errno : -EPIPE, err);
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

/* A verb, for WAIT the number of keys, one key. */
static int send_request(struct store *store, enum verb verb, const char *key, struct err *err)
{
    char bytes[1 + 8 + 8 + KEY_MAX];
    uint64_t len = strlen(key), count = 1;
    size_t n = 0;

    if (len > KEY_MAX)
        return fail(store, -ENAMETOOLONG, err);
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

int store_connect(struct store *store, const char *host, const char *port, struct err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    static char where[300];
    struct addrinfo *list;
    char hello[5] = {VALIDATE};
    uint32_t magic = MAGIC;
    int r;

    (void)snprintf(where, sizeof(where), "%s:%s", host, port);
    *store = (struct store){-ECONNREFUSED, where};
    r = getaddrinfo(host, port, &hints, &list);
    if (r != 0)
        return err_set(err, -EHOSTUNREACH, "store at %s: %s", where, gai_strerror(r));
    for (struct addrinfo *at = list; at && store->fd < 0; at = at->ai_next)
        store->fd = connect_one(at);
    freeaddrinfo(list);
    if (store->fd < 0)
        return fail(store, store->fd, err);
    memcpy(hello + 1, &magic, 4);
    return send_all(store, hello, sizeof(hello), err);
}

void store_close(struct store *store)
{
    if (store->fd >= 0)
        (void)close(store->fd);
    store->fd = -1;
}

int store_set(struct store *store, const char *key, const void *bytes, size_t len, struct err *err)
{
    uint64_t size = len;
    int r = send_request(store, SET, key, err);

    if (r == 0)
        r = send_all(store, &size, 8, err);
    return r == 0 ? send_all(store, bytes, len, err) : r;
}

int store_get(struct store *store, const char *key, void *bytes, size_t len, struct err *err)
{
    uint64_t size;
    uint8_t go;
    int r = send_request(store, WAIT, key, err);

    if (r == 0)
        r = receive_all(store, &go, 1, err);
    if (r == 0)
        r = send_request(store, GET, key, err);
    if (r == 0)
        r = receive_all(store, &size, 8, err);
    if (r == 0 && (go != 0 || size != len))
        return err_set(err, -EPROTO, "store at %s: '%s' has %llu bytes, not %zu", store->where, key,
                       (unsigned long long)size, len);
    return r == 0 ? receive_all(store, bytes, len, err) : r;
}

int store_delete(struct store *store, const char *key, struct err *err)
{
    int64_t deleted;
    int r = send_request(store, DELETE_KEY, key, err);

    return r == 0 ? receive_all(store, &deleted, 8, err) : r;
}
