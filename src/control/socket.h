/* control/socket - runs/ID/control.sock: where show, attach, logs and stop reach the controller.
 *
 * Lines of JSON, one request each; docs/design/run.md lists them. Only the user (mode 0600 in a
 * folder 0700) can connect. */
#ifndef CONTROL_SOCKET_H
#define CONTROL_SOCKET_H

#include "base/err.h"
#include "control/control.h"

#define CONTROL_SOCKET_CLIENTS_MAX 64
#define CONTROL_SOCKET_LINE_MAX    4096

struct driver;
struct control_socket;

struct control_socket *control_socket_new(struct driver *driver, struct err *err);
/* For those who follow. */
void control_socket_view(struct control_socket *socket, const struct control_view *view);
void control_socket_free(struct control_socket *socket);

#endif
