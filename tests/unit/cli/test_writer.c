/* ctest labels: threads */
#include "cli/writer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define PIECE_BYTES 4096

/* Stdout is a pipe of the test's while the writer lives. */
struct pipes {
    int saved, read_end, write_end;
};

static struct pipes take_stdout(void)
{
    struct pipes pipes = {.saved = dup(STDOUT_FILENO)};
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pipes.read_end = ends[0];
    assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    (void)close(ends[1]);
    return pipes;
}

static void give_back(struct pipes *pipes)
{
    assert_int_equal(dup2(pipes->saved, STDOUT_FILENO), STDOUT_FILENO);
    (void)close(pipes->saved);
    if (pipes->read_end >= 0)
        (void)close(pipes->read_end);
}

static void test_pieces_arrive_in_order(void **state)
{
    struct pipes pipes = take_stdout();
    struct writer *writer = writer_new();
    char got[64] = "";
    size_t len = 0;

    (void)state;
    assert_non_null(writer);
    for (char c = 'a'; c <= 'z'; c++)
        assert_true(writer_put(writer, STDOUT_FILENO, (struct str){&c, 1}));
    writer_free(writer, 10000);
    while (len < 26) {
        ssize_t n = read(pipes.read_end, got + len, sizeof(got) - len);

        assert_true(n > 0);
        len += (size_t)n;
    }
    give_back(&pipes);
    assert_string_equal(got, "abcdefghijklmnopqrstuvwxyz");
}

/* Nobody reads: putting never waits, what is too much is refused, and the end comes in spite of it.
 */
static void test_a_reader_that_does_not_read_stops_nobody(void **state)
{
    static char piece[PIECE_BYTES];
    struct pipes pipes = take_stdout();
    struct writer *writer = writer_new();
    size_t taken = 0;

    (void)state;
    assert_non_null(writer);
    while (writer_put(writer, STDOUT_FILENO, (struct str){piece, sizeof(piece)}))
        taken += sizeof(piece);
    assert_in_range(taken, WRITER_BYTES_MAX / 2, WRITER_BYTES_MAX + (4u << 20));
    assert_in_range(writer_waiting(writer), 1, WRITER_BYTES_MAX);
    writer_mute(writer);
    assert_true(writer_put(writer, STDOUT_FILENO, (struct str){piece, sizeof(piece)}));
    (void)close(pipes.read_end); /* now its write fails, and it drops the rest */
    pipes.read_end = -1;
    writer_free(writer, 10000);
    give_back(&pipes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_arrive_in_order),
        cmocka_unit_test(test_a_reader_that_does_not_read_stops_nobody),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
