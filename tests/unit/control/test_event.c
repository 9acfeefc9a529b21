#include "control/event.h"
#include "control/exit.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define AT (50531 * (int64_t)1000000000 + 381 * 1000000) /* 14:02:11.381 */

static void assert_same(const struct run_event *a, const struct run_event *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->at_ns, b->at_ns);
    assert_int_equal(a->uncertain_ns, b->uncertain_ns);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->node, b->node);
    assert_int_equal(a->rank, b->rank);
    assert_int_equal(a->a, b->a);
    assert_int_equal(a->b, b->b);
    assert_int_equal(a->c, b->c);
    assert_true(str_eq(a->text, b->text));
}

static void every_kind_goes_to_the_store_and_back(void **state)
{
    (void)state;
    for (int kind = EV_NONE + 1; kind < EV_KIND_COUNT; kind++) {
        const struct run_event_row *row = &run_event_rows[kind];
        struct arena *arena = arena_new(0);
        struct run_event event = {.kind = (enum run_event_kind)kind,
                                  .seq = 7,
                                  .at_ns = AT,
                                  .uncertain_ns = 5,
                                  .attempt = 3,
                                  .node = 1,
                                  .rank = -1,
                                  .text = STR("it's \"so\"")};
        struct run_event back;
        struct store_event stored;

        event.a = row->fields[0] ? INT64_MIN : 0;
        event.b = row->fields[1] ? INT64_MAX : 0;
        event.c = row->fields[2] ? -1 : 0;
        assert_int_equal(run_event_to_store(arena, &event, &stored), 0);
        assert_string_equal(stored.kind, row->name);
        assert_int_equal(run_event_from_store(arena, &stored, &back), 0);
        assert_same(&back, &event);
        for (int other = kind + 1; other < EV_KIND_COUNT; other++)
            assert_string_not_equal(row->name, run_event_rows[other].name);
        arena_free(arena);
    }
}

static void what_a_newer_version_wrote_is_nothing(void **state)
{
    static const char *const fields[] = {"{}", "", "[1]", "{\"a\":", "{\"step\":\"x\"}", "null"};
    struct arena *arena = arena_new(0);
    struct run_event event;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct store_event stored = {
            .kind = i % 2 ? "step" : "gate.opened", .text = "x", .fields = fields[i]};

        assert_int_equal(run_event_from_store(arena, &stored, &event), 0);
        assert_int_equal(event.kind, i % 2 ? EV_STEP : EV_NONE);
        assert_int_equal(event.a, 0);
    }
    arena_free(arena);
}

static const struct {
    struct run_event event;
    const char *line;
} lines[] = {
    {{.kind = EV_RANK_EXITED,
      .attempt = 2,
      .node = 0,
      .rank = 17,
      .a = 1 << 8,
      .text = {"ValueError: boom", 16}},
     "14:02:11.381 attempt 2 n003 rank 17 exited 1: ValueError: boom"},
    {{.kind = EV_RANK_EXITED, .attempt = 2, .node = 0, .rank = 17, .a = SIGTERM, .b = 1},
     "14:02:11.381 attempt 2 n003 rank 17 killed by SIGTERM (ended by us)"},
    {{.kind = EV_RANK_EXITED, .attempt = 2, .node = 0, .rank = 17, .a = SIGKILL, .b = 2},
     "14:02:11.381 attempt 2 n003 rank 17 killed by the kernel's OOM killer"},
    {{.kind = EV_RUN_CREATED, .node = -1, .rank = -1, .a = 4, .b = 32, .text = {"./train", 7}},
     "14:02:11.381 created: 4 nodes, 32 ranks: ./train"},
    {{.kind = EV_NODE_UP, .node = 0, .rank = -1, .a = 99, .b = 64, .c = 8, .text = {"h3", 2}},
     "14:02:11.381 n003 is up: h3, 64 cpus, 8 gpus"},
    {{.kind = EV_NODE_LOST, .attempt = 1, .node = 0, .rank = -1, .text = {"silent", 6}},
     "14:02:11.381 attempt 1 n003 is lost: silent"},
    {{.kind = EV_NODE_SWAPPED,
      .attempt = 1,
      .node = 0,
      .rank = -1,
      .a = 1,
      .b = 2,
      .text = {"ranks 8-15: n001 -> n003", 24}},
     "14:02:11.381 attempt 1 n003 takes over ranks 8-15: n001 -> n003"},
    {{.kind = EV_ATTEMPT_BEGUN,
      .attempt = 2,
      .node = -1,
      .rank = -1,
      .a = 2,
      .b = 16,
      .text = {"0-1", 3}},
     "14:02:11.381 attempt 2 begins: 2 nodes, 16 ranks"},
    {{.kind = EV_PHASE_ENDED,
      .attempt = 2,
      .node = -1,
      .rank = -1,
      .a = PHASE_LOAD,
      .b = 1340000000},
     "14:02:11.381 attempt 2 load took 1.34 s"},
    {{.kind = EV_FAILED, .attempt = 2, .node = -1, .rank = -1, .a = CAUSE_HANG, .text = {"no", 2}},
     "14:02:11.381 attempt 2 failed (hang): no"},
    {{.kind = EV_FAILED,
      .attempt = 2,
      .node = 1,
      .rank = 3,
      .a = CAUSE_SIGNAL,
      .text = {"rank 3 on n003 was killed by SIGKILL; certain", 45}},
     "14:02:11.381 attempt 2 failed (signal): rank 3 on n003 was killed by SIGKILL; certain"},
    {{.kind = EV_RANK_EXITED, .attempt = 2, .node = 1, .rank = 3, .a = 256, .text = {"no", 2}},
     "14:02:11.381 attempt 2 n003 rank 3 exited 1: no"},
    {{.kind = EV_RANK_EXITED, .attempt = 2, .node = 1, .rank = 3, .text = {"done", 4}},
     "14:02:11.381 attempt 2 n003 rank 3 exited 0"},
    {{.kind = EV_CHECKPOINT_CHOSEN, .attempt = 1, .node = -1, .rank = -1, .a = -1},
     "14:02:11.381 attempt 1 begins at the beginning: there is no checkpoint"},
    {{.kind = EV_CHECKPOINT_CHOSEN,
      .attempt = 2,
      .node = -1,
      .rank = -1,
      .a = 40,
      .text = {"/c/40", 5}},
     "14:02:11.381 attempt 2 goes on from step 40: /c/40"},
    {{.kind = EV_CHECKPOINT_CHOSEN,
      .attempt = 2,
      .node = -1,
      .rank = -1,
      .a = -1,
      .text = {"/c", 2}},
     "14:02:11.381 attempt 2 goes on from a checkpoint: /c"},
    {{.kind = EV_STOP_ASKED, .attempt = 2, .node = -1, .rank = -1, .a = 1, .text = {"Ctrl-C", 6}},
     "14:02:11.381 attempt 2 a polite stop asked: Ctrl-C"},
    {{.kind = EV_HANG,
      .attempt = 2,
      .node = -1,
      .rank = -1,
      .a = 250000000000,
      .text = {"rank 3", 6}},
     "14:02:11.381 attempt 2 no step for 4 min 10 s: rank 3"},
    {{.kind = EV_STEP, .attempt = 2, .node = -1, .rank = 0, .a = 412},
     "14:02:11.381 attempt 2 rank 0 step 412"},
    {{.kind = EV_RUN_ENDED, .attempt = 2, .node = -1, .rank = -1, .a = 7, .text = {"x", 1}},
     "14:02:11.381 attempt 2 the run ended with exit code 7: x"},
    /* numbers from a disk may be anything */
    {{.kind = EV_PHASE_ENDED, .node = -1, .rank = -1, .a = 99, .b = -5},
     "14:02:11.381 ? took -0 us"},
    {{.kind = EV_FAILED, .node = -1, .rank = -1, .a = -1}, "14:02:11.381 failed (?): "},
};

static void a_line_says_it_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct run_event event = lines[i].event;
        struct buf text = {0};

        event.at_ns = AT;
        run_event_print(&event, event.node >= 0 ? "n003" : NULL, &text);
        assert_string_equal(text.p, lines[i].line);
        buf_done(&text);
    }
}

static void exit_codes_tell_causes_apart(void **state)
{
    (void)state;
    assert_int_equal(run_exits[CAUSE_NONE].code, 0);
    assert_int_equal(run_exits[CAUSE_PROGRAM].code, 1);
    assert_int_equal(run_exits[CAUSE_SIGNAL].code, 1);
    for (int i = 0; i < CAUSE_COUNT; i++) {
        assert_non_null(run_exits[i].name);
        assert_non_null(run_exits[i].meaning);
        assert_int_not_equal(run_exits[i].code, 2); /* trouble with the request */
        assert_in_range(run_exits[i].code, 0, 63);
        for (int j = i + 1; j < CAUSE_COUNT; j++) {
            assert_string_not_equal(run_exits[i].name, run_exits[j].name);
            assert_true(run_exits[i].code != run_exits[j].code || run_exits[i].code == 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_goes_to_the_store_and_back),
        cmocka_unit_test(what_a_newer_version_wrote_is_nothing),
        cmocka_unit_test(a_line_says_it_in_words),
        cmocka_unit_test(exit_codes_tell_causes_apart),
    };

    (void)setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
