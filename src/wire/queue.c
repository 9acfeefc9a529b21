#include "wire/link_inside.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>

#define COMPACT_BYTES 65536

void link_seal_frame(struct link *link)
{
    size_t text = link->out.len - link->frame - FRAME_HEAD_BYTES;

    buf_add(&link->out, (const char[CIPHER_SEAL_BYTES]){0}, CIPHER_SEAL_BYTES);
    if (link->out.failed)
        return;
    cipher_seal(&link->send, (unsigned char *)link->out.p + link->frame, text);
    link->frame = LINK_NO_FRAME;
}

/* Returns 0 when all is gone, -EAGAIN when the socket takes no more, or its errno. */
int link_send_queued(struct link *link)
{
    if (link->frame != LINK_NO_FRAME)
        link_seal_frame(link);
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

/* The consumed front of a long queue goes when it is the larger half, so each byte moves once. */
static void compact(struct link *link)
{
    if (link->sent < COMPACT_BYTES || link->sent < link->out.len / 2)
        return;
    link->out.len -= link->sent;
    memmove(link->out.p, link->out.p + link->sent, link->out.len);
    if (link->frame != LINK_NO_FRAME)
        link->frame -= link->sent;
    link->sent = 0;
}

void link_open_frame(struct link *link)
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

    buf_add(&link->out, (const char[LINK_MESSAGE_HEAD]){0}, LINK_MESSAGE_HEAD);
    if (message)
        message_encode(message, &link->out);
    else
        buf_add(&link->out, encoded.p, encoded.len);
    if (link->out.failed)
        return;
    len = htole32((uint32_t)(link->out.len - at - LINK_MESSAGE_HEAD));
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
    if (link->frame == LINK_NO_FRAME)
        link_open_frame(link);
    put_message(link, message, encoded);
    link_flush_soon(link);
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
        link_flush_soon(link);
        return -ENOBUFS;
    }
    if (link->out.len - link->frame > LINK_GATHER_BYTES)
        link_seal_frame(link);
    return 0;
}

int link_send(struct link *link, const struct message *message)
{
    return queue_message(link, message, (struct str){0});
}

int link_send_encoded(struct link *link, struct str bytes)
{
    assert(bytes.len > 0 && bytes.len <= WIRE_MESSAGE_BYTES_MAX);
    return queue_message(link, NULL, bytes);
}
