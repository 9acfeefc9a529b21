#include "job/keys.h"

#include "job/units.h"
#include "job/words.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

#define SAID_MAX      40 /* bytes of a wrong value in a sentence */
#define NAME_MAX_LIKE 32 /* no key is longer */

static const char *const binds[] = {"none", "core", "numa", "socket", "gpu", NULL};
static const char *const stores[] = {"agent", "rank0", NULL};
static const char *const shows[] = {"auto", "all", "first", "none", NULL};

#define AT(field)        offsetof(struct job, field)
#define COUNT(low, high) .min = (low), .max = (high)
#define TIME             .max = (int64_t)SECONDS_MAX

const struct job_key job_keys[] = {
    {"name", KEY_TEXT, AT(name), .doc = "Of the run; from the program when not given"},
    {"command", KEY_WORDS, AT(command), .doc = "The program and its arguments"},
    {"env", KEY_ENV, AT(env), .doc = "Variables that ranks get on top of what is handed on"},
    {"unset", KEY_WORDS, AT(unset), .doc = "Names of variables that ranks do not get"},
    {"cwd", KEY_TEXT, AT(cwd), .doc = "The ranks' working directory; the caller's"},

    {"backend", KEY_TEXT, AT(backend), .doc = "local, ssh, slurm or join"},
    {"hosts", KEY_HOSTS, AT(hosts), .doc = "Hosts, spares among them: n[001-064]"},
    {"nodes", KEY_NUMBER, AT(nodes), COUNT(1, JOB_NODES_MAX), .doc = "Nodes that run ranks"},
    {"spares", KEY_NUMBER, AT(spares), COUNT(0, JOB_NODES_MAX),
     .doc = "Nodes without ranks until one is needed"},
    {"min_nodes", KEY_NUMBER, AT(min_nodes), COUNT(1, JOB_NODES_MAX),
     .doc = "Go on with so few nodes when no more are left"},
    {"nproc_per_node", KEY_NUMBER, AT(nproc), COUNT(0, JOB_WORLD_MAX),
     .doc = "Ranks on each node; 0: one for each GPU, else 1"},
    {"ranks", KEY_NUMBER, AT(ranks), COUNT(1, JOB_WORLD_MAX), .doc = "All ranks of the job"},
    {"topology", KEY_TEXT, AT(topology), .doc = "File of lines 'host rack': racks stay together"},
    {"slurm", KEY_WORDS, AT(slurm), .doc = "Further words for sbatch and srun"},

    {"bind", KEY_CHOICE, AT(bind), .choices = binds, .doc = "What a rank is bound to"},
    {"gpus", KEY_FLAG, AT(gpus), .doc = "Each rank sees only its GPUs (CUDA_VISIBLE_DEVICES)"},
    {"store", KEY_CHOICE, AT(store), .choices = stores, .doc = "Who serves the TCPStore"},
    {"tie_stdin", KEY_FLAG, AT(tie_stdin), .doc = "Rank 0 reads the caller's stdin (local)"},

    {"independent", KEY_FLAG, AT(independent),
     .doc = "Ranks that have nothing to do with each other: one that dies, or a lost node, ends "
            "nobody else, and nothing is started again"},
    {"attempts_without_progress", KEY_NUMBER, AT(attempts_without_progress), COUNT(-1, 1000000),
     .doc = "Attempts without a new step until the run ends; 0: never restart; -1: 3, but a "
            "program without steps or checkpoints that fails by itself is not started again"},
    {"attempts_max", KEY_NUMBER, AT(attempts_max), COUNT(0, 1000000),
     .doc = "Attempts at most; 0: as many as make progress"},
    {"abort_grace", KEY_SECONDS, AT(abort_grace_s), TIME,
     .doc = "From SIGTERM to SIGKILL after a failure"},
    {"stop_grace", KEY_SECONDS, AT(stop_grace_s), TIME,
     .doc = "Time to leave after a polite stop; longer while a checkpoint grows"},
    {"node_timeout", KEY_SECONDS, AT(node_timeout_s), TIME,
     .doc = "Silence after which a node counts as lost"},
    {"hold", KEY_SECONDS, AT(hold_s), TIME, .doc = "Ranks live so long without a controller"},
    {"start_timeout", KEY_SECONDS, AT(start_timeout_s), TIME, .doc = "For all nodes to come up"},
    {"time_limit", KEY_SECONDS, AT(time_limit_s), TIME, .doc = "Of the whole run; 0: none"},
    {"hang", KEY_SECONDS, AT(hang_s), TIME, .doc = "No step for so long is a hang; 0: not watched"},

    {"checkpoint", KEY_TEXT, AT(checkpoint), .doc = "Pattern of checkpoints: ckpt/step_*"},
    {"complete_when", KEY_TEXT, AT(complete_when),
     .doc = "'file NAME' is in it, or 'cmd CHECK {}' exits 0"},
    {"step_pattern", KEY_TEXT, AT(step_pattern),
     .doc = "Log line with a step: iteration {step}/{total}*loss {loss}"},
    {"checkpoint_every", KEY_SECONDS, AT(checkpoint_every_s), TIME,
     .doc = "Ask for a checkpoint so often; 0: the program decides"},

    {"log_size", KEY_BYTES, AT(log_bytes), COUNT(4096, (int64_t)1 << 50),
     .doc = "Of one rank's log in one attempt: the first and the last half stay"},
    {"show", KEY_CHOICE, AT(show), .choices = shows, .doc = "Whose output is shown"},
};
const size_t job_key_count = ARRAY_LEN(job_keys);

/* What other launchers call it. */
static const struct {
    const char *theirs, *ours;
} synonyms[] = {
    {"cmd", "command"},
    {"args", "command"},
    {"environment", "env"},
    {"workdir", "cwd"},
    {"chdir", "cwd"},
    {"nproc", "nproc_per_node"},
    {"ntasks", "ranks"},
    {"np", "ranks"},
    {"world_size", "ranks"},
    {"scheduler", "backend"},
    {"nodelist", "hosts"},
    {"max_restarts", "attempts_max"},
    {"ntasks_per_node", "nproc_per_node"},
    {"log_bytes", "log_size"},
    {"timeout", "time_limit"},
};

/* Lower case, '-' as '_'; cut off where no key is so long. */
static void fold_name(struct str name, char out[NAME_MAX_LIKE])
{
    size_t len = name.len < NAME_MAX_LIKE - 1 ? name.len : NAME_MAX_LIKE - 1;

    for (size_t i = 0; i < len; i++)
        out[i] = (char)(name.p[i] == '-' ? '_' : tolower((unsigned char)name.p[i]));
    out[len] = '\0';
}

const struct job_key *job_key_find(struct str name)
{
    for (size_t i = 0; i < job_key_count; i++) {
        const char *key = job_keys[i].name;
        size_t at = 0;

        while (at < name.len && key[at] &&
               (name.p[at] == key[at] || (name.p[at] == '-' && key[at] == '_')))
            at++;
        if (at == name.len && !key[at])
            return &job_keys[i];
    }
    return NULL;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned low = a < b ? a : b;

    return low < c ? low : c;
}

/* Letters to add, drop, change or swap to make one of the other. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][NAME_MAX_LIKE + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2], *spare;
    size_t width = strlen(b);

    for (size_t j = 0; j <= width; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; a[i - 1]; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= width; j++) {
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1, row[j]);
        }
        spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[width];
}

const char *job_key_like(struct str name)
{
    char folded[NAME_MAX_LIKE];
    const char *best = NULL;
    unsigned least_far = 3; /* three slips are another word */
    size_t len;

    fold_name(name, folded);
    len = strlen(folded);
    for (size_t i = 0; i < ARRAY_LEN(synonyms); i++)
        if (!strcmp(folded, synonyms[i].theirs))
            return synonyms[i].ours;
    for (size_t i = 0; i < job_key_count; i++) {
        unsigned far = distance(folded, job_keys[i].name);

        if (far < least_far && far < len) {
            least_far = far;
            best = job_keys[i].name;
        }
    }
    for (size_t i = 0; i < job_key_count && !best && len >= 3; i++)
        if (!strncmp(job_keys[i].name, folded, len))
            best = job_keys[i].name;
    return best;
}

void job_key_takes(const struct job_key *key, struct buf *out)
{
    static const char *const takes[] = {
        [KEY_TEXT] = "a text",
        [KEY_HOSTS] = "a host list such as n[001-064]",
        [KEY_NUMBER] = "a number",
        [KEY_BYTES] = "a size such as 64M",
        [KEY_SECONDS] = "a time such as 10s, 5m or 2h",
        [KEY_FLAG] = "true or false",
        [KEY_CHOICE] = "one of ",
        [KEY_WORDS] = "a list of words",
        [KEY_ENV] = "names with values",
    };

    buf_puts(out, takes[key->type]);
    for (size_t i = 0; key->type == KEY_CHOICE && key->choices[i]; i++)
        buf_printf(out, "%s%s", i ? ", " : "", key->choices[i]);
}

static int wrong(const struct job_key *key, struct str value, const char *said, struct err *err)
{
    struct buf takes = {0};
    int r;

    job_key_takes(key, &takes);
    r = takes.failed ? err_set(err, -ENOMEM, "no memory for the job")
                     : err_set(err, -EINVAL, "%s takes %s, not '%.*s%s'", said, takes.p,
                               (int)(value.len < SAID_MAX ? value.len : SAID_MAX), value.p,
                               value.len > SAID_MAX ? "..." : "");
    buf_done(&takes);
    return r;
}

static int set_flag(struct str value, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true},   {"yes", true}, {"on", true},
                 {"false", false}, {"no", false}, {"off", false}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (value.len == strlen(words[i].word) && !strncasecmp(value.p, words[i].word, value.len)) {
            *out = words[i].value;
            return 0;
        }
    return -EINVAL;
}

static int set_choice(const struct job_key *key, struct str value, unsigned *out)
{
    for (unsigned i = 0; key->choices[i]; i++)
        if (str_is(value, key->choices[i])) {
            *out = i;
            return 0;
        }
    return -EINVAL;
}

static int set_number(const struct job_key *key, struct job *job, struct str value,
                      const char *said, struct err *err)
{
    int64_t number;
    int r = key->type == KEY_BYTES ? bytes_parse(value, &number) : str_to_i64(value, 10, &number);

    if (r == -EINVAL)
        return wrong(key, value, said, err);
    if (r == 0 && number < key->min)
        return err_set(err, -EINVAL, "%s takes at least %" PRId64 ", not %" PRId64, said, key->min,
                       number);
    if (r < 0 || number > key->max)
        return err_set(err, -EINVAL, "%s takes at most %" PRId64 ", not %.*s", said, key->max,
                       (int)(value.len < SAID_MAX ? value.len : SAID_MAX), value.p);
    *(int64_t *)job_field(job, key) = number;
    return 0;
}

static int set_seconds(const struct job_key *key, struct job *job, struct str value,
                       const char *said, struct err *err)
{
    double seconds;
    int r = seconds_parse(value, &seconds);

    if (r == -ERANGE)
        return err_set(err, -EINVAL, "%s takes at most %g s", said, SECONDS_MAX);
    if (r < 0)
        return wrong(key, value, said, err);
    *(double *)job_field(job, key) = seconds;
    return 0;
}

int job_key_set(struct arena *arena, const struct job_key *key, struct job *job, struct str value,
                const char *said, struct err *err)
{
    const char *text;
    int r = -EINVAL;

    if (memchr(value.p, '\0', value.len))
        return err_set(err, -EINVAL, "%s has a NUL in it", said);
    switch (key->type) {
    case KEY_TEXT:
    case KEY_HOSTS:
        text = arena_copy(arena, value.p, value.len);
        if (!text)
            return err_set(err, -ENOMEM, "no memory for the job");
        *(const char **)job_field(job, key) = text;
        return 0;
    case KEY_NUMBER:
    case KEY_BYTES:
        return set_number(key, job, value, said, err);
    case KEY_SECONDS:
        return set_seconds(key, job, value, said, err);
    case KEY_FLAG:
        r = set_flag(value, job_field(job, key));
        break;
    case KEY_CHOICE:
        r = set_choice(key, value, job_field(job, key));
        break;
    case KEY_WORDS:
        r = words_split(arena, value, job_field(job, key), err);
        return r < 0 ? err_wrap(err, r, "%s", said) : 0;
    case KEY_ENV:
        break;
    }
    return r < 0 ? wrong(key, value, said, err) : 0;
}

int job_env_check(struct str word, struct err *err)
{
    size_t len = 0;

    while (len < word.len && word.p[len] != '=')
        len++;
    if (len == word.len || len == 0)
        return err_set(err, -EINVAL, "'%.*s' is no NAME=VALUE",
                       (int)(word.len < SAID_MAX ? word.len : SAID_MAX), word.p);
    return 0;
}
