#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "data/order.h"
#include "data/section.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void test_every_count_is_permuted(void **state)
{
    (void)state;
    for (uint64_t count = 1; count < 300; count++) {
        uint8_t seen[300] = {0};

        for (uint64_t i = 0; i < count; i++) {
            uint64_t to = order_permute(7, count, 3, count, i);

            assert_true(to < count && !seen[to]);
            seen[to] = 1;
        }
    }
}

/* Neighbours do not stay so, passes and sources differ, and places come out evenly. */
static void test_it_shuffles(void **state)
{
    enum { COUNT = 100003 };
    uint64_t near = 0, same_pass = 0, same_source = 0, low = 0;

    (void)state;
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t a = order_permute(1, 0, 0, COUNT, i),
                 b = order_permute(1, 0, 0, COUNT, (i + 1) % COUNT);

        near += a + 1 == b || b + 1 == a;
        same_pass += a == order_permute(1, 1, 0, COUNT, i);
        same_source += a == order_permute(1, 0, 1, COUNT, i);
        low += i < COUNT / 2 && a < COUNT / 2;
    }
    assert_true(near < 20 && same_pass < 20 && same_source < 20);
    assert_true(low > COUNT / 4 - 1000 && low < COUNT / 4 + 1000);
}

static void test_huge_counts(void **state)
{
    static const uint64_t counts[] = {(uint64_t)1 << 47, ((uint64_t)1 << 62) + 12345};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        for (uint64_t k = 0; k < 1000; k++)
            assert_true(order_permute(k, 1, 2, counts[i], counts[i] - 1 - k) < counts[i]);
}

static void test_shares_are_exact(void **state)
{
    static const double weights[] = {0.5, 3, 0.001, 1, 1, 2.5};
    enum { COUNT = sizeof(weights) / sizeof(*weights) };
    struct order_share shares[COUNT];
    uint64_t had[COUNT] = {0};
    double all = 0;

    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        all += weights[i];
    order_shares(weights, COUNT, shares);
    for (uint64_t n = 0; n < 200000; n++) {
        uint64_t turn;
        size_t source = order_source(shares, COUNT, n, &turn);

        assert_int_equal(turn, had[source]); /* each source's turns are counted without gaps */
        had[source]++;
        for (size_t i = 0; i < COUNT; i++)
            assert_true(fabs((double)had[i] - (double)(n + 1) * weights[i] / all) < COUNT);
    }
}

static void test_one_of_so_many_is_held_out(void **state)
{
    (void)state;
    for (int file = 0; file < 50; file++) {
        char name[32];
        uint64_t held = 0;

        (void)snprintf(name, sizeof(name), "file%d.txt", file);
        for (uint64_t i = 0; i < 1000; i++) {
            held += section_is_held_out(name, i, 0.05);
            assert_false(section_is_held_out(name, i, 0));
            assert_true(held <= (i + 20) / 20 + 1 && held + 1 >= (i + 1) / 20);
        }
        assert_true(held == 50);
    }
}

/* Cut at a blank behind a word, never behind other white space, and at last between characters. */
static void test_where_sections_end(void **state)
{
    static const struct {
        const char *fill, *gap;
        size_t want; /* beyond SECTION_CUT_AFTER */
    } rows[] = {
        {"a", "a b c", 1},
        {"a", "  b", 0},
        {"a", "\n b c", 3},
        {"a", "\xc2\xa0 b c", 4},
        {"a", "\xe3\x80\x80 b c", 5},
        {"a", "\xe2\x96\x81 b c", 5},
        {"a", "\xe2\x80\x83 b c", 5},
        {"a", "\xd1\x82 b", 2},
        {"a", "\xe5\x85\x89 b", 3},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf text = {0};

        while (text.len < SECTION_CUT_AFTER)
            buf_puts(&text, rows[i].fill);
        buf_puts(&text, rows[i].gap);
        assert_int_equal(section_bytes((struct str){text.p, text.len}, true),
                         SECTION_CUT_AFTER + rows[i].want);
        buf_done(&text);
    }
    for (size_t lead = 0; lead < 3; lead++) { /* Chinese without any blank */
        struct buf text = {0};
        struct str all;
        size_t len;

        buf_add(&text, "aaa", lead);
        while (text.len < SECTION_CUT_AT_LAST + 10)
            buf_puts(&text, "\xe5\x85\x89");
        all = (struct str){text.p, text.len};
        len = section_bytes(all, false);
        assert_true(len > SECTION_CUT_AT_LAST - 3 && len <= SECTION_CUT_AT_LAST);
        assert_int_equal((len - lead) % 3, 0);
        assert_int_equal(section_bytes((struct str){text.p, SECTION_CUT_AT_LAST}, false), 0);
        assert_int_equal(section_bytes((struct str){text.p, 100}, true), 100);
        buf_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_count_is_permuted),
        cmocka_unit_test(test_it_shuffles),
        cmocka_unit_test(test_huge_counts),
        cmocka_unit_test(test_shares_are_exact),
        cmocka_unit_test(test_one_of_so_many_is_held_out),
        cmocka_unit_test(test_where_sections_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
