#include "cli/live.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct live training = {.run = "train-bcdfg",
                                     .state = "running",
                                     .attempt = 3,
                                     .nodes_up = 64,
                                     .nodes_wanted = 64,
                                     .spares_up = 2,
                                     .ranks_running = 512,
                                     .world = 512,
                                     .step = 1200,
                                     .total = 10000,
                                     .tokens_per_s = 48213,
                                     .eta_s = 7990,
                                     .loss = 2.34567,
                                     .phase = "step",
                                     .waiting = "",
                                     .headline = "",
                                     .exit_code = -1};
static const struct live starting = {.run = "train-bcdfg",
                                     .state = "gathering",
                                     .attempt = 1,
                                     .nodes_up = 63,
                                     .nodes_wanted = 64,
                                     .world = 512,
                                     .step = -1,
                                     .total = -1,
                                     .tokens_per_s = -1,
                                     .eta_s = -1,
                                     .loss = NAN,
                                     .phase = "",
                                     .waiting = "waiting for ranks 96-103 (n013): never connected",
                                     .headline = "gathering nodes",
                                     .exit_code = -1};
static const struct live small = {.run = "true-bcdfg",
                                  .state = "ended",
                                  .attempt = 1,
                                  .nodes_up = 1,
                                  .nodes_wanted = 1,
                                  .world = 1,
                                  .step = 17,
                                  .total = -1,
                                  .tokens_per_s = -1,
                                  .eta_s = -1,
                                  .loss = 0.5,
                                  .phase = "",
                                  .waiting = "",
                                  .headline = "rank 0 exited 1:\n\033[31mboom",
                                  .exit_code = 1};

static const struct {
    const struct live *live;
    struct live_style style;
    const char *want;
} cases[] = {
    {&training,
     {40, false},
     "step 1200/10000 12%  loss 2.346\n"
     "running: step  512/512 ranks\n"},
    {&training,
     {80, false},
     "[#-----------]  step 1200/10000 12%  loss 2.346  2 h 13 min left  48.2k tokens/s\n"
     "running: step  512/512 ranks  64/64 nodes + 2 spares  2 restarts  train-bcdfg\n"},
    {&training,
     {120, false},
     "[####------------------------------------]  step 1200/10000 12%  loss 2.346  2 h 13 min left "
     " "
     "48.2k tokens/s\n"
     "running: step  512/512 ranks  64/64 nodes + 2 spares  2 restarts  train-bcdfg\n"},
    {&starting,
     {40, false},
     "gathering  0/512 ranks  63/64 nodes\n"
     "waiting for ranks 96-103 (n013): never c\n"},
    {&starting,
     {80, false},
     "gathering  0/512 ranks  63/64 nodes  train-bcdfg\n"
     "waiting for ranks 96-103 (n013): never connected\n"},
    {&small,
     {80, true},
     "\033[1mstep 17\033[0m  loss 0.5\n"
     "\033[1;31mended\033[0m  \033[33m0/1 ranks\033[0m  \033[2mtrue-bcdfg\033[0m\n"
     "\033[1;31mrank 0 exited 1:  [31mboom\033[0m\n"},
};

static void a_status_fits_its_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {0};
        int lines = live_print(cases[i].live, &cases[i].style, &out), newlines = 0;

        for (const char *p = out.p; *p; p++)
            newlines += *p == '\n';
        assert_int_equal(lines, newlines);
        assert_string_equal(out.p, cases[i].want);
        buf_done(&out);
    }
}

static void no_width_is_ever_passed(void **state)
{
    static const struct live *const lives[] = {&training, &starting, &small};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lives); i++)
        for (int columns = 1; columns < 200; columns++) {
            struct live_style style = {columns, false};
            struct buf out = {0};
            struct str rest, line;

            assert_in_range(live_print(lives[i], &style, &out), 1, LIVE_LINES_MAX);
            rest = (struct str){out.p, out.len};
            while (str_line(&rest, &line))
                assert_true(line.len <= (size_t)columns);
            buf_done(&out);
        }
}

static void the_controllers_answer_is_read_whatever_it_lacks(void **state)
{
    json_t *view = json_pack("{s:s, s:i, s:i, s:n, s:f, s:s, s:n}", "state", "running", "attempt",
                             2, "step", 5, "total", "loss", 1.5, "headline", "x", "exit_code");
    json_t *odd = json_pack("{s:i, s:s, s:i}", "state", 5, "step", "five", "world", -7);
    struct live live = live_of_json("r", view);

    (void)state;
    assert_string_equal(live.state, "running");
    assert_int_equal(live.attempt, 2);
    assert_int_equal(live.step, 5);
    assert_int_equal(live.total, -1);
    assert_true(live.loss == 1.5);
    assert_string_equal(live.headline, "x");
    assert_string_equal(live.waiting, "");
    assert_int_equal(live.exit_code, -1);
    live = live_of_json("r", odd);
    assert_string_equal(live.state, "");
    assert_int_equal(live.step, -1);
    assert_int_equal(live.world, 0);
    assert_true(isnan(live.loss));
    json_decref(view);
    json_decref(odd);
}

static void numbers_are_short(void **state)
{
    static const struct {
        int64_t number;
        const char *duration, *count;
    } rows[] = {
        {0, "0 s", "0"},
        {59, "59 s", "59"},
        {999, "16 min 39 s", "999"},
        {3600, "1 h 0 min", "3.6k"},
        {90000, "1 d 1 h", "90k"},
        {1234567, "14 d 6 h", "1.23M"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = {0};

        live_print_duration(rows[i].number, &out);
        assert_string_equal(out.p, rows[i].duration);
        buf_clear(&out);
        live_print_count(rows[i].number, &out);
        assert_string_equal(out.p, rows[i].count);
        buf_done(&out);
    }
}

static void only_events_that_matter_are_lines(void **state)
{
    struct run_event event = {.kind = EV_NODE_CLOCK, .node = 3, .rank = -1, .text = STR("")};
    struct buf out = {0};

    (void)state;
    assert_false(live_event(&event, "n003", &out));
    event.kind = EV_STEP;
    assert_false(live_event(&event, "n003", &out));
    assert_null(out.p);
    event.kind = EV_NODE_LOST;
    event.text = STR("silent for 10 s");
    assert_true(live_event(&event, "n003", &out));
    assert_non_null(strstr(out.p, "n003"));
    assert_non_null(strstr(out.p, "silent for 10 s\n"));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_fits_its_terminal),
        cmocka_unit_test(no_width_is_ever_passed),
        cmocka_unit_test(the_controllers_answer_is_read_whatever_it_lacks),
        cmocka_unit_test(numbers_are_short),
        cmocka_unit_test(only_events_that_matter_are_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
