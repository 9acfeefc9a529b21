/* cli/commands - the commands of `firstlight`, a file each. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "base/subcommand.h"

int cmd_collect(const struct subcommand *command, int argc, char **argv);
int cmd_inspect(const struct subcommand *command, int argc, char **argv);
int cmd_compare(const struct subcommand *command, int argc, char **argv);
int cmd_explain(const struct subcommand *command, int argc, char **argv);
int cmd_rules(const struct subcommand *command, int argc, char **argv);
int cmd_run(const struct subcommand *command, int argc, char **argv);
int cmd_torchrun(const struct subcommand *command, int argc, char **argv);
int cmd_resume(const struct subcommand *command, int argc, char **argv);
int cmd_attach(const struct subcommand *command, int argc, char **argv);
int cmd_ps(const struct subcommand *command, int argc, char **argv);
int cmd_show(const struct subcommand *command, int argc, char **argv);
int cmd_events(const struct subcommand *command, int argc, char **argv);
int cmd_logs(const struct subcommand *command, int argc, char **argv);
int cmd_stop(const struct subcommand *command, int argc, char **argv);
int cmd_query(const struct subcommand *command, int argc, char **argv);
int cmd_simulate(const struct subcommand *command, int argc, char **argv);
int cmd_fabric(const struct subcommand *command, int argc, char **argv);
int cmd_fabric_show(const struct subcommand *command, int argc, char **argv); /* fabric show */

extern const struct opt collect_opts[], inspect_opts[], compare_opts[], explain_opts[],
    rules_opts[], fabric_opts[], run_opts[], resume_opts[], attach_opts[], simulate_opts[],
    ps_opts[], show_opts[], events_opts[], logs_opts[], stop_opts[], query_opts[];
extern const size_t collect_opt_count, inspect_opt_count, compare_opt_count, explain_opt_count,
    rules_opt_count, fabric_opt_count, run_opt_count, resume_opt_count, attach_opt_count,
    simulate_opt_count, ps_opt_count, show_opt_count, events_opt_count, logs_opt_count,
    stop_opt_count, query_opt_count;

#endif
