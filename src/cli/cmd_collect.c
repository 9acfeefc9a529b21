/* cli/cmd_collect - `firstlight collect`: this host into one snapshot; many hosts: see
 * collect_hosts. */
#include "agent/collect.h"
#include "base/file.h"
#include "base/hostlist.h"
#include "cli/collect_hosts.h"
#include "cli/commands.h"
#include "snap/manifest.h"
#include "snap/snap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_MAX   86400
#define COMMAND_SHOWN 40 /* letters */

const struct opt collect_opts[] = {
    {"output", 'o', OPT_TEXT, "PATH",
     "The snapshot to write (this host: NAME.snap), with --hosts the folder for them (.)",
     offsetof(struct collect_args, output)},
    {"hosts", 'H', OPT_TEXT, "HOSTS", "Collect these hosts over ssh: n[001-512],login1",
     offsetof(struct collect_args, hosts)},
    {"slurm", 0, OPT_FLAG, NULL,
     "Inside a Slurm allocation: collect its nodes (or those of --hosts) through srun",
     offsetof(struct collect_args, slurm)},
    {"fanout", 'f', OPT_NUMBER, "N", "Hosts at a time (64)", offsetof(struct collect_args, fanout)},
    {"timeout", 't', OPT_NUMBER, "SECONDS", "Longest time for one host (180)",
     offsetof(struct collect_args, timeout_s)},
    {"commands-timeout", 0, OPT_NUMBER, "SECONDS", "Longest time of one command on a host (60)",
     offsetof(struct collect_args, commands_timeout_s)},
    {"no-commands", 0, OPT_FLAG, NULL, "Read files only, run no lspci, nvidia-smi and so on",
     offsetof(struct collect_args, no_commands)},
    {"ssh-opt", 0, OPT_LIST, "WORDS", "Further words for ssh: --ssh-opt '-p 2222'",
     offsetof(struct collect_args, ssh_opts)},
    {"agent", 0, OPT_TEXT, "FILE",
     "The executable that is copied to the hosts (firstlight-agent beside firstlight)",
     offsetof(struct collect_args, agent)},
    {"root", 0, OPT_TEXT, "DIR", "Read the files of this host below DIR, run no commands",
     offsetof(struct collect_args, root)},
    {"quiet", 'q', OPT_FLAG, NULL, "No progress on standard error",
     offsetof(struct collect_args, quiet)},
};
const size_t collect_opt_count = ARRAY_LEN(collect_opts);

static const char *describe(struct arena *arena, const struct manifest_entry *entry)
{
    const char *what = entry->command ? entry->command : entry->path;

    if (entry->command && strlen(what) > COMMAND_SHOWN)
        return arena_printf(arena, "%.*s...: %s", COMMAND_SHOWN, what,
                            entry->error ? entry->error : "");
    return arena_printf(arena, "%s: %s", what, entry->error ? entry->error : "");
}

/* What is there but could not be read; what does not exist on this host is no news. */
static void print_unseen(struct arena *arena, const struct manifest *manifest)
{
    size_t count = 0;

    for (size_t i = 0; i < manifest->count; i++) {
        const struct manifest_entry *entry = &manifest->entries[i];
        const char *text;

        if (entry->status == MANIFEST_OK || entry->status == MANIFEST_MISSING)
            continue;
        if (!count++)
            (void)fprintf(stderr, "Could not be seen%s:\n",
                          manifest->root ? "" : " (firstlight did not run as root)");
        text = describe(arena, entry);
        if (text)
            (void)fprintf(stderr, "  %.200s\n", text);
    }
}

static int write_here(struct arena *arena, const struct subcommand *command,
                      const struct collect_args *args, const struct tree *tree,
                      const struct manifest *manifest)
{
    const char *host = manifest->hostname ? manifest->hostname : "host";
    const char *path = args->output ? args->output : arena_printf(arena, "%s.snap", host);
    struct buf snap = {0};
    struct err err = {0};
    int r = path ? snap_pack(tree, (int64_t)time(NULL), &snap, &err)
                 : err_set(&err, -ENOMEM, "no memory to name the snapshot");

    if (r == 0 && strcmp(path, "-") != 0)
        r = file_write(path, snap.p, snap.len, &err);
    else if (r == 0 && (fwrite(snap.p, 1, snap.len, stdout) != snap.len || fflush(stdout) != 0))
        r = err_set(&err, -EIO, "standard output: %s", strerror(errno));
    if (r == 0 && !args->quiet)
        (void)fprintf(stderr, "%s: %llu files, %llu commands, %zu KiB\n", path,
                      (unsigned long long)(manifest->files + manifest->links),
                      (unsigned long long)manifest->commands, (snap.len + 1023) / 1024);
    buf_done(&snap);
    return r < 0 ? subcommand_trouble(command, "%s", err.text) : EXIT_WELL;
}

static int collect_here(const struct subcommand *command, const struct collect_args *args)
{
    struct collect_options options = {.root = args->root,
                                      .timeout_ms = args->commands_timeout_s * 1000,
                                      .no_commands = args->no_commands};
    struct arena *arena = arena_new(0);
    struct buf json = {0};
    struct manifest manifest;
    struct err err = {0};
    struct tree tree;
    int code;

    if (!arena)
        return subcommand_trouble(command, "no memory to collect");
    if (collect_tree(arena, &options, &tree, &json, &err) < 0 ||
        manifest_parse(arena, (struct str){json.p, json.len}, &manifest, &err) < 0) {
        code = subcommand_trouble(command, "%s", err.text);
    } else {
        code = write_here(arena, command, args, &tree, &manifest);
        if (code == EXIT_WELL && !args->quiet)
            print_unseen(arena, &manifest);
    }
    buf_done(&json);
    arena_free(arena);
    return code;
}

int cmd_collect(const struct subcommand *command, int argc, char **argv)
{
    struct collect_args args = {0};
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (words)
        return subcommand_trouble(command, "'%s' is not understood: hosts are named by --hosts",
                                  argv[0]);
    if (args.timeout_s > SECONDS_MAX || args.commands_timeout_s > SECONDS_MAX)
        return subcommand_trouble(command, "a time has at most %d seconds", SECONDS_MAX);
    if ((args.hosts || args.slurm) && args.root)
        return subcommand_trouble(command, "--root is for this host, not for --hosts");
    if (args.hosts || args.slurm)
        return collect_hosts(command, &args);
    if (args.output && !strcmp(args.output, "-") && isatty(STDOUT_FILENO))
        return subcommand_trouble(command, "a snapshot is no text for a terminal");
    return collect_here(command, &args);
}
