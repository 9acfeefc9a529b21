/* sched/launch_ssh - an ssh a host: brings the agent where it is not yet, starts it, stays as its
 * watcher.
 *
 * All come from the head, `fanout` at a time: a host that would hand the agent on to others needs
 * keys for them, and agent forwarding is off where people are careful. The agent outlives its ssh:
 * it has a link of its own. */
#include "sched/agent_copy.h"
#include "sched/launch.h"
#include "sched/process.h"
#include "sched/sched.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define OWN_WORDS_MAX    64
#define ANSWER_TIMEOUT_S 60 /* from the start until a host says that the agent runs */

enum host_state { HOST_IDLE, HOST_WAITING, HOST_STARTING, HOST_RUNNING };

struct ssh_host {
    struct launch *launch;
    uint32_t node;
    enum host_state state;
    bool again; /* start it when the old one is over */
    struct process process;
    struct event *end; /* its pidfd */
    int pidfd;
    struct arena *arena; /* the words, while it lives */
    struct agent_lines lines;
    char words[SCHED_SENTENCE_BYTES]; /* the last that it said */
    struct ssh_host *next;
};

struct ssh {
    struct ssh_host *hosts, *first, **last; /* first, last: those that wait */
    struct agent_copy copy;
    char *key; /* with its newline */
    unsigned starting;
    struct arena *arena;
    const char *own[OWN_WORDS_MAX]; /* of $FIRSTLIGHT_SSH */
    size_t own_count;
};

static void start_more(struct launch *launch);

static void tell(struct ssh_host *host, const char *sentence)
{
    const struct launch_request *request = &host->launch->request;

    request->failed(request->data, host->node, sentence);
}

static void forget(struct ssh_host *host)
{
    if (host->end)
        event_free(host->end);
    if (host->pidfd >= 0)
        (void)close(host->pidfd);
    host->end = NULL;
    host->pidfd = -1;
    buf_done(&host->process.complaint);
    arena_free(host->arena);
    host->arena = NULL;
}

static void wait_for_turn(struct ssh *ssh, struct ssh_host *host)
{
    host->state = HOST_WAITING;
    host->next = NULL;
    *ssh->last = host;
    ssh->last = &host->next;
}

static void runs_now(struct ssh_host *host)
{
    struct ssh *ssh = host->launch->state;

    if (host->state != HOST_STARTING)
        return;
    host->state = HOST_RUNNING;
    ssh->starting--;
    process_relax(&host->process);
    start_more(host->launch);
}

static void on_line(void *data, struct str line)
{
    struct ssh_host *host = data;
    struct ssh *ssh = host->launch->state;
    struct str node, said;

    switch (agent_line_means(str_trim(line), &node, &said)) {
    case SAID_NEED:
        if (process_give(&host->process, (struct str){ssh->copy.bytes, ssh->copy.len}) < 0)
            process_end(&host->process);
        break;
    case SAID_RUNS:
        host->words[0] = '\0'; /* what came before was the host's greeting */
        runs_now(host);
        break;
    case SAID_ENDED:
        if (!host->words[0])
            agent_end_sentence(said, host->words, sizeof(host->words));
        break;
    case SAID_WORDS:
        if (said.len)
            (void)snprintf(host->words, sizeof(host->words), "%.*s", STR_ARG(said));
        break;
    }
}

static bool on_output(struct process *process, struct str bytes)
{
    struct ssh_host *host = process->data;

    agent_lines_take(&host->lines, bytes, on_line, host);
    return true;
}

static void sentence_of(const struct ssh_host *host, bool ran, char *out, size_t space)
{
    process_sentence(&host->process, out, space); /* ssh's own, on stderr */
    if (host->process.late)
        (void)snprintf(out, space, "no answer within %d s", ANSWER_TIMEOUT_S);
    else if (host->words[0] && (!host->process.complaint.len || ran))
        (void)snprintf(out, space, "%s", host->words);
    else if (!out[0])
        (void)snprintf(out, space, "the agent ended");
}

static void on_over(struct process *process)
{
    struct ssh_host *host = process->data;
    struct launch *launch = host->launch;
    struct ssh *ssh = launch->state;
    bool ran = host->state == HOST_RUNNING;
    char sentence[SCHED_SENTENCE_BYTES];

    sentence_of(host, ran, sentence, sizeof(sentence));
    if (!ran)
        ssh->starting--;
    host->state = HOST_IDLE;
    forget(host);
    if (host->again) {
        host->again = false;
        wait_for_turn(ssh, host);
    } else {
        tell(host, sentence);
    }
    start_more(launch);
}

static const struct process_watch watch = {on_output, on_over};

static void on_end(evutil_socket_t fd, short what, void *data)
{
    struct ssh_host *host = data;

    (void)fd;
    (void)what;
    (void)event_del(host->end); /* reaping may wait for its output */
    process_reap(&host->process);
}

static const char *const *words_of(struct ssh_host *host, struct err *err)
{
    const struct launch_request *request = &host->launch->request;
    struct ssh *ssh = host->launch->state;
    const struct sched_task task = {.host = request->names[host->node]};
    struct sched_job job = {.connect_timeout_s = request->connect_timeout_s,
                            .ssh = ssh->own,
                            .ssh_count = ssh->own_count,
                            .ssh_options = request->ssh_options,
                            .ssh_option_count = request->ssh_option_count};
    const char *const *words;
    const char **agent;
    char node[16];

    (void)snprintf(node, sizeof(node), "%u", host->node);
    agent = launch_agent_words(host->arena, request, node, NULL);
    job.command =
        agent ? agent_copy_command(host->arena, &ssh->copy, COPY_ASKED, agent, false) : NULL;
    if (!job.command) {
        (void)err_set(err, -ENOMEM, "no memory to start an agent");
        return NULL;
    }
    if (sched_backend_find("ssh")->words(&job, host->arena, &task, 1, &words, err) < 0)
        return NULL;
    return words;
}

static int watch_end(struct ssh_host *host, struct err *err)
{
    host->pidfd = pidfd_open(host->process.pid, 0);
    if (host->pidfd >= 0)
        host->end =
            event_new(host->launch->request.base, host->pidfd, EV_READ | EV_PERSIST, on_end, host);
    if (!host->end || event_add(host->end, NULL) < 0)
        return err_set(err, -ENOMEM, "no memory to watch an ssh");
    return 0;
}

static int start_one(struct ssh_host *host, struct err *err)
{
    struct ssh *ssh = host->launch->state;
    const char *const *words;
    int r;

    host->process = (struct process){.watch = &watch, .data = host, .stdin_is_kept = true};
    host->lines.len = 0;
    host->words[0] = '\0';
    host->arena = arena_new(0);
    words = host->arena ? words_of(host, err) : NULL;
    if (!words)
        return host->arena ? -ENOMEM : err_set(err, -ENOMEM, "no memory to start an agent");
    r = process_start(&host->process, host->launch->request.base, words, str_of(ssh->key),
                      ANSWER_TIMEOUT_S * 1000, err);
    if (r < 0)
        return r;
    host->state = HOST_STARTING;
    ssh->starting++;
    r = watch_end(host, err);
    if (r < 0)
        process_end(&host->process);
    return 0;
}

static void start_more(struct launch *launch)
{
    struct ssh *ssh = launch->state;
    unsigned fanout = launch->request.fanout ? launch->request.fanout : SCHED_FANOUT;

    while (ssh->first && ssh->starting < fanout) {
        struct ssh_host *host = ssh->first;
        struct err err = {0};

        ssh->first = host->next;
        if (!ssh->first)
            ssh->last = &ssh->first;
        if (start_one(host, &err) < 0) {
            host->state = HOST_IDLE;
            forget(host);
            tell(host, err.text);
        }
    }
}

/* The words of $FIRSTLIGHT_SSH, as `firstlight collect` takes them too. */
static int own_words(struct ssh *ssh)
{
    const char *text = getenv("FIRSTLIGHT_SSH");
    struct str rest, word;

    if (!text)
        return 0;
    rest = str_of(text);
    while (str_word(&rest, &word)) {
        if (ssh->own_count == OWN_WORDS_MAX)
            return -E2BIG;
        ssh->own[ssh->own_count] = arena_copy(ssh->arena, word.p, word.len);
        if (!ssh->own[ssh->own_count++])
            return -ENOMEM;
    }
    return 0;
}

static void free_ssh(struct ssh *ssh)
{
    if (!ssh)
        return;
    agent_copy_done(&ssh->copy);
    free(ssh->hosts);
    arena_free(ssh->arena);
    free(ssh);
}

static int open_ssh(struct launch *launch, struct err *err)
{
    const struct launch_request *request = &launch->request;
    struct ssh *ssh = calloc(1, sizeof(*ssh));
    int r;

    if (ssh) {
        ssh->hosts = calloc(request->count, sizeof(*ssh->hosts));
        ssh->arena = arena_new(0);
        ssh->last = &ssh->first;
    }
    if (ssh && ssh->arena)
        ssh->key = arena_printf(ssh->arena, "%s\n", request->key);
    if (!ssh || !ssh->hosts || !ssh->key || own_words(ssh) < 0) {
        free_ssh(ssh);
        return err_set(err, -ENOMEM, "no memory for %u agents", request->count);
    }
    r = agent_copy_read(request->agent, &ssh->copy, err);
    if (r < 0) {
        free_ssh(ssh);
        return r;
    }
    agent_copy_keep(&ssh->copy);
    for (uint32_t i = 0; i < request->count; i++)
        ssh->hosts[i] = (struct ssh_host){.launch = launch, .node = i, .pidfd = -1};
    launch->state = ssh;
    return 0;
}

static int start_ssh(struct launch *launch, const uint32_t *nodes, size_t count, struct err *err)
{
    struct ssh *ssh = launch->state;

    (void)err;
    for (size_t i = 0; i < count; i++) {
        struct ssh_host *host = &ssh->hosts[nodes[i]];

        if (host->state == HOST_IDLE) {
            wait_for_turn(ssh, host);
        } else if (host->state != HOST_WAITING) {
            host->again = true;
            process_end(&host->process);
        }
    }
    start_more(launch);
    return 0;
}

/* Its watcher there kills it; a host that does not listen loses its ssh, and the next agent of the
 * run on it ends what is left. */
static void end_ssh(struct launch *launch, uint32_t node)
{
    struct ssh_host *host = &((struct ssh *)launch->state)->hosts[node];

    if (host->state == HOST_RUNNING && process_give(&host->process, STR("end\n")) == 0)
        return;
    if (host->state == HOST_STARTING || host->state == HOST_RUNNING)
        process_end(&host->process);
}

static void close_ssh(struct launch *launch)
{
    struct ssh *ssh = launch->state;

    for (uint32_t i = 0; ssh && i < launch->request.count; i++) {
        struct ssh_host *host = &ssh->hosts[i];

        if (host->state == HOST_STARTING || host->state == HOST_RUNNING)
            process_leave(&host->process);
        forget(host);
    }
    free_ssh(ssh);
    launch->state = NULL;
}

const struct launch_backend launch_ssh = {
    .name = "ssh",
    .remote = true,
    .open = open_ssh,
    .start = start_ssh,
    .end = end_ssh,
    .close = close_ssh,
};
