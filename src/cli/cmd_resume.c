#include "cli/commands.h"
#include "cli/run_drive.h"

#include <stddef.h>
#include <stdio.h>

struct resume_args {
    const char *state;
    bool detach, quiet, json;
};

const struct opt resume_opts[] = {
    {"state", 0, OPT_TEXT, "DIR", "Where runs are kept ($XDG_STATE_HOME/firstlight)",
     offsetof(struct resume_args, state)},
    {"detach", 'd', OPT_FLAG, NULL, "Leave the run to itself once its controller listens",
     offsetof(struct resume_args, detach)},
    {"quiet", 'q', OPT_FLAG, NULL, "Only the ranks' output and what went wrong",
     offsetof(struct resume_args, quiet)},
    {"json", 'j', OPT_FLAG, NULL, "Events as lines of JSON", offsetof(struct resume_args, json)},
};
const size_t resume_opt_count = ARRAY_LEN(resume_opts);

int cmd_resume(const struct subcommand *command, int argc, char **argv)
{
    struct resume_args args = {0};
    struct run_ready ready;
    struct run_drive drive = {.command = command, .ready = &ready, .resumed = true};
    struct arena *arena;
    struct err err = {0};
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (words != 1)
        return subcommand_trouble(command, "name one run; 'firstlight ps' lists them");
    arena = arena_new(0);
    if (!arena || run_prepare_again(arena, args.state, argv[0], &ready, &err) < 0) {
        code = subcommand_trouble(command, "%s", arena ? err.text : "no memory");
    } else if (ready.exit_code == 0) {
        (void)fprintf(stderr, "%s has ended well: there is nothing to go on with\n", ready.run);
        code = EXIT_WELL;
    } else {
        drive.detach = args.detach;
        drive.quiet = args.quiet;
        drive.json = args.json;
        code = run_drive(&drive);
    }
    arena_free(arena);
    return code;
}
