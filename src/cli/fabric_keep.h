/* cli/fabric_keep - a fabric test's result into the store, as it grows.
 *
 * What cannot be written now (a full disk) waits in memory and is tried again. */
#ifndef CLI_FABRIC_KEEP_H
#define CLI_FABRIC_KEEP_H

#include "fabric/result.h"
#include "store/store.h"

struct fabric_keep;

/* `result` has its nodes and grows; both outlive the keep. Returns 0 or a negative errno with a
 * sentence. */
int fabric_keep_begin(struct store *store, const struct fabric_result *result,
                      struct fabric_keep **out, struct err *err);
/* What is new since the last time. */
void fabric_keep_flush(struct fabric_keep *keep);
/* The last of it, with the nodes' cards and fates; frees. Returns 0, or a negative errno when
 * something could not be kept. */
int fabric_keep_end(struct fabric_keep *keep);

#endif
