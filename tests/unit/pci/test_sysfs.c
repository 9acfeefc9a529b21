#include "pci/sysfs.h"
#include "space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ENTRIES_MAX 32

struct bench {
    struct fact_pool *pool;
    struct fact_builder *builder;
    struct node *node;
    uint8_t space[SPACE_BYTES];
    struct tree_entry entries[ENTRIES_MAX];
    struct tree tree;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    bench->pool = fact_pool_new(FACT_KEEP_ALL);
    bench->builder = fact_builder_new(bench->pool);
    bench->node = node_new(bench->builder, "n");
    bench->tree = (struct tree){"n.snap", bench->entries, 0};
    space_root_port(bench->space);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    node_free(bench->node);
    fact_builder_free(bench->builder);
    fact_pool_free(bench->pool);
    free(bench);
    return 0;
}

static void add_bytes(struct bench *bench, const char *path, struct str bytes, bool link)
{
    assert_true(bench->tree.count < ENTRIES_MAX);
    bench->entries[bench->tree.count++] = (struct tree_entry){path, bytes, link};
}

static void add(struct bench *bench, const char *path, const char *text)
{
    add_bytes(bench, path, str_of(text), false);
}

static void parse(struct bench *bench)
{
    struct err err = {0};

    tree_sort(&bench->tree);
    assert_int_equal(pci_sysfs_parse(bench->node, &bench->tree, &err), 0);
}

static struct fact_at find(struct bench *bench, const char *device, const char *path)
{
    int subject = node_find(bench->node, SUBJECT_PCI, str_of(device));

    if (subject < 0)
        return (struct fact_at){0};
    return node_fact(bench->node, (uint32_t)subject, fact_pool_key(bench->pool, str_of(path)));
}

static const char *text_of(struct bench *bench, const char *device, const char *path)
{
    struct fact_at at = find(bench, device, path);

    return at.fact ? at.fact->text : "(none)";
}

static void expect(struct bench *bench, const char *device, const char *path, const char *want)
{
    if (strcmp(text_of(bench, device, path), want) != 0)
        fail_msg("%s %s is '%s', not '%s'", device, path, text_of(bench, device, path), want);
}

#define DEV  "sys/bus/pci/devices/0000:15:00.0/"
#define DEV2 "sys/bus/pci/devices/0000:19:00.0/"

static void files_beside_the_config_fill_what_no_byte_tells(void **state)
{
    struct bench *bench = *state;
    struct fact_at at;

    add_bytes(bench, DEV "config", (struct str){(const char *)bench->space, SPACE_BYTES}, false);
    add(bench, DEV "resource",
        "0x00000001fe800000 0x00000001ffffffff 0x000000000014220c\n"
        "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
        "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
        "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
        "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
        "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
        "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
        "0x0000000000000000 0x0000000000000fff 0x0000000000000101\n");
    add(bench, DEV "numa_node", "1\n");
    add(bench, DEV "label", "Slot 3\n");
    add(bench, DEV "reset_method", "bus\n");
    add_bytes(bench, DEV "driver", STR("../../../bus/pci/drivers/pcieport"), true);
    add_bytes(bench, DEV "iommu_group", STR("../../../kernel/iommu_groups/42"), true);
    add(bench, DEV "aer_dev_correctable", "RxErr 3\nBadTLP 0\nTOTAL_ERR_COR 3\n");
    add(bench, DEV "aer_dev_fatal", "Undefined 0\nDLP 0\nSDES 1\nTOTAL_ERR_FATAL 1\n");
    add(bench, "sys/bus/pci/slots/3-1/address", "0000:15:00\n");
    parse(bench);

    expect(bench, "0000:15:00.0", "Express.type", "Root Port");
    expect(bench, "0000:15:00.0", "Region0.size", "24M");
    expect(bench, "0000:15:00.0", "NUMA.node", "1");
    expect(bench, "0000:15:00.0", "Driver.name", "pcieport");
    expect(bench, "0000:15:00.0", "IOMMU.present", "+");
    expect(bench, "0000:15:00.0", "IOMMU.group", "42");
    expect(bench, "0000:15:00.0", "Header.label", "Slot 3");
    expect(bench, "0000:15:00.0", "Slot.physical", "3-1");
    expect(bench, "0000:15:00.0", "AERCount.correctable.RxErr", "3");
    expect(bench, "0000:15:00.0", "AERCount.correctable.TOTAL_ERR_COR", "(none)");
    expect(bench, "0000:15:00.0", "AERCount.fatal.SDES", "1");
    assert_int_equal(bench->node->unseen_count, 0);

    at = find(bench, "0000:15:00.0", "AERCount.fatal.SDES");
    assert_int_equal(at.fact->class, FACT_STATE);
    assert_string_equal(bench->node->sources[at.ref->source].name, "n.snap:" DEV "aer_dev_fatal");
    assert_int_equal(node_fact_line(bench->node, at), 3);
    assert_int_equal(node_fact_text(bench->node, at).len, strlen("SDES 1"));
    at = find(bench, "0000:15:00.0", "ACS.ACSCtl.ReqRedir");
    assert_true(bench->node->sources[at.ref->source].binary);
    assert_string_equal(bench->node->sources[at.ref->source].name, "n.snap:" DEV "config");
    assert_int_equal(node_fact_line(bench->node, at), SPACE_ACS + 6);
    at = find(bench, "0000:15:00.0", "IOMMU.group");
    assert_int_equal(at.fact->class, FACT_VOLATILE);
}

static void without_config_the_ids_come_from_the_kernel(void **state)
{
    struct bench *bench = *state;

    add(bench, DEV2 "class", "0x030200\n");
    add(bench, DEV2 "vendor", "0x10de\n");
    add(bench, DEV2 "device", "0x2330\n");
    add(bench, DEV2 "revision", "0xa1\n");
    add(bench, DEV2 "subsystem_vendor", "0x10de\n");
    add(bench, DEV2 "subsystem_device", "0x16c1\n");
    add(bench, DEV2 "numa_node", "-1\n");
    parse(bench);
    expect(bench, "0000:19:00.0", "Header.class", "0302");
    expect(bench, "0000:19:00.0", "Header.vendor", "10de");
    expect(bench, "0000:19:00.0", "Header.device", "2330");
    expect(bench, "0000:19:00.0", "Header.rev", "a1");
    expect(bench, "0000:19:00.0", "Header.kind", "gpu");
    expect(bench, "0000:19:00.0", "Header.subdevice", "16c1");
    expect(bench, "0000:19:00.0", "NUMA.node", "(none)");
    assert_int_equal(bench->node->unseen_count, 1);
    assert_string_equal(bench->node->unseen[0].what, "PCI capabilities");
}

static void a_device_off_the_bus_keeps_its_ids(void **state)
{
    struct bench *bench = *state;

    memset(bench->space, 0xff, SPACE_BYTES);
    add_bytes(bench, DEV2 "config", (struct str){(const char *)bench->space, 64}, false);
    add(bench, DEV2 "class", "0x030200\n");
    add(bench, DEV2 "vendor", "0x10de\n");
    parse(bench);
    expect(bench, "0000:19:00.0", "Header.gone", "+");
    expect(bench, "0000:19:00.0", "Header.kind", "gpu");
}

static void any_prefix_will_do(void **state)
{
    struct bench *bench = *state;
    struct str bytes = {(const char *)bench->space, SPACE_BYTES};

    add_bytes(bench, "n7/sys/bus/pci/devices/0001:02:03.4/config", bytes, false);
    add_bytes(bench, "xbus/pci/devices/0002:00:00.0/config", bytes, false);
    add_bytes(bench, "sys/bus/pci/devices/pci0000:00/config", bytes, false);
    add_bytes(bench, "sys/bus/pci/devices/0003:00:00.0", bytes, true);
    parse(bench);
    expect(bench, "0001:02:03.4", "Header.vendor", "8086");
    assert_int_equal(bench->node->subject_count, 2); /* the host and this one */
}

static void what_makes_no_sense_is_told(void **state)
{
    struct bench *bench = *state;

    add_bytes(bench, DEV "config", (struct str){(const char *)bench->space, SPACE_BYTES}, false);
    add(bench, DEV "resource", "0x0 zero 0x0\n");
    add(bench, DEV "numa_node", "many\n");
    add_bytes(bench, DEV2 "config", STR("\x86"), false);
    add(bench, DEV2 "vendor", "0x8086\n");
    parse(bench);
    expect(bench, "0000:15:00.0", "Region0.state", "assigned");
    expect(bench, "0000:15:00.0", "Region0.size", "(none)");
    expect(bench, "0000:15:00.0", "NUMA.node", "(none)");
    expect(bench, "0000:19:00.0", "Header.vendor", "8086");
    assert_int_equal(bench->node->unseen_count, 2);
    assert_string_equal(bench->node->unseen[0].what, "sizes of the device's regions");
    assert_string_equal(bench->node->unseen[1].why, "config space of 1 bytes");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_beside_the_config_fill_what_no_byte_tells),
        TEST(without_config_the_ids_come_from_the_kernel),
        TEST(a_device_off_the_bus_keeps_its_ids),
        TEST(any_prefix_will_do),
        TEST(what_makes_no_sense_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
