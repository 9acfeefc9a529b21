/* kernels/pool - threads that sleep until there is work: no thread ever spins, so ranks may share a
 * core. The caller works too. One pool is used by one thread at a time. */
#ifndef KERNELS_POOL_H
#define KERNELS_POOL_H

#include "base/err.h"

#include <stddef.h>

#define POOL_THREADS_MAX 1024

struct pool;

/* threads 0: one for each CPU that this process may use. Returns 0 or a negative errno. */
int pool_new(size_t threads, struct pool **out, struct err *err);
void pool_free(struct pool *pool);

size_t pool_threads(const struct pool *pool);

/* Call work(arg, item, thread) for every item in [0, items), in any order, on any thread, and
 * return when all are done. `thread` is below pool_threads(). What an item computes must not depend
 * on which thread takes it: that is how sums stay independent of the number of threads. Items are
 * claimed one by one, so make them some 20 us to 1 ms of work. */
void pool_run(struct pool *pool, size_t items, void (*work)(void *arg, size_t item, size_t thread),
              void *arg);

/* At least `bytes` of scratch memory of thread `thread`, aligned to 64 bytes; stays the same block
 * until more is asked for. Ask before pool_run for what its items use. Aborts when there is no
 * memory (sizes are some MiB). */
void *pool_scratch(struct pool *pool, size_t thread, size_t bytes);

#endif
