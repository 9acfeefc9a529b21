#include "probe/cuda.h"

#include "base/str.h"
#include "fakecuda/fake.h"
#include "support/fakecuda.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

/* A made-up /sys: folders of PCI devices, links to them, and their NUMA nodes. */
static char root[64];

static void make(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void make(const char *format, ...)
{
    char command[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    assert_int_equal(system(command), 0);
}

/* A PCI device at `path` below /sys/devices, and how it is also called. */
static void put(const char *path, int numa, const char *link)
{
    make("mkdir -p %s/sys/devices/%s && echo %d >%s/sys/devices/%s/numa_node", root, path, numa,
         root, path);
    make("mkdir -p $(dirname %s/sys/%s) && ln -s %s/sys/devices/%s %s/sys/%s", root, link, root,
         path, root, link);
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof(root), "/tmp/firstlight-cuda.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    make("rm -r %s", root);
    return 0;
}

/* The fake GPUs are 0000:1b:00.0 and 0000:2c:00.0. */
static void the_nearest_gpu_shares_most_of_the_way(void **state)
{
    struct cuda cuda;
    struct err err;

    (void)state;
    assert_int_equal(cuda_open(&cuda, &err), 0);
    assert_int_equal(cuda.gpu_count, 2);
    assert_string_equal(cuda.gpus[1].pci, "0000:2c:00.0");
    put("pci0000:10/0000:10:01.0/0000:11:00.0/0000:1b:00.0", 0, "bus/pci/devices/0000:1b:00.0");
    put("pci0000:20/0000:20:01.0/0000:21:00.0/0000:2c:00.0", 1, "bus/pci/devices/0000:2c:00.0");
    put("pci0000:20/0000:20:01.0/0000:22:00.0/0000:2d:00.0", 1, "class/infiniband/mlx5_1/device");
    put("pci0000:10/0000:10:01.0/0000:11:00.0/0000:1c:00.0", 0, "class/infiniband/mlx5_0/device");
    put("pci0000:10/0000:10:0a.0/0000:1f:00.0", 0, "class/net/eth0/device");
    put("pci0000:40/0000:40:01.0/0000:41:00.0", 1,
        "class/net/eth1/device"); /* only its NUMA node */
    put("pci0000:50/0000:50:01.0/0000:51:00.0", -1, "class/net/eth2/device");
    assert_int_equal(cuda_nearest(&cuda, root, "mlx5_0:1"), 0);
    assert_int_equal(cuda_nearest(&cuda, root, "mlx5_1:1"), 1);
    assert_int_equal(cuda_nearest(&cuda, root, "mlx5_1"), 1);
    assert_int_equal(cuda_nearest(&cuda, root, "eth0"), 0);
    assert_int_equal(cuda_nearest(&cuda, root, "eth1"), 1);
    assert_int_equal(cuda_nearest(&cuda, root, "eth2"), 0); /* far from both: the first */
    assert_int_equal(cuda_nearest(&cuda, root, "mlx5_10:1"), -ENODEV);
    cuda.gpu_count = 0;
    assert_int_equal(cuda_nearest(&cuda, root, "eth0"), -ENODEV);
    cuda_close(&cuda);
}

static void memory_is_of_the_gpu_that_was_asked(void **state)
{
    struct cuda cuda;
    struct err err;
    void *first, *second;

    (void)state;
    assert_int_equal(cuda_open(&cuda, &err), 0);
    assert_int_equal(cuda_alloc(&cuda, 1, 4096, &first, &err), 0);
    assert_int_equal(cuda_alloc(&cuda, 0, 4096, &second, &err), 0);
    assert_ptr_not_equal(first, second);
    cuda_free(&cuda, 1, first); /* the fake library aborts at what is not that GPU's */
    cuda_free(&cuda, 0, second);
    cuda_free(&cuda, 0, NULL);
    (void)setenv("FIRSTLIGHT_FAKE_CUDA", "cuMemAlloc@1", 1);
    assert_int_equal(cuda_alloc(&cuda, 1, 4096, &first, &err), -EIO);
    assert_string_equal(err.text, "gpu1: cuMemAlloc: unspecified launch failure (719)");
    assert_null(first);
    (void)setenv("FIRSTLIGHT_FAKE_CUDA", "", 1);
    cuda_close(&cuda);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_nearest_gpu_shares_most_of_the_way, setup, teardown),
        cmocka_unit_test(memory_is_of_the_gpu_that_was_asked),
    };

    if (!getenv(FAKECUDA_HAVE))
        return fakecuda_again("driver");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
