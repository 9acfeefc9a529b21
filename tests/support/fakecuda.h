/* tests/support/fakecuda - runs a test program again with the made-up NVIDIA libraries of
 * tests/fakecuda on its path: the loader reads LD_LIBRARY_PATH when a program starts. */
#ifndef SUPPORT_FAKECUDA_H
#define SUPPORT_FAKECUDA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAKECUDA_HAVE "FIRSTLIGHT_FAKE_CUDA_HAVE" /* "driver cublas", "driver", "nothing" */

/* The exit code of this program with those libraries. */
static inline int fakecuda_again(const char *have)
{
    char path[4096];
    const char *bin = getenv("FIRSTLIGHT_BIN");
    int status;
    pid_t pid;

    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) {
        int n = bin ? snprintf(path, sizeof(path), "%s/../fakecuda", bin)
                    : (int)readlink("/proc/self/exe", path, sizeof(path) - 32);

        if (n < 0)
            _exit(2);
        path[n] = '\0';
        if (!bin)
            (void)strcpy(strrchr(path, '/'), "/../fakecuda");
        if (strcmp(have, "nothing") != 0) {
            char folders[2 * sizeof(path)];

            (void)snprintf(folders, sizeof(folders), "%s/driver:%s/%s", path, path,
                           strstr(have, "cublas") ? "cublas" : "none");
            (void)setenv("LD_LIBRARY_PATH", folders, 1);
        }
        (void)setenv(FAKECUDA_HAVE, have, 1);
        (void)execl("/proc/self/exe", "test", NULL);
        _exit(2);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

#endif
