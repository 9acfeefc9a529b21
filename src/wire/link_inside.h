/* wire/link_inside - a link and a server from inside: for the files that make them (link.c,
 * queue.c, intake.c, client.c, server.c) and their tests. */
#ifndef WIRE_LINK_INSIDE_H
#define WIRE_LINK_INSIDE_H

#include "wire/handshake.h"
#include "wire/link.h"
#include "wire/socket.h"

#include <event2/event_struct.h>
#include <sys/queue.h>

/* Messages of one turn share a frame until it has this size: then it is sealed and the next begins,
 * so that the peer can open what came already. */
#define LINK_GATHER_BYTES    (32u << 10)
#define LINK_FRAME_BYTES_MAX (LINK_GATHER_BYTES + WIRE_MESSAGE_BYTES_MAX + 64)
#define LINK_MESSAGE_HEAD    sizeof(uint32_t) /* u32: its bytes */
#define LINK_READS_A_TURN    4 /* of LINK_READ_BYTES; then the other links have theirs */
#define LINK_NO_FRAME        SIZE_MAX
#define LINK_READ_BYTES      65536
#define LINK_CONFIRM_BYTES   (FRAME_HEAD_BYTES + CIPHER_SEAL_BYTES) /* a frame without a message */

enum link_state {
    LINK_CONNECTING, /* client: no connection yet */
    LINK_ASKING,     /* client: has said its hello */
    LINK_STRANGER,   /* server: waits for a hello */
    LINK_ANSWERED,   /* server: waits for the first frame, which shows that the hello was fresh */
    LINK_UP,
    LINK_BROKEN,  /* the loop will say `down` */
    LINK_CLOSING, /* by us: sends what is queued */
    LINK_CLOSED,  /* by us: waits until the peer has read it all */
    LINK_DOWN,    /* inside `down` */
};

/* What is needed until the link is up. */
struct meeting {
    unsigned char key[LINK_KEY_BYTES];
    struct ephemeral ephemeral; /* the client's; the server has one for many */
    struct hello client, server;
    unsigned char confirm[LINK_CONFIRM_BYTES];
    size_t got; /* bytes of what is being waited for */
};

struct link {
    enum link_state state;
    int fd;
    struct event read, write, timer;
    struct link_watch watch;
    void *data;
    struct cipher send, receive;
    struct buf in;  /* the beginning of a frame; grows with what arrived */
    struct buf out; /* sealed frames, and at `frame` one that still gathers */
    size_t sent;    /* bytes of `out` that are gone */
    size_t frame;   /* LINK_NO_FRAME: none */
    bool flushing;  /* `write` will come */
    int code;       /* errno of LINK_BROKEN */
    char peer[SOCKET_NAME_MAX];
    struct meeting *meeting;    /* NULL once up */
    struct link_server *server; /* of a stranger; NULL once up */
    TAILQ_ENTRY(link) next;     /* among its strangers */
    int64_t since_ms;
};

TAILQ_HEAD(link_list, link);

struct link_server {
    struct event_base *base;
    struct event accept, tick;
    int fd;
    uint16_t port;
    unsigned char key[LINK_KEY_BYTES];
    struct link_watch watch;
    void *(*accepted)(void *server_data, struct link *link);
    void *data;
    struct link_list silent, answered; /* strangers, the oldest first */
    size_t stranger_count, strangers_max;
    bool paused;      /* no room: the kernel holds who comes */
    int64_t hello_ms; /* LINK_HELLO_MS, and WIRE_VERSION; tests set others */
    uint32_t version;
    struct ephemeral ephemeral;
    size_t ephemeral_left; /* hellos that it may still answer */
    int64_t ephemeral_ms;  /* when it was made */
    uint64_t turned_away;
    char complaint[160];
};

/* link.c: a link's life. */

/* CLOCK_MONOTONIC */
int64_t link_now_ms(void);

/* NULL: no memory. Owns `fd` from then on, also when it fails. */
struct link *link_new(struct event_base *base, int fd, const struct sockaddr *addr,
                      enum link_state state, const unsigned char key[LINK_KEY_BYTES],
                      const struct link_watch *watch, void *data);
void link_free(struct link *link);
void link_set_timer(struct link *link, int64_t ms);
/* The handshake is over: from now on messages are read. */
void link_is_up(struct link *link);
/* Say `down` unless we closed it ourselves, then free it. Only from the loop. */
void link_go_down(struct link *link, const char *why);
void link_go_down_errno(struct link *link, int code);
/* Have on_queue called at the end of this turn, or in the next. */
void link_flush_soon(struct link *link);
/* Read on until `space` bytes are there, `meeting->got` of which are. Returns 1 when they are, 0
 * when more must come, or a negative errno (-ECONNRESET at the end of the stream). */
int link_read_fixed(struct link *link, unsigned char *bytes, size_t space);

/* queue.c: frames out. */

void link_open_frame(struct link *link);
void link_seal_frame(struct link *link);
/* Returns 0 when all is gone, -EAGAIN when the socket takes no more, or its errno. */
int link_send_queued(struct link *link);

/* intake.c: frames in. Returns whether the link is still up; if not, it may be gone. */
bool link_read_messages(struct link *link);

/* client.c and server.c: what comes before it is up. The first when the connection is there, the
 * others when bytes of the peer are. */
void client_say_hello(struct link *link);
void client_meet(struct link *link);
void server_meet(struct link *link);

#endif
