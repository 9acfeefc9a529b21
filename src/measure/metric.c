#include "measure/metric.h"

#include <math.h>
#include <stdio.h>

const struct test_kind test_kinds[TEST_COUNT] = {
    [TEST_PAIRS] = {"pairs", "two nodes at a time: bandwidth and latency"},
    [TEST_LOOPBACK] = {"loopback", "each port of a node with itself"},
    [TEST_MEMORY] = {"memory", "bandwidth of each NUMA node's memory, and between NUMA nodes"},
    [TEST_CPU] = {"cpu", "matrix rate of each core"},
    [TEST_DISK] = {"disk", "write, read and fsync on the local disk"},
    [TEST_CLOCK] = {"clock", "offset and drift of the clock against the head's"},
    [TEST_NAMES] = {"names", "host names to addresses and back"},
    [TEST_GPU] = {"gpu", "memory, matrix rate and copies of each GPU"},
};

enum { NODE = 0, PAIR = 1, MORE = 0, LESS = 1 }; /* of what; which is better */

const struct metric metrics[] = {
    {"pair.bandwidth", TEST_PAIRS, UNIT_BYTES_PER_S, PAIR, MORE, "from one node to another"},
    {"pair.both", TEST_PAIRS, UNIT_BYTES_PER_S, PAIR, MORE, "both ways at once, their sum"},
    {"pair.latency.p50", TEST_PAIRS, UNIT_SECONDS, PAIR, LESS, "half a round trip, the median"},
    {"pair.latency.p99", TEST_PAIRS, UNIT_SECONDS, PAIR, LESS, "half of the 100th round trip"},
    {"pair.latency.p99.9", TEST_PAIRS, UNIT_SECONDS, PAIR, LESS, "half of the 1000th round trip"},
    {"pair.gpu.bandwidth", TEST_PAIRS, UNIT_BYTES_PER_S, PAIR, MORE, "between memories of GPUs"},
    {"nic.loopback", TEST_LOOPBACK, UNIT_BYTES_PER_S, NODE, MORE, "a port with itself"},
    {"memory.read", TEST_MEMORY, UNIT_BYTES_PER_S, NODE, MORE, "all cores of a NUMA node read"},
    {"memory.copy", TEST_MEMORY, UNIT_BYTES_PER_S, NODE, MORE, "all cores of a NUMA node copy"},
    {"numa.copy", TEST_MEMORY, UNIT_BYTES_PER_S, NODE, MORE, "from one NUMA node to another"},
    {"cpu.matrix", TEST_CPU, UNIT_FLOP_PER_S, NODE, MORE, "one core multiplies matrices"},
    {"disk.write", TEST_DISK, UNIT_BYTES_PER_S, NODE, MORE, "a file is written and synced"},
    {"disk.read", TEST_DISK, UNIT_BYTES_PER_S, NODE, MORE, "and read again from the disk"},
    {"disk.fsync", TEST_DISK, UNIT_SECONDS, NODE, LESS, "a small block is written and synced"},
    {"clock.offset", TEST_CLOCK, UNIT_SECONDS, NODE, LESS, "the clock's lead over the head's"},
    {"clock.drift", TEST_CLOCK, UNIT_RATIO, NODE, LESS, "how fast that lead grows"},
    {"names.forward", TEST_NAMES, UNIT_SECONDS, NODE, LESS, "a host name to its address"},
    {"names.reverse", TEST_NAMES, UNIT_SECONDS, NODE, LESS, "an address to its name"},
    {"gpu.memory", TEST_GPU, UNIT_BYTES_PER_S, NODE, MORE, "a GPU copies in its memory"},
    {"gpu.matrix", TEST_GPU, UNIT_FLOP_PER_S, NODE, MORE, "a GPU multiplies matrices"},
    {"gpu.copy", TEST_GPU, UNIT_BYTES_PER_S, NODE, MORE, "from one GPU to another"},
    {"gpu.host.read", TEST_GPU, UNIT_BYTES_PER_S, NODE, MORE, "from a GPU to the host's memory"},
    {"gpu.host.write", TEST_GPU, UNIT_BYTES_PER_S, NODE, MORE, "from the host's memory to a GPU"},
};
const size_t metric_count = ARRAY_LEN(metrics);

const struct metric *metric_find(struct str name)
{
    for (size_t i = 0; i < metric_count; i++)
        if (str_is(name, metrics[i].name))
            return &metrics[i];
    return NULL;
}

int test_find(struct str name)
{
    for (int i = 0; i < TEST_COUNT; i++)
        if (str_is(name, test_kinds[i].name))
            return i;
    return -1;
}

/* From small to large, each 1000 times the one before; the first is what a value is divided by. */
static const struct {
    double first;
    const char *names[7]; /* ends in NULL */
} scales[] = {
    [UNIT_BYTES_PER_S] = {1, {"B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s"}},
    [UNIT_FLOP_PER_S] = {1, {"FLOP/s", "kFLOP/s", "MFLOP/s", "GFLOP/s", "TFLOP/s", "PFLOP/s"}},
    [UNIT_SECONDS] = {1e-9, {"ns", "us", "ms", "s"}},
    [UNIT_RATIO] = {1e-6, {"ppm"}},
};

const char *metric_value(enum unit unit, double value, char out[METRIC_VALUE_BYTES])
{
    const char *const *name = scales[unit].names;
    double shown = value / scales[unit].first;

    if (!isfinite(shown)) {
        (void)snprintf(out, METRIC_VALUE_BYTES, "-");
        return out;
    }
    while (fabs(shown) >= 999.5 && name[1]) {
        shown /= 1000;
        name++;
    }
    if (fabs(shown) >= 1e9) /* nothing that is measured */
        (void)snprintf(out, METRIC_VALUE_BYTES, "%.2e %s", shown, *name);
    else
        (void)snprintf(out, METRIC_VALUE_BYTES, "%.*f %s",
                       fabs(shown) >= 99.95   ? 0
                       : fabs(shown) >= 9.995 ? 1
                                              : 2,
                       shown == 0 ? 0 : shown, *name);
    return out;
}
