/* What Slurm tells a job about itself, and the words for sbatch and srun. */
#include "sched/slurm.h"

#include "sched/slurm_job.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct arena *arena;
static const char *const *variables; /* NAME=VALUE, NULL */

static const char *get(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; variables[i]; i++)
        if (!strncmp(variables[i], name, len) && variables[i][len] == '=')
            return variables[i] + len + 1;
    return NULL;
}

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

static void an_allocation_is_read(void **state)
{
    static const char *const set[] = {"SLURM_JOB_ID=17",
                                      "SLURM_JOB_NODELIST=n[008-010],m1",
                                      "SLURM_JOB_END_TIME=1795000000",
                                      "SLURM_RESTART_COUNT=2",
                                      "SLURM_TOPOLOGY_ADDR_PATTERN=node",
                                      NULL};
    struct slurm_allocation got;

    (void)state;
    variables = set;
    assert_int_equal(slurm_allocation(arena, get, &got, NULL), 1);
    assert_string_equal(got.job_id, "17");
    assert_int_equal(got.node_count, 4);
    assert_string_equal(got.nodes[0], "n008");
    assert_string_equal(got.nodes[2], "n010");
    assert_string_equal(got.nodes[3], "m1");
    assert_int_equal(got.ends_at_s, 1795000000);
    assert_int_equal(got.restart_count, 2);
}

static void no_allocation_and_broken_ones(void **state)
{
    static const char *const none[] = {NULL}, *const empty[] = {"SLURM_JOB_ID=", NULL};
    static const char *const bare[] = {"SLURM_JOB_ID=3", NULL};
    static const char *const torn[] = {"SLURM_JOB_ID=3", "SLURM_JOB_NODELIST=n[1-", NULL};
    static const char *const old[] = {"SLURM_JOB_ID=3", "SLURM_NODELIST=n1",
                                      "SLURM_JOB_END_TIME=soon", NULL};
    struct slurm_allocation got;
    struct err err = {0};

    (void)state;
    variables = none;
    assert_int_equal(slurm_allocation(arena, get, &got, &err), 0);
    variables = empty;
    assert_int_equal(slurm_allocation(arena, get, &got, &err), 0);
    variables = bare;
    assert_int_equal(slurm_allocation(arena, get, &got, &err), -EINVAL);
    assert_string_equal(err.text, "SLURM_JOB_ID is set, and SLURM_JOB_NODELIST is not");
    variables = torn;
    assert_int_equal(slurm_allocation(arena, get, &got, &err), -EINVAL);
    assert_string_equal(err.text, "SLURM_JOB_NODELIST: a '[' without its ']' in the host list");
    variables = old;
    assert_int_equal(slurm_allocation(arena, get, &got, &err), 1);
    assert_int_equal(got.ends_at_s, 0);
}

static void switches_become_paths(void **state)
{
    static const char text[] =
        "SwitchName=leaf1 Level=0 LinkSpeed=1 Nodes=n[1-2] \n"
        "SwitchName=leaf2 Level=0 LinkSpeed=1 Nodes=n[3-4]\n"
        "garbage\n"
        "SwitchName=spine Level=1 LinkSpeed=1 Nodes=n[1-4] Switches=leaf[1-2]\n"
        "SwitchName=leaf3 Level=0 Nodes=x1,n1\n"
        "SwitchName=root Level=2 Nodes=n[1-4] Switches=spine,root\n"
        "SwitchName=torn Nodes=n[\n";
    static const char *const names[] = {"n4", "n1", "x1", "stranger"};
    const char *groups[4];

    (void)state;
    assert_int_equal(slurm_topology(arena, str_of(text), names, 4, groups), 0);
    assert_string_equal(groups[0], "root/spine/leaf2");
    assert_string_equal(groups[1], "root/spine/leaf1");
    assert_string_equal(groups[2], "leaf3");
    assert_null(groups[3]);
    for (size_t len = 0; len < sizeof(text); len++) {
        char *block = malloc(len ? len : 1);

        assert_non_null(block);
        memcpy(block, text, len);
        assert_int_equal(slurm_topology(arena, (struct str){block, len}, names, 4, groups), 0);
        free(block);
    }
    /* Switches above each other end somewhere. */
    assert_int_equal(slurm_topology(arena,
                                    STR("SwitchName=a Switches=b\nSwitchName=b Switches=a\n"
                                        "SwitchName=c Nodes=n1\nSwitchName=b2 Switches=c\n"),
                                    names, 4, groups),
                     0);
    assert_string_equal(groups[1], "b2/c");
}

static const char told[] =
    "JobId=17 JobName=ExitCode=3:0 JobState=ODD\n"
    "   UserId=root(0) GroupId=root(0) MCS_label=N/A\n"
    "   JobState=PENDING Reason=Resources Dependency=(null)\n"
    "   Requeue=1 Restarts=2 BatchFlag=1 Reboot=0 ExitCode=11:0\n"
    "   StartTime=2026-11-21T23:38:23 EndTime=2026-11-21T23:38:33 Deadline=N/A\n"
    "   Command=/home/me/Reason=none JobState=DONE\n"
    "   StdOut=/home/me/my runs/slurm-17.out\n\n";

static void what_scontrol_says_of_a_job_is_read(void **state)
{
    struct slurm_job job;

    (void)state;
    (void)setenv("TZ", "UTC", 1);
    assert_int_equal(slurm_job_read(arena, str_of(told), &job), 0);
    assert_true(str_is(job.state, "PENDING"));
    assert_true(str_is(job.reason, "Resources"));
    assert_int_equal(job.restarts, 2);
    assert_int_equal(job.exit_code, 11);
    assert_int_equal(job.ends_at_s, 1795304313);
    assert_string_equal(job.output, "/home/me/my runs/slurm-17.out");
    assert_false(slurm_job_ended(&job));
    assert_int_equal(slurm_job_read(arena,
                                    STR("JobState=CANCELLED Reason=None\nRequeue=0 "
                                        "ExitCode=0:9\nStartTime=Unknown "
                                        "EndTime=Unknown\n"),
                                    &job),
                     0);
    assert_int_equal(job.reason.len, 0);
    assert_int_equal(job.exit_code, 128 + 9);
    assert_int_equal(job.ends_at_s, 0);
    assert_null(job.output);
    assert_true(slurm_job_ended(&job));
    for (size_t len = 0; len < sizeof(told) - 1; len++) { /* cut off anywhere */
        char *block = malloc(len + 1);

        assert_non_null(block);
        memcpy(block, told, len);
        assert_in_range(slurm_job_read(arena, (struct str){block, len}, &job) + EINVAL, 0, EINVAL);
        free(block);
    }
}

static const char *joined(const char **words)
{
    struct buf text = {0};
    const char *copy;

    assert_non_null(words);
    for (size_t i = 0; words[i]; i++)
        buf_printf(&text, "%s%s", i ? " " : "", words[i]);
    copy = arena_copy(arena, text.p, text.len);
    buf_done(&text);
    return copy;
}

static void sbatch_gets_these_words(void **state)
{
    static const char *const plain[] = {"-p", "gpu"}, *const sized[] = {"--cpus-per-task=96"};
    static const char *const command[] = {"/bin/firstlight", "run", "it's", "$HOME\n", NULL};
    struct buf script = {0};

    (void)state;
    assert_string_equal(
        joined(slurm_submit_words(arena, 64, 5400.5, plain, 2)),
        "sbatch --parsable --job-name=firstlight --nodes=64 --ntasks-per-node=1 "
        "--signal=B:USR1@120 --requeue --no-kill --open-mode=append --exclusive --time=91 "
        "-p gpu");
    assert_string_equal(
        joined(slurm_submit_words(arena, 1, 0, sized, 1)),
        "sbatch --parsable --job-name=firstlight --nodes=1 --ntasks-per-node=1 "
        "--signal=B:USR1@120 --requeue --no-kill --open-mode=append --cpus-per-task=96");
    slurm_script(command, &script);
    assert_string_equal(script.p, "#!/bin/sh\nFIRSTLIGHT_SUBMITTED=1 exec '/bin/firstlight' 'run' "
                                  "'it'\\''s' '$HOME\n'\n");
    buf_done(&script);
}

/* A sbatch on PATH that does what `text` says; NULL: none is there. */
static int submit_by(const char *text, const char **id, struct err *err)
{
    static const char *const command[] = {"firstlight", "run", NULL};
    char folder[] = "/tmp/slurm-test-XXXXXX", path[64];
    char *before = strdup(getenv("PATH"));
    FILE *file;
    int r;

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/sbatch", folder);
    if (text) {
        file = fopen(path, "w");
        assert_non_null(file);
        (void)fprintf(file, "#!/bin/sh\n%s\n", text);
        (void)fclose(file);
        assert_int_equal(chmod(path, 0700), 0);
    }
    (void)setenv("PATH", folder, 1);
    r = slurm_submit(arena, command, 2, 0, NULL, 0, id, err);
    (void)setenv("PATH", before, 1);
    free(before);
    (void)unlink(path);
    (void)rmdir(folder);
    return r;
}

static void a_job_is_submitted(void **state)
{
    const char *id;
    struct err err = {0};

    (void)state;
    assert_int_equal(submit_by("read a; read b; [ \"$b\" = \"FIRSTLIGHT_SUBMITTED=1 exec "
                               "'firstlight' 'run'\" ] && echo '123;red'",
                               &id, &err),
                     0);
    assert_string_equal(id, "123");
    assert_int_equal(submit_by("echo 'sbatch: error: invalid partition' >&2; exit 1", &id, &err),
                     -EIO);
    assert_string_equal(err.text, "sbatch: error: invalid partition");
    assert_int_equal(submit_by("exit 1", &id, &err), -EIO);
    assert_string_equal(err.text, "sbatch failed without a word");
    assert_int_equal(submit_by("echo Hello", &id, &err), -EIO);
    assert_string_equal(err.text, "sbatch says 'Hello', no job's number");
    assert_int_equal(submit_by(NULL, &id, &err), -ENOENT);
    assert_string_equal(err.text, "cannot run sbatch: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_allocation_is_read, begin, end),
        cmocka_unit_test_setup_teardown(no_allocation_and_broken_ones, begin, end),
        cmocka_unit_test_setup_teardown(switches_become_paths, begin, end),
        cmocka_unit_test_setup_teardown(what_scontrol_says_of_a_job_is_read, begin, end),
        cmocka_unit_test_setup_teardown(sbatch_gets_these_words, begin, end),
        cmocka_unit_test_setup_teardown(a_job_is_submitted, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
