/* A server and its links, links of clients, and plain sockets, in one loop on loopback. */
#ifndef TESTS_WIRE_ENDS_H
#define TESTS_WIRE_ENDS_H

#include "wire/link_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ENDS_MAX 256
#define WAIT_MS  60000

/* One end of a link, and what it has seen. */
struct end {
    struct ends *ends;
    struct link *link; /* NULL once down */
    unsigned ups, downs, messages;
    uint64_t sum; /* of the ACKs' numbers */
    size_t bytes; /* of the last STORE_UP */
    char why[256];
    void (*on_message)(struct end *end, const struct message *message);
};

struct ends {
    struct event_base *base;
    struct link_server *server;
    unsigned char key[LINK_KEY_BYTES];
    struct end accepted[ENDS_MAX];
    size_t accepted_count;
    void (*on_accepted)(struct end *end);
};

static inline void end_up(struct link *link, void *data)
{
    struct end *end = data;

    assert_ptr_equal(link, end->link);
    end->ups++;
}

static inline void end_message(struct link *link, void *data, const struct message *message)
{
    struct end *end = data;

    assert_ptr_equal(link, end->link);
    end->messages++;
    if (message->id == MSG_ACK)
        end->sum = end->sum * 31 + message->ack.event;
    if (message->id == MSG_STORE_UP)
        end->bytes = message->store.bytes.len;
    if (end->on_message)
        end->on_message(end, message);
}

static inline void end_down(struct link *link, void *data, const char *why)
{
    struct end *end = data;

    assert_ptr_equal(link, end->link);
    end->downs++;
    end->link = NULL;
    (void)snprintf(end->why, sizeof(end->why), "%s", why);
}

static const struct link_watch end_watch = {end_up, end_message, end_down};

static inline void *end_accepted(void *data, struct link *link)
{
    struct ends *ends = data;
    struct end *end = &ends->accepted[ends->accepted_count++];

    assert_true(ends->accepted_count <= ENDS_MAX);
    *end = (struct end){.ends = ends, .link = link};
    if (ends->on_accepted)
        ends->on_accepted(end);
    return end;
}

static inline struct ends *ends_new(void)
{
    struct ends *ends = calloc(1, sizeof(*ends));
    struct err err = {0};

    ends->base = event_base_new();
    link_key_new(ends->key);
    ends->server =
        link_listen(ends->base, "127.0.0.1", 0, ends->key, &end_watch, end_accepted, ends, &err);
    if (!ends->server)
        fail_msg("%s", err.text);
    return ends;
}

/* Runs until all that was closed is gone: what is left then is a leak that ASan names. */
static inline void ends_free(struct ends *ends)
{
    for (size_t i = 0; i < ends->accepted_count; i++)
        link_close(ends->accepted[i].link);
    link_server_free(ends->server);
    while (event_base_dispatch(ends->base) == 0) /* 1: nothing is left to wait for */
        ;
    event_base_free(ends->base);
    free(ends);
}

static inline struct sockaddr_in ends_address(const struct ends *ends)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(link_server_port(ends->server)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void end_connect(struct ends *ends, struct end *end)
{
    struct sockaddr_in addr = ends_address(ends);

    end->ends = ends;
    end->link = link_connect(ends->base, (const struct sockaddr *)&addr, sizeof(addr), ends->key,
                             &end_watch, end, NULL);
    assert_non_null(end->link);
}

/* One turn of the loop; with nothing to do it lasts at most a moment. */
static inline void ends_turn(struct ends *ends)
{
    struct timeval moment = {0, 2000};

    (void)event_base_loopexit(ends->base, &moment);
    (void)event_base_loop(ends->base, EVLOOP_ONCE);
}

/* Turns of the loop until `condition` holds. */
#define ENDS_UNTIL(ends, condition)                                                                \
    do {                                                                                           \
        int64_t until_ms = link_now_ms() + WAIT_MS;                                                \
        while (!(condition)) {                                                                     \
            if (link_now_ms() > until_ms)                                                          \
                fail_msg("never came: %s", #condition);                                            \
            ends_turn(ends);                                                                       \
        }                                                                                          \
    } while (0)

/* A pair that is up; the accepted one is ends->accepted[0]. */
static inline void ends_pair(struct ends *ends, struct end *client)
{
    end_connect(ends, client);
    ENDS_UNTIL(ends, client->ups == 1 && ends->accepted_count == 1);
}

/* A plain TCP connection to the server, non-blocking. */
static inline int ends_socket(const struct ends *ends)
{
    struct sockaddr_in addr = ends_address(ends);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static inline void send_all(int fd, const void *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

/* Reads until the server closes; the bytes it said. A reset is an end as well. */
static inline size_t read_to_end(struct ends *ends, int fd, void *out, size_t space)
{
    size_t len = 0;
    ssize_t got = -1;
    char more[256];

    errno = EAGAIN;
    while (got > 0 || (got < 0 && errno == EAGAIN)) {
        ends_turn(ends);
        got = recv(fd, more, sizeof(more), 0);
        for (ssize_t i = 0; i < got; i++, len++)
            if (len < space)
                ((char *)out)[len] = more[i];
    }
    return len;
}

/* A client made by hand, whose bytes a test can bend. */
struct raw {
    int fd;
    struct cipher send, receive;
    struct buf said; /* all of it */
};

static inline void raw_say(struct raw *raw, const void *bytes, size_t len)
{
    send_all(raw->fd, bytes, len);
    buf_add(&raw->said, bytes, len);
}

/* Seal `text` as one frame, into `out`. */
static inline void raw_seal(struct raw *raw, const void *text, size_t len, struct buf *out)
{
    unsigned char *frame = calloc(1, FRAME_HEAD_BYTES + len + CIPHER_SEAL_BYTES);

    if (len)
        memcpy(frame + FRAME_HEAD_BYTES, text, len);
    cipher_seal(&raw->send, frame, len);
    buf_add(out, (const char *)frame, FRAME_HEAD_BYTES + len + CIPHER_SEAL_BYTES);
    free(frame);
}

static inline void raw_say_frame(struct raw *raw, const void *text, size_t len)
{
    struct buf frame = {0};

    raw_seal(raw, text, len, &frame);
    raw_say(raw, frame.p, frame.len);
    buf_done(&frame);
}

/* The text of a frame with one message of these bytes. */
static inline void raw_text(const void *message, uint32_t len, struct buf *out)
{
    buf_add(out, (const char *)&len, sizeof(len));
    buf_add(out, message, len);
}

/* Hello and reply; what the server still lacks is the first frame. */
static inline void raw_meet(struct ends *ends, struct raw *raw)
{
    struct ephemeral ephemeral;
    struct hello client, server;
    ssize_t got = -1;

    raw->fd = ends_socket(ends);
    ephemeral_new(&ephemeral);
    hello_make(&client, WIRE_VERSION, ends->key, &ephemeral, NULL);
    raw_say(raw, client.bytes, HELLO_BYTES);
    ENDS_UNTIL(ends, (got = recv(raw->fd, server.bytes, HELLO_BYTES, 0)) >= 0);
    assert_int_equal(got, HELLO_BYTES);
    assert_true(hello_check(&server, ends->key, &client));
    assert_true(
        session_keys(false, ends->key, &ephemeral, &client, &server, &raw->send, &raw->receive));
}

static inline struct end *raw_up(struct ends *ends, struct raw *raw)
{
    size_t before = ends->accepted_count;

    raw_meet(ends, raw);
    raw_say_frame(raw, NULL, 0);
    ENDS_UNTIL(ends, ends->accepted_count == before + 1);
    return &ends->accepted[before];
}

static inline void raw_done(struct raw *raw)
{
    (void)close(raw->fd);
    buf_done(&raw->said);
}

#endif
