/* store/query - store_query with a time of one's own, for tests. */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include "store/store.h"

int query_run(struct store *store, const char *sql, int64_t limit_ms,
              bool (*row)(void *data, size_t columns, const char *const *texts), void *data,
              struct err *err);

#endif
