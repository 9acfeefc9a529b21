#include "cli/commands.h"
#include "job/units.h"
#include "sim/plan.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

struct simulate_args {
    int64_t nodes, gpus, spares, seed, runs;
    double hours;
    const char *mtbf, *every, *write, *start, *load, *repair, *step;
    bool json;
};

const struct opt simulate_opts[] = {
    {"nodes", 'N', OPT_NUMBER, "N", "Nodes that train (1000)",
     offsetof(struct simulate_args, nodes)},
    {"gpus-per-node", 0, OPT_NUMBER, "N", "Ranks of each (8)",
     offsetof(struct simulate_args, gpus)},
    {"spares", 0, OPT_NUMBER, "N", "Spare nodes (as many as the losses of a repair's time need)",
     offsetof(struct simulate_args, spares)},
    {"mtbf-node", 0, OPT_TEXT, "T", "Mean time between failures of one node (47d)",
     offsetof(struct simulate_args, mtbf)},
    {"hours", 0, OPT_REAL, "H", "How long (24)", offsetof(struct simulate_args, hours)},
    {"checkpoint-every", 0, OPT_TEXT, "T", "Between checkpoints (the best by Daly's formula)",
     offsetof(struct simulate_args, every)},
    {"checkpoint-write", 0, OPT_TEXT, "T", "Training stands still for one (20s)",
     offsetof(struct simulate_args, write)},
    {"start", 0, OPT_TEXT, "T", "A rank's start, imports and all (30s)",
     offsetof(struct simulate_args, start)},
    {"load", 0, OPT_TEXT, "T", "Loading a checkpoint (60s)", offsetof(struct simulate_args, load)},
    {"repair", 0, OPT_TEXT, "T", "Until a lost node can be used again (4h)",
     offsetof(struct simulate_args, repair)},
    {"step", 0, OPT_TEXT, "T", "One training step (10s)", offsetof(struct simulate_args, step)},
    {"seed", 0, OPT_NUMBER, "N", "Of the misfortunes (1)", offsetof(struct simulate_args, seed)},
    {"runs", 0, OPT_NUMBER, "N", "Seeds, one after the other (10)",
     offsetof(struct simulate_args, runs)},
    {"json", 'j', OPT_FLAG, NULL, "Answer in JSON", offsetof(struct simulate_args, json)},
};
const size_t simulate_opt_count = ARRAY_LEN(simulate_opts);

static void print_json(const struct plan *plan, const struct plan_answer *answer)
{
    json_t *rows = json_array(), *all;

    for (size_t i = 0; i < answer->count; i++) {
        const struct plan_row *row = &answer->rows[i];

        (void)json_array_append_new(
            rows, json_pack("{s:s, s:f, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "name", row->name,
                            "checkpoint_every_s", row->every_s, "spares", (int)row->spares,
                            "effective", row->effective, "lost_progress", row->lost_progress,
                            "checkpoints", row->checkpoints, "down", row->down, "restarts",
                            row->restarts, "restart_s", row->restart_s, "spread", row->spread));
    }
    all = json_pack("{s:i, s:i, s:f, s:f, s:f, s:o}", "nodes", (int)plan->nodes, "gpus_per_node",
                    (int)plan->nproc, "hours", plan->hours, "failure_every_s",
                    answer->failure_every_s, "daly_s", answer->daly_s, "rows", rows);
    (void)json_dumpf(all, stdout, JSON_INDENT(1));
    (void)puts("");
    json_decref(all);
}

/* Short, and as exact as a plan is. */
static void put_time(double seconds, struct buf *out)
{
    if (seconds < 600)
        buf_printf(out, "%.3gs", seconds);
    else if (seconds < 3 * 3600)
        buf_printf(out, "%.0fm", seconds / 60);
    else
        buf_printf(out, "%.3gh", seconds / 3600);
}

static void print_text(const struct plan *plan, const struct plan_answer *answer)
{
    struct buf every = {0}, best = {0};

    put_time(answer->failure_every_s, &every);
    put_time(answer->daly_s, &best);
    (void)printf("%u nodes of %u: a node fails every %s; it is best to save every %s.\n\n",
                 plan->nodes, plan->nproc, every.p, best.p);
    (void)printf("%-14s %5s %6s %9s %7s %7s %7s %8s %6s\n", "policy", "every", "spares",
                 "effective", "lost", "saving", "down", "restarts", "each");
    for (size_t i = 0; i < answer->count; i++) {
        const struct plan_row *row = &answer->rows[i];
        struct buf each = {0};

        buf_clear(&every);
        put_time(row->every_s, &every);
        put_time(row->restart_s, &each);
        (void)printf("%-14s %5s %6u %7.1f %% %5.1f %% %5.1f %% %5.1f %% %8.1f %6s\n", row->name,
                     every.p, row->spares, 100 * row->effective, 100 * row->lost_progress,
                     100 * row->checkpoints, 100 * row->down, row->restarts, each.p);
        buf_done(&each);
    }
    (void)printf(
        "\neffective: steps that were kept; lost: steps done twice; saving: training stands\n"
        "still for checkpoints; down: detecting, stopping, starting, loading; each: from\n"
        "a failure until all ranks train again. %u seed%s, spread of effective %.1f %%.\n",
        plan->runs, plan->runs == 1 ? "" : "s", 100 * answer->rows[0].spread);
    buf_done(&every);
    buf_done(&best);
}

/* The times, each a text with a default. */
static int take_times(const struct simulate_args *args, struct plan *plan, struct err *err)
{
    const struct {
        const char *name, *text, *otherwise;
        double *seconds;
    } rows[] = {
        {"mtbf-node", args->mtbf, "47d", &plan->mtbf_s},
        {"checkpoint-every", args->every, "0", &plan->every_s},
        {"checkpoint-write", args->write, "20s", &plan->write_s},
        {"start", args->start, "30s", &plan->start_s},
        {"load", args->load, "60s", &plan->load_s},
        {"repair", args->repair, "4h", &plan->repair_s},
        {"step", args->step, "10s", &plan->step_s},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *text = rows[i].text ? rows[i].text : rows[i].otherwise;

        if (seconds_parse(str_of(text), rows[i].seconds) < 0)
            return err_set(err, -EINVAL, "--%s takes a time like 90s, 15m, 4h or 47d, not '%s'",
                           rows[i].name, text);
    }
    return 0;
}

/* What is too much stays too much. */
static uint32_t narrow(int64_t number)
{
    return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

int cmd_simulate(const struct subcommand *command, int argc, char **argv)
{
    struct simulate_args args = {
        .nodes = 1000, .gpus = 8, .spares = -1, .seed = 1, .runs = 10, .hours = 24};
    struct plan plan;
    struct plan_answer answer;
    struct err err = {0};
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (words)
        return subcommand_trouble(command, "simulate takes options only, not '%s'", argv[0]);
    plan = (struct plan){.nodes = narrow(args.nodes),
                         .nproc = narrow(args.gpus),
                         .spares = args.spares,
                         .seed = (uint64_t)args.seed,
                         .runs = narrow(args.runs),
                         .hours = args.hours};
    if (take_times(&args, &plan, &err) < 0 || plan_run(&plan, &answer, &err) < 0)
        return subcommand_trouble(command, "%s", err.text);
    if (args.json)
        print_json(&plan, &answer);
    else
        print_text(&plan, &answer);
    return EXIT_WELL;
}
