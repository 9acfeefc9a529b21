#include "sched/slurm.h"

#include "base/hash.h"
#include "base/hostlist.h"
#include "base/map.h"
#include "sched/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SUBMIT_TIMEOUT_MS   120000 /* a busy controller of Slurm's may take a minute */
#define TOPOLOGY_TIMEOUT_MS 15000
#define WORDS_MAX           32
#define WARNING_S           120 /* USR1 so long before the end; Slurm may send it 60 s earlier */
#define SWITCHES_MAX        100000
#define DEPTH_MAX           8 /* of switches above a node */

/* One line of `scontrol show topology`: a switch, and the nodes or switches below it. */
struct switch_row {
    const char *name;
    struct str nodes, below; /* below: switches; nodes counts where there are none */
    const struct switch_row *above;
};

struct switches {
    struct switch_row *rows;
    size_t count;
    struct map by_name; /* switches by their names */
    struct map by_node; /* leaf switches by nodes' names */
};

struct node_row {
    const char *name;
    const struct switch_row *leaf;
};

static bool is_switch(const void *value, const void *key)
{
    return !strcmp(((const struct switch_row *)value)->name, key);
}

static bool is_node(const void *value, const void *key)
{
    return !strcmp(((const struct node_row *)value)->name, key);
}

static uint64_t hash_of(const char *name)
{
    return hash64(name, strlen(name));
}

static int read_switch(struct arena *arena, struct str line, struct switches *s)
{
    struct switch_row *row = &s->rows[s->count];
    struct str word, value;

    *row = (struct switch_row){0};
    while (str_word(&line, &word)) {
        value = word;
        (void)str_cut(&value, '=', &word);
        if (str_is(word, "SwitchName"))
            row->name = arena_copy(arena, value.p, value.len);
        else if (str_is(word, "Nodes"))
            row->nodes = value;
        else if (str_is(word, "Switches"))
            row->below = value;
    }
    if (!row->name || map_get(&s->by_name, hash_of(row->name), row->name))
        return 0;
    if (map_add(&s->by_name, hash_of(row->name), row) < 0)
        return -ENOMEM;
    s->count++;
    return 0;
}

static int hang_below(struct arena *arena, struct switches *s, struct switch_row *row)
{
    struct hostlist list;

    if (row->below.len) {
        if (hostlist_expand(arena, row->below, &list, NULL) < 0)
            return 0;
        for (size_t i = 0; i < list.count; i++) {
            struct switch_row *child = map_get(&s->by_name, hash_of(list.names[i]), list.names[i]);

            if (child && child != row && !child->above)
                child->above = row;
        }
        return 0;
    }
    if (!row->nodes.len || hostlist_expand(arena, row->nodes, &list, NULL) < 0)
        return 0;
    for (size_t i = 0; i < list.count; i++) {
        struct node_row *node = arena_alloc(arena, sizeof(*node));

        if (map_get(&s->by_node, hash_of(list.names[i]), list.names[i]))
            continue;
        if (!node)
            return -ENOMEM;
        *node = (struct node_row){list.names[i], row};
        if (map_add(&s->by_node, hash_of(node->name), node) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* "root/spine/leaf" of a node, NULL when it hangs on none. */
static const char *path_of(struct arena *arena, const struct switches *s, const char *name)
{
    const struct node_row *node = map_get(&s->by_node, hash_of(name), name);
    const struct switch_row *at = node ? node->leaf : NULL;
    const char *path = at ? at->name : NULL;

    for (int depth = 1; path && at->above && depth < DEPTH_MAX; depth++) {
        at = at->above;
        path = arena_printf(arena, "%s/%s", at->name, path);
    }
    return path;
}

int slurm_topology(struct arena *arena, struct str text, const char *const *names, uint32_t count,
                   const char **groups)
{
    struct switches s = {.by_name = {.equal = is_switch}, .by_node = {.equal = is_node}};
    struct str rest = text, line;
    size_t lines = 0;
    int r = 0;

    while (str_line(&rest, &line))
        lines++;
    if (lines > SWITCHES_MAX)
        return -E2BIG;
    s.rows = arena_alloc(arena, (lines + 1) * sizeof(*s.rows));
    if (!s.rows)
        return -ENOMEM;
    while (r == 0 && str_line(&text, &line))
        r = read_switch(arena, line, &s);
    for (size_t i = 0; i < s.count && r == 0; i++)
        r = hang_below(arena, &s, &s.rows[i]);
    for (uint32_t i = 0; i < count && r == 0; i++)
        groups[i] = path_of(arena, &s, names[i]);
    map_done(&s.by_name);
    map_done(&s.by_node);
    return r;
}

void slurm_ask_groups(struct arena *arena, const char *(*env)(const char *name),
                      const char *const *names, uint32_t count, const char *const **groups)
{
    static const char *const words[] = {"scontrol", "show", "topology", NULL};
    const char *pattern = env("SLURM_TOPOLOGY_ADDR_PATTERN");
    const char **found;
    struct str text;

    if (pattern && !strstr(pattern, "switch"))
        return;
    found = arena_alloc(arena, count * sizeof(*found));
    if (!found || tool_ask(arena, words, (struct str){0}, TOPOLOGY_TIMEOUT_MS, &text, NULL) < 0 ||
        slurm_topology(arena, text, names, count, found) < 0)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (found[i])
            *groups = found;
}

static int64_t number_of(const char *text)
{
    int64_t number;

    return text && str_to_i64(str_of(text), 10, &number) == 0 && number > 0 ? number : 0;
}

int slurm_allocation(struct arena *arena, const char *(*env)(const char *name),
                     struct slurm_allocation *out, struct err *err)
{
    const char *job = env("SLURM_JOB_ID"), *list = env("SLURM_JOB_NODELIST");
    struct hostlist hosts;
    int r;

    if (!job || !*job)
        return 0;
    if (!list)
        list = env("SLURM_NODELIST");
    if (!list)
        return err_set(err, -EINVAL, "SLURM_JOB_ID is set, and SLURM_JOB_NODELIST is not");
    r = hostlist_expand(arena, str_of(list), &hosts, err);
    if (r < 0)
        return err_wrap(err, r, "SLURM_JOB_NODELIST");
    *out = (struct slurm_allocation){
        .job_id = job,
        .nodes = hosts.names,
        .node_count = (uint32_t)hosts.count,
        .ends_at_s = number_of(env("SLURM_JOB_END_TIME")),
        .restart_count = (uint32_t)number_of(env("SLURM_RESTART_COUNT")),
    };
    return 1;
}

/* Has the user said how much of a node is wanted? Else all of it: ranks are not Slurm's tasks. */
static bool says_size(const char *const *options, size_t count)
{
    static const char *const sizes[] = {"--exclusive*",       "--cpus-per-task*", "-c*",
                                        "--ntasks-per-node*", "--oversubscribe*", "-s"};

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < ARRAY_LEN(sizes); j++)
            if (str_glob(sizes[j], str_of(options[i])))
                return true;
    return false;
}

void slurm_script(const char *const *words, struct buf *out)
{
    buf_puts(out, "#!/bin/sh\n" SLURM_SUBMITTED "=1 exec");
    for (size_t i = 0; words[i]; i++) {
        buf_puts(out, " ");
        buf_put_quoted(out, words[i]);
    }
    buf_puts(out, "\n");
}

const char **slurm_submit_words(struct arena *arena, uint32_t nodes, double time_limit_s,
                                const char *const *options, size_t option_count)
{
    const char **w = arena_alloc(arena, (WORDS_MAX + option_count) * sizeof(*w));
    size_t n = 0;

    if (!w)
        return NULL;
    w[n++] = "sbatch";
    w[n++] = "--parsable";
    w[n++] = "--job-name=firstlight";
    w[n++] = arena_printf(arena, "--nodes=%" PRIu32, nodes);
    w[n++] = "--ntasks-per-node=1";
    w[n++] = arena_printf(arena, "--signal=B:USR1@%d", WARNING_S);
    w[n++] = "--requeue";
    w[n++] = "--no-kill";          /* a node's death is ours to mend */
    w[n++] = "--open-mode=append"; /* a requeued job goes on in its output file */
    if (!says_size(options, option_count))
        w[n++] = "--exclusive";
    if (time_limit_s > 0)
        w[n++] = arena_printf(arena, "--time=%.0f", ceil(time_limit_s / 60));
    for (size_t i = 0; i < option_count; i++) /* the later of two counts: the user's */
        w[n++] = options[i];
    for (size_t i = 0; i < n; i++)
        if (!w[i])
            return NULL;
    return w;
}

int slurm_submit(struct arena *arena, const char *const *words, uint32_t nodes, double time_limit_s,
                 const char *const *options, size_t option_count, const char **job_id,
                 struct err *err)
{
    const char **sbatch = slurm_submit_words(arena, nodes, time_limit_s, options, option_count);
    struct buf script = {0};
    struct str answer, id;
    int r;

    slurm_script(words, &script);
    if (!sbatch || script.failed) {
        buf_done(&script);
        return err_set(err, -ENOMEM, "no memory to submit the job");
    }
    r = tool_ask(arena, sbatch, (struct str){script.p, script.len}, SUBMIT_TIMEOUT_MS, &answer,
                 err);
    buf_done(&script);
    if (r < 0)
        return r;
    answer = str_trim(answer); /* "123", or "123;cluster" */
    (void)str_cut(&answer, ';', &id);
    if (!id.len || !char_is_digit(id.p[0]))
        return err_set(err, -EIO, "sbatch says '%.*s', no job's number",
                       (int)(id.len < 60 ? id.len : 60), id.p);
    *job_id = arena_copy(arena, id.p, id.len);
    return *job_id ? 0 : err_set(err, -ENOMEM, "no memory to submit the job");
}
