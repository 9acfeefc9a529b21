/* wire/holder - who listens on a TCP port of this machine? */
#ifndef WIRE_HOLDER_H
#define WIRE_HOLDER_H

#include <stdint.h>

#define HOLDER_MAX 96

/* "nginx (pid 812)", from `proc` (normally "/proc"). Returns 0, or -ESRCH when nothing there says
 * it: no such listener, or another user's. */
int holder_of_port(const char *proc, uint16_t port, char out[HOLDER_MAX]);

#endif
