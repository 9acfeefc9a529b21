#include "cli/subcommand.h"

#include "cli/torchrun_options.h"
#include "control/exit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char paths_text[] =
    "PATH is a snapshot (*.snap), a text of lspci (-v, -vv, -vvv, -x...), a folder of one node's "
    "raw outputs (lspci*, dmesg*, dmidecode*, cmdline*, lscpu*, nvidia-smi*, ibstat*, sys/ ...), "
    "or a folder of many of those; - is standard input.";

static const char collect_text[] =
    "A snapshot is one file, a zstd-compressed tar of the node's raw outputs with a manifest. As "
    "root it holds everything; without root it says what could not be seen. --hosts copies "
    "firstlight-agent to each host over ssh, runs it there and removes it again; FIRSTLIGHT_SSH "
    "names another ssh. Exit codes: 0 all hosts arrived, 1 some did not, 2 trouble with the "
    "request.";

static const char run_text[] =
    "PROGRAM needs no change: it finds torchrun's, Slurm's and Open MPI's variables and a store. A "
    "rank that fails stops all; the run goes on from its newest complete checkpoint, with spares "
    "for lost nodes, until three attempts in a row make no progress. Ctrl-C once: ranks may save "
    "and leave; twice: they are killed. 'firstlight help exit-codes' lists how a run can end.";

static const char torchrun_text[] =
    "Takes torchrun's options in both spellings (--nproc-per-node, --nproc_per_node); what has no "
    "meaning here is accepted and said once. --print-job shows the job as a file.";

static const char resume_text[] =
    "The ranks that live are adopted, none is started again. It exits as the run does: 'firstlight "
    "help exit-codes'.";

static const char attach_text[] =
    "Ctrl-C leaves the run to itself. When the run ends, attach exits as it does: 'firstlight help "
    "exit-codes'.";

static const char simulate_text[] =
    "Simulates the cluster with the machines that run real jobs: failures from a seed, detection, "
    "abort, spares, restart from the last checkpoint. Prints what share of the time trains. T is "
    "a time: 90s, 20m, 12h, 47d.";

static const char run_name_text[] =
    "RUN is a run's id or a unique beginning of it, a name whose newest run is meant, or last.";

static const char stop_text[] =
    "RUN is a run's id or a unique beginning of it, a name whose newest run is meant, or last. Its "
    "ranks may save before they leave. Exit codes: 0 done, 1 the run had ended, 2 trouble with the "
    "request.";

static const char query_text[] =
    "SQL is one statement of SQLite's; it can change nothing. Runs are in 'runs', "
    "what happened in 'events'; --schema lists them all.";

static const struct subcommand *find(const char *name)
{
    for (const struct subcommand *command = subcommands; command->name; command++)
        if (!strcmp(command->name, name))
            return command;
    return NULL;
}

int subcommand_trouble(const struct subcommand *command, const char *format, ...)
{
    va_list args;

    (void)fprintf(stderr, "firstlight%s%s: ", command ? " " : "", command ? command->name : "");
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputs("\n", stderr);
    return EXIT_TROUBLE;
}

size_t subcommand_opt_count(const struct subcommand *command)
{
    return command->opt_count ? *command->opt_count : 0;
}

static void print_help(const struct subcommand *command)
{
    struct buf out = {0};
    bool asks = str_ends(str_of(command->summary), "?");

    buf_printf(&out, "Usage: firstlight %s", command->name);
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
        return subcommand_trouble(command, "%s; 'firstlight %s --help' lists them", err.text,
                                  command->name);
    return -1;
}

static void print_overview(void)
{
    (void)fputs("Usage: firstlight COMMAND [ARGUMENT ...]\n\n"
                "Brings a GPU cluster to its first training step: names the one wrong setting\n"
                "among thousands of nodes, then starts training jobs and keeps them going.\n",
                stdout);
    for (const struct subcommand *row = subcommands; row->name; row++) {
        if (row->group)
            (void)printf("\n%s:\n", row->group);
        (void)printf("  %-12s %s\n", row->name, row->summary);
    }
    (void)fputs(
        "\n'firstlight help COMMAND' tells more. Exit codes: 0 well, 1 findings, 2 trouble\n"
        "with the request; those of a run are in 'firstlight help exit-codes'.\n",
        stdout);
}

/* In the order of the codes; several causes may share one, and 2 is no cause of a run's end. */
static void print_exit_codes(void)
{
    (void)fputs("Exit codes of run, torchrun, resume and attach:\n", stdout);
    for (int code = 0; code <= run_exits[CAUSE_COUNT - 1].code; code++) {
        if (code == EXIT_TROUBLE)
            (void)printf("  %2d  %-13s trouble with the request itself\n", code, "");
        for (size_t i = 0; i < CAUSE_COUNT; i++)
            if (run_exits[i].code == code)
                (void)printf("  %2d  %-13s %s\n", code, run_exits[i].name, run_exits[i].meaning);
    }
    (void)fputs("All other commands: 0 well, 1 findings, 2 trouble with the request.\n", stdout);
}

static int cmd_help(const struct subcommand *command, int argc, char **argv)
{
    const struct subcommand *about;

    if (argc < 2) {
        print_overview();
        return EXIT_WELL;
    }
    if (!strcmp(argv[1], "exit-codes")) {
        print_exit_codes();
        return EXIT_WELL;
    }
    about = find(argv[1]);
    if (!about)
        return subcommand_trouble(command, "there is no command '%s'", argv[1]);
    print_help(about);
    return EXIT_WELL;
}

static int cmd_version(const struct subcommand *command, int argc, char **argv)
{
    (void)command;
    (void)argc;
    (void)argv;
    (void)printf("firstlight %s\n", FIRSTLIGHT_VERSION);
    return EXIT_WELL;
}

const struct subcommand subcommands[] = {
    {"collect", "Read this host, or many, into snapshots", "[--hosts HOSTS | --slurm] [OPTION ...]",
     collect_text, collect_opts, &collect_opt_count, cmd_collect, "Nodes"},
    {"inspect", "Judge nodes by the rules; without PATH: this host, now", "[OPTION ...] [PATH ...]",
     paths_text, inspect_opts, &inspect_opt_count, cmd_inspect},
    {"compare", "What differs between nodes that should be alike", "[OPTION ...] PATH ...",
     paths_text, compare_opts, &compare_opt_count, cmd_compare},
    {"explain", "Which difference explains which nodes are slow",
     "(--slow HOSTS | --metric FILE | --pairs FILE) [OPTION ...] PATH ...", paths_text,
     explain_opts, &explain_opt_count, cmd_explain},
    {"rules", "List the rules, or explain one", "[show RULE ...] [OPTION ...]", NULL, rules_opts,
     &rules_opt_count, cmd_rules},
    {"run", "Start and manage a job: here, over ssh, or by Slurm",
     "[OPTION ...] [JOB.yaml | [--] PROGRAM [ARGUMENT ...]]", run_text, run_opts, &run_opt_count,
     cmd_run, "Runs", run_command_at},
    {"torchrun", "The same by torchrun's command line", "[OPTION ...] SCRIPT [ARGUMENT ...]",
     torchrun_text, torchrun_opts, &torchrun_opt_count, cmd_torchrun,
     .program_at = torchrun_script_at},
    {"resume", "Take over a run whose controller is gone", "[OPTION ...] RUN", resume_text,
     resume_opts, &resume_opt_count, cmd_resume},
    {"attach", "Watch a run live", "[OPTION ...] RUN", attach_text, attach_opts, &attach_opt_count,
     cmd_attach},
    {"ps", "List runs", "[OPTION ...]", NULL, ps_opts, &ps_opt_count, cmd_ps},
    {"show", "Tell all about a run: attempts, causes, restarts, checkpoints", "[OPTION ...] RUN",
     run_name_text, show_opts, &show_opt_count, cmd_show},
    {"events", "What happened in a run, in order", "[OPTION ...] RUN", run_name_text, events_opts,
     &events_opt_count, cmd_events},
    {"logs", "What the ranks of a run printed", "[OPTION ...] RUN", run_name_text, logs_opts,
     &logs_opt_count, cmd_logs},
    {"stop", "Stop a run, or have it save", "[OPTION ...] RUN", stop_text, stop_opts,
     &stop_opt_count, cmd_stop},
    {"query", "Ask the history of all runs in SQL", "[OPTION ...] SQL | --schema", query_text,
     query_opts, &query_opt_count, cmd_query},
    {"simulate", "What would a policy of checkpoints and spares give?", "[OPTION ...]",
     simulate_text, simulate_opts, &simulate_opt_count, cmd_simulate},
    {"completion", "Print the completion script of a shell", "bash|zsh|fish", NULL, NULL, NULL,
     cmd_completion, "Other"},
    {"version", "Print the version", "", NULL, NULL, NULL, cmd_version},
    {"help", "Print this help, or a command's", "[COMMAND | exit-codes]", NULL, NULL, NULL,
     cmd_help},
    {NULL},
};

static bool asks_for_help(const struct subcommand *command, int argc, char **argv)
{
    int end = command->program_at ? command->program_at(argc, argv) : argc;

    for (int i = 1; i < end && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    return false;
}

int firstlight_main(int argc, char **argv)
{
    const struct subcommand *command;
    int code;

    if (argc < 2) {
        print_overview();
        return EXIT_TROUBLE;
    }
    if (!strcmp(argv[1], "--version"))
        return cmd_version(NULL, 1, argv);
    command = find(!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ? "help" : argv[1]);
    if (!command)
        return subcommand_trouble(NULL, "there is no command '%s'; 'firstlight help' lists them",
                                  argv[1]);
    code = EXIT_WELL;
    if (asks_for_help(command, argc - 1, argv + 1))
        print_help(command);
    else
        code = command->run(command, argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout))
        return subcommand_trouble(command, "the answer could not be written to standard output");
    return code;
}
