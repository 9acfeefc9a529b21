#include "base/clock.h"
#include "base/term.h"
#include "cli/grid.h"
#include "cli/live.h"
#include "cli/run_client.h"
#include "cli/run_json.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CURVE_POINTS 60
#define ROWS_SHOWN   20
#define ROWS_JSON    100000

struct show_args {
    bool json;
    const char *state;
};

const struct opt show_opts[] = {
    {"json", 'j', OPT_FLAG, NULL, "Answer in JSON", offsetof(struct show_args, json)},
    STATE_OPT(struct show_args, state),
};
const size_t show_opt_count = ARRAY_LEN(show_opts);

/* What is told of a run: each is a query over the store's views, whose columns are the keys of the
 * JSON and the headings of the text. The first parts of a start are still of the attempt before;
 * after the last attempt they are no start. Why the run ended is often why its last attempt failed:
 * told once. That ranks have met is told no more when it is known after their first step, which
 * ends it. */
static const struct section {
    const char *key, *title, *sql;
} sections[] = {
    {"attempts", "attempts, the newest first",
     "SELECT attempt, began, round(seconds, 3) AS seconds, nodes, world AS ranks, "
     "nullif(resume_step, -1) AS from_step, best_step, result, cause AS first_cause "
     "FROM attempts WHERE run = '%s' ORDER BY attempt DESC LIMIT %d"},
    {"restarts", "what each start took, in seconds",
     "SELECT CASE WHEN phase IN ('detect', 'abort', 'drain', 'check', 'swap') THEN attempt + 1 "
     "ELSE attempt END AS attempt, "
     "round(sum(seconds), 3) AS total, "
     "round(max(seconds) FILTER (WHERE phase = 'detect'), 3) AS detect, "
     "round(max(seconds) FILTER (WHERE phase = 'abort'), 3) AS abort, "
     "round(max(seconds) FILTER (WHERE phase = 'drain'), 3) AS drain, "
     "round(max(seconds) FILTER (WHERE phase = 'check'), 3) AS \"check\", "
     "round(max(seconds) FILTER (WHERE phase = 'swap'), 3) AS swap, "
     "round(max(seconds) FILTER (WHERE phase = 'spawn'), 3) AS spawn, "
     "round(max(seconds) FILTER (WHERE phase = 'rendezvous'), 3) AS rendezvous, "
     "round(max(seconds) FILTER (WHERE phase = 'load'), 3) AS load, "
     "round(max(seconds) FILTER (WHERE phase = 'first step'), 3) AS first_step "
     "FROM (SELECT *, max(at) FILTER (WHERE phase IN ('load', 'first step')) "
     "OVER (PARTITION BY attempt) AS first_at FROM phases WHERE run = '%1$s') "
     "WHERE phase <> 'rendezvous' OR first_at IS NULL OR at < first_at GROUP BY 1 "
     "HAVING min(attempt + (phase IN ('detect', 'abort', 'drain', 'check', 'swap'))) <= (SELECT "
     "CASE WHEN ended_ns IS NULL THEN attempt + 1 ELSE attempt END "
     "FROM runs WHERE id = '%1$s') ORDER BY 1 DESC LIMIT %2$d"},
    {"incidents", "incidents, the newest first",
     "SELECT at, attempt, kind, text FROM incidents i WHERE run = '%1$s' AND NOT (kind = 'failed' "
     "AND EXISTS (SELECT 1 FROM incidents WHERE run = '%1$s' AND kind = 'failed' "
     "AND attempt = i.attempt AND text = i.text AND seq < i.seq)) ORDER BY seq DESC LIMIT %2$d"},
    {"excluded", "nodes that are left out",
     "SELECT node, host, excluded AS why FROM nodes "
     "WHERE run = '%s' AND excluded IS NOT NULL ORDER BY node LIMIT %d"},
    {"checkpoints", "checkpoints, the newest first",
     "SELECT at, attempt, what, step, path FROM checkpoints WHERE run = '%s' "
     "ORDER BY at DESC LIMIT %d"},
};

/* As many points as a line has: the mean of each part of the steps. */
static const char curve_sql[] =
    "WITH c AS (SELECT step, loss, ntile(%2$d) OVER (ORDER BY step) AS part FROM curve "
    "WHERE run = '%1$s' AND loss IS NOT NULL) "
    "SELECT min(step) AS first_step, max(step) AS last_step, avg(loss) AS loss FROM c "
    "GROUP BY part ORDER BY part";

static json_t *live_view(struct state *state, const char *run)
{
    const char *folder = store_run_dir(state->arena, state->dir, run);
    struct run_client *client;
    json_t *view = NULL;

    if (!folder || run_client_open(folder, &client, NULL) < 0)
        return NULL;
    (void)run_client_call(client, json_pack("{s:s}", "do", "view"), &view, NULL);
    run_client_close(client);
    return view;
}

static const char *hint(struct state *state, const struct store_run *run)
{
    const char *text =
        run->alive ? arena_printf(state->arena,
                                  "firstlight attach %s watches it, firstlight stop %s ends it",
                                  run->id, run->id)
        : run->ended_ns < 0
            ? arena_printf(state->arena,
                           "its controller is gone: firstlight resume %s goes on with it", run->id)
            : arena_printf(state->arena, "firstlight logs %s shows what its ranks printed",
                           run->id);

    return text ? text : "";
}

static int gather(struct state *state, const struct store_run *run, int rows_max, json_t **out,
                  struct err *err)
{
    json_t *facts = run_json(run), *view = run->alive ? live_view(state, run->id) : NULL, *rows;
    const char *folder = store_run_dir(state->arena, state->dir, run->id);
    int r = 0;

    (void)json_object_set_new(facts, "folder", json_string(folder ? folder : ""));
    (void)json_object_set_new(facts, "job", json_loads(run->job, 0, NULL));
    if (view)
        (void)json_object_set_new(facts, "now", view);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(sections); i++) {
        r = run_json_rows(state, run->id, sections[i].sql, rows_max, &rows, err);
        if (r == 0)
            (void)json_object_set_new(facts, sections[i].key, rows);
    }
    if (r == 0)
        r = run_json_rows(state, run->id, curve_sql, CURVE_POINTS, &rows, err);
    if (r == 0) {
        (void)json_object_set_new(facts, "curve", rows);
        (void)json_object_set_new(facts, "hint", json_string(hint(state, run)));
        *out = facts;
    } else {
        json_decref(facts);
    }
    return r;
}

static void label(const char *name)
{
    (void)printf("  %s%-10s%s ", term_has_colour(stdout) ? "\033[2m" : "", name,
                 term_has_colour(stdout) ? "\033[0m" : "");
}

/* Words of a program's or a person's making, without what would move the cursor. */
static void put_words(const char *text)
{
    for (; *text; text++)
        (void)putchar((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
}

static void say(const char *name, const char *text)
{
    if (!text || !*text)
        return;
    label(name);
    put_words(text);
    (void)puts("");
}

/* In UTC; empty when there is none. */
static const char *put_time(const char *format, int64_t at_ns, char text[64])
{
    time_t seconds = (time_t)(at_ns / 1000000000);
    struct tm tm;

    if (at_ns < 0 || !gmtime_r(&seconds, &tm) || !strftime(text, 64, format, &tm))
        text[0] = '\0';
    return text;
}

static void say_command(const json_t *job)
{
    const json_t *words = json_object_get(job, "command"), *word;
    size_t i;

    if (!json_array_size(words))
        return;
    label("command");
    json_array_foreach(words, i, word)
    {
        (void)fputs(i ? " " : "", stdout);
        put_words(json_string_value(word) ? json_string_value(word) : "");
    }
    (void)puts("");
}

/* Times of a run that was over on the day on which it began go without that day. */
static const char *without_day(const char *text, const char *day)
{
    size_t len = strlen(day);

    return len && strncmp(text, day, len) == 0 && text[len] == ' ' ? text + len + 1 : text;
}

/* A row of a table from an object's values, in the order of its first row's keys. */
static void print_rows(const char *title, json_t *rows, const char *day)
{
    struct grid_style style = {.out = stdout,
                               .columns = isatty(STDOUT_FILENO) ? term_columns(stdout) : 0,
                               .wrap = true,
                               .colour = term_has_colour(stdout),
                               .indent = "  ",
                               .null = "-"};
    struct arena *arena = arena_new(0);
    struct grid *grid = NULL;
    json_t *row, *value;
    const char *key;
    size_t i;

    if (arena && json_array_size(rows))
        (void)printf("\n%s\n", title);
    json_array_foreach(rows, i, row)
    {
        size_t count = json_object_size(row), column = 0;
        const char **texts = arena_alloc(arena, (count + 1) * sizeof(*texts));
        const char **names = arena_alloc(arena, (count + 1) * sizeof(*names));

        if (!texts || !names)
            break;
        json_object_foreach(row, key, value)
        {
            char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(10));
            char *name = arena_copy(arena, key, strlen(key));

            for (char *p = name; p && *p; p++)
                *p = *p == '_' ? ' ' : (char)toupper((unsigned char)*p);
            names[column] = name ? name : "";
            texts[column++] = json_is_null(value)     ? NULL
                              : json_is_string(value) ? without_day(json_string_value(value), day)
                              : text                  ? arena_copy(arena, text, strlen(text))
                                                      : NULL;
            free(text);
        }
        if (!grid)
            grid = grid_new(&style, names, count);
        if (grid)
            grid_add(grid, texts);
    }
    if (grid)
        (void)grid_end(grid);
    arena_free(arena);
}

static double loss_at(const json_t *curve, size_t i)
{
    return json_number_value(json_object_get(json_array_get(curve, i), "loss"));
}

static void print_curve(const json_t *curve)
{
    static const char *const bars[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                       "\u2585", "\u2586", "\u2587", "\u2588"};
    size_t count = json_array_size(curve);
    double low = INFINITY, high = -INFINITY;

    if (count < 2)
        return;
    for (size_t i = 0; i < count; i++) {
        low = fmin(low, loss_at(curve, i));
        high = fmax(high, loss_at(curve, i));
    }
    label("loss");
    (void)printf("%.4g ", loss_at(curve, 0));
    for (size_t i = 0; i < count; i++)
        (void)fputs(bars[high > low ? (int)((loss_at(curve, i) - low) / (high - low) * 7.999) : 0],
                    stdout);
    (void)printf(" %.4g\n", loss_at(curve, count - 1));
}

static void print_now(const json_t *facts)
{
    const json_t *view = json_object_get(facts, "now");
    struct live_style style = {.columns = isatty(STDOUT_FILENO) ? term_columns(stdout) : 100,
                               .colour = term_has_colour(stdout)};
    struct buf out = {0};
    struct live live;

    if (!view)
        return;
    live = live_of_json("", view);
    (void)live_print(&live, &style, &out);
    if (out.p && !out.failed)
        (void)printf("\n%s", out.p);
    buf_done(&out);
}

static void print_text(const struct store_run *run, const json_t *facts)
{
    bool colour = term_has_colour(stdout);
    char text[96], last_day[64];

    (void)printf("%s%s%s  %s", colour ? "\033[1m" : "", run->id, colour ? "\033[0m" : "",
                 state_word(run));
    if (run->exit_code >= 0)
        (void)printf(", exit code %d", run->exit_code);
    (void)puts("");
    say("headline", run->headline);
    say_command(json_object_get(facts, "job"));
    (void)snprintf(text, sizeof(text), "%u node%s, %u rank%s", run->nodes,
                   run->nodes == 1 ? "" : "s", run->world, run->world == 1 ? "" : "s");
    say("size", run->world ? text : "");
    (void)snprintf(text, sizeof(text), "process %lld on %.40s", (long long)run->pid, run->host);
    say("controller", run->alive ? text : "");
    say("created", put_time("%F %T UTC", run->created_ns, text));
    say("ended", put_time("%F %T UTC", run->ended_ns, text));
    if (run->total >= 0)
        (void)snprintf(text, sizeof(text), "%lld of %lld", (long long)run->step,
                       (long long)run->total);
    else
        (void)snprintf(text, sizeof(text), "%lld", (long long)run->step);
    say("step", run->step >= 0 ? text : "");
    print_curve(json_object_get(facts, "curve"));
    say("folder", json_string_value(json_object_get(facts, "folder")));
    print_now(facts);
    (void)put_time("%F", run->created_ns, text);
    if (strcmp(put_time("%F", run->ended_ns < 0 ? clock_wall_ns() : run->ended_ns, last_day),
               text) != 0)
        text[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(sections); i++)
        print_rows(sections[i].title, json_object_get(facts, sections[i].key), text);
    (void)printf("\n%s\n", json_string_value(json_object_get(facts, "hint")));
}

int cmd_show(const struct subcommand *command, int argc, char **argv)
{
    struct show_args args = {0};
    struct store_run run;
    struct state state;
    struct err err = {0};
    json_t *facts = NULL;
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    code = state_open_run(&state, command, args.state, argv, words, &run);
    if (code >= 0)
        return code;
    code = EXIT_WELL;
    if (gather(&state, &run, args.json ? ROWS_JSON : ROWS_SHOWN, &facts, &err) < 0)
        code = subcommand_trouble(command, "%s", err.text);
    else if (!args.json)
        print_text(&run, facts);
    else if (json_dumpf(facts, stdout, JSON_INDENT(1)) == 0)
        (void)puts("");
    json_decref(facts);
    state_close(&state);
    return code;
}
