/* sched/backends - how hosts are reached: ssh, srun, and this host's own shell. */
#include "base/hostlist.h"
#include "sched/sched.h"

#include <errno.h>
#include <string.h>

#define CONNECT_TIMEOUT_S 10
#define FIXED_WORDS_MAX   32

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "no memory to start a process");
}

/* The command is one argument for the login shell, which hands it to sh. */
static const char *quoted(struct arena *arena, const char *command)
{
    return arena_printf(arena, "exec /bin/sh -c '%s'", command);
}

static int ssh_words(const struct sched_job *job, struct arena *arena,
                     const struct sched_task *tasks, size_t count, const char *const **words,
                     struct err *err)
{
    const char **w =
        arena_alloc(arena, (FIXED_WORDS_MAX + job->ssh_count + job->ssh_option_count) * sizeof(*w));
    size_t n = 0;

    (void)count;
    if (!w)
        return no_memory(err);
    if (!job->ssh_count)
        w[n++] = "ssh";
    for (size_t i = 0; i < job->ssh_count; i++)
        w[n++] = job->ssh[i];
    /* The user's options come first: ssh takes the first of each. */
    for (size_t i = 0; i < job->ssh_option_count; i++)
        w[n++] = job->ssh_options[i];
    w[n++] = "-T";
    w[n++] = "-o";
    w[n++] = "BatchMode=yes";
    w[n++] = "-o";
    w[n++] = arena_printf(arena, "ConnectTimeout=%d",
                          job->connect_timeout_s ? job->connect_timeout_s : CONNECT_TIMEOUT_S);
    w[n++] = "-o";
    w[n++] = "ControlMaster=no"; /* a master would hold stderr open after its end */
    w[n++] = "-o";
    w[n++] = "LogLevel=ERROR"; /* no banners in the sentences */
    w[n++] = "--";
    w[n++] = tasks[0].host;
    w[n++] = quoted(arena, job->command);
    w[n] = NULL;
    for (size_t i = 0; i < n; i++)
        if (!w[i])
            return no_memory(err);
    *words = w;
    return 0;
}

static int srun_words(const struct sched_job *job, struct arena *arena,
                      const struct sched_task *tasks, size_t count, const char *const **words,
                      struct err *err)
{
    const char **w = arena_alloc(arena, FIXED_WORDS_MAX * sizeof(*w));
    const char **hosts = arena_alloc(arena, count * sizeof(*hosts));
    const char *list;
    size_t n = 0;

    if (!w || !hosts)
        return no_memory(err);
    for (size_t i = 0; i < count; i++)
        hosts[i] = tasks[i].host;
    list = hostlist_fold(arena, hosts, count);
    if (!list)
        return no_memory(err);
    w[n++] = "srun";
    w[n++] = arena_printf(arena, "--nodes=%zu", count);
    w[n++] = arena_printf(arena, "--ntasks=%zu", count);
    w[n++] = "--ntasks-per-node=1";
    w[n++] = arena_printf(arena, "--nodelist=%s", list);
    w[n++] = "--input=all"; /* every task reads the agent */
    w[n++] = "--wait=0";    /* the first that is ready does not end the others */
    w[n++] = "--kill-on-bad-exit=0";
    w[n++] = "--cpu-bind=none";
    w[n++] = "/bin/sh";
    w[n++] = "-c";
    w[n++] = job->command;
    w[n] = NULL;
    for (size_t i = 0; i < n; i++)
        if (!w[i])
            return no_memory(err);
    *words = w;
    return 0;
}

static int local_words(const struct sched_job *job, struct arena *arena,
                       const struct sched_task *tasks, size_t count, const char *const **words,
                       struct err *err)
{
    const char **w = arena_alloc(arena, 4 * sizeof(*w));

    (void)tasks;
    (void)count;
    if (!w)
        return no_memory(err);
    w[0] = "/bin/sh";
    w[1] = "-c";
    w[2] = job->command;
    *words = w;
    return 0;
}

static const struct sched_backend backends[] = {
    {"ssh", false, ssh_words},
    {"srun", true, srun_words},
    {"local", false, local_words},
};

const struct sched_backend *sched_backend_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(backends); i++)
        if (!strcmp(backends[i].name, name))
            return &backends[i];
    return NULL;
}
