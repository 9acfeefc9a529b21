#include "support/parsed.h"

#include "host/gather.h"

static void test_facts_become_one_block_a_subject_and_first_part(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    uint16_t source = node_source(f.node, "text", "test", STR("a\nb\nc\nd\n"));
    struct gather gather;
    struct fact_at at;

    (void)state;
    gather_init(&gather, f.node, source);
    gather_text(&gather, GATHER_HOST, FACT_CONFIG, 4, STR("cpu.model"), STR("X"));
    gather_number(&gather, GATHER_HOST, FACT_CONFIG, 2, STR("mem.total"), 7, STR(""));
    gather_flag(&gather, GATHER_HOST, FACT_CONFIG, 3, STR("cpu.boost"), true);
    assert_int_equal(gather_done(&gather, NULL), 0);
    assert_int_equal(f.node->subjects[0].count, 2);
    assert_string_equal(parsed_host(&f, "cpu.boost"), "+");
    assert_string_equal(parsed_host(&f, "mem.total"), "7");
    at = parsed_at(&f, SUBJECT_HOST, "", "cpu.model");
    assert_int_equal(node_fact_line(f.node, at), 4);
    assert_int_equal(at.ref->line, 3);
    parsed_done(&f);
}

static void test_the_first_of_two_equal_paths_stays(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    struct gather gather;

    (void)state;
    gather_init(&gather, f.node, node_source(f.node, "text", "test", STR("")));
    gather_text(&gather, GATHER_HOST, FACT_CONFIG, 1, STR("a.b"), STR("first"));
    gather_text(&gather, GATHER_HOST, FACT_CONFIG, 2, STR("a.b"), STR("second"));
    assert_int_equal(gather_done(&gather, NULL), 0);
    assert_string_equal(parsed_host(&f, "a.b"), "first");
    assert_int_equal(f.node->subjects[0].refs[0].block->count, 1);
    parsed_done(&f);
}

static void test_a_name_that_is_too_long_is_dropped(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    struct gather_path path;
    struct gather gather;
    char name[GATHER_PATH_MAX + 1];

    (void)state;
    memset(name, 'x', sizeof(name));
    gather_init(&gather, f.node, node_source(f.node, "text", "test", STR("")));
    gather_text(&gather, GATHER_HOST, FACT_CONFIG, 1, (struct str){name, sizeof(name)}, STR("v"));
    gather_text(&gather, GATHER_HOST, FACT_CONFIG, 1,
                gather_join(&path, "sysctl", (struct str){name, sizeof(name)}), STR("v"));
    assert_int_equal(gather_done(&gather, NULL), 0);
    assert_int_equal(f.node->subjects[0].count, 0);
    parsed_done(&f);
}

static void test_more_facts_than_a_source_may_have_are_unseen(void **state)
{
    struct parsed f = parsed_new(FACT_KEEP_ALL);
    struct gather gather;

    (void)state;
    gather_init(&gather, f.node, node_source(f.node, "text", "test", STR("")));
    for (unsigned i = 0; i < GATHER_FACTS_MAX + 1; i++) {
        char path[32];

        (void)snprintf(path, sizeof(path), "b%u.x", i / 10000);
        gather_number(&gather, GATHER_HOST, FACT_CONFIG, 1, str_of(path), i, STR(""));
    }
    assert_int_equal(gather_done(&gather, NULL), 0);
    assert_true(parsed_unseen(&f, "more settings than one source may have"));
    parsed_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts_become_one_block_a_subject_and_first_part),
        cmocka_unit_test(test_the_first_of_two_equal_paths_stays),
        cmocka_unit_test(test_a_name_that_is_too_long_is_dropped),
        cmocka_unit_test(test_more_facts_than_a_source_may_have_are_unseen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
