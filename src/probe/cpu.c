#include "probe/cpu.h"

#include "base/clock.h"
#include "probe/cpus.h"
#include "probe/matrix.h"
#include "probe/team.h"
#include "probe/time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define REPEATS 5
#define TURN    8 /* products between two looks at the clock: some 50 us */

struct slice {
    const struct cpu_bench *bench;
    int64_t ns;
    double *rates;
};

static void work(void *arg, size_t core)
{
    const struct slice *slice = arg;
    const struct cpu_bench *bench = slice->bench;
    int64_t begin = bench->now_ns(), now;
    double turns = 0;

    do {
        bench->turn(bench->data, core);
        turns++;
        now = bench->now_ns();
    } while (now - begin < slice->ns);
    slice->rates[core] = turns * bench->flop / ((double)(now - begin) * 1e-9);
}

int cpu_rates(const uint32_t *cores, size_t count, const struct cpu_bench *bench, int64_t slice_ns,
              size_t repeats, double *rates, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i <= repeats; i++) {
        /* The first is written over. */
        struct slice slice = {bench, slice_ns, rates + (i ? i - 1 : 0) * count};

        r = team_run(cores, count, work, &slice, err);
    }
    return r;
}

/* Of each core, in memory of its own NUMA node: the core itself is the first to write there. */
struct core {
    _Alignas(4096) struct matrix matrix;
    const struct matrix_ops *ops; /* NULL: it has not begun */
    uint64_t hash;                /* of its first product */
    uint64_t odd;                 /* turns that ended with another */
};

static void turn(void *data, size_t index)
{
    struct core *core = (struct core *)data + index;
    bool first = !core->ops;
    uint64_t hash;

    if (first) {
        const struct matrix_ops *levels[MATRIX_LEVELS];

        (void)matrix_levels(levels);
        core->ops = levels[0];
        matrix_fill(&core->matrix);
    }
    for (int i = 0; i < TURN; i++)
        core->ops->multiply(&core->matrix);
    hash = matrix_hash(&core->matrix);
    if (first)
        core->hash = hash;
    core->odd += hash != core->hash;
}

/* The hash that most cores have. */
static uint64_t usual_hash(const struct core *cores, size_t count)
{
    uint64_t hash = 0;
    size_t votes = 0;

    for (size_t i = 0; i < count; i++) {
        if (votes == 0)
            hash = cores[i].hash;
        votes += cores[i].hash == hash ? 1 : (size_t)-1;
    }
    return hash;
}

static void tell(const struct probe *probe, const struct cpus *cpus, const struct core *cores,
                 const double *rates)
{
    uint64_t usual = usual_hash(cores, cpus->core_count);

    for (size_t i = 0; i < cpus->core_count; i++) {
        unsigned number = cpus->cores[i];
        double values[REPEATS];
        char part[MEASURE_TEXT_BYTES];

        for (size_t k = 0; k < REPEATS; k++)
            values[k] = rates[k * cpus->core_count + i];
        (void)snprintf(part, sizeof(part), "cpu%u", number);
        probe_tell(probe, "cpu.matrix", MEASURE_NOBODY, sizeof(struct matrix), part, NULL, values,
                   REPEATS);
        if (cores[i].odd || cores[i].hash != usual)
            probe_tell_trouble(probe, TROUBLE_TEST, TEST_CPU, MEASURE_NOBODY,
                               "cpu%u miscalculates: of the same product it finds %s", number,
                               cores[i].odd ? "another result at times"
                                            : "another result than the other cores");
    }
}

static int measure(const struct probe *probe, const struct cpus *cpus, struct err *err)
{
    size_t count = cpus->core_count, bytes = count * sizeof(struct core);
    double *rates = calloc(count, REPEATS * sizeof(*rates));
    struct core *cores =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct cpu_bench bench = {cores, TURN * MATRIX_FLOP, turn, clock_now_ns};
    int r = -ENOMEM;

    if (!rates || cores == MAP_FAILED)
        (void)err_set(err, r, "no memory for the matrices of %zu cores", count);
    else
        r = cpu_rates(cpus->cores, count, &bench, probe_slice_ns(probe, REPEATS + 1), REPEATS,
                      rates, err);
    if (r == 0)
        tell(probe, cpus, cores, rates);
    free(rates);
    if (cores != MAP_FAILED)
        (void)munmap(cores, bytes);
    return r;
}

void probe_test_cpu(const struct probe *probe)
{
    struct arena *arena = arena_new(0);
    struct cpus cpus;
    struct err err;
    int r = arena ? 0 : err_set(&err, -ENOMEM, "no memory");

    if (r == 0)
        r = cpus_here(arena, &cpus, &err);
    if (r == 0)
        r = probe_time_left(probe, &err);
    if (r == 0)
        r = measure(probe, &cpus, &err);
    if (r < 0)
        probe_tell_trouble(probe, TROUBLE_TEST, TEST_CPU, MEASURE_NOBODY, "%s", err.text);
    arena_free(arena);
}
