/* Real dumps: how many devices, links and ACS registers each has, as counted by hand. */
#include "unit/pci/lspci_world.h"

#include <errno.h>

#define MACHINES TEST_DATA "/machines"

static size_t count_facts(const struct parsed *world, const char *path, const char *text)
{
    uint32_t key = fact_pool_key(world->pool, str_of(path));
    size_t count = 0;

    for (uint32_t i = 0; i < world->node->subject_count; i++) {
        struct fact_at at = node_fact(world->node, i, key);

        count += at.fact && (!text || strcmp(at.fact->text, text) == 0);
    }
    return count;
}

static struct str read_or_skip(const char *name)
{
    struct str text = world_read(MACHINES, name);

    if (!text.p) {
        print_message("no %s in %s\n", name, MACHINES);
        skip();
    }
    return text;
}

static const struct {
    const char *file;
    size_t devices, links, acs;
} counts[] = {
    {"dell-h100-hgx-pex890xx.lspci-vvv.txt", 517, 102, 55},
    {"asus-esc8000a-e13p.lspci_full.txt", 202, 87, 40},
    {"ml-cometlake-aer-corrected.debian.lspci-vv.txt", 22, 4, 2},
    {"ml-cometlake-aer-corrected.ubuntu.lspci-vv.txt", 22, 4, 2},
    {"ml-asus-pn51.aspm-default.lspci-vvv.txt", 34, 19, 16},
    {"ml-icelake-l1ss.4257f7e-pre-hibernate.lspci-vvnn.txt", 25, 6, 2},
    {"ml-core2-rv-regression-6.13.a.lspci-vv.txt", 23, 10, 0},
    {"ml-asm2824-x86.lspci.txt", 2, 2, 0},
    {"ml-dg2-rebar-bridge-bar.lspci-vvvv.txt", 1, 1, 0},
    {"ml-amd-carrizo-ats-pasid-iommu.lspci-vvvv.txt", 25, 5, 0},
    {"ml-wx3100-aspm.lspci.txt", 2, 2, 1},
    {"ml-alderlake-gl9755.lspci-vvvxxxx.txt", 29, 11, 6},
    {"ml-asm1812-switch-freeze.lspci.txt", 11, 11, 6},
    {"ml-dell-xps13-9360.lspci-vv.txt", 22, 10, 3},
    {"ml-dell-xps13-9360-cstates.wrapped.lspci-vv.txt", 22, 10, 3},
    {"ml-kabylake-pcmcia-bridge.lspci-vvnn.txt", 19, 6, 3},
    {"ml-kabylake-aer-rxerr.lspci-vv.txt", 19, 3, 1},
    {"ml-mcp79-ahci.lspci-vvnn.txt", 23, 6, 0},
    {"ml-samsung-nvme-hotinsert.lspci.txt", 2, 2, 1},
    {"ml-zynqmp-nwl-aer.lspci.txt", 1, 1, 0},
    {"ml-arm64-cx4lx-vpd.lspci.txt", 2, 2, 2},
    {"ml-imac-titanridge.lspci-vvvnn.txt", 33, 22, 11},
    {"ml-vortex86-msi.lspci-vvnn.txt", 11, 3, 0},
    {"gpud-a100.lspci-nn.txt", 31, 0, 0},
    {"gpud-a10.lspci-nn.txt", 20, 0, 0},
    {"issue-tinygrad-ogkm-19-bar1-256m.lspci-v.txt", 1, 0, 0},
    {"linuxhw-AS-4124GS-TNR-rootport-x8.lspci-vvnn.partial.txt", 1, 1, 1},
    {"repo-kingston-om8pgp4-faulty.lspci.partial.txt", 1, 1, 0},
    {"hwloc-2pa-pcidomain32bits.lspci-x.txt", 9, 0, 0},
};

static void real_dumps_have_the_devices_that_were_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct str text = read_or_skip(counts[i].file);
        struct parsed world;

        world = parsed_new(FACT_KEEP_ALL);
        assert_true(lspci_looks_like(text));
        assert_int_equal(world_parse(&world, text, LSPCI_TEXT), 0);
        if (world.node->subject_count - 1 != counts[i].devices ||
            count_facts(&world, "Express.LnkSta.Width", NULL) != counts[i].links ||
            count_facts(&world, "ACS.ACSCtl.SrcValid", NULL) != counts[i].acs ||
            count_facts(&world, "Header.kind", NULL) != counts[i].devices)
            fail_msg("%s: %u devices, %zu links, %zu ACS", counts[i].file,
                     world.node->subject_count - 1,
                     count_facts(&world, "Express.LnkSta.Width", NULL),
                     count_facts(&world, "ACS.ACSCtl.SrcValid", NULL));
        parsed_done(&world);
        free((char *)text.p);
    }
}

static void the_h100_node_has_what_its_owner_lists(void **state)
{
    static const struct {
        const char *path, *text;
        size_t count;
    } rows[] = {
        {"Header.kind", "gpu", 8},
        {"Header.kind", "nvswitch", 4},
        {"Header.device", "2330", 8},
        {"Region2.size", "128G", 8},
        {"ACS.ACSCtl.SrcValid", "+", 6},
        {"ACS.ACSCtl.ReqRedir", "+", 4},
        {"Driver.name", "mlx5_core", 12},
        {"NUMA.node", "1", 256},
        {"Express.DevCtl.MaxReadReq", "4096", 52},
    };
    struct str text = read_or_skip("dell-h100-hgx-pex890xx.lspci-vvv.txt");
    struct parsed world;

    (void)state;
    world = parsed_new(FACT_KEEP_ALL);
    assert_int_equal(world_parse(&world, text, LSPCI_BEST), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (count_facts(&world, rows[i].path, rows[i].text) != rows[i].count)
            fail_msg("%s=%s %zu times", rows[i].path, rows[i].text,
                     count_facts(&world, rows[i].path, rows[i].text));
    assert_int_equal(world.node->unseen_count, 0);
    parsed_done(&world);
    free((char *)text.p);
}

/* Carriage returns and quoting, put on a real dump, take nothing away. */
static void a_real_dump_survives_the_mail(void **state)
{
    struct str text = read_or_skip("asus-esc8000a-e13p.lspci_full.txt"), rest = text, line;
    struct buf sent = {0};

    (void)state;
    buf_puts(&sent, "$ lspci -vvv\r\n");
    while (str_line(&rest, &line)) {
        buf_puts(&sent, "> ");
        buf_add(&sent, line.p, line.len);
        buf_puts(&sent, "\r\n");
    }
    assert_same_facts(text, (struct str){sent.p, sent.len});
    buf_clear(&sent);
    rest = text;
    while (str_line(&rest, &line)) { /* indentation lost, a blank line below each */
        line = str_trim(line);
        if (line.len)
            buf_add(&sent, line.p, line.len), buf_puts(&sent, "\n\n");
    }
    assert_same_facts(text, (struct str){sent.p, sent.len});
    buf_done(&sent);
    free((char *)text.p);
}

/* Registers that were given to the capability before them would show as text at the device. */
static void no_line_of_a_real_dump_is_left_without_a_place(void **state)
{
    static const char *const known[] = {"Text.!!! Unknown header type 7f",
                                        "Text.16-bit legacy interface ports at 0001"};
    struct arena *arena = arena_new(0);
    const char *const *names;
    struct err err = {0};
    long count;

    (void)state;
    assert_non_null(arena);
    count = file_list(arena, MACHINES, 10000, &names, &err);
    if (count < 0) {
        arena_free(arena);
        print_message("%s\n", err.text);
        skip();
    }
    for (long i = 0; i < count; i++) {
        struct parsed world;
        struct str text;

        if (!strstr(names[i], "lspci") && strncmp(names[i], "pciutils-test", 13) != 0 &&
            strncmp(names[i], "repo-", 5) != 0 && strncmp(names[i], "issue-", 6) != 0)
            continue;
        text = world_read(MACHINES, names[i]);
        if (!text.p)
            continue;
        world = parsed_new(FACT_KEEP_ALL);
        if (!lspci_looks_like(text)) {
            assert_int_equal(world_parse(&world, text, LSPCI_BEST), -EINVAL);
        } else {
            assert_int_equal(world_parse(&world, text, LSPCI_BEST), 0);
            for (uint32_t s = 0; s < world.node->subject_count; s++)
                for (uint32_t k = 0; k < world.node->subjects[s].count; k++) {
                    const struct fact_block *block = world.node->subjects[s].refs[k].block;
                    const char *path =
                        fact_key_name(world.pool, block->count ? block->facts[0].key : block->name);

                    if (strncmp(path, "Text.", 5) == 0 && strcmp(path, known[0]) != 0 &&
                        strcmp(path, known[1]) != 0)
                        fail_msg("%s: %s", names[i], path);
                }
        }
        parsed_done(&world);
        free((char *)text.p);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_dumps_have_the_devices_that_were_counted),
        cmocka_unit_test(the_h100_node_has_what_its_owner_lists),
        cmocka_unit_test(a_real_dump_survives_the_mail),
        cmocka_unit_test(no_line_of_a_real_dump_is_left_without_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
