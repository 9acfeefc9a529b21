/* cli/run_client - talks to the controller of a run that lives, at runs/ID/control.sock.
 *
 * Requests and answers are lines of JSON (docs/design/run.md, "The control socket"). */
#ifndef CLI_RUN_CLIENT_H
#define CLI_RUN_CLIENT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/message.h"

#include <jansson.h>
#include <stdint.h>

#define RUN_CLIENT_LINE_MAX (4u << 20) /* of one answer */

struct run_client;

/* -ESRCH: no controller is there. */
int run_client_open(const char *run_dir, struct run_client **client, struct err *err);
void run_client_close(struct run_client *client);

/* Send a request; it is freed. `request` NULL is -ENOMEM, so that json_pack can stand there. */
int run_client_ask(struct run_client *client, json_t *request, struct err *err);

/* The next answer. Returns 1 and an object to json_decref, 0 when the controller has closed the
 * connection (it ended), -ETIMEDOUT, or another error; {"error":...} becomes -EREMOTEIO with its
 * sentence. timeout_ms -1 waits for ever. */
int run_client_next(struct run_client *client, int timeout_ms, json_t **answer, struct err *err);

/* For a loop of one's own: readable when run_client_next has something to do. */
int run_client_fd(const struct run_client *client);

/* A request with one answer, which must come within RUN_CLIENT_MS. */
#define RUN_CLIENT_MS 10000
int run_client_call(struct run_client *client, json_t *request, json_t **answer, struct err *err);

/* A part of a rank's log through its node's agent, as {"do":"log"} gives it, in `arena`. */
int run_client_log(struct run_client *client, struct arena *arena, const struct msg_log_read *ask,
                   struct msg_log_data *part, struct err *err);

#endif
