/* cli/fabric_load - a fabric test's result, from the store or from a file. */
#ifndef CLI_FABRIC_LOAD_H
#define CLI_FABRIC_LOAD_H

#include "cli/state.h"
#include "fabric/result.h"
#include "store/fabric.h"

/* `name` is a file (it ends in .json or has a slash), or what store_fabric_find takes. Returns 0 or
 * a negative errno; the caller frees *out. */
int fabric_load(struct state *state, const char *name, struct fabric_result **out, struct err *err);
int fabric_load_file(const char *path, struct fabric_result **out, struct err *err);
int fabric_load_stored(struct state *state, const struct store_fabric_test *test,
                       struct fabric_result **out, struct err *err);

/* The metric of that name, or -EINVAL with the nearest. */
int fabric_metric(const char *name, const struct metric **out, struct err *err);

#endif
