/* cli/rank_reader - the lines of one rank's log in one attempt, from here or through its agent. */
#ifndef CLI_RANK_READER_H
#define CLI_RANK_READER_H

#include "cli/run_client.h"

#include <stdbool.h>

#define RANK_READER_LINE_MAX (1u << 20) /* a longer line comes in parts */

struct rank_reader {
    uint32_t rank, attempt;
    const char *folder;        /* where the log lies; NULL: asked of `client` */
    const char *kept;          /* where what it printed was kept as it came (control/keep); NULL */
    struct run_client *client; /* shared */
    bool lost;                 /* its node: `kept` is read */
    size_t chunk;              /* bytes to read at a time */
    int64_t offset;            /* of the next byte to read */
    struct buf bytes;          /* read; [taken..len) is not yet given out */
    size_t taken;
};

void rank_reader_done(struct rank_reader *reader);

/* Go to the last `lines` lines. */
int rank_reader_tail(struct rank_reader *reader, int64_t lines, struct err *err);

/* The next line, which lives until the next call. Returns 1, 0 (no whole line now; with `whole`
 * false a last one without newline counts), or a negative errno. */
int rank_reader_line(struct rank_reader *reader, bool whole, struct str *line, struct err *err);

#endif
