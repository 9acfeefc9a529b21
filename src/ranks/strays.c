#include "ranks/strays.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "ranks/procs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define END_MAX_MS  5000
#define LOOK_MS     2
#define WORDS_BYTES (64u << 10) /* of an agent's command line */

static void pause_a_moment(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
}

struct strays {
    struct procs procs;
    char word[256];
    struct stat program; /* ours */
    unsigned found;
};

static bool exe_is(pid_t pid, const struct stat *program)
{
    char path[64];
    struct stat exe;

    (void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    return stat(path, &exe) == 0 && exe.st_dev == program->st_dev && exe.st_ino == program->st_ino;
}

/* Is there an agent or a warden above it? Several agents of one run may share a machine, and each
 * looks after its own. We ourselves are one. */
static bool cared_for(const struct strays *strays, pid_t pid)
{
    const struct procs_row *row = procs_find(&strays->procs, pid);

    for (size_t steps = 0; row && steps < strays->procs.count; steps++) {
        if (exe_is(row->pid, &strays->program))
            return true;
        row = procs_find(&strays->procs, row->parent);
    }
    return false;
}

static bool is_ours(pid_t pid)
{
    char path[64];
    struct stat owner;

    (void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    return stat(path, &owner) == 0 && owner.st_uid == geteuid();
}

static void look_at(struct strays *strays, const struct procs_row *row)
{
    if (row->state == 'Z' || procs_below(&strays->procs, getpid(), row->pid) ||
        !is_ours(row->pid) || !procs_env_has(row->pid, strays->word) || cared_for(strays, row->pid))
        return;
    strays->found++;
    procs_signal(row, SIGKILL);
}

/* Again until a look finds none: what forked meanwhile carries the same environment. A stray that
 * was killed is seen again until it is gone, so the most that one look saw is counted. */
unsigned strays_end(const char *run)
{
    struct strays strays = {0};
    int64_t end = clock_now_ms() + END_MAX_MS;
    unsigned most = 0;

    if (snprintf(strays.word, sizeof(strays.word), "FIRSTLIGHT_RUN_ID=%s", run) >=
            (int)sizeof(strays.word) ||
        stat("/proc/self/exe", &strays.program) < 0)
        return 0;
    do {
        strays.found = 0;
        if (procs_take(&strays.procs) < 0)
            break;
        for (size_t i = 0; i < strays.procs.count; i++)
            look_at(&strays, &strays.procs.rows[i]);
        procs_done(&strays.procs);
        most = strays.found > most ? strays.found : most;
        if (strays.found)
            pause_a_moment();
    } while (strays.found && clock_now_ms() < end);
    return most;
}

/* Does its command line say "--name value"? Words are separated by NULs. */
static bool says(struct str line, const char *name, const char *value)
{
    struct str word;
    bool next = false;

    while (str_cut(&line, '\0', &word)) {
        if (next && str_is(word, value))
            return true;
        next = str_is(word, name);
    }
    return false;
}

static bool is_agent_of(const struct strays *strays, pid_t pid, const char *run, const char *node)
{
    char path[64], *text;
    size_t len;
    bool found;

    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    if (!is_ours(pid) || !exe_is(pid, &strays->program) ||
        file_read(path, WORDS_BYTES, &text, &len, NULL) < 0)
        return false;
    found = says((struct str){text, len}, "--run", run) &&
            says((struct str){text, len}, "--node", node);
    free(text);
    return found;
}

/* The agent and its warden, stopped ones too. Until both are gone, what is below them has somebody
 * who cares for it. */
static unsigned end_agents(const char *run, uint32_t node)
{
    struct strays strays = {0};
    int64_t end = clock_now_ms() + END_MAX_MS;
    char number[16];
    unsigned most = 0;

    (void)snprintf(number, sizeof(number), "%u", node);
    if (stat("/proc/self/exe", &strays.program) < 0)
        return 0;
    do {
        strays.found = 0;
        if (procs_take(&strays.procs) < 0)
            break;
        for (size_t i = 0; i < strays.procs.count; i++) {
            const struct procs_row *row = &strays.procs.rows[i];

            if (row->state == 'Z' || row->pid == getpid() || row->pid == getppid() ||
                !is_agent_of(&strays, row->pid, run, number))
                continue;
            strays.found++;
            procs_signal(row, SIGKILL);
        }
        procs_done(&strays.procs);
        most = strays.found > most ? strays.found : most;
        if (strays.found)
            pause_a_moment();
    } while (strays.found && clock_now_ms() < end);
    return most;
}

unsigned strays_end_node(const char *run, uint32_t node)
{
    unsigned agents = end_agents(run, node);

    return agents + strays_end(run);
}
