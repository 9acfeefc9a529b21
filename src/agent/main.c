/* firstlight-agent - the node's half of firstlight: one static executable that needs nothing
 * installed. */
#include "agent/cmd.h"
#include "base/str.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: firstlight-agent collect [OPTION ...]   what this host says about itself, as a "
    "snapshot\n"
    "       firstlight-agent probe [OPTION ...]     measures this node and its network, see "
    "firstlight-probe\n"
    "       firstlight-agent run OPTION ...         this node's part of a run\n"
    "       firstlight-agent spread OPTION ...      start a run's agents on other hosts\n"
    "       firstlight-agent end OPTION ...         kills what is left of that part\n"
    "       firstlight-agent COMMAND --help\n"
    "       firstlight-agent --version\n";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"collect", agent_collect}, {"end", agent_end},       {"probe", agent_probe},
    {"run", agent_run},         {"spread", agent_spread},
};

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN); /* a head that is gone is a write error */
    (void)signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; argc >= 2 && i < ARRAY_LEN(commands); i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    if (argc == 2 && !strcmp(argv[1], "--version")) {
        (void)printf("firstlight-agent %s\n", FIRSTLIGHT_VERSION);
        return EXIT_WELL;
    }
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        (void)fputs(usage, stdout);
        return EXIT_WELL;
    }
    (void)fputs(usage, stderr);
    return EXIT_TROUBLE;
}
