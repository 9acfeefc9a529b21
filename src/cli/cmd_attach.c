#include "base/term.h"
#include "cli/commands.h"
#include "cli/live.h"
#include "cli/run_client.h"
#include "control/exit.h"
#include "store/store.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#define GONE_MS 3000 /* without a word each second the controller is no more */

struct attach_args {
    const char *state;
};

const struct opt attach_opts[] = {
    {"state", 0, OPT_TEXT, "DIR", "Where runs are kept ($XDG_STATE_HOME/firstlight)",
     offsetof(struct attach_args, state)},
};
const size_t attach_opt_count = ARRAY_LEN(attach_opts);

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signo)
{
    (void)signo;
    interrupted = 1;
}

static void show(const char *run, const json_t *view, bool terminal, int *drawn, char *last,
                 size_t space)
{
    const struct live_style style = {term_columns(stdout), term_has_colour(stdout)};
    struct live live = live_of_json(run, view);
    struct buf text = {0};
    int lines = live_print(&live, &style, &text);

    if (text.failed) {
        buf_done(&text);
        return;
    }
    if (terminal && *drawn)
        (void)printf("\r\033[%dA\033[J", *drawn);
    /* Without a terminal a line is printed when what it says has changed. */
    if (terminal || strcmp(last, live.headline) != 0)
        (void)fputs(text.p, stdout);
    (void)snprintf(last, space, "%s", live.headline);
    (void)fflush(stdout);
    *drawn = lines;
    buf_done(&text);
}

/* Until the run ends or the user leaves; the run's exit code where it is known. */
static int follow(const struct subcommand *command, const char *run, struct run_client *client)
{
    bool terminal = isatty(STDOUT_FILENO);
    char last[512] = "";
    struct err err = {0};
    int drawn = 0, code = -1, r;

    r = run_client_ask(client, json_pack("{s:s, s:b}", "do", "view", "follow", 1), &err);
    while (r >= 0 && !interrupted) {
        json_t *view = NULL;

        r = run_client_next(client, GONE_MS, &view, &err);
        if (r <= 0)
            break;
        show(run, view, terminal, &drawn, last, sizeof(last));
        if (json_is_integer(json_object_get(view, "exit_code")))
            code = (int)json_integer_value(json_object_get(view, "exit_code"));
        json_decref(view);
    }
    if (interrupted) {
        (void)fprintf(stderr, "%s goes on without you; 'firstlight stop %s' ends it\n", run, run);
        return EXIT_WELL;
    }
    if (r < 0)
        return subcommand_trouble(command, "%s", err.text);
    return code < 0 ? subcommand_trouble(command,
                                         "the controller of %s is gone; 'firstlight resume %s' "
                                         "takes over",
                                         run, run)
                    : code;
}

static int attach(const struct subcommand *command, const struct attach_args *args,
                  const char *name, struct arena *arena)
{
    struct run_client *client;
    struct store_run row;
    struct store *store;
    struct err err = {0};
    const char *dir = store_dir(arena, args->state, &err);
    int r = dir ? store_open(dir, true, &store, &err) : -EIO;

    if (r == 0) {
        r = store_run_find(store, arena, name, &row, &err);
        store_close(store);
    }
    if (r < 0)
        return subcommand_trouble(command, "%s", err.text);
    if (row.exit_code >= 0) {
        (void)printf("%s has ended: %s\n", row.id, row.headline);
        return row.exit_code;
    }
    r = run_client_open(store_run_dir(arena, dir, row.id), &client, &err);
    if (r == -ESRCH)
        return subcommand_trouble(
            command, "%s has no controller; 'firstlight resume %s' takes over", row.id, row.id);
    if (r < 0)
        return subcommand_trouble(command, "%s", err.text);
    r = follow(command, row.id, client);
    run_client_close(client);
    return r;
}

int cmd_attach(const struct subcommand *command, int argc, char **argv)
{
    const struct sigaction leave = {.sa_handler = on_interrupt}; /* ends the wait */
    struct attach_args args = {0};
    struct arena *arena;
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (words != 1)
        return subcommand_trouble(command, "name one run; 'firstlight ps' lists them");
    (void)sigaction(SIGINT, &leave, NULL);
    arena = arena_new(0);
    code =
        arena ? attach(command, &args, argv[0], arena) : subcommand_trouble(command, "no memory");
    arena_free(arena);
    return code;
}
