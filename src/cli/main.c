#include "cli/commands.h"

#include "base/completion.h"
#include "cli/torchrun_options.h"
#include "control/exit.h"
#include "rules/rules.h"

#include <stdio.h>

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
    "RUN is a run's id or a unique beginning of it, a name (its newest run that goes on, or else "
    "its newest), or last.";

static const char stop_text[] =
    "RUN is a run's id or a unique beginning of it, a name (its newest run that goes on, or else "
    "its newest), or last. Its "
    "ranks may save before they leave. Exit codes: 0 done, 1 the run had ended, 2 trouble with the "
    "request.";

static const char query_text[] =
    "SQL is one statement of SQLite's; it can change nothing. Runs are in 'runs', "
    "what happened in 'events'; --schema lists them all.";

static const char fabric_text[] =
    "Starts firstlight-probe on each node as a run, measures nodes and a well-chosen set of pairs, "
    "and "
    "names what is slow with its numbers; 'fabric show' tells of it again. Nothing needs to be "
    "installed on the nodes; UCX is used where there is one. Ctrl-C keeps what was measured. Exit "
    "codes: 0 all well, 1 suspects, 2 trouble with the request.";

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

/* After `rules`: "show", then every rule. */
static const char *rules_word_at(size_t index)
{
    if (index == 0)
        return "show";
    return index <= rule_count() ? rule_at(index - 1)->id : NULL;
}

/* After `fabric`. */
static const char *fabric_word_at(size_t index)
{
    return index == 0 ? "show" : NULL;
}

static const struct subcommand subcommands[] = {
    {"collect", "Read this host, or many, into snapshots", "[--hosts HOSTS | --slurm] [OPTION ...]",
     collect_text, collect_opts, &collect_opt_count, cmd_collect, "Nodes"},
    {"inspect", "Judge nodes by the rules; without PATH: this host, now", "[OPTION ...] [PATH ...]",
     paths_text, inspect_opts, &inspect_opt_count, cmd_inspect},
    {"compare", "What differs between nodes that should be alike", "[OPTION ...] PATH ...",
     paths_text, compare_opts, &compare_opt_count, cmd_compare},
    {"explain", "Which difference explains which nodes are slow",
     "(--fabric TEST | --slow HOSTS | --metric FILE | --pairs FILE) [OPTION ...] PATH ...",
     paths_text, explain_opts, &explain_opt_count, cmd_explain},
    {"rules", "List the rules, or explain one", "[show RULE ...] [OPTION ...]", NULL, rules_opts,
     &rules_opt_count, cmd_rules, .word_at = rules_word_at},
    {"fabric", "Measure nodes and their network, name what is slow",
     "[--hosts HOSTS | --slurm | --nodes N] [OPTION ...] | show [OPTION ...] [TEST]", fabric_text,
     fabric_opts, &fabric_opt_count, cmd_fabric, .word_at = fabric_word_at},
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
     subcommand_completion, "Other", .word_at = completion_word_at},
    {"version", "Print the version", "", NULL, NULL, NULL, subcommand_version},
    {"help", "Print this help, or a command's", "[COMMAND | exit-codes]", NULL, NULL, NULL,
     subcommand_help},
    {NULL},
};

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "firstlight",
        .purpose =
            "Brings a GPU cluster to its first training step: names the one wrong setting among "
            "thousands of nodes, then starts training jobs and keeps them going.",
        .closing =
            "'firstlight help COMMAND' tells more. Exit codes: 0 well, 1 findings, 2 trouble with "
            "the request; those of a run are in 'firstlight help exit-codes'.",
        .commands = subcommands,
        .topic = "exit-codes",
        .print_topic = print_exit_codes,
    };

    return program_main(&program, argc, argv);
}
