/* The catalogue itself: whole, and worded so that a person can act on it. */
#include "rules/check.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void all_rows_of_the_reference_are_there(void **state)
{
    bool there[129] = {false};

    (void)state;
    for (size_t i = 0; i < rule_count(); i++) {
        assert_in_range(rule_at(i)->number, 1, 128);
        there[rule_at(i)->number] = true;
    }
    for (unsigned n = 1; n <= 128; n++)
        if (!there[n])
            fail_msg("row %u is missing", n);
    assert_null(rule_at(rule_count()));
}

static void ids_are_unique_and_numbers_rise(void **state)
{
    (void)state;
    for (size_t i = 0; i < rule_count(); i++) {
        const struct rule *rule = rule_at(i);

        assert_ptr_equal(rule_by_id(rule->id), rule);
        for (const char *c = rule->id; *c; c++)
            if (!((*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_'))
                fail_msg("%s is not in capitals", rule->id);
        if (i)
            assert_true(rule->number >= rule_at(i - 1)->number);
    }
    assert_null(rule_by_id("NO_SUCH_RULE"));
}

static void each_rule_says_what_a_person_needs(void **state)
{
    (void)state;
    for (size_t i = 0; i < rule_count(); i++) {
        const struct rule *rule = rule_at(i);
        const char *const texts[] = {rule->title, rule->looks_at,       rule->good,
                                     rule->bad,   rule->harm,           rule->source,
                                     rule->id,    rule->fixes[0].where, rule->fixes[0].what};

        for (size_t t = 0; t < ARRAY_LEN(texts); t++)
            if (!texts[t] || !*texts[t])
                fail_msg("%s lacks a text (%zu)", rule->id, t);
        assert_in_range(rule->severity, SEVERITY_INFO, SEVERITY_FATAL);
        assert_in_range(rule->basis, 1, BASIS_SOURCE | BASIS_DUMP | BASIS_KNOWN);
        assert_in_range(rule->policies, 1, POLICY_ANY);
        for (size_t f = 0; f < RULE_FIXES_MAX; f++)
            assert_int_equal(!rule->fixes[f].where, !rule->fixes[f].what);
    }
}

/* A BIOS option that does it: then a fix says where. */
static void rules_of_the_bios_name_an_option(void **state)
{
    (void)state;
    for (size_t i = 0; i < rule_count(); i++) {
        const struct rule *rule = rule_at(i);
        bool option = false;

        for (size_t f = 0; f < RULE_FIXES_MAX && rule->fixes[f].where; f++)
            option = option || !strncmp(rule->fixes[f].where, "BIOS", 4) ||
                     strstr(rule->fixes[f].what, "see ") != NULL;
        if (rule->bios && !option)
            fail_msg("%s: a BIOS option does it, but none is named", rule->id);
    }
}

/* A rule is judged, names differences, or says why no source shows it. */
static void no_rule_is_without_use(void **state)
{
    (void)state;
    for (size_t i = 0; i < rule_count(); i++) {
        const struct rule *rule = rule_at(i);

        if (!rule->test_count && !rule->check && !rule->claims &&
            !strstr(rule->looks_at, "not visible") && !strstr(rule->looks_at, "unknown"))
            fail_msg("%s does nothing", rule->id);
        if (rule->check && !rule->test_count && !rule->needs)
            fail_msg("%s does not say what it rests on", rule->id);
    }
}

static void check_globs(const struct rule *rule, const char *const *globs)
{
    static const char *const whos[] = {"*",     "gpu",  "nic", "nvswitch", "nvme", "port",
                                       "other", "host", "ib",  "net",      "dimm", "numa"};

    for (; globs && *globs; globs++) {
        const char *colon = strchr(*globs, ':');
        bool known = false;

        if (!colon || !colon[1])
            fail_msg("%s: %s has no path", rule->id, *globs);
        for (size_t i = 0; i < ARRAY_LEN(whos); i++)
            known = known || (strlen(whos[i]) == (size_t)(colon - *globs) &&
                              !strncmp(whos[i], *globs, strlen(whos[i])));
        if (!known)
            fail_msg("%s: %s is about nobody", rule->id, *globs);
    }
}

static void globs_are_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < rule_count(); i++) {
        check_globs(rule_at(i), rule_at(i)->claims);
        check_globs(rule_at(i), rule_at(i)->moves);
    }
}

static void rows_are_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < rule_count(); i++)
        for (unsigned t = 0; t < rule_at(i)->test_count; t++) {
            const struct row_test *row = &rule_at(i)->tests[t];

            if (!row->who || !row->is.path || row->is.op == OP_NONE || !strchr(row->is.path, '.'))
                fail_msg("%s: row %u", rule_at(i)->id, t);
            for (int c = 0; c < CONDITIONS_MAX; c++) {
                assert_false(row->when[c].path && strchr(row->when[c].path, '*'));
                assert_false(row->unless[c].path && strchr(row->unless[c].path, '*'));
            }
        }
}

static void claims_know_the_setting_from_what_moves_along(void **state)
{
    static const struct {
        const char *rule, *who, *path;
        enum claim want;
    } cases[] = {
        {"ACS_REDIRECT_ON_P2P_PATH", "port", "ACS.ACSCtl.ReqRedir", CLAIM_SETTING},
        {"ACS_REDIRECT_ON_P2P_PATH", "gpu", "ACS.ACSCtl.ReqRedir", CLAIM_NONE},
        {"IOMMU_TRANSLATING", "nvme", "IOMMU.present", CLAIM_SETTING},
        {"IOMMU_TRANSLATING", "host", "cmdline.intel_iommu", CLAIM_SETTING},
        {"IOMMU_TRANSLATING", "port", "ACS.ACSCtl.ReqRedir", CLAIM_MOVES},
        {"IOMMU_TRANSLATING", "nic", "ATS.ATSCtl.Enable", CLAIM_MOVES},
        {"ASPM_ENABLED", "other", "Express.LnkCtl.ASPM", CLAIM_SETTING},
        {"ASPM_ENABLED", "nic", "L1SS.L1SubCtl1.ASPM_L1.2", CLAIM_MOVES},
        {"BIOS_VERSION_DIFFERS", "host", "bios.version", CLAIM_SETTING},
        {"KERNEL_DIFFERS", "port", "Express.LnkCtl.BWInt", CLAIM_MOVES},
        {"KERNEL_DIFFERS", "host", "os.kernel", CLAIM_SETTING},
        {"KERNEL_DIFFERS", "hos", "os.kernel", CLAIM_NONE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct rule *rule = rule_by_id(cases[i].rule);

        assert_non_null(rule);
        if (rule_claims(rule, cases[i].who, cases[i].path) != cases[i].want)
            fail_msg("%s: %s:%s", cases[i].rule, cases[i].who, cases[i].path);
    }
}

static void policies_and_severities_have_names(void **state)
{
    enum policy policy;

    (void)state;
    for (int i = 0; i < POLICY_COUNT; i++) {
        assert_int_equal(policy_of(policy_name((enum policy)i), &policy), 0);
        assert_int_equal(policy, i);
    }
    assert_int_equal(policy_of("bare", &policy), -EINVAL);
    assert_string_equal(severity_name(SEVERITY_INFO), "info");
    assert_string_equal(severity_name(SEVERITY_FATAL), "fatal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_rows_of_the_reference_are_there),
        cmocka_unit_test(ids_are_unique_and_numbers_rise),
        cmocka_unit_test(each_rule_says_what_a_person_needs),
        cmocka_unit_test(rules_of_the_bios_name_an_option),
        cmocka_unit_test(no_rule_is_without_use),
        cmocka_unit_test(globs_are_well_formed),
        cmocka_unit_test(rows_are_well_formed),
        cmocka_unit_test(claims_know_the_setting_from_what_moves_along),
        cmocka_unit_test(policies_and_severities_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
