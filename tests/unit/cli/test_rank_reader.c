#include "cli/rank_reader.h"

#include "ranks/rank_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    char dir[256], command[300];
    struct rank_log *log;
    struct rank_reader reader;
};

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    const char *tmp = getenv("TMPDIR");

    (void)snprintf(world->dir, sizeof(world->dir), "%s/reader-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(world->dir));
    world->log = rank_log_new(world->dir, 3, RANK_LOG_BYTES_MIN);
    world->reader =
        (struct rank_reader){.rank = 3, .attempt = 1, .folder = world->dir, .chunk = 4096};
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;

    rank_reader_done(&world->reader);
    rank_log_free(world->log);
    (void)snprintf(world->command, sizeof(world->command), "rm -r '%s'", world->dir);
    assert_int_equal(system(world->command), 0);
    free(world);
    return 0;
}

static void add(struct world *world, const char *text)
{
    assert_int_equal(rank_log_add(world->log, str_of(text), NULL), 0);
}

static void want(struct world *world, bool whole, const char *text)
{
    struct str line;
    int r = rank_reader_line(&world->reader, whole, &line, NULL);

    assert_int_equal(r, text != NULL);
    if (text && !str_is(line, text))
        fail_msg("'%.*s' is not '%s'", STR_ARG(line), text);
}

static void lines_come_when_they_are_whole(void **state)
{
    struct world *world = *state;

    want(world, true, NULL);
    add(world, "one\ntw");
    want(world, true, "one");
    want(world, true, NULL);
    add(world, "o\n\nthree");
    want(world, true, "two");
    want(world, true, "");
    want(world, true, NULL);
    want(world, false, "three");
    want(world, false, NULL);
}

static void a_tail_is_the_last_lines(void **state)
{
    struct world *world = *state;
    static const struct {
        int64_t lines;
        const char *first;
    } rows[] = {{1, "c"}, {2, "b"}, {3, "a"}, {9, "a"}, {0, NULL}};

    add(world, "a\nb\nc\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rank_reader_done(&world->reader);
        world->reader = (struct rank_reader){.rank = 3, .folder = world->dir, .chunk = 4096};
        assert_int_equal(rank_reader_tail(&world->reader, rows[i].lines, NULL), 0);
        want(world, true, rows[i].first);
    }
}

/* More than the log keeps: the first half, a sentence, the newest half. What follows the sentence
 * may be the end of a line whose beginning is gone. */
static void what_was_dropped_is_said(void **state)
{
    struct world *world = *state;
    size_t lines = 0, notes = 0;
    bool after_note = false;
    struct str line;
    char text[64];
    int r;

    for (int i = 0; i < 20000; i++) {
        (void)snprintf(text, sizeof(text), "line %08d\n", i);
        add(world, text);
    }
    while ((r = rank_reader_line(&world->reader, true, &line, NULL)) > 0) {
        bool note = str_starts(line, "--- ");

        lines++;
        notes += note;
        if (!note && !after_note && !str_starts(line, "line 000") && line.len)
            fail_msg("%.*s", STR_ARG(line));
        after_note = note;
    }
    assert_int_equal(r, 0);
    assert_int_equal(notes, 1);
    assert_in_range(lines, 2000, 6000);
    assert_int_equal(world->reader.offset, rank_log_size(world->log));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_come_when_they_are_whole, begin, end),
        cmocka_unit_test_setup_teardown(a_tail_is_the_last_lines, begin, end),
        cmocka_unit_test_setup_teardown(what_was_dropped_is_said, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
