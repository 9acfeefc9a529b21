/* Jobs from YAML and JSON, back to both, and the check of a job as a whole. */
#include "base/rng.h"
#include "job/keys.h"
#include "job/units.h"
#include "job/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// after the above: cmocka needs them
#include <cmocka.h>
#include <errno.h>

static struct arena *arena;

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

/* In a heap block of exactly its size, so that ASan sees one byte past. */
static int read_exactly(struct str text, struct job *job, struct err *err)
{
    char *block = malloc(text.len ? text.len : 1);
    int r;

    assert_non_null(block);
    if (text.len)
        memcpy(block, text.p, text.len);
    r = job_read(arena, (struct str){block, text.len}, "job.yaml", job, err);
    free(block);
    return r;
}

static void a_file_becomes_a_job(void **state)
{
    static const char text[] = "# the nightly run\n"
                               "name: nightly\n"
                               "command: python3 train.py --lr 3e-4 --note 'a b'\n"
                               "env:\n"
                               "  NCCL_DEBUG: INFO\n"
                               "  EMPTY: ''\n"
                               "unset: [CUDA_VISIBLE_DEVICES, LD_PRELOAD]\n"
                               "hosts: [\"n[001-004]\", login1]\n"
                               "nodes: 4\n"
                               "spares: 1\n"
                               "nproc-per-node: 8\n"
                               "bind: numa\n"
                               "gpus: yes\n"
                               "store: rank0\n"
                               "stop_grace: 5m\n"
                               "hang: 1h30m\n"
                               "node_timeout: 2.5\n"
                               "log_size: 128M\n"
                               "checkpoint: ckpt/step_*\n"
                               "complete_when: file .done\n";
    struct job job;
    struct err err = {0};

    (void)state;
    job_init(&job);
    assert_int_equal(read_exactly(str_of(text), &job, &err), 0);
    assert_string_equal(job.name, "nightly");
    assert_int_equal(job.command.count, 6);
    assert_string_equal(job.command.items[5], "a b");
    assert_null(job.command.items[6]);
    assert_int_equal(job.env.count, 2);
    assert_string_equal(job.env.items[0], "NCCL_DEBUG=INFO");
    assert_string_equal(job.env.items[1], "EMPTY=");
    assert_string_equal(job.unset.items[1], "LD_PRELOAD");
    assert_string_equal(job.hosts, "n[001-004],login1");
    assert_int_equal(job.nodes, 4);
    assert_int_equal(job.spares, 1);
    assert_int_equal(job.nproc, 8);
    assert_int_equal(job.bind, JOB_BIND_NUMA);
    assert_true(job.gpus);
    assert_int_equal(job.store, JOB_STORE_RANK0);
    assert_true(job.stop_grace_s == 300 && job.hang_s == 5400 && job.node_timeout_s == 2.5);
    assert_true(job.hold_s == 600); /* what is not there stays */
    assert_int_equal(job.log_bytes, 128 << 20);
    assert_int_equal(job_check(arena, &job, &err), 0);
    assert_string_equal(job.backend, "ssh");
    assert_int_equal(job.min_nodes, 4);
}

static void json_with_escapes_is_read(void **state)
{
    static const char text[] = "{\"name\":\"j1\",\"command\":[\"echo\",\"a\\tb\\u00e9\\u0001\\/\","
                               "\"\\ud83d\\ude00\",\"\\\\ud83d\\\\ude00\",\"x: [1, #2\"],"
                               "\"env\":[\"A=1\",\"A=2\"],\"nodes\":2,\"hosts\":null,"
                               "\"gpus\":false,\"hang\":0.25}";
    struct job job;
    struct err err = {0};

    (void)state;
    job_init(&job);
    assert_int_equal(read_exactly(str_of(text), &job, &err), 0);
    assert_string_equal(job.command.items[1], "a\tb\xc3\xa9\x01/");
    assert_string_equal(job.command.items[2], "\xf0\x9f\x98\x80");
    assert_string_equal(job.command.items[3], "\\ud83d\\ude00");
    assert_string_equal(job.command.items[4], "x: [1, #2");
    assert_string_equal(job.env.items[1], "A=2");
    assert_null(job.hosts);
    assert_true(job.hang_s == 0.25);
}

static void wrong_files_are_told_with_their_line(void **state)
{
    static const struct {
        const char *text, *err;
    } cases[] = {
        {"name: a\n\n\nnode: 4\n", "line 4: there is no key 'node' (did you mean 'nodes'?)"},
        {"# x\nspares: two\n", "line 2: spares takes a number, not 'two'"},
        {"nproc: 8", "line 1: there is no key 'nproc' (did you mean 'nproc_per_node'?)"},
        {"Nodes: 8", "line 1: there is no key 'Nodes' (did you mean 'nodes'?)"},
        {"max_restarts: 8", "there is no key 'max_restarts' (did you mean 'attempts_max'?)"},
        {"checkpiont: x", "there is no key 'checkpiont' (did you mean 'checkpoint'?)"},
        {"xyzzy: 1", "job.yaml: line 1: there is no key 'xyzzy'"},
        {"nodes: 0", "line 1: nodes takes at least 1, not 0"},
        {"ranks: 0", "line 1: ranks takes at least 1, not 0"},
        {"nodes: -3", "line 1: nodes takes at least 1, not -3"},
        {"nodes: 100001", "line 1: nodes takes at most 100000, not 100001"},
        {"nodes: 99999999999999999999", "line 1: nodes takes at most 100000, not 9999"},
        {"nodes: 4x", "line 1: nodes takes a number, not '4x'"},
        {"nodes: [4]", "line 1: nodes takes a number, not a list"},
        {"nodes: {a: 4}", "line 1: nodes takes a number, not keys with values"},
        {"command: {a: b}", "line 1: command takes a list of words, not keys with values"},
        {"command: [a, [b]]", "line 1: command takes words, no lists or keys inside"},
        {"command: echo 'a", "line 1: command: a ' without its end in 'a'"},
        {"hang: soon", "line 1: hang takes a time such as 10s, 5m or 2h, not 'soon'"},
        {"hang: 99999999h", "line 1: hang takes at most 1e+09 s"},
        {"hang: ~", "line 1: hang takes a time such as 10s, 5m or 2h, not '~'"},
        {"log_size: big", "line 1: log_size takes a size such as 64M, not 'big'"},
        {"gpus: 8", "line 1: gpus takes true or false, not '8'"},
        {"bind: core0", "line 1: bind takes one of none, core, numa, socket, gpu, not 'core0'"},
        {"env: FOO=1", "line 1: env takes names with values, not 'FOO=1'"},
        {"env:\n- FOO", "line 2: 'FOO' is no NAME=VALUE"},
        {"env:\n- =x", "line 2: '=x' is no NAME=VALUE"},
        {"env:\n  FOO:\n", "line 2: FOO has no value (\"\" is an empty one)"},
        {"env:\n  A: b\n  'B=C': x", "line 3: 'B=C' is no name of a variable"},
        {"env:\n  A: [x]", "line 2: env takes words, no lists or keys inside"},
        {"nodes: 1\nspares: 1\nnodes: 2", "line 3: nodes stands in line 1 already"},
        {"name: &a x\ncwd: *a", "line 2: an alias (*a): write the value out"},
        {"name: !!binary aGk=", "line 1: tags such as tag:yaml.org,2002:binary are not taken"},
        {"- a\n- b", "line 1: a job is made of keys with values, such as 'nodes: 4'"},
        {"just words", "line 1: a job is made of keys with values, such as 'nodes: 4'"},
        {"name: a\n---\nname: b", "line 2: a second document: a file holds one job"},
        {"name: \"a\\0b\"", "line 1: name has a NUL in it"},
        {"command: [\"a\\0b\"]", "line 1: command has a NUL in it"},
        {"[a]: b", "line 1: a key is one word"},
        {"? [a]\n: b", "line 1: a key is one word"},
        {"name: [a", "line 1: "},
        {"name: 'a", "line 1: "},
        {"name: \"\\q\"", "line 1: while parsing a quoted scalar: found unknown escape character"},
        {"\tname: x", "line 1: "},
        {"name: \xff\xfe", "line 1: "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct job job, before;
        struct err err = {0};

        job_init(&job);
        job.spares = 7;
        before = job;
        assert_int_equal(read_exactly(str_of(cases[i].text), &job, &err), -EINVAL);
        if (!strstr(err.text, cases[i].err) || strncmp(err.text, "job.yaml: line ", 15) != 0)
            fail_msg("'%s': '%s', not '%s'", cases[i].text, err.text, cases[i].err);
        assert_memory_equal(&job, &before, sizeof(job)); /* nothing is half set */
    }
}

static void empty_files_say_nothing(void **state)
{
    static const char *const texts[] = {"", "\n", "# only words\n", "---\n", "{}", "~"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct job job, fresh;
        struct err err = {0};

        job_init(&job);
        job_init(&fresh);
        assert_int_equal(read_exactly(str_of(texts[i]), &job, &err), 0);
        assert_memory_equal(&job, &fresh, sizeof(job));
    }
}

static void large_and_deep_files_end_soon(void **state)
{
    struct buf text = {0};
    struct job job;
    struct err err = {0};

    (void)state;
    job_init(&job);
    for (int i = 0; i < 1000000; i++)
        buf_puts(&text, "[");
    assert_int_equal(read_exactly((struct str){text.p, text.len}, &job, &err), -EINVAL);
    buf_clear(&text);
    buf_puts(&text, "command: [");
    for (int i = 0; i <= JOB_ARGS_MAX; i++)
        buf_puts(&text, "a,");
    buf_puts(&text, "]");
    assert_int_equal(read_exactly((struct str){text.p, text.len}, &job, &err), -E2BIG);
    assert_string_equal(err.text, "job.yaml: line 1: more than 4096 words");
    buf_clear(&text);
    while (text.len <= JOB_FILE_BYTES)
        buf_puts(&text, "# nothing to see\n");
    assert_int_equal(read_exactly((struct str){text.p, text.len}, &job, &err), -E2BIG);
    assert_string_equal(err.text, "job.yaml: larger than 4 MiB");
    buf_done(&text);
}

/* Texts of all kinds: what YAML reads otherwise, quotes, controls, long ones, other planes. */
static const char *random_text(struct rng *rng)
{
    static const char *const pieces[] = {
        "a",
        "train",
        "-",
        "--",
        ":",
        ": ",
        " ",
        "#",
        " #",
        "'",
        "\"",
        "\\",
        "\n",
        "\t",
        "\x01",
        "\x7f",
        "0x10",
        "1",
        "3e-4",
        "null",
        "~",
        "yes",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a",
        "*a",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "=",
        "$X",
        "\xc3\xa9",
        "\xc2\x85",
        "\xe2\x80\xa8",
        "\xf0\x9f\x98\x80",
        "\xef\xbb\xbf",
        "\\ud83d\\ude00",
        "\r",
        "\xef\xbf\xbf",
        "---",
        "...",
        "n[1-2]",
    };
    struct buf text = {0};
    uint64_t count = rng_below(rng, 100) == 0 ? 700 : rng_below(rng, 5);
    const char *copy;

    buf_puts(&text, "");
    for (uint64_t i = 0; i < count; i++)
        buf_puts(&text, pieces[rng_below(rng, ARRAY_LEN(pieces))]);
    copy = arena_copy(arena, text.p, text.len);
    buf_done(&text);
    assert_non_null(copy);
    return copy;
}

static void random_value(struct rng *rng, const struct job_key *key, void *value)
{
    uint64_t count = rng_below(rng, 6);
    uint64_t choices = 0;

    switch (key->type) {
    case KEY_TEXT:
    case KEY_HOSTS:
        *(const char **)value = random_text(rng);
        break;
    case KEY_NUMBER:
    case KEY_BYTES:
        *(int64_t *)value = key->min + (int64_t)rng_below(rng, (uint64_t)(key->max - key->min) + 1);
        break;
    case KEY_SECONDS:
        *(double *)value = (double)rng_below(rng, 1000000000) / (rng_below(rng, 2) ? 1 : 1000);
        break;
    case KEY_FLAG:
        *(bool *)value = rng_below(rng, 2);
        break;
    case KEY_CHOICE:
        while (key->choices[choices])
            choices++;
        *(unsigned *)value = (unsigned)rng_below(rng, choices);
        break;
    case KEY_WORDS:
    case KEY_ENV:
        for (uint64_t i = 0; i < count; i++) {
            const char *word = random_text(rng);

            if (key->type == KEY_ENV)
                word = arena_printf(arena, "N%llu%s=%s", (unsigned long long)rng_below(rng, 8),
                                    rng_below(rng, 3) ? "" : " :x", word);
            assert_int_equal(words_add(arena, value, str_of(word), NULL), 0);
        }
        break;
    }
}

static void assert_same_job(const struct job *a, const struct job *b, const struct buf *text,
                            const struct err *err)
{
    for (size_t i = 0; i < job_key_count; i++)
        if (!job_key_same(&job_keys[i], a, b))
            fail_msg("%s differs (%s) after\n%s", job_keys[i].name, err->text, text->p);
}

static void random_jobs_print_and_read_back(void **state)
{
    struct rng rng = {7};

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct buf yaml = {0}, json = {0};
        struct job job, again;
        struct err err = {0};

        arena_reset(arena);
        job_init(&job);
        for (size_t i = 0; i < job_key_count; i++)
            if (rng_below(&rng, 2))
                random_value(&rng, &job_keys[i], job_field(&job, &job_keys[i]));
        job_print_yaml(&job, &yaml);
        job_print_json(&job, &json);
        job_init(&again);
        if (yaml.len)
            (void)read_exactly((struct str){yaml.p, yaml.len}, &again, &err);
        assert_same_job(&job, &again, &yaml, &err);
        job_init(&again);
        (void)read_exactly((struct str){json.p, json.len}, &again, &err);
        assert_same_job(&job, &again, &json, &err);
        buf_done(&yaml);
        buf_done(&json);
    }
}

static void only_what_differs_is_printed(void **state)
{
    struct buf out = {0};
    struct job job;

    (void)state;
    job_init(&job);
    job_print_yaml(&job, &out);
    assert_int_equal(out.len, 0);
    assert_int_equal(
        words_split(arena, STR("python3 train.py --lr 3e-4 'two words'"), &job.command, NULL), 0);
    assert_int_equal(words_split(arena, STR("'A=x: y' B="), &job.env, NULL), 0);
    job.hosts = "n[001-064]";
    job.spares = 2;
    job.stop_grace_s = 300;
    job.hang_s = 0.25;
    job.log_bytes = 128 << 20;
    job.bind = JOB_BIND_CORE;
    job_print_yaml(&job, &out);
    assert_string_equal(out.p, "command: [python3, train.py, --lr, \"3e-4\", \"two words\"]\n"
                               "env:\n"
                               "  A: \"x: y\"\n"
                               "  B: \"\"\n"
                               "hosts: \"n[001-064]\"\n"
                               "spares: 2\n"
                               "bind: core\n"
                               "stop_grace: 5m\n"
                               "hang: 0.25s\n"
                               "log_size: 128M\n");
    buf_done(&out);
}

static void every_prefix_of_a_file_is_read_or_refused(void **state)
{
    static const char text[] = "name: \"a\\u00e9\"\ncommand: |\n  echo 'a b' \\\n   c\n"
                               "env: {A: 1, B: 'x'}\nunset: [A]\nhang: 10s\n";

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        struct job job;
        struct err err = {0};
        int r;

        job_init(&job);
        r = read_exactly((struct str){text, len}, &job, &err);
        assert_true(r == 0 || (r == -EINVAL && !strncmp(err.text, "job.yaml: line ", 15)));
    }
}

static void a_small_arena_is_no_memory(void **state)
{
    static const char text[] = "{\"name\": \"\\ud83d\\ude00\", \"env\": {\"A\": \"b\"}, \"hosts\": "
                               "[\"a\"], \"command\": \"a b c d\"}";
    int r = -ENOMEM;

    (void)state;
    for (size_t bytes = 1; r != 0; bytes++) {
        struct arena *small = arena_new(bytes);
        struct job job;
        struct err err = {0};

        assert_non_null(small);
        job_init(&job);
        r = job_read(small, str_of(text), "x", &job, &err);
        arena_free(small);
        assert_true(r == 0 || r == -ENOMEM);
    }
}

static const struct {
    const char *text, *err; /* err NULL: it is well */
    int64_t nodes, nproc, min_nodes;
    const char *backend, *name;
} checks[] = {
    {"command: ./train", NULL, 1, 1, 1, "local", "train"},
    {"command: ./train\nranks: 8", NULL, 1, 8, 1, "local", "train"},
    {"command: ./train\nranks: 8\nnodes: 4", NULL, 4, 2, 4, "local", "train"},
    {"command: ./train\nranks: 7\nnodes: 4", NULL, 4, 2, 4, "local", "train"},
    {"command: ./train\nranks: 10\nnproc_per_node: 4", NULL, 3, 4, 3, "local", "train"},
    {"command: a\nnodes: 4\nnproc_per_node: 2\nspares: 1", NULL, 4, 2, 4, "local", "a"},
    {"command: a\nhosts: n[1-8]\nspares: 2", NULL, 6, 1, 6, "ssh", "a"},
    {"command: a\nhosts: n[1-8]\nranks: 16\nnproc_per_node: 8", NULL, 2, 8, 2, "ssh", "a"},
    {"command: a\nhosts: n[1-8]\nnodes: 6\nspares: 2\nmin_nodes: 3", NULL, 6, 1, 3, "ssh", "a"},
    {"command: a\nbackend: slurm\nnodes: 6\nslurm: -p gpu", NULL, 6, 1, 6, "slurm", "a"},
    {"command: python3 -u runs/my_train.v2.py --x", NULL, 1, 1, 1, "local", "my-train-v2"},
    {"command: python3 -m torch.nn", NULL, 1, 1, 1, "local", "torch"},
    {"command: bash -c 'echo x'", NULL, 1, 1, 1, "local", "bash"},
    {"command: /opt/../..", NULL, 1, 1, 1, "local", "run"},
    {"name: x", "nothing to run: the program comes after --", 0},
    {"command: ''", "nothing to run", 0},
    {"command: a\nname: a b", "the name 'a b' may have letters, digits and '-' only", 0},
    {"command: a\nname: ''", "name is empty", 0},
    {"command: a\nbackend: pbs", "there is no backend 'pbs': local, ssh, slurm or join", 0},
    {"command: a\nbackend: ssh", "the backend ssh needs hosts: --hosts n[001-064]", 0},
    {"command: a\nbackend: local\nhosts: n1", "the backend local takes no hosts", 0},
    {"command: a\nhosts: 'n['", "hosts: a '[' without its ']' in the host list", 0},
    {"command: a\nhosts: n[1-3]\nnodes: 3\nspares: 1", "3 hosts for 3 nodes and 1 spare: 1 too few",
     0},
    {"command: a\nhosts: n1\nspares: 1", "1 host and 1 spare: no node is left for ranks", 0},
    {"command: a\nranks: 5\nnodes: 4",
     "5 ranks, 2 a node, leave 1 of 4 nodes without a rank: 3 nodes would do", 0},
    {"command: a\nranks: 9\nnodes: 4\nnproc_per_node: 2", "9 ranks, 2 a node, need 5 nodes, not 4",
     0},
    {"command: a\nnodes: 2\nmin_nodes: 3", "at least 3 nodes are wanted of 2", 0},
    {"command: a\nnodes: 90000\nspares: 90000", "more than 100000 nodes with the spares", 0},
    {"command: a\nnodes: 90000\nnproc_per_node: 100",
     "90000 nodes with 100 ranks each are more than 2000000 ranks", 0},
    {"command: a\ncomplete_when: file .done", "complete_when without a pattern of checkpoints", 0},
    {"command: a\ncheckpoint: c*\ncomplete_when: done",
     "complete_when takes 'file NAME' or 'cmd CHECK {}', not 'done'", 0},
    {"command: a\ncheckpoint: c*\ncomplete_when: cmd check", "complete_when takes", 0},
    {"command: a\ncheckpoint: c*\ncomplete_when: 'file  '", "complete_when takes", 0},
    {"command: a\nnode_timeout: 0", "node_timeout takes at least 0.1 s, not 0", 0},
    {"command: a\nunset: [A=1]", "unset takes names of variables, not 'A=1'", 0},
    {"command: a\nslurm: -p gpu", "words for Slurm ('-p') without the backend slurm", 0},
    {"command: a\nindependent: true\nnodes: 2\nspares: 1",
     "independent ranks are never started again: spares does not go with them", 0},
    {"command: a\nindependent: true\ncheckpoint: c_*", "checkpoint does not go with them", 0},
    {"command: a\nindependent: true\nhang: 5", "hang does not go with them", 0},
    {"command: a\nindependent: true\nattempts_max: 2", "attempts_max does not go with them", 0},
    {"command: a\nindependent: true\nattempts_without_progress: 1",
     "attempts_without_progress does not go with them", 0},
    {"command: a\nindependent: true\nstore: rank0", "it can't serve their store", 0},
    {"command: a\nhosts: n1\ntie_stdin: true", "rank 0 can read this stdin only", 0},
};

static void jobs_are_checked_as_a_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct job job, again;
        struct err err = {0};
        int r;

        job_init(&job);
        assert_int_equal(read_exactly(str_of(checks[i].text), &job, &err), 0);
        r = job_check(arena, &job, &err);
        if (r != (checks[i].err ? -EINVAL : 0) || (r < 0 && !strstr(err.text, checks[i].err)))
            fail_msg("'%s': %d '%s', not '%s'", checks[i].text, r, err.text,
                     checks[i].err ? checks[i].err : "well");
        if (r < 0)
            continue;
        assert_int_equal(job.nodes, checks[i].nodes);
        assert_int_equal(job.nproc, checks[i].nproc);
        assert_int_equal(job.min_nodes, checks[i].min_nodes);
        assert_string_equal(job.backend, checks[i].backend);
        assert_string_equal(job.name, checks[i].name);
        assert_true(job.ranks > (job.nodes - 1) * job.nproc && job.ranks <= job.nodes * job.nproc);
        again = job;
        assert_int_equal(job_check(arena, &again, &err), 0);
        assert_memory_equal(&again, &job, sizeof(job));
    }
}

static void what_did_not_come_from_a_file_is_checked_too(void **state)
{
    static const char *latin[] = {"a", "\xe9", NULL}, *no_env[] = {"FOO", NULL};
    struct job job, good;
    struct err err = {0};

    (void)state;
    job_init(&good);
    good.command = (struct job_words){latin, 1};
    job = good;
    assert_int_equal(job_check(arena, &job, &err), 0);
    job = good;
    job.command.count = 2;
    assert_int_equal(job_check(arena, &job, &err), -EINVAL);
    assert_string_equal(err.text, "word 2 of command is not UTF-8");
    job = good;
    job.cwd = latin[1];
    assert_int_equal(job_check(arena, &job, &err), -EINVAL);
    assert_string_equal(err.text, "cwd is not UTF-8");
    job = good;
    job.env = (struct job_words){no_env, 1};
    assert_int_equal(job_check(arena, &job, &err), -EINVAL);
    assert_string_equal(err.text, "env: 'FOO' is no NAME=VALUE");
    job = good;
    job.ranks = -1;
    assert_int_equal(job_check(arena, &job, &err), -EINVAL);
    assert_string_equal(err.text, "-1 ranks: -n takes at least 1");
    job = good;
    job.hang_s = -1;
    assert_int_equal(job_check(arena, &job, &err), -EINVAL);
    job = good;
    job.nodes = -1;
    assert_int_equal(job_check(arena, &job, &err), -EINVAL);
    assert_string_equal(err.text, "nodes takes 1 to 100000, not -1");
}

static void every_key_is_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < job_key_count; i++) {
        assert_ptr_equal(job_key_find(str_of(job_keys[i].name)), &job_keys[i]);
        assert_true(job_keys[i].doc && *job_keys[i].doc);
        for (size_t j = 0; j < i; j++)
            assert_true(job_keys[i].offset != job_keys[j].offset);
    }
    assert_null(job_key_find(STR("node")));
    assert_null(job_key_find(STR("")));
    assert_null(job_key_like(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_becomes_a_job, begin, end),
        cmocka_unit_test_setup_teardown(json_with_escapes_is_read, begin, end),
        cmocka_unit_test_setup_teardown(wrong_files_are_told_with_their_line, begin, end),
        cmocka_unit_test_setup_teardown(empty_files_say_nothing, begin, end),
        cmocka_unit_test_setup_teardown(large_and_deep_files_end_soon, begin, end),
        cmocka_unit_test_setup_teardown(random_jobs_print_and_read_back, begin, end),
        cmocka_unit_test_setup_teardown(only_what_differs_is_printed, begin, end),
        cmocka_unit_test_setup_teardown(every_prefix_of_a_file_is_read_or_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_small_arena_is_no_memory, begin, end),
        cmocka_unit_test_setup_teardown(jobs_are_checked_as_a_whole, begin, end),
        cmocka_unit_test_setup_teardown(what_did_not_come_from_a_file_is_checked_too, begin, end),
        cmocka_unit_test_setup_teardown(every_key_is_told_apart, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
