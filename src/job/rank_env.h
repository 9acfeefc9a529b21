/* job/rank_env - the environment of one rank: torchrun's variables exactly (torch 1.13 to 2.x),
 * Slurm's and Open MPI's names beside them, ours, and what the user gave. */
#ifndef JOB_RANK_ENV_H
#define JOB_RANK_ENV_H

#include "base/arena.h"
#include "job/job.h"

#include <stdint.h>

struct rank_place {
    uint32_t rank, world, local_rank, local_world, node_rank, nnodes;
    uint32_t attempt;         /* from 1; TORCHELASTIC_RESTART_COUNT is attempt - 1 */
    const char *run;          /* TORCHELASTIC_RUN_ID, FIRSTLIGHT_RUN_ID */
    const char *node_name;    /* SLURMD_NODENAME */
    const char *const *hosts; /* all nodes in rank order, or NULL */
    const char *master_addr;
    uint16_t master_port;
    bool agent_store;       /* TORCHELASTIC_USE_AGENT_STORE */
    const char *resume;     /* FIRSTLIGHT_RESUME, when not NULL */
    const char *page;       /* FIRSTLIGHT_PAGE: path of the rank's mapped page */
    const char *error_file; /* TORCHELASTIC_ERROR_FILE */
    int pmi_fd;             /* PMI_FD with PMI_RANK, PMI_SIZE; -1: none */
    const char *gpus;       /* CUDA_VISIBLE_DEVICES, when not NULL */
};

/* `base` is what is handed on (ends in NULL): the agent's own environment for local runs, the login
 * environment elsewhere. A later source wins: base, job->unset, the variables here, job->env.
 * SLURM_*, PMI*, OMPI_*, PMIX_* of the base, which describe the agent's step, go first; what tells
 * the allocation (SLURM_JOB_ID, ...) stays. OMP_NUM_THREADS, *NCCL_ASYNC_ERROR_HANDLING and
 * WANDB_RUN_ID with WANDB_RESUME are set only where neither base nor job has or unsets them.
 *
 * Returns NULL-terminated words, or NULL when there is no memory. The list is in `arena`; words of
 * base and job are pointed to, not copied. */
const char **rank_env(struct arena *arena, const char *const *base, const struct job *job,
                      const struct rank_place *place);

/* The command with torchrun's macro: "${local_rank}" in arguments becomes its number. NULL when
 * there is no memory; words without it are the job's own. */
const char **rank_command(struct arena *arena, const struct job *job,
                          const struct rank_place *place);

#endif
