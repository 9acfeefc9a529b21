/* measure - time whole commands side by side.
 *
 *   measure [-n RUNS] [-b BYTES] NAME=COMMAND NAME=COMMAND ...
 *
 * Runs the commands in turn (A B C A B C ...), once uncounted and then RUNS times, through `sh -c`,
 * with their output thrown away. Prints wall time, CPU time and the peak memory of the largest
 * process as median [min max], and each command's ratio to the first, run by run; with -b, the size
 * of what each reads, also MB/s of the median wall and CPU time. An exit status above 1 is an
 * error: firstlight's 1 means findings. */
#include "base/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX     200
#define COMMANDS_MAX 16

struct sample {
    double wall_s, cpu_s, peak_mib;
};

struct bench {
    const char *name, *command;
    struct sample samples[RUNS_MAX];
};

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

static int run(const char *command, struct sample *out)
{
    struct timespec begin, end;
    struct rusage usage;
    int status;
    pid_t pid;

    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
            _exit(126);
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    while (wait4(pid, &status, 0, &usage) < 0)
        if (errno != EINTR)
            return -errno;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    out->wall_s =
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
    out->cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    out->peak_mib = (double)usage.ru_maxrss / 1024;
    return WIFEXITED(status) && WEXITSTATUS(status) <= 1 ? 0 : -ECHILD;
}

/* "12.3 [11.9 14.0]" with a unit's factor. */
static void print_spread(double *values, int count, double factor, const char *format)
{
    stats_sort(values, (size_t)count);
    (void)printf(format, values[count / 2] * factor, values[0] * factor,
                 values[count - 1] * factor);
}

static void print_row(const struct bench *bench, const struct bench *first, int runs, double bytes)
{
    double wall[RUNS_MAX], cpu[RUNS_MAX], peak[RUNS_MAX], ratio[RUNS_MAX];

    for (int i = 0; i < runs; i++) {
        wall[i] = bench->samples[i].wall_s;
        cpu[i] = bench->samples[i].cpu_s;
        peak[i] = bench->samples[i].peak_mib;
        ratio[i] = bench->samples[i].wall_s / first->samples[i].wall_s;
    }
    (void)printf("%-28s ", bench->name);
    print_spread(wall, runs, 1e3, "%9.1f [%.1f %.1f] ms ");
    print_spread(cpu, runs, 1e3, " cpu %.1f [%.1f %.1f] ms ");
    print_spread(peak, runs, 1, " peak %.1f [%.1f %.1f] MiB ");
    print_spread(ratio, runs, 1, " ratio %.2f [%.2f %.2f]");
    if (bytes > 0) /* the spreads are sorted by now */
        (void)printf("  %.0f MB/s, %.0f a CPU second", bytes * 1e-6 / wall[runs / 2],
                     bytes * 1e-6 / cpu[runs / 2]);
    (void)printf("\n");
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct bench benches[COMMANDS_MAX];
    int runs = 7, count = 0, option;
    double bytes = 0;

    while ((option = getopt(argc, argv, "n:b:")) != -1) {
        if (option == 'n')
            runs = atoi(optarg);
        else if (option == 'b')
            bytes = atof(optarg);
        else
            return 2;
    }
    if (runs < 1 || runs > RUNS_MAX)
        return 2;
    for (int i = optind; i < argc && count < COMMANDS_MAX; i++) {
        char *equals = strchr(argv[i], '=');

        if (!equals)
            return 2;
        *equals = '\0';
        benches[count].name = argv[i];
        benches[count++].command = equals + 1;
    }
    for (int i = -1; i < runs; i++)
        for (int b = 0; b < count; b++) {
            struct sample sample;

            if (run(benches[b].command, &sample) < 0) {
                (void)fprintf(stderr, "measure: '%s' failed\n", benches[b].command);
                return 1;
            }
            if (i >= 0)
                benches[b].samples[i] = sample;
        }
    for (int b = 0; b < count; b++)
        print_row(&benches[b], &benches[0], runs, bytes);
    return count ? 0 : 2;
}
