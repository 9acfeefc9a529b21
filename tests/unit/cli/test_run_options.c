/* Command lines of run and torchrun as jobs. */
#include "cli/hosts_option.h"
#include "cli/torchrun_options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS_MAX 64

static struct arena *arena;
static const char *variables; /* "NAME=VALUE NAME=VALUE", or NULL */

static const char *get(const char *name)
{
    struct str rest = str_of(variables ? variables : ""), word;

    while (str_word(&rest, &word))
        if (str_starts(word, name) && word.p[strlen(name)] == '=')
            return arena_copy(arena, word.p + strlen(name) + 1, word.len - strlen(name) - 1);
    return NULL;
}

static struct options_world world = {.env = get, .gpus = 0, .cpus = 12, .cwd = "/here"};

static int begin(void **state)
{
    (void)state;
    arena = arena_new((size_t)64 << 20);
    return arena ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

typedef int (*parse_call)(struct arena *arena, const struct options_world *world, int argc,
                          char **argv, struct run_options *out, struct err *err);

/* Words are parted by blanks; '_' at a word's begin and end stands for nothing. */
static int parse(parse_call call, const char *line, struct run_options *out, struct err *err)
{
    char *argv[WORDS_MAX];
    struct str rest = str_of(line), word;
    int argc = 0, r;

    while (str_word(&rest, &word)) {
        assert_true(argc < WORDS_MAX - 1);
        argv[argc++] = arena_copy(arena, word.p, word.len);
    }
    argv[argc] = NULL;
    r = call(arena, &world, argc, argv, out, err);
    return r < 0 ? r : run_options_finish(arena, &world, out, err);
}

static const char *yaml_of(const struct job *job)
{
    struct buf text = {0};
    const char *copy;

    job_print_yaml(job, &text);
    copy = arena_copy(arena, text.p ? text.p : "", text.len);
    buf_done(&text);
    return copy;
}

/* The checked job as its YAML; `err` instead where there is a sentence. */
struct option_case {
    const char *line, *env;
    int64_t gpus;
    const char *yaml, *err;
};

static void hold(parse_call call, const struct option_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct run_options options;
        struct err err = {0};
        int r;

        variables = cases[i].env;
        world.gpus = cases[i].gpus;
        r = parse(call, cases[i].line, &options, &err);
        if (cases[i].err) {
            if (r >= 0 || !strstr(err.text, cases[i].err))
                fail_msg("'%s': %d '%s', not '%s'", cases[i].line, r, err.text, cases[i].err);
            continue;
        }
        if (r < 0)
            fail_msg("'%s': '%s'", cases[i].line, err.text);
        if (strcmp(yaml_of(&options.job), cases[i].yaml) != 0)
            fail_msg("'%s':\n%snot\n%s", cases[i].line, yaml_of(&options.job), cases[i].yaml);
    }
}

#define LOCAL(nodes, nproc, ranks)                                                                 \
    "cwd: /here\nbackend: local\nnodes: " #nodes "\nmin_nodes: " #nodes                            \
    "\nnproc_per_node: " #nproc "\nranks: " #ranks "\n"

static void run_becomes_a_job(void **state)
{
    static const struct option_case cases[] = {
        {"run -n 8 -- ./train --lr 3e-4", NULL, 0,
         "name: train\ncommand: [./train, --lr, \"3e-4\"]\n" LOCAL(1, 8, 8), NULL},
        {"run -n 8 ./train -n 9 -- x", NULL, 0,
         "name: train\ncommand: [./train, -n, \"9\", \"--\", x]\n" LOCAL(1, 8, 8), NULL},
        {"run true", NULL, 0, "name: \"true\"\ncommand: [\"true\"]\n" LOCAL(1, 1, 1), NULL},
        {"run true", NULL, 4, "name: \"true\"\ncommand: [\"true\"]\n" LOCAL(1, 4, 4), NULL},
        {"run -n 2 a", NULL, 4, "name: a\ncommand: [a]\n" LOCAL(1, 2, 2), NULL},
        {"run --nodes=4 --nproc-per-node 2 -- a", NULL, 0, "name: a\ncommand: [a]\n" LOCAL(4, 2, 8),
         NULL},
        {"run --nproc-per-node auto a", NULL, 0, "name: a\ncommand: [a]\n" LOCAL(1, 12, 12), NULL},
        {"run --nproc-per-node auto a", NULL, 2, "name: a\ncommand: [a]\n" LOCAL(1, 2, 2), NULL},
        {"run --nproc-per-node gpu a", NULL, 3, "name: a\ncommand: [a]\n" LOCAL(1, 3, 3), NULL},
        {"run a", "PET_NNODES=3 PET_NPROC_PER_NODE=2", 0, "name: a\ncommand: [a]\n" LOCAL(3, 2, 6),
         NULL},
        {"run -N 2 a", "PET_NNODES=3 PET_NPROC_PER_NODE=2", 0,
         "name: a\ncommand: [a]\n" LOCAL(2, 2, 4), NULL},
        {"run -n 5 a", "PET_NNODES=3 PET_NPROC_PER_NODE=2", 0,
         "name: a\ncommand: [a]\n" LOCAL(1, 5, 5), NULL},
        {"run -e A=1 --env B=2 -e A=3 -e HERE --unset X --set hang=5m --set log-size=1M --gpus "
         "--stop-grace 90 --show first --name my-run --cwd sub a",
         "HERE=yes", 0,
         "name: my-run\ncommand: [a]\nenv:\n  A: \"3\"\n  B: \"2\"\n  HERE: \"yes\"\nunset: [X]\n"
         "cwd: /here/sub\nbackend: local\nnodes: 1\nmin_nodes: 1\nnproc_per_node: 1\nranks: 1\n"
         "gpus: true\nstop_grace: 90s\nhang: 5m\nlog_size: 1M\nshow: first\n",
         NULL},
        {"run --hosts n[1-4] --spares 1 --nproc-per-node 8 a", NULL, 2,
         "name: a\ncommand: [a]\ncwd: /here\nbackend: ssh\nhosts: \"n[1-4]\"\nnodes: 3\n"
         "spares: 1\nmin_nodes: 3\nnproc_per_node: 8\nranks: 24\n",
         NULL},
        {"run --slurm --slurm-opt -pgpu a",
         "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=4 SLURM_GPUS_ON_NODE=8", 0,
         "name: a\ncommand: [a]\ncwd: /here\nbackend: slurm\nnodes: 4\nmin_nodes: 4\n"
         "nproc_per_node: 8\nranks: 32\nslurm: [-pgpu]\n",
         NULL},
        {"run -n 0 a", NULL, 0, NULL, "--ranks takes at least 1, not 0"},
        {"run -n two a", NULL, 0, NULL, "--ranks takes a number, not 'two'"},
        {"run --nodes 0 a", NULL, 0, NULL, "--nodes takes at least 1, not 0"},
        {"run --nproc-per-node 0 a", NULL, 0, NULL,
         "--nproc-per-node takes a number from 1 on, gpu, cpu or auto, not '0'"},
        {"run --nproc-per-node gpu a", NULL, 0, NULL, "--nproc-per-node gpu: no GPU is to be seen"},
        {"run --hosts n1 --nproc-per-node gpu a", NULL, 2, NULL,
         "would count this machine's: say the number of each host"},
        {"run -n 8", NULL, 0, NULL, "nothing to run: the program comes after --"},
        {"run", NULL, 0, NULL, "nothing to run"},
        {"run --hang soon a", NULL, 0, NULL, "--hang takes a time such as 10s, 5m or 2h, not"},
        {"run --sett a=b a", NULL, 0, NULL, "there is no option --sett"},
        {"run --set node=4 a", NULL, 0, NULL, "there is no key 'node' (did you mean 'nodes'?)"},
        {"run --set nodes a", NULL, 0, NULL, "--set takes KEY=VALUE, not 'nodes'"},
        {"run --set nodes=x a", NULL, 0, NULL, "--set nodes takes a number, not 'x'"},
        {"run -e FOO a", NULL, 0, NULL, "--env FOO: it is not set here"},
        {"run -e =x a", NULL, 0, NULL, "--env: '=x' is no NAME=VALUE"},
        {"run --slurm --backend ssh a", NULL, 0, NULL, "--slurm and --backend ssh are two wishes"},
        {"run --backend pbs a", NULL, 0, NULL, "there is no backend 'pbs'"},
        {"run --slurm --spares 4 a", "SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=4", 0, NULL,
         "an allocation of 4 with 4 spares: no node is left for ranks"},
        {"run --fanout 5000 a", NULL, 0, NULL, "--fanout takes at most 1024"},
        {"run a", "PET_NNODES=x", 0, NULL, "PET_NNODES takes N or MIN:MAX, not 'x'"},
        {"run /nonexistent/job.yaml", NULL, 0, NULL, "/nonexistent/job.yaml"},
        {"run --hosts @/nonexistent a", NULL, 0, NULL, "/nonexistent"},
        {"run --hosts n[1-2] -N 2 --spares 1 a", NULL, 0, NULL, "1 too few"},
    };

    (void)state;
    hold(run_options_parse, cases, ARRAY_LEN(cases));
}

static void a_job_file_is_overridden_by_options(void **state)
{
    char path[] = "/tmp/options-XXXXXX.yaml";
    int fd = mkstemps(path, 5);
    static const char text[] =
        "command: [a, b]\nnodes: 2\nnproc_per_node: 2\nhang: 1h\nenv: {A: 1, B: 2}\n";
    struct option_case cases[] = {
        {NULL, "PET_NNODES=7", 0,
         "name: a\ncommand: [a, b]\nenv:\n  A: \"1\"\n  B: \"9\"\ncwd: /here\nbackend: local\n"
         "nodes: 3\nmin_nodes: 3\nnproc_per_node: 2\nranks: 6\nhang: 1m\n",
         NULL},
        {NULL, NULL, 0,
         "name: other\ncommand: [other, x.yaml]\nenv:\n  A: \"1\"\n  B: \"2\"\n" LOCAL(
             2, 2, 4) "hang: 1h\n",
         NULL},
    };

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    (void)close(fd);
    cases[0].line = arena_printf(arena, "run %s --nodes 3 --hang 60s -e B=9", path);
    cases[1].line = arena_printf(arena, "run %s -- other x.yaml", path);
    hold(run_options_parse, cases, 2);
    (void)unlink(path);
}

static void outside_an_allocation_a_job_is_submitted(void **state)
{
    struct run_options options;
    struct err err = {0};

    (void)state;
    variables = NULL;
    assert_int_equal(parse(run_options_parse,
                           "run --slurm -N 8 --state /s --agent /a --listen :9 -d -q --json "
                           "--fanout 9 --ssh-opt -p22 --ssh-opt -v a",
                           &options, &err),
                     0);
    assert_true(options.submit && options.detach && options.quiet && options.json);
    assert_string_equal(options.state, "/s");
    assert_string_equal(options.agent, "/a");
    assert_string_equal(options.listen, ":9");
    assert_int_equal(options.fanout, 9);
    assert_int_equal(options.ssh_options.count, 2);
    assert_string_equal(options.ssh_options.items[1], "-v");
    variables = "SLURM_JOB_ID=1";
    assert_int_equal(parse(run_options_parse, "run --slurm -N 8 a", &options, &err), 0);
    assert_false(options.submit);
}

#define ONE(nproc)  LOCAL(1, nproc, nproc)
#define NO_RESTARTS "attempts_without_progress: 0\nattempts_max: 1\n"

static void torchrun_becomes_a_job(void **state)
{
    static const struct option_case cases[] = {
        {"torchrun train.py --lr 1", NULL, 0,
         "name: train\ncommand: [python3, -u, train.py, --lr, \"1\"]\n" ONE(1) NO_RESTARTS, NULL},
        {"torchrun --nproc_per_node=4 --nnodes=1 --node_rank=0 --master_port 29501 t.py", NULL, 0,
         "name: t\ncommand: [python3, -u, t.py]\n" ONE(4) NO_RESTARTS, NULL},
        {"torchrun --standalone --nproc-per-node gpu --max-restarts 3 -m pkg.mod -x", NULL, 2,
         "name: pkg\ncommand: [python3, -u, -m, pkg.mod, -x]\n" ONE(
             2) "attempts_without_progress: 4\nattempts_max: 4\n",
         NULL},
        {"torchrun --nnode 1 --nproc 2 --no_python ./prog", NULL, 0,
         "name: prog\ncommand: [./prog]\n" ONE(2) NO_RESTARTS, NULL},
        {"torchrun --role trainer --numa-binding socket -r 3 t.py", "PYTHON_EXEC=/opt/py", 0,
         "name: py\ncommand: [/opt/py, -u, t.py]\nenv:\n  ROLE_NAME: trainer\ncwd: /here\n"
         "backend: local\nnodes: 1\nmin_nodes: 1\nnproc_per_node: 1\nranks: 1\nbind: "
         "socket\n" NO_RESTARTS "show: none\n",
         NULL},
        {"torchrun -t 3 -r 3 t.py", NULL, 0,
         "name: t\ncommand: [python3, -u, t.py]\n" ONE(1) NO_RESTARTS "show: all\n", NULL},
        {"torchrun --local-ranks-filter 0 t.py", NULL, 0,
         "name: t\ncommand: [python3, -u, t.py]\n" ONE(1) NO_RESTARTS "show: first\n", NULL},
        {"torchrun t.py", "PET_NPROC_PER_NODE=3 PET_MAX_RESTARTS=1 PET_STANDALONE=1", 0,
         "name: t\ncommand: [python3, -u, t.py]\n" ONE(
             3) "attempts_without_progress: 2\nattempts_max: 2\n",
         NULL},
        {"torchrun --nproc-per-node 5 t.py", "PET_NPROC_PER_NODE=3", 0,
         "name: t\ncommand: [python3, -u, t.py]\n" ONE(5) NO_RESTARTS, NULL},
        {"torchrun --hosts n[1-4] --nnodes 2:3 --spares 1 --nproc-per-node 8 -- t.py", NULL, 0,
         "name: t\ncommand: [python3, -u, t.py]\ncwd: /here\nbackend: ssh\nhosts: \"n[1-4]\"\n"
         "nodes: 3\nspares: 1\nmin_nodes: 2\nnproc_per_node: 8\nranks: 24\n" NO_RESTARTS,
         NULL},
        {"torchrun --nnodes 2 --node-rank 1 --nproc-per-node 8 --master-addr h t.py -x", NULL, 0,
         NULL,
         "torchrun runs on each of 2 nodes, firstlight starts them all from one: type there, "
         "once, 'firstlight run --hosts HOST,HOST,... --nodes 2 --nproc-per-node 8 -- python3 -u "
         "t.py -x'"},
        {"torchrun --nnodes 1:4 t.py", "SLURM_JOB_ID=1", 0, NULL,
         "firstlight run --slurm --nodes 4 --nproc-per-node 1 -- python3 -u t.py"},
        {"torchrun t.py", "PET_NNODES=2 PET_NODE_RANK=1", 0, NULL, "torchrun runs on each of 2"},
        {"torchrun --node-rank 1 t.py", NULL, 0, NULL, "--node-rank 1 of one node"},
        {"torchrun --hosts a,b --node-rank 1 t.py", NULL, 0, NULL, "--node-rank has no place here"},
        {"torchrun", NULL, 0, NULL, "nothing to run: the script comes after the options"},
        {"torchrun --nproc-per-node 2", NULL, 0, NULL, "nothing to run"},
        {"torchrun --nproc-per-node", NULL, 0, NULL, "--nproc-per-node needs a value: N"},
        {"torchrun --rdzv x t.py", NULL, 0, NULL, "--rdzv could be --rdzv-backend or"},
        {"torchrun --frobnicate t.py", NULL, 0, NULL, "there is no option --frobnicate"},
        {"torchrun --nnodes 0 t.py", NULL, 0, NULL, "--nnodes takes N or MIN:MAX, not '0'"},
        {"torchrun --nnodes 4:2 t.py", NULL, 0, NULL, "--nnodes takes N or MIN:MAX, not '4:2'"},
        {"torchrun --max-restarts x t.py", NULL, 0, NULL, "--max-restarts takes a number, not"},
        {"torchrun --numa-binding x t.py", NULL, 0, NULL, "--numa-binding is node, socket"},
        {"torchrun -m --no-python t", NULL, 0, NULL, "--no-python and --module are two wishes"},
        {"torchrun t.py", "PET_MODULE=maybe", 0, NULL, "PET_MODULE takes 0 or 1, not 'maybe'"},
    };

    (void)state;
    hold(torchrun_options_parse, cases, ARRAY_LEN(cases));
}

static void what_torchrun_needs_and_we_do_not_is_said_once(void **state)
{
    struct run_options options;
    struct err err = {0};

    (void)state;
    variables = NULL;
    assert_int_equal(parse(torchrun_options_parse,
                           "torchrun --rdzv-backend=c10d --rdzv_endpoint localhost:0 "
                           "--monitor-interval 1 --log-dir /x t.py",
                           &options, &err),
                     0);
    assert_int_equal(options.notes.count, 1);
    assert_string_equal(options.notes.items[0],
                        "--rdzv-backend, --rdzv-endpoint, --monitor-interval, --log-dir: not "
                        "needed, firstlight does this in its own way");
    assert_int_equal(parse(torchrun_options_parse, "torchrun --standalone t.py", &options, &err),
                     0);
    assert_int_equal(options.notes.count, 0);
}

static void hosts_files_are_read(void **state)
{
    static const struct {
        const char *text, *hosts, *err;
        int64_t slots;
    } cases[] = {
        {"n1\nn2\n", "n[1-2]", NULL, 0},
        {"# rack 1\n\nn[001-003] slots=8 # full\n  n010  slots=8 max_slots=16\r\n",
         "n[001-003,010]", NULL, 8},
        {"a:4\nb:4\n", "a,b", NULL, 4},
        {"root@n1\n", "root@n1", NULL, 0},
        {"n1\nn2 n3\n", NULL, "hosts: line 2: a line is a host, perhaps with slots=N: 'n2 n3'", 0},
        {"n1 slots=0\n", NULL, "hosts: line 1: a line is a host", 0},
        {"n1:x\n", NULL, "hosts: line 1: a line is a host", 0},
        {"n1\n\nn$2\n", NULL, "hosts: line 3: a host name can't hold the character '$'", 0},
        {"n[1-2]\nn2\n", NULL, "hosts: line 2: n2 stands in line 1 already", 0},
        {"n1 slots=8\nn2 slots=4\n", NULL, "hosts: line 2: 4 slots where the lines before have 8",
         0},
        {"# nothing\n", NULL, "hosts: it names no host", 0},
        {"a[1-90000]\nb[1-90000]\n", NULL, "hosts: line 2: more than 100000 hosts", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        const char *hosts;
        int64_t slots;
        int r = hosts_read(arena, str_of(cases[i].text), "hosts", &hosts, &slots, &err);

        if (cases[i].err) {
            if (r >= 0 || !strstr(err.text, cases[i].err))
                fail_msg("'%s': '%s'", cases[i].text, err.text);
            continue;
        }
        assert_int_equal(r, 0);
        assert_string_equal(hosts, cases[i].hosts);
        assert_int_equal(slots, cases[i].slots);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(run_becomes_a_job, begin, end),
        cmocka_unit_test_setup_teardown(a_job_file_is_overridden_by_options, begin, end),
        cmocka_unit_test_setup_teardown(outside_an_allocation_a_job_is_submitted, begin, end),
        cmocka_unit_test_setup_teardown(torchrun_becomes_a_job, begin, end),
        cmocka_unit_test_setup_teardown(what_torchrun_needs_and_we_do_not_is_said_once, begin, end),
        cmocka_unit_test_setup_teardown(hosts_files_are_read, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
