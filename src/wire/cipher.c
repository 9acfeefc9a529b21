#include "wire/cipher.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

#define NONCE_BYTES crypto_aead_chacha20poly1305_ietf_NPUBBYTES

/* Each session has keys of its own, so the count alone never repeats under a key. */
static void next_nonce(struct cipher *cipher, unsigned char nonce[NONCE_BYTES])
{
    uint64_t number = htole64(cipher->frames++);

    memset(nonce, 0, NONCE_BYTES);
    memcpy(nonce + NONCE_BYTES - sizeof(number), &number, sizeof(number));
}

void cipher_seal(struct cipher *cipher, unsigned char *frame, size_t len)
{
    uint32_t follow = htole32((uint32_t)(len + CIPHER_SEAL_BYTES));
    unsigned char nonce[NONCE_BYTES], *text = frame + FRAME_HEAD_BYTES;

    memcpy(frame, &follow, sizeof(follow));
    next_nonce(cipher, nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt_detached(
        text, text + len, NULL, text, len, frame, FRAME_HEAD_BYTES, NULL, nonce, cipher->key);
}

uint32_t cipher_frame_len(const unsigned char *frame)
{
    uint32_t follow;

    memcpy(&follow, frame, sizeof(follow));
    return le32toh(follow);
}

bool cipher_open(struct cipher *cipher, unsigned char *frame)
{
    size_t len = cipher_frame_len(frame) - CIPHER_SEAL_BYTES;
    unsigned char nonce[NONCE_BYTES], *text = frame + FRAME_HEAD_BYTES;

    next_nonce(cipher, nonce);
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               text, NULL, text, len, text + len, frame, FRAME_HEAD_BYTES, nonce, cipher->key) == 0;
}
