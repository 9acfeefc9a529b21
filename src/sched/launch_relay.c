/* sched/launch_relay - a host that starts others: `firstlight-agent spread` there, told by lines on
 * its stdin whom to start (agent/cmd_spread reads them), says of each what becomes of it.
 *
 *   firstlight@n007: runs
 *   firstlight@n008: missed Permission denied (publickey).
 *   firstlight@n009: over the agent was killed by signal 9 (Killed)
 *
 * It can't lose a host: whom it can't reach, or says nothing of in time, is started from here. */
#include "sched/launch_ssh_inside.h"

#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define BEGIN_PATIENCE_S 15 /* until a relay runs; then its hosts are started from here */
#define HOST_PATIENCE_S  45 /* until it has told of each */
#define WORDS_MAX        12

struct relay {
    struct launch *launch;
    struct ssh_host **hosts; /* the first one is where it runs */
    uint32_t count;
    bool runs;
    struct process process;
    struct event *end, *patience;
    int pidfd;
    struct arena *arena;
    struct buf share; /* what it is told */
    struct agent_lines lines;
    char words[SCHED_SENTENCE_BYTES];
    struct relay *next;
};

static struct ssh_host *find_host(const struct relay *relay, struct str name)
{
    const struct ssh *ssh = relay->launch->state;
    char text[256];
    struct ssh_host *host;

    (void)snprintf(text, sizeof(text), "%.*s", STR_ARG(name));
    host = map_get(&ssh->by_name, hash64(text, strlen(text)), text);
    return host && host->via == relay ? host : NULL;
}

static void set_patience(struct relay *relay, int seconds)
{
    const struct timeval t = {seconds, 0};

    (void)event_add(relay->patience, &t);
}

/* Those it has not told of are ours now. `from` 1: but for its own host. */
static void release(struct relay *relay, uint32_t from)
{
    for (uint32_t i = from; i < relay->count; i++) {
        struct ssh_host *host = relay->hosts[i];

        if (host->via == relay && host->state == HOST_STARTING)
            ssh_start_directly(host);
    }
}

static void on_patience(evutil_socket_t fd, short what, void *data)
{
    struct relay *relay = data;

    (void)fd;
    (void)what;
    release(relay, relay->runs ? 0 : 1);
}

static void tell_share(struct relay *relay)
{
    const struct launch_request *request = &relay->launch->request;
    struct buf *share = &relay->share;

    for (size_t i = 0; i < request->ssh_option_count; i++)
        buf_printf(share, "opt %s\n", request->ssh_options[i]);
    for (uint32_t i = 0; i < relay->count; i++)
        if (relay->hosts[i]->via == relay) /* some may have been released */
            buf_printf(share, "%s %" PRIu32 " %s\n", i == 0 ? "own" : "host",
                       launch_index(request, relay->hosts[i]->node), ssh_name(relay->hosts[i]));
    buf_puts(share, "go\n");
    if (share->failed || process_give(&relay->process, (struct str){share->p, share->len}) < 0)
        process_end(&relay->process);
}

static void begins(struct relay *relay)
{
    if (relay->runs)
        return;
    relay->runs = true;
    relay->words[0] = '\0'; /* what came before was the host's greeting */
    process_relax(&relay->process);
    set_patience(relay, HOST_PATIENCE_S);
    tell_share(relay);
}

static void of_host(struct ssh_host *host, enum agent_said means, struct str said)
{
    char sentence[SCHED_SENTENCE_BYTES];

    if (means == SAID_RUNS) {
        ssh_runs(host);
    } else if (str_starts(said, "missed ") && host->state == HOST_STARTING) {
        ssh_start_directly(host);
    } else if (str_starts(said, "over ")) {
        said = str_skip(said, strlen("over "));
        (void)snprintf(sentence, sizeof(sentence), "%.*s", STR_ARG(said));
        ssh_over(host, sentence);
    }
}

static void on_line(void *data, struct str line)
{
    struct relay *relay = data;
    struct ssh *ssh = relay->launch->state;
    struct str name, said;
    enum agent_said means = agent_line_means(str_trim(line), &name, &said);
    struct ssh_host *host = name.len ? find_host(relay, name) : NULL;

    if (host)
        of_host(host, means, said);
    else if (means == SAID_NEED &&
             process_give(&relay->process, (struct str){ssh->copy.bytes, ssh->copy.len}) < 0)
        process_end(&relay->process);
    else if (means == SAID_RUNS && !name.len)
        begins(relay);
    else if (means == SAID_WORDS && !name.len && said.len)
        (void)snprintf(relay->words, sizeof(relay->words), "%.*s", STR_ARG(said));
}

static bool on_output(struct process *process, struct str bytes)
{
    struct relay *relay = process->data;

    agent_lines_take(&relay->lines, bytes, on_line, relay);
    return true;
}

static void free_relay(struct relay *relay)
{
    struct ssh *ssh = relay->launch->state;
    struct relay **link = &ssh->relays;

    while (*link && *link != relay)
        link = &(*link)->next;
    if (*link)
        *link = relay->next;
    if (relay->end)
        event_free(relay->end);
    if (relay->patience)
        event_free(relay->patience);
    if (relay->pidfd >= 0)
        (void)close(relay->pidfd);
    buf_done(&relay->process.complaint);
    buf_done(&relay->share);
    arena_free(relay->arena);
    free(relay);
}

void relay_leave(struct relay *relay)
{
    process_leave(&relay->process);
    free_relay(relay);
}

void relay_finish_all(struct relay *first)
{
    for (struct relay *relay = first; relay; relay = relay->next)
        process_kill(&relay->process);
}

static void sentence_of(const struct relay *relay, char *out, size_t space)
{
    process_sentence(&relay->process, out, space);
    if (relay->process.late)
        (void)snprintf(out, space, "no answer within %d s", ANSWER_TIMEOUT_S);
    else if (relay->words[0] && !relay->process.complaint.len)
        (void)snprintf(out, space, "%s", relay->words);
    else if (!out[0])
        (void)snprintf(out, space, "the connection to it ended");
}

/* One that never ran is its host's own failure. Agents that run have links of their own. */
static void on_over(struct process *process)
{
    struct relay *relay = process->data;
    char sentence[SCHED_SENTENCE_BYTES];

    sentence_of(relay, sentence, sizeof(sentence));
    if (!relay->runs)
        ssh_over(relay->hosts[0], sentence);
    release(relay, 0);
    for (uint32_t i = 0; i < relay->count; i++)
        if (relay->hosts[i]->via == relay)
            ssh_over(relay->hosts[i], sentence);
    free_relay(relay);
}

static const struct process_watch watch = {on_output, on_over};

static void on_end(evutil_socket_t fd, short what, void *data)
{
    struct relay *relay = data;

    (void)fd;
    (void)what;
    (void)event_del(relay->end); /* reaping may wait for its output */
    process_reap(&relay->process);
}

static const char *const *words_of(struct relay *relay, struct err *err)
{
    const struct launch_request *request = &relay->launch->request;
    const struct ssh *ssh = relay->launch->state;
    const char *words[WORDS_MAX] = {"spread",
                                    "--controller",
                                    request->addresses,
                                    "--run",
                                    request->run,
                                    "--connect-timeout",
                                    arena_printf(relay->arena, "%d", request->connect_timeout_s),
                                    "--fanout",
                                    arena_printf(relay->arena, "%u", request->fanout)};
    const char *command = words[6] && words[8] ? agent_copy_command(relay->arena, &ssh->copy,
                                                                    COPY_SPREADS, words, false)
                                               : NULL;

    if (command)
        return ssh_words(relay->launch, relay->arena, ssh_name(relay->hosts[0]), command, err);
    (void)err_set(err, -ENOMEM, "no memory to start an agent");
    return NULL;
}

static int run_relay(struct relay *relay, struct err *err)
{
    const struct ssh *ssh = relay->launch->state;
    struct event_base *base = relay->launch->request.base;
    const char *const *words = relay->arena ? words_of(relay, err) : NULL;
    int r;

    relay->patience = evtimer_new(base, on_patience, relay);
    if (!words || !relay->patience)
        return err_set(err, -ENOMEM, "no memory to start an agent");
    r = process_start(&relay->process, base, words, str_of(ssh->key), ANSWER_TIMEOUT_S * 1000, err);
    if (r < 0)
        return r;
    relay->pidfd = pidfd_open(relay->process.pid, 0);
    if (relay->pidfd >= 0)
        relay->end = event_new(base, relay->pidfd, EV_READ | EV_PERSIST, on_end, relay);
    if (!relay->end || event_add(relay->end, NULL) < 0) {
        process_leave(&relay->process);
        return err_set(err, -ENOMEM, "no memory to watch an ssh");
    }
    set_patience(relay, BEGIN_PATIENCE_S);
    return 0;
}

int relay_start(struct launch *launch, struct ssh_host *const *hosts, uint32_t count,
                struct err *err)
{
    struct ssh *ssh = launch->state;
    struct relay *relay = calloc(1, sizeof(*relay));
    int r = -ENOMEM;

    if (!relay)
        return err_set(err, r, "no memory to start an agent");
    *relay = (struct relay){.launch = launch, .count = count, .pidfd = -1, .arena = arena_new(0)};
    relay->process = (struct process){.watch = &watch, .data = relay, .stdin_is_kept = true};
    if (relay->arena)
        relay->hosts = arena_alloc(relay->arena, count * sizeof(struct ssh_host *));
    if (relay->hosts) {
        memcpy(relay->hosts, hosts, count * sizeof(struct ssh_host *));
        r = run_relay(relay, err);
    }
    if (r < 0) {
        free_relay(relay);
        return r;
    }
    relay->next = ssh->relays;
    ssh->relays = relay;
    for (uint32_t i = 0; i < count; i++) {
        hosts[i]->via = relay;
        hosts[i]->state = HOST_STARTING;
    }
    return 0;
}

/* What can't be told now is ended by the run's next agent there. */
void relay_end_host(struct ssh_host *host)
{
    struct relay *relay = host->via;
    const char *line = arena_printf(relay->arena, "end@%s\n", ssh_name(host));

    if (line && relay->runs)
        (void)process_give(&relay->process, str_of(line));
}
