/* probes - what the probe's tests of a node measure beside what others reach, in turn in one
 * process.
 *
 *   probes [-r ROUNDS] [-m MILLISECONDS] [-1] [-c]
 *
 * Memory of the first NUMA node, all of its cores at once (-1: one core): the probe's own test,
 * memcpy on as large arrays (what mbw times), and STREAM's Copy, a plain loop over doubles. All
 * count a byte that is copied twice, read and written. Matrix rate of the first core, all at work:
 * the probe's own product, oneDNN's sgemm of 512 x 512 x 512 on one thread each, and multiply-adds
 * between registers; with -c a second is one that the thread got of its core, which says more on a
 * machine that others use. Printed are medians [min max], and the ratio ours / theirs round by
 * round. */
#include "base/clock.h"
#include "base/stats.h"
#include "probe/cpu.h"
#include "probe/cpus.h"
#include "probe/matrix.h"
#include "probe/memory.h"
#include "probe/team.h"

#include <immintrin.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef HAVE_DNNL
#include <dnnl.h>
#include <omp.h>
#endif

#define ROUNDS_MAX 101
#define SLICES     5 /* of a measurement */

static void die(const char *what)
{
    (void)fprintf(stderr, "probes: %s\n", what);
    exit(2);
}

static int64_t thread_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t (*now_ns)(void) = clock_now_ns;

/* ---- ours ---- */

struct heard {
    double read, copy; /* of the first NUMA node */
    uint64_t bytes;
    char numa[MEASURE_TEXT_BYTES];
};

static void hear(void *data, const struct measure *m)
{
    struct heard *heard = data;

    if (strcmp(m->metric->name, "memory.read") == 0 && strcmp(m->part, heard->numa) == 0)
        heard->read = m->value;
    if (strcmp(m->metric->name, "memory.copy") == 0 && strcmp(m->part, heard->numa) == 0) {
        heard->copy = m->value;
        heard->bytes = m->bytes;
    }
}

static void hear_trouble(void *data, const struct fabric_trouble *trouble)
{
    (void)data;
    die(trouble->words);
}

static const struct matrix_ops *best;

static void multiply(void *data, size_t core)
{
    for (int i = 0; i < 8; i++)
        best->multiply((struct matrix *)data + core);
}

/* Of the first core, as the probe takes it. */
static double matrix_rate(const struct numa *numa, int64_t ns)
{
    static struct matrix *matrices;
    const struct matrix_ops *levels[MATRIX_LEVELS];
    double rates[SLICES * CPULIST_CPUS_MAX], first[SLICES];
    struct cpu_bench bench = {NULL, 8 * MATRIX_FLOP, multiply, now_ns};

    (void)matrix_levels(levels);
    best = levels[0];
    if (!matrices) {
        matrices = aligned_alloc(64, numa->core_count * sizeof(*matrices));
        for (size_t i = 0; i < numa->core_count; i++)
            matrix_fill(&matrices[i]);
    }
    bench.data = matrices;
    if (cpu_rates(numa->cores, numa->core_count, &bench, ns, SLICES, rates, NULL) < 0)
        die("no threads");
    for (size_t i = 0; i < SLICES; i++)
        first[i] = rates[i * numa->core_count];
    return stats_median(first, SLICES);
}

/* ---- theirs ---- */

enum { BY_MEMCPY, BY_LOOP, BY_REGISTERS, BY_DNNL };

struct peer {
    int how;
    size_t count, bytes; /* cores; of a core's share */
    char *from, *to;
    int64_t ns; /* of a slice */
    double *rates;
};

#define SGEMM 512

#define REGISTERS(name, isa, vector, registers, lanes, constraint, multiply)                       \
    __attribute__((target(isa))) static double name(void)                                          \
    {                                                                                              \
        vector sum[registers] = {0}, x = {0};                                                      \
                                                                                                   \
        for (int turn = 0; turn < 10000; turn++)                                                   \
            for (int i = 0; i < registers; i++) {                                                  \
                sum[i] = multiply(x, x, sum[i]);                                                   \
                __asm__ volatile("" : "+" constraint(sum[i]));                                     \
            }                                                                                      \
        return 10000.0 * registers * lanes * 2;                                                    \
    }

REGISTERS(registers_avx512, "avx512f", __m512, 16, 16, "v", _mm512_fmadd_ps)
REGISTERS(registers_avx2, "avx2,fma", __m256, 12, 8, "x", _mm256_fmadd_ps)

static double turn(const struct peer *peer, size_t core, float *matrices)
{
    char *from = peer->from + core * peer->bytes, *to = peer->to + core * peer->bytes;

    switch (peer->how) {
    case BY_MEMCPY:
        memcpy(to, from, peer->bytes);
        return 2 * (double)peer->bytes;
    case BY_LOOP:
        for (size_t i = 0; i < peer->bytes / sizeof(double); i++) {
            ((double *)to)[i] = ((const double *)from)[i];
            __asm__ volatile("" ::: "memory"); /* else gcc calls memcpy, which STREAM's does not */
        }
        return 2 * (double)peer->bytes;
    case BY_REGISTERS:
        return __builtin_cpu_supports("avx512f") ? registers_avx512() : registers_avx2();
    default:
#ifdef HAVE_DNNL
        (void)dnnl_sgemm('N', 'N', SGEMM, SGEMM, SGEMM, 1, matrices, SGEMM,
                         matrices + SGEMM * SGEMM, SGEMM, 0, matrices + 2 * SGEMM * SGEMM, SGEMM);
#else
        (void)matrices;
#endif
        return 2.0 * SGEMM * SGEMM * SGEMM;
    }
}

static void work(void *arg, size_t core)
{
    const struct peer *peer = arg;
    float *matrices = calloc(3 * SGEMM * SGEMM, sizeof(*matrices));
    int64_t (*now)(void) = peer->how == BY_MEMCPY || peer->how == BY_LOOP ? clock_now_ns : now_ns;
    double amount = 0;
    int64_t begin;

#ifdef HAVE_DNNL
    omp_set_num_threads(1); /* of this thread's teams */
#endif
    begin = now();
    do {
        amount += turn(peer, core, matrices);
    } while (now() - begin < peer->ns);
    peer->rates[core] = amount / ((double)(now() - begin) * 1e-9);
    free(matrices);
}

/* Of the first core, or of all together: the median of SLICES after one that does not count, as the
 * probe's own tests take it, or who is preempted less would look faster. */
static double rate(struct peer *peer, int how, const uint32_t *cores, bool all)
{
    double values[SLICES];

    peer->how = how;
    for (int slice = 0; slice <= SLICES; slice++) {
        double *sum = &values[slice ? slice - 1 : 0];

        if (team_run(cores, peer->count, work, peer, NULL) < 0)
            die("no threads");
        *sum = 0;
        for (size_t i = 0; i < (all ? peer->count : 1); i++)
            *sum += peer->rates[i];
    }
    return stats_median(values, SLICES);
}

/* ---- the table ---- */

static void print_row(const char *name, const double *values, const double *ours, size_t rounds)
{
    double sorted[ROUNDS_MAX], ratio[ROUNDS_MAX];

    for (size_t i = 0; i < rounds; i++) {
        sorted[i] = values[i] * 1e-9;
        ratio[i] = ours[i] / values[i];
    }
    stats_sort(sorted, rounds);
    stats_sort(ratio, rounds);
    (void)printf("%-32s %7.1f [%.1f %.1f]", name, sorted[rounds / 2], sorted[0],
                 sorted[rounds - 1]);
    if (values != ours)
        (void)printf("  ours / it %.2f [%.2f %.2f]", ratio[rounds / 2], ratio[0],
                     ratio[rounds - 1]);
    (void)printf("\n");
}

static char *memory(size_t bytes)
{
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        die("no memory");
    (void)madvise(p, bytes, MADV_HUGEPAGE); /* as the probe's own */
    memset(p, 1, bytes);
    return p;
}

static void keep_one_core(void)
{
    cpu_set_t set, one;
    int cpu = 0;

    (void)sched_getaffinity(0, sizeof(set), &set);
    while (!CPU_ISSET(cpu, &set))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    (void)sched_setaffinity(0, sizeof(one), &one);
}

int main(int argc, char **argv)
{
    enum { READ, COPY, MEMCPY, LOOP, MATRIX, DNNL, REGISTERS, ROWS };
    static double values[ROWS][ROUNDS_MAX];
    size_t rounds = 11, ms = 300;
    struct heard heard = {0};
    struct telling telling = {&heard, hear, hear_trouble};
    struct arena *arena = arena_new(0);
    struct cpulist allowed;
    struct cpus cpus;
    struct peer peer;
    int option;

    while ((option = getopt(argc, argv, "r:m:1c")) != -1) {
        if (option == 'r')
            rounds = strtoul(optarg, NULL, 10);
        else if (option == 'm')
            ms = strtoul(optarg, NULL, 10);
        else if (option == '1')
            keep_one_core();
        else if (option == 'c')
            now_ns = thread_now_ns;
        else
            return 2;
    }
    if (rounds < 1 || rounds > ROUNDS_MAX)
        return 2;
    if (!arena || cpus_allowed(&allowed, NULL) < 0 ||
        cpus_read(arena, "", &allowed, &cpus, NULL) < 0)
        die("no CPUs");
    (void)snprintf(heard.numa, sizeof(heard.numa), "numa%u", (unsigned)cpus.numas[0].number);
    peer = (struct peer){.count = cpus.numas[0].core_count,
                         .ns = (int64_t)ms * 1000000 / (SLICES + 1)};
    peer.rates = calloc(peer.count, sizeof(*peer.rates));
    for (size_t i = 0; i <= rounds; i++) { /* the first is written over */
        struct probe probe = {
            .telling = &telling, .ms = (uint32_t)ms, .deadline_ms = clock_now_ms() + 60000};
        size_t at = i ? i - 1 : 0;

        probe_test_memory(&probe);
        if (!peer.from) { /* as much as the probe takes */
            peer.bytes = heard.bytes / peer.count / 4096 * 4096;
            peer.from = memory(heard.bytes);
            peer.to = memory(heard.bytes);
        }
        values[READ][at] = heard.read;
        values[COPY][at] = heard.copy;
        values[MATRIX][at] = matrix_rate(&cpus.numas[0], peer.ns);
        values[MEMCPY][at] = rate(&peer, BY_MEMCPY, cpus.numas[0].cores, true);
        values[LOOP][at] = rate(&peer, BY_LOOP, cpus.numas[0].cores, true);
        values[REGISTERS][at] = rate(&peer, BY_REGISTERS, cpus.numas[0].cores, false);
        values[DNNL][at] = rate(&peer, BY_DNNL, cpus.numas[0].cores, false);
    }
    (void)printf("memory of %s, %zu cores, 2 x %zu MiB, GB/s read and written\n", heard.numa,
                 peer.count, (size_t)heard.bytes >> 20);
    print_row("memory.read", values[READ], values[READ], rounds);
    print_row("memory.copy", values[COPY], values[COPY], rounds);
    print_row("memcpy, as mbw", values[MEMCPY], values[COPY], rounds);
    print_row("a loop, as STREAM's Copy", values[LOOP], values[COPY], rounds);
    (void)printf("matrix rate of cpu%u, %zu cores at work, GFLOP/s in fp32\n",
                 (unsigned)cpus.numas[0].cores[0], peer.count);
    print_row("cpu.matrix", values[MATRIX], values[MATRIX], rounds);
#ifdef HAVE_DNNL
    print_row("oneDNN sgemm 512", values[DNNL], values[MATRIX], rounds);
#else
    (void)printf("skipped: oneDNN: built without libdnnl-dev\n");
#endif
    print_row("between registers", values[REGISTERS], values[MATRIX], rounds);
    arena_free(arena);
    free(peer.rates);
    return 0;
}
