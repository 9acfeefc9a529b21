#include "sched/slurm_job.h"

#include "sched/tool.h"

#include <errno.h>
#include <time.h>

#define ASK_TIMEOUT_MS 30000

/* "2026-11-21T14:02:11"; 0: Unknown, N/A. */
static int64_t read_time(struct str text)
{
    struct tm t = {.tm_isdst = -1};
    char copy[32];
    const char *end;

    if (text.len >= sizeof(copy))
        return 0;
    memcpy(copy, text.p, text.len);
    copy[text.len] = '\0';
    end = strptime(copy, "%Y-%m-%dT%H:%M:%S", &t);
    return end && !*end ? (int64_t)mktime(&t) : 0;
}

/* "11:0", "0:9" */
static int read_exit(struct str text)
{
    uint64_t code = 0, signo = 0;
    struct str head;

    (void)str_cut(&text, ':', &head);
    (void)str_to_u64(head, 10, &code);
    (void)str_to_u64(text, 10, &signo);
    return signo && signo < 128 ? 128 + (int)signo : (int)(code & 0xff);
}

static void read_word(struct slurm_job *job, struct str name, struct str value)
{
    uint64_t number;

    if (str_is(name, "JobState"))
        job->state = value;
    else if (str_is(name, "Reason") && !str_is(value, "None"))
        job->reason = value;
    else if (str_is(name, "EndTime"))
        job->ends_at_s = read_time(value);
    else if (str_is(name, "Restarts") && str_to_u64(value, 10, &number) == 0)
        job->restarts = (uint32_t)number;
    else if (str_is(name, "ExitCode"))
        job->exit_code = read_exit(value);
}

/* The lines that have what we want; others have a person's words, in which anything may stand. */
static bool is_wanted(struct str line)
{
    return str_starts(line, "JobState=") || str_starts(line, "Requeue=") ||
           str_starts(line, "StartTime=");
}

int slurm_job_read(struct arena *arena, struct str text, struct slurm_job *out)
{
    struct str line, word, name;

    *out = (struct slurm_job){0};
    while (str_line(&text, &line)) {
        line = str_trim(line);
        if (str_starts(line, "StdOut=")) { /* a path may have blanks */
            line = str_skip(line, strlen("StdOut="));
            out->output = arena_copy(arena, line.p, line.len);
            if (!out->output)
                return -ENOMEM;
        }
        for (bool wanted = is_wanted(line); wanted && str_word(&line, &word);)
            if (str_cut(&word, '=', &name))
                read_word(out, name, word);
    }
    return out->state.len ? 0 : -EINVAL;
}

int slurm_job_ask(struct arena *arena, const char *id, struct slurm_job *out, struct err *err)
{
    const char *const words[] = {"scontrol", "show", "job", id, NULL};
    struct str text;
    int r = tool_ask(arena, words, (struct str){0}, ASK_TIMEOUT_MS, &text, err);

    if (r < 0)
        return r;
    r = slurm_job_read(arena, text, out);
    return r < 0 ? err_set(err, r, "scontrol says nothing of job %s", id) : 0;
}

bool slurm_job_ended(const struct slurm_job *job)
{
    static const char *const lives[] = {
        "PENDING",      "CONFIGURING",  "RUNNING",  "COMPLETING",    "REQUEUED",
        "REQUEUE_FED",  "REQUEUE_HOLD", "RESIZING", "RESV_DEL_HOLD", "SIGNALING",
        "SPECIAL_EXIT", "STAGE_OUT",    "STOPPED",  "SUSPENDED"};

    for (size_t i = 0; i < ARRAY_LEN(lives); i++)
        if (str_is(job->state, lives[i]))
            return false;
    return true;
}

int slurm_job_requeue(struct arena *arena, const char *id, struct err *err)
{
    const char *const words[] = {"scontrol", "requeue", id, NULL};
    struct str text;

    return tool_ask(arena, words, (struct str){0}, ASK_TIMEOUT_MS, &text, err);
}
