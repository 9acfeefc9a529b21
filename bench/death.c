/* death - a rank of many is killed: when is it known, when are all dead, when does the next attempt
 * run?
 *
 *   death FIRSTLIGHT STATE RANKS TIMES
 *
 * TIMES runs of RANKS local ranks, which are this program again ("death rank SOCKET"): each says by
 * a datagram that it runs, and then sleeps; the second attempt's leave at once. Of the first
 * attempt one rank is killed with SIGKILL. Printed as median [min max], from the kill on: when the
 * agent saw the death (the event's time), when the last rank of the attempt was dead (pidfds), when
 * the last rank of the next attempt had reached main; and how long each phase of the restart took
 * by the events. */
#include "base/stats.h"
#include "control/event.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RANKS_MAX 4096
#define TIMES_MAX 200
#define WAIT_MS   60000

struct hello {
    int attempt, rank, pid;
    int64_t at_ns;
};

enum value { KNOWN, ALL_DEAD, RUNNING_AGAIN, PHASES, VALUES = PHASES + PHASE_FIRST_STEP + 1 };

static const struct {
    const char *name;
    double want_ms; /* 0: none */
} rows[VALUES] = {
    [KNOWN] = {"known on its node", 20},
    [ALL_DEAD] = {"all ranks dead", 200},
    [RUNNING_AGAIN] = {"next attempt's ranks in main", 500},
    [PHASES + PHASE_DETECT] = {"  phase detect", 0},
    [PHASES + PHASE_ABORT] = {"  phase abort", 0},
    [PHASES + PHASE_DRAIN] = {"  phase drain", 0},
    [PHASES + PHASE_CHECK] = {"  phase check", 0},
    [PHASES + PHASE_SWAP] = {"  phase swap", 0},
    [PHASES + PHASE_SPAWN] = {"  phase spawn", 0},
};

static double samples[VALUES][TIMES_MAX];
static int counts[VALUES];

struct bench {
    const char *program, *state, *self;
    int ranks, socket;
    char path[100];
    struct pollfd dead[RANKS_MAX]; /* of the first attempt, by rank */
    int pids[RANKS_MAX];
    int64_t killed_ns, killed_wall_ns; /* by both clocks */
    int victim;
};

static void fail(const char *what)
{
    (void)fprintf(stderr, "death: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void add(enum value value, int64_t ns)
{
    if (counts[value] < TIMES_MAX)
        samples[value][counts[value]++] = (double)ns * 1e-6;
}

static struct sockaddr_un address(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    return at;
}

static int number_of(const char *name)
{
    const char *text = getenv(name);

    return text ? atoi(text) : 0;
}

static int be_rank(const char *path)
{
    const struct hello hello = {number_of("TORCHELASTIC_RESTART_COUNT"), number_of("RANK"),
                                getpid(), clock_ns(CLOCK_MONOTONIC)};
    const struct sockaddr_un to = address(path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 ||
        sendto(fd, &hello, sizeof(hello), 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
        return 1;
    while (hello.attempt == 0)
        (void)pause();
    return 0;
}

static pid_t start(const struct bench *bench)
{
    char ranks[16];
    pid_t pid = fork();

    (void)snprintf(ranks, sizeof(ranks), "%d", bench->ranks);
    if (pid == 0) {
        (void)execlp(bench->program, bench->program, "run", "-q", "-n", ranks, "--state",
                     bench->state, "--name", "death", "--attempts-without-progress", "3", "--",
                     bench->self, "rank", bench->path, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* Until every rank of this attempt has said that it runs; returns when the last one did. */
static int64_t await_ranks(struct bench *bench, int attempt)
{
    int64_t last_ns = 0;

    for (int heard = 0; heard < bench->ranks;) {
        struct pollfd fd = {.fd = bench->socket, .events = POLLIN};
        struct hello hello;

        if (poll(&fd, 1, WAIT_MS) <= 0 ||
            recv(bench->socket, &hello, sizeof(hello), 0) != sizeof(hello))
            fail("ranks did not come");
        if (hello.attempt != attempt || hello.rank < 0 || hello.rank >= bench->ranks)
            continue;
        heard++;
        bench->pids[hello.rank] = hello.pid;
        if (hello.at_ns > last_ns)
            last_ns = hello.at_ns;
    }
    return last_ns;
}

static void kill_one(struct bench *bench)
{
    for (int i = 0; i < bench->ranks; i++) {
        bench->dead[i] = (struct pollfd){.fd = pidfd_open(bench->pids[i], 0), .events = POLLIN};
        if (bench->dead[i].fd < 0)
            fail("a rank");
    }
    bench->victim = rand() % bench->ranks;
    bench->killed_wall_ns = clock_ns(CLOCK_REALTIME);
    bench->killed_ns = clock_ns(CLOCK_MONOTONIC);
    if (pidfd_send_signal(bench->dead[bench->victim].fd, SIGKILL, NULL, 0) < 0)
        fail("kill");
}

static void await_deaths(struct bench *bench)
{
    for (int left = bench->ranks; left > 0;) {
        if (poll(bench->dead, (nfds_t)bench->ranks, WAIT_MS) <= 0)
            fail("ranks did not die");
        for (int i = 0; i < bench->ranks; i++)
            if (bench->dead[i].fd >= 0 && bench->dead[i].revents) {
                (void)close(bench->dead[i].fd);
                bench->dead[i].fd = -1;
                left--;
            }
    }
    add(ALL_DEAD, clock_ns(CLOCK_MONOTONIC) - bench->killed_ns);
}

static bool read_event(void *data, const struct store_event *row)
{
    const struct bench *bench = data;
    struct arena *arena = arena_new(0);
    struct run_event event;

    if (arena && run_event_from_store(arena, row, &event) == 0) {
        if (event.kind == EV_RANK_EXITED && event.attempt == 1 && event.rank == bench->victim)
            add(KNOWN, event.at_ns - bench->killed_wall_ns);
        if (event.kind == EV_PHASE_ENDED && event.at_ns > bench->killed_wall_ns &&
            event.a <= PHASE_SPAWN)
            add(PHASES + (enum value)event.a, event.b);
    }
    arena_free(arena);
    return true;
}

static void read_events(struct bench *bench)
{
    struct arena *arena = arena_new(0);
    struct store_run run;
    struct store *store;
    struct err err = {0};

    if (!arena || store_open(bench->state, true, &store, &err) < 0 ||
        store_run_find(store, arena, "last", &run, &err) < 0 ||
        store_events(store, run.id, 0, read_event, bench, &err) < 0) {
        (void)fprintf(stderr, "death: %s\n", err.text);
        exit(1);
    }
    store_close(store);
    arena_free(arena);
}

static void once(struct bench *bench)
{
    pid_t pid = start(bench);
    int status;

    (void)await_ranks(bench, 0);
    kill_one(bench);
    await_deaths(bench);
    add(RUNNING_AGAIN, await_ranks(bench, 1) - bench->killed_ns);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        (void)fprintf(stderr, "death: the run did not end well\n");
        exit(1);
    }
    read_events(bench);
}

static void print_row(enum value value)
{
    double *values = samples[value];
    int count = counts[value];

    if (!count || !rows[value].name)
        return;
    stats_sort(values, (size_t)count);
    (void)printf("%-32s %8.1f [%.1f %.1f] ms", rows[value].name, values[count / 2], values[0],
                 values[count - 1]);
    if (rows[value].want_ms > 0)
        (void)printf("   want at most %.0f", rows[value].want_ms);
    (void)printf("\n");
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct sockaddr_un at;

    if (argc == 3 && !strcmp(argv[1], "rank"))
        return be_rank(argv[2]);
    if (argc != 5 || atoi(argv[3]) < 1 || atoi(argv[3]) > RANKS_MAX || atoi(argv[4]) < 1 ||
        atoi(argv[4]) > TIMES_MAX) {
        (void)fprintf(stderr, "usage: death FIRSTLIGHT STATE RANKS TIMES\n");
        return 2;
    }
    bench.program = argv[1];
    bench.state = argv[2];
    bench.self = realpath("/proc/self/exe", NULL);
    bench.ranks = atoi(argv[3]);
    (void)snprintf(bench.path, sizeof(bench.path), "/tmp/firstlight-death-%d", getpid());
    at = address(bench.path);
    bench.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (!bench.self || bench.socket < 0 ||
        bind(bench.socket, (const struct sockaddr *)&at, sizeof(at)) < 0)
        fail(bench.path);
    srand(1);
    for (int i = 0; i < atoi(argv[4]); i++)
        once(&bench);
    for (int value = 0; value < VALUES; value++)
        print_row((enum value)value);
    (void)unlink(bench.path);
    return 0;
}
