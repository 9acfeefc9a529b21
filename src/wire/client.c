#include "wire/link_inside.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>

#define CONNECT_MS (2 * LINK_HELLO_MS) /* three lost SYNs, and a server with many to greet */

void client_say_hello(struct link *link)
{
    struct meeting *meeting = link->meeting;
    int code = 0;
    socklen_t len = sizeof(code);

    (void)getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &code, &len);
    if (code) {
        link_go_down_errno(link, code);
        return;
    }
    ephemeral_new(&meeting->ephemeral);
    hello_make(&meeting->client, WIRE_VERSION, meeting->key, &meeting->ephemeral, NULL);
    link->state = LINK_ASKING;
    if (send(link->fd, meeting->client.bytes, HELLO_BYTES, MSG_NOSIGNAL) != HELLO_BYTES)
        link_go_down(link, "the connection ended before a word was said");
    else if (event_add(&link->read, NULL) < 0)
        link_go_down_errno(link, ENOMEM);
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

void client_meet(struct link *link)
{
    struct meeting *meeting = link->meeting;
    int r = link_read_fixed(link, meeting->server.bytes, HELLO_BYTES);
    const char *why;
    char text[64];

    if (r == -ECONNRESET && !meeting->got) {
        link_go_down(
            link, "closed by the peer without a word: it has another key, or is another program");
    } else if (r < 0) {
        link_go_down_errno(link, -r);
    } else if (!hello_may_begin(&meeting->server, meeting->got)) {
        link_go_down(link, "what answers there is another program");
    } else if (r > 0) {
        why = judge_reply(link, text, sizeof(text));
        if (why) {
            link_go_down(link, why);
            return;
        }
        link_is_up(link);
        link_open_frame(link); /* an empty one: the server sees that we are here now */
        link_seal_frame(link);
        link_flush_soon(link);
        link->watch.up(link, link->data);
    }
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
        link_flush_soon(link);
        return link;
    }
    if (event_add(&link->write, NULL) < 0) {
        (void)err_set(err, -ENOMEM, "no memory for a link");
        link_free(link);
        return NULL;
    }
    link_set_timer(link, CONNECT_MS);
    return link;
}
