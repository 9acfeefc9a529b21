#include "cli/slurm_start.h"

#include "base/file.h"
#include "base/hostlist.h"
#include "control/exit.h"
#include "sched/slurm.h"
#include "sched/slurm_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MARK_BYTES_MAX 64
#define LIVES_TRIED    3   /* that made no progress which we can see */
#define LONG_LIFE_S    600 /* counts as progress where there are no steps */

static const char *environment(const char *name)
{
    return getenv(name);
}

static int choose(struct arena *arena, const struct job *job,
                  const struct slurm_allocation *allocation, uint32_t want, const char **names,
                  struct err *err)
{
    struct hostlist list = {.names = allocation->nodes, .count = allocation->node_count};
    int r = job->hosts ? hostlist_expand(arena, str_of(job->hosts), &list, err) : 0;

    if (r < 0)
        return r;
    if (list.count < want)
        return err_set(err, -EINVAL,
                       job->hosts ? "%u nodes and spares are asked for, and %zu hosts are named"
                                  : "%u nodes and spares are asked for, and the allocation has %zu",
                       want, list.count);
    memcpy(names, list.names, want * sizeof(*names));
    return 0;
}

int64_t slurm_ends_at(struct arena *arena)
{
    struct slurm_allocation allocation;
    struct slurm_job job;

    if (slurm_allocation(arena, environment, &allocation, NULL) != 1)
        return 0;
    if (allocation.ends_at_s)
        return allocation.ends_at_s;
    return slurm_job_ask(arena, allocation.job_id, &job, NULL) == 0 ? job.ends_at_s : 0;
}

int slurm_name_nodes(struct arena *arena, const struct job *job, const char **names,
                     struct run_ready *out, struct err *err)
{
    struct slurm_allocation allocation;
    int r = slurm_allocation(arena, environment, &allocation, err);

    if (r == 0)
        return err_set(err, -EINVAL, "this is no Slurm allocation: SLURM_JOB_ID is not set");
    if (r > 0)
        r = choose(arena, job, &allocation, out->saved.node_count, names, err);
    if (r < 0)
        return r;
    out->ends_at_s = slurm_ends_at(arena);
    return 0;
}

void slurm_name_groups(struct arena *arena, struct saved *saved)
{
    slurm_ask_groups(arena, environment, saved->names, saved->node_count, &saved->groups);
}

static const char *mark_path(const char *run_dir, char path[4096])
{
    (void)snprintf(path, 4096, "%s/slurm_job", run_dir);
    return path;
}

int slurm_mark(const char *run_dir, struct err *err)
{
    const char *id = getenv("SLURM_JOB_ID");
    char path[4096];

    return id ? file_write_private(mark_path(run_dir, path), id, strlen(id), err) : 0;
}

static bool is_marked(const char *run_dir, const char *id)
{
    char path[4096], *text;
    size_t len;
    bool same;

    if (file_read(mark_path(run_dir, path), MARK_BYTES_MAX, &text, &len, NULL) < 0)
        return false;
    same = str_is(str_trim((struct str){text, len}), id);
    free(text);
    return same;
}

/* The run's nodes in their old places as far as we still have them; new ones fill the holes. */
static void keep_places(const struct saved *old, const char **ours, const char **placed)
{
    uint32_t count = old->node_count, next = 0;

    for (uint32_t i = 0; i < count; i++) {
        placed[i] = NULL;
        for (uint32_t k = 0; k < count && !placed[i]; k++)
            if (ours[k] && !strcmp(ours[k], old->names[i])) {
                placed[i] = ours[k];
                ours[k] = NULL;
            }
    }
    for (uint32_t i = 0; i < count; i++) {
        while (!placed[i] && !ours[next])
            next++;
        if (!placed[i])
            placed[i] = ours[next++];
    }
}

static int take_over(struct arena *arena, const char *run_dir, struct run_ready *out,
                     struct err *err)
{
    uint32_t count = out->saved.node_count;
    const char **ours = arena_alloc(arena, count * sizeof(*ours));
    const char **placed = arena_alloc(arena, count * sizeof(*placed));
    struct saved old;
    int r = saved_read(arena, run_dir, &old, err);

    if (r < 0)
        return r;
    if (!ours || !placed)
        return err_set(err, -ENOMEM, "no memory for the nodes");
    if (old.node_count != count)
        return err_set(err, -EINVAL, "%s: it had %u nodes, and this job has %u", out->run,
                       old.node_count, count);
    memcpy(ours, out->saved.names, count * sizeof(*ours));
    keep_places(&old, ours, placed);
    out->saved = old;
    out->saved.names = placed;
    out->saved.groups = NULL;
    out->again = true;
    return 0;
}

/* One that ended well, or that somebody leads, is another job line's, or done. */
static bool is_left(const char *dir, const struct store_run *run, const char *id, const char *json)
{
    return run->exit_code != 0 && !run->alive && !strcmp(run->job, json) && is_marked(dir, id);
}

int slurm_find_again(struct arena *arena, struct store *store, const char *json,
                     struct run_ready *out, struct err *err)
{
    struct slurm_allocation allocation;
    struct store_run *runs;
    size_t count;
    int r = slurm_allocation(arena, environment, &allocation, err);

    if (r <= 0 || !allocation.restart_count)
        return r < 0 ? r : 0;
    r = store_run_list(store, arena, &runs, &count, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        const char *dir = store_run_dir(arena, out->dir, runs[i].id);

        if (!dir || !is_left(dir, &runs[i], allocation.job_id, json))
            continue;
        out->run = runs[i].id;
        out->step_before = runs[i].step;
        return take_over(arena, dir, out, err);
    }
    return r;
}

/* Does a checkpoint stand that the next life would begin from? */
static bool stands_on(void *data, const struct store_event *event)
{
    bool *found = data;

    *found |= !strcmp(event->kind, "checkpoint.saved") || !strcmp(event->kind, "checkpoint.chosen");
    return !*found;
}

/* Each life must get further, as far as can be seen; a few may not, for nodes fail as they start.
 */
static bool would_get_further(struct arena *arena, const struct run_ready *ready, int exit_code)
{
    struct slurm_allocation allocation;
    struct store_run run;
    struct store *store;
    bool found = ready->saved.job.checkpoint != NULL, further;

    if (slurm_allocation(arena, environment, &allocation, NULL) != 1 ||
        store_open(ready->dir, true, &store, NULL) < 0)
        return false;
    further = allocation.restart_count < LIVES_TRIED ||
              (store_run_find(store, arena, ready->run, &run, NULL) == 0 &&
               (run.step > ready->step_before ||
                (run.step < 0 && time(NULL) - ready->began_s >= LONG_LIFE_S)));
    if (!found && exit_code == run_exits[CAUSE_TIME_LIMIT].code)
        (void)store_events(store, ready->run, 0, stands_on, &found, NULL);
    store_close(store);
    return further && (found || exit_code == run_exits[CAUSE_NODES_SHORT].code);
}

bool slurm_go_on(struct arena *arena, const struct run_ready *ready, int exit_code,
                 const char **sentence)
{
    const char *id = getenv("SLURM_JOB_ID");
    bool time_is_over =
        exit_code == run_exits[CAUSE_TIME_LIMIT].code && !ready->saved.job.time_limit_s;
    struct err err = {0};

    *sentence = NULL;
    if (!getenv(SLURM_SUBMITTED) || !id ||
        (!time_is_over && exit_code != run_exits[CAUSE_NODES_SHORT].code) ||
        !would_get_further(arena, ready, exit_code))
        return false;
    if (slurm_job_requeue(arena, id, &err) < 0) {
        *sentence = arena_printf(arena, "job %s is not queued again: %s", id, err.text);
        return false;
    }
    *sentence = arena_printf(arena, "job %s is queued again, and goes on with %s", id, ready->run);
    return true;
}
