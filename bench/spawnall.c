/* spawnall - the limit of a start: COUNT processes by posix_spawn, then wait for all.
 *
 *   spawnall COUNT PROGRAM [ARGUMENT ...] */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

extern char **environ;

int main(int argc, char **argv)
{
    int count = argc > 2 ? atoi(argv[1]) : 0;

    if (count < 1) {
        (void)fprintf(stderr, "usage: spawnall COUNT PROGRAM [ARGUMENT ...]\n");
        return 2;
    }
    for (int i = 0; i < count; i++) {
        pid_t pid;

        if (posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ) != 0) {
            (void)fprintf(stderr, "spawnall: cannot start %s\n", argv[2]);
            return 2;
        }
    }
    while (wait(NULL) > 0)
        ;
    return 0;
}
