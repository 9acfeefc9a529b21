#include "ranks/store_port.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG        8192       /* ten thousand ranks connect at once; the kernel cuts it */
#define ACCEPTS_A_TURN 256        /* then those that are connected have their turn */
#define NO_FILES_MS    100        /* pause when descriptors ran out, instead of spinning */
#define QUEUE_PAUSE    (1u << 20) /* a client with so much unread is not read from */
#define KNOW_A_TURN    16         /* looking up a connection's process reads much of /proc */
#define KNOW_TRIES     3
#define KNOW_AGAIN_MS  50

struct store_client {
    struct store_port *port;
    struct store_client *prev, *next;
    struct proxy_client *proxied;
    struct event read, write;
    int fd;
    int64_t local_rank; /* -1: not known */
    uint16_t peer_port; /* 0: a socket pair */
    uint8_t tries;      /* to find out whose it is */
    bool paused, dead;
    int64_t accepted_ms;
    struct buf out; /* what the socket did not take; `sent` of it went since */
    size_t sent;
};

struct store_port {
    struct event_base *base;
    struct store_port_watch watch;
    struct proxy_limits limits;
    struct proxy *proxy;
    struct event listener, pause, turn, know;
    int fd; /* -1: it does not listen */
    uint16_t number;
    struct store_client clients; /* the list's head */
    bool *connected;             /* by local rank */
    bool any_dead;
    char bytes[STORE_PORT_READ_MAX];
};

static struct timeval ms_to_timeval(int ms)
{
    return (struct timeval){ms / 1000, ms % 1000 * 1000};
}

/* Run `on_turn` once when the events at hand are served: batches go up, the dead are freed. */
static void turn_soon(struct store_port *port)
{
    if (!event_pending(&port->turn, EV_TIMEOUT, NULL))
        event_active(&port->turn, EV_TIMEOUT, 0);
}

/* Only marked here: the proxy may be in the middle of this client. */
static void client_dies(struct store_client *client)
{
    client->dead = client->port->any_dead = true;
    (void)event_del(&client->read);
    (void)event_del(&client->write);
    turn_soon(client->port);
}

static void client_free(struct store_client *client)
{
    (void)event_del(&client->read);
    (void)event_del(&client->write);
    client->prev->next = client->next;
    client->next->prev = client->prev;
    (void)close(client->fd);
    buf_done(&client->out);
    free(client);
}

static void on_turn(evutil_socket_t fd, short what, void *data)
{
    struct store_port *port = data;
    struct store_client *client, *next;

    (void)fd, (void)what;
    if (port->any_dead) {
        port->any_dead = false;
        for (client = port->clients.next; client != &port->clients; client = next) {
            next = client->next;
            if (!client->dead)
                continue;
            proxy_client_gone(port->proxy, client->proxied);
            client_free(client);
        }
    }
    proxy_flush(port->proxy);
}

/* Returns how many bytes went; -1: the connection is gone. */
static ssize_t send_some(struct store_client *client, struct str bytes)
{
    ssize_t put = send(client->fd, bytes.p, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (put < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        client_dies(client);
        return -1;
    }
    return put < 0 ? 0 : put;
}

static void on_writable(evutil_socket_t fd, short what, void *data)
{
    struct store_client *client = data;
    struct str rest = {client->out.p + client->sent, client->out.len - client->sent};
    ssize_t put = send_some(client, rest);

    (void)fd, (void)what;
    if (put < 0)
        return;
    client->sent += (size_t)put;
    rest.len -= (size_t)put;
    if (client->paused && rest.len < QUEUE_PAUSE) {
        client->paused = false;
        (void)event_add(&client->read, NULL);
    }
    if (rest.len > 0)
        return;
    buf_done(&client->out); /* a large answer's memory is not kept */
    client->sent = 0;
    (void)event_del(&client->write);
}

static void on_reply(void *data, void *client_data, struct str bytes)
{
    struct store_client *client = client_data;
    size_t waiting = client->out.len - client->sent;
    ssize_t put = 0;

    (void)data;
    if (client->dead)
        return;
    if (waiting == 0)
        put = send_some(client, bytes);
    if (put < 0 || (size_t)put == bytes.len)
        return;
    buf_add(&client->out, bytes.p + put, bytes.len - (size_t)put);
    if (client->out.failed || waiting + bytes.len > STORE_PORT_QUEUE_MAX) {
        client_dies(client);
        return;
    }
    (void)event_add(&client->write, NULL);
    if (!client->paused && waiting + bytes.len > QUEUE_PAUSE) {
        client->paused = true;
        (void)event_del(&client->read);
    }
}

static void on_hang_up(void *data, void *client_data, const char *why)
{
    (void)data, (void)why;
    client_dies(client_data);
}

static void on_aborted(void *data, void *client_data, int exit_code)
{
    struct store_port *port = data;
    const struct store_client *client = client_data;

    port->watch.aborted(port->watch.data, (uint32_t)client->local_rank, exit_code);
}

static void on_up(void *data, struct str bytes)
{
    struct store_port *port = data;

    port->watch.up(port->watch.data, bytes);
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
    struct store_client *client = data;
    struct store_port *port = client->port;
    ssize_t got = recv(fd, port->bytes, sizeof(port->bytes), MSG_DONTWAIT);

    (void)what;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (got <= 0) {
        client_dies(client);
        return;
    }
    if (client->local_rank >= 0)
        port->connected[client->local_rank] = true;
    proxy_set_now(port->proxy, clock_now_ms());
    proxy_take(port->proxy, client->proxied, (struct str){port->bytes, (size_t)got});
    turn_soon(port);
}

/* The descriptor is the client's from now on, also when there is none: then it is closed. */
static struct store_client *client_new(struct store_port *port, int fd)
{
    struct store_client *client = calloc(1, sizeof(*client));

    if (!client) {
        (void)close(fd);
        return NULL;
    }
    client->port = port;
    client->fd = fd;
    client->local_rank = -1;
    client->prev = port->clients.prev;
    client->next = &port->clients;
    client->prev->next = client->next->prev = client;
    (void)event_assign(&client->read, port->base, fd, EV_READ | EV_PERSIST, on_readable, client);
    (void)event_assign(&client->write, port->base, fd, EV_WRITE | EV_PERSIST, on_writable, client);
    return client;
}

static bool client_begin(struct store_client *client, struct proxy_client *proxied)
{
    client->proxied = proxied;
    if (proxied && event_add(&client->read, NULL) == 0)
        return true;
    if (proxied)
        proxy_client_gone(client->port->proxy, proxied);
    client_free(client);
    return false;
}

static void know_in(struct store_port *port, int ms)
{
    struct timeval in = ms_to_timeval(ms);

    if (!event_pending(&port->know, EV_TIMEOUT, NULL))
        (void)event_add(&port->know, &in);
}

/* Find out whose the connections are that have lasted a while. */
static void on_know(evutil_socket_t fd, short what, void *data)
{
    struct store_port *port = data;
    int64_t old_enough = clock_now_ms() - STORE_PORT_KNOW_MS;
    bool young = false;
    int left = KNOW_A_TURN;

    (void)fd, (void)what;
    for (struct store_client *client = port->clients.next; client != &port->clients && left > 0;
         client = client->next) {
        int64_t rank;

        if (client->dead || client->tries == KNOW_TRIES || client->local_rank >= 0)
            continue;
        if (client->accepted_ms > old_enough) {
            young = true;
            continue;
        }
        left--;
        client->tries++;
        rank = port->watch.rank_of(port->watch.data, client->peer_port);
        if (rank >= 0 && rank < port->limits.nproc) {
            proxy_client_set_rank(client->proxied, port->limits.first_rank + rank);
            client->local_rank = rank;
            port->connected[rank] = true;
        }
    }
    if (left < KNOW_A_TURN || young)
        know_in(port, left < KNOW_A_TURN ? KNOW_AGAIN_MS : STORE_PORT_KNOW_MS);
}

static bool accept_one(struct store_port *port)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    int fd = accept4(port->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct store_client *client;

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
        struct timeval pause = ms_to_timeval(NO_FILES_MS);

        (void)event_del(&port->listener);
        (void)event_add(&port->pause, &pause);
        return false;
    }
    if (fd < 0)
        return errno == ECONNABORTED || errno == EINTR;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    client = client_new(port, fd);
    if (!client)
        return true;
    client->peer_port = ntohs(peer.sin_port);
    client->accepted_ms = clock_now_ms();
    if (client_begin(client, proxy_client_new(port->proxy, client)))
        know_in(port, STORE_PORT_KNOW_MS);
    return true;
}

static void on_accept(evutil_socket_t fd, short what, void *data)
{
    (void)fd, (void)what;
    for (int i = 0; i < ACCEPTS_A_TURN && accept_one(data); i++)
        ;
}

static void on_pause_over(evutil_socket_t fd, short what, void *data)
{
    (void)fd, (void)what;
    (void)event_add(&((struct store_port *)data)->listener, NULL);
}

static int listen_on_loopback(struct store_port *port, struct err *err)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);

    port->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (port->fd < 0 || bind(port->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
        listen(port->fd, BACKLOG) < 0 || getsockname(port->fd, (struct sockaddr *)&addr, &len) < 0)
        return err_set(err, -errno, "no port for the store: %s", strerror(errno));
    port->number = ntohs(addr.sin_port);
    (void)event_assign(&port->listener, port->base, port->fd, EV_READ | EV_PERSIST, on_accept,
                       port);
    return event_add(&port->listener, NULL) < 0 ? err_set(err, -ENOMEM, "no memory for the store")
                                                : 0;
}

struct store_port *store_port_open(struct event_base *base, uint64_t incarnation,
                                   const struct proxy_limits *limits, bool listens,
                                   const struct store_port_watch *watch, struct err *err)
{
    struct store_port *port = calloc(1, sizeof(*port));

    if (!port) {
        (void)err_set(err, -ENOMEM, "no memory for the store");
        return NULL;
    }
    port->base = base;
    port->watch = *watch;
    port->limits = *limits;
    port->fd = -1;
    port->clients.prev = port->clients.next = &port->clients;
    port->connected = calloc(limits->nproc + 1, sizeof(*port->connected));
    port->proxy = proxy_new(incarnation, limits,
                            &(struct proxy_out){.data = port,
                                                .reply = on_reply,
                                                .hang_up = on_hang_up,
                                                .up = on_up,
                                                .aborted = on_aborted});
    (void)event_assign(&port->listener, base, -1, 0, on_accept, port);
    (void)event_assign(&port->pause, base, -1, 0, on_pause_over, port);
    (void)event_assign(&port->turn, base, -1, 0, on_turn, port);
    (void)event_assign(&port->know, base, -1, 0, on_know, port);
    if (!port->connected || !port->proxy)
        (void)err_set(err, -ENOMEM, "no memory for the store");
    else if (!listens || listen_on_loopback(port, err) == 0)
        return port;
    store_port_free(port);
    return NULL;
}

void store_port_free(struct store_port *port)
{
    if (!port)
        return;
    (void)event_del(&port->listener);
    (void)event_del(&port->pause);
    (void)event_del(&port->turn);
    (void)event_del(&port->know);
    if (port->fd >= 0)
        (void)close(port->fd);
    while (port->clients.next != &port->clients) {
        struct store_client *client = port->clients.next;

        proxy_client_gone(port->proxy, client->proxied);
        client_free(client);
    }
    proxy_free(port->proxy);
    free(port->connected);
    free(port);
}

uint16_t store_port_number(const struct store_port *port)
{
    return port->number;
}

int store_port_pmi(struct store_port *port, uint32_t local_rank, struct err *err)
{
    struct store_client *client;
    int fds[2];

    assert(local_rank < port->limits.nproc);
    /* The rank's end blocks: PMI-1 clients expect it. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return err_set(err, -errno, "no socket pair for PMI: %s", strerror(errno));
    client = client_new(port, fds[0]);
    if (client)
        client->local_rank = local_rank;
    if (!client || !client_begin(client, proxy_pmi_new(port->proxy, client,
                                                       port->limits.first_rank + local_rank))) {
        (void)close(fds[1]);
        return err_set(err, -ENOMEM, "no memory for PMI");
    }
    return fds[1];
}

int store_port_answer(struct store_port *port, struct str bytes, struct err *err)
{
    proxy_set_now(port->proxy, clock_now_ms());
    turn_soon(port);
    return proxy_answer(port->proxy, bytes, err);
}

void store_port_link_up(struct store_port *port)
{
    proxy_link_up(port->proxy);
}

bool store_port_connected(const struct store_port *port, uint32_t local_rank)
{
    return port->connected[local_rank];
}

void store_port_waits(const struct store_port *port, struct str *waits)
{
    memset(waits, 0, port->limits.nproc * sizeof(*waits));
    for (const struct store_client *client = port->clients.next; client != &port->clients;
         client = client->next) {
        struct str key;
        int64_t since_ms;

        if (!client->dead && client->local_rank >= 0 &&
            proxy_client_waits(client->proxied, &key, &since_ms))
            waits[client->local_rank] = key;
    }
}
