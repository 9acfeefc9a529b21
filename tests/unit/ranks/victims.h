/* Processes of tests/victim and the pipe by which a test sees that they live and that they died. */
#ifndef TESTS_RANKS_VICTIMS_H
#define TESTS_RANKS_VICTIMS_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VICTIMS_BOUND_MS 20000 /* on a machine with much else to do */

static inline const char *victim_path(void)
{
    static char path[4096];
    const char *bin = getenv("FIRSTLIGHT_BIN");

    (void)snprintf(path, sizeof(path), "%s/victim", bin ? bin : "bin");
    return path;
}

/* The next byte: 'x' of a victim that is ready, 0 when all are gone, -1 when neither came. */
static inline int victims_next(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char byte;
    int r;

    do
        r = poll(&wait, 1, VICTIMS_BOUND_MS);
    while (r < 0 && errno == EINTR); /* a child has ended */
    if (r <= 0)
        return -1;
    return read(fd, &byte, 1) == 1 ? byte : 0;
}

static inline bool victims_ready(int fd, int count)
{
    int ready = 0, byte = 'x';

    while (ready < count && (byte = victims_next(fd)) == 'x')
        ready++;
    if (ready < count)
        (void)fprintf(stderr, "%d of %d victims came%s\n", ready, count,
                      byte ? "" : ", then all were gone");
    return ready == count;
}

static inline bool victims_gone(int fd)
{
    int byte;

    while ((byte = victims_next(fd)) == 'x') /* of late ones */
        ;
    return byte == 0;
}

#endif
