#include "wire/link_inside.h"

#include <endian.h>
#include <errno.h>

#define ARENA_BYTES ((size_t)64 << 20) /* a list of WIRE_LIST_MAX texts needs 16 MiB */

/* Each function here returns whether the link is still up; if not, it may be gone. */

static bool deliver(struct link *link, struct arena *arena, struct str text)
{
    while (text.len) {
        struct message message;
        struct err err;
        uint32_t len;

        if (text.len < LINK_MESSAGE_HEAD) {
            link_go_down(link, "a frame ends in the middle of a message");
            return false;
        }
        memcpy(&len, text.p, sizeof(len));
        len = le32toh(len);
        text = str_skip(text, LINK_MESSAGE_HEAD);
        if (len > text.len) {
            link_go_down(link, "a frame ends in the middle of a message");
            return false;
        }
        arena_reset(arena);
        if (message_decode(arena, (struct str){text.p, len}, &message, &err) < 0) {
            link_go_down(link, err.text);
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
            link_go_down(link, "a frame's length is out of bounds");
            return false;
        }
        if (len - *used - FRAME_HEAD_BYTES < follow)
            return true;
        if (!cipher_open(&link->receive, frame)) {
            link_go_down(link, "a frame's seal is broken");
            return false;
        }
        *used += FRAME_HEAD_BYTES + follow;
        if (!deliver(link, arena,
                     (struct str){(char *)frame + FRAME_HEAD_BYTES, follow - CIPHER_SEAL_BYTES}))
            return false;
    }
    return true;
}

/* The kept beginning of a frame, and what came behind it. A buffer that held a large frame goes
 * with it. */
static bool take_behind(struct link *link, struct arena *arena, const unsigned char *bytes,
                        size_t len)
{
    struct buf rest = {0};
    size_t used;

    buf_add(&link->in, (const char *)bytes, len);
    if (link->in.failed)
        return true;
    if (!open_frames(link, arena, (unsigned char *)link->in.p, link->in.len, &used))
        return false;
    if (used) {
        if (used < link->in.len)
            buf_add(&rest, link->in.p + used, link->in.len - used);
        buf_done(&link->in);
        link->in = rest;
    }
    return true;
}

/* Frames are opened where recv put them; only the beginning of one that is not whole is kept. */
static bool take_bytes(struct link *link, struct arena *arena, unsigned char *bytes, size_t len)
{
    size_t used;

    if (link->in.len) {
        if (!take_behind(link, arena, bytes, len))
            return false;
    } else {
        if (!open_frames(link, arena, bytes, len, &used))
            return false;
        if (used < len)
            buf_add(&link->in, (const char *)bytes + used, len - used);
    }
    if (link->in.failed) {
        link_go_down_errno(link, ENOMEM);
        return false;
    }
    return true;
}

static bool read_once(struct link *link, struct arena *arena, bool *more)
{
    unsigned char bytes[LINK_READ_BYTES];
    ssize_t got = recv(link->fd, bytes, sizeof(bytes), 0);

    *more = got == sizeof(bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got > 0)
        return take_bytes(link, arena, bytes, (size_t)got);
    if (got < 0)
        link_go_down_errno(link, errno);
    else
        link_go_down(link, link->in.len ? "closed by the peer in the middle of a frame"
                                        : "closed by the peer");
    return false;
}

bool link_read_messages(struct link *link)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    bool up = arena, more = true;

    if (!arena)
        link_go_down_errno(link, ENOMEM);
    for (int i = 0; up && more && i < LINK_READS_A_TURN; i++)
        up = read_once(link, arena, &more);
    arena_free(arena);
    return up;
}
