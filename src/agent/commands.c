#include "agent/commands.h"

#include "agent/catalogue.h"
#include "agent/kernel_log.h"

#include <errno.h>
#include <string.h>

#define COMMAND_BYTES_MAX ((size_t)32 << 20)
#define AT_A_TIME         4
#define NETDEVS_MAX       64

/* A copy of `text` with {netdev} replaced. */
static const char *fill_in(struct arena *arena, const char *text, const char *netdev)
{
    ptrdiff_t at = str_find(str_of(text), "{netdev}");

    if (at < 0 || !netdev)
        return text;
    return arena_printf(arena, "%.*s%s%s", (int)at, text, netdev, text + at + strlen("{netdev}"));
}

static int add_command(struct commands *commands, const struct catalogue_command *row,
                       const char *netdev)
{
    const char **words = arena_alloc(commands->arena, (CATALOGUE_WORDS_MAX + 1) * sizeof(*words));
    const char **path;
    struct program *program;

    if (!words)
        return -ENOMEM;
    for (size_t i = 0; i < CATALOGUE_WORDS_MAX && row->words[i]; i++)
        words[i] = fill_in(commands->arena, row->words[i], netdev);
    program = vec_push(&commands->programs);
    path = vec_push(&commands->paths);
    if (!program || !path)
        return -ENOMEM;
    *path = fill_in(commands->arena, row->path, netdev);
    program->path = program_find(commands->arena, row->words[0]);
    program->words = words;
    program->exits_well = row->exits_well;
    return *path ? 0 : -ENOMEM;
}

/* The network devices that stand on a bus: their "device" link was taken. */
static size_t find_netdevs(struct commands *commands, const struct taken *taken,
                           const char *netdevs[NETDEVS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < taken->entries.count && count < NETDEVS_MAX; i++) {
        struct str rest = str_of(taken->entries.items[i].path), name;

        if (!str_starts(rest, "sys/class/net/") || !str_ends(rest, "/device"))
            continue;
        rest = str_skip(rest, strlen("sys/class/net/"));
        if (str_cut(&rest, '/', &name) && str_is(rest, "device") && name.p[0] != '-' &&
            (netdevs[count] = arena_copy(commands->arena, name.p, name.len)))
            count++;
    }
    return count;
}

static int list_commands(struct commands *commands, const struct taken *taken)
{
    const char *netdevs[NETDEVS_MAX];
    size_t netdev_count = find_netdevs(commands, taken, netdevs);
    int r = 0;

    for (size_t i = 0; r == 0 && i < catalogue_commands_count; i++) {
        const struct catalogue_command *row = &catalogue_commands[i];

        if (str_find(str_of(row->path), "{netdev}") < 0)
            r = add_command(commands, row, NULL);
        else if (!program_find(commands->arena, row->words[0]))
            continue;
        else
            for (size_t k = 0; r == 0 && k < netdev_count; k++)
                r = add_command(commands, row, netdevs[k]);
    }
    return r;
}

/* Without the program dmesg the kernel is asked itself. */
static int take_kernel_log(struct commands *commands, struct program *program)
{
    struct err err = {0};
    int r = kernel_log_read(commands->arena, &program->output, &err);

    if (r == -ENOMEM)
        return r;
    program->status = r == 0                        ? MANIFEST_OK
                      : r == -EPERM || r == -EACCES ? MANIFEST_DENIED
                                                    : MANIFEST_FAILED;
    program->error = r == 0 ? NULL : arena_copy(commands->arena, err.text, strlen(err.text));
    return 0;
}

static int without_program(struct commands *commands, struct program *program, struct err *err)
{
    program->status = MANIFEST_MISSING;
    program->error = "there is no such program here";
    if (strcmp(program->words[0], "dmesg") != 0)
        return 0;
    return take_kernel_log(commands, program) < 0
               ? err_set(err, -ENOMEM, "no memory for the kernel log")
               : 0;
}

/* When the kernel's ring buffer no longer holds the boot, the journal of this boot stands in for
 * it: one log, so that no error is counted twice. */
static int replace_wrapped_log(struct commands *commands, const struct program_limits *limits,
                               struct err *err)
{
    static const char *const words[] = {"journalctl",      "-k", "-b", "-q", "--no-pager", "-o",
                                        "short-monotonic", NULL};
    struct program journal = {.path = program_find(commands->arena, words[0]), .words = words};

    for (size_t i = 0; journal.path && i < commands->programs.count; i++) {
        struct program *log = &commands->programs.items[i];
        int r;

        if (strcmp(log->words[0], "dmesg") != 0 || !log->output.len ||
            kernel_log_has_boot(log->output))
            continue;
        r = program_run_all(commands->arena, &journal, 1, limits, err);
        if (r == 0 && journal.status == MANIFEST_OK && kernel_log_has_boot(journal.output)) {
            *log = journal;
            commands->paths.items[i] = "cmd/journalctl_-k_-b.txt";
        }
        return r;
    }
    return 0;
}

/* Those with a program move to the front, so that one call runs them all. */
int commands_run(struct commands *commands, const struct taken *taken, int64_t timeout_ms,
                 int64_t total_ms, struct err *err)
{
    struct program_limits limits = {.timeout_ms = timeout_ms,
                                    .total_ms = total_ms,
                                    .bytes_max = COMMAND_BYTES_MAX,
                                    .at_a_time = AT_A_TIME};
    size_t runnable = 0;
    int r = list_commands(commands, taken);

    if (r < 0)
        return err_set(err, r, "no memory to run commands");
    for (size_t i = 0; i < commands->programs.count; i++) {
        struct program program = commands->programs.items[i];
        const char *path = commands->paths.items[i];

        if (!program.path)
            continue;
        commands->programs.items[i] = commands->programs.items[runnable];
        commands->paths.items[i] = commands->paths.items[runnable];
        commands->programs.items[runnable] = program;
        commands->paths.items[runnable++] = path;
    }
    r = program_run_all(commands->arena, commands->programs.items, runnable, &limits, err);
    if (r == 0)
        r = replace_wrapped_log(commands, &limits, err);
    for (size_t i = runnable; r == 0 && i < commands->programs.count; i++)
        r = without_program(commands, &commands->programs.items[i], err);
    return r;
}

void commands_done(struct commands *commands)
{
    vec_done(&commands->programs);
    vec_done(&commands->paths);
}
