#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "probe/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

/* A file of the tree, with its folders. */
static void put(const char *name, const char *text)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/sys/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
}

static int make_root(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof(root), "/tmp/firstlight-test-card-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -r %s", root);
    return system(command);
}

static void same_device(const struct device *device, enum device_kind kind, const char *name,
                        bool up, double rate, int32_t numa)
{
    assert_int_equal(device->kind, kind);
    assert_string_equal(device->name, name);
    assert_int_equal(device->up, up);
    assert_true(device->rate == rate);
    assert_int_equal(device->numa, numa);
}

static void test_a_node_with_everything(void **state)
{
    struct card card;
    struct buf text = {0};

    (void)state;
    put("class/infiniband/mlx5_0/ports/1/state", "4: ACTIVE\n");
    put("class/infiniband/mlx5_0/ports/1/rate", "400 Gb/sec (4X NDR)\n");
    put("class/infiniband/mlx5_0/device/numa_node", "1\n");
    put("class/infiniband/mlx5_10/ports/1/state", "1: DOWN\n");
    put("class/infiniband/mlx5_10/ports/1/rate", "2.5 Gb/sec (1X SDR)\n");
    put("class/infiniband/mlx5_10/device/numa_node", "-1\n");
    put("class/net/lo/type", "772\n");
    put("class/net/lo/operstate", "unknown\n");
    put("class/net/eth0/type", "1\n");
    put("class/net/eth0/operstate", "up\n");
    put("class/net/eth0/speed", "25000\n");
    put("class/net/eth0/device/numa_node", "0\n");
    put("class/net/br0/type", "1\n");
    put("class/net/br0/operstate", "down\n");
    put("class/net/br0/speed", "-1\n");
    put("bus/pci/devices/0000:3b:00.0/vendor", "0x10de\n");
    put("bus/pci/devices/0000:3b:00.0/class", "0x030200\n");
    put("bus/pci/devices/0000:3b:00.0/numa_node", "0\n");
    put("bus/pci/devices/0000:3c:00.0/vendor", "0x10de\n");
    put("bus/pci/devices/0000:3c:00.0/class", "0x068000\n"); /* an NVSwitch */
    put("bus/pci/devices/0000:03:00.0/vendor", "0x1a03\n");
    put("bus/pci/devices/0000:03:00.0/class", "0x030000\n"); /* a BMC's screen */
    put("bus/pci/devices/0000:af:00.0/vendor", "0x10de\n");
    put("bus/pci/devices/0000:af:00.0/class", "0x030000\n");
    put("bus/pci/devices/0000:af:00.0/numa_node", "1\n");
    put("../proc/sys/kernel/random/boot_id", "5a1b6c70-5d2a\n");
    assert_int_equal(card_collect(root, &card, NULL), 0);
    assert_string_equal(card.boot, "5a1b6c70-5d2a");
    assert_int_equal(card.device_count, 6);
    same_device(&card.devices[0], DEVICE_RDMA, "mlx5_0:1", true, 50e9, 1);
    same_device(&card.devices[1], DEVICE_RDMA, "mlx5_10:1", false, 2.5e9 / 8, -1);
    same_device(&card.devices[2], DEVICE_GPU, "gpu0", true, 0, 0);
    same_device(&card.devices[3], DEVICE_GPU, "gpu1", true, 0, 1);
    same_device(&card.devices[4], DEVICE_NET, "eth0", true, 25e9 / 8, 0);
    same_device(&card.devices[5], DEVICE_NET, "br0", false, 0, -1);
    assert_true(card.host[0] != '\0');
    assert_true(card.cpus >= 1 && card.numa_nodes >= 1);
    card_print(&card, &text);
    assert_int_equal(card_read((struct str){text.p, text.len}, &card, NULL), 0);
    buf_done(&text);
}

static void test_a_node_with_nothing(void **state)
{
    struct card card;

    (void)state;
    assert_int_equal(card_collect("/nowhere", &card, NULL), 0);
    assert_string_equal(card.boot, "");
    assert_int_equal(card.device_count, 0);
    assert_int_equal(card.numa_nodes, 1);
}

static void test_of_too_many_devices_those_with_hardware_stay(void **state)
{
    struct card card;
    char name[64];

    (void)state;
    for (int i = 0; i < CARD_DEVICES_MAX + 10; i++) {
        (void)snprintf(name, sizeof(name), "class/net/a%d/type", i);
        put(name, "1\n");
    }
    put("class/net/z0/type", "1\n");
    put("class/net/z0/device/numa_node", "nonsense\n");
    assert_int_equal(card_collect(root, &card, NULL), 0);
    assert_int_equal(card.device_count, CARD_DEVICES_MAX);
    same_device(&card.devices[0], DEVICE_NET, "z0", false, 0, -1);
    same_device(&card.devices[1], DEVICE_NET, "a0", false, 0, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_node_with_everything, make_root, remove_root),
        cmocka_unit_test(test_a_node_with_nothing),
        cmocka_unit_test_setup_teardown(test_of_too_many_devices_those_with_hardware_stay,
                                        make_root, remove_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
