#include "cli/common.h"

struct inspect_args {
    struct answer_args answer;
};

const struct opt inspect_opts[] = {ANSWER_OPTS(struct inspect_args)};
const size_t inspect_opt_count = ARRAY_LEN(inspect_opts);

int cmd_inspect(const struct subcommand *command, int argc, char **argv)
{
    struct inspect_args args = {0};
    struct request request;
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code < 0)
        code = request_begin(&request, command, &args.answer, argv, words);
    if (code >= 0)
        return code;
    request.report.kind = REPORT_INSPECT;
    return request_answer(&request);
}
