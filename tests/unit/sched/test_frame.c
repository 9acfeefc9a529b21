#include "sched/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void count_over(void *data, struct sched_task *task)
{
    (void)task;
    ++*(size_t *)data;
}

static const struct {
    const char *name, *text;
    size_t over;
    enum sched_outcome a, b;
    const char *out_a, *out_b;
} cases[] = {
    {"two hosts, mixed", "@a Zm9v\n@b Zg==\n@a YmFy\n@b .\n@a .\n", 2, SCHED_DONE, SCHED_DONE,
     "foobar", "f"},
    {"other lines", "prolog\n\n@\n@c Zm9v\n@a .\nZm9v\n", 1, SCHED_DONE, SCHED_WAITING, "", ""},
    {"CRLF", "@a Zm9v\r\n@a .\r\n", 1, SCHED_DONE, SCHED_WAITING, "foo", ""},
    {"garbled", "@a Zm9\n@a .\n@b .\n", 2, SCHED_FAILED, SCHED_DONE, "", ""},
    {"after the end", "@a .\n@a Zm9v\n@a .\n", 1, SCHED_DONE, SCHED_WAITING, "", ""},
    {"no newline yet", "@a Zm9v\n@a .", 0, SCHED_WAITING, SCHED_WAITING, "foo", ""},
    {"too much", "@a Zm9vZm9vZm9vZm9v\n@a .\n", 1, SCHED_FAILED, SCHED_WAITING, "foofoofoofoo", ""},
};

/* Fed whole and byte by byte. */
static void lines_find_their_host(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        size_t n = i / 2, len = strlen(cases[n].text), over = 0;
        struct sched_task tasks[] = {{.host = "a"}, {.host = "b"}};
        struct frame_reader reader;
        char *exact = malloc(len);

        memcpy(exact, cases[n].text, len);
        assert_int_equal(frame_init(&reader, tasks, 2, 10), 0);
        if (i % 2)
            frame_take(&reader, (struct str){exact, len}, count_over, &over);
        else
            for (size_t at = 0; at < len; at++)
                frame_take(&reader, (struct str){exact + at, 1}, count_over, &over);
        assert_int_equal(over, cases[n].over);
        assert_int_equal(tasks[0].outcome, cases[n].a);
        assert_int_equal(tasks[1].outcome, cases[n].b);
        assert_string_equal(tasks[0].output.p ? tasks[0].output.p : "", cases[n].out_a);
        assert_string_equal(tasks[1].output.p ? tasks[1].output.p : "", cases[n].out_b);
        frame_done(&reader);
        buf_done(&tasks[0].output);
        buf_done(&tasks[1].output);
        free(exact);
    }
}

static void a_line_without_end_takes_no_memory(void **state)
{
    struct sched_task task = {.host = "a"};
    struct frame_reader reader;
    size_t over = 0;
    char chunk[1000];

    (void)state;
    memset(chunk, 'x', sizeof(chunk));
    assert_int_equal(frame_init(&reader, &task, 1, 1000), 0);
    for (int i = 0; i < 10000; i++)
        frame_take(&reader, (struct str){chunk, sizeof(chunk)}, count_over, &over);
    assert_true(reader.line.space <= 4 * FRAME_LINE_BYTES_MAX);
    frame_take(&reader, STR("\n@a Zm9v\n@a .\n"), count_over, &over);
    assert_int_equal(over, 1);
    assert_string_equal(task.output.p, "foo");
    frame_done(&reader);
    buf_done(&task.output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_find_their_host),
        cmocka_unit_test(a_line_without_end_takes_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
