#include "ranks/spawn.h"

#include "base/file.h"
#include "base/map.h"
#include "base/vec.h"
#include "job/rank_env.h"
#include "ranks/bind.h"
#include "ranks/cgroup.h"
#include "ranks/folders.h"
#include "ranks/gpus.h"
#include "ranks/last_words.h"
#include "ranks/launch.h"
#include "ranks/oom.h"
#include "ranks/peers.h"
#include "ranks/procs.h"
#include "ranks/rank_log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES         65536
#define READS_A_TURN       4          /* then others have their turn */
#define DRAIN_BYTES        (2u << 20) /* more than a pipe holds: then it is not the dead rank's */
#define FILES_A_RANK       4          /* two pipes, a pidfd, a log */
#define FILES_BESIDE       256
#define REAP_PAUSE_MS      20 /* zombies of strangers do not hurry while ranks live */
#define KILL_PAUSE_MS      5
#define STRAGGLER_GRACE_MS 200 /* to end by themselves when all ranks did: `| tee` */
#define END_NOW_MS         5000
#define ENV_BYTES_MAX      (16u << 20)
#define ERROR_FILE_BYTES   (1u << 20)

struct rank;

struct stream {
    struct rank *rank;
    int number, fd; /* 1 or 2; -1: at its end */
    struct event *event;
    struct last_words words;
};

struct rank {
    struct spawn *spawn;
    uint32_t local;
    pid_t pid; /* 0: gone */
    int pidfd;
    bool killed; /* by us */
    struct event *exit_event;
    struct stream streams[2];
    struct rank_log *log;
    struct page *page;
    const char *page_path, *error_file;
};

struct spawn {
    struct spawn_watch watch;
    struct event_base *base;
    struct arena *arena; /* lives as long as the attempt */
    const char *folder;
    uint32_t first_rank, nproc, alive;
    struct rank *ranks;
    struct map by_pid;
    struct launch launch;
    struct cgroup *cgroup;
    struct err without_cgroup;
    struct oom oom;
    struct peers peers;
    struct rlimit files; /* ours before */
    struct event *child_event, *end_event;
    int64_t grace_until_ns; /* of stragglers; 0: not begun */
    unsigned stragglers;
    bool killing, told_empty;
    char buffer[READ_BYTES];
};

static int64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

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
        n = read(stream->fd, buffer, READ_BYTES);
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

static void on_output(evutil_socket_t fd, short what, void *arg)
{
    size_t got;

    (void)fd;
    (void)what;
    for (int i = 0; i < READS_A_TURN && read_some(arg, &got) && got == READ_BYTES; i++)
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
static void on_end(evutil_socket_t fd, short what, void *arg)
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
        spawn->grace_until_ns = now_ns() + STRAGGLER_GRACE_MS * INT64_C(1000000);
    if (!spawn->alive && now_ns() >= spawn->grace_until_ns)
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
    int64_t at_ns = now_ns();
    siginfo_t info = {0};

    if (!rank->pid || waitid(P_PID, (id_t)rank->pid, &info, WEXITED | WNOHANG) < 0 || !info.si_pid)
        return false;
    rank_ended(rank, status_of(&info), at_ns);
    return true;
}

static void on_exit_of_rank(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)reap_rank(arg);
}

/* A child ended: a stranger's zombie, or on a kernel without pidfds perhaps a rank. */
static void on_child(evutil_socket_t fd, short what, void *arg)
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

/* ---- start ---- */

static int allow_files(struct spawn *spawn, const char *node, struct err *err)
{
    rlim_t need = (rlim_t)spawn->nproc * FILES_A_RANK + FILES_BESIDE;
    struct rlimit files = spawn->files;

    if (files.rlim_cur >= need)
        return 0;
    files.rlim_cur = need;
    if (files.rlim_max < need)
        files.rlim_max = need; /* root may */
    if (setrlimit(RLIMIT_NOFILE, &files) == 0)
        return 0;
    return err_set(err, -EMFILE, "%u ranks need %llu open files, %s allows %llu (ulimit -Hn)",
                   spawn->nproc, (unsigned long long)need, node,
                   (unsigned long long)spawn->files.rlim_max);
}

static int open_pipe(int *from_rank, int *to_agent)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        int high = ends[i];

        if (high > LAUNCH_PMI_FD)
            continue;
        ends[i] = fcntl(high, F_DUPFD_CLOEXEC, LAUNCH_PMI_FD + 1);
        (void)close(high);
    }
    if (ends[0] < 0 || ends[1] < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
        int r = -errno;

        for (int i = 0; i < 2; i++)
            if (ends[i] >= 0)
                (void)close(ends[i]);
        return r;
    }
    *from_rank = ends[0];
    *to_agent = ends[1];
    return 0;
}

static int watch_stream(struct rank *rank, int number, int *write_end)
{
    struct stream *stream = &rank->streams[number - 1];
    int r = open_pipe(&stream->fd, write_end);

    if (r < 0)
        return r;
    stream->event =
        event_new(rank->spawn->base, stream->fd, EV_READ | EV_PERSIST, on_output, stream);
    return stream->event && event_add(stream->event, NULL) == 0 ? 0 : -ENOMEM;
}

/* What is the same for all ranks of the attempt, while they are started. */
struct start {
    const struct spawn_request *request;
    struct spawn *spawn;
    struct arena *arena; /* of one rank at a time */
    struct gpus gpus;
    struct bind_plan plan;
    int stdin_fd; /* for rank 0; -1: none */
};

static struct rank_place place_of(const struct start *start, struct rank *rank)
{
    const struct spawn_request *request = start->request;
    size_t first = 0, count = 0;

    if (request->job->gpus)
        gpus_of_rank(&start->gpus, rank->local, request->nproc, &first, &count);
    return (struct rank_place){
        .rank = request->first_rank + rank->local,
        .world = request->world,
        .local_rank = rank->local,
        .local_world = request->nproc,
        .node_rank = request->node_rank,
        .nnodes = request->nnodes,
        .attempt = request->attempt,
        .run = request->run,
        .node_name = request->node_name,
        .hosts = request->hosts,
        .master_addr = request->master_addr,
        .master_port = request->master_port,
        .agent_store = request->agent_store,
        .resume = request->resume,
        .page = rank->page_path,
        .error_file = rank->error_file,
        .pmi_fd = request->pmi_fds && request->pmi_fds[rank->local] >= 0 ? LAUNCH_PMI_FD : -1,
        .gpus = count ? gpus_words(start->arena, &start->gpus, first, count) : NULL,
    };
}

static int prepare_rank(const struct start *start, struct rank *rank, struct err *err)
{
    const struct spawn_request *request = start->request;
    struct spawn *spawn = start->spawn;
    unsigned number = request->first_rank + rank->local;

    rank->page_path =
        arena_printf(spawn->arena, "%s/%u-%u", request->page_folder, request->attempt, number);
    rank->error_file = arena_printf(spawn->arena, "%s/rank-%u.error.json", spawn->folder, number);
    rank->log = rank_log_new(spawn->folder, number, request->job->log_bytes);
    if (!rank->page_path || !rank->error_file || !rank->log)
        return err_set(err, -ENOMEM, "no memory for rank %u", number);
    rank->page = page_create(rank->page_path, err);
    return rank->page ? 0 : err->code;
}

static int launch_rank(const struct start *start, struct rank *rank, const int ends[2],
                       struct err *err)
{
    const struct spawn_request *request = start->request;
    struct rank_place place = place_of(start, rank);
    int pmi = request->pmi_fds ? request->pmi_fds[rank->local] : -1;
    struct launch_rank one = {
        .words = rank_command(start->arena, request->job, &place),
        .env = rank_env(start->arena, request->env, request->job, &place),
        .in = start->stdin_fd >= 0 && place.rank == 0 ? start->stdin_fd
                                                      : start->spawn->launch.null_fd,
        .out = ends[0],
        .error = ends[1],
        .pmi = pmi,
        .cpus = start->plan.sets[rank->local],
        .cpu_bytes = start->plan.set_bytes,
    };

    if (!one.words || !one.env)
        return err_set(err, -ENOMEM, "no memory for the environment of rank %u", place.rank);
    return launch_one(&start->spawn->launch, start->arena, &one, &rank->pid, &rank->pidfd, err);
}

static int watch_rank(struct spawn *spawn, struct rank *rank, struct err *err)
{
    spawn->alive++;
    if (map_add(&spawn->by_pid, (uint64_t)rank->pid, rank) < 0)
        return err_set(err, -ENOMEM, "no memory for rank %u", spawn->first_rank + rank->local);
    if (rank->pidfd < 0)
        return 0; /* on_child finds it */
    rank->exit_event = event_new(spawn->base, rank->pidfd, EV_READ, on_exit_of_rank, rank);
    if (!rank->exit_event || event_add(rank->exit_event, NULL) < 0)
        return err_set(err, -ENOMEM, "no memory for rank %u", spawn->first_rank + rank->local);
    return 0;
}

static int start_rank(const struct start *start, struct rank *rank, struct err *err)
{
    int ends[2] = {-1, -1};
    int r = prepare_rank(start, rank, err);

    for (int s = 0; r == 0 && s < 2; s++)
        if ((r = watch_stream(rank, s + 1, &ends[s])) < 0)
            (void)err_set(err, r, "no pipe for rank %u: %s",
                          start->request->first_rank + rank->local, strerror(-r));
    if (r == 0)
        r = launch_rank(start, rank, ends, err);
    for (int s = 0; s < 2; s++)
        if (ends[s] >= 0)
            (void)close(ends[s]);
    return r == 0 ? watch_rank(start->spawn, rank, err) : r;
}

static const char *env_value(const char *const *env, const char *name)
{
    size_t len = strlen(name);

    for (; env && *env; env++)
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
            return *env + len + 1;
    return NULL;
}

/* PATH as ranks will have it: the job may set it. */
static int find_program(const struct start *start, struct err *err)
{
    const struct spawn_request *request = start->request;
    struct rank_place place = place_of(start, &start->spawn->ranks[0]);
    const char **env = rank_env(start->arena, request->env, request->job, &place);

    if (!env || !request->job->command.count)
        return err_set(err, env ? -EINVAL : -ENOMEM,
                       env ? "no program is given" : "no memory for the environment");
    return launch_init(&start->spawn->launch, start->spawn->arena, request->job->command.items[0],
                       env_value(env, "PATH"), request->job->cwd, request->node_name, err);
}

static void find_cgroup(struct spawn *spawn, const struct spawn_request *request)
{
    char own[4096], name[256];
    bool there = cgroup_own("/proc/self", own, sizeof(own), &spawn->without_cgroup) == 0;

    (void)snprintf(name, sizeof(name), "%.200s-%u", request->run, request->attempt);
    if (there)
        spawn->cgroup = cgroup_make(own, name, &spawn->without_cgroup);
    if (spawn->cgroup)
        spawn->launch.cgroup_fd = cgroup_fd(spawn->cgroup);
    oom_init(&spawn->oom, there ? own : NULL);
}

static int plan_places(struct start *start, struct err *err)
{
    const struct spawn_request *request = start->request;
    const struct job *job = request->job;
    struct bind_wish wish = {
        .how = job->bind, .nproc = request->nproc, .gpus = &start->gpus, .root = ""};

    if ((job->gpus || job->bind == JOB_BIND_GPU) &&
        gpus_find(start->spawn->arena, "", env_value(request->env, "CUDA_VISIBLE_DEVICES"),
                  &start->gpus) < 0)
        return err_set(err, -ENOMEM, "no memory for the GPUs");
    return bind_plan(start->spawn->arena, &wish, &start->plan, err);
}

static int start_all(struct start *start, struct err *err)
{
    struct spawn *spawn = start->spawn;
    int r = allow_files(spawn, start->request->node_name, err);

    if (r == 0)
        r = folders_make(start->request->folder, err);
    if (r == 0)
        r = folders_make(start->request->page_folder, err);
    if (r == 0)
        r = plan_places(start, err);
    if (r == 0)
        r = find_program(start, err);
    if (r < 0)
        return r;
    find_cgroup(spawn, start->request);
    if (start->request->job->tie_stdin && start->request->first_rank == 0)
        start->stdin_fd = fcntl(0, F_DUPFD_CLOEXEC, LAUNCH_PMI_FD + 1);
    for (uint32_t i = 0; r == 0 && i < spawn->nproc; i++) {
        arena_reset(start->arena);
        r = start_rank(start, &spawn->ranks[i], err);
    }
    if (start->stdin_fd >= 0)
        (void)close(start->stdin_fd);
    if (spawn->cgroup && spawn->launch.cgroup_fd < 0) { /* the kernel did not let ranks in */
        (void)err_set(&spawn->without_cgroup, -EPERM, "ranks may not be born in %s",
                      cgroup_path(spawn->cgroup));
        cgroup_free(spawn->cgroup);
        spawn->cgroup = NULL;
    }
    return r;
}

static struct spawn *spawn_new(const struct spawn_request *request, const struct spawn_watch *watch)
{
    struct spawn *spawn = calloc(1, sizeof(*spawn));

    if (!spawn)
        return NULL;
    spawn->watch = *watch;
    spawn->base = request->base;
    spawn->first_rank = request->first_rank;
    spawn->nproc = request->nproc;
    spawn->oom.log_fd = spawn->oom.events_fd = -1;
    spawn->launch.cwd_fd = spawn->launch.null_fd = spawn->launch.cgroup_fd = -1;
    (void)getrlimit(RLIMIT_NOFILE, &spawn->files);
    spawn->arena = arena_new(0);
    spawn->ranks = calloc(request->nproc, sizeof(*spawn->ranks));
    spawn->child_event = evsignal_new(request->base, SIGCHLD, on_child, spawn);
    spawn->end_event = evtimer_new(request->base, on_end, spawn);
    for (uint32_t i = 0; spawn->ranks && i < spawn->nproc; i++) {
        struct rank *rank = &spawn->ranks[i];

        *rank = (struct rank){.spawn = spawn, .local = i, .pidfd = -1};
        for (int s = 0; s < 2; s++)
            rank->streams[s] = (struct stream){.rank = rank, .number = s + 1, .fd = -1};
    }
    if (spawn->arena)
        spawn->folder = arena_copy(spawn->arena, request->folder, strlen(request->folder));
    if (spawn->folder && spawn->ranks && spawn->end_event && spawn->child_event &&
        event_add(spawn->child_event, NULL) == 0)
        return spawn;
    spawn_free(spawn);
    return NULL;
}

int spawn_start(const struct spawn_request *request, const struct spawn_watch *watch,
                struct spawn **out, struct err *err)
{
    struct start start = {.request = request, .stdin_fd = -1, .arena = arena_new(ENV_BYTES_MAX)};
    struct err own;
    int r;

    if (!err)
        err = &own;
    start.spawn = start.arena ? spawn_new(request, watch) : NULL;
    r = start.spawn ? start_all(&start, err) : err_set(err, -ENOMEM, "no memory for the ranks");
    arena_free(start.arena);
    if (r < 0) {
        spawn_free(start.spawn);
        return r;
    }
    *out = start.spawn;
    return 0;
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

int spawn_log_read(struct spawn *spawn, struct arena *arena, uint32_t local_rank, int64_t offset,
                   size_t max, int64_t *first, struct str *bytes, struct err *err)
{
    int64_t size;

    return rank_log_read(arena, spawn->folder, spawn->first_rank + local_rank, offset, max, first,
                         bytes, &size, err);
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
    (void)peers_look(&spawn->peers, processes.items, processes.count, now_ns());
    vec_done(&processes);
    procs_done(&procs);
}

int64_t spawn_rank_of_socket(struct spawn *spawn, uint16_t peer_port)
{
    int64_t rank = peers_take(&spawn->peers, peer_port, now_ns());

    if (rank >= 0)
        return rank;
    look_for_peers(spawn);
    return peers_take(&spawn->peers, peer_port, now_ns());
}

/* ---- end ---- */

/* Outside the loop: an attempt that could not be started, or one given up. */
static void end_now(struct spawn *spawn)
{
    int64_t end = now_ns() + END_NOW_MS * INT64_C(1000000);

    spawn->killing = true;
    while (now_ns() < end) {
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
    if (spawn->alive && !spawn->told_empty)
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
