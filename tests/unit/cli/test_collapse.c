#include "cli/collapse.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS 1000000

static void show(void *data, const struct collapse_line *line)
{
    struct buf *out = data;

    collapse_print_ranks(line->ranks, line->count, out);
    buf_printf(out, "%s%.*s\n", line->stream == 2 ? "! " : ": ", STR_ARG(line->text));
}

struct said {
    uint32_t rank;
    int stream, at_ms;
    const char *text;
};

static const struct {
    const char *name;
    uint32_t world;
    struct said said[8];
    const char *want;
} cases[] = {
    {"all say it", 3, {{1, 1, 0, "hi"}, {0, 1, 1, "hi"}, {2, 1, 2, "hi"}}, "ranks 0-2: hi\n"},
    {"one rank waits for nobody", 1, {{0, 1, 0, "a"}, {0, 1, 0, "a"}}, "rank 0: a\nrank 0: a\n"},
    {"not all", 4, {{3, 1, 0, "a"}, {1, 1, 0, "a"}}, "ranks 1,3: a\n"},
    {"streams are two", 2, {{0, 1, 0, "a"}, {1, 2, 0, "a"}}, "rank 0: a\nrank 1! a\n"},
    {"a rank's second is another",
     2,
     {{0, 1, 0, "a"}, {0, 1, 0, "a"}, {1, 1, 0, "a"}, {1, 1, 0, "a"}},
     "ranks 0,1: a\nranks 0,1: a\n"},
    {"the order of each is kept",
     2,
     {{0, 1, 0, "a"}, {0, 1, 0, "b"}, {1, 1, 0, "b"}, {1, 1, 0, "a"}},
     "rank 0: a\nranks 0,1: b\nrank 1: a\n"},
    {"too late", 2, {{0, 1, 0, "a"}, {1, 1, 200, "a"}}, "rank 0: a\nrank 1: a\n"},
    {"just in time", 2, {{0, 1, 0, "a"}, {1, 1, 99, "a"}}, "ranks 0,1: a\n"},
    {"a prefix is another", 2, {{0, 1, 0, "ab"}, {1, 1, 0, "a"}}, "rank 0: ab\nrank 1: a\n"},
    {"empty lines too", 2, {{0, 1, 0, ""}, {1, 1, 0, ""}}, "ranks 0,1: \n"},
};

static void equal_lines_are_shown_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {0};
        struct collapse *collapse = collapse_new(cases[i].world, 100, show, &out);

        for (size_t k = 0; k < ARRAY_LEN(cases[i].said) && cases[i].said[k].text; k++) {
            const struct said *said = &cases[i].said[k];

            (void)collapse_tick(collapse, said->at_ms * MS);
            collapse_add(collapse, said->rank, said->stream, str_of(said->text), said->at_ms * MS);
        }
        collapse_flush(collapse);
        collapse_free(collapse);
        if (!out.p || strcmp(out.p, cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].name, out.p ? out.p : "nothing");
        buf_done(&out);
    }
}

static void a_tick_says_when_to_come_again(void **state)
{
    struct buf out = {0};
    struct collapse *collapse = collapse_new(4, 100, show, &out);

    (void)state;
    assert_int_equal(collapse_tick(collapse, 0), -1);
    collapse_add(collapse, 0, 1, STR("a"), 10 * MS);
    collapse_add(collapse, 0, 1, STR("b"), 20 * MS);
    assert_int_equal(collapse_tick(collapse, 20 * MS), 110 * MS);
    assert_null(out.p);
    assert_int_equal(collapse_tick(collapse, 110 * MS), 120 * MS);
    assert_string_equal(out.p, "rank 0: a\n");
    assert_int_equal(collapse_tick(collapse, 120 * MS), -1);
    collapse_free(collapse);
    buf_done(&out);
}

static void sets_are_printed_short(void **state)
{
    static const struct {
        uint32_t ranks[20];
        size_t count;
        const char *want;
    } sets[] = {
        {{5}, 1, "rank 5"},
        {{0, 1}, 2, "ranks 0,1"},
        {{0, 1, 2, 3, 7, 9, 10}, 7, "ranks 0-3,7,9,10"},
        {{0, 2, 4, 6, 8, 10, 12, 14, 16, 18}, 10, "ranks 0,2,4,6,8,10,12,14,... (10 of them)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        struct buf out = {0};

        collapse_print_ranks(sets[i].ranks, sets[i].count, &out);
        assert_string_equal(out.p, sets[i].want);
        buf_done(&out);
    }
}

/* What each rank said, line by line, is what is shown of it, in its order: whatever was merged. */
#define RANKS 7
struct log {
    char lines[RANKS][4000];
    size_t shown, said;
};

static void replay(void *data, const struct collapse_line *line)
{
    struct log *log = data;

    log->shown++;
    for (size_t i = 0; i < line->count; i++) {
        char *to = log->lines[line->ranks[i]];

        assert_true(i == 0 || line->ranks[i] > line->ranks[i - 1]);
        (void)sprintf(to + strlen(to), "%d%.*s;", line->stream, STR_ARG(line->text));
    }
}

static void no_line_is_lost_or_out_of_its_ranks_order(void **state)
{
    static struct log shown, said;

    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rng rng = {seed};
        struct collapse *collapse = collapse_new(RANKS, 50, replay, &shown);
        int64_t now = 0;

        shown = (struct log){0};
        said = (struct log){0};
        for (int i = 0; i < 500; i++) {
            uint32_t rank = (uint32_t)rng_below(&rng, RANKS);
            int stream = 1 + (int)rng_below(&rng, 2);
            char text[8];

            now += (int64_t)rng_below(&rng, 10) * MS;
            (void)snprintf(text, sizeof(text), "%d", (int)rng_below(&rng, 6));
            (void)sprintf(said.lines[rank] + strlen(said.lines[rank]), "%d%s;", stream, text);
            collapse_add(collapse, rank, stream, str_of(text), now);
        }
        collapse_flush(collapse);
        collapse_free(collapse);
        assert_true(shown.shown < 450);
        for (size_t rank = 0; rank < RANKS; rank++)
            assert_string_equal(shown.lines[rank], said.lines[rank]);
    }
}

static void count_bytes(void *data, const struct collapse_line *line)
{
    *(size_t *)data += line->text.len;
}

static void what_waits_is_bounded(void **state)
{
    static char text[100000];
    size_t shown = 0, said = 0;
    struct collapse *collapse = collapse_new(2, 1000, count_bytes, &shown);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        (void)sprintf(text, "%d", i);
        collapse_add(collapse, 0, 1, (struct str){text, sizeof(text)}, 0);
        said += sizeof(text);
        assert_true(said - shown <= COLLAPSE_BYTES_MAX);
    }
    assert_true(said - shown > COLLAPSE_BYTES_MAX / 2);
    collapse_flush(collapse);
    assert_int_equal(shown, said);
    collapse_free(collapse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_lines_are_shown_once),
        cmocka_unit_test(a_tick_says_when_to_come_again),
        cmocka_unit_test(sets_are_printed_short),
        cmocka_unit_test(no_line_is_lost_or_out_of_its_ranks_order),
        cmocka_unit_test(what_waits_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
