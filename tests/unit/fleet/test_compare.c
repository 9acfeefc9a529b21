#include "unit/fleet/machine.h"

#include "base/rng.h"

static void print_all(const struct compared *c) /* for a failed run */
{
    for (size_t i = 0; i < c->count; i++) {
        print_message("%u kind %d %s [%s] on %u, %u facts, score %g\n", c->list[i].rank,
                      (int)c->list[i].kind, c->list[i].title,
                      c->list[i].cause ? c->list[i].cause->id : "-", c->list[i].nodes.count,
                      c->list[i].changed_facts, c->list[i].score);
        for (uint32_t f = 0; f < c->list[i].field_count && f < 4; f++)
            print_message("    %s %s: %s / %s\n", c->list[i].fields[f].role,
                          c->list[i].fields[f].path, c->list[i].fields[f].values[0].text,
                          c->list[i].fields[f].values[1].text);
    }
}

static void check_count(const struct compared *c, size_t want)
{
    if (c->count != want)
        print_all(c);
    assert_int_equal(c->count, want);
}

static void done(struct compared *c, struct machine *machines)
{
    fleet_free(c->fleet);
    free(machines);
}

static void test_alike_nodes_have_no_differences(void **state)
{
    struct machine *machines = alike(32);
    struct compared c = compare_of(machines, 32);

    (void)state;
    check_count(&c, 0);
    assert_int_equal(fleet_cohort_count(c.fleet), 1);
    assert_int_equal(fleet_cohort(c.fleet, 0)->node_count, 32);
    done(&c, machines);
}

static void test_one_setting_on_three_nodes_is_one_cause(void **state)
{
    struct machine *machines = alike(32);
    struct compared c;

    (void)state;
    machines[3].redirect = machines[17].redirect = machines[30].redirect = true;
    c = compare_of(machines, 32);
    check_count(&c, 1);
    assert_set(c.list[0].nodes, 3, 17, 30);
    assert_ptr_equal(c.list[0].cause, test_rule(RULE_ACS));
    assert_int_equal(c.list[0].rank, 1);
    assert_int_equal(c.list[0].kind, DIFF_SETTING);
    assert_int_equal(c.list[0].changed_facts, 8 * 3); /* 8 ports, 3 bits */
    assert_string_equal(c.list[0].fields[0].role, "gpu0.port");
    assert_string_equal(c.list[0].fields[0].path, "ACS.ACSCtl.ReqRedir");
    assert_string_equal(c.list[0].fields[0].values[0].text, "-");
    assert_int_equal(c.list[0].fields[0].values[0].nodes.count, 29);
    assert_string_equal(c.list[0].fields[0].values[1].text, "+");
    assert_set(c.list[0].fields[0].values[1].nodes, 3, 17, 30);
    done(&c, machines);
}

static void test_many_facts_of_one_switch_are_one_named_cause(void **state)
{
    struct machine *machines = alike(32);
    struct compared c;

    (void)state;
    machines[5].iommu = machines[6].iommu = machines[7].iommu = true;
    c = compare_of(machines, 32);
    check_count(&c, 1);
    assert_ptr_equal(c.list[0].cause, test_rule(RULE_IOMMU));
    assert_null(c.list[0].also[0]); /* ACS knows some of its fields, but finds no fault */
    assert_int_equal(c.list[0].changed_facts, 4 * 5 + 8 * 3);
    assert_string_equal(c.list[0].fields[0].path, "IOMMU.present");
    assert_string_equal(c.list[0].fields[0].values[0].text, "absent");
    done(&c, machines);
}

static void test_causes_on_different_nodes_stay_apart(void **state)
{
    struct machine *machines = alike(64);
    struct compared c;

    (void)state;
    for (int i = 0; i < 3; i++)
        machines[i].redirect = true;
    for (int i = 10; i < 14; i++)
        machines[i].read_request = 512;
    for (int i = 20; i < 52; i++)
        machines[i].bios = "2.0";
    c = compare_of(machines, 64);
    check_count(&c, 3);
    /* Rare and harmful before a batch of another BIOS. */
    assert_ptr_equal(c.list[2].cause, test_rule(RULE_BIOS));
    assert_int_equal(c.list[2].nodes.count, 32);
    done(&c, machines);
}

static void test_a_missing_gpu_does_not_shift_the_others(void **state)
{
    struct machine *machines = alike(16);
    struct compared c;

    (void)state;
    machines[4].without_gpu = 1;
    c = compare_of(machines, 16);
    assert_int_equal(fleet_cohort_count(c.fleet), 1);
    check_count(&c, 1);
    assert_int_equal(c.list[0].kind, DIFF_MISSING_DEVICE);
    assert_set(c.list[0].nodes, 4);
    assert_string_equal(c.list[0].title, "gpu1 is missing");
    assert_string_equal(c.list[0].fields[0].path, "device");
    done(&c, machines);
}

static void test_a_device_that_few_have_is_extra(void **state)
{
    struct machine *machines = alike(16);
    struct compared c;

    (void)state;
    for (int i = 0; i < 16; i++)
        machines[i].without_gpu = i == 4 ? -1 : 2;
    c = compare_of(machines, 16);
    check_count(&c, 1);
    assert_int_equal(c.list[0].kind, DIFF_EXTRA_DEVICE);
    assert_set(c.list[0].nodes, 4);
    done(&c, machines);
}

static void test_a_missing_root_bus_is_one_difference(void **state)
{
    struct machine *machines = alike(16);
    struct compared c;

    (void)state;
    for (int i = 0; i < 16; i++)
        machines[i].pairs = 8;
    machines[9].without_root = 3;
    c = compare_of(machines, 16);
    assert_int_equal(fleet_cohort_count(c.fleet), 1);
    /* Split by place: a lone node. All of it hangs on one root bus, so it is one row a port. */
    for (size_t i = 0; i < c.count; i++)
        assert_int_equal(c.list[i].kind, DIFF_MISSING_DEVICE);
    check_count(&c, 1);
    assert_set(c.list[0].nodes, 9);
    assert_int_equal(c.list[0].changed_facts, 5);
    done(&c, machines);
}

static void test_shifted_bus_numbers_are_only_that(void **state)
{
    struct machine *machines = alike(16);
    struct compared c;

    (void)state;
    machines[2].bus_shift = machines[11].bus_shift = 3;
    c = compare_of(machines, 16);
    check_count(&c, 1);
    assert_int_equal(c.list[0].kind, DIFF_RENUMBERED);
    assert_set(c.list[0].nodes, 2, 11);
    assert_string_equal(c.list[0].fields[0].role, "gpu0");
    assert_string_equal(c.list[0].fields[0].values[0].text, "0000:11:00.0");
    assert_string_equal(c.list[0].fields[0].values[1].text, "0000:14:00.0");
    done(&c, machines);
}

static void test_another_version_of_the_tool_is_told_apart(void **state)
{
    struct machine *machines = alike(16);
    struct compared c;

    (void)state;
    for (int i = 8; i < 12; i++)
        machines[i].old_tool = true;
    machines[9].redirect = machines[10].redirect = machines[11].redirect = true;
    c = compare_of(machines, 16);
    check_count(&c, 2);
    assert_ptr_equal(c.list[0].cause, test_rule(RULE_ACS));
    assert_set(c.list[0].nodes, 9, 10, 11);
    assert_int_equal(c.list[1].kind, DIFF_TOOL_VERSION);
    assert_set(c.list[1].nodes, 8, 9, 10, 11);
    done(&c, machines);
}

static void test_one_flag_that_no_device_shows_is_the_tool(void **state)
{
    struct machine *machines = alike(16);
    struct compared c;

    (void)state;
    machines[2].older_tool = machines[5].older_tool = true;
    c = compare_of(machines, 16);
    check_count(&c, 1);
    assert_int_equal(c.list[0].kind, DIFF_TOOL_VERSION);
    done(&c, machines);
}

static void test_an_old_tool_does_not_turn_the_iommu_off(void **state)
{
    struct machine *machines = alike(16);
    struct compared c;

    (void)state;
    for (int i = 0; i < 16; i++)
        machines[i].iommu = true;
    for (int i = 3; i < 6; i++) { /* no IOMMU groups are printed; ACS is as it was */
        machines[i].old_tool = machines[i].redirect = true;
        machines[i].iommu = false;
    }
    c = compare_of(machines, 16);
    check_count(&c, 1);
    assert_int_equal(c.list[0].kind, DIFF_TOOL_VERSION);
    done(&c, machines);
}

static void test_the_tool_and_a_setting_on_the_same_nodes_are_two(void **state)
{
    struct machine *machines = alike(2);
    struct compared c;

    (void)state;
    machines[1].old_tool = machines[1].iommu = true;
    c = compare_of(machines, 2);
    check_count(&c, 3); /* and the asset tag */
    assert_ptr_equal(c.list[0].cause, test_rule(RULE_IOMMU));
    assert_int_equal(c.list[2].kind, DIFF_TOOL_VERSION);
    done(&c, machines);
}

static void test_what_each_node_has_for_itself_is_identity(void **state)
{
    struct machine *machines = alike(12);
    struct compared c;

    (void)state;
    /* Two nodes share a token: still a value of nearly every node's own. */
    machines[3].noise = machines[4].noise;
    c = compare_of(machines, 12);
    check_count(&c, 0);
    done(&c, machines);
    /* One token for all but three is a setting. */
    machines = alike(12);
    for (int i = 0; i < 12; i++)
        machines[i].noise = i < 9 ? 7 : 8;
    c = compare_of(machines, 12);
    check_count(&c, 1);
    assert_set(c.list[0].nodes, 9, 10, 11);
    assert_null(c.list[0].cause);
    assert_string_equal(c.list[0].title, "host asset.token is tag-8 instead of tag-7");
    done(&c, machines);
}

static void test_two_nodes_are_split_by_rule(void **state)
{
    struct machine *machines = alike(2);
    struct compared c;

    (void)state;
    machines[0].noise = machines[1].noise;
    machines[0].redirect = true;
    machines[1].read_request = 512;
    machines[1].bios = "1.0";
    c = compare_of(machines, 2);
    check_count(&c, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(c.list[i].cause);
        /* The node that has what the rule calls bad. */
        if (c.list[i].cause == test_rule(RULE_ACS)) {
            assert_set(c.list[i].nodes, 0);
            assert_string_equal(c.list[i].fields[0].values[1].text, "+");
        }
        if (c.list[i].cause == test_rule(RULE_READ_REQUEST))
            assert_set(c.list[i].nodes, 1);
    }
    done(&c, machines);
}

static void test_the_same_setting_at_other_places_is_one_cause(void **state)
{
    struct machine *machines = alike(64);
    struct compared c;

    (void)state;
    machines[7].narrow_gpu = 2;
    machines[40].narrow_gpu = 0;
    c = compare_of(machines, 64);
    check_count(&c, 1);
    assert_set(c.list[0].nodes, 7, 40);
    assert_int_equal(c.list[0].field_count, 2);
    done(&c, machines);
}

static void test_facts_out_of_sight_join_their_cause(void **state)
{
    struct machine *machines = alike(64);
    struct compared c;

    (void)state;
    machines[1].read_request = machines[2].read_request = machines[3].read_request = 512;
    machines[3].without_gpu = 0; /* its gpu0 can't show the setting */
    c = compare_of(machines, 64);
    check_count(&c, 2);
    for (int i = 0; i < 2; i++)
        if (c.list[i].kind == DIFF_SETTING) {
            assert_set(c.list[i].nodes, 1, 2, 3);
            assert_int_equal(c.list[i].changed_facts, 4 * 5);
        }
    done(&c, machines);
}

static void test_a_path_with_several_values_is_one_field(void **state)
{
    struct machine *machines = alike(16);
    struct compared c;

    (void)state;
    for (int i = 0; i < 16; i++)
        machines[i].tags = i < 3 ? "a c" : "a b c";
    c = compare_of(machines, 16);
    check_count(&c, 1);
    assert_int_equal(c.list[0].changed_facts, 1);
    assert_string_equal(c.list[0].fields[0].values[0].text, "a, b, c");
    assert_string_equal(c.list[0].fields[0].values[1].text, "a, c");
    done(&c, machines);
}

static void test_what_was_not_seen_is_no_difference(void **state)
{
    struct machine *machines = alike(16);
    struct compared c;

    (void)state;
    machines[2].no_caps = machines[3].no_caps = machines[4].no_caps = true;
    machines[8].no_dmi = true;
    c = compare_of(machines, 16);
    check_count(&c, 0);
    done(&c, machines);
}

static void test_unlike_machines_are_not_compared(void **state)
{
    struct machine *machines = alike(20);
    struct compared c;

    (void)state;
    for (int i = 12; i < 20; i++)
        machines[i].gpu_model = "20b0";
    machines[13].redirect = machines[14].redirect = true;
    c = compare_of(machines, 20);
    assert_int_equal(fleet_cohort_count(c.fleet), 2);
    assert_int_equal(fleet_cohort(c.fleet, 0)->node_count, 12);
    assert_int_equal(fleet_node(c.fleet, 13)->cohort, 1);
    check_count(&c, 1);
    assert_int_equal(c.list[0].cohort, 1);
    assert_set(c.list[0].nodes, 13, 14);
    done(&c, machines);
}

static void test_what_a_rule_found_sets_nodes_apart(void **state)
{
    struct machine *machines = alike(32);
    struct compared c;

    (void)state;
    machines[6].errors = machines[9].errors = machines[12].errors = true;
    c = compare_of(machines, 32);
    check_count(&c, 1);
    assert_ptr_equal(c.list[0].cause, test_rule(RULE_ERRORS));
    assert_set(c.list[0].nodes, 6, 9, 12);
    assert_int_equal(c.list[0].changed_facts, 0);
    assert_int_equal(fleet_node(c.fleet, 6)->finding_count, 1);
    assert_string_equal(fleet_node(c.fleet, 6)->findings[0].proofs[0].where,
                        "gpu1 0000:21:00.0: receiver errors");
    done(&c, machines);
}

static void test_a_uuid_that_occurs_twice_is_found(void **state)
{
    struct machine *machines = alike(16);
    struct compared c;

    (void)state;
    machines[5].uuid = machines[11].uuid = "4c4c4544-0042-3510";
    c = compare_of(machines, 16);
    for (uint32_t n = 0; n < 16; n++)
        assert_int_equal(fleet_node(c.fleet, n)->finding_count, n == 5 || n == 11);
    assert_ptr_equal(fleet_node(c.fleet, 5)->findings[0].rule, test_rule(RULE_TWICE));
    assert_string_equal(fleet_node(c.fleet, 5)->findings[0].proofs[0].text,
                        "system.uuid = 4c4c4544-0042-3510, also on n11");
    done(&c, machines);
}

static void test_ports_are_aligned_by_their_cards(void **state)
{
    struct machine *machines = alike(16);
    struct compared c;

    (void)state;
    for (int i = 0; i < 16; i++)
        machines[i].ports = 400;
    machines[6].without_nic = 1; /* its mlx5_1 is the others' mlx5_2 */
    machines[6].slow_port = 3;
    c = compare_of(machines, 16);
    check_count(&c, 2); /* the card with its port, and the other port's rate */
    assert_string_equal(c.list[0].title, "nic1 is missing");
    assert_string_equal(c.list[1].title, "nic3/1 ib.rate_gbs is 200 instead of 400");
    assert_set(c.list[1].nodes, 6);
    done(&c, machines);
}

static void test_memory_that_the_kernel_took_is_no_difference(void **state)
{
    struct machine *machines = alike(64);
    struct compared c;

    (void)state;
    for (unsigned i = 0; i < 64; i++)
        machines[i].memory_kb = 2113531904u - i % 7 * 4;
    machines[9].memory_kb = 2113531904u / 32 * 31; /* a DIMM less */
    c = compare_of(machines, 64);
    check_count(&c, 1);
    assert_set(c.list[0].nodes, 9);
    done(&c, machines);
}

/* Random fleets: every answer is the same whatever the order in which pools were filled. */
static void test_the_answer_does_not_depend_on_addresses(void **state)
{
    struct rng rng = {20};
    struct machine *machines = alike(40);
    struct compared first, second;

    (void)state;
    for (int i = 0; i < 40; i++) {
        machines[i].redirect = rng_below(&rng, 8) == 0;
        machines[i].iommu = rng_below(&rng, 8) == 0;
        machines[i].read_request = rng_below(&rng, 6) == 0 ? 512 : 0;
        machines[i].narrow_gpu = rng_below(&rng, 8) == 0 ? (int)rng_below(&rng, 4) : -1;
        machines[i].bios = rng_below(&rng, 3) ? "2.1" : "2.0";
        machines[i].bus_shift = (unsigned)rng_below(&rng, 2);
    }
    first = compare_of(machines, 40);
    second = compare_of(machines, 40);
    assert_int_equal(first.count, second.count);
    assert_true(first.count > 3);
    for (size_t i = 0; i < first.count; i++) {
        assert_string_equal(first.list[i].title, second.list[i].title);
        assert_int_equal(first.list[i].field_count, second.list[i].field_count);
        assert_nodes(first.list[i].nodes, second.list[i].nodes.nodes, second.list[i].nodes.count);
    }
    fleet_free(second.fleet);
    done(&first, machines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alike_nodes_have_no_differences),
        cmocka_unit_test(test_one_setting_on_three_nodes_is_one_cause),
        cmocka_unit_test(test_many_facts_of_one_switch_are_one_named_cause),
        cmocka_unit_test(test_causes_on_different_nodes_stay_apart),
        cmocka_unit_test(test_a_missing_gpu_does_not_shift_the_others),
        cmocka_unit_test(test_a_device_that_few_have_is_extra),
        cmocka_unit_test(test_a_missing_root_bus_is_one_difference),
        cmocka_unit_test(test_shifted_bus_numbers_are_only_that),
        cmocka_unit_test(test_another_version_of_the_tool_is_told_apart),
        cmocka_unit_test(test_one_flag_that_no_device_shows_is_the_tool),
        cmocka_unit_test(test_an_old_tool_does_not_turn_the_iommu_off),
        cmocka_unit_test(test_the_tool_and_a_setting_on_the_same_nodes_are_two),
        cmocka_unit_test(test_what_each_node_has_for_itself_is_identity),
        cmocka_unit_test(test_two_nodes_are_split_by_rule),
        cmocka_unit_test(test_the_same_setting_at_other_places_is_one_cause),
        cmocka_unit_test(test_facts_out_of_sight_join_their_cause),
        cmocka_unit_test(test_a_path_with_several_values_is_one_field),
        cmocka_unit_test(test_what_was_not_seen_is_no_difference),
        cmocka_unit_test(test_unlike_machines_are_not_compared),
        cmocka_unit_test(test_what_a_rule_found_sets_nodes_apart),
        cmocka_unit_test(test_a_uuid_that_occurs_twice_is_found),
        cmocka_unit_test(test_ports_are_aligned_by_their_cards),
        cmocka_unit_test(test_memory_that_the_kernel_took_is_no_difference),
        cmocka_unit_test(test_the_answer_does_not_depend_on_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
