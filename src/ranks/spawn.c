#include "ranks/spawn.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/vec.h"
#include "ranks/procs.h"
#include "ranks/spawn_parts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READS_A_TURN       4          /* then others have their turn */
#define DRAIN_BYTES        (2u << 20) /* more than a pipe holds: then it is not the dead rank's */
#define REAP_PAUSE_MS      20         /* zombies of strangers do not hurry while ranks live */
#define KILL_PAUSE_MS      5
#define STRAGGLER_GRACE_MS 200 /* to end by themselves when all ranks did: `| tee` */
#define END_NOW_MS         5000
#define ERROR_FILE_BYTES   (1u << 20)

static void arm(struct event *event, int ms)
{
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    (void)event_add(event, &after);
}

/* ---- output ---- */

static void close_stream(struct stream *stream)
{
    if (stream->event)
        event_free(stream->event);
    if (stream->fd >= 0)
        (void)close(stream->fd);
    stream->event = NULL;
    stream->fd = -1;
}

static void take_output(struct stream *stream, struct str bytes)
{
    struct rank *rank = stream->rank;
    const struct spawn_watch *watch = &rank->spawn->watch;
    struct err err;

    last_words_add(&stream->words, bytes);
    if (rank_log_add(rank->log, bytes, &err) < 0 && watch->note)
        watch->note(watch->data, err.text);
    if (watch->output)
        watch->output(watch->data, rank->local, stream->number, bytes);
}

/* False: there is nothing more at the moment, or never. */
static bool read_some(struct stream *stream, size_t *got)
{
    char *buffer = stream->rank->spawn->buffer;
    ssize_t n;

    *got = 0;
    if (stream->fd < 0)
        return false;
    do
        n = read(stream->fd, buffer, SPAWN_READ_BYTES);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        *got = (size_t)n;
        take_output(stream, (struct str){buffer, (size_t)n});
        return true;
    }
    if (n == 0 || errno != EAGAIN)
        close_stream(stream);
    return false;
}

void spawn_on_output(evutil_socket_t fd, short what, void *arg)
{
    size_t got;

    (void)fd;
    (void)what;
    for (int i = 0; i < READS_A_TURN && read_some(arg, &got) && got == SPAWN_READ_BYTES; i++)
        ;
}

/* All that the dead rank wrote is in the pipe; who else holds its other end may write for ever. */
static void drain(struct stream *stream)
{
    size_t total = 0, got;

    while (total < DRAIN_BYTES && read_some(stream, &got))
        total += got;
}

/* ---- ends ---- */

static bool is_mine(const struct spawn *spawn, pid_t pid)
{
    return spawn->watch.mine && spawn->watch.mine(spawn->watch.data, pid);
}

static struct rank *rank_of_pid(const struct spawn *spawn, pid_t pid)
{
    struct rank *rank = map_get(&spawn->by_pid, (uint64_t)pid, NULL);

    return rank && rank->pid == pid ? rank : NULL;
}

/* Kill a child; of a rank that is not reaped yet also the group, whose number is then its own. */
static bool kill_child(void *data, pid_t pid)
{
    struct spawn *spawn = data;
    struct rank *rank = rank_of_pid(spawn, pid);

    if (is_mine(spawn, pid))
        return true;
    if (rank) {
        rank->killed = true;
        (void)kill(-pid, SIGKILL);
    }
    (void)kill(pid, SIGKILL);
    return true;
}

static void kill_all(struct spawn *spawn)
{
    if (spawn->cgroup)
        cgroup_kill(spawn->cgroup);
    procs_each_child(kill_child, spawn);
}

struct strangers {
    struct spawn *spawn;
    unsigned left;
};

/* What ranks left behind and fell to us. */
static bool reap_stranger(void *data, pid_t pid)
{
    struct strangers *strangers = data;
    siginfo_t info = {0};

    if (rank_of_pid(strangers->spawn, pid) || is_mine(strangers->spawn, pid))
        return true;
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) == 0 && !info.si_pid)
        strangers->left++;
    else if (strangers->spawn->killing && info.si_code == CLD_KILLED && info.si_status == SIGKILL)
        strangers->spawn->stragglers++;
    return true;
}

/* Who has no child has no descendant: those of the dead fall to us. */
static bool any_left(struct spawn *spawn)
{
    struct strangers strangers = {.spawn = spawn};

    procs_each_child(reap_stranger, &strangers);
    return strangers.left || (spawn->cgroup && !spawn->alive && cgroup_populated(spawn->cgroup));
}

/* One step towards the end, when all ranks are gone or are to be killed; else zombies are reaped.
 */
void spawn_on_end(evutil_socket_t fd, short what, void *arg)
{
    struct spawn *spawn = arg;
    bool left;

    (void)fd;
    (void)what;
    if (spawn->told_empty)
        return;
    left = any_left(spawn);
    if (!spawn->alive && !left) {
        spawn->told_empty = true;
        for (uint32_t i = 0; i < spawn->nproc; i++)
            for (int s = 0; s < 2; s++)
                drain(&spawn->ranks[i].streams[s]);
        spawn->watch.empty(spawn->watch.data, spawn->stragglers); /* may free us */
        return;
    }
    if (!spawn->alive && !spawn->grace_until_ns)
        spawn->grace_until_ns = clock_now_ns() + STRAGGLER_GRACE_MS * INT64_C(1000000);
    if (!spawn->alive && clock_now_ns() >= spawn->grace_until_ns)
        spawn->killing = true;
    if (spawn->killing)
        kill_all(spawn);
    if (spawn->killing || !spawn->alive)
        arm(spawn->end_event, KILL_PAUSE_MS);
}

static void rank_ended(struct rank *rank, int wait_status, int64_t at_ns)
{
    struct spawn *spawn = rank->spawn;
    bool by_kill = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
    bool oom = by_kill && !rank->killed && oom_killed(&spawn->oom, rank->pid);

    if (by_kill && rank->exit_code)
        wait_status = W_EXITCODE(rank->exit_code, 0);
    rank->pid = 0;
    if (rank->exit_event)
        event_free(rank->exit_event);
    if (rank->pidfd >= 0)
        (void)close(rank->pidfd);
    rank->exit_event = NULL;
    rank->pidfd = -1;
    for (int s = 0; s < 2; s++)
        drain(&rank->streams[s]);
    if (!--spawn->alive)
        event_active(spawn->end_event, EV_TIMEOUT, 0);
    spawn->watch.exited(spawn->watch.data, rank->local, wait_status, oom, at_ns);
}

static int status_of(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED   ? W_EXITCODE(info->si_status, 0)
           : info->si_code == CLD_DUMPED ? info->si_status | WCOREFLAG
                                         : info->si_status;
}

/* Reap it if it has ended. */
static bool reap_rank(struct rank *rank)
{
    int64_t at_ns = clock_now_ns();
    siginfo_t info = {0};

    if (!rank->pid || waitid(P_PID, (id_t)rank->pid, &info, WEXITED | WNOHANG) < 0 || !info.si_pid)
        return false;
    rank_ended(rank, status_of(&info), at_ns);
    return true;
}

void spawn_on_exit_of_rank(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)reap_rank(arg);
}

/* A child ended: a stranger's zombie, or on a kernel without pidfds perhaps a rank. */
void spawn_on_child(evutil_socket_t fd, short what, void *arg)
{
    struct spawn *spawn = arg;

    (void)fd;
    (void)what;
    for (uint32_t i = 0; i < spawn->nproc; i++)
        if (spawn->ranks[i].pid && spawn->ranks[i].pidfd < 0)
            (void)reap_rank(&spawn->ranks[i]);
    if (!spawn->told_empty && !evtimer_pending(spawn->end_event, NULL))
        arm(spawn->end_event, spawn->alive ? REAP_PAUSE_MS : 0);
}

/* ---- what is asked of it ---- */

void spawn_signal(struct spawn *spawn, uint32_t local_rank, int signo)
{
    struct rank *rank = &spawn->ranks[local_rank];

    if (!rank->pid)
        return;
    rank->killed |= signo == SIGKILL;
    (void)kill(rank->pid, signo); /* not reaped: it is still the one */
}

void spawn_end_rank(struct spawn *spawn, uint32_t local_rank, int exit_code)
{
    spawn->ranks[local_rank].exit_code = exit_code;
    spawn_signal(spawn, local_rank, SIGKILL);
}

/* Is it, or is it below, a child that the agent keeps for itself? */
static bool below_mine(const struct spawn *spawn, const struct procs *procs, pid_t pid)
{
    const struct procs_row *row = procs_find(procs, pid);

    for (size_t steps = 0; row && row->pid != getpid() && steps < procs->count; steps++) {
        if (is_mine(spawn, row->pid))
            return true;
        row = procs_find(procs, row->parent);
    }
    return false;
}

void spawn_signal_all(struct spawn *spawn, int signo)
{
    struct procs procs;

    if (signo == SIGKILL) {
        spawn->killing = true;
        kill_all(spawn);
        if (!spawn->told_empty)
            arm(spawn->end_event, KILL_PAUSE_MS);
        return;
    }
    for (uint32_t i = 0; i < spawn->nproc; i++)
        spawn_signal(spawn, i, signo);
    if (procs_take(&procs) < 0)
        return;
    for (size_t i = 0; i < procs.count; i++) {
        const struct procs_row *row = &procs.rows[i];

        if (row->state != 'Z' && !rank_of_pid(spawn, row->pid) &&
            procs_below(&procs, row->pid, getpid()) && !below_mine(spawn, &procs, row->pid))
            procs_signal(row, signo);
    }
    procs_done(&procs);
}

pid_t spawn_pid(const struct spawn *spawn, uint32_t local_rank)
{
    return spawn->ranks[local_rank].pid;
}

struct page *spawn_page(const struct spawn *spawn, uint32_t local_rank)
{
    return spawn->ranks[local_rank].page;
}

const char *spawn_without_cgroup(const struct spawn *spawn)
{
    return spawn->cgroup ? NULL : spawn->without_cgroup.text;
}

struct str spawn_last_words(struct spawn *spawn, struct arena *arena, uint32_t local_rank,
                            size_t max)
{
    const struct rank *rank = &spawn->ranks[local_rank];
    struct str words = {"", 0};
    char *json;
    size_t len;

    if (file_read(rank->error_file, ERROR_FILE_BYTES, &json, &len, NULL) == 0) {
        words = last_words_error_file(arena, (struct str){json, len}, max);
        free(json);
    }
    for (int s = 1; s >= 0 && !words.len; s--) /* stderr first */
        words = last_words_text(&rank->streams[s].words, arena, max);
    return words;
}

int64_t spawn_log_size(const struct spawn *spawn, uint32_t local_rank)
{
    return rank_log_size(spawn->ranks[local_rank].log);
}

/* By its line of parents; what lost that (a daemon) by its group, if it kept that. */
static int32_t owner_of(const struct spawn *spawn, const struct procs *procs, pid_t pid)
{
    const struct procs_row *row = procs_find(procs, pid);
    const struct rank *rank = row ? rank_of_pid(spawn, row->group) : NULL;

    for (size_t steps = 0; row && steps < procs->count; steps++) {
        const struct rank *above = rank_of_pid(spawn, row->pid);

        if (above)
            return (int32_t)above->local;
        row = procs_find(procs, row->parent);
    }
    return rank ? (int32_t)rank->local : -1;
}

static void look_for_peers(struct spawn *spawn)
{
    VEC(struct peers_process) processes = {0};
    struct procs procs;

    if (procs_take(&procs) < 0)
        return;
    for (size_t i = 0; i < procs.count; i++) {
        int32_t rank = owner_of(spawn, &procs, procs.rows[i].pid);
        struct peers_process *slot = rank < 0 ? NULL : vec_push(&processes);

        if (slot)
            *slot = (struct peers_process){procs.rows[i].pid, rank};
    }
    (void)peers_look(&spawn->peers, processes.items, processes.count, clock_now_ns());
    vec_done(&processes);
    procs_done(&procs);
}

int64_t spawn_rank_of_socket(struct spawn *spawn, uint16_t peer_port)
{
    int64_t rank = peers_take(&spawn->peers, peer_port, clock_now_ns());

    if (rank >= 0)
        return rank;
    look_for_peers(spawn);
    return peers_take(&spawn->peers, peer_port, clock_now_ns());
}

/* ---- end ---- */

/* Outside the loop: an attempt that could not be started, or one given up. */
static void end_now(struct spawn *spawn)
{
    int64_t end = clock_now_ns() + END_NOW_MS * INT64_C(1000000);

    spawn->killing = true;
    while (clock_now_ns() < end) {
        kill_all(spawn);
        for (uint32_t i = 0; i < spawn->nproc; i++)
            if (spawn->ranks[i].pid &&
                waitpid(spawn->ranks[i].pid, NULL, WNOHANG) == spawn->ranks[i].pid) {
                spawn->ranks[i].pid = 0;
                spawn->alive--;
            }
        if (!spawn->alive && !any_left(spawn))
            return;
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void free_rank(struct rank *rank)
{
    if (rank->exit_event)
        event_free(rank->exit_event);
    if (rank->pidfd >= 0)
        (void)close(rank->pidfd);
    for (int s = 0; s < 2; s++) {
        close_stream(&rank->streams[s]);
        last_words_done(&rank->streams[s].words);
    }
    rank_log_free(rank->log);
    if (rank->page) {
        page_unmap(rank->page);
        (void)unlink(rank->page_path);
    }
}

void spawn_free(struct spawn *spawn)
{
    if (!spawn)
        return;
    if ((spawn->alive || spawn->by_pid.count) && !spawn->told_empty) /* some rank ran */
        end_now(spawn);
    for (uint32_t i = 0; spawn->ranks && i < spawn->nproc; i++)
        free_rank(&spawn->ranks[i]);
    if (spawn->child_event)
        event_free(spawn->child_event);
    if (spawn->end_event)
        event_free(spawn->end_event);
    (void)setrlimit(RLIMIT_NOFILE, &spawn->files);
    cgroup_free(spawn->cgroup);
    oom_done(&spawn->oom);
    peers_done(&spawn->peers);
    launch_done(&spawn->launch);
    map_done(&spawn->by_pid);
    arena_free(spawn->arena);
    free(spawn->ranks);
    free(spawn);
}
