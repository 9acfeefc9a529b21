/* sched/launch_slurm - agents as the tasks of one srun, one a node.
 *
 * The first srun brings the key alone, by stdin, which reaches every task; nodes that have no copy
 * of the agent say so and get a second srun that brings the copy too. A task's lines carry srun's
 * label and the node's name, so each end has its sentence. What the agent needs to know of its
 * place it finds by $SLURMD_NODENAME in the list of all nodes. */
#include "base/hash.h"
#include "base/hostlist.h"
#include "base/map.h"
#include "sched/agent_copy.h"
#include "sched/launch.h"
#include "sched/process.h"
#include "sched/sched.h"
#include "sched/slurm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define FIXED_WORDS_MAX 32
#define NEED_WAIT_MS    500 /* for more nodes that need a copy, to serve them together */

struct step;

struct slurm_node {
    const char *name;
    uint32_t index;
    struct step *step; /* the one that starts it now; NULL: none */
    bool needs;
    char words[SCHED_SENTENCE_BYTES]; /* the last that it said */
};

/* One srun. */
struct step {
    struct launch *launch;
    struct process process;
    struct event *end; /* its pidfd */
    int pidfd;
    struct arena *arena;
    struct slurm_node **tasks; /* by srun's number of the task; NULL: not known yet */
    uint32_t count;
    struct agent_lines lines;
    struct step *next;
};

struct slurm {
    struct slurm_node *nodes;
    struct map by_name;
    struct agent_copy copy;
    struct buf key;      /* the key's line */
    struct buf key_copy; /* and the copy behind it */
    const char *list;    /* "@n[001-064]" */
    struct step *steps;
    struct event *need_timer;
    struct arena *arena;
};

static bool is_node(const void *value, const void *key)
{
    return !strcmp(((const struct slurm_node *)value)->name, key);
}

static struct slurm_node *find_node(const struct slurm *slurm, struct str name)
{
    char text[HOSTLIST_NAME_MAX + 1];

    (void)snprintf(text, sizeof(text), "%.*s", STR_ARG(name));
    return map_get(&slurm->by_name, hash64(text, strlen(text)), text);
}

static void tell(struct launch *launch, const struct slurm_node *node, const char *sentence)
{
    launch->request.failed(launch->request.data, node->index, sentence);
}

/* srun's label: "3: ", "003: ". False when there is none, or no such task. */
static bool cut_label(struct str *line, uint32_t count, uint32_t *task)
{
    struct str rest = str_trim(*line), digits = str_digits(&rest, 10);
    uint64_t number;

    if (!digits.len || !str_starts(rest, ": ") || str_to_u64(digits, 10, &number) < 0 ||
        number >= count)
        return false;
    *task = (uint32_t)number;
    *line = str_skip(rest, 2);
    return true;
}

static void needs_copy(struct launch *launch, struct slurm_node *node)
{
    struct slurm *slurm = launch->state;
    struct timeval wait = {NEED_WAIT_MS / 1000, NEED_WAIT_MS % 1000 * 1000};

    node->needs = true;
    node->step = NULL;
    (void)event_add(slurm->need_timer, &wait);
}

static void ended(struct step *step, struct slurm_node *node, const char *otherwise)
{
    if (node->step != step) /* it was started again, or waits for a copy */
        return;
    node->step = NULL;
    tell(step->launch, node, node->words[0] ? node->words : otherwise);
}

static void on_line(void *data, struct str line)
{
    struct step *step = data;
    struct slurm *slurm = step->launch->state;
    struct slurm_node *node;
    struct str name, said;
    char sentence[SCHED_SENTENCE_BYTES];
    enum agent_said means;
    uint32_t task;

    if (!cut_label(&line, step->count, &task))
        return; /* a prolog's talk */
    means = agent_line_means(str_trim(line), &name, &said);
    if (name.len)
        step->tasks[task] = find_node(slurm, name);
    node = step->tasks[task];
    if (!node || node->step != step)
        return;
    switch (means) {
    case SAID_NEED:
        needs_copy(step->launch, node);
        break;
    case SAID_RUNS:
        node->words[0] = '\0';
        break;
    case SAID_ENDED:
        agent_end_sentence(said, sentence, sizeof(sentence));
        ended(step, node, sentence);
        break;
    case SAID_WORDS:
        if (said.len)
            (void)snprintf(node->words, sizeof(node->words), "%.*s", STR_ARG(said));
        break;
    }
}

static bool on_output(struct process *process, struct str bytes)
{
    struct step *step = process->data;

    agent_lines_take(&step->lines, bytes, on_line, step);
    return true;
}

static void free_step(struct step *step)
{
    struct slurm *slurm = step->launch->state;
    struct step **link = &slurm->steps;

    while (*link && *link != step)
        link = &(*link)->next;
    if (*link)
        *link = step->next;
    if (step->end)
        event_free(step->end);
    if (step->pidfd >= 0)
        (void)close(step->pidfd);
    buf_done(&step->process.complaint);
    arena_free(step->arena);
    free(step);
}

/* Whatever a node of this step did not tell itself is srun's end. */
static void on_over(struct process *process)
{
    struct step *step = process->data;
    struct launch *launch = step->launch;
    struct slurm *slurm = launch->state;
    char sentence[SCHED_SENTENCE_BYTES];

    process_sentence(process, sentence, sizeof(sentence));
    if (!sentence[0])
        (void)snprintf(sentence, sizeof(sentence), "srun ended");
    for (uint32_t i = 0; i < launch->request.count; i++)
        ended(step, &slurm->nodes[i], sentence);
    free_step(step);
}

static const struct process_watch watch = {on_output, on_over};

static void on_end(evutil_socket_t fd, short what, void *data)
{
    struct step *step = data;

    (void)fd;
    (void)what;
    (void)event_del(step->end); /* reaping may wait for its output */
    process_reap(&step->process);
}

const char **slurm_step_words(struct arena *arena, const char *const *names, uint32_t count,
                              const char *const *options, size_t option_count, const char *command)
{
    const char **w = arena_alloc(arena, (FIXED_WORDS_MAX + option_count) * sizeof(*w));
    const char *list = hostlist_fold(arena, names, count);
    size_t n = 0;

    if (!w || !list)
        return NULL;
    w[n++] = "srun";
    for (size_t i = 0; i < option_count; i++)
        w[n++] = options[i];
    w[n++] = arena_printf(arena, "--nodes=%" PRIu32, count);
    w[n++] = arena_printf(arena, "--ntasks=%" PRIu32, count);
    w[n++] = "--ntasks-per-node=1";
    w[n++] = arena_printf(arena, "--nodelist=%s", list);
    w[n++] = "--kill-on-bad-exit=0"; /* one agent's end is no end of the others */
    w[n++] = "--no-kill";            /* nor is a node's */
    w[n++] = "--wait=0";
    w[n++] = "--overlap";   /* a node's next agent comes beside the last one's step */
    w[n++] = "--mem=0";     /* all that the job has there */
    w[n++] = "--input=all"; /* every task reads the key */
    w[n++] = "--label";
    w[n++] = "--unbuffered";
    w[n++] = "--cpu-bind=none"; /* ranks are bound by the agent */
    w[n++] = "--mpi=none";
    w[n++] = "/bin/sh";
    w[n++] = "-c";
    w[n++] = command;
    for (size_t i = 0; i < n; i++)
        if (!w[i])
            return NULL;
    return w;
}

static const char **words_of(struct step *step, const uint32_t *nodes, enum copy_mode mode)
{
    const struct launch_request *request = &step->launch->request;
    struct slurm *slurm = step->launch->state;
    const char **names = arena_alloc(step->arena, step->count * sizeof(*names));
    const char **agent = launch_agent_words(step->arena, request, slurm->list, NULL);
    bool said_before = getenv(SLURM_SUBMITTED) != NULL;
    const char *command;

    if (!names || !agent)
        return NULL;
    for (uint32_t i = 0; i < step->count; i++)
        names[i] = slurm->nodes[nodes[i]].name;
    command = agent_copy_command(step->arena, &slurm->copy, mode, agent, true);
    return command ? slurm_step_words(step->arena, names, step->count, request->slurm_options,
                                      said_before ? 0 : request->slurm_option_count, command)
                   : NULL;
}

static int run_step(struct step *step, const uint32_t *nodes, enum copy_mode mode, struct err *err)
{
    struct slurm *slurm = step->launch->state;
    const struct buf *input = mode == COPY_FOLLOWS ? &slurm->key_copy : &slurm->key;
    const char **words = words_of(step, nodes, mode);
    int r;

    step->tasks = arena_alloc(step->arena, step->count * sizeof(struct slurm_node *));
    if (!words || !step->tasks)
        return err_set(err, -ENOMEM, "no memory to start agents");
    r = process_start(&step->process, step->launch->request.base, words,
                      (struct str){input->p, input->len}, 0, err);
    if (r < 0)
        return r;
    step->pidfd = pidfd_open(step->process.pid, 0);
    if (step->pidfd >= 0)
        step->end =
            event_new(step->launch->request.base, step->pidfd, EV_READ | EV_PERSIST, on_end, step);
    if (!step->end || event_add(step->end, NULL) < 0) {
        process_leave(&step->process);
        return err_set(err, -ENOMEM, "no memory to watch srun");
    }
    return 0;
}

static int start_step(struct launch *launch, const uint32_t *nodes, uint32_t count,
                      enum copy_mode mode, struct err *err)
{
    struct slurm *slurm = launch->state;
    struct step *step = calloc(1, sizeof(*step));
    int r;

    if (!step)
        return err_set(err, -ENOMEM, "no memory to start agents");
    *step = (struct step){.launch = launch, .count = count, .pidfd = -1, .arena = arena_new(0)};
    step->process = (struct process){.watch = &watch, .data = step, .stdin_is_kept = true};
    r = step->arena ? run_step(step, nodes, mode, err)
                    : err_set(err, -ENOMEM, "no memory to start agents");
    if (r < 0) {
        free_step(step);
        return r;
    }
    step->next = slurm->steps;
    slurm->steps = step;
    for (uint32_t i = 0; i < count; i++) {
        slurm->nodes[nodes[i]].step = step;
        slurm->nodes[nodes[i]].needs = false;
        slurm->nodes[nodes[i]].words[0] = '\0';
    }
    return 0;
}

/* Bring the copy to those that need it. */
static void on_need(evutil_socket_t fd, short what, void *data)
{
    struct launch *launch = data;
    struct slurm *slurm = launch->state;
    uint32_t *nodes = calloc(launch->request.count, sizeof(*nodes)), count = 0;
    struct err err = {0};

    (void)fd;
    (void)what;
    for (uint32_t i = 0; nodes && i < launch->request.count; i++)
        if (slurm->nodes[i].needs)
            nodes[count++] = i;
    if (nodes && !slurm->key_copy.len) {
        buf_add(&slurm->key_copy, slurm->key.p, slurm->key.len);
        buf_add(&slurm->key_copy, slurm->copy.bytes, slurm->copy.len);
    }
    if (!nodes || slurm->key_copy.failed)
        (void)err_set(&err, -ENOMEM, "no memory to bring the agent");
    else if (count)
        (void)start_step(launch, nodes, count, COPY_FOLLOWS, &err);
    for (uint32_t i = 0; err.code && i < launch->request.count; i++)
        if (slurm->nodes[i].needs) {
            slurm->nodes[i].needs = false;
            tell(launch, &slurm->nodes[i], err.text);
        }
    free(nodes);
}

/* All names in the order of their indices: short when folding keeps that order. */
static const char *list_of(struct arena *arena, const struct launch_request *request)
{
    const char *folded = hostlist_fold(arena, request->names, request->count);
    struct hostlist back;
    struct buf text = {0};
    const char *list;
    bool same = folded && hostlist_expand(arena, str_of(folded), &back, NULL) == 0 &&
                back.count == request->count;

    for (uint32_t i = 0; same && i < request->count; i++)
        same = !strcmp(back.names[i], request->names[i]);
    buf_puts(&text, "@");
    for (uint32_t i = 0; !same && i < request->count; i++)
        buf_printf(&text, "%s%s", i ? "," : "", request->names[i]);
    if (same)
        buf_puts(&text, folded);
    list = text.failed ? NULL : arena_copy(arena, text.p, text.len);
    buf_done(&text);
    return list;
}

static void free_slurm(struct slurm *slurm)
{
    if (!slurm)
        return;
    if (slurm->need_timer)
        event_free(slurm->need_timer);
    agent_copy_done(&slurm->copy);
    buf_done(&slurm->key);
    buf_done(&slurm->key_copy);
    map_done(&slurm->by_name);
    free(slurm->nodes);
    arena_free(slurm->arena);
    free(slurm);
}

static int name_nodes(struct slurm *slurm, const struct launch_request *request)
{
    slurm->by_name.equal = is_node;
    slurm->arena = arena_new(0);
    slurm->nodes = calloc(request->count, sizeof(*slurm->nodes));
    if (!slurm->arena || !slurm->nodes)
        return -ENOMEM;
    for (uint32_t i = 0; i < request->count; i++) {
        const char *name = request->names[i];

        slurm->nodes[i] = (struct slurm_node){.name = name, .index = i};
        if (map_add(&slurm->by_name, hash64(name, strlen(name)), &slurm->nodes[i]) < 0)
            return -ENOMEM;
    }
    slurm->list = list_of(slurm->arena, request);
    buf_printf(&slurm->key, "%s\n", request->key);
    return slurm->list && !slurm->key.failed ? 0 : -ENOMEM;
}

static int open_slurm(struct launch *launch, struct err *err)
{
    struct slurm *slurm = calloc(1, sizeof(*slurm));
    int r = slurm ? name_nodes(slurm, &launch->request) : -ENOMEM;

    if (r == 0) {
        slurm->need_timer = event_new(launch->request.base, -1, 0, on_need, launch);
        r = slurm->need_timer ? 0 : -ENOMEM;
    }
    if (r < 0)
        (void)err_set(err, r, "no memory for %" PRIu32 " agents", launch->request.count);
    else
        r = agent_copy_read(launch->request.agent, &slurm->copy, err);
    if (r < 0) {
        free_slurm(slurm);
        return r;
    }
    agent_copy_keep(&slurm->copy);
    launch->state = slurm;
    return 0;
}

static int start_slurm(struct launch *launch, const uint32_t *nodes, size_t count, struct err *err)
{
    return count ? start_step(launch, nodes, (uint32_t)count, COPY_PROBE, err) : 0;
}

/* Its watcher there kills it. What can't be told now is ended by the run's next agent there. */
static void end_slurm(struct launch *launch, uint32_t node)
{
    struct slurm *slurm = launch->state;
    const struct slurm_node *at = &slurm->nodes[node];
    const char *line = at->step ? arena_printf(at->step->arena, "end@%s\n", at->name) : NULL;

    if (line)
        (void)process_give(&at->step->process, str_of(line));
}

/* By force: srun, asked to end, waits a minute for a node that is dead. */
static void finish_slurm(struct launch *launch)
{
    for (struct step *step = ((struct slurm *)launch->state)->steps; step; step = step->next)
        process_kill(&step->process);
}

static void close_slurm(struct launch *launch)
{
    struct slurm *slurm = launch->state;

    while (slurm && slurm->steps) {
        process_leave(&slurm->steps->process);
        free_step(slurm->steps);
    }
    free_slurm(slurm);
    launch->state = NULL;
}

const struct launch_backend launch_slurm = {
    .name = "slurm",
    .remote = true,
    .open = open_slurm,
    .start = start_slurm,
    .end = end_slurm,
    .finish = finish_slurm,
    .close = close_slurm,
};
