#include "cli/run_start.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hostlist.h"
#include "cli/agent_path.h"
#include "cli/slurm_start.h"
#include "job/place.h"
#include "sched/launch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TOPOLOGY_BYTES_MAX (16u << 20)
#define PLAN_LINES         8

int agent_find(struct arena *arena, const char *given, const char **path, struct err *err)
{
    *path = agent_path(arena, given);
    if (!*path || access(*path, R_OK) < 0)
        return err_set(err, -ENOENT, "%s%swhere is firstlight-agent? name it by --agent",
                       *path ? *path : "", *path ? ": not there; " : "");
    return 0;
}

/* "local-0" ...: this machine's parts; "node-0": whoever joins. */
static int number_names(struct arena *arena, const char *stem, uint32_t count, const char **names)
{
    for (uint32_t i = 0; i < count; i++) {
        names[i] = count == 1 ? stem : arena_printf(arena, "%s-%u", stem, i);
        if (!names[i])
            return -ENOMEM;
    }
    return 0;
}

static int host_names(struct arena *arena, const char *hosts, uint32_t want, const char **names,
                      struct err *err)
{
    struct hostlist list;
    int r = hostlist_expand(arena, str_of(hosts), &list, err);

    if (r < 0)
        return r;
    if (list.count < want)
        return err_set(err, -EINVAL, "%u nodes and spares are asked for, and %zu hosts are named",
                       want, list.count);
    memcpy(names, list.names, want * sizeof(*names));
    return 0;
}

static int name_nodes(struct arena *arena, const struct job *job, struct run_ready *out,
                      struct err *err)
{
    uint32_t count = (uint32_t)(job->nodes + job->spares);
    const char **names = arena_alloc(arena, count * sizeof(*names));
    int r;

    if (!names)
        return err_set(err, -ENOMEM, "no memory for %u nodes", count);
    out->saved.names = names;
    out->saved.node_count = count;
    if (!strcmp(job->backend, "local"))
        r = number_names(arena, "local", count, names);
    else if (!strcmp(job->backend, "slurm"))
        r = slurm_name_nodes(arena, job, names, out, err);
    else if (job->hosts)
        r = host_names(arena, job->hosts, count, names, err);
    else
        r = number_names(arena, "node", count, names);
    return r;
}

static int read_topology(struct arena *arena, const struct job *job, struct run_ready *out,
                         struct err *err)
{
    const char **groups;
    char *text;
    size_t len;
    int r;

    if (!job->topology && !strcmp(job->backend, "slurm"))
        slurm_name_groups(arena, &out->saved);
    if (!job->topology)
        return 0;
    groups = arena_alloc(arena, out->saved.node_count * sizeof(*groups));
    if (!groups)
        return err_set(err, -ENOMEM, "no memory for the topology");
    r = file_read(job->topology, TOPOLOGY_BYTES_MAX, &text, &len, err);
    if (r < 0)
        return r;
    r = place_topology(arena, (struct str){text, len}, job->topology, out->saved.names,
                       out->saved.node_count, groups, err);
    free(text);
    out->saved.groups = groups;
    return r;
}

/* The order is the machine's too: control places by the same call. */
static int print_plan(struct arena *arena, const struct job *job, struct run_ready *out)
{
    uint32_t *order = arena_alloc(arena, out->saved.node_count * sizeof(*order));
    const char **names = arena_alloc(arena, out->saved.node_count * sizeof(*names));
    struct buf plan = {0};

    if (!order || !names ||
        place_order(out->saved.names, out->saved.groups, out->saved.node_count, order) < 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < out->saved.node_count; i++)
        names[i] = out->saved.names[order[i]];
    place_print(names, (uint32_t)job->nodes, (uint32_t)job->nproc, (uint32_t)job->ranks, PLAN_LINES,
                &plan);
    out->plan = plan.failed ? NULL : arena_copy(arena, plan.p ? plan.p : "", plan.len);
    buf_done(&plan);
    return out->plan ? 0 : -ENOMEM;
}

static int split_listen(struct arena *arena, const char *given, bool remote, struct saved *saved,
                        struct err *err)
{
    const char *colon = given ? strrchr(given, ':') : NULL;
    uint64_t port = 0;

    saved->listen = remote ? "0.0.0.0" : "127.0.0.1";
    if (!given)
        return 0;
    if (colon && strchr(given, ':') == colon) {
        if (str_to_u64(str_of(colon + 1), 10, &port) < 0 || port > 65535)
            return err_set(err, -EINVAL, "--listen takes ADDRESS or ADDRESS:PORT, not '%s'", given);
        given = arena_copy(arena, given, (size_t)(colon - given));
    }
    saved->listen = given;
    saved->port = (uint16_t)port;
    return given ? 0 : err_set(err, -ENOMEM, "no memory for an address");
}

static int new_run(struct arena *arena, struct store *store, const char *json,
                   struct run_ready *out, struct err *err)
{
    const char *run_dir;
    int r = store_run_new(store, arena, out->saved.job.name, json, clock_wall_ns(), &out->run, err);

    if (r < 0 || strcmp(out->saved.job.backend, "slurm") != 0)
        return r;
    run_dir = store_run_dir(arena, out->dir, out->run);
    return run_dir ? slurm_mark(run_dir, err) : err_set(err, -ENOMEM, "no memory for the run");
}

/* What is read of the world comes last: a run that goes on has its nodes in their old places. */
static int find_or_make(struct arena *arena, struct store *store, const char *json,
                        struct run_ready *out, struct err *err)
{
    const char *run_dir;
    int r = 0;

    if (!strcmp(out->saved.job.backend, "slurm"))
        r = slurm_find_again(arena, store, json, out, err);
    if (r == 0)
        r = read_topology(arena, &out->saved.job, out, err);
    if (r == 0 && print_plan(arena, &out->saved.job, out) < 0)
        r = err_set(err, -ENOMEM, "no memory to place the ranks");
    if (r < 0)
        return r;
    if (!out->again)
        return new_run(arena, store, json, out, err);
    run_dir = store_run_dir(arena, out->dir, out->run);
    return run_dir ? saved_write(run_dir, &out->saved, err)
                   : err_set(err, -ENOMEM, "no memory for the run");
}

static int make_run(struct arena *arena, const struct run_start *start, struct run_ready *out,
                    struct err *err)
{
    struct store *store;
    struct buf json = {0};
    int r;

    out->dir = store_dir(arena, start->state, err);
    if (!out->dir)
        return err && err->code ? err->code : -EIO;
    r = store_open(out->dir, false, &store, err);
    if (r < 0)
        return r;
    job_print_json(start->job, &json);
    r = json.failed ? err_set(err, -ENOMEM, "no memory for the job")
                    : find_or_make(arena, store, json.p, out, err);
    buf_done(&json);
    store_close(store);
    return r;
}

int run_prepare(struct arena *arena, const struct run_start *start, struct run_ready *out,
                struct err *err)
{
    const struct launch_backend *backend = launch_backend_find(start->job->backend);
    int r;

    *out = (struct run_ready){.began_s = time(NULL),
                              .step_before = -1,
                              .saved = {.job = *start->job,
                                        .ssh_options = start->ssh_options,
                                        .ssh_option_count = start->ssh_option_count,
                                        .fanout = start->fanout}};
    if (!backend)
        return err_set(err, -EINVAL, "there is no back end '%s'", start->job->backend);
    r = agent_find(arena, start->agent, &out->saved.agent, err);
    if (r == 0)
        r = split_listen(arena, start->listen, backend->remote, &out->saved, err);
    if (r == 0)
        r = name_nodes(arena, start->job, out, err);
    return r < 0 ? r : make_run(arena, start, out, err);
}

/* The head of a fabric test is the program that began it: without it probes wait for orders. */
static bool is_fabric(const struct job *job)
{
    return job->command.count == 2 && !strcmp(job->command.items[0], "firstlight-agent") &&
           !strcmp(job->command.items[1], "probe");
}

int run_prepare_again(struct arena *arena, const char *state, const char *name,
                      struct run_ready *out, struct err *err)
{
    struct store *store;
    struct store_run row;
    int r;

    *out = (struct run_ready){.began_s = time(NULL), .step_before = -1};
    out->dir = store_dir(arena, state, err);
    if (!out->dir)
        return err && err->code ? err->code : -EIO;
    r = store_open(out->dir, true, &store, err);
    if (r < 0)
        return r;
    r = store_run_find(store, arena, name, &row, err);
    store_close(store);
    if (r < 0)
        return r;
    out->run = row.id;
    out->exit_code = row.ended_ns >= 0 ? row.exit_code : -1;
    out->step_before = row.step;
    r = saved_read(arena, store_run_dir(arena, out->dir, row.id), &out->saved, err);
    if (r == 0 && is_fabric(&out->saved.job))
        return err_set(
            err, -EINVAL,
            "%s is a fabric test, and can't go on; 'firstlight fabric show %s' tells what "
            "was measured",
            row.id, row.id);
    if (r == 0 && !strcmp(out->saved.job.backend, "slurm"))
        out->ends_at_s = slurm_ends_at(arena);
    return r;
}
