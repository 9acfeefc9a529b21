#include "ranks/serve.h"
#include "base/clock.h"
#include "ranks/attempt.h"
#include "ranks/ckpt_ask.h"
#include "ranks/machine.h"
#include "ranks/own_ports.h"
#include "ranks/rank_log.h"
#include "ranks/uplink.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LOOK_MS        200
#define LOOKS_A_STATUS 5 /* STATUS at most once a second, but for the first step */
#define LOG_READ_MAX   (1u << 20)
#define CPUS_MAX       65536
#define NODE_NAME_MAX  256
#define SIGNALS        2

struct serve {
    const struct serve_options *options;
    struct event_base *base;
    struct ranks_machine *machine;
    struct uplink *uplink;
    struct attempt *attempt; /* NULL: none lives */
    struct attempt_host host;
    struct ckpt_ask *find;
    struct event *wake, *spawn, *look, *signals[SIGNALS];
    unsigned looks;
    uint64_t credit;    /* bytes of live output that the controller takes */
    bool told_to_leave; /* by the controller */
    bool left;
    char why[256];
    struct own_ports ports;
    char node_name[NODE_NAME_MAX]; /* the controller's name for us; until WELCOME the host's */
};

static void send_message(void *data, const struct message *message)
{
    struct serve *serve = data;

    if (ranks_welcomed(serve->machine))
        uplink_send(serve->uplink, message);
}

/* ---- the machine's world ---- */

static void do_spawn(evutil_socket_t fd, short what, void *data)
{
    struct serve *serve = data;
    struct err err = {0};

    (void)fd, (void)what;
    if (serve->attempt && attempt_spawn(serve->attempt, &err) == 0)
        ranks_started(serve->machine, clock_now_ns());
    else
        ranks_spawn_failed(serve->machine, serve->attempt ? -err.code : ENOMEM,
                           serve->attempt ? err.text : "no memory for the ranks", clock_now_ns());
}

/* Its answer must not come from inside the machine's call. */
static void world_spawn(void *data, const struct msg_start *start)
{
    struct serve *serve = data;

    (void)start;
    event_active(serve->spawn, EV_TIMEOUT, 0);
}

static void world_signal(void *data, uint32_t local_rank, int signo)
{
    attempt_signal(((struct serve *)data)->attempt, local_rank, signo);
}

static void world_signal_group(void *data, int signo)
{
    attempt_signal_group(((struct serve *)data)->attempt, signo);
}

static void world_ask_stop(void *data, uint32_t how)
{
    attempt_ask_stop(((struct serve *)data)->attempt, how);
}

static void look_later(struct serve *serve)
{
    struct timeval in = {LOOK_MS / 1000, LOOK_MS % 1000 * 1000};

    (void)event_add(serve->look, &in);
}

static void world_store_open(void *data, const struct msg_start *start)
{
    struct serve *serve = data;

    ckpt_ask_free(serve->find); /* it was for a controller that has gone on without it */
    serve->find = NULL;
    serve->host.machine = serve->machine;
    serve->attempt = attempt_new(&serve->host, start);
    serve->looks = 0;
    look_later(serve);
}

static void world_store_close(void *data)
{
    struct serve *serve = data;

    attempt_free(serve->attempt);
    serve->attempt = NULL;
    (void)event_del(serve->look);
}

static struct store_port *store_of(struct serve *serve)
{
    return serve->attempt ? attempt_store(serve->attempt) : NULL;
}

static void world_store_answer(void *data, struct str bytes)
{
    struct serve *serve = data;
    struct store_port *store = store_of(serve);
    struct err err = {0};

    if (store && store_port_answer(store, bytes, &err) < 0)
        (void)fprintf(stderr, "firstlight-agent: the store's answer: %s\n", err.text);
}

static void world_store_link_up(void *data)
{
    struct serve *serve = data;
    struct store_port *store = store_of(serve);

    if (store)
        store_port_link_up(store);
    if (serve->attempt)
        attempt_tell_status(serve->attempt, true);
}

static void send_checkpoint(struct serve *serve, const struct msg_checkpoint *answer)
{
    send_message(serve, &(struct message){.id = MSG_CHECKPOINT, .checkpoint = *answer});
}

static void on_found(void *data, const struct msg_checkpoint *answer)
{
    struct serve *serve = data;

    send_checkpoint(serve, answer);
    ckpt_ask_free(serve->find);
    serve->find = NULL;
}

static void world_find_checkpoint(void *data, const struct msg_find_checkpoint *ask)
{
    struct serve *serve = data;
    struct err err = {0};

    ckpt_ask_free(serve->find); /* asked again: the first answer would be to nobody */
    serve->find = ckpt_ask_start(serve->base, ask, on_found, serve, &err);
    if (!serve->find)
        send_checkpoint(serve, &(struct msg_checkpoint){.attempt = ask->attempt,
                                                        .step = -1,
                                                        .complaint = str_of(err.text)});
}

static void world_log_read(void *data, const struct msg_log_read *ask)
{
    struct serve *serve = data;
    struct arena *arena = arena_new(0);
    struct message answer = {.id = MSG_LOG_DATA, .log_data = {.id = ask->id}};
    struct msg_log_read within = *ask;
    char folder[PATH_MAX];
    struct err err = {0};

    if (within.bytes_max > LOG_READ_MAX)
        within.bytes_max = LOG_READ_MAX;
    (void)snprintf(folder, sizeof(folder), "%s/attempt-%u", serve->options->folder, ask->attempt);
    if (!arena || rank_log_read(arena, folder, &within, &answer.log_data, &err) < 0)
        answer.log_data.complaint = str_of(arena ? err.text : "no memory to read a log");
    send_message(serve, &answer);
    arena_free(arena);
}

static void world_log_credit(void *data, uint64_t bytes)
{
    struct serve *serve = data;

    serve->credit = bytes > UINT64_MAX - serve->credit ? UINT64_MAX : serve->credit + bytes;
}

/* HELLO and what the machine sends goes out before WELCOME too: it knows when. */
static void world_send(void *data, const struct message *message)
{
    uplink_send(((struct serve *)data)->uplink, message);
}

static void world_cut(void *data, const char *why)
{
    struct serve *serve = data;

    (void)why;
    serve->credit = 0; /* what is printed meanwhile is counted as skipped */
    uplink_cut(serve->uplink);
}

static void world_wake(void *data, int64_t at_ns)
{
    struct serve *serve = data;
    int64_t in_us = (at_ns - clock_now_ns() + 999) / 1000;
    struct timeval in = {0};

    if (in_us > 0)
        in = (struct timeval){in_us / 1000000, in_us % 1000000};
    (void)event_add(serve->wake, &in); /* the machine asks again only for an earlier time */
}

static void world_leave(void *data, const char *why)
{
    struct serve *serve = data;

    serve->left = true;
    (void)snprintf(serve->why, sizeof(serve->why), "%s", why);
    (void)event_base_loopbreak(serve->base);
}

/* ---- the loop's events ---- */

static void on_wake(evutil_socket_t fd, short what, void *data)
{
    (void)fd, (void)what;
    ranks_tick(((struct serve *)data)->machine, clock_now_ns());
}

static void on_look(evutil_socket_t fd, short what, void *data)
{
    struct serve *serve = data;

    (void)fd, (void)what;
    if (!serve->attempt)
        return;
    attempt_look(serve->attempt);
    if (serve->attempt && ranks_welcomed(serve->machine) &&
        (attempt_first_step(serve->attempt) || ++serve->looks % LOOKS_A_STATUS == 0))
        attempt_tell_status(serve->attempt, false);
    look_later(serve);
}

static void on_signal(evutil_socket_t signo, short what, void *data)
{
    struct serve *serve = data;

    (void)what;
    if (serve->attempt)
        attempt_look(serve->attempt);
    ranks_ask_leave(serve->machine,
                    signo == SIGTERM ? "the agent was asked to end (SIGTERM)"
                                     : "the agent was asked to end (SIGINT)",
                    clock_now_ns());
}

static void on_link_up(void *data, const char *own_address)
{
    ranks_link_up(((struct serve *)data)->machine, own_address, clock_now_ns());
}

static void on_link_message(void *data, const struct message *message)
{
    struct serve *serve = data;

    if (message->id == MSG_WELCOME && message->welcome.node_name.len > 0)
        (void)snprintf(serve->node_name, sizeof(serve->node_name), "%.*s",
                       STR_ARG(message->welcome.node_name));
    if (message->id == MSG_STOP && serve->attempt)
        attempt_look(serve->attempt); /* which ranks have a page decides who gets a SIGTERM */
    if (message->id == MSG_LEAVE)
        serve->told_to_leave = ranks_welcomed(serve->machine);
    ranks_message(serve->machine, message, clock_now_ns());
}

static void on_link_down(void *data, const char *why)
{
    struct serve *serve = data;

    (void)why;
    serve->credit = 0; /* a controller that comes back gives a new one */
    ranks_link_down(serve->machine, clock_now_ns());
}

static bool on_mine(void *data, pid_t pid)
{
    return pid == ckpt_ask_pid(((struct serve *)data)->find);
}

/* ---- what our node is ---- */

static uint32_t count_cpus(void)
{
    size_t bytes = CPU_ALLOC_SIZE(CPUS_MAX);
    cpu_set_t *set = CPU_ALLOC(CPUS_MAX);
    int count = 0;

    if (set && sched_getaffinity(0, bytes, set) == 0)
        count = CPU_COUNT_S(bytes, set);
    CPU_FREE(set);
    return count > 0 ? (uint32_t)count : 1;
}

/* /dev/nvidia0, /dev/nvidia1 ...; not nvidiactl, nvidia-uvm. */
static uint32_t count_gpus(void)
{
    DIR *dir = opendir("/dev");
    struct dirent *entry;
    uint32_t count = 0;

    while (dir && (entry = readdir(dir)) != NULL) {
        struct str name = str_of(entry->d_name);
        uint64_t number;

        if (str_starts(name, "nvidia") &&
            str_to_u64(str_skip(name, strlen("nvidia")), 10, &number) == 0)
            count++;
    }
    if (dir)
        (void)closedir(dir);
    return count;
}

static void read_boot_id(char *out, size_t space)
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    out[0] = '\0';
    if (file && fgets(out, (int)space, file))
        out[strcspn(out, "\n")] = '\0';
    if (file)
        (void)fclose(file);
}

static struct ranks_machine *make_machine(struct serve *serve, uint64_t incarnation)
{
    struct ranks_world world = {
        .data = serve,
        .spawn = world_spawn,
        .signal = world_signal,
        .signal_group = world_signal_group,
        .ask_stop = world_ask_stop,
        .store_open = world_store_open,
        .store_close = world_store_close,
        .store_answer = world_store_answer,
        .store_link_up = world_store_link_up,
        .find_checkpoint = world_find_checkpoint,
        .log_read = world_log_read,
        .log_credit = world_log_credit,
        .send = world_send,
        .cut = world_cut,
        .wake = world_wake,
        .leave = world_leave,
    };
    struct ranks_self self = {.node = serve->options->node,
                              .incarnation = incarnation,
                              .pid = getpid(),
                              .cpus = count_cpus(),
                              .gpus = count_gpus()};
    struct utsname uts = {0};
    char boot_id[64];

    (void)uname(&uts);
    read_boot_id(boot_id, sizeof(boot_id));
    (void)snprintf(serve->node_name, sizeof(serve->node_name), "%s", uts.nodename);
    self.host = uts.nodename;
    self.boot_id = boot_id;
    memcpy(self.ports, serve->ports.numbers, sizeof(self.ports));
    return ranks_machine_new(&self, &world);
}

void serve_page_folder(const char *run, uint32_t node, char *out, size_t space)
{
    (void)snprintf(out, space, "/dev/shm/firstlight-%u/%s.%u", (unsigned)getuid(), run, node);
}

static int make_events(struct serve *serve)
{
    static const int signals[SIGNALS] = {SIGTERM, SIGINT};
    bool failed = false;

    serve->wake = evtimer_new(serve->base, on_wake, serve);
    serve->spawn = evtimer_new(serve->base, do_spawn, serve);
    serve->look = evtimer_new(serve->base, on_look, serve);
    for (int i = 0; i < SIGNALS; i++) {
        serve->signals[i] = evsignal_new(serve->base, signals[i], on_signal, serve);
        failed = failed || !serve->signals[i] || event_add(serve->signals[i], NULL) < 0;
    }
    return failed || !serve->wake || !serve->spawn || !serve->look ? -ENOMEM : 0;
}

static int begin(struct serve *serve, struct err *err)
{
    const struct serve_options *options = serve->options;
    struct uplink_watch watch = {
        .data = serve, .up = on_link_up, .message = on_link_message, .down = on_link_down};
    uint64_t incarnation;

    (void)signal(SIGHUP, SIG_IGN); /* a run outlives its terminal */
    if (mkdir(options->folder, 0700) < 0 && errno != EEXIST)
        return err_set(err, -errno, "%s: %s", options->folder, strerror(errno));
    if (getrandom(&incarnation, sizeof(incarnation), 0) != sizeof(incarnation))
        return err_set(err, -errno, "no random numbers: %s", strerror(errno));
    if (own_ports_open(&serve->ports, err) < 0)
        return err->code;
    serve->base = event_base_new();
    serve->machine = make_machine(serve, incarnation);
    if (!serve->base || !serve->machine || make_events(serve) < 0)
        return err_set(err, -ENOMEM, "no memory for the agent");
    serve->host = (struct attempt_host){.base = serve->base,
                                        .machine = serve->machine,
                                        .incarnation = incarnation,
                                        .run = options->run,
                                        .node_name = serve->node_name,
                                        .folder = options->folder,
                                        .page_folder = options->page_folder,
                                        .credit = &serve->credit,
                                        .data = serve,
                                        .send = send_message,
                                        .mine = on_mine};
    serve->uplink =
        uplink_new(serve->base, options->addresses, options->key, incarnation, &watch, err);
    return serve->uplink ? 0 : err->code;
}

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

/* What is queued for the controller still goes out: the loop runs on for the link alone. */
static void end(struct serve *serve)
{
    ckpt_ask_free(serve->find);
    attempt_free(serve->attempt);
    free_event(serve->wake);
    free_event(serve->spawn);
    free_event(serve->look);
    for (int i = 0; i < SIGNALS; i++)
        free_event(serve->signals[i]);
    uplink_free(serve->uplink);
    if (serve->base) {
        (void)event_base_dispatch(serve->base);
        event_base_free(serve->base);
    }
    ranks_machine_free(serve->machine);
    own_ports_close(&serve->ports);
}

int serve_run(const struct serve_options *options, struct err *err)
{
    struct serve serve = {.options = options, .ports = OWN_PORTS_NONE};
    struct err why = {0};
    int r = begin(&serve, &why);

    if (r == 0) {
        ranks_tick(serve.machine, clock_now_ns()); /* the hold begins: somebody must come */
        while (!serve.left && event_base_dispatch(serve.base) == 0)
            ;
        if (!serve.told_to_leave)
            r = err_set(err, 1, "%s", serve.why);
    } else {
        (void)err_set(err, r, "%s", why.text);
    }
    end(&serve);
    (void)rmdir(options->page_folder);
    return r;
}
