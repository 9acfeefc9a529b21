#include "base/clock.h"
#include "base/hostlist.h"
#include "cli/fabric_answer.h"
#include "cli/fabric_run.h"
#include "cli/run_options.h"
#include "job/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct fabric_args {
    const char *hosts, *nodes, *topology, *tests, *level, *time, *agent, *listen;
    const char *start_timeout;
    int64_t fanout, seed;
    bool slurm, gpu, quiet;
    struct opt_list ssh_opts, slurm_opts;
    struct fabric_answer_args answer;
};

#define AT(field) offsetof(struct fabric_args, field)

const struct opt fabric_opts[] = {
    {"hosts", 'H', OPT_TEXT, "HOSTS", "Over ssh on these: n[001-064], or @FILE of them", AT(hosts)},
    {"slurm", 0, OPT_FLAG, NULL, "By Slurm, in this allocation", AT(slurm)},
    {"nodes", 'N', OPT_TEXT, "N", "So many of the allocation; without hosts: probes here",
     AT(nodes)},
    {"tests", 't', OPT_TEXT, "LIST", "Of pairs,loopback,memory,cpu,disk,clock,names,gpu (all)",
     AT(tests)},
    {"level", 'l', OPT_TEXT, "LEVEL", "quick, or full: longer, more sizes (quick)", AT(level)},
    {"time", 0, OPT_TEXT, "TIME", "End by then with what there is; 0: no limit (0)", AT(time)},
    {"topology", 0, OPT_TEXT, "FILE", "Lines 'host group': leaf switches, racks or rails",
     AT(topology)},
    {"gpu", 0, OPT_FLAG, NULL, "Pairs send from GPU memory to GPU memory", AT(gpu)},
    {"seed", 0, OPT_NUMBER, "N", "Of the random pairs among many nodes (from the clock)", AT(seed)},
    {"listen", 0, OPT_TEXT, "ADDR[:PORT]", "Where agents connect (any address, a free port)",
     AT(listen)},
    {"agent", 0, OPT_TEXT, "FILE", "The node's executable (firstlight-agent beside firstlight)",
     AT(agent)},
    {"start-timeout", 0, OPT_TEXT, "TIME", "For all nodes to come up (1m)", AT(start_timeout)},
    {"ssh-opt", 0, OPT_LIST, "WORDS", "Further words for ssh: --ssh-opt '-p 2222'", AT(ssh_opts)},
    {"slurm-opt", 0, OPT_LIST, "WORDS", "Further words for srun: --slurm-opt '-p gpu'",
     AT(slurm_opts)},
    {"fanout", 'f', OPT_NUMBER, "N", "ssh connections that start at a time (64)", AT(fanout)},
    {"quiet", 'q', OPT_FLAG, NULL, "No progress on standard error", AT(quiet)},
    FABRIC_ANSWER_OPTS(struct fabric_args),
};
const size_t fabric_opt_count = ARRAY_LEN(fabric_opts);

static int read_tests(const char *list, uint32_t *tests, struct err *err)
{
    struct str rest = str_of(list), name;

    *tests = 0;
    while (str_cut(&rest, ',', &name)) {
        int test = test_find(str_trim(name));

        if (test < 0) {
            struct buf all = {0};

            for (size_t i = 0; i < TEST_COUNT; i++)
                buf_printf(&all, "%s%s", i ? ", " : "", test_kinds[i].name);
            (void)err_set(err, -EINVAL, "--tests: there is no test '%.*s'; there are %s",
                          STR_ARG(str_trim(name)), all.failed ? "" : all.p);
            buf_done(&all);
            return -EINVAL;
        }
        *tests |= 1u << test;
    }
    return *tests ? 0 : err_set(err, -EINVAL, "--tests names no test");
}

static int read_session(const struct fabric_args *args, struct session_options *out,
                        struct err *err)
{
    *out = (struct session_options){.tests = (1u << TEST_COUNT) - 1,
                                    .seed = args->seed ? (uint64_t)args->seed
                                                       : (uint64_t)clock_now_ns(),
                                    .gpu = args->gpu};
    if (args->level) {
        size_t i = 0;

        while (i < LEVEL_COUNT && strcmp(args->level, fabric_level_names[i]) != 0)
            i++;
        if (i == LEVEL_COUNT)
            return err_set(err, -EINVAL, "--level takes quick or full, not '%s'", args->level);
        out->level = (enum fabric_level)i;
    }
    return args->tests ? read_tests(args->tests, &out->tests, err) : 0;
}

/* An option and its value; nothing when there is no value. */
static int add_option(struct arena *arena, struct job_words *words, const char *name,
                      const char *value, struct err *err)
{
    int r = value ? words_add(arena, words, str_of(name), err) : 0;

    return r == 0 && value ? words_add(arena, words, str_of(value), err) : r;
}

static int add_options(struct arena *arena, struct job_words *words, const char *name,
                       const struct opt_list *values, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < values->count && r == 0; i++)
        r = add_option(arena, words, name, values->items[i], err);
    return r;
}

/* What `firstlight run` takes says where: the words of its command line, so that hosts files, Slurm
 * and ssh are the same everywhere. */
static int run_words(struct arena *arena, const struct fabric_args *args, struct job_words *words,
                     struct err *err)
{
    const struct {
        const char *name, *value;
    } texts[] = {
        {"--hosts", args->hosts},
        {"--nodes", args->nodes},
        {"--topology", args->topology},
        {"--state", args->answer.state},
        {"--listen", args->listen},
        {"--agent", args->agent},
        {"--time-limit", args->time},
        {"--start-timeout", args->start_timeout ? args->start_timeout : "1m"},
        {"--name", "fabric"},
        {"--nproc-per-node", "1"},
        {"--show", "none"},
        {"--stop-grace", "2s"},
        {"--hold", "15s"},
        {"--abort-grace", "1s"},
    };
    const char *const last[] = {"--independent", args->slurm ? "--slurm" : "--independent", "--",
                                "firstlight-agent", "probe"};
    int r = words_add(arena, words, STR("run"), err);

    for (size_t i = 0; i < ARRAY_LEN(texts) && r == 0; i++)
        r = add_option(arena, words, texts[i].name, texts[i].value, err);
    if (r == 0)
        r = add_options(arena, words, "--ssh-opt", &args->ssh_opts, err);
    if (r == 0)
        r = add_options(arena, words, "--slurm-opt", &args->slurm_opts, err);
    for (size_t i = 0; i < ARRAY_LEN(last) && r == 0; i++)
        r = words_add(arena, words, str_of(last[i]), err);
    return r;
}

static int read_job(struct arena *arena, const struct fabric_args *args,
                    const struct options_world *world, struct run_options *out, struct err *err)
{
    struct job_words words = {0};
    int r = run_words(arena, args, &words, err);

    if (r == 0)
        r = run_options_parse(arena, world, (int)words.count, (char **)words.items, out, err);
    if (r < 0)
        return r;
    out->fanout = args->fanout;
    out->job.min_nodes = 1;
    return run_options_finish(arena, world, out, err);
}

/* A host that is named twice would be measured against itself, or be two in the user's mind. */
static int check_hosts(struct arena *arena, const char *hosts, struct err *err)
{
    struct hostlist list;
    int r;

    if (!hosts || hosts[0] == '@' || hosts[0] == '^')
        return 0; /* a file's are checked with their lines */
    r = hostlist_expand(arena, str_of(hosts), &list, err);
    if (r < 0 || !list.twice)
        return r;
    return err_set(err, -EINVAL, "--hosts names %s twice", list.twice);
}

/* Two nodes make a pair; one alone has its own tests. */
static int check_pairs(const struct fabric_args *args, const struct job *job,
                       struct session_options *session, struct err *err)
{
    if (job->nodes > 1 || !(session->tests & 1u << TEST_PAIRS))
        return 0;
    if (args->tests || args->hosts || args->slurm)
        return err_set(err, -EINVAL,
                       "one host makes no pair: name at least two, or say --tests "
                       "loopback,memory,cpu,disk,clock,names,gpu");
    session->tests &= ~(1u << TEST_PAIRS);
    return 0;
}

static int measure(struct arena *arena, const struct fabric_args *args,
                   struct fabric_result **result, struct err *err)
{
    struct run_ready ready;
    struct fabric_run run = {.ready = &ready, .quiet = args->quiet};
    struct options_world world;
    struct run_options options;
    struct run_start start;
    int r = read_session(args, &run.session, err);

    if (r == 0)
        r = check_hosts(arena, args->hosts, err);
    if (r == 0)
        r = options_world_here(arena, &world, err);
    if (r == 0)
        r = read_job(arena, args, &world, &options, err);
    if (r == 0 && options.submit)
        r = err_set(err, -EINVAL,
                    "--slurm measures the nodes of an allocation: salloc -N ... first");
    if (r == 0)
        r = check_pairs(args, &options.job, &run.session, err);
    if (r < 0)
        return r;
    run.session.time_ms = (int64_t)(options.job.time_limit_s * 1000);
    options.job.time_limit_s = 0; /* the session ends in time and keeps what it has */
    start = run_options_start(&options);
    r = run_prepare(arena, &start, &ready, err);
    return r < 0 ? r : fabric_run(&run, result, err);
}

int cmd_fabric(const struct subcommand *command, int argc, char **argv)
{
    struct fabric_args args = {0};
    struct fabric_result *result = NULL;
    struct state state;
    struct err err = {0};
    struct arena *arena;
    int words, code;

    if (argc > 1 && !strcmp(argv[1], "show"))
        return cmd_fabric_show(command, argc - 1, argv + 1);
    code = subcommand_parse(command, &args, argc, argv, &words);
    if (code < 0 && words)
        code = subcommand_trouble(command, "'%s' is no option; hosts go behind --hosts", argv[0]);
    if (code < 0)
        code = fabric_answer_check(command, &args.answer);
    if (code >= 0)
        return code;
    arena = arena_new(0);
    if (!arena)
        return subcommand_trouble(command, "no memory");
    if (measure(arena, &args, &result, &err) < 0)
        code = subcommand_trouble(command, "%s", err.text);
    else if ((code = state_open(&state, command, args.answer.state)) < 0) {
        code = fabric_answer(command, &args.answer, &state, result);
        state_close(&state);
    }
    result_free(result);
    arena_free(arena);
    return code;
}
