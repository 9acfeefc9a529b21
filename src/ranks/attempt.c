#include "ranks/attempt.h"
#include "base/clock.h"
#include "base/file.h"
#include "job/job.h"
#include "ranks/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LAST_WORDS_MAX 2048
#define IO_FILE_BYTES  4096
#define GROWS_BYTES    65536 /* to disk between two looks: more than a log line or two */

struct attempt {
    struct attempt_host host;
    const struct msg_start *start;
    struct arena *arena; /* the job and what is made of it */
    struct job job;
    struct err err; /* why its ranks can't be started; code 0: nothing */
    struct store_port *store;
    struct spawn *spawn;
    struct rank_status *status;
    struct live_output *live;
    bool stepped;     /* attempt_first_step has said so */
    bool ending;      /* its ranks were asked or told to end */
    int64_t *written; /* by local rank: bytes that went to disk, at the last look while ending */
    struct buf told;  /* the STATUS that was sent last, encoded */
};

/* ---- the store ---- */

static void on_store_up(void *data, struct str bytes)
{
    struct attempt *attempt = data;

    attempt->host.send(
        attempt->host.data,
        &(struct message){.id = MSG_STORE_UP,
                          .store = {.attempt = attempt->start->attempt, .bytes = bytes}});
}

static void on_aborted(void *data, uint32_t local_rank, int exit_code)
{
    struct attempt *attempt = data;

    if (attempt->spawn)
        spawn_end_rank(attempt->spawn, local_rank, exit_code);
}

static int64_t on_rank_of(void *data, uint16_t peer_port)
{
    struct attempt *attempt = data;

    return attempt->spawn ? spawn_rank_of_socket(attempt->spawn, peer_port) : -1;
}

/* ---- where the ranks are ---- */

static void on_page_used(void *data, uint32_t local_rank)
{
    ranks_page_used(((struct attempt *)data)->host.machine, local_rank);
}

static void on_stop_seen(void *data, uint32_t local_rank)
{
    ranks_stop_seen(((struct attempt *)data)->host.machine, local_rank);
}

static void on_saved(void *data, uint32_t local_rank, int64_t step, struct str path, int64_t at_ns)
{
    ranks_checkpoint_saved(((struct attempt *)data)->host.machine, local_rank, step, path, at_ns,
                           clock_now_ns());
}

static void on_phase(void *data, uint32_t local_rank, uint32_t phase, int64_t at_ns)
{
    ranks_phase(((struct attempt *)data)->host.machine, local_rank, phase, at_ns, clock_now_ns());
}

static void on_live(void *data, const struct msg_log *log)
{
    struct attempt *attempt = data;

    attempt->host.send(attempt->host.data, &(struct message){.id = MSG_LOG, .log = *log});
}

static int prepare(struct attempt *attempt, struct err *err)
{
    const struct msg_start *start = attempt->start;
    struct rank_status_watch seen = {.data = attempt,
                                     .page_used = on_page_used,
                                     .stop_seen = on_stop_seen,
                                     .saved = on_saved,
                                     .phase = on_phase};
    struct live_output_watch live = {.data = attempt, .send = on_live};
    struct store_port_watch store = {
        .data = attempt, .up = on_store_up, .rank_of = on_rank_of, .aborted = on_aborted};
    struct proxy_limits limits = {.world = start->world,
                                  .first_rank = start->first_rank,
                                  .nproc = start->nproc,
                                  .node_rank = start->node_rank};
    int r;

    job_init(&attempt->job);
    r = job_read(attempt->arena, start->job, "the job", &attempt->job, err);
    if (r < 0)
        return r;
    attempt->written = arena_alloc(attempt->arena, start->nproc * sizeof(int64_t));
    attempt->status = rank_status_new(start->nproc, attempt->job.step_pattern, &seen);
    attempt->live = live_output_new(start->attempt, start->first_rank, start->nproc, &live);
    if (!attempt->written || !attempt->status || !attempt->live)
        return err_set(err, -ENOMEM, "no memory for %u ranks", start->nproc);
    attempt->store = store_port_open(attempt->host.base, attempt->host.incarnation, &limits,
                                     start->master_port == 0, &store, err);
    return attempt->store ? 0 : err->code;
}

struct attempt *attempt_new(const struct attempt_host *host, const struct msg_start *start)
{
    struct attempt *attempt = calloc(1, sizeof(*attempt));

    if (!attempt)
        return NULL;
    attempt->host = *host;
    attempt->start = start;
    attempt->arena = arena_new(0);
    if (!attempt->arena)
        (void)err_set(&attempt->err, -ENOMEM, "no memory for the job");
    else
        (void)prepare(attempt, &attempt->err);
    return attempt;
}

void attempt_free(struct attempt *attempt)
{
    if (!attempt)
        return;
    spawn_free(attempt->spawn);
    store_port_free(attempt->store);
    rank_status_free(attempt->status);
    live_output_free(attempt->live);
    buf_done(&attempt->told);
    arena_free(attempt->arena);
    free(attempt);
}

/* ---- processes ---- */

static void look_at_page(struct attempt *attempt, uint32_t local_rank)
{
    const struct page *page = spawn_page(attempt->spawn, local_rank);

    if (page)
        rank_status_look(attempt->status, local_rank, page);
}

static void on_exited(void *data, uint32_t local_rank, int wait_status, bool oom, int64_t exited_ns)
{
    struct attempt *attempt = data;
    struct arena *arena = arena_new(0);
    struct str words = STR("");

    look_at_page(attempt, local_rank);
    live_output_end(attempt->live, local_rank, attempt->host.credit);
    if (arena)
        words = spawn_last_words(attempt->spawn, arena, local_rank, LAST_WORDS_MAX);
    ranks_exited(attempt->host.machine, local_rank, wait_status, oom, words, exited_ns,
                 clock_now_ns());
    arena_free(arena);
}

static void on_empty(void *data, uint32_t stragglers)
{
    struct attempt *attempt = data;

    attempt_tell_status(attempt, false);
    ranks_empty(attempt->host.machine, stragglers, clock_now_ns()); /* this frees us */
}

static void on_output(void *data, uint32_t local_rank, int stream, struct str bytes)
{
    struct attempt *attempt = data;

    rank_status_output(attempt->status, local_rank, stream, bytes);
    live_output_add(attempt->live, local_rank, stream, bytes, attempt->host.credit);
}

static void on_note(void *data, const char *text)
{
    ranks_note(((struct attempt *)data)->host.machine, str_of(text), clock_now_ns());
}

static bool on_mine(void *data, pid_t pid)
{
    struct attempt *attempt = data;

    return attempt->host.mine(attempt->host.data, pid);
}

static const char *const *host_names(struct attempt *attempt)
{
    const struct text_list *hosts = &attempt->start->hosts;
    const char **names = arena_alloc(attempt->arena, (hosts->count + 1) * sizeof(*names));

    for (uint32_t i = 0; names && i < hosts->count; i++) {
        names[i] = arena_copy(attempt->arena, hosts->items[i].p, hosts->items[i].len);
        if (!names[i])
            return NULL;
    }
    return names;
}

/* Socket pairs for PMI-1, with as many files as the hard limit allows: the ranks' own limit, which
 * spawn_start reads, is not touched. */
static int open_pmi(struct attempt *attempt, int *ends, struct err *err)
{
    struct rlimit files, raised;
    int low[LAUNCH_FILES], r = 0;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return err_set(err, -errno, "getrlimit: %s", strerror(errno));
    raised = files;
    raised.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &raised);
    for (int i = 0; i < LAUNCH_FILES; i++) /* stay free for the launch */
        low[i] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, LAUNCH_PMI_FD + 1);
    for (uint32_t i = 0; i < attempt->start->nproc && r >= 0; i++)
        r = ends[i] = store_port_pmi(attempt->store, i, err);
    for (int i = 0; i < LAUNCH_FILES; i++)
        if (low[i] >= 0)
            (void)close(low[i]);
    (void)setrlimit(RLIMIT_NOFILE, &files);
    return r < 0 ? r : 0;
}

static int spawn_with(struct attempt *attempt, const int *pmi_fds, struct err *err)
{
    static const struct spawn_watch watch = {.exited = on_exited,
                                             .empty = on_empty,
                                             .output = on_output,
                                             .note = on_note,
                                             .mine = on_mine};
    const struct msg_start *start = attempt->start;
    struct spawn_watch mine = watch;
    bool agent_store = start->master_port == 0;
    struct arena *arena = attempt->arena;
    const char *resume = arena_copy(arena, start->resume.p, start->resume.len);
    const char *master = arena_copy(arena, start->master_addr.p, start->master_addr.len);
    const char *folder = arena_printf(arena, "%s/attempt-%u", attempt->host.folder, start->attempt);
    const char *const *hosts = host_names(attempt);

    if (!resume || !master || !folder || !hosts)
        return err_set(err, -ENOMEM, "no memory for the ranks");
    mine.data = attempt;
    return spawn_start(
        &(struct spawn_request){
            .base = attempt->host.base,
            .job = &attempt->job,
            .run = attempt->host.run,
            .attempt = start->attempt,
            .first_rank = start->first_rank,
            .nproc = start->nproc,
            .world = start->world,
            .node_rank = start->node_rank,
            .nnodes = start->nnodes,
            .node_name = attempt->host.node_name,
            .hosts = start->hosts.count ? hosts : NULL,
            .master_addr = agent_store ? "127.0.0.1" : master,
            .master_port =
                agent_store ? store_port_number(attempt->store) : (uint16_t)start->master_port,
            .agent_store = agent_store,
            .resume = *resume ? resume : NULL,
            .folder = folder,
            .page_folder = attempt->host.page_folder,
            .pmi_fds = pmi_fds,
            .env = (const char *const *)environ,
        },
        &mine, &attempt->spawn, err);
}

int attempt_spawn(struct attempt *attempt, struct err *err)
{
    uint32_t nproc = attempt->start->nproc;
    int *ends, r;

    if (attempt->err.code) {
        *err = attempt->err;
        return err->code;
    }
    ends = arena_alloc(attempt->arena, nproc * sizeof(*ends));
    if (!ends)
        return err_set(err, -ENOMEM, "no memory for %u ranks", nproc);
    for (uint32_t i = 0; i < nproc; i++)
        ends[i] = -1;
    r = open_pmi(attempt, ends, err);
    if (r == 0)
        r = spawn_with(attempt, ends, err);
    for (uint32_t i = 0; i < nproc; i++)
        if (ends[i] >= 0)
            (void)close(ends[i]);
    return r;
}

struct spawn *attempt_spawned(struct attempt *attempt)
{
    return attempt->spawn;
}

struct store_port *attempt_store(struct attempt *attempt)
{
    return attempt->store;
}

void attempt_signal(struct attempt *attempt, uint32_t local_rank, int signo)
{
    attempt->ending = attempt->ending || signo == SIGTERM;
    if (attempt->spawn)
        spawn_signal(attempt->spawn, local_rank, signo);
}

void attempt_signal_group(struct attempt *attempt, int signo)
{
    if (attempt->spawn)
        spawn_signal_all(attempt->spawn, signo);
}

void attempt_ask_stop(struct attempt *attempt, uint32_t how)
{
    attempt->ending = attempt->ending || how == 1;
    for (uint32_t i = 0; attempt->spawn && i < attempt->start->nproc; i++) {
        struct page *page = spawn_page(attempt->spawn, i);

        if (page)
            page_ask_stop(page, how);
    }
}

/* ---- a checkpoint that is being written ---- */

/* Bytes that a process has sent towards a disk (its files' pages, not its pipes and sockets); -1:
 * not known. A page's phase says more, but only with libfirstlight. */
static int64_t bytes_written(pid_t pid)
{
    char path[64], *text;
    struct str rest, line;
    int64_t bytes = -1;
    size_t len;

    (void)snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
    if (pid <= 0 || file_read(path, IO_FILE_BYTES, &text, &len, NULL) < 0)
        return -1;
    rest = (struct str){text, len};
    while (str_line(&rest, &line))
        if (str_starts(line, "write_bytes: "))
            (void)str_to_i64(str_skip(line, strlen("write_bytes: ")), 10, &bytes);
    free(text);
    return bytes;
}

static bool rank_saves(struct attempt *attempt, uint32_t local_rank)
{
    pid_t pid = spawn_pid(attempt->spawn, local_rank);
    int64_t written = bytes_written(pid), *before = &attempt->written[local_rank];
    bool grew = *before > 0 && written - *before >= GROWS_BYTES;

    *before = written;
    return pid > 0 &&
           (grew || rank_status_phase(attempt->status, local_rank) == PAGE_PHASE_CHECKPOINT);
}

void attempt_look(struct attempt *attempt)
{
    bool saves = false;

    for (uint32_t i = 0; attempt->spawn && i < attempt->start->nproc; i++) {
        look_at_page(attempt, i);
        if (attempt->ending && rank_saves(attempt, i))
            saves = true;
    }
    if (saves)
        ranks_checkpoint_grows(attempt->host.machine, clock_now_ns());
}

bool attempt_first_step(struct attempt *attempt)
{
    if (attempt->stepped || !rank_status_has_step(attempt->status))
        return false;
    attempt->stepped = true;
    return true;
}

/* ---- STATUS ---- */

static bool fill_status(struct attempt *attempt, struct arena *arena, struct msg_status *status)
{
    uint32_t nproc = attempt->start->nproc;
    int64_t *connected = arena_alloc(arena, nproc * sizeof(*connected));
    int64_t *log_size = arena_alloc(arena, nproc * sizeof(*log_size));
    struct str *waits = arena_alloc(arena, nproc * sizeof(*waits));

    if (!connected || !log_size || !waits || !rank_status_fill(attempt->status, arena, status))
        return false;
    for (uint32_t i = 0; i < nproc; i++) {
        connected[i] = store_port_connected(attempt->store, i);
        log_size[i] = spawn_log_size(attempt->spawn, i);
    }
    store_port_waits(attempt->store, waits);
    status->attempt = attempt->start->attempt;
    status->connected = (struct i64_list){connected, nproc};
    status->log_size = (struct i64_list){log_size, nproc};
    status->waits = (struct text_list){waits, nproc};
    return true;
}

void attempt_tell_status(struct attempt *attempt, bool again)
{
    struct arena *arena = arena_new(0);
    struct message message = {.id = MSG_STATUS};
    struct buf now = {0};

    if (arena && attempt->spawn && fill_status(attempt, arena, &message.status))
        message_encode(&message, &now);
    if (!now.failed && now.len > 0 &&
        (again ||
         !str_eq((struct str){now.p, now.len}, (struct str){attempt->told.p, attempt->told.len}))) {
        attempt->host.send(attempt->host.data, &message);
        buf_done(&attempt->told);
        attempt->told = now;
    } else {
        buf_done(&now);
    }
    arena_free(arena);
}
