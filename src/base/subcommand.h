/* base/subcommand - a program made of commands: each is a row of a table, which help, completion
 * and the check of the man pages read. */
#ifndef BASE_SUBCOMMAND_H
#define BASE_SUBCOMMAND_H

#include "base/opt.h"

/* Exit codes of every command. */
enum { EXIT_WELL = 0, EXIT_FINDINGS = 1, EXIT_TROUBLE = 2 };

struct subcommand {
    const char *name, *summary;
    const char *usage; /* after "PROGRAM NAME " */
    const char *more;  /* a paragraph below the options; may be NULL */
    const struct opt *opts;
    const size_t *opt_count; /* NULL: no options */
    /* argv[0] is the command's name. Returns an exit code. */
    int (*run)(const struct subcommand *command, int argc, char **argv);
    const char *group; /* of commands, which begins with this row; else NULL */
    /* Where the words of another program begin, which are not ours; NULL: nowhere. */
    int (*program_at)(int argc, char **argv);
    /* Word `index` of those that may follow the command, for completion; NULL behind the last. */
    const char *(*word_at)(size_t index);
};

static inline size_t subcommand_opt_count(const struct subcommand *command)
{
    return command->opt_count ? *command->opt_count : 0;
}

struct program {
    const char *name;                  /* "firstlight" */
    const char *purpose;               /* a paragraph below the usage */
    const char *closing;               /* one below the commands */
    const struct subcommand *commands; /* ends with a row without a name */
    const char *topic;                 /* "exit-codes", which help knows too; may be NULL */
    void (*print_topic)(void);
};

/* Run the command that argv names and see that its answer was written. Returns an exit code. The
 * program stays the one that the calls below speak for. */
int program_main(const struct program *program, int argc, char **argv);

/* Print a sentence to stderr, as "PROGRAM NAME: ...", and return EXIT_TROUBLE. */
int subcommand_trouble(const struct subcommand *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Parse options. Returns -1 to go on, else the exit code: a sentence was printed. */
int subcommand_parse(const struct subcommand *command, void *args, int argc, char **argv,
                     int *words);

/* Run another command of the program; argv[0] is its name, and argv may be reordered. How it would
 * be typed is printed before. Returns its exit code. */
int subcommand_also(int argc, char **argv);

/* Rows that every program has. */
int subcommand_help(const struct subcommand *command, int argc, char **argv);
int subcommand_version(const struct subcommand *command, int argc, char **argv);
int subcommand_completion(const struct subcommand *command, int argc, char **argv);

#endif
