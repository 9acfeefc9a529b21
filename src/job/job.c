#include "job/job.h"

void job_init(struct job *job)
{
    *job = (struct job){
        .bind = JOB_BIND_NONE,
        .store = JOB_STORE_AGENT,
        .show = JOB_SHOW_AUTO,
        .attempts_without_progress = -1,
        .abort_grace_s = 3,
        .stop_grace_s = 60,
        .node_timeout_s = 10,
        .hold_s = 600,
        .start_timeout_s = 120,
        .log_bytes = (int64_t)64 << 20,
    };
}
