/* cli/run_options - `firstlight run`'s command line: a job, and how it is shown.
 *
 * Options are stronger than the job file; PET_NNODES and PET_NPROC_PER_NODE, torchrun's variables,
 * count where neither says how large the job is. */
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include "base/opt.h"
#include "cli/run_start.h"
#include "job/job.h"

/* What options look at besides argv. */
struct options_world {
    const char *(*env)(const char *name); /* getenv's twin */
    int64_t gpus, cpus;                   /* of this machine, that we may use */
    const char *cwd;
};

struct run_options {
    struct job job;
    const char *state, *agent, *listen; /* --state, --agent, --listen; or NULL */
    struct job_words ssh_options;
    int64_t fanout; /* 0: not given */
    bool detach, print_job, json, quiet;
    bool submit;            /* to Slurm: we are in none of its allocations */
    struct job_words notes; /* sentences to say once on stderr */
};

extern const struct opt run_opts[];
extern const size_t run_opt_count;

/* This process's own world. Returns 0 or a negative errno. */
int options_world_here(struct arena *arena, struct options_world *out, struct err *err);

/* Where the command begins; argc: there is none. A job file's name is no command. */
int run_command_at(int argc, char **argv);

/* argv[0] is the command's name. The options end at "--", or at the first word that is no job file
 * (*.yaml, *.yml, *.json): there the command begins. The job is as it was asked for: what
 * --print-job shows. Texts live in `arena` or in argv. Returns 0 or a negative errno with a
 * sentence. */
int run_options_parse(struct arena *arena, const struct options_world *world, int argc, char **argv,
                      struct run_options *out, struct err *err);

/* Then: read the hosts' file, count GPUs, look for an allocation of Slurm's, check the job. */
int run_options_finish(struct arena *arena, const struct options_world *world,
                       struct run_options *options, struct err *err);

/* What a run of them is prepared with; it points into the options. */
struct run_start run_options_start(const struct run_options *options);

/* For torchrun_options too: "8", "gpu", "cpu", "auto". `said`: "--nproc-per-node". */
int nproc_option(const struct options_world *world, const char *value, const char *said,
                 struct job *job, struct err *err);
/* Words that were given several times, each perhaps several words itself. */
int words_option(struct arena *arena, const struct opt_list *list, const char *said,
                 struct job_words *words, struct err *err);
/* "4", or "2:4" for min_nodes too. */
int nnodes_option(const char *value, const char *said, struct job *job, struct err *err);

#endif
