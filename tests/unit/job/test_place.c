/* Which node runs which ranks. */
#include "base/rng.h"
#include "job/place.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena *arena;

static int begin(void **state)
{
    (void)state;
    arena = arena_new((size_t)256 << 20);
    return arena ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void names_are_in_the_order_people_read(void **state)
{
    static const char *const sorted[] = {
        "",
        "0",
        "01",
        "1",
        "2",
        "10",
        "a",
        "n",
        "n01",
        "n1",
        "n01-ib",
        "n1-ib",
        "n2",
        "n10",
        "n99999999999999999999998",
        "n99999999999999999999999",
        "na",
        "r1n2",
        "r1n10",
        "r2n1",
        "r10",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
        for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
            int order = place_name_order(sorted[i], sorted[j]);

            if ((order > 0) - (order < 0) != (i > j) - (i < j))
                fail_msg("'%s' and '%s': %d", sorted[i], sorted[j], order);
        }
}

static const struct {
    const char *names, *topology, *want;
} orders[] = {
    {"n10 n2 n1", NULL, "n1 n2 n10"},
    {"b a", NULL, "a b"},
    {"n1", NULL, "n1"},
    /* Racks in the order of their first node. */
    {"n1 n2 n3 n4", "n1 B\nn3 B\nn2 A\nn4 A\n", "n1 n3 n2 n4"},
    {"n4 n3 n2 n1", "n[1,3] B # even\n# odd\n\nn[2,4]\tA", "n1 n3 n2 n4"},
    /* Paths part by part: leafs of one spine stay together. */
    {"n1 n2 n3 n4 n5 n6", "n1 s1/l1\nn2 s2/l1\nn3 s1/l2\nn4 s2/l1\nn5 s1/l1\nn6 s1/l2",
     "n1 n5 n3 n6 n2 n4"},
    /* A name that goes on where a part ends lies elsewhere. */
    {"n1 n2 n3 n4", "n1 a\nn2 a-c\nn3 a/b\nn4 a-c", "n1 n3 n2 n4"},
    /* Who is not in the text is a group of its own. */
    {"n1 n2 n3 n4", "n2 r\nn4 r\n", "n1 n3 n2 n4"},
    {"n1 n2 n3", "x1 r\n", "n1 n2 n3"},
};

static void ranks_follow_names_and_topology(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        const char *names[16], *groups[16];
        struct str rest = str_of(orders[i].names), word;
        uint32_t order[16];
        struct buf got = {0};
        struct err err = {0};
        size_t count = 0;

        while (str_word(&rest, &word))
            names[count++] = arena_copy(arena, word.p, word.len);
        if (orders[i].topology)
            assert_int_equal(place_topology(arena, str_of(orders[i].topology), "racks", names,
                                            count, groups, &err),
                             0);
        assert_int_equal(place_order(names, orders[i].topology ? groups : NULL, count, order), 0);
        for (size_t j = 0; j < count; j++)
            buf_printf(&got, "%s%s", j ? " " : "", names[order[j]]);
        assert_string_equal(got.p, orders[i].want);
        buf_done(&got);
    }
}

/* However they connected. */
static void the_same_nodes_give_the_same_order(void **state)
{
    struct rng rng = {3};
    const char *names[50], *groups[50], *want[50];
    uint32_t order[50];

    (void)state;
    for (size_t i = 0; i < 50; i++) {
        names[i] = arena_printf(arena, "n%zu", i * 7 % 50);
        groups[i] = i % 9 == 0
                        ? NULL
                        : arena_printf(arena, "s%llu/l%llu", (unsigned long long)rng_below(&rng, 3),
                                       (unsigned long long)rng_below(&rng, 4));
    }
    for (int round = 0; round < 100; round++) {
        assert_int_equal(place_order(names, groups, 50, order), 0);
        for (size_t i = 0; i < 50; i++) {
            if (round == 0)
                want[i] = names[order[i]];
            assert_string_equal(names[order[i]], want[i]);
        }
        for (size_t i = 49; i > 0; i--) {
            size_t j = rng_below(&rng, i + 1);
            const char *name = names[i], *group = groups[i];

            names[i] = names[j];
            names[j] = name;
            groups[i] = groups[j];
            groups[j] = group;
        }
    }
}

static void wrong_topologies_are_told(void **state)
{
    static const struct {
        const char *text, *err;
        int want;
    } cases[] = {
        {"n1 a\nn2\n", "racks: line 2: a line is 'host group', not 'n2'", -EINVAL},
        {"n1 a b\n", "racks: line 1: a line is 'host group', not 'n1 a b'", -EINVAL},
        {"n1 # a\n", "racks: line 1: a line is 'host group', not 'n1 # a'", -EINVAL},
        {"n[1-3] a\n\nn2 b\n", "racks: line 3: n2 stands in line 1 already", -EINVAL},
        {"n[1- a\n", "racks: line 1: a '[' without its ']' in the host list", -EINVAL},
        {"a[1-90000] a\nb[1-90000] b\n", "racks: line 2: more than 100000 hosts", -E2BIG},
    };
    const char *const names[] = {"n1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *groups[1];
        struct err err = {0};

        assert_int_equal(
            place_topology(arena, str_of(cases[i].text), "racks", names, 1, groups, &err),
            cases[i].want);
        assert_string_equal(err.text, cases[i].err);
    }
}

static void spans_cover_the_world(void **state)
{
    (void)state;
    for (uint32_t nproc = 1; nproc < 9; nproc++)
        for (uint32_t nnodes = 1; nnodes < 9; nnodes++)
            for (uint32_t world = (nnodes - 1) * nproc + 1; world <= nnodes * nproc; world++) {
                uint32_t next = 0;

                for (uint32_t node = 0; node < nnodes; node++) {
                    struct place_span span = place_span(node, nnodes, nproc, world);

                    assert_int_equal(span.first, next);
                    assert_true(span.count >= 1 && span.count <= nproc);
                    assert_true(node + 1 == nnodes || span.count == nproc);
                    next += span.count;
                }
                assert_int_equal(next, world);
            }
}

static const struct {
    const char *names;
    uint32_t nproc, world;
    size_t lines;
    const char *want;
} prints[] = {
    {"n001", 8, 8, 10, "ranks 0-7: n001\n"},
    {"n001", 1, 1, 10, "rank 0: n001\n"},
    {"n1 n2 n3 n4", 8, 32, 10, "ranks 0-31: n[1-4], 8 each\n"},
    {"n1 n2 n4 n5", 8, 32, 10, "ranks 0-31: n[1-2,4-5], 8 each\n"},
    {"n1 n2 n3 n4", 8, 26, 10, "ranks 0-23: n[1-3], 8 each\nranks 24-25: n4\n"},
    {"n1 n3 n2 n4", 2, 8, 10, "ranks 0-3: n[1,3], 2 each\nranks 4-7: n[2,4], 2 each\n"},
    {"local-0 local-1", 1, 2, 10, "ranks 0-1: local-[0-1], 1 each\n"},
    {"a b c d e", 2, 10, 3, "ranks 0-1: a\nranks 2-3: b\nand 3 nodes more, up to rank 9\n"},
    {"a b c", 2, 6, 3, "ranks 0-1: a\nranks 2-3: b\nranks 4-5: c\n"},
    {"n8 n9 n10 n011", 1, 4, 9, "ranks 0-2: n[8-10], 1 each\nrank 3: n011\n"},
};

static void ranks_are_printed_folded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(prints); i++) {
        const char *names[16];
        struct str rest = str_of(prints[i].names), word;
        struct buf got = {0};
        uint32_t count = 0;

        while (str_word(&rest, &word))
            names[count++] = arena_copy(arena, word.p, word.len);
        place_print(names, count, prints[i].nproc, prints[i].world, prints[i].lines, &got);
        assert_string_equal(got.p, prints[i].want);
        buf_done(&got);
    }
}

static void folded_names_expand_in_their_order(void **state)
{
    static const struct {
        const char *names, *want;
    } cases[] = {
        {"n1", "n1"},
        {"n3 n1 n2", "n3,n[1-2]"},
        {"n098 n099 n100", "n[098-100]"},
        {"n9 n10 n011", "n[9-10],n011"},
        {"n99 n100 n101-ib", "n[99-100],n101-ib"},
        {"login n1 n2 b3 b5", "login,n[1-2],b[3,5]"},
        {"x1234567890123456789 x1234567890123456790", "x1234567890123456789,x1234567890123456790"},
        {"n1 n1", "n1,n1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *names[16];
        struct str rest = str_of(cases[i].names), word;
        struct buf got = {0};
        size_t count = 0;

        while (str_word(&rest, &word))
            names[count++] = arena_copy(arena, word.p, word.len);
        place_fold(names, count, &got);
        assert_string_equal(got.p, cases[i].want);
        buf_done(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_in_the_order_people_read, begin, end),
        cmocka_unit_test_setup_teardown(ranks_follow_names_and_topology, begin, end),
        cmocka_unit_test_setup_teardown(the_same_nodes_give_the_same_order, begin, end),
        cmocka_unit_test_setup_teardown(wrong_topologies_are_told, begin, end),
        cmocka_unit_test_setup_teardown(spans_cover_the_world, begin, end),
        cmocka_unit_test_setup_teardown(ranks_are_printed_folded, begin, end),
        cmocka_unit_test_setup_teardown(folded_names_expand_in_their_order, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
