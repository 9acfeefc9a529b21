#include "base/file.h"
#include "base/hostlist.h"
#include "base/term.h"
#include "base/vec.h"
#include "cli/collapse.h"
#include "cli/rank_reader.h"
#include "cli/state.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FOLLOW_EVERY_NS 200000000
#define FOLLOW_WAIT_MS  150     /* a line waits so long for its like */
#define READ_AHEAD_MS   1000000 /* without -f it waits for the memory's bound alone */
#define CHUNKS_BYTES    (32u << 20)
#define NAMES_MAX       200000

struct logs_args {
    bool follow, stream, json;
    const char *rank, *grep, *state;
    int64_t attempt, tail;
};

const struct opt logs_opts[] = {
    {"rank", 'r', OPT_TEXT, "LIST", "Only these ranks: 3 or 0-7,12",
     offsetof(struct logs_args, rank)},
    {"attempt", 'a', OPT_NUMBER, "A", "Of this attempt (default: the newest)",
     offsetof(struct logs_args, attempt)},
    {"follow", 'f', OPT_FLAG, NULL, "Wait for more, across restarts, until the run ends",
     offsetof(struct logs_args, follow)},
    {"grep", 'g', OPT_TEXT, "RE", "Only lines that match this extended regular expression",
     offsetof(struct logs_args, grep)},
    {"tail", 'n', OPT_NUMBER, "N", "Only the last N lines of each rank",
     offsetof(struct logs_args, tail)},
    {"stream", 's', OPT_FLAG, NULL, "Every line by itself, with its rank; equal ones are not one",
     offsetof(struct logs_args, stream)},
    {"json", 'j', OPT_FLAG, NULL, "One JSON object a line", offsetof(struct logs_args, json)},
    STATE_OPT(struct logs_args, state),
};
const size_t logs_opt_count = ARRAY_LEN(logs_opts);

struct logs {
    const struct logs_args *args;
    struct state *state;
    struct store_run run;
    struct run_client *client; /* NULL: nobody can be asked */
    regex_t grep;
    uint32_t *wanted; /* ranks, rising; when they were asked for */
    size_t wanted_count;
    uint32_t attempt;
    VEC(struct rank_reader) readers; /* by rank */
    struct collapse *collapse;       /* its ranks are indices of readers */
    int64_t round;
    bool colour;
};

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static bool is_wanted(const struct logs *logs, uint32_t rank)
{
    return !logs->args->rank ||
           bsearch(&rank, logs->wanted, logs->wanted_count, sizeof(rank), by_number);
}

/* A list of ranks is what stands between the brackets of a host list. */
static int read_wanted(struct logs *logs, const char *list, struct err *err)
{
    struct arena *arena = logs->state->arena;
    const char *text = arena_printf(arena, "r[%s]", list);
    struct hostlist names;

    if (!text || list[strspn(list, "0123456789,-")] ||
        hostlist_expand(arena, str_of(text), &names, NULL) < 0)
        return err_set(err, -EINVAL, "--rank is like 3 or 0-7,12, not '%s'", list);
    logs->wanted = arena_alloc(arena, names.count * sizeof(*logs->wanted));
    if (!logs->wanted)
        return err_set(err, -ENOMEM, "no memory for a list of ranks");
    for (size_t i = 0; i < names.count; i++)
        logs->wanted[i] = (uint32_t)strtoul(names.names[i] + 1, NULL, 10);
    logs->wanted_count = names.count;
    qsort(logs->wanted, names.count, sizeof(*logs->wanted), by_number);
    if (logs->args->attempt < 0 && logs->run.world &&
        logs->wanted[names.count - 1] >= logs->run.world)
        return err_set(err, -EINVAL, "run %s has %u rank%s, no rank %u", logs->run.id,
                       logs->run.world, logs->run.world == 1 ? "" : "s",
                       logs->wanted[names.count - 1]);
    return 0;
}

static void print_json(const struct logs *logs, const uint32_t *ranks, size_t count,
                       struct str line)
{
    json_t *list = json_array(), *text = json_stringn(line.p, line.len), *object;

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, json_integer(ranks[i]));
    if (!text) { /* not UTF-8 */
        char *copy = strndup(line.p, line.len);

        for (char *p = copy; p && *p; p++)
            *p = (char)(*p & 0x80 ? '?' : *p);
        text = json_string(copy ? copy : "");
        free(copy);
    }
    object =
        json_pack("{s:i, s:o, s:o}", "attempt", (int)logs->attempt, "ranks", list, "text", text);
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(object);
}

static void print_line(const struct logs *logs, const uint32_t *ranks, size_t count,
                       struct str line)
{
    struct buf label = {0};

    if (logs->args->json) {
        print_json(logs, ranks, count, line);
        return;
    }
    if (logs->readers.count > 1) {
        collapse_print_ranks(ranks, count, &label);
        if (label.p)
            (void)printf("%s%s:%s ", logs->colour ? "\033[2m" : "", label.p,
                         logs->colour ? "\033[0m" : "");
        buf_done(&label);
    }
    (void)fwrite(line.p, 1, line.len, stdout);
    (void)putchar('\n');
}

static void on_collapsed(void *data, const struct collapse_line *line)
{
    struct logs *logs = data;
    uint32_t *ranks = malloc(line->count * sizeof(*ranks));

    for (size_t i = 0; ranks && i < line->count; i++)
        ranks[i] = logs->readers.items[line->ranks[i]].rank;
    if (ranks)
        print_line(logs, ranks, line->count, line->text);
    free(ranks);
}

static bool matches(const struct logs *logs, struct str line)
{
    regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)line.len};

    return !logs->args->grep || regexec(&logs->grep, line.p, 1, &range, REG_STARTEND) == 0;
}

static int64_t now_ns(const struct logs *logs)
{
    struct timespec now;

    if (!logs->args->follow)
        return logs->round * 1000000;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* All that is there now: a line of each rank in turn, so that equal ones meet early. */
static int drain(struct logs *logs, bool whole, struct err *err)
{
    bool more = true;

    for (; more && !ferror(stdout); logs->round++) {
        more = false;
        for (size_t i = 0; i < logs->readers.count; i++) {
            struct rank_reader *reader = &logs->readers.items[i];
            struct str line;
            int r = rank_reader_line(reader, whole, &line, err);

            if (r < 0)
                return r;
            more = more || r > 0;
            if (r == 0 || !matches(logs, line))
                continue;
            if (logs->collapse)
                collapse_add(logs->collapse, (uint32_t)i, 1, line, now_ns(logs));
            else
                print_line(logs, &reader->rank, 1, line);
        }
    }
    if (logs->collapse)
        (void)collapse_tick(logs->collapse, now_ns(logs));
    return 0;
}

static int by_rank(const void *a, const void *b)
{
    const struct rank_reader *x = a, *y = b;

    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static bool is_known(const struct logs *logs, uint32_t rank)
{
    struct rank_reader key = {.rank = rank};

    return logs->readers.count && bsearch(&key, logs->readers.items, logs->readers.count,
                                          sizeof(*logs->readers.items), by_rank);
}

struct found {
    VEC(struct rank_reader) list;
};

static int add_found(struct logs *logs, struct found *found, uint32_t rank, const char *folder,
                     const char *kept)
{
    struct rank_reader *reader;

    if (!is_wanted(logs, rank) || is_known(logs, rank))
        return 0;
    reader = vec_push(&found->list);
    if (!reader)
        return -ENOMEM;
    reader->rank = rank;
    reader->attempt = logs->attempt;
    reader->folder = folder;
    reader->kept = kept;
    reader->client = logs->client;
    return 0;
}

/* Logs of the attempt that lie here: runs/ID/nodes/NODE/attempt-A/rank-R.log; and of ranks
 * elsewhere what had been forwarded. */
static int find_here(struct logs *logs, struct arena *arena, struct found *found)
{
    const char *run = store_run_dir(arena, logs->state->dir, logs->run.id);
    const char *nodes = run ? arena_printf(arena, "%s/nodes", run) : NULL;
    const char *const *names;
    long count = nodes ? file_list(arena, nodes, NAMES_MAX, &names, NULL) : -ENOMEM;

    for (long i = 0; i < count; i++) {
        const char *folder =
            arena_printf(logs->state->arena, "%s/%s/attempt-%u", nodes, names[i], logs->attempt);
        const char *const *files;
        long file_count = folder ? file_list(arena, folder, NAMES_MAX, &files, NULL) : -ENOMEM;

        for (long k = 0; k < file_count; k++) {
            unsigned rank;
            int log = 0, kept = 0;

            (void)sscanf(files[k], "rank-%u.log%n", &rank, &log);
            (void)sscanf(files[k], "rank-%u.forwarded%n", &rank, &kept);
            if (((log && !files[k][log]) || (kept && !files[k][kept])) &&
                add_found(logs, found, rank, log ? folder : NULL, kept ? folder : NULL) < 0)
                return -ENOMEM;
        }
    }
    return 0;
}

/* What lies on other machines is asked of the controller. */
static int find_there(struct logs *logs, struct found *found)
{
    for (uint32_t rank = 0; logs->client && rank < logs->run.world; rank++)
        if (add_found(logs, found, rank, NULL, NULL) < 0)
            return -ENOMEM;
    return 0;
}

/* One reader a rank: its log where that lies here, else all ways to it. */
static void merge_found(struct found *found)
{
    size_t count = 0;

    if (found->list.count)
        qsort(found->list.items, found->list.count, sizeof(*found->list.items), by_rank);
    for (size_t i = 0; i < found->list.count; i++) {
        const struct rank_reader *one = &found->list.items[i];
        struct rank_reader *last = count ? &found->list.items[count - 1] : NULL;

        if (!last || last->rank != one->rank) {
            found->list.items[count++] = *one;
            continue;
        }
        last->folder = last->folder ? last->folder : one->folder;
        last->kept = last->kept ? last->kept : one->kept;
    }
    found->list.count = count;
}

static bool is_local(const struct store_run *run)
{
    json_t *job = json_loads(run->job, 0, NULL);
    const char *backend = json_string_value(json_object_get(job, "backend"));
    bool local = !backend || !strcmp(backend, "local");

    json_decref(job);
    return local;
}

static int set_collapse(struct logs *logs)
{
    if (logs->collapse)
        collapse_flush(logs->collapse);
    collapse_free(logs->collapse);
    logs->collapse = NULL;
    if (logs->args->stream || logs->readers.count < 2)
        return 0;
    logs->collapse =
        collapse_new((uint32_t)logs->readers.count,
                     logs->args->follow ? FOLLOW_WAIT_MS : READ_AHEAD_MS, on_collapsed, logs);
    return logs->collapse ? 0 : -ENOMEM;
}

/* Ranks whose log is there now and was not before: a file comes with its first byte. */
static int find_readers(struct logs *logs, struct err *err)
{
    struct arena *arena = arena_new(0);
    struct found found = {0};
    int r = arena ? find_here(logs, arena, &found) : -ENOMEM;

    if (r == 0 && !is_local(&logs->run))
        r = find_there(logs, &found);
    merge_found(&found);
    if (r == 0 && found.list.count && logs->collapse)
        collapse_flush(logs->collapse); /* its indices are about to change */
    for (size_t i = 0; r == 0 && i < found.list.count; i++) {
        struct rank_reader *reader = vec_push(&logs->readers);

        r = reader ? 0 : -ENOMEM;
        if (reader)
            *reader = found.list.items[i];
    }
    if (r == 0 && found.list.count) {
        size_t chunk = CHUNKS_BYTES / logs->readers.count;

        qsort(logs->readers.items, logs->readers.count, sizeof(*logs->readers.items), by_rank);
        for (size_t i = 0; i < logs->readers.count; i++)
            logs->readers.items[i].chunk = chunk < 4096 ? 4096 : chunk > 262144 ? 262144 : chunk;
        r = set_collapse(logs);
    }
    vec_done(&found.list);
    arena_free(arena);
    return r < 0 ? err_set(err, r, "no memory for the logs of all ranks") : 0;
}

static void drop_readers(struct logs *logs)
{
    if (logs->collapse)
        collapse_flush(logs->collapse);
    collapse_free(logs->collapse);
    logs->collapse = NULL;
    for (size_t i = 0; i < logs->readers.count; i++)
        rank_reader_done(&logs->readers.items[i]);
    vec_done(&logs->readers);
}

static int skip_to_tail(struct logs *logs, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && logs->args->tail >= 0 && i < logs->readers.count; i++)
        r = rank_reader_tail(&logs->readers.items[i], logs->args->tail, err);
    return r;
}

/* Returns 1 when there is nothing more to wait for. */
static int look_again(struct logs *logs, struct err *err)
{
    uint32_t before = logs->run.attempt;
    int r = store_run_find(logs->state->store, logs->state->arena, logs->run.id, &logs->run, err);

    if (r < 0)
        return r;
    if (logs->args->attempt < 0 && logs->run.attempt > before) {
        r = drain(logs, false, err); /* what the older one still has */
        drop_readers(logs);
        logs->attempt = logs->run.attempt;
        (void)fflush(stdout);
        (void)fprintf(stderr, "attempt %u\n", logs->attempt);
        return r;
    }
    return logs->run.ended_ns >= 0 || !logs->run.alive || logs->attempt < logs->run.attempt;
}

static int follow(struct logs *logs, struct err *err)
{
    int r = 0;

    while (r == 0) {
        r = look_again(logs, err);
        if (r >= 0 && find_readers(logs, err) < 0)
            return err ? err->code : -ENOMEM;
        if (r == 0)
            r = drain(logs, true, err);
        if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
            return 0;
        if (r == 0)
            (void)nanosleep(&(struct timespec){0, FOLLOW_EVERY_NS}, NULL);
    }
    if (r > 0 && logs->run.ended_ns < 0 && !logs->run.alive)
        (void)fprintf(stderr,
                      "run %s has no controller now: whether its ranks go on is not known\n",
                      logs->run.id);
    return r < 0 ? r : 0;
}

static int show(struct logs *logs, struct err *err)
{
    int r = find_readers(logs, err);

    if (r == 0 && !logs->readers.count && !logs->args->follow) {
        if (!is_local(&logs->run) && !logs->client)
            return err_set(err, -ENOENT,
                           "the logs of attempt %u lie on its nodes, and run %s has no controller "
                           "that could ask for them",
                           logs->attempt, logs->run.id);
        (void)fprintf(stderr, "attempt %u: %s\n", logs->attempt,
                      logs->args->rank ? "these ranks printed nothing"
                                       : "no rank printed anything");
    }
    if (r == 0)
        r = skip_to_tail(logs, err);
    if (r == 0 && logs->args->follow)
        r = follow(logs, err);
    if (r == 0)
        r = drain(logs, false, err);
    return r;
}

static int prepare(struct logs *logs, struct err *err)
{
    const struct logs_args *args = logs->args;
    char why[128];
    int r;

    if (args->rank) {
        r = read_wanted(logs, args->rank, err);
        if (r < 0)
            return r;
    }
    if (args->grep) {
        r = regcomp(&logs->grep, args->grep, REG_EXTENDED);
        if (r) {
            (void)regerror(r, &logs->grep, why, sizeof(why));
            logs->args = NULL; /* nothing to regfree */
            return err_set(err, -EINVAL, "--grep '%s': %s", args->grep, why);
        }
    }
    if (args->attempt > (int64_t)logs->run.attempt || args->attempt == 0)
        return err_set(err, -ENOENT, "run %s has had %u attempt%s, no attempt %lld", logs->run.id,
                       logs->run.attempt, logs->run.attempt == 1 ? "" : "s",
                       (long long)args->attempt);
    logs->attempt = args->attempt > 0 ? (uint32_t)args->attempt : logs->run.attempt;
    if (!is_local(&logs->run)) {
        const char *folder = store_run_dir(logs->state->arena, logs->state->dir, logs->run.id);

        if (folder)
            (void)run_client_open(folder, &logs->client, NULL);
    }
    return 0;
}

int cmd_logs(const struct subcommand *command, int argc, char **argv)
{
    struct logs_args args = {.attempt = -1, .tail = -1};
    struct logs logs = {.args = &args, .colour = term_has_colour(stdout)};
    struct state state;
    struct err err = {0};
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    code = state_open_run(&state, command, args.state, argv, words, &logs.run);
    if (code >= 0)
        return code;
    logs.state = &state;
    code = EXIT_WELL;
    if (prepare(&logs, &err) < 0 || show(&logs, &err) < 0)
        code = subcommand_trouble(command, "%s", err.text);
    drop_readers(&logs);
    run_client_close(logs.client);
    if (args.grep && logs.args)
        regfree(&logs.grep);
    state_close(&state);
    return code;
}
