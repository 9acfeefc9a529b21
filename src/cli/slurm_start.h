/* cli/slurm_start - a run inside an allocation of Slurm's: its nodes, its time, and what an earlier
 * life of the same job has left.
 *
 * A job that Slurm starts again keeps its number, so a run remembers it (runs/ID/slurm_job). */
#ifndef CLI_SLURM_START_H
#define CLI_SLURM_START_H

#include "cli/run_start.h"

/* Name the run's nodes, out->saved.node_count of them, and say when the job ends. Returns 0 or a
 * negative errno with a sentence. */
int slurm_name_nodes(struct arena *arena, const struct job *job, const char **names,
                     struct run_ready *out, struct err *err);

/* The switches above its nodes, where Slurm knows them. */
void slurm_name_groups(struct arena *arena, struct saved *saved);

/* When our allocation ends, Unix time; 0: never, or it is not known, or there is none. */
int64_t slurm_ends_at(struct arena *arena);

/* Remember in the run's folder whose it is. */
int slurm_mark(const char *run_dir, struct err *err);

/* When Slurm has started our job again: the run of this job line that its earlier life left
 * unfinished. Then out->run and out->again are set, and out->saved is its own but for the nodes we
 * have now; those that it had before keep their places. `json` is the job as the store has it.
 * Returns 0, or a negative errno with a sentence. */
int slurm_find_again(struct arena *arena, struct store *store, const char *json,
                     struct run_ready *out, struct err *err);

/* The run has ended with this code inside a job that slurm_submit made: when another life would get
 * further, put the job back in the queue. True when it is; *sentence says what was done, or why
 * not, NULL when there is nothing to say. */
bool slurm_go_on(struct arena *arena, const struct run_ready *ready, int exit_code,
                 const char **sentence);

#endif
