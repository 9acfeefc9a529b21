/* cli/command - a subcommand as a row of a table. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/opt.h"

/* Exit codes of every command. */
enum { EXIT_WELL = 0, EXIT_FINDINGS = 1, EXIT_TROUBLE = 2 };

struct command {
    const char *name, *summary;
    const char *usage; /* after "firstlight NAME " */
    const char *more;  /* paragraphs below the options; may be NULL */
    const struct opt *opts;
    const size_t *opt_count; /* NULL: no options */
    /* argv[0] is the command's name. Returns an exit code. */
    int (*run)(const struct command *command, int argc, char **argv);
};

/* The table ends with a row without a name. */
extern const struct command commands[];
const struct command *command_find(const char *name);

/* Print a sentence to stderr, as "firstlight NAME: ...", and return EXIT_TROUBLE. */
int command_trouble(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

size_t command_opt_count(const struct command *command);

void command_help(const struct command *command);

/* Parse options; on --help prints it. Returns -1 to go on, else the exit code. */
int command_parse(const struct command *command, void *args, int argc, char **argv, int *words);

int firstlight_main(int argc, char **argv);

int cmd_collect(const struct command *command, int argc, char **argv);
int cmd_inspect(const struct command *command, int argc, char **argv);
int cmd_compare(const struct command *command, int argc, char **argv);
int cmd_explain(const struct command *command, int argc, char **argv);
int cmd_rules(const struct command *command, int argc, char **argv);
int cmd_completion(const struct command *command, int argc, char **argv);

extern const struct opt collect_opts[], inspect_opts[], compare_opts[], explain_opts[],
    rules_opts[];
extern const size_t collect_opt_count, inspect_opt_count, compare_opt_count, explain_opt_count,
    rules_opt_count;

#endif
