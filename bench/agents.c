/* agents: many agents in one process against a real controller, over real links on loopback.
 *
 *   agents NODES NPROC FIRSTLIGHT STATE
 *
 * Starts `FIRSTLIGHT run --backend join`, connects NODES agents (the machine and the store's half
 * that firstlight-agent runs), whose NPROC ranks each are clients in this process, and prints when
 * every agent was up, every rank started, and every rank released from its first barrier; the CPU
 * time that both processes had taken by then, which a loaded machine changes less; and the
 * controller's memory. Then the ranks leave and the run ends. */
#include "base/file.h"
#include "control/saved.h"
#include "ranks/machine.h"
#include "rendezvous/proxy.h"
#include "sim/meeting.h"
#include "wire/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_AT_ONCE 256 /* handshakes under way */
#define WAIT_S          120

struct agent;

struct client {
    struct agent *agent;
    struct proxy_client *proxy;
    struct meeting meeting;
    struct buf heard; /* answers come while we talk: they wait for the turn's end */
};

struct agent {
    struct world *world;
    uint32_t index, attempt, nproc, world_size;
    struct ranks_machine *machine;
    struct link *link;
    struct proxy *proxy;
    struct client *clients;
    bool spawned, ended, busy;
};

struct world {
    struct event_base *base;
    struct saved saved;
    struct agent *agents;
    struct agent **turn, **other_turn; /* that have something to do when the loop turns */
    size_t turn_count;
    uint32_t nodes, nproc, next, connecting, up, started, met, left;
    int64_t began_ns, up_ns, started_ns, met_ns;
    struct event *timer;
    pid_t controller;
    long controller_kb;
    double controller_cpu_s, own_cpu_s; /* until all were released */
};

static int64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "agents: %s: %s\n", what, why);
    exit(1);
}

static void in_turn(struct agent *agent)
{
    if (!agent->busy)
        agent->world->turn[agent->world->turn_count++] = agent;
    agent->busy = true;
}

static void say(struct client *client, struct buf *bytes)
{
    if (bytes->len)
        proxy_take(client->agent->proxy, client->proxy, (struct str){bytes->p, bytes->len});
    buf_clear(bytes);
}

static void hear(struct client *client, struct buf *scratch)
{
    struct world *world = client->agent->world;
    struct err err = {0};
    struct buf heard = client->heard;

    client->heard = (struct buf){0};
    if (meeting_hear(&client->meeting, (struct str){heard.p, heard.len}, scratch, &err) < 0)
        fail("a rank", err.text);
    buf_done(&heard);
    say(client, scratch);
    if (client->meeting.stage == MEET_MET && ++world->met == world->nodes * world->nproc) {
        world->met_ns = now_ns();
        for (uint32_t i = 0; i < world->nodes; i++)
            in_turn(&world->agents[i]);
    }
}

static void leave(struct agent *agent)
{
    agent->ended = true;
    for (uint32_t i = 0; i < agent->nproc; i++)
        ranks_exited(agent->machine, i, 0, false, STR(""), now_ns(), now_ns());
    ranks_empty(agent->machine, 0, now_ns());
}

static void start(struct agent *agent, struct buf *scratch)
{
    agent->spawned = false;
    ranks_started(agent->machine, now_ns());
    for (uint32_t i = 0; i < agent->nproc; i++) {
        struct client *client = &agent->clients[i];

        client->agent = agent;
        client->proxy = proxy_client_new(agent->proxy, client);
        meeting_begin(&client->meeting, agent->attempt, agent->world_size, scratch);
        say(client, scratch);
    }
    agent->world->started += agent->nproc;
    if (agent->world->started == agent->world->nodes * agent->world->nproc)
        agent->world->started_ns = now_ns();
}

/* What agents could not do inside callbacks. */
static void take_turn(struct world *world)
{
    struct agent **turn = world->turn;
    size_t count = world->turn_count;
    struct buf scratch = {0};

    world->turn = world->other_turn; /* what comes up meanwhile is the next turn's */
    world->other_turn = turn;
    world->turn_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct agent *agent = turn[i];

        agent->busy = false;
        if (agent->spawned)
            start(agent, &scratch);
        for (uint32_t c = 0; agent->clients && c < agent->nproc; c++)
            if (agent->clients[c].heard.len)
                hear(&agent->clients[c], &scratch);
        if (agent->proxy)
            proxy_flush(agent->proxy);
        if (world->met_ns && !agent->ended)
            leave(agent);
    }
    buf_done(&scratch);
}

/* ranks_world and proxy_out. */

static void on_reply(void *data, void *client_data, struct str bytes)
{
    struct client *client = client_data;

    (void)data;
    buf_add(&client->heard, bytes.p, bytes.len);
    in_turn(client->agent);
}

static void on_hang_up(void *data, void *client_data, const char *why)
{
    (void)data;
    (void)client_data;
    fail("the store hangs up", why);
}

static void on_up(void *data, struct str bytes)
{
    struct agent *agent = data;
    const struct message message = {.id = MSG_STORE_UP,
                                    .store = {.attempt = agent->attempt, .bytes = bytes}};

    if (agent->link)
        (void)link_send(agent->link, &message);
}

static void on_spawn(void *data, const struct msg_start *start_message)
{
    struct agent *agent = data;

    agent->nproc = start_message->nproc;
    agent->world_size = start_message->world;
    agent->clients = calloc(agent->nproc, sizeof(*agent->clients));
    if (!agent->clients)
        fail("clients", "no memory");
    agent->spawned = true;
    in_turn(agent);
}

static void on_store_open(void *data, const struct msg_start *message)
{
    struct agent *agent = data;
    const struct proxy_limits limits = {message->world, message->first_rank, message->nproc};
    const struct proxy_out out = {agent, on_reply, on_hang_up, on_up};

    agent->attempt = message->attempt;
    agent->proxy = proxy_new(agent->index + 1, &limits, &out);
}

static void on_store_close(void *data)
{
    struct agent *agent = data;

    proxy_free(agent->proxy);
    agent->proxy = NULL;
}

static void on_store_answer(void *data, struct str bytes)
{
    struct agent *agent = data;
    struct err err = {0};

    if (agent->proxy && proxy_answer(agent->proxy, bytes, &err) < 0)
        fail("an answer", err.text);
    in_turn(agent);
}

static void on_send(void *data, const struct message *message)
{
    struct agent *agent = data;

    if (agent->link)
        (void)link_send(agent->link, message);
}

static void on_leave(void *data, const char *why)
{
    struct agent *agent = data;

    (void)why;
    if (agent->link)
        link_close(agent->link);
    agent->link = NULL;
    if (++agent->world->left == agent->world->nodes)
        (void)event_base_loopbreak(agent->world->base);
}

static void ignore_signal(void *data, uint32_t local_rank, int signo)
{
    (void)data;
    (void)local_rank;
    (void)signo;
}

static void ignore_group(void *data, int signo)
{
    (void)data;
    (void)signo;
}

static void ignore_number(void *data, uint32_t how)
{
    (void)data;
    (void)how;
}

static void ignore(void *data)
{
    (void)data;
}

static void ignore_find(void *data, const struct msg_find_checkpoint *ask)
{
    (void)data;
    (void)ask;
}

static void ignore_log(void *data, const struct msg_log_read *ask)
{
    (void)data;
    (void)ask;
}

static void ignore_credit(void *data, uint64_t bytes)
{
    (void)data;
    (void)bytes;
}

static void on_cut(void *data, const char *why)
{
    (void)data;
    fail("an agent cuts its link", why);
}

static void ignore_wake(void *data, int64_t at_ns)
{
    (void)data; /* heartbeats and holds: nobody dies here */
    (void)at_ns;
}

/* Links. */

static void on_link_up(struct link *link, void *data)
{
    struct agent *agent = data;

    (void)link;
    agent->world->connecting--;
    if (++agent->world->up == agent->world->nodes)
        agent->world->up_ns = now_ns();
    ranks_link_up(agent->machine, "127.0.0.1", now_ns());
}

static void on_message(struct link *link, void *data, const struct message *message)
{
    struct agent *agent = data;

    (void)link;
    ranks_message(agent->machine, message, now_ns());
}

static void on_link_down(struct link *link, void *data, const char *why)
{
    struct agent *agent = data;

    (void)link;
    agent->link = NULL;
    if (!agent->ended)
        fail("a link", why);
}

static void make_agent(struct agent *agent)
{
    const struct ranks_world world = {agent,         on_spawn,      ignore_signal,  ignore_group,
                                      ignore_number, on_store_open, on_store_close, on_store_answer,
                                      ignore,        ignore_find,   ignore_log,     ignore_credit,
                                      on_send,       on_cut,        ignore_wake,    on_leave};
    char host[16];
    const struct ranks_self self = {.node = agent->index,
                                    .incarnation = agent->index + 1,
                                    .host = host,
                                    .boot_id = "boot",
                                    .pid = getpid(),
                                    .cpus = 8};

    (void)snprintf(host, sizeof(host), "n%05u", agent->index);
    agent->machine = ranks_machine_new(&self, &world);
    if (!agent->machine)
        fail("an agent", "no memory");
}

static void connect_some(struct world *world)
{
    static const struct link_watch watch = {on_link_up, on_message, on_link_down};
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(world->saved.port),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct err err = {0};

    while (world->next < world->nodes && world->connecting < CONNECT_AT_ONCE) {
        struct agent *agent = &world->agents[world->next];

        agent->world = world;
        agent->index = world->next++;
        make_agent(agent);
        agent->link = link_connect(world->base, (const struct sockaddr *)&to, sizeof(to),
                                   world->saved.key, &watch, agent, &err);
        if (!agent->link)
            fail("connect", err.text);
        world->connecting++;
    }
}

/* The controller. */

static void start_controller(struct world *world, const char *program, const char *state)
{
    char nodes[16], nproc[16];

    (void)snprintf(nodes, sizeof(nodes), "%u", world->nodes);
    (void)snprintf(nproc, sizeof(nproc), "%u", world->nproc);
    world->controller = fork();
    if (world->controller == 0) {
        (void)execlp(program, program, "run", "--backend", "join", "-N", nodes, "--nproc-per-node",
                     nproc, "--listen", "127.0.0.1", "--state", state, "-q", "--name", "agents",
                     "--", "true", (char *)NULL);
        _exit(127);
    }
}

/* Its folder appears with key and port. */
static void find_run(struct world *world, struct arena *arena, const char *state)
{
    const char *const *names;
    const char *runs = arena_printf(arena, "%s/runs", state);
    struct err err = {0};

    for (int64_t until = now_ns() + WAIT_S * 1000000000LL; now_ns() < until;) {
        long count = file_list(arena, runs, 16, &names, NULL);
        const char *dir = count > 0 ? arena_printf(arena, "%s/%s", runs, names[0]) : NULL;
        const struct timespec pause = {0, 2000000};

        if (dir && saved_read(arena, dir, &world->saved, &err) == 0)
            return;
        (void)nanosleep(&pause, NULL);
    }
    fail("the controller", err.text[0] ? err.text : "did not start");
}

static long peak_kb(pid_t pid)
{
    char path[64], *text;
    size_t len;
    long kb = 0;
    const char *line;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    if (file_read(path, 1 << 16, &text, &len, NULL) < 0)
        return 0;
    line = strstr(text, "VmHWM:");
    if (line)
        kb = strtol(line + 6, NULL, 10);
    free(text);
    return kb;
}

static double cpu_s(pid_t pid)
{
    char path[64], *text;
    const char *fields;
    unsigned long user = 0, kernel = 0;
    size_t len;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (file_read(path, 1 << 16, &text, &len, NULL) < 0)
        return 0;
    fields = strrchr(text, ')');
    if (fields)
        (void)sscanf(fields + 1, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user,
                     &kernel);
    free(text);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static double since(const struct world *world, int64_t at_ns)
{
    return (double)(at_ns - world->began_ns) / 1e9;
}

int main(int argc, char **argv)
{
    struct world world = {0};
    struct arena *arena = arena_new(0);
    struct rlimit files;
    int status;

    if (argc != 5) {
        (void)fprintf(stderr, "usage: agents NODES NPROC FIRSTLIGHT STATE\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    world.nodes = (uint32_t)strtoul(argv[1], NULL, 10);
    world.nproc = (uint32_t)strtoul(argv[2], NULL, 10);
    world.base = event_base_new();
    world.agents = calloc(world.nodes, sizeof(*world.agents));
    world.turn = calloc(world.nodes, sizeof(struct agent *));
    world.other_turn = calloc(world.nodes, sizeof(struct agent *));
    if (!arena || !world.base || !world.agents || !world.turn || !world.other_turn)
        fail("start", "no memory");
    world.began_ns = now_ns();
    start_controller(&world, argv[3], argv[4]);
    find_run(&world, arena, argv[4]);
    while (world.left < world.nodes) {
        connect_some(&world);
        if (event_base_loop(world.base, world.turn_count ? EVLOOP_NONBLOCK : EVLOOP_ONCE) < 0)
            break;
        take_turn(&world);
        if (world.met_ns && !world.controller_kb) {
            world.controller_kb = peak_kb(world.controller);
            world.controller_cpu_s = cpu_s(world.controller);
            world.own_cpu_s = cpu_s(getpid());
        }
    }
    (void)event_base_dispatch(world.base); /* links close in their own time */
    (void)waitpid(world.controller, &status, 0);
    (void)printf("%u agents of %u ranks: up %.2f s, all ranks started %.2f s, all %u released from "
                 "the first barrier %.2f s (CPU: controller %.2f s, agents %.2f s); controller "
                 "%.0f MiB; end %.2f s, exit %d\n",
                 world.nodes, world.nproc, since(&world, world.up_ns),
                 since(&world, world.started_ns), world.nodes * world.nproc,
                 since(&world, world.met_ns), world.controller_cpu_s, world.own_cpu_s,
                 (double)world.controller_kb / 1024, since(&world, now_ns()), WEXITSTATUS(status));
    arena_free(arena);
    return WEXITSTATUS(status);
}
