/* job/check - does a job make sense as a whole? See job.h. */
#include "base/hostlist.h"
#include "job/keys.h"
#include "job/units.h"
#include "job/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define NAME_LEN_MAX 40
#define TIMEOUT_MIN  0.1

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static int check_words(const struct job_key *key, const struct job_words *words, struct err *err)
{
    if (words->count > JOB_ARGS_MAX)
        return err_set(err, -EINVAL, "%s has more than %d words", key->name, JOB_ARGS_MAX);
    for (size_t i = 0; i < words->count; i++) {
        int r = key->type == KEY_ENV ? job_env_check(str_of(words->items[i]), err) : 0;

        if (r < 0)
            return err_wrap(err, r, "%s", key->name);
        if (!utf8_is(words->items[i]))
            return err_set(err, -EINVAL, "word %zu of %s is not UTF-8", i + 1, key->name);
    }
    return 0;
}

static int check_number(const struct job_key *key, int64_t number, struct err *err)
{
    /* 0 where at least 1 is taken: not given. */
    if ((number && number < key->min) || number > key->max)
        return err_set(err, -EINVAL, "%s takes %" PRId64 " to %" PRId64 ", not %" PRId64, key->name,
                       key->min, key->max, number);
    return 0;
}

/* What job_read holds by itself holds for what came from elsewhere too. */
static int check_values(const struct job *job, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < job_key_count && r == 0; i++) {
        const struct job_key *key = &job_keys[i];
        const void *value = job_value(job, key);
        const char *text;
        double seconds;

        switch (key->type) {
        case KEY_TEXT:
        case KEY_HOSTS:
            text = *(const char *const *)value;
            if (text && !*text)
                r = err_set(err, -EINVAL, "%s is empty", key->name);
            else if (text && !utf8_is(text))
                r = err_set(err, -EINVAL, "%s is not UTF-8", key->name);
            break;
        case KEY_NUMBER:
        case KEY_BYTES:
            r = check_number(key, *(const int64_t *)value, err);
            break;
        case KEY_SECONDS:
            seconds = *(const double *)value;
            if (!(seconds >= 0 && seconds <= SECONDS_MAX))
                r = err_set(err, -EINVAL, "%s takes 0 to %g s, not %g", key->name, SECONDS_MAX,
                            seconds);
            break;
        case KEY_WORDS:
        case KEY_ENV:
            r = check_words(key, value, err);
            break;
        case KEY_FLAG:
        case KEY_CHOICE:
            break;
        }
    }
    return r;
}

static bool is_one_of(const char *word, const char *const *list)
{
    while (*list && strcmp(*list, word) != 0)
        list++;
    return *list != NULL;
}

static int check_backend(struct job *job, struct err *err)
{
    static const char *const backends[] = {"local", "ssh", "slurm", "join", NULL};
    bool local, slurm;

    if (!job->backend)
        job->backend = job->hosts ? "ssh" : "local";
    if (!is_one_of(job->backend, backends))
        return err_set(err, -EINVAL, "there is no backend '%.40s': local, ssh, slurm or join",
                       job->backend);
    local = !strcmp(job->backend, "local");
    slurm = !strcmp(job->backend, "slurm");
    if (!strcmp(job->backend, "ssh") && !job->hosts)
        return err_set(err, -EINVAL, "the backend ssh needs hosts: --hosts n[001-064]");
    if (local && job->hosts)
        return err_set(err, -EINVAL, "the backend local takes no hosts");
    if (!slurm && job->slurm.count)
        return err_set(err, -EINVAL, "words for Slurm ('%.40s') without the backend slurm",
                       job->slurm.items[0]);
    if (!local && job->tie_stdin)
        return err_set(err, -EINVAL, "rank 0 can read this stdin only with the backend local");
    return 0;
}

static int64_t round_up(int64_t count, int64_t by)
{
    return (count + by - 1) / by;
}

/* Nodes from hosts, or from ranks and ranks a node; 1 when nothing tells. */
static int settle_nodes(struct job *job, int64_t hosts, struct err *err)
{
    if (!job->nodes && job->ranks && job->nproc)
        job->nodes = round_up(job->ranks, job->nproc);
    else if (!job->nodes && hosts)
        job->nodes = hosts - job->spares;
    else if (!job->nodes)
        job->nodes = 1;
    if (job->nodes < 1)
        return err_set(err, -EINVAL,
                       "%" PRId64 " host%s and %" PRId64 " spare%s: no node is left for ranks",
                       hosts, plural(hosts), job->spares, plural(job->spares));
    if (hosts && hosts < job->nodes + job->spares)
        return err_set(err, -EINVAL,
                       "%" PRId64 " host%s for %" PRId64 " node%s and %" PRId64 " spare%s: %" PRId64
                       " too few",
                       hosts, plural(hosts), job->nodes, plural(job->nodes), job->spares,
                       plural(job->spares), job->nodes + job->spares - hosts);
    if (job->nodes + job->spares > JOB_NODES_MAX)
        return err_set(err, -EINVAL, "more than %d nodes with the spares", JOB_NODES_MAX);
    if (!job->min_nodes)
        job->min_nodes = job->nodes;
    if (job->min_nodes > job->nodes)
        return err_set(err, -EINVAL, "at least %" PRId64 " nodes are wanted of %" PRId64,
                       job->min_nodes, job->nodes);
    return 0;
}

/* All nodes but the last have nproc ranks, and the last has at least one. */
static int settle_ranks(struct job *job, struct err *err)
{
    int64_t needed;

    if (!job->ranks) {
        if (!job->nproc)
            job->nproc = 1;
        if (job->nodes * job->nproc > JOB_WORLD_MAX)
            return err_set(err, -EINVAL,
                           "%" PRId64 " nodes with %" PRId64 " ranks each are more than %d ranks",
                           job->nodes, job->nproc, JOB_WORLD_MAX);
        job->ranks = job->nodes * job->nproc;
        return 0;
    }
    if (!job->nproc)
        job->nproc = round_up(job->ranks, job->nodes);
    needed = round_up(job->ranks, job->nproc);
    if (needed > job->nodes)
        return err_set(err, -EINVAL,
                       "%" PRId64 " ranks, %" PRId64 " a node, need %" PRId64
                       " nodes, not %" PRId64,
                       job->ranks, job->nproc, needed, job->nodes);
    if (needed < job->nodes)
        return err_set(err, -EINVAL,
                       "%" PRId64 " ranks, %" PRId64 " a node, leave %" PRId64 " of %" PRId64
                       " nodes without a rank: %" PRId64 " node%s would do",
                       job->ranks, job->nproc, job->nodes - needed, job->nodes, needed,
                       plural(needed));
    return 0;
}

static int check_size(struct arena *arena, struct job *job, struct err *err)
{
    struct hostlist hosts = {0};
    int r = job->hosts ? hostlist_expand(arena, str_of(job->hosts), &hosts, err) : 0;

    if (r < 0)
        return err_wrap(err, r, "hosts");
    r = settle_nodes(job, (int64_t)hosts.count, err);
    if (r == 0)
        r = settle_ranks(job, err);
    if (r == 0 && job->nproc > JOB_NPROC_MAX)
        r = err_set(err, -EINVAL, "%" PRId64 " ranks on one node are more than %d", job->nproc,
                    JOB_NPROC_MAX);
    return r;
}

static int check_checkpoint(const struct job *job, struct err *err)
{
    const char *rule = job->complete_when;

    if (!rule)
        return 0;
    if (!job->checkpoint)
        return err_set(err, -EINVAL,
                       "complete_when without a pattern of checkpoints: --checkpoint "
                       "'ckpt/step_*'");
    if (!strncmp(rule, "file ", 5) && str_trim(str_of(rule + 5)).len)
        return 0;
    if (!strncmp(rule, "cmd ", 4) && strstr(rule, "{}"))
        return 0;
    return err_set(err, -EINVAL, "complete_when takes 'file NAME' or 'cmd CHECK {}', not '%.60s'",
                   rule);
}

static int check_times(const struct job *job, struct err *err)
{
    if (job->node_timeout_s < TIMEOUT_MIN)
        return err_set(err, -EINVAL, "node_timeout takes at least %g s, not %g", TIMEOUT_MIN,
                       job->node_timeout_s);
    if (job->start_timeout_s < TIMEOUT_MIN)
        return err_set(err, -EINVAL, "start_timeout takes at least %g s, not %g", TIMEOUT_MIN,
                       job->start_timeout_s);
    return 0;
}

/* Whose ranks are never started again has no use for what is about that. */
static int check_independent(const struct job *job, struct err *err)
{
    const struct {
        bool given;
        const char *key;
    } rows[] = {
        {job->spares > 0, "spares"},
        {job->attempts_without_progress > 0, "attempts_without_progress"},
        {job->attempts_max > 1, "attempts_max"},
        {job->checkpoint != NULL, "checkpoint"},
        {job->hang_s > 0, "hang"},
    };

    for (size_t i = 0; job->independent && i < ARRAY_LEN(rows); i++)
        if (rows[i].given)
            return err_set(err, -EINVAL,
                           "independent ranks are never started again: %s does not go with them",
                           rows[i].key);
    if (job->independent && job->store == JOB_STORE_RANK0)
        return err_set(err, -EINVAL,
                       "independent ranks do not end with rank 0: it can't serve their store");
    return 0;
}

static int check_unset(const struct job *job, struct err *err)
{
    for (size_t i = 0; i < job->unset.count; i++)
        if (!*job->unset.items[i] || strchr(job->unset.items[i], '='))
            return err_set(err, -EINVAL, "unset takes names of variables, not '%.40s'",
                           job->unset.items[i]);
    return 0;
}

static struct str basename_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return str_of(slash ? slash + 1 : path);
}

/* The word that says what runs: the script behind an interpreter, not the interpreter. */
static struct str telling_word(const struct job_words *command)
{
    static const char *const interpreters[] = {"python*", "pypy*", "bash", "sh",   "zsh",
                                               "perl",    "ruby",  "node", "julia"};
    struct str program = basename_of(command->items[0]);
    bool interpreted = false;

    for (size_t i = 0; i < ARRAY_LEN(interpreters) && !interpreted; i++)
        interpreted = str_glob(interpreters[i], program);
    for (size_t i = 1; i < command->count && interpreted; i++) {
        const char *word = command->items[i];

        if (!strcmp(word, "-c"))
            break;
        if (word[0] != '-' && *basename_of(word).p)
            return basename_of(word);
    }
    return program;
}

/* "train" from "./train.py --lr 3e-4": letters, digits and '-'. */
static const char *name_of(struct arena *arena, const struct job_words *command)
{
    struct str word = telling_word(command);
    const char *dot = word.len ? memrchr(word.p, '.', word.len) : NULL;
    char name[NAME_LEN_MAX + 1];
    size_t len = 0;

    if (dot && dot > word.p)
        word.len = (size_t)(dot - word.p);
    for (size_t i = 0; i < word.len && len < NAME_LEN_MAX; i++) {
        if (isalnum((unsigned char)word.p[i]))
            name[len++] = word.p[i];
        else if (len && name[len - 1] != '-')
            name[len++] = '-';
    }
    while (len && name[len - 1] == '-')
        len--;
    return len ? arena_copy(arena, name, len) : "run";
}

static int settle_name(struct arena *arena, struct job *job, struct err *err)
{
    if (!job->name)
        job->name = name_of(arena, &job->command);
    if (!job->name)
        return err_set(err, -ENOMEM, "no memory for the job");
    for (const char *p = job->name; *p; p++)
        if (!isalnum((unsigned char)*p) && (*p != '-' || p == job->name))
            return err_set(err, -EINVAL, "the name '%.60s' may have letters, digits and '-' only",
                           job->name);
    if (strlen(job->name) > NAME_LEN_MAX)
        return err_set(err, -EINVAL, "the name '%.60s' is longer than %d letters", job->name,
                       NAME_LEN_MAX);
    return 0;
}

int job_check(struct arena *arena, struct job *job, struct err *err)
{
    int r;

    if (job->ranks < 0)
        return err_set(err, -EINVAL, "%" PRId64 " ranks: -n takes at least 1", job->ranks);
    if (!job->command.count || !*job->command.items[0])
        return err_set(err, -EINVAL, "nothing to run: the program comes after --");
    r = check_values(job, err);
    if (r == 0)
        r = check_backend(job, err);
    if (r == 0)
        r = check_size(arena, job, err);
    if (r == 0)
        r = check_checkpoint(job, err);
    if (r == 0)
        r = check_times(job, err);
    if (r == 0)
        r = check_independent(job, err);
    if (r == 0)
        r = check_unset(job, err);
    if (r == 0)
        r = settle_name(arena, job, err);
    return r;
}
