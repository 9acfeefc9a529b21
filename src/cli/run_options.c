#include "cli/run_options.h"

#include "base/file.h"
#include "cli/hosts_option.h"
#include "job/keys.h"
#include "job/words.h"
#include "progress/ckpt.h"
#include "progress/pattern.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GPUS_MAX   1024
#define FANOUT_MAX 1024

struct run_args {
    /* keys of the job, as text */
    const char *name, *cwd, *backend, *hosts, *nodes, *spares, *min_nodes, *nproc, *ranks;
    const char *topology, *bind, *store, *attempts_without_progress, *attempts_max;
    const char *abort_grace, *stop_grace, *node_timeout, *hold, *start_timeout, *time_limit, *hang;
    const char *checkpoint, *complete_when, *step_pattern, *checkpoint_every, *log_size, *show;
    bool gpus, tie_stdin, slurm, independent;
    struct opt_list env, unset, slurm_opts, set;
    /* the front end's */
    const char *state, *agent, *listen;
    struct opt_list ssh_opts;
    int64_t fanout;
    bool detach, print_job, json, quiet;
};

#define AT(field) offsetof(struct run_args, field)

const struct opt run_opts[] = {
    {"ranks", 'n', OPT_TEXT, "N", "Ranks of the whole job", AT(ranks)},
    {"nodes", 'N', OPT_TEXT, "N", "Nodes that run ranks (--hosts less spares, else 1)", AT(nodes)},
    {"nproc-per-node", 0, OPT_TEXT, "N",
     "Ranks on each node: a number, gpu, cpu or auto (one a GPU, else 1)", AT(nproc)},
    {"hosts", 'H', OPT_TEXT, "HOSTS", "Over ssh on these: n[001-064], or @FILE of them", AT(hosts)},
    {"slurm", 0, OPT_FLAG, NULL, "By Slurm: in this allocation, else submit a job", AT(slurm)},
    {"backend", 0, OPT_TEXT, "NAME", "local, ssh, slurm, or join (agents come by themselves)",
     AT(backend)},
    {"spares", 0, OPT_TEXT, "N", "Nodes that wait to take a lost one's place (0)", AT(spares)},
    {"min-nodes", 0, OPT_TEXT, "N", "Go on with so few when no spare is left (--nodes)",
     AT(min_nodes)},
    {"topology", 0, OPT_TEXT, "FILE", "Lines 'host rack': ranks of a rack stay together",
     AT(topology)},
    {"name", 0, OPT_TEXT, "NAME", "Of the run (the program's)", AT(name)},
    {"cwd", 0, OPT_TEXT, "DIR", "The ranks' working directory (this one)", AT(cwd)},
    {"env", 'e', OPT_LIST, "NAME[=VALUE]", "Set it for ranks; without VALUE: as it is here",
     AT(env)},
    {"unset", 0, OPT_LIST, "NAME", "A variable that ranks do not get", AT(unset)},
    {"bind", 0, OPT_TEXT, "WHAT", "To none, core, numa, socket or gpu (none)", AT(bind)},
    {"gpus", 0, OPT_FLAG, NULL, "Each rank sees its own GPUs only", AT(gpus)},
    {"store", 0, OPT_TEXT, "WHO", "Who serves the TCPStore: agent, or rank0 as torchrun (agent)",
     AT(store)},
    {"tie-stdin", 0, OPT_FLAG, NULL, "Rank 0 reads this standard input (local only)",
     AT(tie_stdin)},
    {"independent", 0, OPT_FLAG, NULL,
     "Ranks have nothing to do with each other: who dies ends nobody else; no restarts",
     AT(independent)},
    {"attempts-without-progress", 0, OPT_TEXT, "N",
     "Attempts without a new step until it ends; 0: never restart (3, but a program that fails "
     "by itself, without steps or checkpoints, is not tried again)",
     AT(attempts_without_progress)},
    {"attempts-max", 0, OPT_TEXT, "N", "Attempts at most; 0: no bound but progress (0)",
     AT(attempts_max)},
    {"abort-grace", 0, OPT_TEXT, "TIME", "From SIGTERM to SIGKILL after a failure (3s)",
     AT(abort_grace)},
    {"stop-grace", 0, OPT_TEXT, "TIME", "To leave after a polite stop (60s)", AT(stop_grace)},
    {"node-timeout", 0, OPT_TEXT, "TIME", "Silence until a node counts as lost (10s)",
     AT(node_timeout)},
    {"hold", 0, OPT_TEXT, "TIME", "Ranks live so long without a controller (10m)", AT(hold)},
    {"start-timeout", 0, OPT_TEXT, "TIME", "For all nodes to come up (2m)", AT(start_timeout)},
    {"time-limit", 0, OPT_TEXT, "TIME", "Of the whole run; 0: none, or Slurm's (0)",
     AT(time_limit)},
    {"hang", 0, OPT_TEXT, "TIME", "No step for so long is a hang; 0: not watched (0)", AT(hang)},
    {"checkpoint", 0, OPT_TEXT, "PATTERN", "Where checkpoints are: 'ckpt/step_*'", AT(checkpoint)},
    {"complete-when", 0, OPT_TEXT, "RULE", "One is complete: 'file NAME' in it, or 'cmd CHECK {}'",
     AT(complete_when)},
    {"checkpoint-every", 0, OPT_TEXT, "TIME", "Ask for one so often; 0: the program decides (0)",
     AT(checkpoint_every)},
    {"step-pattern", 0, OPT_TEXT, "TEXT",
     "Steps in the log: 'iteration {step}/{total}*loss {loss}'", AT(step_pattern)},
    {"log-size", 0, OPT_TEXT, "SIZE", "Of a rank's log in one attempt (64M)", AT(log_size)},
    {"show", 0, OPT_TEXT, "WHOSE", "Output of ranks: auto, all, first or none (auto)", AT(show)},
    {"set", 0, OPT_LIST, "KEY=VALUE", "Any key of a job file", AT(set)},
    {"print-job", 0, OPT_FLAG, NULL, "Print the job file of this command line and leave",
     AT(print_job)},
    {"detach", 'd', OPT_FLAG, NULL, "Go on in the background; print the run's name", AT(detach)},
    {"state", 0, OPT_TEXT, "DIR", "Where runs are kept ($XDG_STATE_HOME/firstlight)", AT(state)},
    {"listen", 0, OPT_TEXT, "ADDR[:PORT]", "Where agents connect (any address, a free port)",
     AT(listen)},
    {"agent", 0, OPT_TEXT, "FILE", "The node's executable (firstlight-agent beside firstlight)",
     AT(agent)},
    {"ssh-opt", 0, OPT_LIST, "WORDS", "Further words for ssh: --ssh-opt '-p 2222'", AT(ssh_opts)},
    {"slurm-opt", 0, OPT_LIST, "WORDS", "Further words for sbatch and srun: --slurm-opt '-p gpu'",
     AT(slurm_opts)},
    {"fanout", 'f', OPT_NUMBER, "N", "ssh connections that start at a time (64)", AT(fanout)},
    {"json", 'j', OPT_FLAG, NULL, "Events as lines of JSON", AT(json)},
    {"quiet", 'q', OPT_FLAG, NULL, "Only the ranks' output and what went wrong", AT(quiet)},
};
const size_t run_opt_count = ARRAY_LEN(run_opts);

/* Options whose text is the value of a key of the same name, with '-' for '_'. */
static const size_t key_texts[] = {
    AT(ranks),
    AT(nodes),
    AT(backend),
    AT(hosts),
    AT(spares),
    AT(min_nodes),
    AT(topology),
    AT(name),
    AT(cwd),
    AT(bind),
    AT(store),
    AT(attempts_without_progress),
    AT(attempts_max),
    AT(abort_grace),
    AT(stop_grace),
    AT(node_timeout),
    AT(hold),
    AT(start_timeout),
    AT(time_limit),
    AT(hang),
    AT(checkpoint),
    AT(complete_when),
    AT(checkpoint_every),
    AT(step_pattern),
    AT(log_size),
    AT(show),
};

/* GPUs that a program here would see: CUDA_VISIBLE_DEVICES narrows what /dev has. */
static int64_t count_gpus(struct arena *arena)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    const char *const *names;
    int64_t gpus = 0, seen = 0;
    long count = file_list(arena, "/dev", 1u << 16, &names, NULL);

    for (long i = 0; i < count; i++)
        gpus += str_glob("nvidia?*", str_of(names[i])) && char_is_digit(names[i][6]);
    if (visible) {
        struct str rest = str_of(visible), one;

        while (str_cut(&rest, ',', &one) && str_trim(one).len && one.p[0] != '-')
            seen++;
        if (seen < gpus)
            gpus = seen;
    }
    return gpus < GPUS_MAX ? gpus : GPUS_MAX;
}

static const char *env_here(const char *name)
{
    return getenv(name);
}

int options_world_here(struct arena *arena, struct options_world *out, struct err *err)
{
    cpu_set_t cpus;
    char *cwd = getcwd(NULL, 0);

    if (!cwd)
        return err_set(err, -errno, "the working directory: %s", strerror(errno));
    *out = (struct options_world){.env = env_here, .gpus = count_gpus(arena), .cpus = 1};
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
        out->cpus = CPU_COUNT(&cpus);
    out->cwd = arena_copy(arena, cwd, strlen(cwd));
    free(cwd);
    return out->cwd ? 0 : err_set(err, -ENOMEM, "no memory for the options");
}

int nproc_option(const struct options_world *world, const char *value, const char *said,
                 struct job *job, struct err *err)
{
    const char *slurm = world->env("SLURM_GPUS_ON_NODE");
    int64_t gpus = world->gpus;

    if (slurm)
        (void)str_to_i64(str_of(slurm), 10, &gpus);
    if (!char_is_digit(value[0]) && job->hosts && !slurm)
        return err_set(err, -EINVAL,
                       "%s %s would count this machine's: say the number of each host", said,
                       value);
    if (!strcmp(value, "gpu") || !strcmp(value, "cuda")) {
        if (gpus < 1)
            return err_set(err, -EINVAL, "%s %s: no GPU is to be seen here", said, value);
        job->nproc = gpus;
        return 0;
    }
    if (!strcmp(value, "cpu") || !strcmp(value, "auto")) {
        job->nproc = value[0] == 'a' && gpus > 0 ? gpus : world->cpus;
        return 0;
    }
    if (str_to_i64(str_of(value), 10, &job->nproc) < 0 || job->nproc < 1 ||
        job->nproc > JOB_WORLD_MAX)
        return err_set(err, -EINVAL, "%s takes a number from 1 on, gpu, cpu or auto, not '%s'",
                       said, value);
    return 0;
}

int nnodes_option(const char *value, const char *said, struct job *job, struct err *err)
{
    struct str most = str_of(value), least;
    int64_t low, high;

    (void)str_cut(&most, ':', &least);
    if (!strchr(value, ':'))
        most = least;
    if (str_to_i64(least, 10, &low) < 0 || str_to_i64(most, 10, &high) < 0 || low < 1 ||
        high < low || high > JOB_NODES_MAX)
        return err_set(err, -EINVAL, "%s takes N or MIN:MAX, not '%s'", said, value);
    job->nodes = high;
    if (low < high)
        job->min_nodes = low;
    return 0;
}

/* torchrun's variables, as Kubeflow and others set them, count where nothing else was said. */
static int take_pet(const struct options_world *world, struct job *job, struct err *err)
{
    const char *nnodes = world->env("PET_NNODES"), *nproc = world->env("PET_NPROC_PER_NODE");
    int r = 0;

    if (job->ranks)
        return 0;
    if (nnodes && !job->nodes && !job->hosts)
        r = nnodes_option(nnodes, "PET_NNODES", job, err);
    if (r == 0 && nproc && !job->nproc)
        r = nproc_option(world, nproc, "PET_NPROC_PER_NODE", job, err);
    return r;
}

int words_option(struct arena *arena, const struct opt_list *list, const char *said,
                 struct job_words *words, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < list->count && r == 0; i++) {
        struct job_words some;

        r = words_split(arena, str_of(list->items[i]), &some, err);
        for (size_t j = 0; r == 0 && j < some.count; j++)
            r = words_add(arena, words, str_of(some.items[j]), err);
    }
    return r < 0 ? err_wrap(err, r, "%s", said) : 0;
}

static bool is_job_file(const char *word)
{
    struct str s = str_of(word);

    return str_ends(s, ".yaml") || str_ends(s, ".yml") || str_ends(s, ".json");
}

static bool takes_next_word(const char *word)
{
    for (size_t i = 0; i < run_opt_count; i++) {
        const struct opt *opt = &run_opts[i];

        if (opt->type == OPT_FLAG)
            continue;
        if (word[1] == '-' ? !strcmp(word + 2, opt->name)
                           : opt->letter == word[1] && word[2] == '\0')
            return true;
    }
    return false;
}

int run_command_at(int argc, char **argv)
{
    bool named = false;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--"))
            return i + 1;
        if (argv[i][0] == '-' && argv[i][1]) {
            i += takes_next_word(argv[i]);
        } else {
            if (named || !is_job_file(argv[i]))
                return i;
            named = true;
        }
    }
    return argc;
}

static int read_file(struct arena *arena, const char *path, struct job *job, struct err *err)
{
    char *text;
    size_t len;
    int r = file_read(path, JOB_FILE_BYTES, &text, &len, err);

    if (r < 0)
        return r;
    r = job_read(arena, (struct str){text, len}, path, job, err);
    free(text);
    return r;
}

static const struct opt *opt_at(size_t offset)
{
    for (size_t i = 0; i < run_opt_count; i++)
        if (run_opts[i].offset == offset)
            return &run_opts[i];
    return NULL;
}

static int set_keys(struct arena *arena, const struct run_args *args, struct job *job,
                    struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(key_texts) && r == 0; i++) {
        const char *value = *(const char *const *)((const char *)args + key_texts[i]);
        const struct opt *opt = opt_at(key_texts[i]);
        char said[48];

        if (!value)
            continue;
        (void)snprintf(said, sizeof(said), "--%s", opt->name);
        r = job_key_set(arena, job_key_find(str_of(opt->name)), job, str_of(value), said, err);
    }
    return r;
}

/* --set KEY=VALUE */
static int set_any(struct arena *arena, const struct opt_list *list, struct job *job,
                   struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < list->count && r == 0; i++) {
        struct str value = str_of(list->items[i]), name;
        const struct job_key *key;
        const char *like;
        char said[64];

        (void)str_cut(&value, '=', &name);
        key = job_key_find(name);
        like = job_key_like(name);
        (void)snprintf(said, sizeof(said), "--set %.*s", STR_ARG(name));
        if (!strchr(list->items[i], '='))
            r = err_set(err, -EINVAL, "--set takes KEY=VALUE, not '%s'", list->items[i]);
        else if (!key)
            r = err_set(err, -EINVAL, "--set: there is no key '%.*s'%s%s%s", STR_ARG(name),
                        like ? " (did you mean '" : "", like ? like : "", like ? "'?)" : "");
        else
            r = job_key_set(arena, key, job, value, said, err);
    }
    return r;
}

/* NAME=VALUE takes the place of an older one of that name. */
static int put_env(struct arena *arena, struct job_words *env, const char *word, struct err *err)
{
    struct job_words list = {0};
    size_t name = strcspn(word, "=") + 1;
    bool done = false;
    int r = 0;

    for (size_t i = 0; i < env->count && r == 0; i++) {
        bool same = !strncmp(env->items[i], word, name);

        if (!same || !done)
            r = words_add(arena, &list, str_of(same ? word : env->items[i]), err);
        done |= same;
    }
    if (r == 0 && !done)
        r = words_add(arena, &list, str_of(word), err);
    *env = list;
    return r;
}

static int set_env(struct arena *arena, const struct options_world *world,
                   const struct opt_list *list, struct job *job, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < list->count && r == 0; i++) {
        const char *word = list->items[i];

        if (!strchr(word, '=')) {
            const char *value = world->env(word);

            if (!value)
                return err_set(err, -EINVAL, "--env %s: it is not set here", word);
            word = arena_printf(arena, "%s=%s", word, value);
            if (!word)
                return err_set(err, -ENOMEM, "no memory for the options");
        }
        r = job_env_check(str_of(word), err);
        if (r < 0)
            return err_wrap(err, r, "--env");
        r = put_env(arena, &job->env, word, err);
    }
    return r;
}

static int set_command(struct arena *arena, char **words, int count, struct job *job,
                       struct err *err)
{
    struct job_words command = {0};
    int r = 0;

    for (int i = 0; i < count && r == 0; i++)
        r = words_add(arena, &command, str_of(words[i]), err);
    if (count)
        job->command = command;
    return r < 0 ? err_wrap(err, r, "the command") : 0;
}

static int set_job(struct arena *arena, const struct options_world *world,
                   const struct run_args *args, struct run_options *out, struct err *err)
{
    struct job *job = &out->job;
    int r = set_any(arena, &args->set, job, err);

    if (r == 0)
        r = set_keys(arena, args, job, err);
    if (r == 0 && args->nproc)
        r = nproc_option(world, args->nproc, "--nproc-per-node", job, err);
    if (r == 0)
        r = set_env(arena, world, &args->env, job, err);
    if (r == 0)
        r = words_option(arena, &args->unset, "--unset", &job->unset, err);
    if (r == 0)
        r = words_option(arena, &args->slurm_opts, "--slurm-opt", &job->slurm, err);
    if (r == 0)
        r = words_option(arena, &args->ssh_opts, "--ssh-opt", &out->ssh_options, err);
    if (r < 0)
        return r;
    job->gpus |= args->gpus;
    job->tie_stdin |= args->tie_stdin;
    job->independent |= args->independent;
    if (args->slurm && args->backend && strcmp(args->backend, "slurm") != 0)
        return err_set(err, -EINVAL, "--slurm and --backend %s are two wishes", args->backend);
    if (args->slurm)
        job->backend = "slurm";
    if (args->fanout > FANOUT_MAX)
        return err_set(err, -EINVAL, "--fanout takes at most %d", FANOUT_MAX);
    return 0;
}

int run_options_parse(struct arena *arena, const struct options_world *world, int argc, char **argv,
                      struct run_options *out, struct err *err)
{
    struct run_args args = {0};
    int command = run_command_at(argc, argv), words, r;

    *out = (struct run_options){0};
    job_init(&out->job);
    r = opt_parse(run_opts, run_opt_count, &args, command, argv, &words, err);
    if (r == 0 && words)
        r = read_file(arena, argv[0], &out->job, err);
    if (r == 0)
        r = set_job(arena, world, &args, out, err);
    if (r == 0)
        r = set_command(arena, argv + command, argc - command, &out->job, err);
    if (r == 0)
        r = take_pet(world, &out->job, err);
    out->state = args.state;
    out->agent = args.agent;
    out->listen = args.listen;
    out->fanout = args.fanout;
    out->detach = args.detach;
    out->print_job = args.print_job;
    out->json = args.json;
    out->quiet = args.quiet;
    return r;
}

static int expand_hosts(struct arena *arena, struct job *job, struct err *err)
{
    int64_t slots = 0;
    int r = job->hosts ? hosts_option(arena, job->hosts, &job->hosts, &slots, err) : 0;

    if (r == 0 && slots > 0 && !job->nproc && !job->ranks)
        job->nproc = slots;
    return r;
}

/* Inside an allocation its nodes are the job's; outside one is asked for. */
static int look_at_slurm(const struct options_world *world, struct run_options *options,
                         struct err *err)
{
    const char *nodes = world->env("SLURM_JOB_NUM_NODES");
    struct job *job = &options->job;
    int64_t count;

    if (!job->backend || strcmp(job->backend, "slurm") != 0)
        return 0;
    options->submit = !world->env("SLURM_JOB_ID");
    if (options->submit || job->nodes || job->hosts || (job->ranks && job->nproc))
        return 0;
    if (!nodes)
        nodes = world->env("SLURM_NNODES");
    if (!nodes || str_to_i64(str_of(nodes), 10, &count) < 0)
        return err_set(err, -EINVAL, "SLURM_JOB_NUM_NODES is not set: say --nodes N");
    if (count <= job->spares)
        return err_set(err, -EINVAL,
                       "an allocation of %" PRId64 " with %" PRId64
                       " spares: no node is left for ranks",
                       count, job->spares);
    job->nodes = count - job->spares;
    return 0;
}

/* One rank a GPU, where they can be counted: here, or as Slurm says. */
static void count_nproc(const struct options_world *world, struct job *job)
{
    const char *slurm = world->env("SLURM_GPUS_ON_NODE");
    bool local = !job->backend ? !job->hosts : !strcmp(job->backend, "local");
    int64_t gpus = local ? world->gpus : 0;

    if (job->nproc || job->ranks)
        return;
    if (job->backend && !strcmp(job->backend, "slurm") && slurm)
        (void)str_to_i64(str_of(slurm), 10, &gpus);
    if (gpus > 0)
        job->nproc = gpus;
}

static int check_patterns(const struct job *job, struct err *err)
{
    struct ckpt_rule rule = {
        .pattern = job->checkpoint, .complete_when = job->complete_when, .cwd = job->cwd};
    int r = job->step_pattern ? pattern_check(job->step_pattern, err) : 0;

    return r == 0 && job->checkpoint ? ckpt_rule_check(&rule, err) : r;
}

int run_options_finish(struct arena *arena, const struct options_world *world,
                       struct run_options *options, struct err *err)
{
    struct job *job = &options->job;
    int r = expand_hosts(arena, job, err);

    if (r == 0)
        r = look_at_slurm(world, options, err);
    if (r < 0)
        return r;
    count_nproc(world, job);
    if (!job->cwd)
        job->cwd = world->cwd;
    else if (job->cwd[0] != '/')
        job->cwd = arena_printf(arena, "%s/%s", world->cwd, job->cwd);
    if (!job->cwd)
        return err_set(err, -ENOMEM, "no memory for the options");
    r = job_check(arena, job, err);
    return r == 0 ? check_patterns(job, err) : r;
}

struct run_start run_options_start(const struct run_options *options)
{
    return (struct run_start){.job = &options->job,
                              .state = options->state,
                              .agent = options->agent,
                              .listen = options->listen,
                              .ssh_options = options->ssh_options.items,
                              .ssh_option_count = options->ssh_options.count,
                              .fanout = (unsigned)options->fanout};
}
