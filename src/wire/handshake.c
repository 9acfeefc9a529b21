#include "wire/handshake.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

#define VERSION_AT 4
#define NONCE_AT   8
#define OPEN_AT    24
#define HASH_AT    56
#define HASH_BYTES 32

#define NONCE_BYTES (OPEN_AT - NONCE_AT)
#define LABEL_BYTES 16

static const char magic[HELLO_MAGIC_BYTES + 1] = "1lt\n";

/* What is hashed begins with what it is for, so that one hash never stands for another. */
static const char label_client[LABEL_BYTES + 1] = "firstlight asks:";
static const char label_server[LABEL_BYTES + 1] = "firstlight tells";
static const char label_session[LABEL_BYTES + 1] = "firstlight keys:";

bool hello_may_begin(const struct hello *hello, size_t len)
{
    return memcmp(hello->bytes, magic, len < HELLO_MAGIC_BYTES ? len : HELLO_MAGIC_BYTES) == 0;
}

uint32_t hello_version(const struct hello *hello)
{
    uint32_t version;

    memcpy(&version, hello->bytes + VERSION_AT, sizeof(version));
    return le32toh(version);
}

void ephemeral_new(struct ephemeral *ephemeral)
{
    randombytes_buf(ephemeral->secret, sizeof(ephemeral->secret));
    (void)crypto_scalarmult_base(ephemeral->open, ephemeral->secret);
}

static void hash_of(const struct hello *hello, const unsigned char key[LINK_KEY_BYTES],
                    const struct hello *client, unsigned char out[HASH_BYTES])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, key, LINK_KEY_BYTES, HASH_BYTES);
    (void)crypto_generichash_update(
        &state, (const unsigned char *)(client ? label_server : label_client), LABEL_BYTES);
    if (client)
        (void)crypto_generichash_update(&state, client->bytes, HELLO_BYTES);
    (void)crypto_generichash_update(&state, hello->bytes, HASH_AT);
    (void)crypto_generichash_final(&state, out, HASH_BYTES);
}

void hello_make(struct hello *out, uint32_t version, const unsigned char key[LINK_KEY_BYTES],
                const struct ephemeral *ephemeral, const struct hello *client)
{
    uint32_t little = htole32(version);

    memcpy(out->bytes, magic, HELLO_MAGIC_BYTES);
    memcpy(out->bytes + VERSION_AT, &little, sizeof(little));
    randombytes_buf(out->bytes + NONCE_AT, NONCE_BYTES);
    memcpy(out->bytes + OPEN_AT, ephemeral->open, sizeof(ephemeral->open));
    hash_of(out, key, client, out->bytes + HASH_AT);
}

bool hello_check(const struct hello *hello, const unsigned char key[LINK_KEY_BYTES],
                 const struct hello *client)
{
    unsigned char want[HASH_BYTES];

    hash_of(hello, key, client, want);
    return hello_may_begin(hello, HELLO_BYTES) &&
           sodium_memcmp(want, hello->bytes + HASH_AT, HASH_BYTES) == 0;
}

bool session_keys(bool server, const unsigned char key[LINK_KEY_BYTES],
                  const struct ephemeral *ephemeral, const struct hello *client_hello,
                  const struct hello *server_hello, struct cipher *send, struct cipher *receive)
{
    const struct hello *theirs = server ? client_hello : server_hello;
    unsigned char shared[crypto_scalarmult_BYTES], keys[2 * CIPHER_KEY_BYTES];
    struct cipher *from_client = server ? receive : send, *from_server = server ? send : receive;
    crypto_generichash_state state;

    if (crypto_scalarmult(shared, ephemeral->secret, theirs->bytes + OPEN_AT) < 0)
        return false;
    (void)crypto_generichash_init(&state, key, LINK_KEY_BYTES, sizeof(keys));
    (void)crypto_generichash_update(&state, (const unsigned char *)label_session, LABEL_BYTES);
    (void)crypto_generichash_update(&state, shared, sizeof(shared));
    (void)crypto_generichash_update(&state, client_hello->bytes, HELLO_BYTES);
    (void)crypto_generichash_update(&state, server_hello->bytes, HELLO_BYTES);
    (void)crypto_generichash_final(&state, keys, sizeof(keys));
    *from_client = (struct cipher){.frames = 0};
    *from_server = (struct cipher){.frames = 0};
    memcpy(from_client->key, keys, CIPHER_KEY_BYTES);
    memcpy(from_server->key, keys + CIPHER_KEY_BYTES, CIPHER_KEY_BYTES);
    sodium_memzero(shared, sizeof(shared));
    sodium_memzero(keys, sizeof(keys));
    return true;
}
