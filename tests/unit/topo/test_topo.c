#include "pci/lspci.h"
#include "topo/topo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A node from short lspci lines. */
struct fixture {
    struct fact_pool *pool;
    struct fact_builder *builder;
    struct node *node;
    struct topo *topo;
};

static struct fixture fixture_of(const char *text)
{
    struct fixture f = {.pool = fact_pool_new(FACT_KEEP_ALL)};
    uint16_t source;

    f.builder = fact_builder_new(f.pool);
    f.node = node_new(f.builder, "n1");
    source = node_source(f.node, "lspci.txt", "lspci", str_of(text));
    assert_int_equal(lspci_parse(f.node, source, str_of(text), NULL), 0);
    f.topo = topo_build(f.node);
    assert_non_null(f.topo);
    return f;
}

static void fixture_done(struct fixture *f)
{
    node_free(f->node);
    fact_builder_free(f->builder);
    fact_pool_free(f->pool);
}

#define BRIDGE(bdf, primary, secondary, subordinate, type)                                         \
    bdf " PCI bridge [0604]: Broadcom / LSI PEX890xx [1000:c030]\n"                                \
        "\tBus: primary=" primary ", secondary=" secondary ", subordinate=" subordinate            \
        ", sec-latency=0\n"                                                                        \
        "\tCapabilities: [68] Express (v2) " type ", MSI 00\n"
#define GPU(bdf)                                                                                   \
    bdf " 3D controller [0302]: NVIDIA Corporation Device [10de:2330] (rev a1)\n"                  \
        "\tCapabilities: [60] Express (v2) Endpoint, MSI 00\n"
#define NIC(bdf)                                                                                   \
    bdf " Infiniband controller [0207]: Mellanox Technologies MT2910 [15b3:1021]\n"                \
        "\tCapabilities: [60] Express (v2) Endpoint, MSI 00\n"

/* Root port 00:01.0 - switch 01:00.0 - ports 02:00.0 (GPU) and 02:01.0 (NIC with two functions);
 * root port 40:01.0 - GPU. */
static const char two_gpus[] = BRIDGE("00:01.0", "00", "01", "04", "Root Port (Slot+)")
    BRIDGE("01:00.0", "01", "02", "04", "Upstream Port")
        BRIDGE("02:00.0", "02", "03", "03", "Downstream Port (Slot+)")
            BRIDGE("02:01.0", "02", "04", "04", "Downstream Port (Slot+)") GPU("03:00.0")
                NIC("04:00.0") NIC("04:00.1")
                    BRIDGE("40:01.0", "40", "41", "41", "Root Port (Slot+)") GPU("41:00.0");

static const struct topo_device *device_at(const struct topo *topo, const char *bdf)
{
    int subject = node_find(topo->node, SUBJECT_PCI, str_of(bdf));

    assert_true(subject >= 0);
    assert_true(topo_of(topo, (uint32_t)subject) >= 0);
    return &topo->devices[topo_of(topo, (uint32_t)subject)];
}

static void roles_come_from_places(void **state)
{
    static const struct {
        const char *bdf, *role, *slot;
    } want[] = {
        {"00:01.0", "switch0.port", "rb0/01.0"},
        {"01:00.0", "switch0", "rb0/01.0/00.0"},
        {"02:00.0", "gpu0.port", "rb0/01.0/00.0/00.0"},
        {"02:01.0", "nic0.port", "rb0/01.0/00.0/01.0"},
        {"03:00.0", "gpu0", "rb0/01.0/00.0/00.0/00.0"},
        {"04:00.0", "nic0", "rb0/01.0/00.0/01.0/00.0"},
        {"04:00.1", "nic0.1", "rb0/01.0/00.0/01.0/00.1"},
        {"40:01.0", "gpu1.port", "rb1/01.0"},
        {"41:00.0", "gpu1", "rb1/01.0/00.0"},
    };
    struct fixture f = fixture_of(two_gpus);

    (void)state;
    assert_int_equal(f.topo->count, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_string_equal(device_at(f.topo, want[i].bdf)->role, want[i].role);
        assert_string_equal(device_at(f.topo, want[i].bdf)->slot, want[i].slot);
    }
    fixture_done(&f);
}

static void a_link_is_a_port_and_function_0_behind_it(void **state)
{
    static const char *const want[][2] = {{"00:01.0", "01:00.0"},
                                          {"02:00.0", "03:00.0"},
                                          {"02:01.0", "04:00.0"},
                                          {"40:01.0", "41:00.0"}};
    struct fixture f = fixture_of(two_gpus);

    (void)state;
    assert_int_equal(f.topo->link_count, ARRAY_LEN(want)); /* not 01:00.0 and 02:00.0: one switch */
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_ptr_equal(&f.topo->devices[f.topo->links[i].port], device_at(f.topo, want[i][0]));
        assert_ptr_equal(&f.topo->devices[f.topo->links[i].device], device_at(f.topo, want[i][1]));
    }
    fixture_done(&f);
}

static int index_of(const struct topo *topo, const char *bdf)
{
    return (int)(device_at(topo, bdf) - topo->devices);
}

static void paths_are_walked_bridge_by_bridge(void **state)
{
    struct fixture f = fixture_of(two_gpus);
    int path[TOPO_PATH_MAX], gpu0 = index_of(f.topo, "03:00.0"), gpu1 = index_of(f.topo, "41:00.0");
    bool through_root;

    (void)state;
    assert_int_equal(
        topo_path(f.topo, gpu0, index_of(f.topo, "04:00.0"), path, TOPO_PATH_MAX, &through_root),
        3);
    assert_false(through_root);
    assert_int_equal(path[0], index_of(f.topo, "02:00.0"));
    assert_int_equal(path[1], index_of(f.topo, "01:00.0"));
    assert_int_equal(path[2], index_of(f.topo, "02:01.0"));
    assert_int_equal(topo_path(f.topo, gpu0, gpu1, path, TOPO_PATH_MAX, &through_root), 4);
    assert_true(through_root);
    assert_int_equal(path[2], index_of(f.topo, "00:01.0"));
    assert_int_equal(path[3], index_of(f.topo, "40:01.0"));
    assert_int_equal(topo_path(f.topo, gpu0, gpu1, path, 1, &through_root), 4); /* counts on */
    assert_int_equal(topo_path(f.topo, gpu0, gpu0, path, TOPO_PATH_MAX, &through_root), 1);
    assert_int_equal(topo_nearest_nic(f.topo, gpu0), index_of(f.topo, "04:00.0"));
    fixture_done(&f);
}

static void acs_matters_on_ports_between_peers(void **state)
{
    struct fixture f = fixture_of(two_gpus);

    (void)state;
    assert_true(topo_on_peer_path(f.topo, index_of(f.topo, "02:00.0")));
    assert_true(topo_on_peer_path(f.topo, index_of(f.topo, "02:01.0")));
    assert_false(topo_on_peer_path(f.topo, index_of(f.topo, "01:00.0"))); /* an upstream port */
    assert_true(topo_on_peer_path(f.topo, index_of(f.topo, "40:01.0")));  /* no NVSwitch here */
    fixture_done(&f);
}

static void a_bridge_that_claims_its_own_bus_makes_no_loop(void **state)
{
    struct fixture f = fixture_of(BRIDGE("01:00.0", "01", "01", "01", "Root Port (Slot+)") BRIDGE(
        "01:01.0", "01", "00", "00", "Root Port (Slot+)") GPU("00:00.0") GPU("01:02.0"));

    (void)state;
    for (uint32_t i = 0; i < f.topo->count; i++)
        assert_int_equal(f.topo->devices[i].parent, -1);
    fixture_done(&f);
}

static void the_shape_knows_what_a_node_is_made_of_and_not_where(void **state)
{
    struct fixture a = fixture_of(GPU("03:00.0") NIC("04:00.0"));
    struct fixture b = fixture_of(NIC("14:00.0") GPU("83:00.0"));
    struct fixture c = fixture_of(GPU("03:00.0") NIC("04:00.0") NIC("05:00.0"));

    (void)state;
    assert_true(a.topo->shape == b.topo->shape);
    assert_true(a.topo->shape != c.topo->shape);
    fixture_done(&a);
    fixture_done(&b);
    fixture_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_come_from_places),
        cmocka_unit_test(a_link_is_a_port_and_function_0_behind_it),
        cmocka_unit_test(paths_are_walked_bridge_by_bridge),
        cmocka_unit_test(acs_matters_on_ports_between_peers),
        cmocka_unit_test(a_bridge_that_claims_its_own_bus_makes_no_loop),
        cmocka_unit_test(the_shape_knows_what_a_node_is_made_of_and_not_where),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
