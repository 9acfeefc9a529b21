#include "cli/fabric_answer.h"
#include "cli/fabric_load.h"

#include <errno.h>

struct fabric_show_args {
    struct fabric_answer_args answer;
};

const struct opt fabric_show_opts[] = {
    FABRIC_ANSWER_OPTS(struct fabric_show_args),
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

/* "All well by gpu.memory" would be no answer where there is no GPU. */
static int check_metric(const struct fabric_result *result, const char *name, struct err *err)
{
    const struct metric *metric;
    int r = name ? fabric_metric(name, &metric, err) : 0;

    for (size_t i = 0; name && r == 0 && i < result->measures.count; i++)
        if (result->measures.items[i].metric == metric)
            return 0;
    return name && r == 0 ? err_set(err, -ENOENT, "%s was not measured in this test", name) : r;
}

int cmd_fabric_show(const struct subcommand *command, int argc, char **argv)
{
    struct fabric_show_args args = {0};
    struct fabric_result *result = NULL;
    struct state state;
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
    code = fabric_answer_check(&show_command, &args.answer);
    if (code >= 0)
        return code;
    code = state_open(&state, &show_command, args.answer.state);
    if (code >= 0)
        return code;
    if (fabric_load(&state, words ? argv[0] : "LAST", &result, &err) < 0 ||
        check_metric(result, args.answer.metric, &err) < 0)
        code = subcommand_trouble(&show_command, "%s", err.text);
    else
        code = fabric_answer(&show_command, &args.answer, &state, result);
    result_free(result);
    state_close(&state);
    return code;
}
