/* wire/link - one authenticated, encrypted connection in an event loop, message by message.
 *
 * Both ends know the run's key (32 bytes). The one that connects sends a fixed 88 bytes: magic,
 * version, nonce, an ephemeral X25519 key, a keyed hash over them. The other end answers only when
 * the hash is right, with its own; the session's two keys are derived from the run's key, the
 * shared secret and all that was said, and the client's first frame shows that its hello was no
 * recording. Then frames: u32 length, ChaCha20-Poly1305 with a counting nonce, as many messages in
 * one as a turn of the loop queued. A peer without the key gets no byte back, is closed at once and
 * is never parsed; one that says nothing is closed after LINK_HELLO_MS; no more than
 * LINK_STRANGERS_MAX are waited for: then the oldest goes that has said nothing.
 *
 * Everything here is non-blocking; callbacks come from the loop, never from inside a call. A
 * callback may close any link, its own too, and free the server. */
#ifndef WIRE_LINK_H
#define WIRE_LINK_H

#include "base/err.h"
#include "wire/message.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <stdbool.h>

#define LINK_KEY_BYTES     32
#define LINK_HELLO_MS      5000
#define LINK_STRANGERS_MAX 4096        /* connections that are not up yet; or RLIMIT_NOFILE / 4 */
#define LINK_QUEUE_MAX     (64u << 20) /* bytes that wait to be sent; more breaks the link */

struct link;

struct link_watch {
    /* Of link_connect only: the peer has shown that it has the key. */
    void (*up)(struct link *link, void *data);
    /* Valid until return. What can't be decoded breaks the link with its sentence. */
    void (*message)(struct link *link, void *data, const struct message *message);
    /* Once; then the link is freed. `why`: "closed by the peer", "connection refused" ... */
    void (*down)(struct link *link, void *data, const char *why);
};

/* Connect to a numeric address. Returns NULL with a sentence only when nothing could be begun; what
 * comes to nothing later is told by `down`, after 10 s at the latest. The key and *watch are
 * copied. */
struct link *link_connect(struct event_base *base, const struct sockaddr *addr, socklen_t len,
                          const unsigned char key[LINK_KEY_BYTES], const struct link_watch *watch,
                          void *data, struct err *err);

/* Queue a message; written in the same turn of the loop where the socket takes it, many messages a
 * write. Returns 0 or -ENOMEM, -ENOBUFS (LINK_QUEUE_MAX: `down` follows from the loop), -ENOTCONN
 * (not up yet, closed, or going down). */
int link_send(struct link *link, const struct message *message);
/* The same of a message that message_encode has written. */
int link_send_encoded(struct link *link, struct str bytes);

void link_set_data(struct link *link, void *data);
void *link_data(const struct link *link);
size_t link_queued(const struct link *link);
/* "10.0.0.7:40112" */
const char *link_peer(const struct link *link);
/* Our own address on this connection, without port. */
int link_own_address(const struct link *link, char *out, size_t space);

/* Send what is queued, wait until the peer has read it (2 s at most), then free; `down` is not
 * called again. All that is done by the loop, so let it run on: event_base_dispatch returns when
 * that is over. A link that is not up goes at once. Takes NULL. */
void link_close(struct link *link);

struct link_server;

/* Listen on addr:port ("127.0.0.1" or "0.0.0.0" or "::", 0: any port). `accepted` gets a link that
 * is up, and gives its watch's data. A port taken is a sentence that names the holder where it can
 * be found. */
struct link_server *link_listen(struct event_base *base, const char *addr, uint16_t port,
                                const unsigned char key[LINK_KEY_BYTES],
                                const struct link_watch *watch,
                                void *(*accepted)(void *server_data, struct link *link),
                                void *server_data, struct err *err);
uint16_t link_server_port(const struct link_server *server);
/* Strangers turned away so far: wrong key, garbage, silence, another protocol's version. */
uint64_t link_server_strangers(const struct link_server *server);
/* The last of them in one sentence: "10.0.0.7:40112: speaks protocol 2, this is 1"; empty: none. */
const char *link_server_complaint(const struct link_server *server);
/* Links that are up live on. Takes NULL. */
void link_server_free(struct link_server *server);

/* A new key from the system's random numbers; and its text form (base64url, 43 letters). */
void link_key_new(unsigned char key[LINK_KEY_BYTES]);
void link_key_print(const unsigned char key[LINK_KEY_BYTES], char out[44]);
int link_key_parse(struct str text, unsigned char key[LINK_KEY_BYTES], struct err *err);

#endif
