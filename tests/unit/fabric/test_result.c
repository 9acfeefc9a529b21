#include "fabric/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_a_result_copies_what_it_is_given(void **state)
{
    struct fabric_result *result = result_new();
    struct measure measure = {.node = 0, .peer = 1, .value = 5};
    struct fabric_trouble trouble = {.kind = TROUBLE_PEER, .peer = 1};
    char name[] = "n01", group[] = "leaf1";

    (void)state;
    assert_non_null(result);
    assert_int_equal(result_add_node(result, name, group, NULL), 0);
    assert_int_equal(result_add_node(result, "n02", NULL, NULL), 0);
    name[0] = group[0] = 'x';
    assert_string_equal(result->nodes.items[0].name, "n01");
    assert_string_equal(result->nodes.items[0].group, "leaf1");
    assert_string_equal(result->nodes.items[1].group, "");
    assert_int_equal(result_add_measure(result, &measure, NULL), 0);
    assert_int_equal(result_add_trouble(result, &trouble, NULL), 0);
    measure.value = 6;
    assert_int_equal((int)result->measures.items[0].value, 5);
    assert_int_equal(result->troubles.items[0].peer, 1);
    result_free(result);
}

static void test_the_first_bad_fate_stays(void **state)
{
    struct fabric_result *result = result_new();
    struct fabric_node *node;

    (void)state;
    assert_non_null(result);
    assert_int_equal(result_add_node(result, "n01", "", NULL), 0);
    node = &result->nodes.items[0];
    assert_int_equal(node->fate, NODE_EXPECTED);
    assert_int_equal(result_set_fate(result, 0, NODE_WELL, "", NULL), 0);
    assert_int_equal(result_set_fate(result, 0, NODE_HUNG, "no answer for 3 s", NULL), 0);
    assert_int_equal(result_set_fate(result, 0, NODE_DIED, "killed", NULL), 0);
    assert_int_equal(result_set_fate(result, 0, NODE_WELL, "", NULL), 0);
    assert_int_equal(node->fate, NODE_HUNG);
    assert_string_equal(node->words, "no answer for 3 s");
    result_free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_result_copies_what_it_is_given),
        cmocka_unit_test(test_the_first_bad_fate_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
