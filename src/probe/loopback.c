/* nic.loopback - a node measures with itself through one of its ports, as two processes that have
 * no other way: what the adapter and its place in the node can do, without any network. TCP to
 * oneself never leaves the kernel, so network devices are only taken where there is no RDMA. */
#include "base/clock.h"
#include "probe/pair.h"
#include "probe/probe.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_BYTES (1u << 20)

struct side {
    const struct probe *probe;
    const char *device;
    int socket, other; /* to the other one; its own, which is not ours to hold */
};

static int meet(const struct side *side, struct pair *pair, struct ucx_port *port,
                struct buffers *buffers, struct err *err)
{
    int fd = side->socket;
    const struct pair_meeting meeting = {&fd, 1, pair_swap_by_socket};
    int r = ucx_port_open(port, side->device, err);

    *pair = (struct pair){.ms = side->probe->ms, .silence_ms = TALK_SILENCE_MS};
    if (r == 0)
        r = buffers_open(buffers, MESSAGE_BYTES, err);
    return r < 0 ? r
                 : pair_meet(pair, port, buffers, NULL, &meeting, side->probe->deadline_ms, err);
}

static int follow(const struct side *side, struct err *err)
{
    struct ucx_port port;
    struct buffers buffers;
    struct pair pair;
    int r = meet(side, &pair, &port, &buffers, err);

    if (r == 0)
        r = talk_follow(&pair.talk, err);
    if (r == 0)
        pair_part(&pair);
    return r;
}

static int lead(const struct side *side, struct err *err)
{
    struct ucx_port port;
    struct buffers buffers;
    struct pair pair;
    double rates[PAIR_REPEATS];
    size_t count;
    int r = meet(side, &pair, &port, &buffers, err);

    if (r == 0)
        r = pair_rates(&pair, MESSAGE_BYTES, true, false, rates, &count, err);
    if (r == 0)
        r = talk_end(&pair.talk, err);
    if (r == 0) {
        probe_tell(side->probe, "nic.loopback", MEASURE_NOBODY, MESSAGE_BYTES, side->device,
                   pair.via, rates, count);
        pair_part(&pair);
    }
    if (r < 0)
        probe_tell_trouble(side->probe, TROUBLE_TEST, TEST_LOOPBACK, MEASURE_NOBODY,
                           "%s with itself: %s", side->device, err->text);
    return r;
}

/* UCX begins anew in each: it does not outlive a fork. */
static pid_t start(int (*run)(const struct side *, struct err *), const struct side *side)
{
    pid_t parent = getpid(), pid = fork();
    struct err err = {0};

    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    (void)close(side->other);
    _exit(run(side, &err) < 0);
}

static void measure_port(const struct probe *probe, const char *device)
{
    int sockets[2];
    pid_t other, leader;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return;
    other = start(follow, &(struct side){probe, device, sockets[1], sockets[0]});
    leader = start(lead, &(struct side){probe, device, sockets[0], sockets[1]});
    (void)close(sockets[0]);
    (void)close(sockets[1]);
    if (leader > 0)
        (void)waitpid(leader, NULL, 0);
    if (other > 0) {
        (void)kill(other, SIGKILL); /* it has nothing more to say */
        (void)waitpid(other, NULL, 0);
    }
}

void probe_test_loopback(const struct probe *probe)
{
    const struct card *card = probe->card;
    enum device_kind kind = DEVICE_NET;

    if (!card->has_ucx) {
        probe_tell_trouble(probe, TROUBLE_TEST, TEST_LOOPBACK, MEASURE_NOBODY, "%s", card->ucx);
        return;
    }
    for (uint32_t i = 0; i < card->device_count; i++)
        if (card->devices[i].kind == DEVICE_RDMA && card->devices[i].up)
            kind = DEVICE_RDMA;
    for (uint32_t i = 0; i < card->device_count && clock_now_ms() < probe->deadline_ms; i++)
        if (card->devices[i].kind == kind && card->devices[i].up)
            measure_port(probe, card->devices[i].name);
}
