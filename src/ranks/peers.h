/* ranks/peers - whose is the other end of a connection over loopback?
 *
 * Many ranks connect at once, so one look at /proc answers for all of them. */
#ifndef RANKS_PEERS_H
#define RANKS_PEERS_H

#include "base/str.h"

#include <stdint.h>
#include <sys/types.h>

struct peers {
    int32_t *rank_of_port; /* 65536 of them, -1: nobody's */
    int64_t seen_ns;
};

struct peers_process {
    pid_t pid;
    int32_t rank;
};

/* What the last look saw at this port, if that was a moment ago; -1. Each port is answered once:
 * the next question about it may mean a newer connection. */
int64_t peers_take(struct peers *peers, uint16_t port, int64_t now_ns);

/* Look which sockets on loopback these processes hold. Returns 0 or -ENOMEM. */
int peers_look(struct peers *peers, const struct peers_process *processes, size_t count,
               int64_t now_ns);
void peers_done(struct peers *peers);

/* A line of /proc/net/tcp or tcp6: the local port and inode of a socket whose own end is on
 * loopback. False: another line. */
bool peers_line(struct str line, uint16_t *port, uint64_t *inode);

#endif
