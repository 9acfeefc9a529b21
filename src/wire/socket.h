/* wire/socket - the options and addresses of our TCP sockets. */
#ifndef WIRE_SOCKET_H
#define WIRE_SOCKET_H

#include "base/err.h"

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#define SOCKET_BACKLOG    4096
#define SOCKET_SILENCE_MS 10000 /* sent, but not acknowledged for so long: the peer is gone */
#define SOCKET_NAME_MAX   (INET6_ADDRSTRLEN + 10)

/* What each connection has: no delay, signs of life, an end of waiting. */
void socket_tune(int fd);

/* "10.0.0.7:40112", "[fe80::1]:40112"; an IPv4 address in IPv6 clothes is shown as IPv4. */
void socket_name(const struct sockaddr *addr, char out[SOCKET_NAME_MAX]);

/* Our own address on this connection, without port. Returns 0 or a negative errno. */
int socket_own_address(int fd, char *out, size_t space);

/* A listening socket, non-blocking; *port is the one that was got. Returns the descriptor or a
 * negative errno; a port that is taken is a sentence that names its holder where /proc shows it. */
int socket_listen(const char *addr, uint16_t *port, struct err *err);

#endif
