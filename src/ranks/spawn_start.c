/* How an attempt begins: what is the same for all ranks once, then each of them. */
#include "job/rank_env.h"
#include "ranks/bind.h"
#include "ranks/folders.h"
#include "ranks/gpus.h"
#include "ranks/spawn_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_A_RANK  6 /* two pipes, a pidfd, a log, both ends of its PMI socket */
#define FILES_BESIDE  256
#define ENV_BYTES_MAX (16u << 20)

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
        event_new(rank->spawn->base, stream->fd, EV_READ | EV_PERSIST, spawn_on_output, stream);
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
        return 0; /* spawn_on_child finds it */
    rank->exit_event = event_new(spawn->base, rank->pidfd, EV_READ, spawn_on_exit_of_rank, rank);
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
    if (job->gpus && !start->gpus.count)
        return err_set(err, -ENODEV, "gpus: there is no GPU here");
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
    spawn->launch = (struct launch)LAUNCH_NONE;
    (void)getrlimit(RLIMIT_NOFILE, &spawn->files);
    spawn->arena = arena_new(0);
    spawn->ranks = calloc(request->nproc, sizeof(*spawn->ranks));
    spawn->child_event = evsignal_new(request->base, SIGCHLD, spawn_on_child, spawn);
    spawn->end_event = evtimer_new(request->base, spawn_on_end, spawn);
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
