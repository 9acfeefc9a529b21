#include "cli/torchrun_options.h"

#include "cli/hosts_option.h"
#include "job/words.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define NAME_BYTES     64
#define RESTARTS_MAX   1000000
#define PYTHON_DEFAULT "python3"

struct torchrun_args {
    const char *nnodes, *nproc, *role, *redirects, *tee, *filter, *node_rank, *numa, *restarts;
    const char *rdzv_backend, *rdzv_endpoint, *rdzv_id, *rdzv_conf, *interval, *start_method;
    const char *event_log, *log_dir, *master_addr, *master_port, *local_addr, *logs_specs, *signals;
    const char *shutdown, *out_filters, *err_filters;
    bool standalone, module, no_python, run_path, virtual_local_rank;
    /* ours */
    const char *hosts, *state, *agent, *listen;
    int64_t spares;
    struct opt_list ssh_opts, slurm_opts;
    bool slurm, detach, print_job, json, quiet;
};

#define AT(field) offsetof(struct torchrun_args, field)

/* torchrun's, then our own. */
const struct opt torchrun_opts[] = {
    {"nnodes", 0, OPT_TEXT, "N|MIN:MAX", "Nodes; more than one with --hosts or --slurm (1)",
     AT(nnodes)},
    {"nproc-per-node", 0, OPT_TEXT, "N", "Ranks on each node: a number, gpu, cpu or auto (1)",
     AT(nproc)},
    {"max-restarts", 0, OPT_TEXT, "N", "Restarts before it ends (0)", AT(restarts)},
    {"standalone", 0, OPT_FLAG, NULL, "One node: it always is where no hosts are named",
     AT(standalone)},
    {"module", 'm', OPT_FLAG, NULL, "The script is a Python module", AT(module)},
    {"no-python", 0, OPT_FLAG, NULL, "The script is a program of its own", AT(no_python)},
    {"run-path", 0, OPT_FLAG, NULL, "Run the script as if it were the interpreter's own",
     AT(run_path)},
    {"role", 0, OPT_TEXT, "NAME", "ROLE_NAME of the ranks (default)", AT(role)},
    {"redirects", 'r', OPT_TEXT, "STD", "3: show no output; logs are kept in any case",
     AT(redirects)},
    {"tee", 't', OPT_TEXT, "STD", "3: show the output of all ranks", AT(tee)},
    {"local-ranks-filter", 0, OPT_TEXT, "RANKS", "0: show the output of the first rank only",
     AT(filter)},
    {"numa-binding", 0, OPT_TEXT, "HOW", "node, socket, exclusive or core-complex", AT(numa)},
    {"virtual-local-rank", 0, OPT_FLAG, NULL, "Each rank is local rank 0 and sees its own GPU",
     AT(virtual_local_rank)},
    {"node-rank", 0, OPT_TEXT, "N", "Has no place here: all nodes are started from one",
     AT(node_rank)},
    {"rdzv-backend", 0, OPT_TEXT, "NAME", "Not needed here", AT(rdzv_backend)},
    {"rdzv-endpoint", 0, OPT_TEXT, "HOST:PORT", "Not needed here", AT(rdzv_endpoint)},
    {"rdzv-id", 0, OPT_TEXT, "ID", "Not needed here: the run's name is its id", AT(rdzv_id)},
    {"rdzv-conf", 0, OPT_TEXT, "CONF", "Not needed here", AT(rdzv_conf)},
    {"monitor-interval", 0, OPT_TEXT, "S", "Not needed here: an end is seen at once", AT(interval)},
    {"start-method", 0, OPT_TEXT, "HOW", "Not needed here", AT(start_method)},
    {"event-log-handler", 0, OPT_TEXT, "NAME", "Not needed here: see 'firstlight events'",
     AT(event_log)},
    {"log-dir", 0, OPT_TEXT, "DIR", "Not needed here: see 'firstlight logs'", AT(log_dir)},
    {"logs-specs", 0, OPT_TEXT, "NAME", "Not needed here: see 'firstlight logs'", AT(logs_specs)},
    {"master-addr", 0, OPT_TEXT, "ADDR", "Not needed here", AT(master_addr)},
    {"master-port", 0, OPT_TEXT, "PORT", "Not needed here", AT(master_port)},
    {"local-addr", 0, OPT_TEXT, "ADDR", "Not needed here", AT(local_addr)},
    {"signals-to-handle", 0, OPT_TEXT, "LIST", "Not needed here", AT(signals)},
    {"shutdown-timeout", 0, OPT_TEXT, "S", "Not needed here", AT(shutdown)},
    {"duplicate-stdout-filters", 0, OPT_TEXT, "LIST", "Not needed here", AT(out_filters)},
    {"duplicate-stderr-filters", 0, OPT_TEXT, "LIST", "Not needed here", AT(err_filters)},
    {"hosts", 'H', OPT_TEXT, "HOSTS", "Our own: run there over ssh, as 'firstlight run' does",
     AT(hosts)},
    {"slurm", 0, OPT_FLAG, NULL, "Our own: run by Slurm", AT(slurm)},
    {"spares", 0, OPT_NUMBER, "N", "Our own: nodes that wait to take a lost one's place",
     AT(spares)},
    {"print-job", 0, OPT_FLAG, NULL, "Our own: print the job file and leave", AT(print_job)},
    {"detach", 'd', OPT_FLAG, NULL, "Our own: go on in the background", AT(detach)},
    {"state", 0, OPT_TEXT, "DIR", "Our own: where runs are kept", AT(state)},
    {"listen", 0, OPT_TEXT, "ADDR[:PORT]", "Our own: where agents connect to", AT(listen)},
    {"agent", 0, OPT_TEXT, "FILE", "Our own: the node's executable", AT(agent)},
    {"ssh-opt", 0, OPT_LIST, "WORDS", "Our own: further words for ssh", AT(ssh_opts)},
    {"slurm-opt", 0, OPT_LIST, "WORDS", "Our own: further words for sbatch and srun",
     AT(slurm_opts)},
    {"json", 'j', OPT_FLAG, NULL, "Our own: events as lines of JSON", AT(json)},
    {"quiet", 'q', OPT_FLAG, NULL, "Our own: no status", AT(quiet)},
};
const size_t torchrun_opt_count = ARRAY_LEN(torchrun_opts);

static bool is_theirs(const struct opt *opt)
{
    return strncmp(opt->help, "Our own", 7) != 0;
}

static bool is_noted(const struct opt *opt)
{
    return strncmp(opt->help, "Not needed", 10) == 0;
}

/* The option of a name with '-' or '_', perhaps cut short: NULL with a sentence when there is none
 * or it could be several. Ours are never cut short, so that they hide none of torchrun's. */
static const struct opt *find(struct str name, struct err *err)
{
    const struct opt *found = NULL;
    char dashed[NAME_BYTES];
    size_t len = name.len < sizeof(dashed) - 1 ? name.len : sizeof(dashed) - 1;

    for (size_t i = 0; i < len; i++)
        dashed[i] = (char)(name.p[i] == '_' ? '-' : name.p[i]);
    dashed[len] = '\0';
    for (size_t i = 0; i < torchrun_opt_count; i++)
        if (!strcmp(torchrun_opts[i].name, dashed))
            return &torchrun_opts[i];
    for (size_t i = 0; i < torchrun_opt_count && len; i++) {
        if (!is_theirs(&torchrun_opts[i]) || strncmp(torchrun_opts[i].name, dashed, len) != 0)
            continue;
        if (found) {
            (void)err_set(err, -EINVAL, "--%s could be --%s or --%s", dashed, found->name,
                          torchrun_opts[i].name);
            return NULL;
        }
        found = &torchrun_opts[i];
    }
    if (!found)
        (void)err_set(err, -EINVAL, "there is no option --%s", dashed);
    return found;
}

static const struct opt *find_letter(char letter)
{
    for (size_t i = 0; i < torchrun_opt_count; i++)
        if (torchrun_opts[i].letter == letter)
            return &torchrun_opts[i];
    return NULL;
}

static bool takes_next_word(const struct opt *opt, const char *word)
{
    return opt && opt->type != OPT_FLAG && (word[1] == '-' ? !strchr(word, '=') : !word[2]);
}

int torchrun_script_at(int argc, char **argv)
{
    int at = 1;

    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
        const char *word = argv[at];
        const struct opt *opt = word[1] == '-'
                                    ? find((struct str){word + 2, strcspn(word + 2, "=")}, NULL)
                                    : find_letter(word[1]);

        if (!strcmp(word, "--"))
            return at + 1;
        at += takes_next_word(opt, word);
    }
    return at < argc ? at : argc;
}

/* The options as base/opt takes them, in `words`; *script is where the rest begins in argv. */
static int spell_out(struct arena *arena, int argc, char **argv, char **words, int *count,
                     int *script, struct err *err)
{
    int at = 1;

    words[(*count)++] = argv[0];
    for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
        const struct opt *opt = find_letter(argv[at][1]);
        char *word = argv[at];

        if (!strcmp(word, "--")) {
            at++;
            break;
        }
        if (word[1] == '-') {
            size_t len = strcspn(word + 2, "=");

            opt = find((struct str){word + 2, len}, err);
            if (!opt)
                return -EINVAL;
            word = arena_printf(arena, "--%s%s", opt->name, word + 2 + len);
            if (!word)
                return err_set(err, -ENOMEM, "no memory for the options");
        }
        words[(*count)++] = word;
        if (takes_next_word(opt, word) && at + 1 < argc)
            words[(*count)++] = argv[++at];
    }
    *script = at;
    return 0;
}

/* PET_NPROC_PER_NODE=8 is --nproc-per-node 8. */
static int take_pet(const struct options_world *world, struct torchrun_args *args, struct err *err)
{
    for (size_t i = 0; i < torchrun_opt_count; i++) {
        const struct opt *opt = &torchrun_opts[i];
        char name[NAME_BYTES];
        const char *value;
        int len;

        if (!is_theirs(opt))
            continue;
        len = snprintf(name, sizeof(name), "PET_%s", opt->name);
        for (int j = 0; j < len; j++)
            name[j] = (char)(name[j] == '-' ? '_' : toupper((unsigned char)name[j]));
        value = world->env(name);
        if (!value)
            continue;
        if (opt->type == OPT_TEXT)
            *(const char **)((char *)args + opt->offset) = value;
        else if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
            return err_set(err, -EINVAL, "%s takes 0 or 1, not '%.40s'", name, value);
        else
            *(bool *)((char *)args + opt->offset) = value[0] == '1';
    }
    return 0;
}

/* python3 -u [-m] SCRIPT, as torchrun starts it. */
static int set_command(struct arena *arena, const struct options_world *world,
                       const struct torchrun_args *args, int count, char **words, struct job *job,
                       struct err *err)
{
    const char *python = world->env("PYTHON_EXEC");
    int r = 0;

    if (count == 0)
        return err_set(err, -EINVAL, "nothing to run: the script comes after the options");
    if (args->no_python && (args->module || args->run_path))
        return err_set(err, -EINVAL, "--no-python and --%s are two wishes",
                       args->module ? "module" : "run-path");
    if (!args->no_python) {
        r = words_add(arena, &job->command, str_of(python ? python : PYTHON_DEFAULT), err);
        if (r == 0)
            r = words_add(arena, &job->command, STR("-u"), err);
        if (r == 0 && args->module)
            r = words_add(arena, &job->command, STR("-m"), err);
    }
    for (int i = 0; i < count && r == 0; i++)
        r = words_add(arena, &job->command, str_of(words[i]), err);
    return r < 0 ? err_wrap(err, r, "the command") : 0;
}

static int note(struct arena *arena, struct run_options *out, const char *sentence, struct err *err)
{
    return words_add(arena, &out->notes, str_of(sentence), err);
}

/* All that was given and means nothing here, in one line. */
static int note_unneeded(struct arena *arena, const struct torchrun_args *args,
                         struct run_options *out, struct err *err)
{
    struct buf text = {0};
    int r = 0;

    for (size_t i = 0; i < torchrun_opt_count; i++)
        if (is_noted(&torchrun_opts[i]) &&
            *(const char *const *)((const char *)args + torchrun_opts[i].offset))
            buf_printf(&text, "%s--%s", text.len ? ", " : "", torchrun_opts[i].name);
    if (text.len) {
        buf_puts(&text, ": not needed, firstlight does this in its own way");
        r = text.failed ? err_set(err, -ENOMEM, "no memory for the options")
                        : note(arena, out, text.p, err);
    }
    buf_done(&text);
    return r;
}

/* -r and -t: 0 to 3, or 0:1,1:3 by local rank. */
static int set_show(struct arena *arena, const struct torchrun_args *args, struct run_options *out,
                    struct err *err)
{
    bool tee = args->tee && strcmp(args->tee, "0") != 0;

    if (args->redirects && strcmp(args->redirects, "0") != 0 && !tee) {
        out->job.show = JOB_SHOW_NONE;
        if (strcmp(args->redirects, "3") != 0)
            return note(arena, out, "--redirects: no rank's output is shown, whichever of it", err);
    } else if (args->filter && !strcmp(args->filter, "0")) {
        out->job.show = JOB_SHOW_FIRST;
    } else if (args->filter) {
        return note(arena, out,
                    "--local-ranks-filter: all is shown; 'firstlight logs --rank R' has one", err);
    } else if (tee) {
        out->job.show = JOB_SHOW_ALL;
    }
    return 0;
}

static int set_numa(struct arena *arena, const char *how, struct run_options *out, struct err *err)
{
    static const struct {
        const char *theirs;
        enum job_bind ours;
    } binds[] = {{"node", JOB_BIND_NUMA},
                 {"socket", JOB_BIND_SOCKET},
                 {"exclusive", JOB_BIND_CORE},
                 {"core-complex", JOB_BIND_CORE}};

    for (size_t i = 0; how && i < ARRAY_LEN(binds); i++)
        if (!strcmp(how, binds[i].theirs)) {
            out->job.bind = binds[i].ours;
            return strcmp(how, "core-complex") != 0
                       ? 0
                       : note(arena, out, "--numa-binding core-complex: bound to cores", err);
        }
    if (how)
        return err_set(err, -EINVAL,
                       "--numa-binding is node, socket, exclusive or core-complex, not '%s'", how);
    return 0;
}

static int set_restarts(const char *given, struct job *job, struct err *err)
{
    int64_t restarts = 0;

    if (given &&
        (str_to_i64(str_of(given), 10, &restarts) < 0 || restarts < 0 || restarts >= RESTARTS_MAX))
        return err_set(err, -EINVAL, "--max-restarts takes a number, not '%s'", given);
    job->attempts_max = restarts + 1;
    job->attempts_without_progress = restarts ? restarts + 1 : 0;
    return 0;
}

static int add_env(struct arena *arena, struct job *job, const char *name, const char *value,
                   struct err *err)
{
    const char *word = arena_printf(arena, "%s=%s", name, value);

    return word ? words_add(arena, &job->env, str_of(word), err)
                : err_set(err, -ENOMEM, "no memory for the options");
}

/* torchrun wants a launcher on each node; here one starts them all. */
static int explain_nodes(const struct options_world *world, const struct torchrun_args *args,
                         const struct run_options *options, struct err *err)
{
    const char *where = world->env("SLURM_JOB_ID") ? "--slurm" : "--hosts HOST,HOST,...";
    struct buf command = {0};
    int r;

    words_print(&options->job.command, &command);
    if (args->node_rank && strcmp(args->node_rank, "0") != 0 && options->job.nodes < 2)
        r = err_set(err, -EINVAL, "--node-rank %s of one node", args->node_rank);
    else
        r = err_set(err, -EINVAL,
                    "torchrun runs on each of %" PRId64
                    " nodes, firstlight starts them all from one: type there, once, 'firstlight "
                    "run %s --nodes %" PRId64 " --nproc-per-node %s -- %.250s'",
                    options->job.nodes, where, options->job.nodes, args->nproc ? args->nproc : "1",
                    command.failed ? "..." : command.p);
    buf_done(&command);
    return r;
}

static int check_nodes(const struct options_world *world, const struct torchrun_args *args,
                       struct run_options *out, struct err *err)
{
    struct job *job = &out->job;
    int r = nnodes_option(args->nnodes ? args->nnodes : "1", "--nnodes", job, err);

    if (r < 0)
        return r;
    if (args->slurm)
        job->backend = "slurm";
    job->hosts = args->hosts;
    if (args->node_rank && (args->slurm || args->hosts))
        return err_set(err, -EINVAL,
                       "--node-rank has no place here: firstlight starts all nodes from this one");
    if (!args->slurm && !args->hosts &&
        (job->nodes > 1 || (args->node_rank && strcmp(args->node_rank, "0") != 0)))
        return explain_nodes(world, args, out, err);
    if (!args->nnodes && (args->slurm || args->hosts))
        job->nodes = 0; /* as many as there are */
    job->spares = args->spares;
    return 0;
}

static int set_job(struct arena *arena, const struct options_world *world,
                   const struct torchrun_args *args, struct run_options *out, struct err *err)
{
    struct job *job = &out->job;
    int r = check_nodes(world, args, out, err);

    if (r == 0)
        r = nproc_option(world, args->nproc ? args->nproc : "1", "--nproc-per-node", job, err);
    if (r == 0)
        r = set_restarts(args->restarts, job, err);
    if (r == 0 && args->role)
        r = add_env(arena, job, "ROLE_NAME", args->role, err);
    if (r == 0 && args->virtual_local_rank) {
        job->gpus = true;
        r = add_env(arena, job, "LOCAL_RANK", "0", err);
    }
    if (r == 0)
        r = set_numa(arena, args->numa, out, err);
    if (r == 0)
        r = set_show(arena, args, out, err);
    if (r == 0)
        r = note_unneeded(arena, args, out, err);
    if (r == 0)
        r = words_option(arena, &args->slurm_opts, "--slurm-opt", &job->slurm, err);
    if (r == 0)
        r = words_option(arena, &args->ssh_opts, "--ssh-opt", &out->ssh_options, err);
    return r;
}

int torchrun_options_parse(struct arena *arena, const struct options_world *world, int argc,
                           char **argv, struct run_options *out, struct err *err)
{
    struct torchrun_args args = {0};
    char **words = arena_alloc(arena, ((size_t)argc + 1) * sizeof(*words));
    int count = 0, script = argc, left, r;

    *out = (struct run_options){0};
    job_init(&out->job);
    if (!words)
        return err_set(err, -ENOMEM, "no memory for the options");
    r = take_pet(world, &args, err);
    if (r == 0)
        r = spell_out(arena, argc, argv, words, &count, &script, err);
    if (r == 0)
        r = opt_parse(torchrun_opts, torchrun_opt_count, &args, count, words, &left, err);
    if (r == 0)
        r = set_command(arena, world, &args, argc - script, argv + script, &out->job, err);
    if (r == 0)
        r = set_job(arena, world, &args, out, err);
    out->state = args.state;
    out->agent = args.agent;
    out->listen = args.listen;
    out->detach = args.detach;
    out->print_job = args.print_job;
    out->json = args.json;
    out->quiet = args.quiet;
    return r;
}
