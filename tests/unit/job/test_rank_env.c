/* A rank's environment and command. */
#include "job/rank_env.h"
#include "job/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena *arena;

static int begin(void **state)
{
    (void)state;
    arena = arena_new((size_t)256 << 20);
    return arena ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const char *const hosts[] = {"n1", "n2", "n4", "login"};

/* Rank 5 of 3 nodes of 2 and one of 1. */
static const struct rank_place place = {
    .rank = 5,
    .world = 7,
    .local_rank = 1,
    .local_world = 2,
    .node_rank = 2,
    .nnodes = 4,
    .attempt = 3,
    .run = "train-7",
    .node_name = "n4",
    .hosts = hosts,
    .master_addr = "127.0.0.1",
    .master_port = 4711,
    .agent_store = true,
    .resume = "/ckpt/step_10",
    .page = "/dev/shm/p5",
    .error_file = "/log/rank-5.error.json",
    .pmi_fd = 9,
    .gpus = "1",
};

static const char *get(const char *const *env, const char *name)
{
    size_t len = strlen(name);
    const char *found = NULL;

    for (; *env; env++)
        if (!strncmp(*env, name, len) && (*env)[len] == '=') {
            assert_null(found); /* each name once */
            found = *env + len + 1;
        }
    return found;
}

static void expect(const char *const *env, const char *name, const char *want)
{
    const char *got = get(env, name);

    if (want ? !got || strcmp(got, want) != 0 : got != NULL)
        fail_msg("%s is '%s', not '%s'", name, got ? got : "(unset)", want ? want : "(unset)");
}

static const char **make(const char *const *base, const struct job *job, const struct rank_place *p)
{
    const char **env = rank_env(arena, base, job, p);

    assert_non_null(env);
    return env;
}

/* What torchrun, Slurm, Open MPI and MPICH give, and what is ours; nothing else. */
static const struct {
    const char *name, *value;
} all[] = {
    {"RANK", "5"},
    {"LOCAL_RANK", "1"},
    {"WORLD_SIZE", "7"},
    {"LOCAL_WORLD_SIZE", "2"},
    {"GROUP_RANK", "2"},
    {"GROUP_WORLD_SIZE", "4"},
    {"ROLE_RANK", "5"},
    {"ROLE_NAME", "default"},
    {"ROLE_WORLD_SIZE", "7"},
    {"MASTER_ADDR", "127.0.0.1"},
    {"MASTER_PORT", "4711"},
    {"TORCHELASTIC_RESTART_COUNT", "2"},
    {"TORCHELASTIC_MAX_RESTARTS", "5"},
    {"TORCHELASTIC_RUN_ID", "train-7"},
    {"TORCHELASTIC_USE_AGENT_STORE", "True"},
    {"TORCHELASTIC_ERROR_FILE", "/log/rank-5.error.json"},
    {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "1"},
    {"NCCL_ASYNC_ERROR_HANDLING", "1"},
    {"OMP_NUM_THREADS", "1"},
    {"SLURM_PROCID", "5"},
    {"SLURM_LOCALID", "1"},
    {"SLURM_NODEID", "2"},
    {"SLURM_NTASKS", "7"},
    {"SLURM_NPROCS", "7"},
    {"SLURM_STEP_NUM_TASKS", "7"},
    {"SLURM_NNODES", "4"},
    {"SLURM_JOB_NUM_NODES", "4"},
    {"SLURM_STEP_NUM_NODES", "4"},
    {"SLURM_TASKS_PER_NODE", "2(x3),1"},
    {"SLURM_STEP_TASKS_PER_NODE", "2(x3),1"},
    {"SLURM_GTIDS", "4,5"},
    {"SLURM_JOB_NODELIST", "n[1-2,4],login"},
    {"SLURM_NODELIST", "n[1-2,4],login"},
    {"SLURM_STEP_NODELIST", "n[1-2,4],login"},
    {"SLURM_LAUNCH_NODE_IPADDR", "127.0.0.1"},
    {"SLURMD_NODENAME", "n4"},
    {"OMPI_COMM_WORLD_RANK", "5"},
    {"OMPI_COMM_WORLD_SIZE", "7"},
    {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
    {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
    {"OMPI_COMM_WORLD_NODE_RANK", "1"},
    {"PMI_FD", "9"},
    {"PMI_RANK", "5"},
    {"PMI_SIZE", "7"},
    {"MPI_LOCALRANKID", "1"},
    {"MPI_LOCALNRANKS", "2"},
    {"FIRSTLIGHT_RUN_ID", "train-7"},
    {"FIRSTLIGHT_ATTEMPT", "3"},
    {"FIRSTLIGHT_RESUME", "/ckpt/step_10"},
    {"FIRSTLIGHT_PAGE", "/dev/shm/p5"},
    {"CUDA_VISIBLE_DEVICES", "1"},
    {"WANDB_RUN_ID", "train-7-rank5"},
    {"WANDB_RESUME", "allow"},
};

static void a_rank_gets_these_variables(void **state)
{
    static const char *const base[] = {NULL};
    struct job job;
    const char **env;
    size_t count = 0;

    (void)state;
    job_init(&job);
    env = make(base, &job, &place);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        expect(env, all[i].name, all[i].value);
    while (env[count])
        count++;
    assert_int_equal(count, ARRAY_LEN(all));
}

static void a_plain_rank_gets_no_more_than_it_has(void **state)
{
    static const char *const base[] = {"PATH=/bin", NULL};
    struct rank_place alone = {.world = 1,
                               .local_world = 1,
                               .nnodes = 1,
                               .attempt = 1,
                               .run = "r",
                               .master_addr = "n1",
                               .master_port = 1,
                               .pmi_fd = -1};
    struct job job;
    const char **env;

    (void)state;
    job_init(&job);
    job.attempts_max = 5;
    env = make(base, &job, &alone);
    expect(env, "PATH", "/bin");
    expect(env, "TORCHELASTIC_USE_AGENT_STORE", "False");
    expect(env, "TORCHELASTIC_RESTART_COUNT", "0");
    expect(env, "TORCHELASTIC_MAX_RESTARTS", "4");
    expect(env, "SLURM_TASKS_PER_NODE", "1");
    expect(env, "WANDB_RUN_ID", "r");
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (!strncmp(all[i].name, "PMI_", 4) || !strncmp(all[i].name, "MPI_", 4) ||
            strstr(all[i].name, "NODELIST") || strstr(all[i].name, "RESUME") == all[i].name)
            expect(env, all[i].name, NULL);
    expect(env, "OMP_NUM_THREADS", NULL);
    expect(env, "CUDA_VISIBLE_DEVICES", NULL);
    expect(env, "FIRSTLIGHT_RESUME", NULL);
    expect(env, "FIRSTLIGHT_PAGE", NULL);
    expect(env, "TORCHELASTIC_ERROR_FILE", NULL);
    expect(env, "SLURMD_NODENAME", NULL);
}

static void tasks_per_node_are_short(void **state)
{
    static const struct {
        uint32_t nnodes, nproc, world, node;
        const char *want;
    } cases[] = {
        {100, 8, 800, 0, "8(x100)"},
        {100, 8, 800, 99, "8(x100)"},
        {100, 8, 796, 0, "8(x99),4"},
        {100, 8, 796, 99, "8(x99),4"},
        {2, 8, 9, 0, "8,1"},
        {2, 8, 9, 1, "8,1"},
        {1, 8, 8, 0, "8"},
        {2, 1, 2, 0, "1(x2)"},
    };
    static const char *const base[] = {NULL};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rank_place p = place;
        uint32_t left = cases[i].world - cases[i].node * cases[i].nproc;
        struct job job;

        job_init(&job);
        p.hosts = NULL;
        p.nnodes = cases[i].nnodes;
        p.world = cases[i].world;
        p.node_rank = cases[i].node;
        p.local_world = left < cases[i].nproc ? left : cases[i].nproc;
        p.local_rank = 0;
        p.rank = cases[i].node * cases[i].nproc;
        expect(make(base, &job, &p), "SLURM_TASKS_PER_NODE", cases[i].want);
    }
}

static void a_later_source_wins(void **state)
{
    static const char *const base[] = {
        "HOME=/root",
        "RANK=99",
        "PET_NNODES=7",
        "SECRET=x",
        "SECRETS=y",
        "CUDA_VISIBLE_DEVICES=3",
        "A=base",
        "A=second",
        "OMP_NUM_THREADS=4",
        "WANDB_RUN_ID=own",
        "FIRSTLIGHT_PAGE=/old",
        "odd",
        NULL,
    };
    struct rank_place p = place;
    struct job job;
    const char **env;

    (void)state;
    job_init(&job);
    p.gpus = NULL;
    p.page = NULL;
    assert_int_equal(words_split(arena, STR("B=1 'C=x y' ROLE_NAME=trainer B=2"), &job.env, NULL),
                     0);
    assert_int_equal(words_split(arena, STR("SECRET ROLE_NAME TORCH_NCCL_ASYNC_ERROR_HANDLING B"),
                                 &job.unset, NULL),
                     0);
    env = make(base, &job, &p);
    expect(env, "HOME", "/root");
    expect(env, "RANK", "5");
    expect(env, "PET_NNODES", "7"); /* torchrun's options, not a rank's place */
    expect(env, "SECRET", NULL);
    expect(env, "SECRETS", "y");
    expect(env, "CUDA_VISIBLE_DEVICES", "3");
    expect(env, "A", "base");
    expect(env, "B", "2"); /* the job's env is stronger than unset, and its last word counts */
    expect(env, "C", "x y");
    expect(env, "ROLE_NAME", "trainer");
    expect(env, "OMP_NUM_THREADS", "4");
    expect(env, "TORCH_NCCL_ASYNC_ERROR_HANDLING", NULL);
    expect(env, "WANDB_RUN_ID", "own");
    expect(env, "WANDB_RESUME", NULL);
    expect(env, "FIRSTLIGHT_PAGE", NULL); /* of a run that started this one */
}

static void the_agents_step_is_not_handed_on(void **state)
{
    static const char *const base[] = {
        "SLURM_JOB_ID=17",
        "SLURM_JOB_NAME=night",
        "SLURM_PROCID=3",
        "SLURM_STEP_ID=2",
        "SLURM_STEPID=2",
        "SLURM_CPU_BIND=quiet",
        "SLURM_SRUN_COMM_PORT=5",
        "SLURM_CONF=/etc/s.conf",
        "SLURM_ARRAY_TASK_ID=4",
        "SLURM_JOB_NODELIST=x1",
        "SLURM_TASK_PID=77",
        "SLURM_MEM_PER_NODE=9",
        "PMI_FD=3",
        "PMI_PORT=x",
        "PMIX_RANK=1",
        "OMPI_MCA_btl=tcp",
        "PMI2_X=1",
        "PMIC=kept",
        "SLURM_TOPOLOGY_ADDR=s1",
        "SLURM_HOME=ranks",
        "SLURMED=kept",
        NULL,
    };
    struct rank_place p = place;
    struct job job;
    const char **env;

    (void)state;
    job_init(&job);
    p.pmi_fd = -1;
    p.hosts = NULL;
    assert_int_equal(words_split(arena, STR("SLURM_CPU_BIND=mine OMPI_MCA_x=1"), &job.env, NULL),
                     0);
    env = make(base, &job, &p);
    expect(env, "SLURM_JOB_ID", "17");
    expect(env, "SLURM_JOB_NAME", "night");
    expect(env, "SLURM_CONF", "/etc/s.conf");
    expect(env, "SLURM_ARRAY_TASK_ID", "4");
    expect(env, "SLURM_TOPOLOGY_ADDR", "s1");
    expect(env, "SLURM_PROCID", "5");
    expect(env, "SLURM_CPU_BIND", "mine");
    expect(env, "OMPI_MCA_x", "1");
    expect(env, "PMIC", "kept");
    expect(env, "SLURMED", "kept");
    for (size_t i = 0; base[i]; i++) {
        static const char *const gone[] = {"SLURM_STEP_ID",
                                           "SLURM_STEPID",
                                           "SLURM_SRUN_COMM_PORT",
                                           "SLURM_JOB_NODELIST",
                                           "SLURM_TASK_PID",
                                           "SLURM_MEM_PER_NODE",
                                           "PMI_FD",
                                           "PMI_PORT",
                                           "PMIX_RANK",
                                           "OMPI_MCA_btl",
                                           "PMI2_X",
                                           "SLURM_HOME"};

        if (i < ARRAY_LEN(gone))
            expect(env, gone[i], NULL);
    }
}

static void no_memory_is_null(void **state)
{
    static const char *const base[] = {"A=1", "B=2", NULL};
    const char **env = NULL;

    (void)state;
    for (size_t bytes = 1; !env; bytes += 16) {
        struct arena *small = arena_new(bytes);
        struct job job;

        assert_non_null(small);
        job_init(&job);
        env = rank_env(small, base, &job, &place);
        if (env)
            assert_non_null(get(env, "WANDB_RESUME"));
        arena_free(small);
    }
}

/* 8,000 environments of 500 variables among 1,024 hosts: what a start of 1,000 nodes takes on all
 * of them together. Not timed here: it must only end. */
static void many_long_environments_are_made(void **state)
{
    const char **base = arena_alloc(arena, 501 * sizeof(*base));
    const char **many = arena_alloc(arena, 1024 * sizeof(*many));
    struct arena *each = arena_new((size_t)64 << 20);
    struct rank_place p = place;
    struct job job;

    (void)state;
    job_init(&job);
    assert_true(base && many && each);
    for (int i = 0; i < 500; i++)
        base[i] = arena_printf(arena, "VARIABLE_%d=%0100d", i, i);
    for (int i = 0; i < 1024; i++)
        many[i] = arena_printf(arena, "n%04d", i);
    p.hosts = many;
    p.nnodes = 1024;
    p.world = 8192;
    p.local_world = 8;
    for (int i = 0; i < 8000; i++) {
        const char **env;

        arena_reset(each);
        env = rank_env(each, base, &job, &p);
        assert_non_null(env);
        if (i == 0)
            expect(env, "SLURM_JOB_NODELIST", "n[0000-1023]");
    }
    arena_free(each);
}

static void the_macro_becomes_the_local_rank(void **state)
{
    struct job job;
    const char **words;

    (void)state;
    job_init(&job);
    assert_int_equal(words_split(arena,
                                 STR("prog '--dev=${local_rank}' '${local_rank}${local_rank}x' "
                                     "'$local_rank' '${local_rank'"),
                                 &job.command, NULL),
                     0);
    words = rank_command(arena, &job, &place);
    assert_non_null(words);
    assert_ptr_equal(words[0], job.command.items[0]);
    assert_string_equal(words[1], "--dev=1");
    assert_string_equal(words[2], "11x");
    assert_string_equal(words[3], "$local_rank");
    assert_string_equal(words[4], "${local_rank");
    assert_null(words[5]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rank_gets_these_variables, begin, end),
        cmocka_unit_test_setup_teardown(a_plain_rank_gets_no_more_than_it_has, begin, end),
        cmocka_unit_test_setup_teardown(tasks_per_node_are_short, begin, end),
        cmocka_unit_test_setup_teardown(a_later_source_wins, begin, end),
        cmocka_unit_test_setup_teardown(the_agents_step_is_not_handed_on, begin, end),
        cmocka_unit_test_setup_teardown(no_memory_is_null, begin, end),
        cmocka_unit_test_setup_teardown(many_long_environments_are_made, begin, end),
        cmocka_unit_test_setup_teardown(the_macro_becomes_the_local_rank, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
