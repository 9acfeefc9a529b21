/* cli/subcommand - a subcommand as a row of a table. */
#ifndef CLI_SUBCOMMAND_H
#define CLI_SUBCOMMAND_H

#include "base/opt.h"

/* Exit codes of every command. */
enum { EXIT_WELL = 0, EXIT_FINDINGS = 1, EXIT_TROUBLE = 2 };

struct subcommand {
    const char *name, *summary;
    const char *usage; /* after "firstlight NAME " */
    const char *more;  /* a paragraph below the options; may be NULL */
    const struct opt *opts;
    const size_t *opt_count; /* NULL: no options */
    /* argv[0] is the command's name. Returns an exit code. */
    int (*run)(const struct subcommand *command, int argc, char **argv);
    const char *group; /* of commands, which begins with this row; else NULL */
    /* Where the words of another program begin, which are not ours; NULL: nowhere. */
    int (*program_at)(int argc, char **argv);
};

/* The table ends with a row without a name. */
extern const struct subcommand subcommands[];

/* Print a sentence to stderr, as "firstlight NAME: ...", and return EXIT_TROUBLE. */
int subcommand_trouble(const struct subcommand *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

size_t subcommand_opt_count(const struct subcommand *command);

/* Parse options. Returns -1 to go on, else the exit code: a sentence was printed. */
int subcommand_parse(const struct subcommand *command, void *args, int argc, char **argv,
                     int *words);

int firstlight_main(int argc, char **argv);

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
int cmd_completion(const struct subcommand *command, int argc, char **argv);

extern const struct opt collect_opts[], inspect_opts[], compare_opts[], explain_opts[],
    rules_opts[], run_opts[], resume_opts[], attach_opts[], simulate_opts[], ps_opts[], show_opts[],
    events_opts[], logs_opts[], stop_opts[], query_opts[];
extern const size_t collect_opt_count, inspect_opt_count, compare_opt_count, explain_opt_count,
    rules_opt_count, run_opt_count, resume_opt_count, attach_opt_count, simulate_opt_count,
    ps_opt_count, show_opt_count, events_opt_count, logs_opt_count, stop_opt_count, query_opt_count;

#endif
