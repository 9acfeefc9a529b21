/* cli/writer - output to streams whose reader may be slow, without ever waiting for it.
 *
 * A thread writes; what waits is bounded. A terminal stopped by Ctrl-S or a pager that is not read
 * must not stop the controller of a run. */
#ifndef CLI_WRITER_H
#define CLI_WRITER_H

#include "base/str.h"

#include <stdbool.h>

#define WRITER_BYTES_MAX (16u << 20) /* that wait; more is not taken */

struct writer;

/* NULL: no memory or no thread. Writes to descriptors 1 and 2. */
struct writer *writer_new(void);

/* Queue for stdout (1) or stderr (2), in order with everything else. False: too much waits, and it
 * was not taken. */
bool writer_put(struct writer *writer, int fd, struct str bytes);
size_t writer_waiting(struct writer *writer);

/* Nobody looks any more: what comes is dropped. */
void writer_mute(struct writer *writer);

/* Wait until all is written, at most so long while nothing moves; then free. How many bytes were
 * not. */
size_t writer_free(struct writer *writer, int patience_ms);

#endif
