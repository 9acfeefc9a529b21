/* ranks/rank_log - what one rank printed in one attempt, in files of bounded size.
 *
 *   rank-7.log                     the first half of the bound, kept for ever
 *   rank-7.log.000000000000000     when bytes were dropped: one line that says how many
 *   rank-7.log.000000041943040     the newest, in pieces named by the offset of their first byte
 *
 * `cat rank-7.log*` reads as the rank wrote. Offsets count the bytes the rank wrote, dropped ones
 * too. Both streams lie in one log in the order in which they came. When a file cannot be written
 * (a full disk) the log ends with one note, and the rank goes on. */
#ifndef RANKS_RANK_LOG_H
#define RANKS_RANK_LOG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/message.h"

#include <stdint.h>

struct rank_log;

#define RANK_LOG_BYTES_MIN 65536 /* smaller bounds are taken as this */

/* Files are made with the first byte. `folder` must outlive it. NULL: no memory. */
struct rank_log *rank_log_new(const char *folder, uint32_t rank, int64_t bytes_max);
void rank_log_free(struct rank_log *log);

/* Take these bytes. Returns 0 or, once, the negative errno for which the log ends here, with a
 * sentence; what comes later is counted and dropped. */
int rank_log_add(struct rank_log *log, struct str bytes, struct err *err);

int64_t rank_log_size(const struct rank_log *log); /* all that the rank wrote */

/* Up to ask->bytes_max bytes from ask->offset (negative: from the end) of the rank's log in
 * `folder`, of this process or of one long gone. part->offset is that of the first byte that is
 * there: greater than was asked for where bytes are missing. An end or a log that is not there
 * gives no bytes. Sets offset, log_size and bytes. Returns 0, -ENOMEM or what the file system says.
 */
int rank_log_read(struct arena *arena, const char *folder, const struct msg_log_read *ask,
                  struct msg_log_data *part, struct err *err);

#endif
