/* cli/streams - standard output and error of a run that is shown: what its ranks print, as it is,
 * and lines of our own between. Nothing here ever waits for a reader (cli/writer.h). */
#ifndef CLI_STREAMS_H
#define CLI_STREAMS_H

#include "base/str.h"

#include <stdbool.h>

struct streams;

/* NULL: no memory or no thread. */
struct streams *streams_new(void);

/* What a rank printed, for stdout (1) or stderr (2). Lines that a slow reader leaves no room for
 * are counted, and told when there is room again: they are in the rank's log. */
void streams_output(struct streams *streams, int fd, struct str bytes);

/* Our own: whole lines, or what moves the cursor. A line begins where one does, though the last of
 * a rank's was not whole. */
void streams_own(struct streams *streams, int fd, struct str bytes);

/* Much waits to be written: better nothing more for now. And how many bytes it is. */
bool streams_behind(const struct streams *streams);
size_t streams_waiting(const struct streams *streams);

/* Nobody looks any more. */
void streams_mute(struct streams *streams);

/* Wait until all is written, at most so long while the reader takes nothing: then say so where that
 * can be said. Frees. */
void streams_end(struct streams *streams, int patience_ms);

#endif
