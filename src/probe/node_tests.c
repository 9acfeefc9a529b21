#include "probe/probe.h"

const node_test node_tests[TEST_COUNT] = {
    [TEST_LOOPBACK] = probe_test_loopback, [TEST_MEMORY] = probe_test_memory,
    [TEST_CPU] = probe_test_cpu,           [TEST_DISK] = probe_test_disk,
    [TEST_NAMES] = probe_test_names,       [TEST_GPU] = probe_test_gpu,
};
