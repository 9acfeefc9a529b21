#include "ranks/own_ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_one(uint16_t *number)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t len = sizeof(any);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    /* After bind: with it a port that another such socket holds could be given out again. */
    if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
        getsockname(fd, (struct sockaddr *)&any, &len) < 0) {
        int r = -errno;

        (void)close(fd);
        return r;
    }
    *number = ntohs(any.sin_port);
    return fd;
}

int own_ports_open(struct own_ports *ports, struct err *err)
{
    int r = 0;

    for (int i = 0; i < OWN_PORTS; i++)
        ports->fds[i] = -1;
    for (int i = 0; i < OWN_PORTS && r >= 0; i++)
        r = ports->fds[i] = open_one(&ports->numbers[i]);
    if (r >= 0)
        return 0;
    own_ports_close(ports);
    return err_set(err, r, "no port for a store that rank 0 hosts: %s", strerror(-r));
}

void own_ports_close(struct own_ports *ports)
{
    for (int i = 0; i < OWN_PORTS; i++) {
        if (ports->fds[i] >= 0)
            (void)close(ports->fds[i]);
        ports->fds[i] = -1;
    }
}
