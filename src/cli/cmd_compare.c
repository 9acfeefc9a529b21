#include "cli/common.h"

struct compare_args {
    struct answer_args answer;
};

const struct opt compare_opts[] = {ANSWER_OPTS(struct compare_args)};
const size_t compare_opt_count = ARRAY_LEN(compare_opts);

int cmd_compare(const struct subcommand *command, int argc, char **argv)
{
    struct compare_args args = {0};
    struct err err = {0};
    struct request request;
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (!words)
        return subcommand_trouble(command, "which nodes? Give at least one PATH");
    code = request_begin(&request, command, &args.answer, argv, words);
    if (code >= 0)
        return code;
    if (fleet_node_count(request.fleet) < 2) {
        request_done(&request);
        return subcommand_trouble(command,
                                  "one node has nothing to be compared with: expected two or "
                                  "more below %s",
                                  argv[0]);
    }
    if (fleet_compare(request.fleet, &request.report.differences, &request.report.difference_count,
                      &err) < 0) {
        request_done(&request);
        return subcommand_trouble(command, "%s", err.text);
    }
    request.report.kind = REPORT_COMPARE;
    return request_answer(&request);
}
