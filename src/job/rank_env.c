#include "job/rank_env.h"

#include "base/hash.h"
#include "job/place.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OURS_MAX 80 /* variables that this file sets */

/* The environment under way: words, and the names that what is handed on does not bring. */
struct making {
    struct arena *arena;
    const struct job *job;
    const char **words;
    size_t count;
    struct str *names; /* a hash table by name; .p NULL: free */
    size_t name_space;
    bool failed;
};

static struct str name_of(const char *word)
{
    return (struct str){word, strcspn(word, "=")};
}

static struct str *name_slot(const struct making *m, struct str name)
{
    size_t at = hash64(name.p, name.len) & (m->name_space - 1);

    while (m->names[at].p && !str_eq(m->names[at], name))
        at = (at + 1) & (m->name_space - 1);
    return &m->names[at];
}

static bool is_taken(const struct making *m, struct str name)
{
    return name_slot(m, name)->p != NULL;
}

static void take_name(struct making *m, struct str name)
{
    *name_slot(m, name) = name;
}

/* Slurm's variables that say which allocation this is and what it has; the others describe the
 * agents' step, and a rank has its own. */
static const char *const of_allocation[] = {
    "SLURM_JOB_ID",
    "SLURM_JOBID",
    "SLURM_JOB_NAME",
    "SLURM_JOB_ACCOUNT",
    "SLURM_JOB_PARTITION",
    "SLURM_JOB_QOS",
    "SLURM_JOB_USER",
    "SLURM_JOB_UID",
    "SLURM_JOB_GID",
    "SLURM_JOB_RESERVATION",
    "SLURM_JOB_LICENSES",
    "SLURM_JOB_DEPENDENCY",
    "SLURM_JOB_GPUS",
    "SLURM_JOB_START_TIME",
    "SLURM_JOB_END_TIME",
    "SLURM_JOB_CPUS_PER_NODE",
    "SLURM_JOB_SEGMENT_SIZE",
    "SLURM_CLUSTER_NAME",
    "SLURM_CONF",
    "SLURM_RESTART_COUNT",
    "SLURM_ARRAY_*",
    "SLURM_TOPOLOGY_ADDR*",
    "SLURM_SUBMIT_*",
    "SLURM_GPUS_ON_NODE",
    "SLURM_CPUS_ON_NODE",
};

static bool is_of_step(struct str name)
{
    if (str_starts(name, "PMI") || str_starts(name, "OMPI_"))
        return str_starts(name, "OMPI_") || str_starts(name, "PMI_") || str_starts(name, "PMI2_") ||
               str_starts(name, "PMIX_");
    if (!str_starts(name, "SLURM_"))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(of_allocation); i++)
        if (str_glob(of_allocation[i], name))
            return false;
    return true;
}

static void add(struct making *m, const char *name, const char *value)
{
    struct str key = str_of(name);
    size_t len = strlen(value);
    char *word;

    if (is_taken(m, key)) /* the job's env, which wins, has it */
        return;
    word = arena_alloc(m->arena, key.len + len + 2);
    if (!word) {
        m->failed = true;
        return;
    }
    memcpy(word, name, key.len);
    word[key.len] = '=';
    memcpy(word + key.len + 1, value, len + 1);
    take_name(m, (struct str){word, key.len});
    m->words[m->count++] = word;
}

static void add_number(struct making *m, const char *name, uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    add(m, name, text);
}

/* As torchrun (torch 1.13 to 2.x) gives them. */
static void add_torchrun(struct making *m, const struct rank_place *p)
{
    uint32_t restarts = p->attempt ? p->attempt - 1 : 0;
    const struct job *job = m->job;
    int64_t more =
        job->attempts_without_progress < 0 ? JOB_ATTEMPTS : job->attempts_without_progress;
    /* With a budget of progress so many more may come from here. */
    uint64_t restarts_max =
        job->attempts_max ? (uint64_t)job->attempts_max - 1 : restarts + (uint64_t)more;

    add_number(m, "RANK", p->rank);
    add_number(m, "LOCAL_RANK", p->local_rank);
    add_number(m, "WORLD_SIZE", p->world);
    add_number(m, "LOCAL_WORLD_SIZE", p->local_world);
    add_number(m, "GROUP_RANK", p->node_rank);
    add_number(m, "GROUP_WORLD_SIZE", p->nnodes);
    add_number(m, "ROLE_RANK", p->rank);
    add(m, "ROLE_NAME", "default");
    add_number(m, "ROLE_WORLD_SIZE", p->world);
    add(m, "MASTER_ADDR", p->master_addr);
    add_number(m, "MASTER_PORT", p->master_port);
    add_number(m, "TORCHELASTIC_RESTART_COUNT", restarts);
    add_number(m, "TORCHELASTIC_MAX_RESTARTS", restarts_max);
    add(m, "TORCHELASTIC_RUN_ID", p->run);
    add(m, "TORCHELASTIC_USE_AGENT_STORE", p->agent_store ? "True" : "False");
    if (p->error_file)
        add(m, "TORCHELASTIC_ERROR_FILE", p->error_file);
}

/* Digits of `number` at `p`; returns behind them. A node's list of ranks is made for each rank. */
static char *put_number(char *p, uint32_t number)
{
    char digits[10];
    int count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    while (count)
        *p++ = digits[--count];
    return p;
}

/* "8,9,10": the ranks of this node. */
static void add_gtids(struct making *m, const struct rank_place *p)
{
    uint32_t first = p->rank - p->local_rank;
    char *list = arena_alloc(m->arena, (size_t)p->local_world * 11 + 1), *end = list;

    if (!list) {
        m->failed = true;
        return;
    }
    for (uint32_t i = 0; i < p->local_world; i++) {
        if (i)
            *end++ = ',';
        end = put_number(end, first + i);
    }
    add(m, "SLURM_GTIDS", list);
}

/* "8(x100)", "8(x99),4", "8": all nodes but the last have as many. */
static void tasks_per_node(const struct rank_place *p, char *out, size_t space)
{
    uint32_t others = p->nnodes > 1 ? p->nnodes - 1 : 1;
    uint32_t nproc =
        p->node_rank < p->nnodes - 1 ? p->local_world : (p->world - p->local_world) / others;
    uint32_t last = p->world - nproc * (p->nnodes - 1);

    if (p->nnodes <= 1)
        (void)snprintf(out, space, "%" PRIu32, p->world);
    else if (last == nproc)
        (void)snprintf(out, space, "%" PRIu32 "(x%" PRIu32 ")", nproc, p->nnodes);
    else if (p->nnodes == 2)
        (void)snprintf(out, space, "%" PRIu32 ",%" PRIu32, nproc, last);
    else
        (void)snprintf(out, space, "%" PRIu32 "(x%" PRIu32 "),%" PRIu32, nproc, p->nnodes - 1,
                       last);
}

/* No SLURM_STEP_ID: Open MPI takes a process that has one for srun's own child and refuses to be
 * alone. */
static void add_slurm(struct making *m, const struct rank_place *p)
{
    char tasks[64];
    struct buf nodes = {0};

    tasks_per_node(p, tasks, sizeof(tasks));
    add_number(m, "SLURM_PROCID", p->rank);
    add_number(m, "SLURM_LOCALID", p->local_rank);
    add_number(m, "SLURM_NODEID", p->node_rank);
    add_number(m, "SLURM_NTASKS", p->world);
    add_number(m, "SLURM_NPROCS", p->world);
    add_number(m, "SLURM_STEP_NUM_TASKS", p->world);
    add_number(m, "SLURM_NNODES", p->nnodes);
    add_number(m, "SLURM_JOB_NUM_NODES", p->nnodes);
    add_number(m, "SLURM_STEP_NUM_NODES", p->nnodes);
    add(m, "SLURM_TASKS_PER_NODE", tasks);
    add(m, "SLURM_STEP_TASKS_PER_NODE", tasks);
    add_gtids(m, p);
    if (p->node_name)
        add(m, "SLURMD_NODENAME", p->node_name);
    if (!p->hosts)
        return;
    place_fold(p->hosts, p->nnodes, &nodes);
    if (nodes.failed) {
        m->failed = true;
    } else if (nodes.len) {
        add(m, "SLURM_JOB_NODELIST", nodes.p);
        if (p->world > 1) /* it too; so a program that would be alone can be */
            add(m, "SLURM_NODELIST", nodes.p);
        add(m, "SLURM_STEP_NODELIST", nodes.p);
        add(m, "SLURM_LAUNCH_NODE_IPADDR", p->master_addr);
    }
    buf_done(&nodes);
}

static void add_mpi(struct making *m, const struct rank_place *p)
{
    add_number(m, "OMPI_COMM_WORLD_RANK", p->rank);
    add_number(m, "OMPI_COMM_WORLD_SIZE", p->world);
    add_number(m, "OMPI_COMM_WORLD_LOCAL_RANK", p->local_rank);
    add_number(m, "OMPI_COMM_WORLD_LOCAL_SIZE", p->local_world);
    add_number(m, "OMPI_COMM_WORLD_NODE_RANK", p->local_rank); /* among all jobs on the node */
    if (p->pmi_fd < 0)
        return;
    add_number(m, "PMI_FD", (uint64_t)p->pmi_fd);
    add_number(m, "PMI_RANK", p->rank);
    add_number(m, "PMI_SIZE", p->world);
    add_number(m, "MPI_LOCALRANKID", p->local_rank);
    add_number(m, "MPI_LOCALNRANKS", p->local_world);
}

static void add_own(struct making *m, const struct rank_place *p)
{
    add(m, "FIRSTLIGHT_RUN_ID", p->run);
    add_number(m, "FIRSTLIGHT_ATTEMPT", p->attempt);
    if (p->resume)
        add(m, "FIRSTLIGHT_RESUME", p->resume);
    if (p->page)
        add(m, "FIRSTLIGHT_PAGE", p->page);
    if (p->gpus)
        add(m, "CUDA_VISIBLE_DEVICES", p->gpus);
}

/* Names that the base has and that must not lead to a second run's files. */
static const char *const others_ends[] = {"FIRSTLIGHT_RESUME", "FIRSTLIGHT_PAGE",
                                          "TORCHELASTIC_ERROR_FILE"};

/* What is set only where nobody has set it, or wished it away. */
static void add_defaults(struct making *m, const struct rank_place *p)
{
    char tracker[256];

    /* One run of the tracker over all restarts. Ranks that log on their own, as some programs do,
     * have one each. */
    if (p->rank == 0)
        (void)snprintf(tracker, sizeof(tracker), "%s", p->run);
    else
        (void)snprintf(tracker, sizeof(tracker), "%s-rank%" PRIu32, p->run, p->rank);
    if (p->local_world > 1)
        add(m, "OMP_NUM_THREADS", "1");
    add(m, "TORCH_NCCL_ASYNC_ERROR_HANDLING", "1");
    add(m, "NCCL_ASYNC_ERROR_HANDLING", "1"); /* its name before torch 2.2 */
    if (!is_taken(m, STR("WANDB_RUN_ID"))) {
        add(m, "WANDB_RUN_ID", tracker);
        add(m, "WANDB_RESUME", "allow");
    }
}

static void take_base(struct making *m, const char *const *base)
{
    for (; *base; base++) {
        struct str name = name_of(*base);

        if (is_taken(m, name) || is_of_step(name))
            continue;
        take_name(m, name); /* the first of equal names is what getenv finds */
        m->words[m->count++] = *base;
    }
}

static size_t words_in(const char *const *list)
{
    size_t count = 0;

    while (list[count])
        count++;
    return count;
}

/* Later ones of the job's env win, so from its end. */
static void take_env(struct making *m, const struct job_words *env)
{
    for (size_t i = env->count; i-- > 0;) {
        struct str name = name_of(env->items[i]);

        if (is_taken(m, name))
            continue;
        take_name(m, name);
        m->words[m->count++] = env->items[i];
    }
}

const char **rank_env(struct arena *arena, const char *const *base, const struct job *job,
                      const struct rank_place *place)
{
    struct making m = {.arena = arena, .job = job, .name_space = 64};
    size_t most = words_in(base) + job->env.count + OURS_MAX;

    while (m.name_space < 2 * (most + job->unset.count))
        m.name_space *= 2;
    m.words = arena_alloc(arena, (most + 1) * sizeof(*m.words));
    m.names = arena_alloc(arena, m.name_space * sizeof(*m.names));
    if (!m.words || !m.names)
        return NULL;
    /* From the strongest to the weakest: a name that is taken stays as it is. */
    take_env(&m, &job->env);
    add_torchrun(&m, place);
    add_slurm(&m, place);
    add_mpi(&m, place);
    add_own(&m, place);
    for (size_t i = 0; i < ARRAY_LEN(others_ends); i++)
        take_name(&m, str_of(others_ends[i]));
    for (size_t i = 0; i < job->unset.count; i++)
        take_name(&m, str_of(job->unset.items[i]));
    take_base(&m, base);
    add_defaults(&m, place);
    return m.failed ? NULL : m.words;
}

#define MACRO "${local_rank}"

static const char *expand(struct arena *arena, const char *word, uint32_t local_rank)
{
    struct str rest = str_of(word);
    struct buf text = {0};
    const char *copy;
    ptrdiff_t at;

    while ((at = str_find(rest, MACRO)) >= 0) {
        buf_add(&text, rest.p, (size_t)at);
        buf_printf(&text, "%" PRIu32, local_rank);
        rest = str_skip(rest, (size_t)at + strlen(MACRO));
    }
    buf_add(&text, rest.p, rest.len);
    copy = text.failed ? NULL : arena_copy(arena, text.p, text.len);
    buf_done(&text);
    return copy;
}

const char **rank_command(struct arena *arena, const struct job *job,
                          const struct rank_place *place)
{
    const struct job_words *command = &job->command;
    const char **words = arena_alloc(arena, (command->count + 1) * sizeof(*words));

    for (size_t i = 0; words && i < command->count; i++) {
        words[i] = strstr(command->items[i], MACRO)
                       ? expand(arena, command->items[i], place->local_rank)
                       : command->items[i];
        if (!words[i])
            return NULL;
    }
    return words;
}
