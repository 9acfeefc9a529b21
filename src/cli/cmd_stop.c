#include "cli/run_client.h"
#include "cli/state.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct stop_args {
    bool now, save, json;
    const char *state;
};

const struct opt stop_opts[] = {
    {"now", 0, OPT_FLAG, NULL, "Kill the ranks at once", offsetof(struct stop_args, now)},
    {"save", 0, OPT_FLAG, NULL, "Only ask for a checkpoint; the run goes on",
     offsetof(struct stop_args, save)},
    {"json", 'j', OPT_FLAG, NULL, "Answer in JSON", offsetof(struct stop_args, json)},
    STATE_OPT(struct stop_args, state),
};
const size_t stop_opt_count = ARRAY_LEN(stop_opts);

static const struct verb {
    const char *request, *done;
} verbs[] = {
    {"stop", "asked to stop politely: the ranks may save and leave"},
    {"kill", "its ranks are killed"},
    {"save", "asked to save a checkpoint"},
};

static int say(const struct stop_args *args, const char *run, const char *what, int code)
{
    if (args->json) {
        json_t *answer =
            json_pack("{s:s, s:s, s:b}", "run", run, "what", what, "done", code == EXIT_WELL);

        (void)json_dumpf(answer, stdout, JSON_COMPACT);
        (void)puts("");
        json_decref(answer);
    } else {
        (void)printf("%s: %s\n", run, what);
    }
    return code;
}

static int ask(struct state *state, const struct store_run *run, const struct stop_args *args)
{
    const struct verb *verb = &verbs[args->now ? 1 : args->save ? 2 : 0];
    const char *folder = store_run_dir(state->arena, state->dir, run->id);
    struct run_client *client = NULL;
    json_t *answer = NULL;
    struct err err = {0};
    char why[64];
    int r;

    (void)snprintf(why, sizeof(why), "firstlight stop, by user %ld", (long)getuid());
    r = folder ? run_client_open(folder, &client, &err) : err_set(&err, -ENOMEM, "no memory");
    if (r == 0)
        r = run_client_call(client, json_pack("{s:s, s:s}", "do", verb->request, "why", why),
                            &answer, &err);
    run_client_close(client);
    json_decref(answer);
    if (r == 0)
        return say(args, run->id, verb->done, EXIT_WELL);
    if (r == -ESRCH)
        return subcommand_trouble(
            state->command,
            "run %s has no controller that could stop it: its ranks, if any "
            "are left, end by themselves; to end them now: 'firstlight resume "
            "%s --detach', then stop again",
            run->id, run->id);
    return subcommand_trouble(state->command, "%s", err.text);
}

int cmd_stop(const struct subcommand *command, int argc, char **argv)
{
    struct stop_args args = {0};
    struct state state;
    struct store_run run;
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (args.now && args.save)
        return subcommand_trouble(command, "--now or --save, not both");
    code = state_open_run(&state, command, args.state, argv, words, &run);
    if (code >= 0)
        return code;
    code = run.ended_ns >= 0 && !run.alive
               ? say(&args, run.id, "it had ended already", EXIT_FINDINGS)
               : ask(&state, &run, &args);
    state_close(&state);
    return code;
}
