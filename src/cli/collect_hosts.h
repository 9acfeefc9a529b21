/* cli/collect_hosts - `firstlight collect --hosts`: one snapshot per host into a folder. */
#ifndef CLI_COLLECT_HOSTS_H
#define CLI_COLLECT_HOSTS_H

#include "base/opt.h"
#include "cli/commands.h"

struct collect_args {
    const char *output, *hosts, *agent, *root;
    int64_t fanout, timeout_s, commands_timeout_s;
    struct opt_list ssh_opts;
    bool slurm, no_commands, quiet;
};

/* Every host that answers leaves NAME.snap, written whole or not at all; every other is named with
 * a sentence. Returns 0 when all arrived, 1 when some did not, 2 when the request is wrong, and 128
 * + the signal when it was interrupted. */
int collect_hosts(const struct subcommand *command, const struct collect_args *args);

#endif
