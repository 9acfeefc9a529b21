/* A client of PyTorch's TCPStore (the dialect of torch 2.2 and newer), as `firstlight run` serves
 * it at MASTER_ADDR:MASTER_PORT. */
#ifndef EXAMPLE_STORE_H
#define EXAMPLE_STORE_H

#include "base/err.h"

#include <stddef.h>

struct store {
    int fd;
    const char *where; /* "127.0.0.1:29500" */
};

int store_connect(struct store *store, const char *host, const char *port, struct err *err);
void store_close(struct store *store);

/* All return 0 or a negative errno. A key is at most 63 bytes here. */
int store_set(struct store *store, const char *key, const void *bytes, size_t len, struct err *err);

/* Wait until `key` is there and read its value, which must have `len` bytes. */
int store_get(struct store *store, const char *key, void *bytes, size_t len, struct err *err);

int store_delete(struct store *store, const char *key, struct err *err);

#endif
