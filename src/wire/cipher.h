/* wire/cipher - one direction of a session: frames are sealed and opened in order.
 *
 * ChaCha20-Poly1305 with the number of the frame as nonce, so a frame that is missing, twice or out
 * of order does not open. The frame's announced length is sealed with it. */
#ifndef WIRE_CIPHER_H
#define WIRE_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIPHER_KEY_BYTES  32
#define CIPHER_SEAL_BYTES 16
#define FRAME_HEAD_BYTES  4 /* u32: bytes that follow, seal included */

struct cipher {
    unsigned char key[CIPHER_KEY_BYTES];
    uint64_t frames; /* so far */
};

/* `frame` is the head's space, then `len` bytes that are sealed in place, then the seal's space. */
void cipher_seal(struct cipher *cipher, unsigned char *frame, size_t len);

/* How many bytes follow this head. */
uint32_t cipher_frame_len(const unsigned char *frame);

/* Open a whole frame in place: the text is at frame + FRAME_HEAD_BYTES and CIPHER_SEAL_BYTES
 * shorter than cipher_frame_len(), which is at least that. False when the seal is broken. */
bool cipher_open(struct cipher *cipher, unsigned char *frame);

#endif
