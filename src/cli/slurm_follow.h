/* cli/slurm_follow - a submitted job in front: its output as it comes, until it ends. */
#ifndef CLI_SLURM_FOLLOW_H
#define CLI_SLURM_FOLLOW_H

/* Show what the job of this number writes, wherever its file can be read from here, and say on
 * stderr what it waits for. Ctrl-C ends that, not the job. The job's exit code; EXIT_WELL after
 * Ctrl-C; EXIT_TROUBLE when Slurm no longer knows the job. */
int slurm_follow(const char *job);

#endif
