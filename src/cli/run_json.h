/* cli/run_json - what the store knows of a run, as JSON. */
#ifndef CLI_RUN_JSON_H
#define CLI_RUN_JSON_H

#include "cli/state.h"

#include <jansson.h>

json_t *run_json(const struct store_run *run);

/* A value of a query: what reads as a number is one, NULL is null. Never NULL. */
json_t *run_json_value(const char *text);

/* A query's rows as objects; `sql` has one %s for the run's id and one %d for how many rows. */
int run_json_rows(struct state *state, const char *run, const char *sql, int rows_max,
                  json_t **rows, struct err *err);

#endif
