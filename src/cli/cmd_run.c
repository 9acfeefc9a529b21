#include "cli/open_mpi.h"
#include "cli/run_drive.h"
#include "cli/run_options.h"
#include "cli/slurm_follow.h"
#include "cli/slurm_start.h"
#include "cli/torchrun_options.h"
#include "sched/slurm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SELF_BYTES 4096

static int print_job(const struct subcommand *command, const struct run_options *options)
{
    struct buf yaml = {0};

    job_print_yaml(&options->job, &yaml);
    if (yaml.failed) {
        buf_done(&yaml);
        return subcommand_trouble(command, "no memory to print the job");
    }
    (void)fwrite(yaml.p, 1, yaml.len, stdout);
    buf_done(&yaml);
    return EXIT_WELL;
}

/* Outside an allocation: the same command line, run by the first node of one. */
static int submit(const struct subcommand *command, struct arena *arena,
                  const struct run_options *options, char *const *argv, int argc)
{
    const struct job *job = &options->job;
    const char **words = arena_alloc(arena, ((size_t)argc + 2) * sizeof(*words));
    char *self = arena_alloc(arena, SELF_BYTES);
    const char *job_id;
    struct err err = {0};

    if (!words || !self || readlink("/proc/self/exe", self, SELF_BYTES - 1) < 0)
        return subcommand_trouble(command, "no memory to submit the job");
    words[0] = self;
    for (int i = 0; i < argc; i++)
        words[i + 1] = argv[i];
    if (slurm_submit(arena, words, (uint32_t)(job->nodes + job->spares), job->time_limit_s,
                     job->slurm.items, job->slurm.count, &job_id, &err) < 0)
        return subcommand_trouble(command, "%s", err.text);
    if (options->detach) {
        (void)printf("%s\n", job_id);
        return EXIT_WELL;
    }
    (void)fprintf(stderr, "submitted as Slurm job %s; Ctrl-C leaves it to itself\n", job_id);
    return slurm_follow(job_id);
}

/* What will most likely go wrong, said before it does. */
static void warn(const struct run_options *options)
{
    const struct job *job = &options->job;
    const char *program = job->command.items[0];

    if (job->ranks > 1 && open_mpi_program(program, job->cwd, getenv("PATH")))
        (void)fprintf(stderr,
                      "firstlight run: %s is built with Open MPI, whose ranks find each other by "
                      "PMIx only, which firstlight does not serve: build it with MPICH (PMI-1), "
                      "or start it with mpirun\n",
                      program);
}

static int start(const struct subcommand *command, struct arena *arena,
                 const struct run_options *options)
{
    /* Detached, a batch script that is only this would be over. */
    bool detach = options->detach && !getenv(SLURM_SUBMITTED);
    struct run_ready ready = {0};
    const struct run_start begin = run_options_start(options);
    struct run_drive drive = {.command = command,
                              .ready = &ready,
                              .detach = detach,
                              .quiet = options->quiet,
                              .json = options->json};
    struct err err = {0};
    const char *type, *sentence = NULL;
    unsigned mode;
    int code;

    if (!options->quiet)
        warn(options);
    if (run_prepare(arena, &begin, &ready, &err) < 0)
        return subcommand_trouble(command, "%s", err.text);
    if (store_on_network(ready.dir, &type) && !options->quiet)
        (void)fprintf(stderr,
                      "firstlight run: the state folder %s is on %s, a network file system: "
                      "name a local one by --state\n",
                      ready.dir, type);
    if (store_open_to_others(ready.dir, &mode) && !options->quiet)
        (void)fprintf(stderr,
                      "firstlight run: the state folder %s is open to other users (mode %04o): "
                      "'chmod 700' closes it\n",
                      ready.dir, mode);
    drive.resumed = ready.again;
    code = run_drive(&drive);
    if (!detach)
        (void)slurm_go_on(arena, &ready, code, &sentence);
    if (sentence)
        (void)fprintf(stderr, "firstlight run: %s\n", sentence);
    return code;
}

static int go(const struct subcommand *command, struct arena *arena,
              const struct options_world *world, struct run_options *options, char *const *argv,
              int argc)
{
    struct err err = {0};

    for (size_t i = 0; i < options->notes.count && !options->quiet; i++)
        (void)fprintf(stderr, "firstlight %s: %s\n", command->name, options->notes.items[i]);
    if (options->print_job)
        return print_job(command, options);
    if (run_options_finish(arena, world, options, &err) < 0)
        return subcommand_trouble(command, "%s", err.text);
    return options->submit ? submit(command, arena, options, argv, argc)
                           : start(command, arena, options);
}

static int run_with(const struct subcommand *command, int argc, char **argv,
                    int (*parse)(struct arena *arena, const struct options_world *world, int argc,
                                 char **argv, struct run_options *out, struct err *err))
{
    struct arena *arena = arena_new(0);
    struct options_world world;
    struct run_options options;
    char **given = arena ? arena_alloc(arena, (size_t)argc * sizeof(*given)) : NULL;
    struct err err = {0};
    int code;

    if (!given) {
        arena_free(arena);
        return subcommand_trouble(command, "no memory");
    }
    for (int i = 0; i < argc; i++)
        given[i] = argv[i]; /* parsing moves them about */
    if (options_world_here(arena, &world, &err) < 0 ||
        parse(arena, &world, argc, argv, &options, &err) < 0)
        code = subcommand_trouble(command, "%s", err.text);
    else
        code = go(command, arena, &world, &options, given, argc);
    arena_free(arena);
    return code;
}

int cmd_run(const struct subcommand *command, int argc, char **argv)
{
    return run_with(command, argc, argv, run_options_parse);
}

int cmd_torchrun(const struct subcommand *command, int argc, char **argv)
{
    return run_with(command, argc, argv, torchrun_options_parse);
}
