/* peer/store_client - a client of PyTorch's TCPStore, in the dialect of torch 2.2 and newer, which
 * `firstlight run` serves too. (Older servers wait for ever for the rest of what they take for a
 * key: the deadline of a read ends that.)
 *
 * All calls return 0 or a negative errno; a sentence names the store. After an error the connection
 * is of no more use. One thread. */
#ifndef PEER_STORE_CLIENT_H
#define PEER_STORE_CLIENT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define STORE_CLIENT_KEY_MAX   250
#define STORE_CLIENT_BYTES_MAX (8u << 20) /* of a value */
#define STORE_CLIENT_FOREVER   INT64_MAX  /* a deadline */

struct store_client {
    int fd;          /* -1: closed */
    char where[300]; /* "127.0.0.1:29500" */
};

/* Who comes before the store does tries again until the deadline (CLOCK_MONOTONIC). */
int store_client_open(struct store_client *store, const char *host, const char *port,
                      int64_t deadline_ms, struct err *err);
void store_client_close(struct store_client *store);

/* Bytes of whatever length go out at once; there is no answer. */
int store_client_set(struct store_client *store, const char *key, const void *bytes, size_t len,
                     struct err *err);

/* Wait until `key` is there, at most until the deadline (-ETIMEDOUT), and read its value, which
 * must have `len` bytes. */
int store_client_get(struct store_client *store, const char *key, void *bytes, size_t len,
                     int64_t deadline_ms, struct err *err);

/* A value of any length up to `max`, from malloc; the caller frees it. */
int store_client_get_any(struct store_client *store, const char *key, size_t max, void **bytes,
                         size_t *len, int64_t deadline_ms, struct err *err);

int store_client_delete(struct store_client *store, const char *key, struct err *err);

#endif
