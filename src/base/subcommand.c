#include "base/subcommand.h"

#include "base/completion.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct program *program;

static const struct subcommand *find(const char *name)
{
    for (const struct subcommand *command = program->commands; command->name; command++)
        if (!strcmp(command->name, name))
            return command;
    return NULL;
}

int subcommand_trouble(const struct subcommand *command, const char *format, ...)
{
    va_list args;

    (void)fprintf(stderr, "%s%s%s: ", program->name, command ? " " : "",
                  command ? command->name : "");
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputs("\n", stderr);
    return EXIT_TROUBLE;
}

static void print_help(const struct subcommand *command)
{
    struct buf out = {0};
    bool asks = str_ends(str_of(command->summary), "?");

    buf_printf(&out, "Usage: %s %s", program->name, command->name);
    if (*command->usage)
        buf_puts(&out, " ");
    buf_wrap(&out, command->usage, out.len, strlen("Usage: "), OPT_HELP_WIDTH);
    buf_printf(&out, "\n%s%s\n", command->summary, asks ? "" : ".");
    if (subcommand_opt_count(command)) {
        buf_puts(&out, "\nOptions:\n");
        opt_help(command->opts, subcommand_opt_count(command), &out);
    }
    if (command->more) {
        buf_puts(&out, "\n");
        buf_wrap(&out, command->more, 0, 0, OPT_HELP_WIDTH);
    }
    if (!out.failed)
        (void)fputs(out.p, stdout);
    buf_done(&out);
}

int subcommand_parse(const struct subcommand *command, void *args, int argc, char **argv,
                     int *words)
{
    struct err err = {0};

    if (opt_parse(command->opts, subcommand_opt_count(command), args, argc, argv, words, &err) < 0)
        return subcommand_trouble(command, "%s; see '%s %s --help'", err.text, program->name,
                                  command->name);
    return -1;
}

static void print_overview(void)
{
    struct buf out = {0};

    buf_printf(&out, "Usage: %s COMMAND [ARGUMENT ...]\n\n", program->name);
    buf_wrap(&out, program->purpose, 0, 0, OPT_HELP_WIDTH);
    for (const struct subcommand *row = program->commands; row->name; row++) {
        if (row->group)
            buf_printf(&out, "\n%s:\n", row->group);
        buf_printf(&out, "  %-12s %s\n", row->name, row->summary);
    }
    buf_puts(&out, "\n");
    buf_wrap(&out, program->closing, 0, 0, OPT_HELP_WIDTH);
    if (!out.failed)
        (void)fputs(out.p, stdout);
    buf_done(&out);
}

int subcommand_help(const struct subcommand *command, int argc, char **argv)
{
    const struct subcommand *about;

    if (argc < 2) {
        print_overview();
        return EXIT_WELL;
    }
    if (program->topic && !strcmp(argv[1], program->topic)) {
        program->print_topic();
        return EXIT_WELL;
    }
    about = find(argv[1]);
    if (!about)
        return subcommand_trouble(command, "there is no command '%s'", argv[1]);
    print_help(about);
    return EXIT_WELL;
}

int subcommand_version(const struct subcommand *command, int argc, char **argv)
{
    (void)command;
    (void)argc;
    (void)argv;
    (void)printf("%s %s\n", program->name, FIRSTLIGHT_VERSION);
    return EXIT_WELL;
}

int subcommand_also(int argc, char **argv)
{
    const struct subcommand *command = find(argv[0]);
    struct buf typed = {0};

    assert(command);
    for (int i = 0; i < argc; i++) {
        buf_puts(&typed, " ");
        buf_put_word(&typed, argv[i]);
    }
    (void)printf("$ %s%s\n", program->name, typed.failed ? "" : typed.p);
    (void)fflush(stdout);
    buf_done(&typed);
    return command->run(command, argc, argv);
}

static bool asks_for_help(const struct subcommand *command, int argc, char **argv)
{
    int end = command->program_at ? command->program_at(argc, argv) : argc;

    for (int i = 1; i < end && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    return false;
}

int program_main(const struct program *self, int argc, char **argv)
{
    const struct subcommand *command;
    int code;

    program = self;
    if (argc < 2) {
        print_overview();
        return EXIT_TROUBLE;
    }
    if (!strcmp(argv[1], "--version"))
        return subcommand_version(NULL, 1, argv);
    command = find(!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ? "help" : argv[1]);
    if (!command)
        return subcommand_trouble(NULL, "there is no command '%s'; '%s help' lists them", argv[1],
                                  program->name);
    code = EXIT_WELL;
    if (asks_for_help(command, argc - 1, argv + 1))
        print_help(command);
    else
        code = command->run(command, argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout))
        return subcommand_trouble(command, "the answer could not be written to standard output");
    return code;
}

int subcommand_completion(const struct subcommand *command, int argc, char **argv)
{
    if (argc == 2 && completion_print(program, argv[1]) == 0)
        return EXIT_WELL;
    return subcommand_trouble(command, "which shell? bash, zsh or fish");
}
