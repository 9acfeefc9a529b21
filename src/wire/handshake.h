/* wire/handshake - two ends with the same run key agree on a session's keys. No I/O.
 *
 * Each end says one hello of fixed size; these bytes keep their place in every version of the
 * protocol, so that two versions can tell each other what they are:
 *
 *   magic 4 | version u32 | nonce 16 | ephemeral X25519 key 32 | keyed hash 32
 *
 * The client's hash is over its own hello, the server's over both, all keyed with the run's key.
 * So the client knows on the reply that the server is there now and has the key. The server knows
 * it from the client's first frame only: a hello may be one that somebody recorded. The session's
 * keys are a keyed hash of the shared secret and both hellos. Whoever learns the run's key later
 * still can't read what was recorded: the ephemeral keys are gone. */
#ifndef WIRE_HANDSHAKE_H
#define WIRE_HANDSHAKE_H

#include "wire/cipher.h"
#include "wire/link.h"

#define HELLO_BYTES       88
#define HELLO_MAGIC_BYTES 4

struct hello {
    unsigned char bytes[HELLO_BYTES];
};

struct ephemeral {
    unsigned char secret[32], open[32];
};

/* Can the first `len` bytes of *hello be the beginning of one? */
bool hello_may_begin(const struct hello *hello, size_t len);
uint32_t hello_version(const struct hello *hello);

void ephemeral_new(struct ephemeral *ephemeral);

/* `client` is NULL for the client's own hello, and what the server answers otherwise. */
void hello_make(struct hello *out, uint32_t version, const unsigned char key[LINK_KEY_BYTES],
                const struct ephemeral *ephemeral, const struct hello *client);
/* Was it made by one who has the key? */
bool hello_check(const struct hello *hello, const unsigned char key[LINK_KEY_BYTES],
                 const struct hello *client);

/* The keys of both directions, from one's own secret and the two hellos. `server`: which end this
 * is. False when the peer's ephemeral key is one that makes no secret. */
bool session_keys(bool server, const unsigned char key[LINK_KEY_BYTES],
                  const struct ephemeral *ephemeral, const struct hello *client_hello,
                  const struct hello *server_hello, struct cipher *send, struct cipher *receive);

#endif
