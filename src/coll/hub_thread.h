/* coll/hub_thread - the hub at work: a thread of rank 0 that listens, so that a fall is told while
 * rank 0 itself computes. */
#ifndef COLL_HUB_THREAD_H
#define COLL_HUB_THREAD_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct hub_thread;

/* Listens at *port of every address of `family`. *own_fd: rank 0's own connection, the caller's;
 * when it is closed the hub gives the others a moment to read what was for them, and ends. */
int hub_thread_start(struct hub_thread **out, size_t size, uint64_t token, int64_t meet_ms,
                     int family, uint16_t *port, int *own_fd, struct err *err);

/* Wait for its end. NULL is fine. */
void hub_thread_join(struct hub_thread *thread);

/* For both ends of a connection: a silent host is known in HUB_SILENCE_MS. Nothing is ever long on
 * its way here, so that unlike with the ranks' data it is no harm that TCP_USER_TIMEOUT also ends a
 * connection whose reader has stopped. */
#define HUB_SILENCE_MS 8000
void hub_set_silence(int fd);

#endif
