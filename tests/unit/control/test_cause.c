#include "control/cause.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS         ((int64_t)1000000)
#define AT         (50531 * (int64_t)1000000000 + 381 * MS) /* 14:02:11.381 */
#define EXIT(code) ((code) << 8)

static const char *name(void *data, uint32_t node)
{
    static const char *const names[] = {"n000", "n001", "n002", "n003", "n004"};

    (void)data;
    return names[node];
}

static const struct {
    const char *what;
    struct death deaths[4];
    size_t count;
    const char *says; /* NULL: nobody died of itself */
    int64_t next_ns;
} cases[] = {
    {"nobody", {{0}}, 0, NULL, 0},
    {"only we did it", {{1, 1, AT, 0, SIGTERM, .ours = true}}, 1, NULL, 0},
    {"one alone",
     {{17, 3, AT, MS, EXIT(1)}},
     1,
     "rank 17 on n003 exited 1 at 14:02:11.381; certain",
     0},
    {"one, then ours",
     {{1, 1, AT - 5 * MS, 0, SIGTERM, .ours = true}, {17, 3, AT, MS, EXIT(1)}},
     2,
     "rank 17 on n003 exited 1 at 14:02:11.381; certain",
     0},
    {"clearly the first",
     {{20, 4, AT + 212 * MS, 2 * MS, EXIT(1)}, {17, 3, AT, MS, SIGSEGV}},
     2,
     "rank 17 on n003 was killed by SIGSEGV at 14:02:11.381, 212 ms before the next; certain",
     212 * MS},
    {"the OOM killer",
     {{2, 1, AT, MS, SIGKILL, .oom = true}},
     1,
     "rank 2 on n001 was killed by the kernel's OOM killer at 14:02:11.381; certain",
     0},
    {"a core was dumped",
     {{2, 1, AT, MS, SIGABRT | 0x80}},
     1,
     "rank 2 on n001 was killed by SIGABRT at 14:02:11.381; certain",
     0},
    {"intervals overlap",
     {{20, 4, AT + 3 * MS, 2 * MS, EXIT(1)}, {17, 3, AT, 2 * MS, SIGSEGV}},
     2,
     "within +-2 ms: these two: rank 17 on n003 (SIGSEGV), rank 20 on n004 (exit 1)",
     3 * MS},
    {"three, of which one is certainly later",
     {{20, 4, AT + 3 * MS, 4 * MS, EXIT(1)},
      {3, 1, AT + 20 * MS, 4 * MS, EXIT(1)},
      {17, 3, AT, 2 * MS, EXIT(2)}},
     3,
     "within +-4 ms: these two: rank 17 on n003 (exit 2), rank 20 on n004 (exit 1)",
     3 * MS},
    {"one clock saw both",
     {{18, 3, AT + MS, 5 * MS, EXIT(1)}, {17, 3, AT, 5 * MS, EXIT(1)}},
     2,
     "rank 17 on n003 exited 1 at 14:02:11.381, 1 ms before the next; certain",
     MS},
    {"no clock is known",
     {{1, 1, AT, 60000 * MS, EXIT(1)}, {2, 2, AT + MS, 60000 * MS, EXIT(1)}},
     2,
     "within +-1 min 0 s: these two: rank 1 on n001 (exit 1), rank 2 on n002 (exit 1)",
     MS},
    {"a node is lost",
     {{8, 1, AT, 5000 * MS, 0, .lost = true}},
     1,
     "n001 was lost at 14:02:11.381 +-5 s; certain",
     0},
    {"a node is lost about when others die",
     {{8, 1, AT, 5000 * MS, 0, .lost = true}, {1, 0, AT + 2000 * MS, MS, EXIT(1)}},
     2,
     "within +-5 s: these two: n001 (lost), rank 1 on n000 (exit 1)",
     2000 * MS},
    {"a death long before a node is lost",
     {{8, 1, AT + 9000 * MS, 5000 * MS, 0, .lost = true}, {1, 0, AT, MS, EXIT(1)}},
     2,
     "rank 1 on n000 exited 1 at 14:02:11.381, 9 s before the next; certain",
     9000 * MS},
};

static void the_first_death_is_found_or_the_doubt_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct death deaths[4];
        struct first_cause cause;
        struct buf text = {0};

        memcpy(deaths, cases[i].deaths, sizeof(deaths));
        assert_int_equal(cause_first(deaths, cases[i].count, &cause), cases[i].says != NULL);
        if (!cases[i].says)
            continue;
        cause_sentence(deaths, &cause, name, NULL, 0, &text);
        if (strcmp(text.p, cases[i].says) != 0)
            fail_msg("%s: %s", cases[i].what, text.p);
        assert_int_equal(cause.next_ns, cases[i].next_ns);
        assert_int_equal(cause.first, 0);
        buf_done(&text);
    }
}

static void many_candidates_are_counted(void **state)
{
    struct death deaths[30];
    struct first_cause cause;
    struct buf text = {0};

    (void)state;
    for (uint32_t i = 0; i < 30; i++)
        deaths[i] = (struct death){
            .rank = i, .node = i % 5, .at_ns = AT + i, .uncertain_ns = MS, .lost = true};
    assert_true(cause_first(deaths, 30, &cause));
    assert_int_equal(cause.candidates, 30);
    cause_sentence(deaths, &cause, name, NULL, 0, &text);
    assert_true(str_starts(str_of(text.p), "within +-1 ms: these 30: n000 (lost), n001 (lost)"));
    assert_true(str_ends(str_of(text.p), " and 22 more"));
    buf_done(&text);
}

static void the_best_round_trip_of_a_minute_gives_the_clock(void **state)
{
    struct clock_estimate clock = {0};
    int64_t uncertain;

    (void)state;
    assert_int_equal(clock_to_ours(&clock, 5, 1000, &uncertain), 1000);
    assert_int_equal(uncertain, 60000 * MS); /* nothing is known */
    clock_measure(&clock, 100 * MS, 5100 * MS + 3 * MS, 110 * MS);
    assert_true(clock.known);
    assert_int_equal(clock.offset_ns, 4998 * MS);
    assert_int_equal(clock.uncertain_ns, 5 * MS);
    clock_measure(&clock, 200 * MS, 5201 * MS, 202 * MS); /* better */
    assert_int_equal(clock.offset_ns, 5000 * MS);
    assert_int_equal(clock.uncertain_ns, MS);
    clock_measure(&clock, 300 * MS, 5350 * MS, 380 * MS); /* worse: not taken */
    assert_int_equal(clock.offset_ns, 5000 * MS);
    assert_int_equal(clock_to_ours(&clock, 5250 * MS, 400 * MS, &uncertain), 250 * MS);
    assert_in_range(uncertain, MS, MS + 10000); /* and what crystals may have drifted */
    assert_int_equal(clock_to_ours(&clock, 9000 * MS, 400 * MS, &uncertain), 400 * MS);
    clock_measure(&clock, 70000 * MS, 75050 * MS, 70080 * MS); /* the good one is too old */
    assert_int_equal(clock.offset_ns, 5010 * MS);
    clock_measure(&clock, 90000 * MS, 1, 80000 * MS); /* answered before it was asked */
    assert_int_equal(clock.offset_ns, 5010 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_death_is_found_or_the_doubt_is_said),
        cmocka_unit_test(many_candidates_are_counted),
        cmocka_unit_test(the_best_round_trip_of_a_minute_gives_the_clock),
    };

    (void)setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
