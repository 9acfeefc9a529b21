#include "cli/state.h"

#include "control/saved.h"

#include <errno.h>

int state_open(struct state *state, const struct subcommand *command, const char *dir)
{
    struct err err = {0};
    int r;

    *state = (struct state){.command = command, .arena = arena_new(0)};
    if (!state->arena)
        return subcommand_trouble(command, "no memory");
    state->dir = store_dir(state->arena, dir, &err);
    r = state->dir ? store_open(state->dir, true, &state->store, &err) : -EINVAL;
    if (r == 0 || r == -ENOENT)
        return -1;
    state_close(state);
    return subcommand_trouble(command, "%s", err.text);
}

int state_open_run(struct state *state, const struct subcommand *command, const char *dir,
                   char **argv, int words, struct store_run *run)
{
    struct err err = {0};
    int code;

    if (words != 1)
        return subcommand_trouble(command, "name one run; 'firstlight ps --all' lists them");
    code = state_open(state, command, dir);
    if (code >= 0)
        return code;
    if (!state->store)
        (void)err_set(&err, -ENOENT, "there is no run '%s': nothing was run yet in %s", argv[0],
                      state->dir);
    else if (store_run_find(state->store, state->arena, argv[0], run, &err) == 0)
        return -1;
    state_close(state);
    return subcommand_trouble(command, "%s", err.text);
}

void state_close(struct state *state)
{
    store_close(state->store);
    arena_free(state->arena);
}

const char *const *state_node_names(struct state *state, const char *run, size_t *count)
{
    const char *folder = store_run_dir(state->arena, state->dir, run);
    struct saved saved;

    if (!folder || saved_read(state->arena, folder, &saved, NULL) < 0)
        return NULL;
    *count = saved.node_count;
    return saved.names;
}

const char *state_word(const struct store_run *run)
{
    return run->ended_ns < 0 && !run->alive ? "unattended" : run->state;
}
