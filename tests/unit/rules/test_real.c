/* Real machines, judged whole. */
#include "judged.h"
#include "pci/lspci.h"

#include "base/file.h"

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
    judged_print(&j, SEVERITY_INFO);
    assert_int_equal(judged_count(&j, SEVERITY_RELIABILITY), 0);
    judged_done(&j);
}

static void eight_idle_gpus_are_notes_and_no_link_findings(void **state)
{
    struct judged j = judged_file("asus-esc8000a-e13p.lspci_full.txt");

    (void)state;
    judged_print(&j, SEVERITY_INFO);
    assert_non_null(judged_finding(&j, "IDLE_GPU_LINK_SPEED"));
    assert_int_equal(judged_finding(&j, "IDLE_GPU_LINK_SPEED")->evidence_count, 8);
    assert_null(judged_finding(&j, "LINK_SPEED_BELOW_BOTH_ENDS"));
    assert_null(judged_finding(&j, "LINK_WIDTH_BELOW_BOTH_ENDS"));
    assert_null(judged_finding(&j, "LINK_TARGET_SPEED_STUCK"));
    assert_null(judged_finding(&j, "ACS_REDIRECT_ON_P2P_PATH"));
    judged_done(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_h100_node_gives_nothing_above_info),
        cmocka_unit_test(eight_idle_gpus_are_notes_and_no_link_findings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
