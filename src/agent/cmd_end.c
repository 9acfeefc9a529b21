/* agent/cmd_end - ends by force what a node of a run has left on this machine: its agent, should
 * one live, and whatever that has started. */
#include "agent/cmd.h"
#include "base/opt.h"
#include "base/str.h"
#include "ranks/strays.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NODE_MAX 1000000

struct arguments {
    const char *run;
    int64_t node;
    bool help;
};

static const struct opt options[] = {
    {"run", 0, OPT_TEXT, "ID", "the run", offsetof(struct arguments, run)},
    {"node", 0, OPT_NUMBER, "INDEX", "which of the run's nodes", offsetof(struct arguments, node)},
    {"help", 'h', OPT_FLAG, NULL, "this text", offsetof(struct arguments, help)},
};

static int print_help(void)
{
    struct buf text = {0};

    buf_puts(&text, "usage: firstlight-agent end --run ID --node INDEX\n\nKill this node's agent "
                    "and what is left of its ranks.\n");
    opt_help(options, ARRAY_LEN(options), &text);
    if (!text.failed)
        (void)fputs(text.p, stdout);
    buf_done(&text);
    return EXIT_WELL;
}

int agent_end(int argc, char **argv)
{
    struct arguments args = {.node = -1};
    struct err err = {0};
    int words, r = opt_parse(options, ARRAY_LEN(options), &args, argc, argv, &words, &err);

    if (r == 0 && args.help)
        return print_help();
    if (r == 0 && (words > 0 || !args.run || args.node < 0 || args.node > NODE_MAX))
        r = err_set(&err, -EINVAL, "end needs --run and --node; see --help");
    if (r < 0) {
        (void)fprintf(stderr, "firstlight-agent: %s\n", err.text);
        return EXIT_TROUBLE;
    }
    (void)strays_end_node(args.run, (uint32_t)args.node);
    return EXIT_WELL;
}
