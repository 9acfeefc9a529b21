#include "wire/link_inside.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define NO_FRAME      SIZE_MAX
#define READ_BYTES    65536
#define READS_A_TURN  4 /* then the other links have theirs */
#define CLOSE_MS      2000
#define CONNECT_MS    (2 * LINK_HELLO_MS) /* three lost SYNs, and a server with many to greet */
#define ARENA_BYTES   ((size_t)64 << 20)  /* a list of WIRE_LIST_MAX texts needs 16 MiB */
#define MESSAGE_HEAD  sizeof(uint32_t)
#define COMPACT_BYTES 65536

int64_t link_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_timer(struct link *link, int64_t ms)
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
static void go_down(struct link *link, const char *why)
{
    bool tell = link->state != LINK_CLOSING && link->state != LINK_CLOSED;

    link->state = LINK_DOWN;
    if (tell)
        link->watch.down(link, link->data, why);
    link_free(link);
}

static void go_down_errno(struct link *link, int code)
{
    char why[128];

    if (code == ENOBUFS) {
        go_down(link, "the peer does not read: too many bytes wait to be sent");
        return;
    }
    (void)snprintf(why, sizeof(why), "%s", strerror(code));
    why[0] = (char)tolower((unsigned char)why[0]);
    go_down(link, why);
}

static void flush_soon(struct link *link)
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
        go_down(link, "no connection in time");
    else if (link->state == LINK_ASKING)
        go_down(link, "connected, but no answer in time");
    else
        link_free(link); /* the peer does not read; what it lacks it will not have */
}

/* Sending. */

static unsigned char *bytes_of(struct buf *buf)
{
    return (unsigned char *)buf->p;
}

static void seal_frame(struct link *link)
{
    size_t text = link->out.len - link->frame - FRAME_HEAD_BYTES;

    buf_add(&link->out, (const char[CIPHER_SEAL_BYTES]){0}, CIPHER_SEAL_BYTES);
    if (link->out.failed)
        return;
    cipher_seal(&link->send, bytes_of(&link->out) + link->frame, text);
    link->frame = NO_FRAME;
}

/* Returns 0 when all is gone, -EAGAIN when the socket takes no more, or its errno. */
static int send_queued(struct link *link)
{
    if (link->frame != NO_FRAME)
        seal_frame(link);
    if (link->out.failed)
        return -ENOMEM;
    while (link->sent < link->out.len) {
        ssize_t put =
            send(link->fd, link->out.p + link->sent, link->out.len - link->sent, MSG_NOSIGNAL);

        if (put < 0 && errno != EINTR)
            return -errno;
        link->sent += put > 0 ? (size_t)put : 0;
    }
    buf_done(&link->out); /* thousands of idle links hold no memory */
    link->sent = 0;
    return 0;
}

static bool read_messages(struct link *link);

static void on_queue(struct link *link)
{
    int r;

    link->flushing = false;
    if (link->state == LINK_BROKEN) {
        go_down_errno(link, link->code);
        return;
    }
    r = send_queued(link);
    if (r == -EAGAIN) {
        link->flushing = true;
        (void)event_add(&link->write, NULL);
    } else if (r < 0) {
        /* What the peer said before it went may still lie here. */
        if (link->state != LINK_UP || read_messages(link))
            go_down_errno(link, -r);
    } else if (link->state == LINK_CLOSING) {
        link->state = LINK_CLOSED;
        (void)shutdown(link->fd, SHUT_WR);
    }
}

/* The consumed front of a long queue goes when it is the larger half, so each byte moves once. */
static void compact(struct link *link)
{
    if (link->sent < COMPACT_BYTES || link->sent < link->out.len / 2)
        return;
    link->out.len -= link->sent;
    memmove(link->out.p, link->out.p + link->sent, link->out.len);
    if (link->frame != NO_FRAME)
        link->frame -= link->sent;
    link->sent = 0;
}

static void open_frame(struct link *link)
{
    link->frame = link->out.len;
    buf_add(&link->out, (const char[FRAME_HEAD_BYTES]){0}, FRAME_HEAD_BYTES);
}

/* One message behind the others of the open frame: its length, then its bytes, which are encoded
 * already where there is no `message`. */
static void put_message(struct link *link, const struct message *message, struct str encoded)
{
    size_t at = link->out.len;
    uint32_t len;

    buf_add(&link->out, (const char[MESSAGE_HEAD]){0}, MESSAGE_HEAD);
    if (message)
        message_encode(message, &link->out);
    else
        buf_add(&link->out, encoded.p, encoded.len);
    if (link->out.failed)
        return;
    len = htole32((uint32_t)(link->out.len - at - MESSAGE_HEAD));
    memcpy(link->out.p + at, &len, sizeof(len));
}

static int queue_message(struct link *link, const struct message *message, struct str encoded)
{
    size_t before, frame;

    if (link->state != LINK_UP)
        return -ENOTCONN;
    compact(link);
    before = link->out.len;
    frame = link->frame;
    if (link->frame == NO_FRAME)
        open_frame(link);
    put_message(link, message, encoded);
    flush_soon(link);
    if (link->out.failed) {
        link->out.failed = false;
        link->out.len = before;
        link->frame = frame;
        return -ENOMEM;
    }
    if (link_queued(link) > LINK_QUEUE_MAX) {
        link->state = LINK_BROKEN;
        link->code = ENOBUFS;
        (void)event_del(&link->write);
        link->flushing = false;
        flush_soon(link);
        return -ENOBUFS;
    }
    if (link->out.len - link->frame > LINK_GATHER_BYTES)
        seal_frame(link);
    return 0;
}

int link_send(struct link *link, const struct message *message)
{
    return queue_message(link, message, (struct str){0});
}

int link_send_encoded(struct link *link, struct str bytes)
{
    return queue_message(link, NULL, bytes);
}

/* Receiving. Each returns whether the link is still up; if not, it may be gone. */

static bool deliver(struct link *link, struct arena *arena, struct str text)
{
    while (text.len) {
        struct message message;
        struct err err;
        uint32_t len;

        if (text.len < MESSAGE_HEAD) {
            go_down(link, "a frame ends in the middle of a message");
            return false;
        }
        memcpy(&len, text.p, sizeof(len));
        len = le32toh(len);
        text = str_skip(text, MESSAGE_HEAD);
        if (len > text.len) {
            go_down(link, "a frame ends in the middle of a message");
            return false;
        }
        arena_reset(arena);
        if (message_decode(arena, (struct str){text.p, len}, &message, &err) < 0) {
            go_down(link, err.text);
            return false;
        }
        link->watch.message(link, link->data, &message);
        if (link->state != LINK_UP)
            return false;
        text = str_skip(text, len);
    }
    return true;
}

/* All whole frames of `bytes`; *used is what they were. */
static bool open_frames(struct link *link, struct arena *arena, unsigned char *bytes, size_t len,
                        size_t *used)
{
    *used = 0;
    while (len - *used >= FRAME_HEAD_BYTES) {
        unsigned char *frame = bytes + *used;
        uint32_t follow = cipher_frame_len(frame);

        if (follow < CIPHER_SEAL_BYTES || follow > LINK_FRAME_BYTES_MAX) {
            go_down(link, "a frame's length can't be");
            return false;
        }
        if (len - *used - FRAME_HEAD_BYTES < follow)
            return true;
        if (!cipher_open(&link->receive, frame)) {
            go_down(link, "a frame's seal is broken");
            return false;
        }
        *used += FRAME_HEAD_BYTES + follow;
        if (!deliver(link, arena,
                     (struct str){(char *)frame + FRAME_HEAD_BYTES, follow - CIPHER_SEAL_BYTES}))
            return false;
    }
    return true;
}

/* Frames are opened where recv put them; only the beginning of one that is not whole is kept. */
static bool take_bytes(struct link *link, struct arena *arena, unsigned char *bytes, size_t len)
{
    bool kept = link->in.len > 0;
    size_t used;

    if (kept) {
        buf_add(&link->in, (const char *)bytes, len);
        if (!link->in.failed && !open_frames(link, arena, bytes_of(&link->in), link->in.len, &used))
            return false;
        if (!link->in.failed && used) {
            link->in.len -= used;
            memmove(link->in.p, link->in.p + used, link->in.len);
        }
    } else {
        if (!open_frames(link, arena, bytes, len, &used))
            return false;
        if (used < len)
            buf_add(&link->in, (const char *)bytes + used, len - used);
    }
    if (link->in.failed) {
        go_down_errno(link, ENOMEM);
        return false;
    }
    if (!link->in.len)
        buf_done(&link->in);
    return true;
}

static bool read_once(struct link *link, struct arena *arena, bool *more)
{
    unsigned char bytes[READ_BYTES];
    ssize_t got = recv(link->fd, bytes, sizeof(bytes), 0);

    *more = got == sizeof(bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got > 0)
        return take_bytes(link, arena, bytes, (size_t)got);
    if (got < 0)
        go_down_errno(link, errno);
    else
        go_down(link, link->in.len ? "closed by the peer in the middle of a frame"
                                   : "closed by the peer");
    return false;
}

static bool read_messages(struct link *link)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    bool up = arena, more = true;

    if (!arena)
        go_down_errno(link, ENOMEM);
    for (int i = 0; up && more && i < READS_A_TURN; i++)
        up = read_once(link, arena, &more);
    arena_free(arena);
    return up;
}

/* We have closed; what the peer still says is read and dropped, for a socket that is closed with
 * bytes unread takes back what it has sent. */
static void read_the_rest(struct link *link)
{
    char bytes[READ_BYTES];

    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t got = recv(link->fd, bytes, sizeof(bytes), 0);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            link_free(link);
            return;
        }
    }
}

/* Coming up. */

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

void link_is_up(struct link *link)
{
    link->state = LINK_UP;
    (void)event_del(&link->timer);
    meeting_done(link);
}

static void say_hello(struct link *link)
{
    struct meeting *meeting = link->meeting;
    int code = 0;
    socklen_t len = sizeof(code);

    (void)getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &code, &len);
    if (code) {
        go_down_errno(link, code);
        return;
    }
    ephemeral_new(&meeting->ephemeral);
    hello_make(&meeting->client, WIRE_VERSION, meeting->key, &meeting->ephemeral, NULL);
    link->state = LINK_ASKING;
    if (send(link->fd, meeting->client.bytes, HELLO_BYTES, MSG_NOSIGNAL) != HELLO_BYTES)
        go_down(link, "the connection ended before a word was said");
    else if (event_add(&link->read, NULL) < 0)
        go_down_errno(link, ENOMEM);
}

/* Why the server's hello is not one; NULL when it is, and then the session's keys are made. */
static const char *judge_reply(struct link *link, char *text, size_t space)
{
    struct meeting *meeting = link->meeting;

    if (!hello_check(&meeting->server, meeting->key, &meeting->client))
        return "the peer does not have this run's key";
    if (hello_version(&meeting->server) != WIRE_VERSION) {
        (void)snprintf(text, space, "speaks protocol %u, this is %u",
                       (unsigned)hello_version(&meeting->server), WIRE_VERSION);
        return text;
    }
    if (!session_keys(false, meeting->key, &meeting->ephemeral, &meeting->client, &meeting->server,
                      &link->send, &link->receive))
        return "the peer's ephemeral key is none";
    return NULL;
}

static void read_reply(struct link *link)
{
    struct meeting *meeting = link->meeting;
    int r = link_read_fixed(link, meeting->server.bytes, HELLO_BYTES);
    const char *why;
    char text[64];

    if (r == -ECONNRESET && !meeting->got) {
        go_down(link,
                "closed by the peer without a word: it has another key, or is another program");
    } else if (r < 0) {
        go_down_errno(link, -r);
    } else if (!hello_may_begin(&meeting->server, meeting->got)) {
        go_down(link, "what answers there is another program");
    } else if (r > 0) {
        why = judge_reply(link, text, sizeof(text));
        if (why) {
            go_down(link, why);
            return;
        }
        link_is_up(link);
        open_frame(link); /* an empty one: the server sees that we are here now */
        seal_frame(link);
        flush_soon(link);
        link->watch.up(link, link->data);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
    struct link *link = data;

    (void)fd;
    (void)what;
    if (link->state == LINK_UP)
        (void)read_messages(link);
    else if (link->state == LINK_ASKING)
        read_reply(link);
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
        say_hello(link);
    else
        on_queue(link);
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
    link->frame = NO_FRAME;
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

struct link *link_connect(struct event_base *base, const struct sockaddr *addr, socklen_t len,
                          const unsigned char key[LINK_KEY_BYTES], const struct link_watch *watch,
                          void *data, struct err *err)
{
    struct link *link;
    int fd;

    if (sodium_init() < 0) {
        (void)err_set(err, -ENOSYS, "no random numbers from the system");
        return NULL;
    }
    fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        (void)err_set(err, -errno, "no socket: %s", strerror(errno));
        return NULL;
    }
    link = link_new(base, fd, addr, LINK_CONNECTING, key, watch, data);
    if (!link) {
        (void)err_set(err, -ENOMEM, "no memory for a link");
        return NULL;
    }
    /* A refusal that is known at once is told by the loop like any other. */
    if (connect(fd, addr, len) < 0 && errno != EINPROGRESS) {
        link->state = LINK_BROKEN;
        link->code = errno;
        flush_soon(link);
        return link;
    }
    if (event_add(&link->write, NULL) < 0) {
        (void)err_set(err, -ENOMEM, "no memory for a link");
        link_free(link);
        return NULL;
    }
    set_timer(link, CONNECT_MS);
    return link;
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
        link->frame = NO_FRAME;
    }
    link->state = LINK_CLOSING;
    set_timer(link, CLOSE_MS);
    flush_soon(link);
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
