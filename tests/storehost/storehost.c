/* storehost - the rendezvous store on sockets: see README.md. */
#include "base/rng.h"
#include "rendezvous/kv.h"
#include "rendezvous/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct peer {
    int fd;
    bool listens, ends;          /* a listening socket; our stdin */
    struct node *node;           /* of a client or listener */
    struct proxy_client *client; /* else NULL */
    struct buf out;              /* that the socket did not take */
    size_t out_at;
    bool closing;
    struct peer *next, *prev; /* in `peers` or, closing, `next` in `dead` */
};

/* Bytes on their way between a proxy and the store. */
struct letter {
    struct letter *next;
    uint32_t node;
    size_t len;
    char bytes[];
};

struct post {
    struct letter *first, **end;
};

struct node {
    uint32_t index;
    struct proxy *proxy;
    bool dirty; /* in `dirty` */
};

static struct {
    uint32_t node_count, nproc;
    struct node *nodes;
    struct kv *kv;
    struct post up, down;
    struct buf journal;
    struct rng rng;
    bool chaos;
    int epoll;
    uint32_t *dirty, dirty_count;
    struct peer *peers, *dead;
    unsigned children;
    int exit_code;
} host;

static void die(const char *what)
{
    (void)fprintf(stderr, "storehost: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void die_of(const struct err *err)
{
    (void)fprintf(stderr, "storehost: %s\n", err->text);
    exit(2);
}

static int64_t now_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void post_add(struct post *post, uint32_t node, struct str bytes)
{
    struct letter *letter = malloc(sizeof(*letter) + bytes.len);

    if (!letter)
        die("memory");
    letter->next = NULL;
    letter->node = node;
    letter->len = bytes.len;
    memcpy(letter->bytes, bytes.p, bytes.len);
    *post->end = letter;
    post->end = &letter->next;
}

static struct letter *post_take(struct post *post)
{
    struct letter *letter = post->first;

    if (!letter)
        return NULL;
    post->first = letter->next;
    if (!post->first)
        post->end = &post->first;
    return letter;
}

static void post_clear(struct post *post)
{
    struct letter *letter;

    while ((letter = post_take(post)))
        free(letter);
}

static void on_journal(void *data, struct str bytes)
{
    (void)data;
    if (host.chaos)
        buf_add(&host.journal, bytes.p, bytes.len);
}

static void on_send(void *data, uint32_t node, struct str bytes)
{
    (void)data;
    post_add(&host.down, node, bytes);
}

static const struct kv_out kv_out = {NULL, on_journal, on_send};

static void mark_dirty(struct node *node)
{
    if (node->dirty)
        return;
    node->dirty = true;
    host.dirty[host.dirty_count++] = node->index;
}

static void on_up(void *data, struct str bytes)
{
    struct node *node = data;

    post_add(&host.up, node->index, bytes);
}

static void peer_watch(struct peer *peer, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.ptr = peer};

    if (epoll_ctl(host.epoll, how, peer->fd, &event) < 0)
        die("epoll_ctl");
}

static void peer_close(struct peer *peer)
{
    if (peer->closing)
        return;
    peer->closing = true;
    *(peer->prev ? &peer->prev->next : &host.peers) = peer->next;
    if (peer->next)
        peer->next->prev = peer->prev;
    peer->next = host.dead;
    host.dead = peer;
}

static void on_reply(void *data, void *client_data, struct str bytes)
{
    struct peer *peer = client_data;
    ssize_t sent = 0;

    (void)data;
    if (peer->closing)
        return;
    if (!peer->out.len) {
        sent = send(peer->fd, bytes.p, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) {
            peer_close(peer);
            return;
        }
        sent = sent < 0 ? 0 : sent;
    }
    if ((size_t)sent == bytes.len)
        return;
    buf_add(&peer->out, bytes.p + sent, bytes.len - (size_t)sent);
    peer_watch(peer, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

static void on_hang_up(void *data, void *client_data, const char *why)
{
    (void)data;
    (void)fprintf(stderr, "storehost: hung up: %s\n", why);
    peer_close(client_data);
}

static struct peer *peer_new(int fd, struct node *node)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    if (!peer)
        die("memory");
    peer->fd = fd;
    peer->node = node;
    peer->next = host.peers;
    if (host.peers)
        host.peers->prev = peer;
    host.peers = peer;
    peer_watch(peer, EPOLLIN, EPOLL_CTL_ADD);
    return peer;
}

static uint16_t listen_for(struct node *node)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
        die("listen");
    peer_new(fd, node)->listens = true;
    return ntohs(addr.sin_port);
}

static void accept_all(struct peer *listener)
{
    int fd;

    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *peer = peer_new(fd, listener->node);

        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        peer->client = proxy_client_new(listener->node->proxy, peer);
        if (!peer->client)
            peer_close(peer);
    }
}

static void write_rest(struct peer *peer)
{
    ssize_t sent = send(peer->fd, peer->out.p + peer->out_at, peer->out.len - peer->out_at,
                        MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && errno != EAGAIN)
        peer_close(peer);
    if (sent <= 0)
        return;
    peer->out_at += (size_t)sent;
    if (peer->out_at < peer->out.len)
        return;
    buf_clear(&peer->out);
    peer->out_at = 0;
    peer_watch(peer, EPOLLIN, EPOLL_CTL_MOD);
}

static void read_some(struct peer *peer)
{
    static char bytes[65536];
    ssize_t got = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        peer_close(peer);
        return;
    }
    proxy_take(peer->node->proxy, peer->client, (struct str){bytes, (size_t)got});
    mark_dirty(peer->node);
}

static void bury(void)
{
    while (host.dead) {
        struct peer *peer = host.dead;

        host.dead = peer->next;
        if (peer->client) {
            proxy_client_gone(peer->node->proxy, peer->client);
            mark_dirty(peer->node);
        }
        (void)close(peer->fd);
        buf_done(&peer->out);
        free(peer);
    }
}

/* What the controller's death and a broken link do: what was on its way is lost. */
static void break_things(void)
{
    struct err err;
    size_t good;

    if (rng_below(&host.rng, 20) != 0)
        return;
    post_clear(&host.up);
    post_clear(&host.down);
    if (host.journal.len && rng_below(&host.rng, 2)) {
        kv_free(host.kv);
        host.kv = kv_new(host.node_count, KV_BYTES_MAX);
        if (!host.kv)
            die("memory");
        if (kv_replay(host.kv, (struct str){host.journal.p, host.journal.len}, &good, &err) < 0 ||
            good != host.journal.len)
            die("the journal does not read back");
    }
    for (uint32_t i = 0; i < host.node_count; i++) {
        kv_node_up(host.kv, i, &kv_out);
        proxy_link_up(host.nodes[i].proxy);
    }
}

static void deliver(void)
{
    struct letter *letter;
    struct err err;

    while (host.dirty_count || host.up.first || host.down.first) {
        if (host.chaos)
            break_things();
        for (uint32_t i = 0; i < host.dirty_count; i++) {
            struct node *node = &host.nodes[host.dirty[i]];

            node->dirty = false;
            proxy_flush(node->proxy);
        }
        host.dirty_count = 0;
        while ((letter = post_take(&host.up))) {
            if (kv_take(host.kv, letter->node, letter->node + 1,
                        (struct str){letter->bytes, letter->len}, now_ms(), &kv_out, &err) < 0)
                die_of(&err);
            free(letter);
        }
        while ((letter = post_take(&host.down))) {
            struct node *node = &host.nodes[letter->node];

            if (proxy_answer(node->proxy, (struct str){letter->bytes, letter->len}, &err) < 0)
                die_of(&err);
            mark_dirty(node);
            free(letter);
        }
        bury();
    }
}

/* The ranks of an MPI program, with PMI_FD as mpiexec would give it. */
static void start_rank(uint32_t rank, char **argv)
{
    struct node *node = &host.nodes[rank / host.nproc];
    struct peer *peer;
    char text[32];
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        die("socketpair");
    if (fork() == 0) {
        (void)fcntl(fds[1], F_SETFD, 0);
        (void)snprintf(text, sizeof(text), "%d", fds[1]);
        (void)setenv("PMI_FD", text, 1);
        (void)snprintf(text, sizeof(text), "%u", rank);
        (void)setenv("PMI_RANK", text, 1);
        (void)snprintf(text, sizeof(text), "%u", host.node_count * host.nproc);
        (void)setenv("PMI_SIZE", text, 1);
        (void)execvp(argv[0], argv);
        _exit(127);
    }
    (void)close(fds[1]);
    host.children++;
    peer = peer_new(fds[0], node);
    peer->client = proxy_pmi_new(node->proxy, peer, rank);
    if (!peer->client)
        die("a PMI client");
}

static bool reap(void)
{
    int status;

    while (host.children && waitpid(-1, &status, WNOHANG) > 0) {
        host.children--;
        if (!WIFEXITED(status) || WEXITSTATUS(status))
            host.exit_code = 1;
    }
    return host.children > 0;
}

static void loop(bool ranks)
{
    struct epoll_event events[1024];

    for (;;) {
        int64_t next = kv_tick(host.kv, now_ms(), &kv_out), wait = next - now_ms();
        int count;

        deliver();
        wait = next < 0 ? -1 : wait < 0 ? 0 : wait;
        if (ranks && (wait < 0 || wait > 20))
            wait = 20; /* to see children that end */
        count = epoll_wait(host.epoll, events, ARRAY_LEN(events), (int)wait);
        for (int i = 0; i < count; i++) {
            struct peer *peer = events[i].data.ptr;

            if (peer->ends)
                return;
            if (peer->closing)
                continue;
            if (peer->listens)
                accept_all(peer);
            else if (events[i].events & EPOLLOUT)
                write_rest(peer);
            else
                read_some(peer);
        }
        bury();
        deliver();
        if (ranks && !reap())
            return;
    }
}

static void start(uint32_t nodes, uint32_t nproc)
{
    host.node_count = nodes;
    host.nproc = nproc;
    host.nodes = calloc(nodes, sizeof(*host.nodes));
    host.dirty = calloc(nodes, sizeof(*host.dirty));
    host.kv = kv_new(nodes, KV_BYTES_MAX);
    host.epoll = epoll_create1(EPOLL_CLOEXEC);
    host.up.end = &host.up.first;
    host.down.end = &host.down.first;
    if (!host.nodes || !host.dirty || !host.kv || host.epoll < 0)
        die("start");
    for (uint32_t i = 0; i < nodes; i++) {
        struct proxy_limits limits = {nodes * nproc, i * nproc, nproc};
        struct proxy_out out = {&host.nodes[i], on_reply, on_hang_up, on_up};

        host.nodes[i].index = i;
        host.nodes[i].proxy = proxy_new(i + 1, &limits, &out);
        if (!host.nodes[i].proxy)
            die("a proxy");
    }
}

int main(int argc, char **argv)
{
    struct rlimit files;

    if (argc > 2 && strcmp(argv[1], "--chaos") == 0) {
        host.chaos = true;
        host.rng.state = strtoull(argv[2], NULL, 10);
        argc -= 2;
        argv += 2;
    }
    if (argc < 3 || (argc > 3 && strcmp(argv[3], "--") != 0) || argc == 4) {
        (void)fprintf(stderr, "usage: storehost [--chaos SEED] NODES NPROC [-- PROGRAM...]\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    start((uint32_t)atoi(argv[1]), (uint32_t)atoi(argv[2]));
    for (uint32_t i = 0; i < host.node_count && argc == 3; i++)
        (void)printf("%u\n", listen_for(&host.nodes[i]));
    (void)fflush(stdout);
    for (uint32_t rank = 0; rank < host.node_count * host.nproc && argc > 3; rank++)
        start_rank(rank, argv + 4);
    if (argc == 3)
        peer_new(STDIN_FILENO, NULL)->ends = true;
    loop(argc > 3);
    while (host.peers)
        peer_close(host.peers);
    bury();
    for (uint32_t i = 0; i < host.node_count; i++)
        proxy_free(host.nodes[i].proxy);
    kv_free(host.kv);
    post_clear(&host.up);
    post_clear(&host.down);
    buf_done(&host.journal);
    free(host.nodes);
    free(host.dirty);
    return host.exit_code;
}
