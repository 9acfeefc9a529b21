#include "base/clock.h"
#include "base/term.h"
#include "cli/grid.h"
#include "cli/run_json.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

struct ps_args {
    bool all, json;
    const char *state;
};

const struct opt ps_opts[] = {
    {"all", 'a', OPT_FLAG, NULL, "Runs that have ended too", offsetof(struct ps_args, all)},
    {"json", 'j', OPT_FLAG, NULL, "Answer in JSON", offsetof(struct ps_args, json)},
    STATE_OPT(struct ps_args, state),
};
const size_t ps_opt_count = ARRAY_LEN(ps_opts);

/* "12 min ago": one unit is enough in a list. */
static const char *age_text(struct arena *arena, int64_t seconds, bool ago)
{
    static const struct {
        const char *name;
        int64_t seconds, below; /* two of the next unit */
    } units[] = {{"s", 1, 120}, {"min", 60, 7200}, {"h", 3600, 172800}, {"d", 86400, INT64_MAX}};
    size_t unit = 0;

    seconds = seconds < 0 ? 0 : seconds;
    while (seconds >= units[unit].below)
        unit++;
    return arena_printf(arena, "%lld %s%s", (long long)(seconds / units[unit].seconds),
                        units[unit].name, ago ? " ago" : "");
}

static void add_row(struct state *state, struct grid *grid, const struct store_run *run)
{
    int64_t since_ns = run->ended_ns >= 0 ? run->ended_ns : run->created_ns;
    struct arena *arena = state->arena;
    const char *cells[] = {
        run->id,
        state_word(run),
        run->attempt ? arena_printf(arena, "%u", run->attempt) : NULL,
        run->nodes ? arena_printf(arena, "%u", run->nodes) : NULL,
        run->world ? arena_printf(arena, "%u", run->world) : NULL,
        run->step < 0 ? NULL
        : run->total < 0
            ? arena_printf(arena, "%lld", (long long)run->step)
            : arena_printf(arena, "%lld/%lld", (long long)run->step, (long long)run->total),
        isfinite(run->loss) ? arena_printf(arena, "%.4g", run->loss) : NULL,
        NULL,
        run->headline,
    };

    cells[7] = age_text(arena, (clock_wall_ns() - since_ns) / 1000000000, run->ended_ns >= 0);
    grid_add(grid, cells);
}

static int print_grid(struct state *state, const struct store_run *runs, size_t count, bool all)
{
    static const char *const names[] = {"RUN",  "STATE", "ATTEMPT", "NODES",   "RANKS",
                                        "STEP", "LOSS",  "AGE",     "HEADLINE"};
    struct grid_style style = {.out = stdout,
                               .columns = isatty(STDOUT_FILENO) ? term_columns(stdout) : 0,
                               .colour = term_has_colour(stdout),
                               .indent = "",
                               .null = "-"};
    struct grid *grid = grid_new(&style, names, ARRAY_LEN(names));
    size_t shown = 0;

    if (!grid)
        return subcommand_trouble(state->command, "no memory for the answer");
    for (size_t i = 0; i < count; i++)
        if (all || runs[i].ended_ns < 0) {
            add_row(state, grid, &runs[i]);
            shown++;
        }
    (void)grid_end(grid);
    if (!shown && count)
        (void)fprintf(stderr,
                      "no run goes on; 'firstlight ps --all' lists the %zu that have "
                      "ended\n",
                      count);
    return EXIT_WELL;
}

static int print_json(const struct store_run *runs, size_t count, bool all)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        if (all || runs[i].ended_ns < 0)
            (void)json_array_append_new(list, run_json(&runs[i]));
    (void)json_dumpf(list, stdout, JSON_INDENT(1));
    (void)puts("");
    json_decref(list);
    return EXIT_WELL;
}

int cmd_ps(const struct subcommand *command, int argc, char **argv)
{
    struct ps_args args = {0};
    struct store_run *runs = NULL;
    struct err err = {0};
    struct state state;
    size_t count = 0;
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (words)
        return subcommand_trouble(
            command, "it takes no words; 'firstlight show %s' tells of one run", argv[0]);
    code = state_open(&state, command, args.state);
    if (code >= 0)
        return code;
    if (state.store && store_run_list(state.store, state.arena, &runs, &count, &err) < 0)
        code = subcommand_trouble(command, "%s", err.text);
    else
        code = args.json ? print_json(runs, count, args.all)
                         : print_grid(&state, runs, count, args.all);
    state_close(&state);
    return code;
}
