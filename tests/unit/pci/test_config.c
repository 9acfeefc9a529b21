#include "pci/config.h"
#include "space.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BDF 0x1500

struct bench {
    struct fact_pool *pool;
    struct fact_builder *builder;
    struct node *node;
    uint8_t space[SPACE_BYTES];
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    bench->pool = fact_pool_new(FACT_KEEP_ALL);
    bench->builder = fact_builder_new(bench->pool);
    bench->node = node_new(bench->builder, "n");
    (void)node_source(bench->node, "config", "config", (struct str){0});
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

/* Decode the first `len` bytes, from a block of exactly that size, on a fresh node. */
static int decode(struct bench *bench, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1);
    struct err err = {0};
    int r;

    node_free(bench->node);
    bench->node = node_new(bench->builder, "n");
    (void)node_source(bench->node, "config", "config", (struct str){0});
    memcpy(exact, bench->space, len);
    r = pci_config_parse(bench->node, 0, BDF, (struct str){(const char *)exact, len}, 0, 1, NULL,
                         &err);
    free(exact);
    if (r < 0)
        assert_true(err.text[0]);
    return r;
}

static struct fact_at find(struct bench *bench, const char *path)
{
    int subject = node_find_pci(bench->node, BDF);

    if (subject < 0)
        return (struct fact_at){0};
    return node_fact(bench->node, (uint32_t)subject, fact_pool_key(bench->pool, str_of(path)));
}

static const char *text_of(struct bench *bench, const char *path)
{
    struct fact_at at = find(bench, path);

    return at.fact ? at.fact->text : "(none)";
}

static int64_t number_of(struct bench *bench, const char *path)
{
    struct fact_at at = find(bench, path);

    assert_non_null(at.fact);
    assert_int_equal(at.fact->type, FACT_NUMBER);
    return at.fact->number;
}

static size_t count_facts(struct bench *bench)
{
    size_t count = 0;
    int subject = node_find_pci(bench->node, BDF);

    for (uint32_t i = 0; subject >= 0 && i < bench->node->subjects[subject].count; i++)
        count += bench->node->subjects[subject].refs[i].block->count;
    return count;
}

static bool is_unseen(struct bench *bench, const char *what)
{
    for (uint32_t i = 0; i < bench->node->unseen_count; i++)
        if (strcmp(bench->node->unseen[i].what, what) == 0)
            return true;
    return false;
}

static void a_root_port_gives_its_facts(void **state)
{
    static const struct {
        const char *path, *text;
    } want[] = {
        {"Header.class", "0604"},
        {"Header.vendor", "8086"},
        {"Header.kind", "bridge"},
        {"Header.type", "1"},
        {"Control.BusMaster", "+"},
        {"Control.DisINTx", "+"},
        {"Status.Cap", "+"},
        {"Region0.type", "64-bit, prefetchable"},
        {"Region0.state", "assigned"},
        {"Region0.address", "1fe800000"},
        {"Region1.state", "(none)"},
        {"Bus.primary", "15"},
        {"Bus.secondary", "17"},
        {"Bus.subordinate", "20"},
        {"IOWindow.state", "disabled"},
        {"MemWindow.state", "assigned"},
        {"MemWindow.size", "64M"},
        {"PrefWindow.size", "12800M"},
        {"PrefWindow.address", "0000002000000000"},
        {"PM.version", "3"},
        {"PM.Status.state", "D0"},
        {"MSI.Count", "1/1"},
        {"Express.type", "Root Port"},
        {"Express.version", "2"},
        {"Express.slot", "+"},
        {"Express.DevCap.MaxPayload", "512"},
        {"Express.DevCtl.MaxPayload", "256"},
        {"Express.DevCtl.MaxReadReq", "4096"},
        {"Express.LnkCap.Speed", "32GT/s"},
        {"Express.LnkCap.Width", "x16"},
        {"Express.LnkCap.Port", "13"},
        {"Express.LnkCap.ASPM", "L1"},
        {"Express.LnkSta.Speed", "32GT/s"},
        {"Express.LnkSta.Width", "x16"},
        {"Express.LnkSta.SpeedMark", "(none)"},
        {"Express.LnkSta.DLActive", "+"},
        {"Express.LnkCap2.Supported Link Speeds", "2.5-32GT/s"},
        {"Express.LnkCtl2.Target Link Speed", "32GT/s"},
        {"Express.LnkSta2.EqualizationComplete", "+"},
        {"AER.offset", "100"},
        {"AER.version", "2"},
        {"ACS.ACSCap.SrcValid", "+"},
        {"ACS.ACSCap.EgressCtrl", "-"},
        {"ACS.ACSCtl.ReqRedir", "+"},
        {"ACS.ACSCtl.TransBlk", "-"},
        {"L1SS.L1SubCap.PortCommonModeRestoreTime", "50us"},
        {"Cap.chain", "(none)"},
        {"Header.gone", "(none)"},
    };
    struct bench *bench = *state;

    assert_int_equal(decode(bench, SPACE_BYTES), 0);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        if (strcmp(text_of(bench, want[i].path), want[i].text) != 0)
            fail_msg("%s is '%s', not '%s'", want[i].path, text_of(bench, want[i].path),
                     want[i].text);
    assert_int_equal(bench->node->unseen_count, 0);
}

static void speed_codes_are_megatransfers(void **state)
{
    static const struct {
        unsigned code;
        int64_t mts;
        const char *text;
    } cases[] = {
        {0, -1, "unknown"},     {1, 2500, "2.5GT/s"}, {2, 5000, "5GT/s"},   {3, 8000, "8GT/s"},
        {4, 16000, "16GT/s"},   {5, 32000, "32GT/s"}, {6, 64000, "64GT/s"}, {7, -1, "unknown"},
        {8, 128000, "128GT/s"}, {15, -1, "unknown"},
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        space_put(bench->space, SPACE_EXPRESS + 18, 2, 0x7100 | cases[i].code);
        assert_int_equal(decode(bench, SPACE_BYTES), 0);
        assert_int_equal(number_of(bench, "Express.LnkSta.Speed"), cases[i].mts);
        assert_string_equal(text_of(bench, "Express.LnkSta.Speed"), cases[i].text);
    }
}

static void payload_codes_are_bytes(void **state)
{
    struct bench *bench = *state;

    for (unsigned code = 0; code < 8; code++) {
        space_put(bench->space, SPACE_EXPRESS + 8, 2, code << 5 | code << 12);
        assert_int_equal(decode(bench, SPACE_BYTES), 0);
        assert_int_equal(number_of(bench, "Express.DevCtl.MaxPayload"), 128 << code);
        assert_int_equal(number_of(bench, "Express.DevCtl.MaxReadReq"), 128 << code);
    }
}

static void each_acs_bit_is_one_flag(void **state)
{
    static const char *const names[] = {"SrcValid",    "TransBlk",   "ReqRedir",   "CmpltRedir",
                                        "UpstreamFwd", "EgressCtrl", "DirectTrans"};
    struct bench *bench = *state;

    for (unsigned bit = 0; bit < ARRAY_LEN(names); bit++) {
        space_put(bench->space, SPACE_ACS + 4, 2, 0);
        space_put(bench->space, SPACE_ACS + 6, 2, 1u << bit);
        assert_int_equal(decode(bench, SPACE_BYTES), 0);
        for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
            char path[64];

            (void)snprintf(path, sizeof(path), "ACS.ACSCtl.%s", names[i]);
            assert_string_equal(text_of(bench, path), i == bit ? "+" : "-");
            (void)snprintf(path, sizeof(path), "ACS.ACSCap.%s", names[i]);
            assert_string_equal(text_of(bench, path), "-");
        }
    }
}

static void a_broken_chain_ends_with_a_fact(void **state)
{
    static const struct {
        const char *name;
        unsigned at, bytes;
        uint32_t value;
        const char *want;
        bool last_seen; /* is L1SS, the last capability, still found? */
    } cases[] = {
        {"whole", 0, 0, 0, "(none)", true},
        {"a loop of two", SPACE_EXPRESS + 1, 1, SPACE_PM, "looped", true},
        {"itself again", SPACE_MSI + 1, 1, SPACE_MSI, "looped", false},
        {"all ones behind it", SPACE_EXPRESS, 1, 0xff, "broken", false},
        {"an extended loop", SPACE_L1SS, 4, SPACE_AER << 20 | 0x1001e, "looped", true},
        {"an extended one that is itself", SPACE_ACS, 4, SPACE_ACS << 20 | 0x1000d, "looped",
         false},
        {"back into the first 256 bytes", SPACE_ACS, 4, 0x040u << 20 | 0x1000d, "broken", false},
        {"to nothing", SPACE_ACS, 4, 0xf00u << 20 | 0x1000d, "(none)", false},
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        space_root_port(bench->space);
        space_put(bench->space, cases[i].at, cases[i].bytes, cases[i].value);
        assert_int_equal(decode(bench, SPACE_BYTES), 0);
        if (strcmp(text_of(bench, "Cap.chain"), cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].name, text_of(bench, "Cap.chain"));
        assert_int_equal(find(bench, "L1SS.offset").fact != NULL, cases[i].last_seen);
    }
}

static void bytes_may_end_anywhere(void **state)
{
    struct bench *bench = *state;
    size_t whole, before = 0;

    assert_int_equal(decode(bench, SPACE_BYTES), 0);
    whole = count_facts(bench);
    for (size_t len = 0; len <= SPACE_BYTES; len++) {
        int r = decode(bench, len);

        assert_int_equal(r, len < 4 ? -EINVAL : 0);
        /* A fact that is there stays there when more bytes come. */
        assert_true(count_facts(bench) >= before || len < 64);
        before = count_facts(bench);
    }
    assert_int_equal(before, whole);
}

static void what_ends_too_early_is_unseen(void **state)
{
    static const struct {
        size_t len;
        bool plain, extended;
    } cases[] = {{64, true, false}, {256, false, true}, {SPACE_BYTES, false, false}};
    struct bench *bench = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(decode(bench, cases[i].len), 0);
        assert_int_equal(is_unseen(bench, "PCI capabilities"), cases[i].plain);
        assert_int_equal(is_unseen(bench, "extended PCI capabilities (ACS, AER ...)"),
                         cases[i].extended);
    }
}

static void all_ones_is_a_device_that_is_gone(void **state)
{
    struct bench *bench = *state;

    memset(bench->space, 0xff, SPACE_BYTES);
    assert_int_equal(decode(bench, SPACE_BYTES), 0);
    assert_string_equal(text_of(bench, "Header.gone"), "+");
    assert_int_equal(find(bench, "Header.gone").fact->class, FACT_STATE);
    assert_int_equal(count_facts(bench), 1);
}

static void equal_bytes_are_one_block(void **state)
{
    struct bench *bench = *state;
    struct str bytes = {(const char *)bench->space, SPACE_BYTES};
    const struct subject *a, *b;

    assert_int_equal(pci_config_parse(bench->node, 0, BDF, bytes, 0, 1, NULL, NULL), 0);
    assert_int_equal(pci_config_parse(bench->node, 0, BDF + 0x100, bytes, 0, 1, NULL, NULL), 0);
    a = &bench->node->subjects[node_find_pci(bench->node, BDF)];
    b = &bench->node->subjects[node_find_pci(bench->node, BDF + 0x100)];
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++)
        assert_ptr_equal(a->refs[i].block, b->refs[i].block);
    /* One bit more in one register is another block of that capability alone. */
    bench->space[SPACE_ACS + 6] ^= 2;
    assert_int_equal(pci_config_parse(bench->node, 0, BDF + 0x200, bytes, 0, 1, NULL, NULL), 0);
    a = &bench->node->subjects[node_find_pci(bench->node, BDF)];
    b = &bench->node->subjects[node_find_pci(bench->node, BDF + 0x200)];
    for (uint32_t i = 0; i < a->count; i++)
        assert_int_equal(a->refs[i].block == b->refs[i].block,
                         strcmp(fact_key_name(bench->pool, a->refs[i].block->name), "ACS") != 0);
}

static void facts_stand_where_their_bytes_are(void **state)
{
    struct bench *bench = *state;
    struct str bytes = {(const char *)bench->space, SPACE_BYTES};

    assert_int_equal(decode(bench, SPACE_BYTES), 0);
    assert_int_equal(node_fact_line(bench->node, find(bench, "ACS.ACSCtl.ReqRedir")),
                     SPACE_ACS + 6);
    assert_int_equal(node_fact_line(bench->node, find(bench, "Express.LnkSta.Speed")),
                     SPACE_EXPRESS + 18);
    assert_int_equal(node_fact_line(bench->node, find(bench, "Control.Mem")), 4);
    node_free(bench->node);
    bench->node = node_new(bench->builder, "n");
    (void)node_source(bench->node, "lspci", "lspci", (struct str){0});
    /* As rows of a dump whose first row is line 100. */
    assert_int_equal(pci_config_parse(bench->node, 0, BDF, bytes, 100, 16, NULL, NULL), 0);
    assert_int_equal(node_fact_line(bench->node, find(bench, "ACS.ACSCtl.ReqRedir")),
                     100 + (SPACE_ACS + 6) / 16);
    assert_int_equal(node_fact_line(bench->node, find(bench, "Express.LnkSta.Speed")),
                     100 + (SPACE_EXPRESS + 18) / 16);
    assert_int_equal(node_fact_line(bench->node, find(bench, "BridgeCtl.SERR")), 103);
}

static void sizes_come_from_the_system(void **state)
{
    static const struct pci_resource whole[PCI_CONFIG_RESOURCES] = {
        {0x1fe800000, 0x1ffffffff, 0x14220c}};
    static const struct {
        const char *name;
        uint64_t low;
        struct pci_resource resource;
        const char *state, *size;
    } cases[] = {
        {"as in the hardware", 0xfe80000c, {0x1fe800000, 0x1ffffffff, 0x14220c}, "assigned", "24M"},
        {"not assigned", 0xc, {0, 0xffffff, 0x14220c}, "unassigned", "16M"},
        {"not taken by the system", 0xfe80000c, {0, 0xffffff, 0x14220c}, "ignored", "16M"},
        {"not in the hardware", 0x0c, {0xfe000000, 0xfeffffff, 0x14220c}, "virtual", "16M"},
    };
    struct bench *bench = *state;
    struct pci_resource resources[PCI_CONFIG_RESOURCES];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memcpy(resources, whole, sizeof(resources));
        resources[0] = cases[i].resource;
        space_put(bench->space, 0x10, 4, (uint32_t)cases[i].low);
        space_put(bench->space, 0x14, 4, cases[i].low == 0xfe80000c);
        node_free(bench->node);
        bench->node = node_new(bench->builder, "n");
        (void)node_source(bench->node, "config", "config", (struct str){0});
        assert_int_equal(pci_config_parse(bench->node, 0, BDF,
                                          (struct str){(const char *)bench->space, SPACE_BYTES}, 0,
                                          1, resources, NULL),
                         0);
        if (strcmp(text_of(bench, "Region0.state"), cases[i].state) != 0 ||
            strcmp(text_of(bench, "Region0.size"), cases[i].size) != 0)
            fail_msg("%s: %s, %s", cases[i].name, text_of(bench, "Region0.state"),
                     text_of(bench, "Region0.size"));
    }
}

static void wrong_calls_are_refused(void **state)
{
    struct bench *bench = *state;
    struct str bytes = {(const char *)bench->space, SPACE_BYTES};
    struct err err = {0};

    assert_int_equal(pci_config_parse(bench->node, 0, BDF, bytes, 0, 8, NULL, &err), -EINVAL);
    assert_string_equal(err.text, "8 bytes in a line of config space");
    assert_int_equal(pci_config_parse(bench->node, 0, BDF, (struct str){0}, 0, 1, NULL, &err),
                     -EINVAL);
    assert_string_equal(err.text, "config space of 0 bytes");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_root_port_gives_its_facts),     TEST(speed_codes_are_megatransfers),
        TEST(payload_codes_are_bytes),         TEST(each_acs_bit_is_one_flag),
        TEST(a_broken_chain_ends_with_a_fact), TEST(bytes_may_end_anywhere),
        TEST(what_ends_too_early_is_unseen),   TEST(all_ones_is_a_device_that_is_gone),
        TEST(equal_bytes_are_one_block),       TEST(facts_stand_where_their_bytes_are),
        TEST(sizes_come_from_the_system),      TEST(wrong_calls_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
