#include "control/driver.h"

#include "base/file.h"
#include "control/keep.h"
#include "control/ledger.h"
#include "control/socket.h"
#include "sched/launch.h"
#include "wire/link.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define ADDRESSES_MAX 8
#define VIEW_MS       1000
#define RETRY_MS      1000 /* of a store that can't be written */
#define LOG_ASKS_MAX  4096
#define JOURNAL_BYTES ((size_t)4 << 30)
#define LEAVE_MS      1000 /* agents have so long to go when the run has ended */
#define CREDIT_BYTES  (64u << 20)
#define CREDIT_LEAST  (64u << 10)
#define FILES_BESIDE  256 /* open files that are not a node's */
#define FILES_A_NODE  4   /* its link, and its back end's process; or its old link beside the new */

struct peer {
    struct driver *driver;
    struct link *link;
    int64_t node; /* -1: no HELLO yet */
};

struct log_ask {
    uint64_t id;
    uint32_t node;
    void (*answer)(void *data, const struct msg_log_data *log);
    void *data;
};

struct driver {
    struct driver_config config;
    struct saved saved;
    const char *run_dir;
    struct arena *arena;
    struct event_base *base;
    struct event *wake, *view;
    struct link_server *server;
    struct control *control;
    struct control_socket *socket;
    struct launch launch;
    struct ledger ledger;
    struct link **links; /* by node; NULL: none */
    VEC(struct log_ask) log_asks;
    VEC(uint32_t) launch_failed; /* nodes whose launch failed in this turn */
    char launch_sentence[ERR_TEXT_MAX];
    uint64_t log_id;
    int64_t wake_ns, created_ns;
    int lock_fd, exit_code;
    bool ended, stalled, view_due, launched;
};

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static void set_timer(struct event *timer, int64_t ns)
{
    struct timeval t = {ns / 1000000000, ns % 1000000000 / 1000};

    (void)event_add(timer, &t);
}

static const char *name_of(const struct driver *driver, int64_t node)
{
    return node >= 0 && node < driver->saved.node_count ? driver->saved.names[node] : "";
}

/* What the machine asks for; see control_world. */

static void world_event(void *data, const struct run_event *event)
{
    struct driver *driver = data;

    ledger_event(&driver->ledger, event);
    driver->view_due = true;
    if (driver->config.front.event)
        driver->config.front.event(driver->config.front.data, event, name_of(driver, event->node));
}

static void world_metric(void *data, const struct store_metric *metric)
{
    ledger_metric(&((struct driver *)data)->ledger, metric);
}

static void world_journal(void *data, uint32_t attempt, struct str bytes)
{
    ledger_journal(&((struct driver *)data)->ledger, attempt, bytes);
}

static void world_send(void *data, uint32_t node, const struct message *message)
{
    ledger_send(&((struct driver *)data)->ledger, node, message);
}

static void world_launch(void *data, uint32_t node)
{
    ledger_deed(&((struct driver *)data)->ledger, DEED_LAUNCH, node, 0);
}

static void world_forget(void *data, uint32_t node)
{
    ledger_deed(&((struct driver *)data)->ledger, DEED_FORGET, node, 0);
}

static void world_wake(void *data, int64_t at_ns)
{
    struct driver *driver = data;
    int64_t in_ns = at_ns - now_ns();

    if (driver->wake_ns && driver->wake_ns <= at_ns)
        return;
    driver->wake_ns = at_ns;
    set_timer(driver->wake, in_ns > 0 ? in_ns : 0);
}

static void world_log_data(void *data, uint32_t node, const struct msg_log_data *log)
{
    struct driver *driver = data;

    for (size_t i = 0; i < driver->log_asks.count; i++) {
        struct log_ask ask = driver->log_asks.items[i];

        if (ask.id != log->id || ask.node != node)
            continue;
        driver->log_asks.items[i] = driver->log_asks.items[--driver->log_asks.count];
        ask.answer(ask.data, log);
        return;
    }
}

static void give_credit(struct driver *driver, uint32_t node, uint64_t bytes)
{
    const struct message message = {.id = MSG_LOG_CREDIT, .log_credit = {bytes}};

    if (bytes)
        ledger_send(&driver->ledger, node, &message);
}

static void world_output(void *data, uint32_t node, const struct msg_log *log)
{
    struct driver *driver = data;

    if (driver->launch.backend->remote)
        keep_add(driver->run_dir, name_of(driver, node), log->attempt, log->rank, log->bytes);
    if (driver->config.front.output)
        give_credit(
            driver, node,
            driver->config.front.output(driver->config.front.data, log, name_of(driver, node)));
}

static void world_ended(void *data, int exit_code)
{
    ledger_deed(&((struct driver *)data)->ledger, DEED_END, 0, exit_code);
}

/* What is done once it is stored. */

static void drop_link(struct driver *driver, uint32_t node)
{
    struct link *link = driver->links[node];

    if (!link)
        return;
    driver->links[node] = NULL;
    free(link_data(link));
    link_close(link);
}

static void do_send(void *data, uint32_t node, struct str bytes)
{
    struct driver *driver = data;
    struct link *link = driver->links[node];
    int r = link ? link_send_encoded(link, bytes) : 0;

    /* A node that takes nothing for so long has stopped reading: it comes back or is lost. */
    if (r < 0) {
        drop_link(driver, node);
        control_agent_down(driver->control, node, "it does not read what it is sent", now_ns());
    }
}

static void do_launch(void *data, const uint32_t *nodes, size_t count)
{
    struct driver *driver = data;
    struct err err = {0};

    driver->launched = true;
    if (launch_start(&driver->launch, nodes, count, &err) == 0)
        return;
    (void)snprintf(driver->launch_sentence, sizeof(driver->launch_sentence), "%s", err.text);
    for (size_t i = 0; i < count; i++) {
        uint32_t *node = vec_push(&driver->launch_failed);

        if (node)
            *node = nodes[i];
    }
}

static void do_forget(void *data, uint32_t node)
{
    struct driver *driver = data;

    drop_link(driver, node);
    launch_end(&driver->launch, node);
}

static void do_end(void *data, int exit_code)
{
    struct driver *driver = data;

    driver->ended = true;
    driver->exit_code = exit_code;
}

static void launch_failed(void *data, uint32_t node, const char *sentence)
{
    struct driver *driver = data;

    control_agent_failed(driver->control, node, sentence, now_ns());
}

/* The links. */

static void *on_accept(void *data, struct link *link)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    if (peer)
        *peer = (struct peer){.driver = data, .link = link, .node = -1};
    return peer;
}

static void forget_asks(struct driver *driver, uint32_t node)
{
    for (size_t i = driver->log_asks.count; i-- > 0;) {
        struct log_ask ask = driver->log_asks.items[i];
        struct msg_log_data log = {.id = ask.id, .complaint = STR("the node is not connected")};

        if (ask.node != node)
            continue;
        driver->log_asks.items[i] = driver->log_asks.items[--driver->log_asks.count];
        ask.answer(ask.data, &log);
    }
}

static void on_down(struct link *link, void *data, const char *why)
{
    struct peer *peer = data;

    (void)link;
    if (!peer)
        return;
    if (peer->node >= 0) {
        peer->driver->links[peer->node] = NULL;
        forget_asks(peer->driver, (uint32_t)peer->node);
        control_agent_down(peer->driver->control, (uint32_t)peer->node, why, now_ns());
    }
    free(peer);
}

static void refuse(struct peer *peer, const char *sentence)
{
    struct driver *driver = peer->driver;

    if (driver->config.front.trouble)
        driver->config.front.trouble(driver->config.front.data, sentence);
    link_close(peer->link);
    free(peer);
}

/* All nodes together may have so much on its way. */
static uint64_t first_credit(const struct driver *driver)
{
    uint64_t share = CREDIT_BYTES / driver->saved.node_count;

    return share > CREDIT_LEAST ? share : CREDIT_LEAST;
}

static void on_hello(struct peer *peer, const struct msg_hello *hello)
{
    struct driver *driver = peer->driver;
    struct err err = {0};

    if (hello->node < driver->saved.node_count) {
        drop_link(driver, hello->node); /* it came back before we saw the end of its old link */
        driver->links[hello->node] = peer->link;
    }
    if (!control_agent_up(driver->control, hello, link_peer(peer->link), now_ns(), &err)) {
        if (hello->node < driver->saved.node_count)
            driver->links[hello->node] = NULL;
        refuse(peer, err.text);
        return;
    }
    peer->node = hello->node;
    if (driver->config.front.output && driver->saved.job.show != JOB_SHOW_NONE)
        give_credit(driver, hello->node, first_credit(driver));
}

static void on_message(struct link *link, void *data, const struct message *message)
{
    struct peer *peer = data;

    (void)link;
    if (!peer)
        return;
    if (peer->node >= 0)
        control_message(peer->driver->control, (uint32_t)peer->node, message, now_ns());
    else if (message->id == MSG_HELLO)
        on_hello(peer, &message->hello);
}

static const struct link_watch link_watch = {.message = on_message, .down = on_down};

/* Timers. */

static void on_wake(evutil_socket_t fd, short what, void *data)
{
    struct driver *driver = data;

    (void)fd;
    (void)what;
    driver->wake_ns = 0;
    control_tick(driver->control, now_ns());
}

static int update_row(struct driver *driver, const struct control_view *view, struct err *err)
{
    char host[256] = "";
    struct store_run row = {
        .id = driver->config.run,
        .name = driver->saved.job.name,
        .state = run_state_name(view->state),
        .host = host,
        .headline = view->headline,
        .pid = getpid(),
        .created_ns = driver->created_ns,
        .updated_ns = clock_ns(CLOCK_REALTIME),
        .ended_ns = view->state == RUN_ENDED ? clock_ns(CLOCK_REALTIME) : -1,
        .step = view->step,
        .total = view->total,
        .attempt = view->attempt,
        .world = view->world,
        .nodes = view->nodes_wanted,
        .exit_code = view->exit_code,
    };

    (void)gethostname(host, sizeof(host) - 1);
    return store_run_update(driver->config.store, &row, err);
}

static void show_view(struct driver *driver)
{
    struct control_view view;

    control_view(driver->control, now_ns(), &view);
    (void)update_row(driver, &view, NULL); /* the events are the truth; the row is a comfort */
    if (driver->config.front.view)
        driver->config.front.view(driver->config.front.data, &view);
    control_socket_view(driver->socket, &view);
    driver->view_due = false;
}

static void on_view(evutil_socket_t fd, short what, void *data)
{
    struct driver *driver = data;

    (void)fd;
    (void)what;
    show_view(driver);
    set_timer(driver->view, VIEW_MS * 1000000LL);
}

/* Beginning. */

/* "10.0.0.1:4711,192.168.0.1:4711": ours that others may reach, or the one that is listened on. */
static const char *own_addresses(struct driver *driver, uint16_t port)
{
    struct ifaddrs *all = NULL;
    struct buf text = {0};
    const char *listen = driver->saved.listen, *out;
    unsigned count = 0;

    if (strcmp(listen, "0.0.0.0") != 0 && strcmp(listen, "::") != 0) {
        bool six = strchr(listen, ':') != NULL;

        return arena_printf(driver->arena, "%s%s%s:%u", six ? "[" : "", listen, six ? "]" : "",
                            port);
    }
    if (getifaddrs(&all) < 0)
        return NULL;
    for (const struct ifaddrs *a = all; a && count < ADDRESSES_MAX; a = a->ifa_next) {
        char host[NI_MAXHOST];

        if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET || !(a->ifa_flags & IFF_UP) ||
            (a->ifa_flags & IFF_LOOPBACK) ||
            getnameinfo(a->ifa_addr, sizeof(struct sockaddr_in), host, sizeof(host), NULL, 0,
                        NI_NUMERICHOST) != 0)
            continue;
        buf_printf(&text, "%s%s:%u", count++ ? "," : "", host, port);
    }
    freeifaddrs(all);
    buf_printf(&text, "%s127.0.0.1:%u", count ? "," : "", port); /* a node may be this machine */
    out = text.failed ? NULL : arena_copy(driver->arena, text.p, text.len);
    buf_done(&text);
    return out;
}

static bool has_ended(struct driver *driver)
{
    struct control_view view;

    control_view(driver->control, now_ns(), &view);
    return view.state == RUN_ENDED;
}

/* Agents come back to the port that they know; to a run that had ended nobody does. */
static int listen_for_agents(struct driver *driver, struct err *err)
{
    uint16_t port = driver->saved.port;

    driver->server = link_listen(driver->base, driver->saved.listen, port, driver->saved.key,
                                 &link_watch, on_accept, driver, err);
    if (!driver->server && port && has_ended(driver))
        driver->server = link_listen(driver->base, driver->saved.listen, 0, driver->saved.key,
                                     &link_watch, on_accept, driver, err);
    if (!driver->server)
        return err ? err->code : -EIO;
    driver->saved.port = link_server_port(driver->server);
    return driver->config.resumed && driver->saved.port == port
               ? 0
               : saved_write(driver->run_dir, &driver->saved, err);
}

static int open_launch(struct driver *driver, struct err *err)
{
    const struct job *job = &driver->saved.job;
    char key[45];
    struct launch_request request = {
        .base = driver->base,
        .names = driver->saved.names,
        .count = driver->saved.node_count,
        .agent = driver->saved.agent,
        .addresses = own_addresses(driver, driver->saved.port),
        .run = driver->config.run,
        .run_dir = driver->run_dir,
        .ssh_options = driver->saved.ssh_options,
        .ssh_option_count = driver->saved.ssh_option_count,
        .fanout = driver->saved.fanout,
        .slurm_options = job->slurm.items,
        .slurm_option_count = job->slurm.count,
        .tie_stdin = job->tie_stdin,
        .failed = launch_failed,
        .data = driver,
    };

    link_key_print(driver->saved.key, key);
    request.key = arena_copy(driver->arena, key, strlen(key));
    if (!request.addresses || !request.key)
        return err_set(err, -ENOMEM, "no addresses for the agents");
    return launch_open(&driver->launch, job->backend, &request, err);
}

static bool fold_one(void *data, const struct store_event *row)
{
    struct driver *driver = data;
    struct arena *arena = arena_new(0);
    struct run_event event;

    if (arena && run_event_from_store(arena, row, &event) == 0)
        control_apply(driver->control, &event);
    arena_free(arena);
    return true;
}

/* The journal of the attempt at hand; a torn end is cut off before anything is added. */
static int read_journal(struct driver *driver, uint32_t attempt, struct err *err)
{
    const char *path = ledger_journal_path(driver->arena, driver->run_dir, attempt);
    char *text;
    size_t len;
    int r;

    if (!attempt || !path || access(path, F_OK) < 0)
        return 0; /* nothing was said to that attempt's store */
    r = file_read(path, JOURNAL_BYTES, &text, &len, err);
    if (r < 0)
        return r;
    r = control_replay_journal(driver->control, (struct str){text, len}, err);
    free(text);
    if (r == 0 && control_journal_good(driver->control) < len &&
        truncate(path, (off_t)control_journal_good(driver->control)) < 0)
        r = err_set(err, -errno, "%s: %s", path, strerror(errno));
    return r;
}

static int fold(struct driver *driver, struct err *err)
{
    int r = store_events(driver->config.store, driver->config.run, 0, fold_one, driver, err);

    return r < 0 ? r : read_journal(driver, control_attempt(driver->control), err);
}

static int make_control(struct driver *driver, uint64_t generation, struct err *err)
{
    const struct control_world world = {
        .data = driver,
        .event = world_event,
        .metric = world_metric,
        .journal = world_journal,
        .send = world_send,
        .launch = world_launch,
        .forget = world_forget,
        .wake = world_wake,
        .log_data = world_log_data,
        .output = world_output,
        .ended = world_ended,
    };
    const struct control_config config = {
        .run = driver->config.run,
        .job = &driver->saved.job,
        .names = driver->saved.names,
        .groups = driver->saved.groups,
        .node_count = driver->saved.node_count,
        .generation = generation,
        .pid = getpid(),
    };

    driver->control = control_new(&config, &world);
    if (!driver->control)
        return err_set(err, -ENOMEM, "no memory for %u nodes", driver->saved.node_count);
    return driver->config.resumed ? fold(driver, err) : 0;
}

/* Only as far as it is needed: back ends' processes inherit it. */
static int allow_files(const struct driver *driver, struct err *err)
{
    rlim_t least = driver->saved.node_count + FILES_BESIDE;
    rlim_t best = (rlim_t)driver->saved.node_count * FILES_A_NODE + FILES_BESIDE;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= best)
        return 0;
    files.rlim_cur = best < files.rlim_max ? best : files.rlim_max;
    if (files.rlim_cur >= least && setrlimit(RLIMIT_NOFILE, &files) == 0)
        return 0;
    return err_set(
        err, -EMFILE, "%u nodes need %llu open files, this machine allows %llu (ulimit -Hn)",
        driver->saved.node_count, (unsigned long long)least, (unsigned long long)files.rlim_max);
}

static int begin(struct driver *driver, struct err *err)
{
    uint64_t generation;
    int r;

    driver->lock_fd = store_run_lock(driver->config.store, driver->config.run, &generation, err);
    if (driver->lock_fd < 0)
        return driver->lock_fd;
    r = ledger_init(&driver->ledger, driver->config.store, driver->config.run, driver->run_dir);
    if (r < 0)
        return err_set(err, r, "no memory for the run");
    if (!driver->config.resumed)
        link_key_new(driver->saved.key);
    r = allow_files(driver, err);
    if (r == 0)
        r = make_control(driver, generation, err);
    if (r == 0)
        r = listen_for_agents(driver, err);
    if (r == 0)
        r = open_launch(driver, err);
    if (r < 0)
        return r;
    driver->socket = control_socket_new(driver, err);
    if (!driver->socket)
        return err ? err->code : -EIO;
    if (driver->config.ends_at_s)
        control_time_limit(driver->control, driver->config.ends_at_s * 1000000000LL);
    control_begin(driver->control, now_ns(), clock_ns(CLOCK_REALTIME));
    set_timer(driver->view, 0);
    return 0;
}

struct driver *driver_new(const struct driver_config *config, const struct saved *saved,
                          struct err *err)
{
    struct driver *driver = calloc(1, sizeof(*driver));

    if (!driver) {
        (void)err_set(err, -ENOMEM, "no memory for the controller");
        return NULL;
    }
    *driver = (struct driver){.config = *config, .saved = *saved, .lock_fd = -1};
    driver->ledger.journal_fd = -1;
    driver->created_ns = clock_ns(CLOCK_REALTIME);
    driver->arena = arena_new(0);
    driver->base = event_base_new();
    driver->links = calloc(saved->node_count, sizeof(struct link *));
    if (driver->arena && driver->base && driver->links) {
        driver->run_dir = store_run_dir(driver->arena, config->dir, config->run);
        driver->wake = evtimer_new(driver->base, on_wake, driver);
        driver->view = evtimer_new(driver->base, on_view, driver);
    }
    if (!driver->run_dir || !driver->wake || !driver->view) {
        (void)err_set(err, -ENOMEM, "no memory for the controller");
    } else if (begin(driver, err) == 0) {
        return driver;
    }
    driver_free(driver);
    return NULL;
}

/* One turn's outputs: stored, then done. Launches that failed at once are an input of their own. */
static void flush(struct driver *driver)
{
    static const struct timeval retry = {RETRY_MS / 1000, RETRY_MS % 1000 * 1000};
    const struct ledger_doer doer = {driver, do_send, do_launch, do_forget, do_end};
    struct err err = {0};
    int r = ledger_flush(&driver->ledger, &doer, &err);

    if (r < 0 && !driver->stalled && driver->config.front.trouble)
        driver->config.front.trouble(driver->config.front.data, err.text);
    driver->stalled = r < 0;
    if (r < 0)
        (void)event_base_loopexit(driver->base, &retry);
    for (size_t i = 0; i < driver->launch_failed.count; i++)
        control_agent_failed(driver->control, driver->launch_failed.items[i],
                             driver->launch_sentence, now_ns());
    driver->launch_failed.count = 0;
}

static bool output_left(const struct driver *driver)
{
    return driver->ledger.deeds.count || driver->ledger.events.count;
}

static bool any_link(const struct driver *driver)
{
    for (uint32_t i = 0; i < driver->saved.node_count; i++)
        if (driver->links[i])
            return true;
    return false;
}

/* LEAVE is on its way; an agent that has cleaned up closes its link. */
static void await_leave(struct driver *driver)
{
    int64_t until = now_ns() + LEAVE_MS * 1000000LL;

    while (any_link(driver) && now_ns() < until) {
        set_timer(driver->view, until - now_ns());
        (void)event_base_loop(driver->base, EVLOOP_ONCE);
    }
}

int driver_run(struct driver *driver)
{
    do {
        flush(driver);
    } while (output_left(driver) && !driver->stalled && !driver->ended);
    while (!driver->ended) {
        (void)event_base_loop(driver->base, EVLOOP_ONCE);
        do {
            flush(driver);
        } while (output_left(driver) && !driver->stalled && !driver->ended);
        if (driver->view_due)
            show_view(driver);
    }
    await_leave(driver);
    launch_finish(&driver->launch);
    show_view(driver);
    (void)event_base_loop(driver->base, EVLOOP_NONBLOCK); /* the last word goes to who follows */
    return driver->exit_code;
}

struct event_base *driver_base(struct driver *driver)
{
    return driver->base;
}

void driver_wish(struct driver *driver, enum control_wish wish, const char *why)
{
    control_wish(driver->control, wish, why, now_ns());
}

void driver_time_is_over(struct driver *driver)
{
    control_time_limit(driver->control, clock_ns(CLOCK_REALTIME));
}

void driver_view(struct driver *driver, struct control_view *view)
{
    control_view(driver->control, now_ns(), view);
}

void driver_log_read(struct driver *driver, const struct msg_log_read *ask, uint32_t node,
                     void (*answer)(void *data, const struct msg_log_data *log), void *data)
{
    struct message message = {.id = MSG_LOG_READ, .log_read = *ask};
    struct msg_log_data log = {.id = ask->id};
    struct log_ask *row = NULL;

    if (!driver->links[node])
        log.complaint = STR("the node is not connected");
    else if (driver->log_asks.count < LOG_ASKS_MAX)
        row = vec_push(&driver->log_asks);
    if (!row) {
        if (!log.complaint.len)
            log.complaint = STR("too many ask for logs");
        answer(data, &log);
        return;
    }
    message.log_read.id = ++driver->log_id;
    *row = (struct log_ask){driver->log_id, node, answer, data};
    ledger_send(&driver->ledger, node, &message);
}

struct control *driver_control(struct driver *driver)
{
    return driver->control;
}

const struct saved *driver_saved(const struct driver *driver)
{
    return &driver->saved;
}

const char *driver_run_dir(const struct driver *driver)
{
    return driver->run_dir;
}

void driver_free(struct driver *driver)
{
    if (!driver)
        return;
    control_socket_free(driver->socket);
    link_server_free(driver->server);
    if (driver->wake)
        event_free(driver->wake);
    if (driver->view)
        event_free(driver->view);
    launch_close(&driver->launch);
    for (uint32_t i = 0; driver->links && i < driver->saved.node_count; i++)
        drop_link(driver, i);
    control_free(driver->control);
    ledger_done(&driver->ledger);
    vec_done(&driver->log_asks);
    vec_done(&driver->launch_failed);
    free(driver->links);
    if (driver->lock_fd >= 0)
        (void)close(driver->lock_fd);
    if (driver->base)
        event_base_free(driver->base);
    arena_free(driver->arena);
    free(driver);
}
