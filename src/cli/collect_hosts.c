#include "cli/collect_hosts.h"

#include "base/file.h"
#include "base/hostlist.h"
#include "base/term.h"
#include "cli/agent_path.h"
#include "sched/remote.h"
#include "sched/sched.h"
#include "snap/snap.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_S          180
#define COMMANDS_TIMEOUT_S 60
#define AGENT_BYTES_MAX    ((size_t)256 << 20)
#define OUTPUT_MAX         ((size_t)256 << 20)
#define TALK_MAX           65536 /* what a host's login scripts may print before the snapshot */
#define SSH_WORDS_MAX      64
#define PROGRESS_STEPS     10 /* lines of progress where there is no terminal */

struct collecting {
    const struct subcommand *command;
    const struct collect_args *args;
    struct arena *arena;
    const char *folder;
    const char **names; /* of the snapshots, beside the tasks */
    struct sched_task *tasks;
    size_t count, over, failed;
    bool terminal;
};

static const char zstd_magic[4] = {'\x28', '\xb5', '\x2f', '\xfd'};

/* The snapshot in what a host wrote: chatty login scripts print in front of it. */
static struct str find_snapshot(const struct buf *output)
{
    size_t end = output->len < TALK_MAX ? output->len : TALK_MAX;

    for (size_t i = 0; i + sizeof(zstd_magic) <= end; i++)
        if (!memcmp(output->p + i, zstd_magic, sizeof(zstd_magic)))
            return (struct str){output->p + i, output->len - i};
    return (struct str){output->p, output->len};
}

static void fail(struct sched_task *task, const char *sentence)
{
    task->outcome = SCHED_FAILED;
    (void)snprintf(task->sentence, sizeof(task->sentence), "%s", sentence);
}

/* Only a whole snapshot is kept. */
static void keep(struct collecting *c, struct sched_task *task)
{
    const char *name = c->names[task - c->tasks];
    const char *path = arena_printf(c->arena, "%s/%s.snap", c->folder, name);
    struct arena *arena = arena_new(0);
    struct str snap = find_snapshot(&task->output);
    struct err err = {0};
    struct tree tree;
    int r = -ENOMEM;

    if (arena && path)
        r = snap_read(arena, "its snapshot", snap.p, snap.len, SNAP_BYTES_MAX, &tree, &err);
    arena_free(arena);
    if (r == 0)
        r = file_write(path, snap.p, snap.len, &err);
    if (r != 0)
        fail(task, err.text[0] ? err.text : "no memory for its snapshot");
}

static void show_progress(const struct collecting *c)
{
    char failed[48] = "";

    if (c->args->quiet)
        return;
    if (c->failed)
        (void)snprintf(failed, sizeof(failed), ", %zu failed", c->failed);
    if (c->terminal)
        (void)fprintf(stderr, "\r\033[Kcollected %zu of %zu%s", c->over - c->failed, c->count,
                      failed);
    else if (c->over * PROGRESS_STEPS / c->count != (c->over - 1) * PROGRESS_STEPS / c->count)
        (void)fprintf(stderr, "collected %zu of %zu%s\n", c->over - c->failed, c->count, failed);
    (void)fflush(stderr);
}

static void on_over(void *data, struct sched_task *task)
{
    struct collecting *c = data;

    if (task->outcome == SCHED_DONE)
        keep(c, task);
    c->over++;
    c->failed += task->outcome != SCHED_DONE;
    show_progress(c);
}

/* The hosts that failed in the same words are one line. */
static void print_failures(struct collecting *c)
{
    const char **names = arena_alloc(c->arena, c->count * sizeof(*names));
    bool *said = arena_alloc(c->arena, c->count * sizeof(*said));

    for (size_t i = 0; names && said && i < c->count; i++) {
        size_t count = 0;
        const char *list;

        if (said[i] || c->tasks[i].outcome == SCHED_DONE)
            continue;
        for (size_t k = i; k < c->count; k++) {
            if (c->tasks[k].outcome == SCHED_DONE || said[k] ||
                strcmp(c->tasks[k].sentence, c->tasks[i].sentence) != 0)
                continue;
            said[k] = true;
            names[count++] = c->tasks[k].host;
        }
        list = hostlist_fold(c->arena, names, count);
        (void)printf("%s: %s\n", list ? list : c->tasks[i].host, c->tasks[i].sentence);
    }
}

static void print_summary(struct collecting *c)
{
    if (c->terminal && !c->args->quiet)
        (void)fputs("\r\033[K", stderr);
    print_failures(c);
    (void)printf("%zu of %zu hosts collected into %s", c->count - c->failed, c->count, c->folder);
    (void)printf(c->failed ? "; %zu failed\n" : "\n", c->failed);
}

/* "root@n1" is n1.snap. */
static int name_snapshots(struct collecting *c, struct err *err)
{
    struct hostlist unique;
    struct buf all = {0};
    int r = 0;

    c->names = arena_alloc(c->arena, c->count * sizeof(*c->names));
    if (!c->names)
        return err_set(err, -ENOMEM, "no memory for the host names");
    for (size_t i = 0; i < c->count; i++) {
        const char *at = strrchr(c->tasks[i].host, '@');

        c->names[i] = at ? at + 1 : c->tasks[i].host;
        buf_printf(&all, "%s ", c->names[i]);
    }
    if (all.failed)
        r = err_set(err, -ENOMEM, "no memory for the host names");
    else
        r = hostlist_expand(c->arena, (struct str){all.p, all.len}, &unique, err);
    if (r == 0 && unique.count != c->count)
        r = err_set(err, -EINVAL, "a host is named twice, as different users");
    buf_done(&all);
    return r;
}

static int list_hosts(struct collecting *c, struct err *err)
{
    const char *text = c->args->hosts;
    struct hostlist hosts;
    int r;

    if (c->args->slurm && !getenv("SLURM_JOB_ID"))
        return err_set(err, -EINVAL,
                       "--slurm works inside an allocation (salloc, sbatch): SLURM_JOB_ID is not "
                       "set");
    if (!text)
        text = getenv("SLURM_JOB_NODELIST");
    if (!text)
        return err_set(err, -EINVAL, "SLURM_JOB_NODELIST is not set: name the nodes by --hosts");
    r = hostlist_expand(c->arena, str_of(text), &hosts, err);
    if (r < 0)
        return r;
    c->count = hosts.count;
    c->tasks = arena_alloc(c->arena, c->count * sizeof(*c->tasks));
    if (!c->tasks)
        return err_set(err, -ENOMEM, "no memory for the hosts");
    for (size_t i = 0; i < c->count; i++)
        c->tasks[i].host = hosts.names[i];
    return name_snapshots(c, err);
}

static int make_folder(struct collecting *c, struct err *err)
{
    struct stat st;

    c->folder = c->args->output ? c->args->output : ".";
    if (mkdir(c->folder, 0777) < 0 && errno != EEXIST)
        return err_set(err, -errno, "%s: %s", c->folder, strerror(errno));
    if (stat(c->folder, &st) < 0)
        return err_set(err, -errno, "%s: %s", c->folder, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(err, -ENOTDIR, "%s: with --hosts the output is a folder", c->folder);
    if (access(c->folder, W_OK) < 0)
        return err_set(err, -errno, "%s: %s", c->folder, strerror(errno));
    return 0;
}

/* The agent lies beside our own executable. */
static int read_agent(struct collecting *c, char **bytes, size_t *len, struct err *err)
{
    const char *path = agent_path(c->arena, c->args->agent);
    int r;

    if (!path)
        return err_set(err, -ENOENT, "where is firstlight-agent? name it by --agent");
    r = file_read(path, AGENT_BYTES_MAX, bytes, len, err);
    return r < 0 ? err_wrap(err, r, "the agent for the hosts") : 0;
}

static const char *make_command(struct collecting *c, const char *agent, size_t agent_len,
                                int64_t timeout_s)
{
    int64_t each = c->args->commands_timeout_s ? c->args->commands_timeout_s : COMMANDS_TIMEOUT_S;
    /* The agent ends its commands in time to send what it has. */
    int64_t all = timeout_s * 2 / 3 > 0 ? timeout_s * 2 / 3 : 1;
    const char *words = arena_printf(
        c->arena, "collect -o - --remove-self --commands-timeout %lld --total-timeout %lld%s%s",
        (long long)each, (long long)all, c->args->no_commands ? " --no-commands" : "",
        c->args->slurm ? " --frame \"$firstlight_node\"" : "");

    return words ? remote_command(c->arena, agent_len, remote_machine(agent, agent_len), words,
                                  c->args->slurm)
                 : NULL;
}

/* Words of `text`, added to list. */
static int split_words(struct arena *arena, const char *text, const char **list, size_t *count)
{
    struct str rest = str_of(text), word;

    while (str_word(&rest, &word)) {
        if (*count == SSH_WORDS_MAX)
            return -E2BIG;
        list[*count] = arena_copy(arena, word.p, word.len);
        if (!list[(*count)++])
            return -ENOMEM;
    }
    return 0;
}

static int run(struct collecting *c, const char *agent, size_t agent_len, int *interrupted,
               struct err *err)
{
    const char *ssh[SSH_WORDS_MAX], *options[SSH_WORDS_MAX];
    const char *own_ssh = getenv("FIRSTLIGHT_SSH");
    int64_t timeout_s = c->args->timeout_s ? c->args->timeout_s : TIMEOUT_S;
    struct sched_job job = {
        .input = agent,
        .input_len = agent_len,
        .fanout =
            (unsigned)(c->args->fanout < SCHED_FANOUT_MAX ? c->args->fanout : SCHED_FANOUT_MAX),
        .timeout_ms = timeout_s * 1000,
        .output_max = OUTPUT_MAX,
        .ssh = ssh,
        .ssh_options = options,
        .over = on_over,
        .data = c};
    int r = own_ssh ? split_words(c->arena, own_ssh, ssh, &job.ssh_count) : 0;

    for (size_t i = 0; r == 0 && i < c->args->ssh_opts.count; i++)
        r = split_words(c->arena, c->args->ssh_opts.items[i], options, &job.ssh_option_count);
    if (r < 0)
        return err_set(err, r, "too many words for ssh");
    job.command = make_command(c, agent, agent_len, timeout_s);
    if (!job.command)
        return err_set(err, -ENOMEM, "no memory for the hosts");
    return sched_run(sched_backend_find(c->args->slurm ? "srun" : "ssh"), &job, c->tasks, c->count,
                     interrupted, err);
}

int collect_hosts(const struct subcommand *command, const struct collect_args *args)
{
    struct collecting c = {.command = command, .args = args, .arena = arena_new(0)};
    int interrupted = 0, code, r;
    struct err err = {0};
    char *agent = NULL;
    size_t agent_len;

    c.terminal = isatty(STDERR_FILENO) && term_has_colour(stderr);
    r = c.arena ? list_hosts(&c, &err) : err_set(&err, -ENOMEM, "no memory for the hosts");
    if (r == 0)
        r = make_folder(&c, &err);
    if (r == 0)
        r = read_agent(&c, &agent, &agent_len, &err);
    if (r == 0)
        r = run(&c, agent, agent_len, &interrupted, &err);
    if (r < 0) {
        code = subcommand_trouble(command, "%s", err.text);
    } else {
        print_summary(&c);
        code = interrupted ? 128 + interrupted : c.failed ? EXIT_FINDINGS : EXIT_WELL;
    }
    free(agent);
    arena_free(c.arena);
    return code;
}
