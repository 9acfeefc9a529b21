#include "cli/subcommand.h"
#include "rules/rules.h"

#include <stdio.h>

/* The scripts are made from the table of subcommands, so they know every option there is. */

static void words_of(const struct subcommand *command, const char *dashes)
{
    for (size_t i = 0; i < subcommand_opt_count(command); i++)
        (void)printf("%s%s%s", i ? " " : "", dashes, command->opts[i].name);
}

/* Text within single quotes, in any of the three shells; brackets end zsh's descriptions. */
static void quoted(const char *text, bool brackets)
{
    for (; *text; text++) {
        if (brackets && (*text == '[' || *text == ']'))
            (void)putchar('\\');
        (void)fputs(*text == '\'' ? "'\\''" : (const char[]){*text, '\0'}, stdout);
    }
}

static void bash(void)
{
    (void)puts("# bash completion for firstlight: source it, or put it in\n"
               "# /usr/share/bash-completion/completions/firstlight\n"
               "_firstlight() {\n"
               "    local cur=${COMP_WORDS[COMP_CWORD]} words=\n"
               "    if [ \"$COMP_CWORD\" -eq 1 ]; then");
    (void)printf("        words='");
    for (const struct subcommand *row = subcommands; row->name; row++)
        (void)printf("%s%s", row == subcommands ? "" : " ", row->name);
    (void)puts("'\n    else\n        case ${COMP_WORDS[1]} in");
    for (const struct subcommand *row = subcommands; row->name; row++) {
        if (!subcommand_opt_count(row))
            continue;
        (void)printf("        %s) words='", row->name);
        words_of(row, "--");
        (void)puts(" --help' ;;");
    }
    (void)printf("        completion) words='bash zsh fish' ;;\n        esac\n"
                 "        if [ \"${COMP_WORDS[1]}\" = rules ] && [ \"$COMP_CWORD\" -ge 3 ]; then\n"
                 "            words='");
    for (size_t i = 0; i < rule_count(); i++)
        (void)printf("%s%s", i ? " " : "", rule_at(i)->id);
    (void)puts(
        "'\n        elif [ \"${COMP_WORDS[1]}\" = rules ] && [ \"$COMP_CWORD\" -eq 2 ]; then\n"
        "            words=\"$words show\"\n"
        "        fi\n"
        "    fi\n"
        "    case $cur in\n"
        "    -*) ;;\n"
        "    *) [ \"$COMP_CWORD\" -gt 1 ] && [ \"${COMP_WORDS[1]}\" != rules ] &&\n"
        "           [ \"${COMP_WORDS[1]}\" != completion ] && words= ;;\n"
        "    esac\n"
        "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
        "}\n"
        "complete -o default -F _firstlight firstlight");
}

static void zsh(void)
{
    (void)puts("#compdef firstlight\n"
               "# zsh completion for firstlight: put it in a folder of $fpath as _firstlight\n"
               "_firstlight() {\n"
               "    local -a subcommands=(");
    for (const struct subcommand *row = subcommands; row->name; row++) {
        (void)printf("        '%s:", row->name);
        quoted(row->summary, false);
        (void)puts("'");
    }
    (void)puts("    )\n"
               "    if (( CURRENT == 2 )); then\n"
               "        _describe command subcommands\n"
               "        return\n"
               "    fi\n"
               "    case $words[2] in");
    for (const struct subcommand *row = subcommands; row->name; row++) {
        if (!subcommand_opt_count(row))
            continue;
        (void)printf("    %s) _arguments", row->name);
        for (size_t i = 0; i < subcommand_opt_count(row); i++) {
            (void)printf(" '--%s[", row->opts[i].name);
            quoted(row->opts[i].help, true);
            (void)printf("]%s'", row->opts[i].arg ? ":value:_files" : "");
        }
        (void)puts(" '*:path:_files' ;;");
    }
    (void)puts("    *) _files ;;\n    esac\n}\n_firstlight \"$@\"");
}

static void fish(void)
{
    (void)puts("# fish completion for firstlight: ~/.config/fish/completions/firstlight.fish");
    for (const struct subcommand *row = subcommands; row->name; row++) {
        (void)printf("complete -c firstlight -n __fish_use_subcommand -a %s -d '", row->name);
        quoted(row->summary, false);
        (void)puts("'");
        for (size_t i = 0; i < subcommand_opt_count(row); i++) {
            (void)printf("complete -c firstlight -n '__fish_seen_subcommand_from %s' -l %s%s -d '",
                         row->name, row->opts[i].name, row->opts[i].arg ? " -r" : "");
            quoted(row->opts[i].help, false);
            (void)puts("'");
        }
    }
}

int cmd_completion(const struct subcommand *command, int argc, char **argv)
{
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

    for (size_t i = 0; argc == 2 && i < ARRAY_LEN(shells); i++)
        if (!strcmp(argv[1], shells[i].shell)) {
            shells[i].print();
            return EXIT_WELL;
        }
    return subcommand_trouble(command, "which shell? bash, zsh or fish");
}
