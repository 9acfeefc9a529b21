#include "facts/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
    struct fact_pool *pool;
    struct fact_builder *builder;
    struct node *node;
};

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->pool = fact_pool_new(FACT_KEEP_ALL);
    assert_non_null(world->pool);
    world->builder = fact_builder_new(world->pool);
    assert_non_null(world->builder);
    world->node = node_new(world->builder, "n1");
    assert_non_null(world->node);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    node_free(world->node);
    fact_builder_free(world->builder);
    fact_pool_free(world->pool);
    free(world);
    return 0;
}

static void every_function_is_found_among_many(void **state)
{
    struct node *node = ((struct world *)*state)->node;
    enum { COUNT = 3000 };

    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t bdf = i * 0x10008;

        assert_int_equal(node_find_pci(node, bdf), -1);
        assert_int_equal(node_pci(node, bdf), i + 1);
    }
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_int_equal(node_find_pci(node, i * 0x10008), i + 1);
        assert_int_equal(node_pci(node, i * 0x10008), i + 1);
    }
    assert_int_equal(node_find_pci(node, 1), -1);
    assert_int_equal(node_ok(node), 0);
}

static void names_with_and_without_domain_are_one_function(void **state)
{
    struct node *node = ((struct world *)*state)->node;
    uint32_t subject = node_subject(node, SUBJECT_PCI, STR("19:00.0"));

    assert_int_equal(node_find(node, SUBJECT_PCI, STR("0000:19:00.0")), subject);
    assert_int_equal(node_find(node, SUBJECT_PCI, STR("0001:19:00.0")), -1);
    assert_string_equal(node->subjects[subject].name, "0000:19:00.0");
}

static void addresses_are_printed_as_they_are_parsed(void **state)
{
    static const char *const texts[] = {"0000:00:00.0", "0000:19:1f.7",  "000d:ff:01.1",
                                        "ffff:00:00.0", "10000:e1:00.0", "ffffffff:80:10.4"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char text[BDF_TEXT_MAX];
        uint64_t bdf;

        assert_int_equal(bdf_parse(str_of(texts[i]), &bdf), 0);
        bdf_print(bdf, text);
        assert_string_equal(text, texts[i]);
    }
}

static void something_unseen_covers_the_blocks_of_its_list(void **state)
{
    static const struct {
        const char *list, *block;
        bool covered;
    } rows[] = {
        {"ACS AER ECap*", "AER", true},
        {"ACS AER ECap*", "ECap-0042", true},
        {"ACS AER", "ACS2", false},
        {"*", "Express", true},
        {"", "ACS", false},
        {NULL, "ACS", false},
    };
    struct node *node = ((struct world *)*state)->node;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        node_add_unseen(node, -1, -1, rows[i].list, "something", "a reason");
        assert_int_equal(unseen_covers(&node->unseen[i], str_of(rows[i].block)), rows[i].covered);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_function_is_found_among_many, setup, teardown),
        cmocka_unit_test_setup_teardown(names_with_and_without_domain_are_one_function, setup,
                                        teardown),
        cmocka_unit_test(addresses_are_printed_as_they_are_parsed),
        cmocka_unit_test_setup_teardown(something_unseen_covers_the_blocks_of_its_list, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
