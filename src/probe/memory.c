#include "probe/memory.h"

#include "base/memory_limit.h"
#include "probe/stream.h"
#include "probe/team.h"
#include "probe/time.h"

#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REPEATS    5
#define CHUNK      ((size_t)256 << 10) /* between two looks at the clock: 10 us and more */
#define HUGE_PAGE  ((size_t)2 << 20)
#define CACHES     4 /* a buffer is so many times what the caches hold, as STREAM demands */
#define CACHES_MIN 2 /* and so many times at least, where memory is short */
#define FREE_PART  8 /* of free memory: there are two buffers, and others want some */
#define LIMIT_PART 4 /* of what a control group leaves: two buffers, and as much again */
#define BYTES_MIN  ((size_t)64 << 20) /* of caches that are not known */
#define BYTES_MAX  ((size_t)4 << 30)
#define MILLI_MIN  5 /* a shorter copy says nothing */

/* Two buffers on each NUMA node: reads come from the one, copies go to the other. */
struct place {
    const struct numa *numa;
    char *from, *to;
};

/* What one core does: its share of the buffers, again and again. */
struct lane {
    char *from, *to; /* to NULL: it only reads */
    size_t bytes, at;
    double rate;
    unsigned seen; /* so that no compiler leaves a read out */
};

struct work {
    const struct stream_ops *ops;
    struct lane *lanes;
    int64_t ns;
};

/* The place goes on where the last slice ended: what was just used is still in the caches. */
static void stream(void *arg, size_t index)
{
    const struct work *work = arg;
    struct lane *lane = &work->lanes[index];
    int64_t begin = clock_now_ns(), now;
    double bytes = 0;

    do {
        size_t left = lane->bytes - lane->at, chunk = left < CHUNK ? left : CHUNK;

        if (lane->to)
            work->ops->copy(lane->to + lane->at, lane->from + lane->at, chunk);
        else
            lane->seen |= work->ops->read(lane->from + lane->at, chunk);
        bytes += (double)chunk;
        lane->at = chunk == left ? 0 : lane->at + chunk;
        now = clock_now_ns();
    } while (now - begin < work->ns);
    lane->rate = bytes / ((double)(now - begin) * 1e-9);
}

static void touch(void *arg, size_t index)
{
    const struct work *work = arg;
    const struct lane *lane = &work->lanes[index];

    memset(lane->from, 1, lane->bytes);
    memset(lane->to, 2, lane->bytes);
}

/* The share of each of `count` cores, in whole blocks. */
static struct lane *share(char *from, char *to, size_t bytes, size_t count)
{
    struct lane *lanes = calloc(count, sizeof(*lanes));
    size_t part = bytes / count / STREAM_BLOCK * STREAM_BLOCK;

    for (size_t i = 0; lanes && i < count; i++)
        lanes[i] =
            (struct lane){.from = from + i * part, .to = to ? to + i * part : NULL, .bytes = part};
    return lanes;
}

/* Bytes a second of all cores of `numa` together, one value a repeat. */
static int run(const struct numa *numa, char *from, char *to, size_t bytes, int64_t slice_ns,
               double values[REPEATS], struct err *err)
{
    const struct stream_ops *levels[STREAM_LEVELS];
    struct work work = {.lanes = share(from, to, bytes, numa->core_count), .ns = slice_ns};
    int r = 0;

    if (!work.lanes)
        return err_set(err, -ENOMEM, "no memory for %zu threads", numa->core_count);
    (void)stream_levels(levels);
    work.ops = levels[0];
    for (int i = 0; r == 0 && i <= REPEATS; i++) { /* the first is written over */
        double *value = &values[i ? i - 1 : 0];

        r = team_run(numa->cores, numa->core_count, stream, &work, err);
        *value = 0;
        for (size_t k = 0; k < numa->core_count; k++)
            *value += work.lanes[k].rate;
    }
    free(work.lanes);
    return r;
}

/* Memory of that NUMA node: asked for by policy, so that the kernel doesn't move it to who reads
 * it, and first touched by the node's own cores, which is enough where a container forbids the
 * policy. */
static int place_new(const struct numa *numa, bool several, size_t bytes, struct place *place,
                     struct err *err)
{
    unsigned long mask[CPUS_NUMA_MAX / (8 * sizeof(unsigned long))] = {0};
    size_t bits = 8 * sizeof(*mask);
    struct work work = {0};
    int r;

    *place = (struct place){.numa = numa};
    place->from = mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place->from == MAP_FAILED) {
        place->from = NULL;
        return err_set(err, -ENOMEM, "no memory of 2 x %zu MiB", bytes >> 20);
    }
    place->to = place->from + bytes;
    (void)madvise(place->from, 2 * bytes, MADV_HUGEPAGE); /* else it measures the TLB */
    mask[numa->number / bits] |= 1ul << numa->number % bits;
    if (several &&
        syscall(SYS_mbind, place->from, 2 * bytes, MPOL_BIND, mask, CPUS_NUMA_MAX + 1, 0) < 0 &&
        errno != EPERM && errno != ENOSYS)
        return err_set(err, -errno, "its memory can't be had: %m");
    work.lanes = share(place->from, place->to, bytes, numa->core_count);
    if (!work.lanes)
        return err_set(err, -ENOMEM, "no memory for %zu threads", numa->core_count);
    r = team_run(numa->cores, numa->core_count, touch, &work, err);
    free(work.lanes);
    return r;
}

static void place_free(struct place *place, size_t bytes)
{
    if (place->from)
        (void)munmap(place->from, 2 * bytes);
    *place = (struct place){0};
}

/* The same for all NUMA nodes, so that each can copy to each. */
static size_t buffer_bytes(const struct cpus *cpus)
{
    uint64_t allowed = memory_limit_left("") / LIMIT_PART / cpus->numa_count;
    size_t bytes = 0;

    for (size_t i = 0; i < cpus->numa_count; i++) {
        size_t want = cpus->numas[i].cache ? CACHES * cpus->numas[i].cache : BYTES_MIN;

        if (want > bytes)
            bytes = want;
    }
    bytes = bytes < BYTES_MAX ? bytes : BYTES_MAX;
    bytes = bytes < allowed ? bytes : allowed;
    for (size_t i = 0; i < cpus->numa_count; i++)
        if (cpus->numas[i].free_bytes && cpus->numas[i].free_bytes / FREE_PART < bytes)
            bytes = cpus->numas[i].free_bytes / FREE_PART;
    return bytes / HUGE_PAGE * HUGE_PAGE;
}

static int measure_numa(const struct probe *probe, const struct place *place, size_t bytes,
                        struct err *err)
{
    double values[REPEATS];
    char part[MEASURE_TEXT_BYTES];
    int r;

    (void)snprintf(part, sizeof(part), "numa%u", (unsigned)place->numa->number);
    r = run(place->numa, place->from, NULL, bytes, probe_slice_ns(probe, REPEATS + 1), values, err);
    if (r < 0)
        return r;
    probe_tell(probe, "memory.read", MEASURE_NOBODY, bytes, part, NULL, values, REPEATS);
    r = run(place->numa, place->from, place->to, bytes, probe_slice_ns(probe, REPEATS + 1), values,
            err);
    if (r < 0)
        return r;
    for (int i = 0; i < REPEATS; i++)
        values[i] *= 2; /* a byte that is copied is read and written */
    probe_tell(probe, "memory.copy", MEASURE_NOBODY, bytes, part, NULL, values, REPEATS);
    return 0;
}

/* `pairs` are still to come, this one with them: each gets its share of the time. */
static int measure_pair(const struct probe *probe, const struct place *from, const struct place *to,
                        size_t bytes, size_t pairs, struct err *err)
{
    int64_t left = probe->deadline_ms - clock_now_ms(), ms = left / (int64_t)pairs;
    double values[REPEATS];
    char part[MEASURE_TEXT_BYTES];
    int r;

    if (ms > probe->ms)
        ms = probe->ms;
    if (ms < MILLI_MIN)
        return err_set(err, -ETIME, "no time for %zu pairs of NUMA nodes", pairs);
    r = run(from->numa, from->from, to->to, bytes, ms * 1000000 / (REPEATS + 1), values, err);
    if (r < 0)
        return r;
    (void)snprintf(part, sizeof(part), "numa%u>numa%u", (unsigned)from->numa->number,
                   (unsigned)to->numa->number);
    probe_tell(probe, "numa.copy", MEASURE_NOBODY, bytes, part, NULL, values, REPEATS);
    return 0;
}

static void trouble(const struct probe *probe, const struct numa *numa, const struct err *err)
{
    probe_tell_trouble(probe, TROUBLE_TEST, TEST_MEMORY, MEASURE_NOBODY, "memory of numa%u: %s",
                       (unsigned)numa->number, err->text);
}

static size_t bytes_needed(const struct numa *numa)
{
    size_t bytes = numa->cache ? CACHES_MIN * numa->cache : BYTES_MIN;

    return bytes < HUGE_PAGE ? HUGE_PAGE : bytes < BYTES_MAX ? bytes : BYTES_MAX;
}

/* Returns how many have memory: these are in front. */
static size_t measure_each(const struct probe *probe, const struct cpus *cpus, size_t bytes,
                           struct place *places)
{
    size_t usable = 0;

    for (size_t i = 0; i < cpus->numa_count; i++) {
        const struct numa *numa = &cpus->numas[i];
        struct place *place = &places[usable];
        struct err err;
        size_t needed = bytes_needed(numa);
        int r = bytes < needed
                    ? err_set(&err, -ENOMEM,
                              "there is room for a buffer of %zu MiB, which says nothing "
                              "below %zu MiB",
                              bytes >> 20, needed >> 20)
                    : probe_time_left(probe, &err);

        if (r == 0)
            r = place_new(numa, cpus->numa_count > 1, bytes, place, &err);
        if (r == 0)
            r = measure_numa(probe, place, bytes, &err);
        if (r == 0) {
            usable++;
            continue;
        }
        trouble(probe, numa, &err);
        place_free(place, bytes);
    }
    return usable;
}

void memory_measure(const struct probe *probe, const struct cpus *cpus)
{
    struct place *places = calloc(cpus->numa_count, sizeof(*places));
    size_t bytes = buffer_bytes(cpus), usable, pairs;
    struct err err = {0};

    if (!places) {
        probe_tell_trouble(probe, TROUBLE_TEST, TEST_MEMORY, MEASURE_NOBODY, "no memory");
        return;
    }
    usable = measure_each(probe, cpus, bytes, places);
    pairs = usable * (usable ? usable - 1 : 0);
    for (size_t i = 0; i < usable && err.code == 0; i++)
        for (size_t k = 0; k < usable && err.code == 0; k++)
            if (i != k && measure_pair(probe, &places[i], &places[k], bytes, pairs--, &err) < 0)
                trouble(probe, places[i].numa, &err);
    for (size_t i = 0; i < usable; i++)
        place_free(&places[i], bytes);
    free(places);
}

void probe_test_memory(const struct probe *probe)
{
    struct arena *arena = arena_new(0);
    struct cpus cpus;
    struct err err;
    int r = arena ? 0 : err_set(&err, -ENOMEM, "no memory");

    if (r == 0)
        r = cpus_here(arena, &cpus, &err);
    if (r == 0)
        memory_measure(probe, &cpus);
    else
        probe_tell_trouble(probe, TROUBLE_TEST, TEST_MEMORY, MEASURE_NOBODY, "%s", err.text);
    arena_free(arena);
}
