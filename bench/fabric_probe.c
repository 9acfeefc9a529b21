/* fabric_probe - what firstlight-probe measures between two processes, beside ucx_perftest.
 *
 *   fabric_probe ROUNDS MS [NETNS_A NETNS_B ADDRESS_B]
 *
 * In each round each case is measured by both for about MS milliseconds, one after the other, with
 * the environment's UCX_TLS and UCX_NET_DEVICES; the second end may be in another network
 * namespace, at an address. Printed as median [quartiles], and the ratio of neighbours in time as
 * median [quartiles]: what of the machine's load hits one measurement does not hit a median. The
 * ratio of the best is for a machine that is never calm. */
#include "base/clock.h"
#include "base/stats.h"
#include "probe/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS_MAX 1000
#define LIMIT_MS   60000
#define MIB        1048576.0 /* what ucx_perftest calls a MB */
#define PORT_FIRST 20000
#define PORTS      12000 /* below those that the kernel gives away */

static const struct perf_case {
    const char *name, *perftest;
    bool latency;
    uint64_t bytes;
} cases[] = {
    {"latency of 8 B", "tag_lat", true, 8},
    {"latency of 4 KiB", "tag_lat", true, 4096},
    {"bandwidth of 64 B", "tag_bw", false, 64},
    {"bandwidth of 4 KiB", "tag_bw", false, 4096},
    {"bandwidth of 64 KiB", "tag_bw", false, 65536},
    {"bandwidth of 1 MiB", "tag_bw", false, 1 << 20},
    {"bandwidth of 4 MiB", "tag_bw", false, 4 << 20},
};

struct where {
    uint32_t ms;
    const char *namespaces[2]; /* NULL: this one */
    const char *address;
};

static void die(const char *what)
{
    (void)fprintf(stderr, "fabric_probe: %s\n", what);
    exit(2);
}

/* UCX reads in /sys which network devices there are; a namespace of the network has its own only
 * when it is mounted in it. */
static bool mount_sys(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) == 0 &&
           umount2("/sys", MNT_DETACH) == 0 && mount("sysfs", "/sys", "sysfs", 0, NULL) == 0;
}

/* In a child: each end keeps to a CPU, where there are enough, and to its namespace. */
static void enter(const struct where *where, int end)
{
    const char *name = where->namespaces[end];
    char path[256];
    cpu_set_t cpu;
    int fd;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    CPU_ZERO(&cpu);
    CPU_SET((size_t)end, &cpu);
    (void)sched_setaffinity(0, sizeof(cpu), &cpu);
    if (!name)
        return;
    (void)snprintf(path, sizeof(path), "/run/netns/%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0 || !mount_sys())
        die(name);
}

/* One end; the first writes what it measured: seconds of a message, or bytes a second. */
static void one_end(const struct perf_case *c, const struct where *where, bool first, int socket,
                    int result)
{
    const struct pair_meeting meeting = {&socket, 1, pair_swap_by_socket};
    struct pair pair = {.ms = where->ms, .silence_ms = LIMIT_MS};
    struct pair_latency latency = {{0}};
    double rates[PAIR_REPEATS], value;
    struct buffers buffers;
    struct ucx_port port;
    struct err err = {0};
    size_t count;
    int r;

    enter(where, !first);
    r = ucx_port_open(&port, "", &err);
    if (r == 0)
        r = buffers_open(&buffers, c->bytes, &err);
    if (r == 0)
        r = pair_meet(&pair, &port, &buffers, NULL, &meeting, clock_now_ms() + LIMIT_MS, &err);
    if (r == 0 && !first)
        r = talk_follow(&pair.talk, &err);
    else if (r == 0 && c->latency)
        r = pair_latency(&pair, c->bytes, &latency, &err);
    else if (r == 0)
        r = pair_rates(&pair, c->bytes, true, false, rates, &count, &err);
    if (r == 0 && first) {
        value = c->latency ? latency.value[0] : stats_median(rates, count);
        r = talk_end(&pair.talk, &err);
        if (write(result, &value, sizeof(value)) != sizeof(value))
            r = -errno;
    }
    if (r < 0)
        die(err.text);
    pair_part(&pair);
    _exit(0);
}

static double measure_ours(const struct perf_case *c, const struct where *where)
{
    int sockets[2], result[2];
    double value = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets) < 0 || pipe(result) < 0)
        die(strerror(errno));
    for (int i = 0; i < 2; i++)
        if (fork() == 0)
            one_end(c, where, i == 0, sockets[i], result[1]);
    (void)close(result[1]);
    if (read(result[0], &value, sizeof(value)) != sizeof(value))
        die("the probe has measured nothing");
    while (wait(NULL) > 0)
        ;
    (void)close(sockets[0]);
    (void)close(sockets[1]);
    (void)close(result[0]);
    return value;
}

static pid_t start_perftest(const struct where *where, int end, char *const *words, int out)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    enter(where, end);
    (void)dup2(out, 1);
    (void)dup2(open("/dev/null", O_WRONLY), 2);
    (void)execvp(words[0], words);
    _exit(127);
}

/* The last line of its output as CSV; false when it could not connect yet. */
static bool client(const struct perf_case *c, const struct where *where, const char *port,
                   uint64_t count, double *value)
{
    char size[24], times[24], text[4096] = "", *line;
    char *words[] = {
        (char *)"ucx_perftest", (char *)where->address, (char *)"-p", (char *)port, (char *)"-t",
        (char *)c->perftest,    (char *)"-s",           size,         (char *)"-n", times,
        (char *)"-w",           (char *)"100",          (char *)"-f", (char *)"-v", NULL};
    double middle, average, overall, average_rate, rate;
    size_t len = 0;
    int out[2], status;
    ssize_t n;
    pid_t pid;

    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)c->bytes);
    (void)snprintf(times, sizeof(times), "%llu", (unsigned long long)count);
    if (pipe(out) < 0)
        die(strerror(errno));
    pid = start_perftest(where, 0, words, out[1]);
    (void)close(out[1]);
    while ((n = read(out[0], text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    (void)close(out[0]);
    (void)waitpid(pid, &status, 0);
    text[len] = '\0';
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    line = strrchr(text, '\n');
    if (status != 0 || !line ||
        sscanf(line, "%*u,%lf,%lf,%lf,%lf,%lf", &middle, &average, &overall, &average_rate,
               &rate) != 5)
        return false;
    *value = c->latency ? middle * 1e-6 : rate * MIB;
    return true;
}

static double measure_perftest(const struct perf_case *c, const struct where *where, double ours)
{
    static int turn;
    double each = c->latency ? 2 * ours : (double)c->bytes / ours, value;
    uint64_t count = (uint64_t)(where->ms * 1e-3 / each) + 10;
    char port[8];
    char *words[] = {(char *)"ucx_perftest", (char *)"-p", port, NULL};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid_t server = 0;

    for (int tries = 0;; tries++) {
        if (server == 0 || waitpid(server, NULL, WNOHANG) == server) { /* the port was taken */
            (void)snprintf(port, sizeof(port), "%d", PORT_FIRST + (getpid() + turn++) % PORTS);
            server = start_perftest(where, 1, words, null);
        }
        if (client(c, where, port, count, &value))
            break;
        if (tries == 500)
            die("ucx_perftest has measured nothing");
        (void)usleep(10000); /* the server does not listen yet */
    }
    (void)close(null);
    (void)waitpid(server, NULL, 0);
    return value;
}

static void print_row(const struct perf_case *c, double values[3][ROUNDS_MAX], size_t rounds)
{
    const double scale = c->latency ? 1e6 : 1e-6;
    size_t best;

    for (size_t i = 0; i < 3; i++)
        stats_sort(values[i], rounds);
    (void)printf("%-20s", c->name);
    for (size_t i = 0; i < 2; i++)
        (void)printf("  %9.2f [%.2f %.2f]", values[i][rounds / 2] * scale,
                     values[i][rounds / 4] * scale, values[i][rounds * 3 / 4] * scale);
    best = c->latency ? 0 : rounds - 1;
    (void)printf(" %s  ratio %.3f [%.3f %.3f], of the best %.3f\n", c->latency ? "us" : "MB/s",
                 values[2][rounds / 2], values[2][rounds / 4], values[2][rounds * 3 / 4],
                 values[0][best] / values[1][best]);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static double values[ARRAY_LEN(cases)][3][ROUNDS_MAX];
    struct where where = {.address = "127.0.0.1"};
    size_t rounds;

    if (argc != 3 && argc != 6)
        die("usage: fabric_probe ROUNDS MS [NETNS_A NETNS_B ADDRESS_B]");
    rounds = (size_t)strtoul(argv[1], NULL, 10);
    where.ms = (uint32_t)strtoul(argv[2], NULL, 10);
    if (rounds < 1 || rounds > ROUNDS_MAX || where.ms < 1)
        die("1 to 1000 rounds of at least 1 ms");
    if (argc == 6)
        where = (struct where){where.ms, {argv[3], argv[4]}, argv[5]};
    for (size_t round = 0; round < rounds; round++)
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            double ours = measure_ours(&cases[i], &where);
            double theirs = measure_perftest(&cases[i], &where, ours);

            values[i][0][round] = ours;
            values[i][1][round] = theirs;
            values[i][2][round] = ours / theirs;
        }
    (void)printf("%-20s  %-28s  %-28s\n", "", "firstlight-probe", "ucx_perftest");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        print_row(&cases[i], values[i], rounds);
    return 0;
}
