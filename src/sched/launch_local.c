/* sched/launch_local - N agents on this machine, as children.
 *
 * A child's stderr is its folder's agent.log, not a pipe: the agent may outlive us. Its end is seen
 * by its pidfd. An agent is ended by `firstlight-agent end`, which finds it, its warden and what
 * both have left by the run's id: so one that another controller has started is ended too, and what
 * outlived both. Nothing is started on a node before that is over.
 *
 * With --tie-stdin the first agent's stdin is a pipe into which our own is relayed, kept open here
 * for an agent that is started again; its key comes in a file. */
#include "base/file.h"
#include "base/spawn.h"
#include "sched/launch.h"
#include "sched/stdin_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX     16
#define LOG_BYTES_MAX (1u << 20)

extern char **environ;

struct child {
    pid_t pid; /* 0: none */
    int pidfd;
    struct event *event;
};

struct local_agent {
    struct launch *launch;
    uint32_t node;
    struct child warden, ender;
    bool wanted; /* to be started when the ender is through */
};

struct local {
    struct local_agent *agents;
    int tied; /* what the first agent reads; -1: nothing is tied */
};

static void agent_folder(const struct launch *launch, uint32_t node, char out[PATH_MAX])
{
    (void)snprintf(out, PATH_MAX, "%s/nodes/%s", launch->request.run_dir,
                   launch->request.names[node]);
}

static int make_folder(const struct launch *launch, uint32_t node, char folder[PATH_MAX],
                       struct err *err)
{
    char nodes[PATH_MAX];

    (void)snprintf(nodes, sizeof(nodes), "%s/nodes", launch->request.run_dir);
    agent_folder(launch, node, folder);
    if ((mkdir(nodes, 0700) < 0 && errno != EEXIST) || (mkdir(folder, 0700) < 0 && errno != EEXIST))
        return err_set(err, -errno, "%s: %s", folder, strerror(errno));
    return 0;
}

/* The last line of what it said, for the sentence. */
static void last_line(const char *path, char *out, size_t space)
{
    char *text;
    size_t len;
    struct str rest, line;

    *out = '\0';
    if (file_read(path, LOG_BYTES_MAX, &text, &len, NULL) < 0)
        return;
    rest = str_trim((struct str){text, len});
    while (str_line(&rest, &line))
        (void)snprintf(out, space, "%.*s", STR_ARG(line));
    free(text);
}

static void sentence_of(const struct local_agent *agent, int status, char *out, size_t space)
{
    char folder[PATH_MAX], path[PATH_MAX + 16], line[256];

    agent_folder(agent->launch, agent->node, folder);
    (void)snprintf(path, sizeof(path), "%s/agent.log", folder);
    last_line(path, line, sizeof(line));
    if (*line)
        (void)snprintf(out, space, "%s", line);
    else if (WIFSIGNALED(status))
        (void)snprintf(out, space, "the agent was killed by signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    else
        (void)snprintf(out, space, "the agent exited with %d", WEXITSTATUS(status));
}

static void forget(struct child *child)
{
    if (child->event)
        event_free(child->event);
    if (child->pid && child->pidfd >= 0)
        (void)close(child->pidfd);
    *child = (struct child){.pidfd = -1};
}

static void on_end(evutil_socket_t fd, short what, void *data)
{
    struct local_agent *agent = data;
    char sentence[512];
    int status = 0;

    (void)fd;
    (void)what;
    if (waitpid(agent->warden.pid, &status, WNOHANG) == 0)
        return;
    forget(&agent->warden);
    sentence_of(agent, status, sentence, sizeof(sentence));
    agent->launch->request.failed(agent->launch->request.data, agent->node, sentence);
}

/* The key goes through a pipe, which holds it until the agent reads. */
static int key_pipe(const char *key, struct err *err)
{
    int ends[2];
    size_t len = strlen(key);

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, -errno, "no pipe for an agent: %s", strerror(errno));
    if (write(ends[1], key, len) != (ssize_t)len || write(ends[1], "\n", 1) != 1) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return err_set(err, -EIO, "an agent's pipe does not take the key");
    }
    (void)close(ends[1]);
    return ends[0];
}

static int watch(struct local_agent *agent, struct child *child, event_callback_fn ended,
                 struct err *err)
{
    child->pidfd = pidfd_open(child->pid, 0);
    if (child->pidfd < 0)
        return err_set(err, -errno, "pidfd_open: %s", strerror(errno));
    child->event =
        event_new(agent->launch->request.base, child->pidfd, EV_READ | EV_PERSIST, ended, agent);
    if (!child->event || event_add(child->event, NULL) < 0)
        return err_set(err, -ENOMEM, "no memory to watch an agent");
    return 0;
}

static int key_file(const char *key, const char *folder, char path[PATH_MAX], struct err *err)
{
    struct buf line = {0};
    int r;

    (void)snprintf(path, PATH_MAX, "%s/key", folder);
    buf_printf(&line, "%s\n", key);
    r = line.failed ? err_set(err, -ENOMEM, "no memory for the key")
                    : file_write_private_soon(path, line.p, line.len, err);
    buf_done(&line);
    return r;
}

static int tie_stdin(struct local *local, struct err *err)
{
    int ends[2], r;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, -errno, "no pipe for standard input: %s", strerror(errno));
    r = relay_bytes(STDIN_FILENO, ends[1], err);
    if (r < 0)
        (void)close(ends[0]);
    else
        local->tied = ends[0];
    return r;
}

/* key_path: NULL when the key is on its stdin. */
static int spawn_agent(struct local_agent *agent, const char *folder, const char *key_path,
                       const int fds[3], struct err *err)
{
    const struct launch_request *request = &agent->launch->request;
    struct arena *arena = arena_new(0);
    char node[16];
    const char *words[WORDS_MAX + 1] = {request->agent}, **rest;
    size_t count = 1;
    int r;

    (void)snprintf(node, sizeof(node), "%u", agent->node);
    rest = arena ? launch_agent_words(arena, request, node, folder) : NULL;
    if (!rest) {
        arena_free(arena);
        return err_set(err, -ENOMEM, "no memory to start an agent");
    }
    while (*rest && count < WORDS_MAX - 2)
        words[count++] = *rest++;
    if (key_path) {
        words[count++] = "--key-file";
        words[count] = key_path;
    }
    r = spawn_group(request->agent, words, environ, fds, &agent->warden.pid);
    if (r < 0)
        agent->warden.pid = 0;
    arena_free(arena);
    return r < 0 ? err_set(err, r, "%s: %s", request->agent, strerror(-r)) : 0;
}

static int start_one(struct local_agent *agent, struct err *err)
{
    const struct local *local = agent->launch->state;
    bool tied = local->tied >= 0 && agent->node == 0;
    char folder[PATH_MAX], log[PATH_MAX + 16], key_path[PATH_MAX];
    int fds[3] = {-1, -1, -1}, r = make_folder(agent->launch, agent->node, folder, err);

    if (r < 0)
        return r;
    (void)snprintf(log, sizeof(log), "%s/agent.log", folder);
    fds[1] = fds[2] = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fds[1] < 0)
        return err_set(err, -errno, "%s: %s", log, strerror(errno));
    if (tied) {
        r = key_file(agent->launch->request.key, folder, key_path, err);
        fds[0] = fcntl(local->tied, F_DUPFD_CLOEXEC, 3);
    } else {
        r = fds[0] = key_pipe(agent->launch->request.key, err);
    }
    if (r >= 0)
        r = spawn_agent(agent, folder, tied ? key_path : NULL, fds, err);
    if (fds[0] >= 0)
        (void)close(fds[0]);
    (void)close(fds[1]);
    return r < 0 ? r : watch(agent, &agent->warden, on_end, err);
}

static int open_local(struct launch *launch, struct err *err)
{
    struct local *local = calloc(1, sizeof(*local));

    if (local)
        local->agents = calloc(launch->request.count, sizeof(*local->agents));
    if (!local || !local->agents) {
        free(local);
        return err_set(err, -ENOMEM, "no memory for %u agents", launch->request.count);
    }
    for (uint32_t i = 0; i < launch->request.count; i++)
        local->agents[i] = (struct local_agent){
            .launch = launch, .node = i, .warden.pidfd = -1, .ender.pidfd = -1};
    local->tied = -1;
    launch->state = local;
    return launch->request.tie_stdin ? tie_stdin(local, err) : 0;
}

static void on_cleared(evutil_socket_t fd, short what, void *data)
{
    struct local_agent *agent = data;
    struct err err = {0};

    (void)fd;
    (void)what;
    if (waitpid(agent->ender.pid, NULL, WNOHANG) == 0)
        return;
    forget(&agent->ender);
    if (!agent->wanted)
        return;
    agent->wanted = false;
    if (start_one(agent, &err) < 0)
        agent->launch->request.failed(agent->launch->request.data, agent->node, err.text);
}

static void end_local(struct launch *launch, uint32_t node)
{
    struct local_agent *agent = &((struct local *)launch->state)->agents[node];
    const int fds[3] = {-1, STDERR_FILENO, STDERR_FILENO};
    char number[16];
    const char *words[] = {
        launch->request.agent, "end", "--run", launch->request.run, "--node", number, NULL};

    agent->wanted = false;
    if (agent->ender.pid)
        return;
    (void)snprintf(number, sizeof(number), "%u", node);
    if (spawn_group(launch->request.agent, words, environ, fds, &agent->ender.pid) < 0)
        agent->ender.pid = 0; /* an agent that is started there does the same */
    else if (watch(agent, &agent->ender, on_cleared, NULL) < 0)
        forget(&agent->ender);
}

static int start_local(struct launch *launch, const uint32_t *nodes, size_t count, struct err *err)
{
    struct local *local = launch->state;

    for (size_t i = 0; i < count; i++) {
        struct local_agent *agent = &local->agents[nodes[i]];
        int r;

        forget(&agent->warden);
        agent->wanted = agent->ender.pid != 0;
        r = agent->wanted ? 0 : start_one(agent, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static void close_local(struct launch *launch)
{
    struct local *local = launch->state;

    if (!local)
        return;
    for (uint32_t i = 0; i < launch->request.count; i++) {
        forget(&local->agents[i].warden);
        forget(&local->agents[i].ender);
    }
    if (local->tied >= 0)
        (void)close(local->tied);
    free(local->agents);
    free(local);
    launch->state = NULL;
}

const struct launch_backend launch_local = {
    .name = "local",
    .open = open_local,
    .start = start_local,
    .end = end_local,
    .close = close_local,
};
