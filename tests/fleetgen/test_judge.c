/* The rules against nodes whose truth is known: healthy models give no finding, and a planted
 * setting that one node alone shows gives the rule of its catalogue row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fleetgen.h"
#include "lspci.h"
#include "node/load.h"
#include "rules/rules.h"
#include "sysfs.h"

#include <stdio.h>
#include <stdlib.h>

#define HEALTHY_NODES 64

struct judge {
    struct renderer *renderer;
    struct fact_pool *pool;
    struct loader *loader;
    struct rules *rules;
};

/* What the rules said of one node. */
struct verdict {
    unsigned rows[128];           /* catalogue numbers found, notes included */
    unsigned row_count, findings; /* findings: above a note */
    char first[512];              /* the first finding, in words */
};

static void judge_init(struct judge *judge, const char *model)
{
    bool gb200 = strcmp(model, "gb200") == 0;

    judge->renderer = renderer_new();
    judge->pool = fact_pool_new(FACT_KEEP_ALL);
    judge->loader = loader_new(judge->pool);
    judge->rules = rules_new(judge->pool, gb200 ? POLICY_GB200 : POLICY_BARE_METAL);
    assert_true(judge->renderer && judge->pool && judge->loader && judge->rules);
}

static void judge_done(struct judge *judge)
{
    rules_free(judge->rules);
    loader_free(judge->loader);
    fact_pool_free(judge->pool);
    renderer_free(judge->renderer);
}

static void take_finding(const struct node *node, const struct finding *finding,
                         struct verdict *verdict)
{
    struct str line = {"", 0};

    if (verdict->row_count < ARRAY_LEN(verdict->rows))
        verdict->rows[verdict->row_count++] = finding->rule->number;
    if (finding->rule->severity == SEVERITY_INFO)
        return;
    if (finding->evidence_count > 0)
        line = node_fact_text(node, finding->evidence[0].at);
    if (verdict->findings++ == 0)
        snprintf(verdict->first, sizeof(verdict->first), "%s (%s): '%.*s'", finding->rule->id,
                 finding->detail ? finding->detail : "", STR_ARG(line));
}

static struct verdict judge_node(struct judge *judge, const struct gen_fleet *fleet, uint32_t index)
{
    struct gen_node *node = calloc(1, sizeof(*node));
    struct verdict verdict = {0};
    struct findings findings = {0};
    struct loaded loaded = {0};
    struct err err = {0};

    assert_non_null(node);
    assert_int_equal(gen_node(fleet, index, node), 0);
    if (loader_load_tree(judge->loader, node->name, &node->tree, &loaded, &err) < 0)
        fail_msg("%s: %s", node->name, err.text);
    assert_int_equal(rules_judge(judge->rules, loaded.node, loaded.topo, &findings), 0);
    for (uint32_t i = 0; i < findings.count; i++)
        take_finding(loaded.node, &findings.items[i], &verdict);
    loaded_done(&loaded);
    gen_node_done(node);
    free(node);
    return verdict;
}

static void healthy_nodes_give_no_finding(void **state)
{
    const struct model *model;

    (void)state;
    for (size_t i = 0; (model = model_at(i)) != NULL; i++) {
        struct gen_spec spec = {.model = model->name,
                                .nodes = HEALTHY_NODES,
                                .seed = 8,
                                .noise = gen_noise(),
                                .batches = true};
        struct judge judge;
        struct gen_fleet *fleet;

        judge_init(&judge, model->name);
        fleet = gen_new(&spec, judge.renderer, NULL);
        assert_non_null(fleet);
        for (uint32_t index = 0; index < spec.nodes; index++) {
            struct verdict verdict = judge_node(&judge, fleet, index);

            if (verdict.findings > 0)
                fail_msg("%s node %u: %s", model->name, index, verdict.first);
        }
        gen_free(fleet);
        judge_done(&judge);
    }
}

static void a_setting_that_shows_on_one_node_is_found(void **state)
{
    static const char *const ids[] = {"ACS_REDIRECT",
                                      "ACS_PARTIAL",
                                      "ACS_SRCVALID",
                                      "ACS_UPSTREAMFWD",
                                      "IOMMU_ON",
                                      "OSC_AER_REFUSED",
                                      "GPU_WIDTH_X8",
                                      "NIC_WIDTH_X8",
                                      "NIC_SPEED_LOW",
                                      "SLOT_NARROW",
                                      "TARGET_SPEED_STUCK",
                                      "LANE_ERRORS",
                                      "CORRECTABLE_ERRORS",
                                      "UNCORRECTABLE_ERRORS",
                                      "ACS_VIOLATION",
                                      "DPC_TRIGGERED",
                                      "MPS_MISMATCH",
                                      "MRRS_512",
                                      "RELAXED_ORDERING_OFF",
                                      "EXTTAG_OFF",
                                      "ASPM_ON",
                                      "CLOCK_PM_ON",
                                      "ATOMIC_EGRESS_BLOCKED",
                                      "ECRC_ON",
                                      "BUS_MASTER_OFF",
                                      "DEVICE_D3",
                                      "GPU_REVISION",
                                      "ECAM_MISSING",
                                      "NUMA_BALANCING",
                                      "GOVERNOR_POWERSAVE",
                                      "MCE",
                                      "VBIOS_OLD",
                                      "DRIVER_MISMATCH",
                                      "FABRIC_MANAGER_DOWN",
                                      "NVLINK_INACTIVE",
                                      "XID79",
                                      "XID94",
                                      "REMAP_PENDING",
                                      "THROTTLED",
                                      "POWER_LIMIT",
                                      "PERSISTENCE_OFF",
                                      "MIG_ON",
                                      "PORT_DOWN",
                                      "IB_RATE",
                                      "IB_WIDTH_1X",
                                      "NIC_FW_ODD",
                                      "LINK_TYPE_ETH",
                                      "MTU_2048",
                                      "MEMLOCK",
                                      "SWAP_ON",
                                      "IRQBALANCE",
                                      "IOMMU_OFF_LOST_CPU",
                                      "BOOST_OFF",
                                      "EDAC_CE"};
    struct judge judge;

    (void)state;
    judge_init(&judge, "hgx-h100");
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        const struct mutation *mutation = mutation_find(ids[i]);
        struct gen_spec spec = {.nodes = 2,
                                .seed = i,
                                .bad = 1,
                                .mutation = ids[i],
                                .noise = gen_noise(),
                                .batches = true};
        struct gen_fleet *fleet;
        struct verdict verdict;
        bool found = false;

        assert_non_null(mutation);
        spec.model = mutation->models & MODEL_HGX ? "hgx-h100" : "amd-pcie";
        fleet = gen_new(&spec, judge.renderer, NULL);
        assert_non_null(fleet);
        verdict = judge_node(&judge, fleet, gen_is_bad(fleet, 0) ? 0 : 1);
        for (unsigned j = 0; j < verdict.row_count; j++)
            found = found || verdict.rows[j] == (unsigned)mutation->catalogue;
        if (!found)
            fail_msg("%s (row %d) was not found", mutation->id, mutation->catalogue);
        gen_free(fleet);
    }
    judge_done(&judge);
}

/* Does the subject of this place have the fact, in the block of the same name and ordinal? */
static bool has_fact(const struct node *node, int subject, const struct fact_ref *ref,
                     const struct fact *fact)
{
    const struct subject *other = &node->subjects[subject];

    for (uint32_t i = 0; i < other->count; i++) {
        const struct fact_block *block = other->refs[i].block;

        if (block->name != ref->block->name || other->refs[i].ordinal != ref->ordinal)
            continue;
        for (uint32_t j = 0; j < block->count; j++)
            if (block->facts[j].key == fact->key && block->facts[j].number == fact->number &&
                block->facts[j].type == fact->type && block->facts[j].class == fact->class &&
                strcmp(block->facts[j].text, fact->text) == 0)
                return true;
    }
    return false;
}

static int compare_facts(const struct node *text, const struct node *bytes, const char *what)
{
    int compared = 0;

    for (uint32_t s = 0; s < text->subject_count; s++) {
        const struct subject *subject = &text->subjects[s];
        int other;

        if (subject->kind != SUBJECT_PCI)
            continue;
        other = node_find_pci(bytes, subject->bdf);
        if (other < 0)
            fail_msg("%s: %s is not among the bytes", what, subject->name);
        for (uint32_t i = 0; i < subject->count; i++) {
            const struct fact_block *block = subject->refs[i].block;

            for (uint32_t j = 0; j < block->count; j++) {
                const struct fact *fact = &block->facts[j];

                if (fact->class == FACT_LABEL)
                    continue; /* names are not in the bytes */
                compared++;
                if (!has_fact(bytes, other, &subject->refs[i], fact))
                    fail_msg("%s: %s %s = %s is in the text alone", what, subject->name,
                             fact_key_name(text->pool, fact->key), fact->text);
            }
        }
    }
    return compared;
}

static void compare_readings(struct judge *judge, const struct gen_fleet *fleet, uint32_t index,
                             const char *what)
{
    struct gen_node *node = calloc(1, sizeof(*node));
    struct arena *arena = arena_new(0);
    struct loaded text = {0}, bytes = {0};
    struct tree tree;

    assert_true(node && arena);
    assert_int_equal(gen_node(fleet, index, node), 0);
    assert_int_equal(gen_node_sysfs(fleet, index, node, arena, &tree), 0);
    assert_int_equal(loader_load_tree(judge->loader, "text", &node->tree, &text, NULL), 0);
    assert_int_equal(loader_load_tree(judge->loader, "bytes", &tree, &bytes, NULL), 0);
    assert_true(compare_facts(text.node, bytes.node, what) > 5000);
    loaded_done(&text);
    loaded_done(&bytes);
    arena_free(arena);
    gen_node_done(node);
    free(node);
}

/* lspci prints the bytes and our parser reads that; our decoder reads the bytes. Both must say the
 * same of every machine, well or ill. */
static void what_the_text_says_the_bytes_say_too(void **state)
{
    struct noise_share noise = {.shifted_buses = 1, .shifted_addresses = 0.5, .corrected = 0.1};
    const struct mutation *mutation;
    const struct model *model;

    (void)state;
    for (size_t i = 0; (model = model_at(i)) != NULL; i++) {
        struct judge judge;

        judge_init(&judge, model->name);
        for (size_t m = 0; (mutation = mutation_at(m)) != NULL; m++) {
            struct gen_spec spec = {.model = model->name,
                                    .nodes = 2,
                                    .seed = 40 + m,
                                    .bad = 1,
                                    .mutation = mutation->id,
                                    .noise = noise,
                                    .sources = 1};
            struct gen_fleet *fleet;
            char what[64];

            if (!(mutation->models >> i & 1) || !strstr(mutation->sources, "lspci"))
                continue;
            snprintf(what, sizeof(what), "%s %s", model->name, mutation->id);
            fleet = gen_new(&spec, judge.renderer, NULL);
            assert_non_null(fleet);
            compare_readings(&judge, fleet, gen_is_bad(fleet, 0) ? 0 : 1, what);
            gen_free(fleet);
        }
        judge_done(&judge);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_nodes_give_no_finding),
        cmocka_unit_test(a_setting_that_shows_on_one_node_is_found),
        cmocka_unit_test(what_the_text_says_the_bytes_say_too),
    };

    if (!lspci_present()) {
        puts("skipped: lspci is not there (pciutils)");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
