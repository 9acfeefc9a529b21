/* An executable of bytes: `true`, as it is and damaged, from memory and from a folder. */
#include "agent/image.h"

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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TRUE_BYTES_MAX (4u << 20)

static char *bytes;
static size_t len;

static int begin(void **state)
{
    (void)state;
    return file_read("/bin/true", TRUE_BYTES_MAX, &bytes, &len, NULL);
}

static int end(void **state)
{
    (void)state;
    free(bytes);
    return 0;
}

/* Every place where `from` stands in a copy has `to` now. */
static char *with(const char *from, const char *to)
{
    size_t size = strlen(from);
    char *copy = malloc(len);
    bool found = false;

    memcpy(copy, bytes, len);
    for (char *p = copy; (p = memmem(p, len - (size_t)(p - copy), from, size)); p += size) {
        memcpy(p, to, size);
        found = true;
    }
    assert_true(found);
    return copy;
}

static int exit_of(int fd)
{
    const char *const words[] = {"true", NULL}, *const none[] = {NULL};
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        (void)fexecve(fd, (char *const *)words, (char *const *)none);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void it_runs_from_memory_and_from_a_folder(void **state)
{
    char folder[] = "/tmp/image-test-XXXXXX";
    struct err err = {0};
    struct stat st;
    int fds[2];

    (void)state;
    assert_non_null(mkdtemp(folder));
    fds[0] = image_in_memory("test", (struct str){bytes, len}, &err);
    fds[1] = image_in_folder(folder, (struct str){bytes, len}, &err);
    assert_int_equal(rmdir(folder), 0); /* nothing is left there */
    for (int i = 0; i < 2; i++) {
        assert_true(fds[i] > 2);
        assert_int_equal(fstat(fds[i], &st), 0);
        assert_int_equal(st.st_size, len);
        assert_int_equal(image_check(fds[i], "test", &err), 0);
        assert_int_equal(exit_of(fds[i]), 0);
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        (void)close(fds[i]);
    }
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(image_in_folder("/no/such", (struct str){bytes, len}, &err), -ENOENT);
    assert_string_equal(err.text, "/no/such: No such file or directory");
}

static void refused(const char *from, const char *to, int want, const char *sentence)
{
    char *copy = with(from, to);
    struct err err = {0};
    int fd = image_in_memory("test", (struct str){copy, len}, &err);

    assert_true(fd >= 0);
    assert_int_equal(image_check(fd, "the probe", &err), want);
    assert_string_equal(err.text, sentence);
    (void)close(fd);
    assert_int_equal(image_open("the probe", (struct str){copy, len}, &err), want);
    assert_string_equal(err.text, sentence); /* once: another place would not help */
    free(copy);
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    refused("/ld-linux", "/no-linux", -ENOENT,
            "the probe needs the dynamic linker of glibc (ld-linux), which is not on this node");
    refused("\x7f"
            "ELF",
            "\x7f"
            "FLE",
            -ENOEXEC, "the probe is not for this machine");
    refused("GLIBC_2.2.5", "GLIBC_9.2.5", -ENOEXEC,
            "the probe needs a newer C library than this node's, which has no GLIBC_9.2.5");
    refused("libc.so.6", "libc.so.9", -ENOEXEC,
            "the probe does not run on this node: the probe: error while loading shared libraries: "
            "libc.so.9: cannot open shared object file: No such file or directory");
}

static void the_first_place_that_runs_is_taken(void **state)
{
    struct err err = {0};
    int fd = image_open("test", (struct str){bytes, len}, &err);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(exit_of(fd), 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_from_memory_and_from_a_folder),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(the_first_place_that_runs_is_taken),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
