#include "base/file.h"
#include "base/term.h"
#include "cli/fabric_load.h"
#include "fabric/file.h"
#include "report/fabric.h"

#include <errno.h>
#include <stdio.h>

struct fabric_show_args {
    bool json, verbose;
    const char *csv, *html, *against, *metric, *state;
};

const struct opt fabric_show_opts[] = {
    {"json", 'j', OPT_FLAG, NULL, "Answer in JSON, which 'fabric show' reads again",
     offsetof(struct fabric_show_args, json)},
    {"csv", 0, OPT_TEXT, "FILE", "Also write every measure as a row; -: only those",
     offsetof(struct fabric_show_args, csv)},
    {"html", 0, OPT_TEXT, "FILE", "Also write the answer as one HTML page",
     offsetof(struct fabric_show_args, html)},
    {"against", 'a', OPT_TEXT, "TEST", "Who got slower since that one",
     offsetof(struct fabric_show_args, against)},
    {"metric", 'm', OPT_TEXT, "NAME", "Of this number alone, with its nodes",
     offsetof(struct fabric_show_args, metric)},
    {"verbose", 'v', OPT_FLAG, NULL, "Print everything, not only what fits a screen",
     offsetof(struct fabric_show_args, verbose)},
    STATE_OPT(struct fabric_show_args, state),
};
const size_t fabric_show_opt_count = ARRAY_LEN(fabric_show_opts);

static const char more_text[] =
    "TEST is LAST, a fabric test's id or a unique beginning of it, or a file that --json wrote "
    "(*.json, or with a slash). Exit codes: 0 all well, 1 suspects, or slower than the older test, "
    "2 trouble with the request.";

static const struct subcommand show_command = {
    .name = "fabric show",
    .summary = "What a fabric test found out",
    .usage = "[OPTION ...] [TEST]",
    .more = more_text,
    .opts = fabric_show_opts,
    .opt_count = &fabric_show_opt_count,
    .run = cmd_fabric_show,
};

struct showing {
    const struct fabric_show_args *args;
    struct state state;
    struct fabric_result *result, *older;
    struct findings_of_fabric findings;
    struct changes changes;
    struct fabric_report report;
};

static int load(struct showing *showing, const char *name, struct err *err)
{
    const struct fabric_show_args *args = showing->args;
    struct fabric_report *report = &showing->report;
    int r = 0;

    if (args->metric)
        r = fabric_metric(args->metric, &report->metric, err);
    if (r == 0)
        r = fabric_load(&showing->state, name, &showing->result, err);
    if (r == 0 && args->against)
        r = fabric_load(&showing->state, args->against, &showing->older, err);
    if (r == 0 && model_find(showing->state.arena, showing->result, &showing->findings) < 0)
        r = err_set(err, -ENOMEM, "no memory to judge %zu measures",
                    showing->result->measures.count);
    if (r == 0 && args->against) {
        r = fabric_against(showing->state.arena, showing->older, showing->result, &showing->changes,
                           err);
        if (r == -EINVAL)
            (void)err_wrap(err, r, "%s against %s", name, args->against);
        report->older = showing->older;
        report->changes = &showing->changes;
    }
    report->result = showing->result;
    report->findings = &showing->findings;
    return r;
}

static int print(const struct showing *showing, struct err *err)
{
    const struct fabric_show_args *args = showing->args;
    const struct report_style style = {.colour = term_has_colour(stdout),
                                       .columns = term_columns(stdout),
                                       .verbose = args->verbose};
    struct buf out = {0};
    int r = args->json ? fabric_report_json(&showing->report, &out)
                       : fabric_report_text(&showing->report, &style, &out);

    if (r == 0)
        (void)fwrite(out.p, 1, out.len, stdout);
    else
        (void)err_set(err, r, "no memory for the answer");
    buf_done(&out);
    return r;
}

static int write_page(const struct showing *showing, struct err *err)
{
    struct buf page = {0};
    int r = fabric_report_html(&showing->report, &page);

    r = r < 0 ? err_set(err, r, "no memory for the HTML page")
              : file_write(showing->args->html, page.p, page.len, err);
    buf_done(&page);
    return r;
}

static int write_table(const struct showing *showing, struct err *err)
{
    struct buf table = {0};
    int r = 0;

    result_print_csv(showing->result, &table);
    if (table.failed)
        r = err_set(err, -ENOMEM, "no memory for the table");
    else if (!strcmp(showing->args->csv, "-"))
        (void)fwrite(table.p, 1, table.len, stdout);
    else
        r = file_write(showing->args->csv, table.p, table.len, err);
    buf_done(&table);
    return r;
}

static int answer(const struct showing *showing, struct err *err)
{
    const struct fabric_show_args *args = showing->args;
    int r = 0;

    if (!args->csv || strcmp(args->csv, "-") != 0)
        r = print(showing, err);
    if (r == 0 && args->csv)
        r = write_table(showing, err);
    if (r == 0 && args->html)
        r = write_page(showing, err);
    return r;
}

int cmd_fabric_show(const struct subcommand *command, int argc, char **argv)
{
    struct fabric_show_args args = {0};
    struct showing showing = {.args = &args};
    struct err err = {0};
    int words, code = subcommand_parse(&show_command, &args, argc, argv, &words);

    (void)command;
    if (code >= 0)
        return code;
    if (words > 1)
        return subcommand_trouble(&show_command,
                                  "one test at a time, not '%s' too; --against "
                                  "compares two",
                                  argv[1]);
    if (args.json && args.csv && !strcmp(args.csv, "-"))
        return subcommand_trouble(&show_command, "--json or --csv -, not both");
    code = state_open(&showing.state, &show_command, args.state);
    if (code >= 0)
        return code;
    if (load(&showing, words ? argv[0] : "LAST", &err) < 0 || answer(&showing, &err) < 0)
        code = subcommand_trouble(&show_command, "%s", err.text);
    else
        code = fabric_report_has_findings(&showing.report) ? EXIT_FINDINGS : EXIT_WELL;
    result_free(showing.result);
    result_free(showing.older);
    state_close(&showing.state);
    return code;
}
