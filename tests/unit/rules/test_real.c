/* Real machines, judged whole. */
#include "judged.h"
#include "node/load.h"
#include "pci/lspci.h"

#include "base/file.h"

#include <unistd.h>

static struct judged judged_file(const char *name)
{
    struct judged j = judged_new("", NULL);
    char path[4096];
    char *text;
    size_t len;
    uint16_t source;

    (void)snprintf(path, sizeof(path), "%s/machines/%s", TEST_DATA, name);
    if (file_read(path, 1 << 24, &text, &len, NULL) < 0) {
        print_message("skipped: no %s\n", path);
        judged_done(&j);
        skip();
    }
    source = node_source(j.node, name, "lspci", (struct str){text, len});
    assert_int_equal(lspci_parse(j.node, source, (struct str){text, len}, NULL), 0);
    judge(&j, POLICY_BARE_METAL);
    free(text);
    return j;
}

static void healthy_h100_node_gives_nothing_above_info(void **state)
{
    struct judged j = judged_file("dell-h100-hgx-pex890xx.lspci-vvv.txt");

    (void)state;
    judged_print(&j, SEVERITY_RELIABILITY);
    assert_null(judged_finding(&j, "ACS_SRCVALID_ONLY")); /* its SrcValid+ ports are elsewhere */
    assert_int_equal(judged_count(&j, SEVERITY_RELIABILITY), 0);
    judged_done(&j);
}

static void eight_idle_gpus_are_notes_and_no_link_findings(void **state)
{
    struct judged j = judged_file("asus-esc8000a-e13p.lspci_full.txt");

    (void)state;
    assert_non_null(judged_finding(&j, "IDLE_GPU_LINK_SPEED"));
    assert_int_equal(judged_finding(&j, "IDLE_GPU_LINK_SPEED")->evidence_count, 8);
    assert_null(judged_finding(&j, "LINK_SPEED_BELOW_BOTH_ENDS"));
    assert_null(judged_finding(&j, "LINK_WIDTH_BELOW_BOTH_ENDS"));
    assert_null(judged_finding(&j, "LINK_TARGET_SPEED_STUCK"));
    assert_null(judged_finding(&j, "ACS_REDIRECT_ON_P2P_PATH"));
    judged_done(&j);
}

/* Judge one input and hand what was found to `look`; 0 when it could be loaded. */
static int judge_input(const struct input *input,
                       void (*look)(const struct judged *j, const struct node *node))
{
    struct judged j = {.pool = fact_pool_new(FACT_KEEP_ALL)};
    struct loader *loader = loader_new(j.pool);
    struct loaded loaded = {0};
    int r;

    j.rules = rules_new(j.pool, POLICY_BARE_METAL);
    assert_non_null(loader);
    assert_non_null(j.rules);
    r = loader_load(loader, input, &loaded, NULL);
    for (struct loaded *part = r < 0 ? NULL : &loaded; part; part = part->next_part) {
        assert_int_equal(rules_judge(j.rules, part->node, part->topo, &j.findings), 0);
        look(&j, part->node);
    }
    if (r == 0)
        loaded_done(&loaded);
    rules_free(j.rules);
    loader_free(loader);
    fact_pool_free(j.pool);
    return r;
}

/* iommu=off on 256 threads: the owner published these logs without noticing. */
static void look_for_cpu_239(const struct judged *j, const struct node *node)
{
    const struct finding *finding = judged_finding(j, "IOMMU_OFF_LOSES_CPUS");
    bool blamed = false;

    assert_non_null(finding);
    assert_string_equal(finding->detail, "CPU 239 lost");
    for (uint32_t i = 0; i < finding->evidence_count; i++) {
        struct str line = node_fact_text(node, finding->evidence[i].at);

        blamed = blamed || str_find(line, "iommu=off") >= 0;
    }
    assert_true(blamed);
    assert_null(judged_finding(j, "CPU_OFFLINE"));
    assert_null(judged_finding(j, "IOMMU_TRANSLATING"));
    assert_null(judged_finding(j, "BAR_UNASSIGNED"));
}

static void the_lost_cpu_239_is_found_and_explained(void **state)
{
    static const char *const kinds[] = {"lspci_full", "cmdline", "dmesg",           "dmidecode",
                                        "lscpu",      "numa",    "nvidia_smi_full", "nvidia_topo"};
    char paths[ARRAY_LEN(kinds)][4096];
    const char *files[ARRAY_LEN(kinds)];
    struct input input = {.kind = INPUT_FOLDER, .name = "asus", .path = TEST_DATA "/machines"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        (void)snprintf(paths[i], sizeof(paths[i]), "%s/machines/asus-esc8000a-e13p.%s.txt",
                       TEST_DATA, kinds[i]);
        files[i] = paths[i];
    }
    if (access(paths[0], R_OK) < 0) {
        print_message("skipped: no %s\n", paths[0]);
        skip();
    }
    input.files = files;
    input.file_count = ARRAY_LEN(files);
    assert_int_equal(judge_input(&input, look_for_cpu_239), 0);
}

static void look_at_places(const struct judged *j, const struct node *node)
{
    for (uint32_t i = 0; i < j->findings.count; i++) {
        const struct finding *finding = &j->findings.items[i];

        assert_true(finding->evidence_count > 0);
        for (uint32_t e = 0; e < finding->evidence_count; e++) {
            const struct evidence *evidence = &finding->evidence[e];

            assert_true(evidence->subject < node->subject_count);
            assert_true(evidence->at.fact || evidence->text);
            if (evidence->at.fact)
                (void)node_fact_text(node, evidence->at);
        }
    }
    for (uint32_t i = 0; i < j->findings.unknown_count; i++)
        assert_true(j->findings.unknowns[i].what && j->findings.unknowns[i].why);
}

static void every_machine_can_be_judged(void **state)
{
    const char folder[] = TEST_DATA "/machines";
    struct arena *arena = arena_new(0);
    const char *const *names;
    long count = file_list(arena, folder, 10000, &names, NULL);
    size_t judged = 0;

    (void)state;
    for (long i = 0; i < count; i++) {
        struct input input = {.kind = INPUT_FILE, .name = names[i]};

        input.path = arena_printf(arena, "%s/%s", folder, names[i]);
        if (str_ends(str_of(names[i]), ".txt"))
            judged += judge_input(&input, look_at_places) == 0;
    }
    arena_free(arena);
    if (count < 0) {
        print_message("skipped: no %s\n", folder);
        skip();
    }
    assert_true(judged > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_h100_node_gives_nothing_above_info),
        cmocka_unit_test(eight_idle_gpus_are_notes_and_no_link_findings),
        cmocka_unit_test(the_lost_cpu_239_is_found_and_explained),
        cmocka_unit_test(every_machine_can_be_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
