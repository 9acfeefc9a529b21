#include "cli/fabric_answer.h"

#include "base/file.h"
#include "base/term.h"
#include "cli/fabric_load.h"
#include "fabric/file.h"
#include "report/fabric.h"

#include <errno.h>
#include <stdio.h>

struct told {
    const struct fabric_answer_args *args;
    struct fabric_result *result, *older;
    struct findings_of_fabric findings;
    struct changes changes;
    struct fabric_report report;
};

static int judge(struct told *told, struct state *state, struct err *err)
{
    const struct fabric_answer_args *args = told->args;
    struct fabric_report *report = &told->report;
    int r = 0;

    if (args->metric)
        r = fabric_metric(args->metric, &report->metric, err);
    if (r == 0 && args->against)
        r = fabric_load(state, args->against, &told->older, err);
    if (r == 0 && model_find(state->arena, told->result, &told->findings) < 0)
        r = err_set(err, -ENOMEM, "no memory to judge %zu measures", told->result->measures.count);
    if (r == 0 && args->against) {
        r = fabric_against(state->arena, told->older, told->result, &told->changes, err);
        if (r == -EINVAL)
            (void)err_wrap(err, r, "%s against %s", told->result->id, args->against);
        report->older = told->older;
        report->changes = &told->changes;
    }
    report->result = told->result;
    report->findings = &told->findings;
    return r;
}

static int print(const struct told *told, struct err *err)
{
    const struct fabric_answer_args *args = told->args;
    const struct report_style style = {.colour = term_has_colour(stdout),
                                       .columns = term_columns(stdout),
                                       .verbose = args->verbose};
    struct buf out = {0};
    int r = args->json ? fabric_report_json(&told->report, &out)
                       : fabric_report_text(&told->report, &style, &out);

    if (r == 0)
        (void)fwrite(out.p, 1, out.len, stdout);
    else
        (void)err_set(err, r, "no memory for the answer");
    buf_done(&out);
    return r;
}

static int write_page(const struct told *told, struct err *err)
{
    struct buf page = {0};
    int r = fabric_report_html(&told->report, &page);

    r = r < 0 ? err_set(err, r, "no memory for the HTML page")
              : file_write(told->args->html, page.p, page.len, err);
    buf_done(&page);
    return r;
}

static int write_table(const struct told *told, struct err *err)
{
    struct buf table = {0};
    int r = 0;

    result_print_csv(told->result, &table);
    if (table.failed)
        r = err_set(err, -ENOMEM, "no memory for the table");
    else if (!strcmp(told->args->csv, "-"))
        (void)fwrite(table.p, 1, table.len, stdout);
    else
        r = file_write(told->args->csv, table.p, table.len, err);
    buf_done(&table);
    return r;
}

static int print_all(const struct told *told, struct err *err)
{
    const struct fabric_answer_args *args = told->args;
    int r = 0;

    if (!args->csv || strcmp(args->csv, "-") != 0)
        r = print(told, err);
    if (r == 0 && args->csv)
        r = write_table(told, err);
    if (r == 0 && args->html)
        r = write_page(told, err);
    return r;
}

int fabric_answer_check(const struct subcommand *command, const struct fabric_answer_args *args)
{
    const struct metric *metric;
    struct err err = {0};

    if ((args->html && !*args->html) || (args->csv && !*args->csv))
        return subcommand_trouble(command, "%s needs the name of a file",
                                  args->html && !*args->html ? "--html" : "--csv");
    if (args->json && args->csv && !strcmp(args->csv, "-"))
        return subcommand_trouble(command, "--json or --csv -, not both");
    if (args->metric && fabric_metric(args->metric, &metric, &err) < 0)
        return subcommand_trouble(command, "%s", err.text);
    return -1;
}

int fabric_answer(const struct subcommand *command, const struct fabric_answer_args *args,
                  struct state *state, struct fabric_result *result)
{
    struct told told = {.args = args, .result = result};
    struct err err = {0};
    int code;

    if (judge(&told, state, &err) < 0 || print_all(&told, &err) < 0)
        code = subcommand_trouble(command, "%s", err.text);
    else
        code = fabric_report_has_findings(&told.report) ? EXIT_FINDINGS : EXIT_WELL;
    result_free(told.older);
    return code;
}
