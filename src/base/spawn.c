#include "base/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

static int set_files(posix_spawn_file_actions_t *actions, const int fds[3])
{
    int r = 0;

    for (int i = 0; i < 3 && !r; i++)
        r = i == 0 && fds[i] < 0
                ? posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDONLY, 0)
                : posix_spawn_file_actions_adddup2(actions, fds[i], i);
    return r;
}

static void set_signals(posix_spawnattr_t *attr)
{
    sigset_t signals;

    (void)posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                             POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setpgroup(attr, 0);
    (void)sigemptyset(&signals);
    (void)posix_spawnattr_setsigmask(attr, &signals);
    (void)sigfillset(&signals);
    (void)posix_spawnattr_setsigdefault(attr, &signals);
}

int spawn_group(const char *program, const char *const *words, char *const *env, const int fds[3],
                pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int r = posix_spawn_file_actions_init(&actions);

    if (r)
        return -r;
    r = posix_spawnattr_init(&attr);
    if (!r) {
        set_signals(&attr);
        r = set_files(&actions, fds);
        if (!r)
            r = posix_spawnp(pid, program, &actions, &attr, (char *const *)words, env);
        (void)posix_spawnattr_destroy(&attr);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return -r;
}
