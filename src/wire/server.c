#include "wire/link_inside.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 256
#define STRANGER_MS    1000 /* so long a silent one has its place, also when others wait for it */
#define NO_SPACE_MS    100  /* out of descriptors or memory: look again after that */

/* One ephemeral key answers the hellos of a burst (12,500 agents come at once, and making a key is
 * a third of a handshake's price), so many and so long. Each session has keys of its own all the
 * same, for both hellos have fresh nonces that go into them; what is shared is only when the secret
 * is wiped, and that is when nobody waits any more, or at a tick: LINK_HELLO_MS at the latest. */
#define EPHEMERAL_HELLOS 1024
#define EPHEMERAL_MS     1000

static void ephemeral_wipe(struct link_server *server)
{
    sodium_memzero(&server->ephemeral, sizeof(server->ephemeral));
    server->ephemeral_left = 0;
}

static const struct ephemeral *ephemeral_of_now(struct link_server *server)
{
    int64_t now = link_now_ms();

    if (!server->ephemeral_left || now - server->ephemeral_ms >= EPHEMERAL_MS) {
        ephemeral_new(&server->ephemeral);
        server->ephemeral_left = EPHEMERAL_HELLOS;
        server->ephemeral_ms = now;
    }
    server->ephemeral_left--;
    return &server->ephemeral;
}

static void set_tick(struct link_server *server, int64_t ms)
{
    struct timeval t = {0};

    if (ms > 0)
        t = (struct timeval){ms / 1000, ms % 1000 * 1000};
    (void)event_add(&server->tick, &t);
}

static void pause_accept(struct link_server *server, int64_t ms)
{
    server->paused = true;
    (void)event_del(&server->accept);
    set_tick(server, ms);
}

static void resume_accept(struct link_server *server)
{
    if (server->paused && event_add(&server->accept, NULL) == 0)
        server->paused = false;
}

static struct link_list *list_of(struct link *link)
{
    return link->state == LINK_ANSWERED ? &link->server->answered : &link->server->silent;
}

/* It is up or gone: its place is free. */
static void remove_stranger(struct link *link)
{
    struct link_server *server = link->server;

    TAILQ_REMOVE(list_of(link), link, next);
    link->server = NULL;
    if (--server->stranger_count == 0)
        ephemeral_wipe(server);
    resume_accept(server);
}

static void turn_away(struct link *link, const char *why)
{
    struct link_server *server = link->server;

    server->turned_away++;
    (void)snprintf(server->complaint, sizeof(server->complaint), "%s: %s", link->peer, why);
    remove_stranger(link);
    link_free(link);
}

static bool send_reply(struct link *link)
{
    return send(link->fd, link->meeting->server.bytes, HELLO_BYTES, MSG_NOSIGNAL) == HELLO_BYTES;
}

/* A whole hello is here. A peer of another version that has the key is told ours, then closed. */
static void answer(struct link *link)
{
    struct link_server *server = link->server;
    struct meeting *meeting = link->meeting;
    uint32_t version = hello_version(&meeting->client);
    const struct ephemeral *ephemeral;
    char why[64];

    if (!hello_check(&meeting->client, server->key, NULL)) {
        turn_away(link, "does not have this run's key");
        return;
    }
    ephemeral = ephemeral_of_now(server);
    hello_make(&meeting->server, server->version, server->key, ephemeral, &meeting->client);
    if (!session_keys(true, server->key, ephemeral, &meeting->client, &meeting->server, &link->send,
                      &link->receive) ||
        !send_reply(link)) {
        turn_away(link, "left in the middle of the handshake");
    } else if (version != server->version) {
        (void)snprintf(why, sizeof(why), "speaks protocol %u, this is %u", (unsigned)version,
                       (unsigned)server->version);
        turn_away(link, why);
    } else {
        TAILQ_REMOVE(&server->silent, link, next);
        TAILQ_INSERT_TAIL(&server->answered, link, next);
        link->state = LINK_ANSWERED;
        meeting->got = 0;
    }
}

static void welcome(struct link *link)
{
    struct link_server *server = link->server;

    if (!cipher_open(&link->receive, link->meeting->confirm)) {
        turn_away(link, "sent a hello that was recorded, or a broken frame");
        return;
    }
    remove_stranger(link);
    link_is_up(link);
    link->data = server->accepted(server->data, link);
}

void server_meet(struct link *link)
{
    struct meeting *meeting = link->meeting;
    bool first = link->state == LINK_STRANGER;
    unsigned char *bytes = first ? meeting->client.bytes : meeting->confirm;
    size_t space = first ? HELLO_BYTES : LINK_CONFIRM_BYTES;
    int r = link_read_fixed(link, bytes, space);

    if (r < 0)
        turn_away(link, "left in the middle of the handshake");
    else if (first && !hello_may_begin(&meeting->client, meeting->got))
        turn_away(link, "is another program");
    else if (r > 0 && first)
        answer(link);
    else if (r > 0 && cipher_frame_len(bytes) != CIPHER_SEAL_BYTES)
        turn_away(link, "does not begin with an empty frame");
    else if (r > 0)
        welcome(link);
}

/* When all places are taken the oldest goes that has said no hello, but none before it had its
 * second: so a flood of strangers slows honest peers down and does not keep them out. */
static bool make_room(struct link_server *server)
{
    struct link *oldest = TAILQ_FIRST(&server->silent);
    int64_t left;

    if (server->stranger_count < server->strangers_max)
        return true;
    left = oldest ? oldest->since_ms + STRANGER_MS - link_now_ms() : STRANGER_MS;
    if (left > 0) {
        pause_accept(server, left);
        return false;
    }
    turn_away(oldest, "was silent while others waited for its place");
    return true;
}

/* Thousands of agents come at once; but where descriptors are few, strangers have a quarter. */
static size_t places(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / 4 > LINK_STRANGERS_MAX)
        return LINK_STRANGERS_MAX;
    return limit.rlim_cur < 4 ? 1 : limit.rlim_cur / 4;
}

static void add_stranger(struct link_server *server, int fd, const struct sockaddr *addr)
{
    struct link *link =
        link_new(server->base, fd, addr, LINK_STRANGER, server->key, &server->watch, NULL);

    if (!link)
        return;
    link->server = server;
    link->since_ms = link_now_ms();
    TAILQ_INSERT_TAIL(&server->silent, link, next);
    if (server->stranger_count++ == 0)
        set_tick(server, server->hello_ms);
    if (event_add(&link->read, NULL) < 0)
        turn_away(link, "no memory to listen to it");
}

static void on_accept(evutil_socket_t listener, short what, void *data)
{
    struct link_server *server = data;

    (void)what;
    for (int i = 0; i < ACCEPTS_A_TURN && make_room(server); i++) {
        struct sockaddr_storage addr = {0};
        socklen_t len = sizeof(addr);
        int fd = accept4(listener, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            add_stranger(server, fd, (const struct sockaddr *)&addr);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            (void)snprintf(server->complaint, sizeof(server->complaint), "cannot accept: %s",
                           strerror(errno));
            pause_accept(server, NO_SPACE_MS);
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* others are the end of one connection, not ours */
    }
}

/* Turn away whom nobody has heard in time; when the next one's time is over. */
static int64_t end_silence(struct link_server *server, struct link_list *list, int64_t now)
{
    struct link *oldest;

    while ((oldest = TAILQ_FIRST(list)) && now - oldest->since_ms >= server->hello_ms)
        turn_away(oldest, "said nothing that counts in time");
    return oldest ? oldest->since_ms + server->hello_ms : INT64_MAX;
}

static void on_tick(evutil_socket_t fd, short what, void *data)
{
    struct link_server *server = data;
    int64_t now = link_now_ms();
    int64_t silent = end_silence(server, &server->silent, now);
    int64_t answered = end_silence(server, &server->answered, now);

    (void)fd;
    (void)what;
    if (now - server->ephemeral_ms >= EPHEMERAL_MS)
        ephemeral_wipe(server);
    if (server->stranger_count)
        set_tick(server, (silent < answered ? silent : answered) - now);
    resume_accept(server);
}

struct link_server *link_listen(struct event_base *base, const char *addr, uint16_t port,
                                const unsigned char key[LINK_KEY_BYTES],
                                const struct link_watch *watch,
                                void *(*accepted)(void *server_data, struct link *link),
                                void *server_data, struct err *err)
{
    struct link_server *server = calloc(1, sizeof(*server));

    if (!server || sodium_init() < 0) {
        (void)err_set(err, -ENOMEM, "no memory or no random numbers to listen with");
        free(server);
        return NULL;
    }
    server->fd = socket_listen(addr, &port, err);
    if (server->fd < 0) {
        free(server);
        return NULL;
    }
    server->base = base;
    server->port = port;
    server->version = WIRE_VERSION;
    server->hello_ms = LINK_HELLO_MS;
    server->watch = *watch;
    server->accepted = accepted;
    server->data = server_data;
    memcpy(server->key, key, LINK_KEY_BYTES);
    server->strangers_max = places();
    TAILQ_INIT(&server->silent);
    TAILQ_INIT(&server->answered);
    (void)event_assign(&server->accept, base, server->fd, EV_READ | EV_PERSIST, on_accept, server);
    (void)event_assign(&server->tick, base, -1, 0, on_tick, server);
    if (event_add(&server->accept, NULL) < 0) {
        (void)err_set(err, -ENOMEM, "no memory to listen");
        link_server_free(server);
        return NULL;
    }
    return server;
}

uint16_t link_server_port(const struct link_server *server)
{
    return server->port;
}

uint64_t link_server_strangers(const struct link_server *server)
{
    return server->turned_away;
}

const char *link_server_complaint(const struct link_server *server)
{
    return server->complaint;
}

static void free_all(struct link_list *list)
{
    struct link *link;

    while ((link = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, link, next);
        link_free(link);
    }
}

void link_server_free(struct link_server *server)
{
    if (!server)
        return;
    free_all(&server->silent);
    free_all(&server->answered);
    (void)event_del(&server->accept);
    (void)event_del(&server->tick);
    (void)close(server->fd);
    sodium_memzero(server, sizeof(*server));
    free(server);
}
