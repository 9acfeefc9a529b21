#include "unit/fabric/measured.h"

#include "fabric/against.h"

#include <errno.h>

struct comparison {
    struct arena *arena;
    struct fabric_result *older, *newer;
    struct changes changes;
};

static struct comparison compare(struct fabric_result *older, struct fabric_result *newer)
{
    struct comparison c = {.arena = arena_new(0), .older = older, .newer = newer};
    struct err err = {0};

    if (fabric_against(c.arena, older, newer, &c.changes, &err) < 0)
        fail_msg("%s", err.text);
    return c;
}

static void done(struct comparison *c)
{
    arena_free(c->arena);
    result_free(c->older);
    result_free(c->newer);
}

static const char *name_of(const struct comparison *c, uint32_t node)
{
    return node == MEASURE_NOBODY ? "" : c->newer->nodes.items[node].name;
}

static void who_got_slower_is_named_and_by_how_much(void **state)
{
    struct comparison c =
        compare(MEASURED(.nodes = 12, .noise = 0.02, .seed = 1),
                MEASURED(.nodes = 12, .noise = 0.02, .seed = 2, .slow = 5, .share = 0.6));
    const struct change *first = &c.changes.items[0];

    (void)state;
    assert_int_equal(c.changes.nodes, 12);
    assert_int_equal(c.changes.missing + c.changes.added, 0);
    assert_int_equal(c.changes.telling, 1);
    assert_int_equal(c.changes.slower, 1);
    assert_string_equal(name_of(&c, first->node), "n005");
    assert_string_equal(first->metric->name, "pair.bandwidth");
    assert_int_equal(first->peer, MEASURE_NOBODY);
    assert_true(first->ratio > 0.57 && first->ratio < 0.63);
    assert_true(first->before > 11e9 && first->after < 7.5e9);
    done(&c);
}

static void who_was_repaired_got_faster(void **state)
{
    struct comparison c = compare(MEASURED(.nodes = 12, .slow_memory = 3, .seed = 1),
                                  MEASURED(.nodes = 12, .seed = 2));

    (void)state;
    assert_int_equal(c.changes.telling, 1);
    assert_int_equal(c.changes.slower, 0);
    assert_string_equal(name_of(&c, c.changes.items[0].node), "n003");
    assert_string_equal(c.changes.items[0].metric->name, "memory.read");
    assert_true(c.changes.items[0].ratio > 1.9 && c.changes.items[0].ratio < 2.1);
    done(&c);
}

static void a_link_is_named_when_both_its_ends_are_well(void **state)
{
    struct comparison c = compare(
        MEASURED(.nodes = 12, .noise = 0.02, .seed = 1),
        MEASURED(.nodes = 12, .noise = 0.02, .seed = 2, .from = 2, .to = 7, .link_share = 0.5));

    (void)state;
    assert_int_equal(c.changes.telling, 1);
    assert_string_equal(name_of(&c, c.changes.items[0].node), "n002");
    assert_string_equal(name_of(&c, c.changes.items[0].peer), "n007");
    assert_true(c.changes.items[0].ratio > 0.45 && c.changes.items[0].ratio < 0.55);
    done(&c);
}

/* Forty pairs of tests between which nothing happened: hardly one of them names anybody. */
static void noise_is_no_change(void **state)
{
    uint32_t named = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct comparison c = compare(
            MEASURED(.nodes = 10, .noise = 0.03, .seed = seed * 2, .slow = 4, .share = 0.7),
            MEASURED(.nodes = 10, .noise = 0.03, .seed = seed * 2 + 1, .slow = 4, .share = 0.7));

        named += c.changes.telling > 0;
        done(&c);
    }
    assert_true(named <= 2);
}

static void nodes_are_matched_by_name(void **state)
{
    struct fabric_result *older = MEASURED(.nodes = 9, .seed = 1);
    struct fabric_result *newer = MEASURED(.nodes = 10, .seed = 2, .slow = 2, .share = 0.5);
    struct arena *arena = arena_new(0);
    struct changes changes;
    struct err err = {0};
    struct comparison c;

    (void)state;
    older->nodes.items[0].name = "gone";
    newer->nodes.items[1].name = "n009"; /* the slow one: in the older test it was the last */
    newer->nodes.items[8].name = "n002";
    c = compare(older, newer);
    assert_int_equal(c.changes.nodes, 8);
    assert_int_equal(c.changes.missing, 1);
    assert_int_equal(c.changes.added, 2);
    assert_int_equal(c.changes.telling, 1);
    assert_string_equal(name_of(&c, c.changes.items[0].node), "n009");
    for (size_t i = 0; i < older->nodes.count; i++)
        older->nodes.items[i].name = "another";
    assert_int_equal(fabric_against(arena, older, newer, &changes, &err), -EINVAL);
    assert_string_equal(err.text, "the two tests have no node in common");
    arena_free(arena);
    done(&c);
}

/* Everything at half speed: the fleet moved, and no node more than the others. */
static void what_all_did_together_is_said_once(void **state)
{
    struct fabric_result *newer = MEASURED(.nodes = 12, .seed = 2);
    struct comparison c;
    uint32_t told = 0;

    (void)state;
    for (size_t i = 0; i < newer->measures.count; i++) {
        struct measure *m = &newer->measures.items[i];

        if (!strcmp(m->metric->name, "pair.bandwidth")) {
            m->value /= 2;
            m->low /= 2;
            m->high /= 2;
        }
    }
    c = compare(MEASURED(.nodes = 12, .seed = 1), newer);
    assert_int_equal(c.changes.telling, 1);
    for (uint32_t i = 0; i < c.changes.telling; i++)
        told += c.changes.items[i].node == MEASURE_NOBODY;
    assert_int_equal(told, 1);
    assert_true(c.changes.items[0].ratio > 0.49 && c.changes.items[0].ratio < 0.51);
    done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_got_slower_is_named_and_by_how_much),
        cmocka_unit_test(who_was_repaired_got_faster),
        cmocka_unit_test(a_link_is_named_when_both_its_ends_are_well),
        cmocka_unit_test(noise_is_no_change),
        cmocka_unit_test(nodes_are_matched_by_name),
        cmocka_unit_test(what_all_did_together_is_said_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
