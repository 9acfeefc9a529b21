/* Where ranks are: from their pages, from their output, each change told once. */
#include "ranks/rank_status.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void on_used(void *data, uint32_t rank)
{
    buf_printf(data, "used:%u ", rank);
}

static void on_seen(void *data, uint32_t rank)
{
    buf_printf(data, "seen:%u ", rank);
}

static void on_saved(void *data, uint32_t rank, int64_t step, struct str path, int64_t at_ns)
{
    buf_printf(data, "saved:%u:%d:%.*s:%d ", rank, (int)step, STR_ARG(path), (int)at_ns);
}

static void on_phase(void *data, uint32_t rank, uint32_t phase, int64_t at_ns)
{
    buf_printf(data, "phase:%u:%u:%d ", rank, phase, (int)at_ns);
}

static struct rank_status *make(struct buf *told, const char *pattern)
{
    struct rank_status *status = rank_status_new(2, pattern,
                                                 &(struct rank_status_watch){.data = told,
                                                                             .page_used = on_used,
                                                                             .stop_seen = on_seen,
                                                                             .saved = on_saved,
                                                                             .phase = on_phase});

    assert_non_null(status);
    return status;
}

static void expect(struct buf *told, const char *want)
{
    assert_string_equal(told->p ? told->p : "", want);
    buf_clear(told);
}

static void test_pages_are_told_once(void **state)
{
    struct buf told = {0};
    struct rank_status *status = make(&told, NULL);
    struct page *page = aligned_alloc(64, PAGE_BYTES);
    struct arena *arena = arena_new(0);
    struct msg_status message = {0};

    (void)state;
    memset(page, 0, PAGE_BYTES);
    page->step = page->total = page->tokens = page->checkpoint_step = -1;
    page->loss = NAN;
    rank_status_look(status, 1, page);
    expect(&told, ""); /* nobody writes there */

    page->pid = 4711;
    page->phase = PAGE_PHASE_STEP;
    page->phase_at_ns = 5;
    page->step = 7;
    page->total = 100;
    page->loss = 2.5;
    rank_status_look(status, 1, page);
    rank_status_look(status, 1, page);
    expect(&told, "used:1 phase:1:2:5 ");
    rank_status_output(status, 1, 1, STR("iter 50: loss 1.0\n")); /* the page knows better */

    page->checkpoint_count = 1;
    page->checkpoint_step = 7;
    page->checkpoint_at_ns = 9;
    strcpy(page->checkpoint_path, "ckpt/7");
    page->stop_seen = 2; /* save and go on: no stop */
    rank_status_look(status, 1, page);
    expect(&told, "saved:1:7:ckpt/7:9 ");
    page->stop_seen = 1;
    rank_status_look(status, 1, page);
    rank_status_look(status, 1, page);
    expect(&told, "seen:1 ");

    assert_true(rank_status_has_step(status));
    assert_true(rank_status_fill(status, arena, &message));
    assert_int_equal(message.step.count, 2);
    assert_int_equal(message.step.items[0], -1);
    assert_int_equal(message.step.items[1], 7);
    assert_int_equal(message.total.items[1], 100);
    assert_int_equal(message.tokens.items[1], -1);
    assert_int_equal(message.phase.items[1], PAGE_PHASE_STEP);
    assert_true(isnan(message.loss.items[0]) && message.loss.items[1] == 2.5);

    page->pid = 4712; /* a script's next program begins anew */
    page->checkpoint_count = 1;
    page->checkpoint_step = 8;
    rank_status_look(status, 1, page);
    expect(&told, "used:1 saved:1:8:ckpt/7:9 ");
    arena_free(arena);
    free(page);
    rank_status_free(status);
    buf_done(&told);
}

static const struct {
    const char *name, *pattern;
    const char *parts[4];
    int64_t step, total;
    double loss;
} lines[] = {
    {"a line of nanoGPT", NULL, {"iter 10: loss 2.25\n"}, 10, -1, 2.25},
    {"in pieces", NULL, {"it", "er 10: lo", "ss 2.25", "\n"}, 10, -1, 2.25},
    {"not before its end", NULL, {"iter 10: loss 2.2"}, -1, -1, NAN},
    {"the last line wins", NULL, {"iter 10: loss 2.25\niter 11: loss 2.0\n"}, 11, -1, 2.0},
    {"a carriage return ends a line", NULL, {"iter 10: loss 2.25\riter 11: lo"}, 10, -1, 2.25},
    {"the user's pattern", "at {step} of {total}", {"now at 3 of 9\n"}, 3, 9, NAN},
    {"a smaller total is another bar",
     "at {step} of {total}",
     {"at 3 of 9\n", "at 4 of 5\n"},
     3,
     9,
     NAN},
    {"other lines", NULL, {"hello\n", "\n", "\r\n"}, -1, -1, NAN},
};

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct buf told = {0};
        struct rank_status *status = make(&told, lines[i].pattern);
        struct arena *arena = arena_new(0);
        struct msg_status message = {0};

        for (size_t p = 0; p < 4 && lines[i].parts[p]; p++)
            rank_status_output(status, 0, 1, str_of(lines[i].parts[p]));
        assert_true(rank_status_fill(status, arena, &message));
        if (message.step.items[0] != lines[i].step || message.total.items[0] != lines[i].total ||
            (isnan(lines[i].loss) ? !isnan(message.loss.items[0])
                                  : message.loss.items[0] != lines[i].loss))
            fail_msg("%s: step %d of %d, loss %g", lines[i].name, (int)message.step.items[0],
                     (int)message.total.items[0], message.loss.items[0]);
        arena_free(arena);
        rank_status_free(status);
        buf_done(&told);
    }
}

static void test_streams_are_lines_of_their_own_and_long_ones_are_skipped(void **state)
{
    struct buf told = {0};
    struct rank_status *status = make(&told, NULL);
    struct arena *arena = arena_new(0);
    struct msg_status message = {0};

    (void)state;
    rank_status_output(status, 0, 1, STR("iter 10: "));
    assert_false(rank_status_has_step(status));
    rank_status_output(status, 0, 2, STR("loss 3.0\n"));
    rank_status_output(status, 0, 1, STR("loss 2.0\n"));
    for (int i = 0; i < 1000; i++)
        rank_status_output(status, 0, 1, STR("xxxxxxxxxxxxxxxx"));
    rank_status_output(status, 0, 1, STR("\n"));
    assert_true(rank_status_fill(status, arena, &message));
    assert_int_equal(message.step.items[0], 10);
    assert_true(message.loss.items[0] == 2.0);
    assert_true(rank_status_has_step(status));
    arena_free(arena);
    rank_status_free(status);
    buf_done(&told);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_are_told_once),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_streams_are_lines_of_their_own_and_long_ones_are_skipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
