/* sched/launch_ssh_host - one host from here: an ssh that brings the agent, starts it, and stays as
 * its watcher. Hosts wait for their turn. */
#include "sched/launch_ssh_inside.h"

#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define FIRST_TRIES 16 /* of a relay's, at a time until one has come */
#define MISSES_MAX  3  /* of those, until it gives up */

const char *ssh_name(const struct ssh_host *host)
{
    return host->launch->request.names[host->node];
}

static void tell(struct ssh_host *host, const char *sentence)
{
    const struct launch_request *request = &host->launch->request;

    request->failed(request->data, host->node, sentence);
}

void ssh_forget(struct ssh_host *host)
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

void ssh_wait_for_turn(struct ssh *ssh, struct ssh_host *host)
{
    host->via = NULL;
    host->state = HOST_WAITING;
    host->next = NULL;
    *ssh->last = host;
    ssh->last = &host->next;
}

void ssh_start_directly(struct ssh_host *host)
{
    ssh_wait_for_turn(host->launch->state, host);
    ssh_start_more(host->launch);
}

void ssh_runs(struct ssh_host *host)
{
    const struct launch_request *request = &host->launch->request;
    struct ssh *ssh = host->launch->state;

    if (host->state != HOST_STARTING)
        return;
    host->state = HOST_RUNNING;
    ssh->came++;
    if (request->runs)
        request->runs(request->data, host->node);
    if (host->via)
        return;
    ssh->starting--;
    process_relax(&host->process);
    ssh_start_more(host->launch);
}

void ssh_over(struct ssh_host *host, const char *sentence)
{
    struct launch *launch = host->launch;
    struct ssh *ssh = launch->state;

    ssh->missed += host->state == HOST_STARTING;
    host->state = HOST_IDLE;
    host->via = NULL;
    tell(host, sentence);
    ssh_start_more(launch);
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
        ssh_runs(host);
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
    struct ssh *ssh = host->launch->state;
    bool ran = host->state == HOST_RUNNING;
    char sentence[SCHED_SENTENCE_BYTES];

    sentence_of(host, ran, sentence, sizeof(sentence));
    if (!ran)
        ssh->starting--;
    ssh_forget(host);
    if (!host->again) {
        ssh_over(host, sentence);
        return;
    }
    host->again = false;
    ssh_start_directly(host);
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

const char *const *ssh_words(struct launch *launch, struct arena *arena, const char *name,
                             const char *command, struct err *err)
{
    const struct launch_request *request = &launch->request;
    const struct ssh *ssh = launch->state;
    const struct sched_task task = {.host = name};
    const struct sched_job job = {.command = command,
                                  .connect_timeout_s = request->connect_timeout_s,
                                  .ssh = ssh->own,
                                  .ssh_count = ssh->own_count,
                                  .ssh_options = request->ssh_options,
                                  .ssh_option_count = request->ssh_option_count};
    const char *const *words;

    return sched_backend_find("ssh")->words(&job, arena, &task, 1, &words, err) < 0 ? NULL : words;
}

static const char *const *words_of(struct ssh_host *host, struct err *err)
{
    const struct launch_request *request = &host->launch->request;
    const struct ssh *ssh = host->launch->state;
    const char **agent, *command;
    char node[16];

    (void)snprintf(node, sizeof(node), "%u", launch_index(request, host->node));
    agent = launch_agent_words(host->arena, request, node, NULL);
    command = agent ? agent_copy_command(host->arena, &ssh->copy, COPY_ASKED, agent, false) : NULL;
    if (command)
        return ssh_words(host->launch, host->arena, ssh_name(host), command, err);
    (void)err_set(err, -ENOMEM, "no memory to start an agent");
    return NULL;
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

/* As it seems none can be reached from here, and somebody else will try. */
static void give_up(struct ssh *ssh)
{
    struct ssh_host *host = ssh->first;

    ssh->first = NULL;
    ssh->last = &ssh->first;
    while (host) {
        struct ssh_host *next = host->next;

        host->state = HOST_IDLE;
        tell(host, "it was not tried");
        host = next;
    }
}

void ssh_start_more(struct launch *launch)
{
    struct ssh *ssh = launch->state;
    unsigned fanout = launch->request.fanout ? launch->request.fanout : SCHED_FANOUT;

    if (launch->request.helps && !ssh->came && fanout > FIRST_TRIES)
        fanout = FIRST_TRIES;
    if (launch->request.helps && !ssh->came && ssh->missed >= MISSES_MAX)
        give_up(ssh);

    while (ssh->first && ssh->starting < fanout) {
        struct ssh_host *host = ssh->first;
        struct err err = {0};

        ssh->first = host->next;
        if (!ssh->first)
            ssh->last = &ssh->first;
        if (start_one(host, &err) < 0) {
            host->state = HOST_IDLE;
            ssh_forget(host);
            tell(host, err.text);
        }
    }
}
