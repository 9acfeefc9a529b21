/* sched_run with a back end "fake", whose hosts are shell scripts. */
#include "sched/remote.h"
#include "sched/sched.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define OUTPUT_MAX 100000

struct outcome {
    size_t over;
    size_t bytes[64];
    char first[64][64]; /* of each output */
    struct sched_task *tasks;
};

static void note_over(void *data, struct sched_task *task)
{
    struct outcome *outcome = data;
    size_t i = (size_t)(task - outcome->tasks), len = task->output.len;

    outcome->over++;
    outcome->bytes[i] = len;
    len = len < 63 ? len : 63;
    if (len)
        memcpy(outcome->first[i], task->output.p, len);
}

/* The host's name is its script. */
static int fake_words(const struct sched_job *job, struct arena *arena,
                      const struct sched_task *tasks, size_t count, const char *const **words,
                      struct err *err)
{
    const char **w = arena_alloc(arena, 4 * sizeof(*w));

    (void)job;
    (void)count;
    if (!w)
        return err_set(err, -ENOMEM, "no memory");
    w[0] = strcmp(tasks[0].host, "missing") != 0 ? "sh" : "/nonexistent/ssh";
    w[1] = "-c";
    w[2] = tasks[0].host;
    *words = w;
    return 0;
}

static const struct sched_backend fake = {"fake", false, fake_words};

static const struct {
    const char *script;
    enum sched_outcome outcome;
    const char *first, *sentence;
    size_t bytes;
} cases[] = {
    {"wc -c | tr -d ' '", SCHED_DONE, "200000\n", "", 7},
    {"head -c 10 >/dev/null; echo enough", SCHED_DONE, "enough\n", "", 7},
    {":", SCHED_DONE, "", "", 0},
    {"exec <&-; echo firstlight: no space >&2; exit 41", SCHED_FAILED, "", "no space", 0},
    {"echo banner >&2; echo 'ssh: refused' >&2; echo >&2; exit 255", SCHED_FAILED, "",
     "ssh: refused", 0},
    {"exit 3", SCHED_FAILED, "", "it ended with exit status 3 and without a word", 0},
    {"kill -KILL $$", SCHED_FAILED, "", "it died of signal 9 (Killed)", 0},
    {"sleep 100", SCHED_TIMEOUT, "", "no answer within 2 s", 0},
    {"trap '' TERM; while :; do sleep 1; done", SCHED_TIMEOUT, "", "no answer within 2 s", 0},
    {"echo half; sleep 100", SCHED_TIMEOUT, "half\n",
     "it stopped in the middle: 5 bytes came within 2 s", 5},
    {"head -c 100001 /dev/zero; echo more", SCHED_FAILED, NULL,
     "more output than is taken from one host", 0},
    {"missing", SCHED_FAILED, "", "cannot start /nonexistent/ssh: No such file or directory", 0},
    {"sleep 100 & echo held; exit 0", SCHED_DONE, "held\n", "", 5},
    {"head -c 200000 /dev/zero | tr '\\0' x >&2; echo ' last' >&2; exit 1", SCHED_FAILED, "", NULL,
     0},
    {"printf '\\033[31mred' >&2; exit 1", SCHED_FAILED, "", " [31mred", 0},
};

static void each_host_ends_as_it_should(unsigned fanout)
{
    struct sched_task tasks[ARRAY_LEN(cases)] = {0};
    struct outcome outcome = {.tasks = tasks};
    char *input = calloc(1, 200000);
    struct sched_job job = {.input = input,
                            .input_len = 200000,
                            .timeout_ms = 2000,
                            .fanout = fanout,
                            .output_max = OUTPUT_MAX,
                            .over = note_over,
                            .data = &outcome};
    struct err err = {0};
    int interrupted;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        tasks[i].host = cases[i].script;
    assert_int_equal(sched_run(&fake, &job, tasks, ARRAY_LEN(tasks), &interrupted, &err), 0);
    assert_int_equal(interrupted, 0);
    assert_int_equal(outcome.over, ARRAY_LEN(cases));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s: %s\n", cases[i].script, tasks[i].sentence);
        assert_int_equal(tasks[i].outcome, cases[i].outcome);
        if (cases[i].sentence)
            assert_string_equal(tasks[i].sentence, cases[i].sentence);
        if (cases[i].first) {
            assert_string_equal(outcome.first[i], cases[i].first);
            assert_int_equal(outcome.bytes[i], cases[i].bytes);
        }
    }
    free(input);
}

static void hosts_do_not_hold_up_each_other(void **state)
{
    time_t start = time(NULL);

    (void)state;
    each_host_ends_as_it_should(0);
    assert_true(time(NULL) - start < 30);
}

static void three_at_a_time_end_the_same(void **state)
{
    (void)state;
    each_host_ends_as_it_should(3);
}

static void an_interrupt_ends_what_runs_and_starts_no_more(void **state)
{
    struct sched_task tasks[3] = {
        {.host = "kill -INT $PPID; sleep 100"}, {.host = "sleep 100"}, {.host = "echo never"}};
    struct outcome outcome = {.tasks = tasks};
    struct sched_job job = {
        .fanout = 2, .output_max = OUTPUT_MAX, .over = note_over, .data = &outcome};
    int interrupted;

    (void)state;
    assert_int_equal(sched_run(&fake, &job, tasks, 3, &interrupted, NULL), 0);
    assert_int_equal(interrupted, SIGINT);
    assert_int_equal(outcome.over, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tasks[i].outcome, SCHED_STOPPED);
        assert_string_equal(tasks[i].sentence, "not collected: interrupted");
    }
}

/* What "remote" does with folders that will not do, run by this host's own shell. */
static const struct {
    const char *name, *before, *executable;
    enum sched_outcome outcome;
    const char *first, *sentence; /* the sentence's part */
    const char *machine;
} remotes[] = {
    {"runs and is removed", "", "#!/bin/sh\necho \"ran $1\"\n", SCHED_DONE, "ran word\n", ""},
    {"its failure is ours", "", "#!/bin/sh\necho bad >&2\nexit 7\n", SCHED_FAILED, "", "bad"},
    {"killed while it runs", "", "#!/bin/sh\nkill -TERM $PPID\n", SCHED_FAILED, "", ""},
    {"no room", "ulimit -f 0;", "#!/bin/sh\necho ran\n", SCHED_FAILED, "",
     "no space on this host for the agent (1 KiB), "},
    {"cut off on its way", "head -c 5 |", "#!/bin/sh\necho ran\n", SCHED_FAILED, "",
     "the agent was cut off on its way here"},
    {"another machine", "", "#!/bin/sh\necho ran\n", SCHED_FAILED, "",
     ", and the agent is for another machine", "pdp11"},
};

static void an_executable_runs_elsewhere_and_leaves_nothing(void **state)
{
    char dir[] = "/tmp/firstlight-test-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)setenv("XDG_RUNTIME_DIR", dir, 1);
    for (size_t i = 0; i < ARRAY_LEN(remotes); i++) {
        size_t len = strlen(remotes[i].executable);
        struct arena *arena = arena_new(0);
        const char *command = remote_command(arena, len, remotes[i].machine, "word", false);
        struct sched_task task = {.host = "here"};
        struct outcome outcome = {.tasks = &task};
        struct sched_job job = {.input = remotes[i].executable,
                                .input_len = len,
                                .output_max = OUTPUT_MAX,
                                .over = note_over,
                                .data = &outcome};
        int interrupted;

        print_message("%s\n", remotes[i].name);
        /* one line without single quotes, whatever the login shell */
        assert_null(strpbrk(command, "'\n!"));
        job.command = arena_printf(arena, "%s { %s; }", remotes[i].before, command);
        assert_int_equal(sched_run(sched_backend_find("local"), &job, &task, 1, &interrupted, NULL),
                         0);
        print_message("  %s\n", task.sentence);
        assert_int_equal(task.outcome, remotes[i].outcome);
        assert_string_equal(outcome.first[0], remotes[i].first);
        assert_true(strstr(task.sentence, remotes[i].sentence) != NULL);
        assert_int_equal(rmdir(dir), 0); /* it is empty */
        assert_int_equal(mkdir(dir, 0700), 0);
        arena_free(arena);
    }
    assert_int_equal(rmdir(dir), 0);
}

static void an_executable_tells_its_machine(void **state)
{
    char elf[64] = "\177ELF";

    (void)state;
    assert_null(remote_machine(elf, 63));
    assert_null(remote_machine(elf, 64));
    elf[18] = 62;
    assert_string_equal(remote_machine(elf, 64), "x86_64");
    elf[18] = (char)183;
    assert_string_equal(remote_machine(elf, 64), "aarch64");
    elf[0] = '#';
    assert_null(remote_machine(elf, 64));
}

static void back_ends_have_names(void **state)
{
    (void)state;
    assert_string_equal(sched_backend_find("ssh")->name, "ssh");
    assert_true(sched_backend_find("srun")->all_in_one);
    assert_null(sched_backend_find("rsh"));
}

static char *joined(struct arena *arena, const char *const *words)
{
    struct buf text = {0};
    char *out;

    for (; *words; words++)
        buf_printf(&text, "%s|", *words);
    out = arena_copy(arena, text.p, text.len);
    buf_done(&text);
    return out;
}

static void ssh_and_srun_are_called_so(void **state)
{
    static const char *const ssh[] = {"ssh", "-F", "cfg"}, *const options[] = {"-p", "2222"};
    struct sched_task tasks[] = {{.host = "n1"}, {.host = "n2"}, {.host = "n3"}};
    struct sched_job job = {.command = "echo \"$HOME\"",
                            .ssh = ssh,
                            .ssh_count = 3,
                            .ssh_options = options,
                            .ssh_option_count = 2};
    struct arena *arena = arena_new(0);
    const char *const *words;

    (void)state;
    assert_int_equal(sched_backend_find("ssh")->words(&job, arena, tasks, 1, &words, NULL), 0);
    assert_string_equal(joined(arena, words),
                        "ssh|-F|cfg|-p|2222|-T|-o|BatchMode=yes|-o|ConnectTimeout=10|-o|"
                        "ControlMaster=no|-o|LogLevel=ERROR|--|n1|"
                        "exec /bin/sh -c 'echo \"$HOME\"'|");
    assert_int_equal(sched_backend_find("srun")->words(&job, arena, tasks, 3, &words, NULL), 0);
    assert_string_equal(joined(arena, words),
                        "srun|--nodes=3|--ntasks=3|--ntasks-per-node=1|--nodelist=n[1-3]|"
                        "--input=all|--wait=0|--kill-on-bad-exit=0|--cpu-bind=none|"
                        "/bin/sh|-c|echo \"$HOME\"|");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_do_not_hold_up_each_other),
        cmocka_unit_test(three_at_a_time_end_the_same),
        cmocka_unit_test(an_interrupt_ends_what_runs_and_starts_no_more),
        cmocka_unit_test(an_executable_runs_elsewhere_and_leaves_nothing),
        cmocka_unit_test(an_executable_tells_its_machine),
        cmocka_unit_test(back_ends_have_names),
        cmocka_unit_test(ssh_and_srun_are_called_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
