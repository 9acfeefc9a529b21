#include "wire/socket.h"

#include "wire/holder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void set(int fd, int level, int option, int value)
{
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

void socket_tune(int fd)
{
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, SOCKET_SILENCE_MS);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, SOCKET_SILENCE_MS / 2000);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, SOCKET_SILENCE_MS / 4000);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

/* The address alone, into `out`. Returns its port, or a negative errno. */
static int address(const struct sockaddr *addr, char *out, size_t space)
{
    const struct sockaddr_in *four = (const void *)addr;
    const struct sockaddr_in6 *six = (const void *)addr;
    const void *at = &four->sin_addr;
    int family = AF_INET, port = ntohs(four->sin_port);

    if (addr->sa_family == AF_INET6) {
        bool mapped = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);

        at = six->sin6_addr.s6_addr + (mapped ? 12 : 0);
        family = mapped ? AF_INET : AF_INET6;
        port = ntohs(six->sin6_port);
    } else if (addr->sa_family != AF_INET) {
        return -EAFNOSUPPORT;
    }
    return inet_ntop(family, at, out, (socklen_t)space) ? port : -errno;
}

void socket_name(const struct sockaddr *addr, char out[SOCKET_NAME_MAX])
{
    char text[INET6_ADDRSTRLEN];
    int port = address(addr, text, sizeof(text));

    if (port < 0)
        (void)snprintf(out, SOCKET_NAME_MAX, "?");
    else
        (void)snprintf(out, SOCKET_NAME_MAX, strchr(text, ':') ? "[%s]:%d" : "%s:%d", text, port);
}

int socket_own_address(int fd, char *out, size_t space)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof(own);
    int r;

    if (getsockname(fd, (struct sockaddr *)&own, &len) < 0)
        return -errno;
    r = address((const struct sockaddr *)&own, out, space);
    return r < 0 ? r : 0;
}

/* The length of the sockaddr, or -EINVAL. */
static int parse_address(const char *addr, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in *four = (void *)out;
    struct sockaddr_in6 *six = (void *)out;

    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, addr, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        return sizeof(*four);
    }
    if (inet_pton(AF_INET6, addr, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        return sizeof(*six);
    }
    return -EINVAL;
}

static int say_why_not(const char *addr, uint16_t port, int code, struct err *err)
{
    char holder[HOLDER_MAX];

    if (code != -EADDRINUSE)
        return err_set(err, code, "cannot listen on %s, port %u: %s", addr, port, strerror(-code));
    if (holder_of_port("/proc", port, holder) == 0)
        return err_set(err, code, "port %u is taken: %s listens there", port, holder);
    return err_set(err, code, "port %u is taken, by a program that /proc does not show us", port);
}

int socket_listen(const char *addr, uint16_t *port, struct err *err)
{
    struct sockaddr_storage at;
    socklen_t got = sizeof(at);
    int len = parse_address(addr, *port, &at), fd, r = 0;

    if (len < 0)
        return err_set(err, len, "'%s' is no numeric address to listen on", addr);
    fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return say_why_not(addr, *port, -errno, err);
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1); /* a controller started again gets its port back */
    if (at.ss_family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (bind(fd, (const struct sockaddr *)&at, (socklen_t)len) < 0 ||
        listen(fd, SOCKET_BACKLOG) < 0 || getsockname(fd, (struct sockaddr *)&at, &got) < 0)
        r = -errno;
    if (r < 0) {
        (void)close(fd);
        return say_why_not(addr, *port, r, err);
    }
    *port = ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                           : ((struct sockaddr_in *)&at)->sin_port);
    return fd;
}
