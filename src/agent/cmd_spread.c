/* agent/cmd_spread - starts the agents of other hosts, and its own host's, for a head that has too
 * many of them; sched/launch_relay speaks to it.
 *
 * On stdin: the run's key. On descriptor 3: "opt WORD" for ssh; "own INDEX NAME", "host INDEX
 * NAME"; "go"; then "end@NAME" to end an agent. On stdout, a line each: "firstlight@NAME: runs", ":
 * missed SENTENCE" (it can't be reached from here) or ": over SENTENCE". It ends when that is
 * closed; agents don't. */
#include "agent/cmd.h"
#include "base/opt.h"
#include "base/vec.h"
#include "sched/launch.h"
#include "sched/process.h"
#include "sched/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define INPUT_FD       3
#define LINE_MAX_BYTES 4096
#define HOSTS_MAX      100000
#define OPTIONS_MAX    1024
#define WORDS_MAX      16
#define SENTENCE_BYTES 320

struct arguments {
    const char *controller, *run;
    int64_t fanout, connect_timeout_s;
    bool help;
};

static const struct opt options[] = {
    {"controller", 0, OPT_TEXT, "ADDR:PORT[,...]", "for the agents",
     offsetof(struct arguments, controller)},
    {"run", 0, OPT_TEXT, "ID", "the run", offsetof(struct arguments, run)},
    {"fanout", 0, OPT_NUMBER, "N", "ssh connections that start at a time",
     offsetof(struct arguments, fanout)},
    {"connect-timeout", 0, OPT_NUMBER, "S", "of ssh",
     offsetof(struct arguments, connect_timeout_s)},
    {"help", 'h', OPT_FLAG, NULL, "this text", offsetof(struct arguments, help)},
};

struct spread {
    struct arena *arena;
    struct event_base *base;
    struct event *input, *child;
    struct launch launch;
    struct launch_request request;
    VEC(const char *) names;
    VEC(uint32_t) indices;
    VEC(const char *) ssh_options;
    const char *own; /* our host's name; NULL: its agent is not ours to start */
    uint32_t own_index;
    struct process agent; /* of our host */
    bool *ran;
    char line[LINE_MAX_BYTES], *key;
    size_t len;
    bool going, opened;
    struct err err;
};

static void say(const char *name, const char *what, const char *sentence)
{
    char line[LINE_MAX_BYTES];
    int len = snprintf(line, sizeof(line), REMOTE_SAYS "@%s: %s%s%s\n", name, what,
                       *sentence ? " " : "", sentence);

    if (write(STDOUT_FILENO, line, (size_t)len) < 0) /* nobody listens: the end of stdin follows */
        return;
}

static void on_runs(void *data, uint32_t node)
{
    struct spread *spread = data;

    spread->ran[node] = true;
    say(spread->names.items[node], "runs", "");
}

static void on_failed(void *data, uint32_t node, const char *sentence)
{
    const struct spread *spread = data;

    say(spread->names.items[node], spread->ran[node] ? "over" : "missed", sentence);
}

static bool on_agent_output(struct process *process, struct str bytes)
{
    (void)process;
    (void)bytes;
    return true;
}

static void on_agent_over(struct process *process)
{
    const struct spread *spread = process->data;
    char sentence[SENTENCE_BYTES];

    process_sentence(process, sentence, sizeof(sentence));
    say(spread->own, "over", *sentence ? sentence : "the agent ended");
    buf_done(&process->complaint);
    process->pid = 0;
}

static const struct process_watch watch = {on_agent_output, on_agent_over};

static void start_own(struct spread *spread)
{
    char self[PATH_MAX], node[16];
    const char *words[WORDS_MAX] = {self}, **rest;
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n > 0 ? n : 0] = '\0';
    if (access(self, X_OK) < 0) /* the file was replaced meanwhile */
        words[0] = "/proc/self/exe";
    (void)snprintf(node, sizeof(node), "%" PRIu32, spread->own_index);
    rest = launch_agent_words(spread->arena, &spread->request, node, NULL);
    for (size_t i = 0; rest && rest[i] && i + 2 < WORDS_MAX; i++)
        words[i + 1] = rest[i];
    spread->agent = (struct process){.watch = &watch, .data = spread};
    if (!rest || process_start(&spread->agent, spread->base, words, str_of(spread->key), 0,
                               &spread->err) < 0)
        say(spread->own, "missed", spread->err.text);
    else
        say(spread->own, "runs", "");
}

/* All that was asked for is here. */
static int go(struct spread *spread)
{
    uint32_t count = (uint32_t)spread->names.count;
    uint32_t *nodes = arena_alloc(spread->arena, (count + 1) * sizeof(*nodes));

    spread->going = true;
    spread->ran = arena_alloc(spread->arena, count + 1);
    if (!nodes || !spread->ran)
        return err_set(&spread->err, -ENOMEM, "no memory for %" PRIu32 " hosts", count);
    memset(spread->ran, 0, count + 1);
    for (uint32_t i = 0; i < count; i++)
        nodes[i] = i;
    spread->request.names = spread->names.items;
    spread->request.indices = spread->indices.items;
    spread->request.count = count;
    spread->request.ssh_options = spread->ssh_options.items;
    spread->request.ssh_option_count = spread->ssh_options.count;
    if (spread->own)
        start_own(spread);
    if (!count)
        return 0;
    if (launch_open(&spread->launch, "ssh", &spread->request, &spread->err) < 0)
        return spread->err.code;
    spread->opened = true;
    return launch_start(&spread->launch, nodes, count, &spread->err);
}

static int take_host(struct spread *spread, struct str rest, bool own)
{
    const char **name;
    uint32_t *index;
    struct str word;
    uint64_t number;

    if (!str_word(&rest, &word) || str_to_u64(word, 10, &number) < 0 || number >= HOSTS_MAX ||
        !str_word(&rest, &word) || spread->names.count >= HOSTS_MAX)
        return err_set(&spread->err, -EINVAL, "its input: a host takes INDEX NAME");
    if (own) {
        spread->own = arena_copy(spread->arena, word.p, word.len);
        spread->own_index = (uint32_t)number;
        return spread->own ? 0 : -ENOMEM;
    }
    name = vec_push(&spread->names);
    index = vec_push(&spread->indices);
    if (!name || !index || !(*name = arena_copy(spread->arena, word.p, word.len)))
        return err_set(&spread->err, -ENOMEM, "no memory for the hosts");
    *index = (uint32_t)number;
    return 0;
}

static int take_option(struct spread *spread, struct str word)
{
    const char **option =
        spread->ssh_options.count < OPTIONS_MAX ? vec_push(&spread->ssh_options) : NULL;

    if (option)
        *option = arena_copy(spread->arena, word.p, word.len);
    return option && *option ? 0 : err_set(&spread->err, -ENOMEM, "no memory for ssh's options");
}

static void end_one(struct spread *spread, struct str name)
{
    if (spread->own && str_is(name, spread->own) && spread->agent.pid)
        (void)kill(spread->agent.pid, SIGKILL); /* the warden; the agent sees that, and sweeps */
    for (uint32_t i = 0; spread->opened && i < spread->names.count; i++)
        if (str_is(name, spread->names.items[i]))
            launch_end(&spread->launch, i);
}

static int take_line(struct spread *spread, struct str line)
{
    if (spread->going) {
        if (str_starts(line, "end@"))
            end_one(spread, str_skip(line, strlen("end@")));
        return 0;
    }
    if (str_is(line, "go"))
        return go(spread);
    if (str_starts(line, "opt "))
        return take_option(spread, str_skip(line, strlen("opt ")));
    if (str_starts(line, "own "))
        return take_host(spread, str_skip(line, strlen("own ")), true);
    if (str_starts(line, "host "))
        return take_host(spread, str_skip(line, strlen("host ")), false);
    return err_set(&spread->err, -EINVAL, "its input: what is '%.40s'?", line.p);
}

static int take_bytes(struct spread *spread, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int r = 0;

        if (bytes[i] == '\n') {
            r = take_line(spread, (struct str){spread->line, spread->len});
            spread->len = 0;
        } else if (spread->len + 1 < sizeof(spread->line)) {
            spread->line[spread->len++] = bytes[i];
            spread->line[spread->len] = '\0';
        } else {
            r = err_set(&spread->err, -EINVAL, "its input: a line is too long");
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* It was written before we began, by a shell. */
static int read_key(struct spread *spread)
{
    ssize_t got = read(STDIN_FILENO, spread->line, sizeof(spread->line));
    struct str key = str_trim((struct str){spread->line, got > 0 ? (size_t)got : 0});

    if (!key.len)
        return err_set(&spread->err, -EINVAL, "stdin: no key of a run");
    spread->request.key = arena_copy(spread->arena, key.p, key.len);
    spread->key = arena_printf(spread->arena, "%.*s\n", STR_ARG(key));
    explicit_bzero(spread->line, sizeof(spread->line));
    return spread->key && spread->request.key ? 0 : -ENOMEM;
}

static void on_input(evutil_socket_t fd, short what, void *data)
{
    struct spread *spread = data;
    char bytes[16384];
    ssize_t got = read(fd, bytes, sizeof(bytes));

    (void)what;
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0 || take_bytes(spread, bytes, (size_t)got) < 0)
        (void)event_base_loopbreak(spread->base);
}

static void on_child(evutil_socket_t signo, short what, void *data)
{
    struct spread *spread = data;

    (void)signo;
    (void)what;
    if (spread->agent.pid)
        process_reap(&spread->agent);
}

static int serve(struct spread *spread)
{
    if (fcntl(INPUT_FD, F_SETFD, FD_CLOEXEC) < 0)
        return err_set(&spread->err, -EINVAL, "descriptor %d is not open", INPUT_FD);
    spread->arena = arena_new(0);
    spread->base = event_base_new();
    if (spread->arena && spread->base) {
        spread->input = event_new(spread->base, INPUT_FD, EV_READ | EV_PERSIST, on_input, spread);
        spread->child = evsignal_new(spread->base, SIGCHLD, on_child, spread);
    }
    if (!spread->input || !spread->child || event_add(spread->input, NULL) < 0 ||
        event_add(spread->child, NULL) < 0)
        return err_set(&spread->err, -ENOMEM, "no memory to start agents");
    spread->request.base = spread->base;
    if (read_key(spread) < 0)
        return spread->err.code ? spread->err.code : -ENOMEM;
    (void)fcntl(INPUT_FD, F_SETFL, O_NONBLOCK);
    (void)event_base_dispatch(spread->base);
    return spread->err.code;
}

/* Agents are left to themselves. */
static void done(struct spread *spread)
{
    if (spread->opened)
        launch_close(&spread->launch);
    if (spread->agent.pid)
        process_leave(&spread->agent);
    if (spread->input)
        event_free(spread->input);
    if (spread->child)
        event_free(spread->child);
    if (spread->base)
        event_base_free(spread->base);
    vec_done(&spread->names);
    vec_done(&spread->indices);
    vec_done(&spread->ssh_options);
    arena_free(spread->arena);
}

static int print_help(void)
{
    struct buf text = {0};

    buf_puts(&text,
             "usage: firstlight-agent spread --controller ADDR:PORT[,...] --run ID [OPTION ...]\n\n"
             "Starts agents on the hosts that its descriptor 3 names; `firstlight run` uses it for "
             "many hosts.\n");
    opt_help(options, ARRAY_LEN(options), &text);
    if (!text.failed)
        (void)fputs(text.p, stdout);
    buf_done(&text);
    return EXIT_WELL;
}

int agent_spread(int argc, char **argv)
{
    struct arguments args = {0};
    struct spread spread = {0};
    int words, r = opt_parse(options, ARRAY_LEN(options), &args, argc, argv, &words, &spread.err);

    if (r == 0 && args.help)
        return print_help();
    if (r == 0 && (words || !args.controller || !args.run))
        r = err_set(&spread.err, -EINVAL, "spread needs --controller and --run; see --help");
    if (r == 0) {
        spread.request = (struct launch_request){.agent = "/proc/self/exe",
                                                 .addresses = args.controller,
                                                 .run = args.run,
                                                 .connect_timeout_s = (int)args.connect_timeout_s,
                                                 .fanout = (unsigned)args.fanout,
                                                 .helps = true,
                                                 .runs = on_runs,
                                                 .failed = on_failed,
                                                 .data = &spread};
        r = serve(&spread);
        done(&spread);
    }
    if (r < 0)
        (void)fprintf(stderr, "firstlight-agent: %s\n", spread.err.text);
    return r < 0 ? EXIT_TROUBLE : EXIT_WELL;
}
