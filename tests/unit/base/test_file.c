#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void what_is_put_is_read_at_its_place(void **state)
{
    FILE *file = tmpfile();
    char bytes[8] = "";
    int fd = fileno(file);

    (void)state;
    assert_int_equal(file_put(fd, "let there ", 10), 0);
    assert_int_equal(file_put(fd, "", 0), 0);
    assert_int_equal(file_put(fd, "be light", 8), 0);
    assert_int_equal(file_read_at(fd, bytes, 7, 4), 0);
    assert_string_equal(bytes, "there b");
    assert_int_equal(file_read_at(fd, bytes, 5, 13), 0);
    assert_memory_equal(bytes, "light", 5);
    assert_int_equal(file_read_at(fd, bytes, 6, 13), -EBADMSG);
    assert_int_equal(file_read_at(fd, bytes, 1, 18), -EBADMSG);
    assert_int_equal(file_read_at(fd, bytes, 0, 18), 0);
    (void)fclose(file);
}

static void trouble_has_its_number(void **state)
{
    int pipe_ends[2], full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    char byte;

    (void)state;
    assert_int_equal(file_put(full, "x", 1), -ENOSPC);
    (void)close(full);
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(file_read_at(pipe_ends[0], &byte, 1, 0), -ESPIPE);
    (void)close(pipe_ends[0]);
    (void)close(pipe_ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_read_at_its_place),
        cmocka_unit_test(trouble_has_its_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
