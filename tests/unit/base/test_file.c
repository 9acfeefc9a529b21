#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* Root may write /dev/null away. */
static void a_pipe_is_written_into_and_not_replaced(void **state)
{
    char folder[] = "/tmp/firstlight-file-XXXXXX", path[64], bytes[8] = "";
    struct stat st;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(file_write(path, "light", 5, NULL), 0);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 5);
    assert_string_equal(bytes, "light");
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    (void)close(fd);
    (void)unlink(path);
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_read_at_its_place),
        cmocka_unit_test(trouble_has_its_number),
        cmocka_unit_test(a_pipe_is_written_into_and_not_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
