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

static void a_setting_that_one_node_shows_is_found(void **state)
{
    static const char *const ids[] = {
        "ACS_REDIRECT",       "IOMMU_ON",       "IOMMU_OFF_LOST_CPU",
        "GPU_WIDTH_X8",       "NIC_WIDTH_X8",   "NIC_SPEED_LOW",
        "SLOT_NARROW",        "LANE_ERRORS",    "TARGET_SPEED_STUCK",
        "CORRECTABLE_ERRORS", "ACS_VIOLATION",  "UNCORRECTABLE_ERRORS",
        "DPC_TRIGGERED",      "MPS_MISMATCH",   "MRRS_512",
        "EXTTAG_OFF",         "ASPM_ON",        "RELAXED_ORDERING_OFF",
        "CLOCK_PM_ON",        "BUS_MASTER_OFF", "ATOMIC_EGRESS_BLOCKED",
        "DEVICE_D3",          "ECAM_MISSING",   "ECRC_ON",
    };
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_nodes_give_no_finding),
        cmocka_unit_test(a_setting_that_one_node_shows_is_found),
    };

    if (!lspci_present()) {
        puts("skipped: lspci is not there (pciutils)");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
