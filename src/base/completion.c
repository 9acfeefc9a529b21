#include "base/completion.h"

#include <errno.h>
#include <stdio.h>

static const char *const shells[] = {"bash", "zsh", "fish"};

const char *completion_word_at(size_t index)
{
    return index < ARRAY_LEN(shells) ? shells[index] : NULL;
}

/* Text inside single quotes of a shell: `quote` stands for a quote, and a backslash before each of
 * `special`. */
static void print_quoted(const char *text, const char *quote, const char *special)
{
    for (; *text; text++) {
        if (*text == '\'')
            (void)fputs(quote, stdout);
        else
            (void)printf("%s%c", strchr(special, *text) ? "\\" : "", *text);
    }
}

/* The name of the shell's function: letters and '_' alone. */
static const char *function_of(const struct program *program)
{
    static char name[64];
    size_t i = 0;

    for (; program->name[i] && i + 1 < sizeof(name); i++)
        name[i] = program->name[i] == '-' ? '_' : program->name[i];
    name[i] = 0;
    return name;
}

static void print_words(const struct subcommand *command)
{
    for (size_t i = 0; i < subcommand_opt_count(command); i++)
        (void)printf("--%s ", command->opts[i].name);
    for (size_t i = 0; command->word_at && command->word_at(i); i++)
        (void)printf("%s ", command->word_at(i));
}

static void bash(const struct program *program)
{
    const char *function = function_of(program);

    (void)printf("# bash completion for %s: source it, or put it in\n"
                 "# /usr/share/bash-completion/completions/%s\n"
                 "_%s() {\n"
                 "    local cur=${COMP_WORDS[COMP_CWORD]} words= plain=\n"
                 "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "        plain=1 words='",
                 program->name, program->name, function);
    for (const struct subcommand *row = program->commands; row->name; row++)
        (void)printf("%s ", row->name);
    (void)puts("'\n    else\n        case ${COMP_WORDS[1]} in");
    for (const struct subcommand *row = program->commands; row->name; row++) {
        if (!subcommand_opt_count(row) && !row->word_at)
            continue;
        (void)printf("        %s) %swords='", row->name, row->word_at ? "plain=1 " : "");
        print_words(row);
        (void)puts("--help' ;;");
    }
    (void)printf("        esac\n"
                 "    fi\n"
                 "    case $cur in\n"
                 "    -*) ;;\n"
                 "    *) [ \"$plain\" ] || words= ;;\n"
                 "    esac\n"
                 "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                 "}\n"
                 "complete -o default -F _%s %s\n",
                 function, program->name);
}

static void zsh(const struct program *program)
{
    const char *function = function_of(program);

    (void)printf("#compdef %s\n"
                 "# zsh completion for %s: put it in a folder of $fpath as _%s\n"
                 "_%s() {\n"
                 "    local -a subcommands=(\n",
                 program->name, program->name, program->name, function);
    for (const struct subcommand *row = program->commands; row->name; row++) {
        (void)printf("        '%s:", row->name);
        print_quoted(row->summary, "'\\''", "");
        (void)puts("'");
    }
    (void)puts("    )\n"
               "    if (( CURRENT == 2 )); then\n"
               "        _describe command subcommands\n"
               "        return\n"
               "    fi\n"
               "    case $words[2] in");
    for (const struct subcommand *row = program->commands; row->name; row++) {
        if (!subcommand_opt_count(row))
            continue;
        (void)printf("    %s) _arguments", row->name);
        for (size_t i = 0; i < subcommand_opt_count(row); i++) {
            (void)printf(" '--%s[", row->opts[i].name);
            print_quoted(row->opts[i].help, "'\\''", "[]:\\");
            (void)printf("]%s'", row->opts[i].arg ? ":value:_files" : "");
        }
        (void)puts(" '*:path:_files' ;;");
    }
    (void)printf("    *) _files ;;\n    esac\n}\n_%s \"$@\"\n", function);
}

static void fish(const struct program *program)
{
    (void)printf("# fish completion for %s: ~/.config/fish/completions/%s.fish\n", program->name,
                 program->name);
    for (const struct subcommand *row = program->commands; row->name; row++) {
        (void)printf("complete -c %s -n __fish_use_subcommand -a %s -d '", program->name,
                     row->name);
        print_quoted(row->summary, "\\'", "\\");
        (void)puts("'");
        for (size_t i = 0; i < subcommand_opt_count(row); i++) {
            (void)printf("complete -c %s -n '__fish_seen_subcommand_from %s' -l %s%s -d '",
                         program->name, row->name, row->opts[i].name,
                         row->opts[i].arg ? " -r" : "");
            print_quoted(row->opts[i].help, "\\'", "\\");
            (void)puts("'");
        }
    }
}

int completion_print(const struct program *program, const char *shell)
{
    static void (*const print[])(const struct program *) = {bash, zsh, fish};

    for (size_t i = 0; i < ARRAY_LEN(shells); i++)
        if (!strcmp(shell, shells[i])) {
            print[i](program);
            return 0;
        }
    return -EINVAL;
}
