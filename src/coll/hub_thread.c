#include "coll/hub_thread.h"

#include "base/clock.h"
#include "coll/hub.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLUSH_MS       10000 /* at the end, for what is still to be sent */
#define LINGER_MS      300   /* and for the others to close */
#define OTHER_FILES    256   /* that rank 0 may have open besides */
#define ACCEPT_REST_MS 200   /* after no connection could be taken */

struct hub_thread {
    pthread_t thread;
    struct hub *hub;
    size_t slots;
    int listener;
    struct pollfd *polls;          /* (slots + 1): the listener comes last */
    int64_t ending_ms, flushed_ms; /* since when; 0: not yet */
    int64_t rest_ms;               /* no accept before */
};

void hub_set_silence(int fd)
{
    const struct {
        int level, option, value;
    } settings[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},  {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 2}, {IPPROTO_TCP, TCP_KEEPINTVL, 1},
        {IPPROTO_TCP, TCP_KEEPCNT, 6},  {IPPROTO_TCP, TCP_USER_TIMEOUT, HUB_SILENCE_MS},
    };

    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        (void)setsockopt(fd, settings[i].level, settings[i].option, &settings[i].value,
                         sizeof(settings[i].value));
}

static void lose(struct hub_thread *t, size_t slot, enum fall_why why)
{
    (void)close(t->polls[slot].fd);
    t->polls[slot].fd = -1;
    hub_lost(t->hub, slot, why);
}

static void receive(struct hub_thread *t, size_t slot)
{
    char bytes[16384];
    ssize_t n = recv(t->polls[slot].fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n > 0 && hub_feed(t->hub, slot, bytes, (size_t)n, clock_now_ms()) < 0)
        lose(t, slot, FALL_FAILED);
    else if (n == 0 || (n < 0 && (errno == ECONNRESET || errno == EPIPE)))
        lose(t, slot, FALL_DIED);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        lose(t, slot, FALL_GONE);
}

/* What goes. An error is left to `receive`, which tells a death from a silence. */
static void send_some(struct hub_thread *t, size_t slot)
{
    struct str out;

    while ((out = hub_output(t->hub, slot)).len > 0) {
        ssize_t n = send(t->polls[slot].fd, out.p, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n <= 0)
            return;
        hub_sent(t->hub, slot, (size_t)n);
    }
}

static void accept_one(struct hub_thread *t)
{
    size_t slot = 0;
    int fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0) {
        t->rest_ms = clock_now_ms() + ACCEPT_REST_MS;
        return;
    }
    while (slot < t->slots && t->polls[slot].fd >= 0)
        slot++;
    if (slot == t->slots) {
        (void)close(fd);
        return;
    }
    hub_set_silence(fd);
    t->polls[slot] = (struct pollfd){fd, POLLIN, 0};
    hub_accept(t->hub, slot, clock_now_ms());
}

/* Rank 0 has left: is there anything to wait for? Who still computes may read its verdict after our
 * end, so only a moment is given to closing. */
static bool has_ended(struct hub_thread *t)
{
    int64_t now_ms = clock_now_ms();
    size_t open = 0, waiting = 0;

    if (t->polls[0].fd >= 0)
        return false;
    if (t->ending_ms == 0)
        t->ending_ms = now_ms;
    for (size_t i = 0; i < t->slots; i++) {
        if (t->polls[i].fd < 0)
            continue;
        open++;
        if (hub_output(t->hub, i).len > 0)
            waiting++;
        else
            (void)shutdown(t->polls[i].fd, SHUT_WR);
    }
    if (waiting == 0 && t->flushed_ms == 0)
        t->flushed_ms = now_ms;
    return open == 0 || (t->flushed_ms > 0 && now_ms - t->flushed_ms >= LINGER_MS) ||
           now_ms - t->ending_ms >= FLUSH_MS;
}

/* How long to sleep. */
static int prepare(struct hub_thread *t)
{
    int64_t now_ms = clock_now_ms();
    int limit_ms = hub_tick(t->hub, now_ms);
    bool rests = now_ms < t->rest_ms;

    t->polls[t->slots].fd = t->ending_ms > 0 || rests ? -1 : t->listener;
    for (size_t i = 0; i < t->slots; i++)
        t->polls[i].events = (short)(POLLIN | (hub_output(t->hub, i).len > 0 ? POLLOUT : 0));
    if ((t->ending_ms > 0 || rests) && (limit_ms < 0 || limit_ms > ACCEPT_REST_MS))
        limit_ms = ACCEPT_REST_MS;
    return limit_ms;
}

static void *run(void *data)
{
    struct hub_thread *t = data;

    while (!has_ended(t)) {
        int limit_ms = prepare(t);

        (void)poll(t->polls, t->slots + 1, limit_ms);
        for (size_t i = 0; i < t->slots; i++) {
            if (t->polls[i].fd >= 0 && t->polls[i].revents & ~POLLOUT)
                receive(t, i);
            if (t->polls[i].fd >= 0 && hub_is_stale(t->hub, i, clock_now_ms()))
                lose(t, i, FALL_DIED);
        }
        if (t->polls[t->slots].fd >= 0 && t->polls[t->slots].revents)
            accept_one(t);
        for (size_t i = 0; i < t->slots; i++)
            if (t->polls[i].fd >= 0)
                send_some(t, i);
    }
    return NULL;
}

/* A connection to each rank needs a file each. */
static int raise_files(size_t size, struct err *err)
{
    struct rlimit limit;
    rlim_t needed = size + HUB_STRANGERS_MAX + OTHER_FILES;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return 0;
    limit.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
    if (limit.rlim_cur < size || setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return err_set(err, -EMFILE,
                       "rank 0 needs %zu open files for %zu ranks; its limit is %llu (ulimit -Hn)",
                       (size_t)needed, size, (unsigned long long)limit.rlim_max);
    return 0;
}

static int listen_at(int family, uint16_t *port, struct err *err)
{
    struct sockaddr_storage at = {.ss_family =
                                      (sa_family_t)family}; /* zeros: any address and port */
    socklen_t len = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int none = 0, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &none, sizeof(none));
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0) {
        int r = -errno;

        if (fd >= 0)
            (void)close(fd);
        return err_set(err, r, "a port where the ranks meet: %s", strerror(-r));
    }
    *port = ntohs(family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                     : ((struct sockaddr_in *)&at)->sin_port);
    return fd;
}

static void thread_free(struct hub_thread *t)
{
    if (!t)
        return;
    for (size_t i = 0; t->polls && i < t->slots; i++)
        if (t->polls[i].fd >= 0)
            (void)close(t->polls[i].fd);
    if (t->listener >= 0)
        (void)close(t->listener);
    hub_free(t->hub);
    free(t->polls);
    free(t);
}

static struct hub_thread *thread_new(size_t size, uint64_t token, int64_t meet_ms, int listener)
{
    struct hub_thread *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->listener = -1;
    t->slots = hub_slots(size);
    t->hub = hub_new(size, token, meet_ms, clock_now_ms());
    t->polls = calloc(t->slots + 1, sizeof(*t->polls));
    for (size_t i = 0; t->polls && i <= t->slots; i++)
        t->polls[i] = (struct pollfd){-1, POLLIN, 0};
    if (!t->hub || !t->polls) {
        thread_free(t);
        return NULL;
    }
    t->listener = listener;
    return t;
}

/* Signals are for the rank's own threads. */
static int begin_thread(struct hub_thread *t)
{
    sigset_t all, before;
    int r;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = -pthread_create(&t->thread, NULL, run, t);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

int hub_thread_start(struct hub_thread **out, size_t size, uint64_t token, int64_t meet_ms,
                     int family, uint16_t *port, int *own_fd, struct err *err)
{
    struct hub_thread *t;
    int pair[2], r = raise_files(size, err), listener;

    if (r < 0)
        return r;
    listener = listen_at(family, port, err);
    if (listener < 0)
        return listener;
    t = thread_new(size, token, meet_ms, listener);
    if (!t)
        (void)close(listener);
    if (!t || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        thread_free(t);
        return err_set(err, -ENOMEM, "no memory to meet %zu ranks", size);
    }
    t->polls[0].fd = pair[0];
    hub_accept(t->hub, 0, clock_now_ms());
    r = begin_thread(t);
    if (r < 0) {
        (void)close(pair[1]);
        thread_free(t);
        return err_set(err, r, "a thread to meet %zu ranks: %s", size, strerror(-r));
    }
    *own_fd = pair[1];
    *out = t;
    return 0;
}

void hub_thread_join(struct hub_thread *thread)
{
    if (!thread)
        return;
    (void)pthread_join(thread->thread, NULL);
    thread_free(thread);
}
