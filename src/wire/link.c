#include "wire/link_inside.h"

#include <ctype.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CLOSE_MS 2000

int64_t link_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void link_set_timer(struct link *link, int64_t ms)
{
    struct timeval t = {ms / 1000, ms % 1000 * 1000};

    (void)event_add(&link->timer, &t);
}

static void meeting_done(struct link *link)
{
    if (link->meeting)
        sodium_memzero(link->meeting, sizeof(*link->meeting));
    free(link->meeting);
    link->meeting = NULL;
}

void link_free(struct link *link)
{
    (void)event_del(&link->read);
    (void)event_del(&link->write);
    (void)event_del(&link->timer);
    (void)close(link->fd);
    meeting_done(link);
    buf_done(&link->in);
    buf_done(&link->out);
    sodium_memzero(link, sizeof(*link));
    free(link);
}

/* The end of a link by itself. The descriptor and the queue go with it. */
void link_go_down(struct link *link, const char *why)
{
    bool tell = link->state != LINK_CLOSING && link->state != LINK_CLOSED;

    link->state = LINK_DOWN;
    if (tell)
        link->watch.down(link, link->data, why);
    link_free(link);
}

void link_go_down_errno(struct link *link, int code)
{
    char why[128];

    if (code == ENOBUFS) {
        link_go_down(link, "the peer does not read: too many bytes wait to be sent");
        return;
    }
    (void)snprintf(why, sizeof(why), "%s", strerror(code));
    why[0] = (char)tolower((unsigned char)why[0]);
    link_go_down(link, why);
}

void link_flush_soon(struct link *link)
{
    if (link->flushing)
        return;
    link->flushing = true;
    event_active(&link->write, EV_WRITE, 0); /* behind what is active: once for all of this turn */
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    struct link *link = data;

    (void)fd;
    (void)what;
    if (link->state == LINK_CONNECTING)
        link_go_down(link, "no connection in time");
    else if (link->state == LINK_ASKING)
        link_go_down(link, "connected, but no answer in time");
    else
        link_free(link); /* the peer does not read; what it lacks it will not have */
}

static void on_queue(struct link *link)
{
    int r;

    link->flushing = false;
    if (link->state == LINK_BROKEN) {
        link_go_down_errno(link, link->code);
        return;
    }
    r = link_send_queued(link);
    if (r == -EAGAIN) {
        link->flushing = true;
        (void)event_add(&link->write, NULL);
    } else if (r < 0) {
        /* What the peer said before it went may still lie here. */
        if (link->state != LINK_UP || link_read_messages(link))
            link_go_down_errno(link, -r);
    } else if (link->state == LINK_CLOSING) {
        link->state = LINK_CLOSED;
        (void)shutdown(link->fd, SHUT_WR);
    }
}

/* We have closed; what the peer still says is read and dropped, for a socket that is closed with
 * bytes unread takes back what it has sent. */
static void read_the_rest(struct link *link)
{
    char bytes[LINK_READ_BYTES];

    for (int i = 0; i < LINK_READS_A_TURN; i++) {
        ssize_t got = recv(link->fd, bytes, sizeof(bytes), 0);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            link_free(link);
            return;
        }
    }
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
    struct link *link = data;

    (void)fd;
    (void)what;
    if (link->state == LINK_UP)
        (void)link_read_messages(link);
    else if (link->state == LINK_ASKING)
        client_meet(link);
    else if (link->server)
        server_meet(link);
    else if (link->state == LINK_CLOSING || link->state == LINK_CLOSED)
        read_the_rest(link);
}

static void on_writable(evutil_socket_t fd, short what, void *data)
{
    struct link *link = data;

    (void)fd;
    (void)what;
    if (link->state == LINK_CONNECTING)
        client_say_hello(link);
    else
        on_queue(link);
}

int link_read_fixed(struct link *link, unsigned char *bytes, size_t space)
{
    struct meeting *meeting = link->meeting;
    ssize_t got = recv(link->fd, bytes + meeting->got, space - meeting->got, 0);

    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (got == 0)
        return -ECONNRESET;
    meeting->got += (size_t)got;
    return meeting->got == space;
}

struct link *link_new(struct event_base *base, int fd, const struct sockaddr *addr,
                      enum link_state state, const unsigned char key[LINK_KEY_BYTES],
                      const struct link_watch *watch, void *data)
{
    struct link *link = calloc(1, sizeof(*link));
    struct meeting *meeting = calloc(1, sizeof(*meeting));

    if (!link || !meeting) {
        free(link);
        free(meeting);
        (void)close(fd);
        return NULL;
    }
    memcpy(meeting->key, key, LINK_KEY_BYTES);
    link->state = state;
    link->fd = fd;
    link->frame = LINK_NO_FRAME;
    link->watch = *watch;
    link->data = data;
    link->meeting = meeting;
    socket_name(addr, link->peer);
    socket_tune(fd);
    (void)event_assign(&link->read, base, fd, EV_READ | EV_PERSIST, on_readable, link);
    (void)event_assign(&link->write, base, fd, EV_WRITE, on_writable, link);
    (void)event_assign(&link->timer, base, -1, 0, on_timer, link);
    return link;
}

void link_is_up(struct link *link)
{
    link->state = LINK_UP;
    (void)event_del(&link->timer);
    meeting_done(link);
}

void link_close(struct link *link)
{
    if (!link || link->state >= LINK_CLOSING)
        return;
    if (link->meeting) {
        link_free(link);
        return;
    }
    if (link->state == LINK_BROKEN) {
        buf_done(&link->out);
        link->sent = 0;
        link->frame = LINK_NO_FRAME;
    }
    link->state = LINK_CLOSING;
    link_set_timer(link, CLOSE_MS);
    link_flush_soon(link);
}

void link_set_data(struct link *link, void *data)
{
    link->data = data;
}

void *link_data(const struct link *link)
{
    return link->data;
}

size_t link_queued(const struct link *link)
{
    return link->out.len - link->sent;
}

const char *link_peer(const struct link *link)
{
    return link->peer;
}

int link_own_address(const struct link *link, char *out, size_t space)
{
    return socket_own_address(link->fd, out, space);
}
