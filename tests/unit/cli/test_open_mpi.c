#include "cli/open_mpi.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void a_program_is_known_by_its_symbol(void **state)
{
    static const struct {
        const char *bytes;
        bool is;
    } cases[] = {
        {"\177ELF....ompi_mpi_comm_world", true},
        {"\177ELF....ompi_mpi_comm_worl", false},
        {"\177ELF....mpi_comm_world ompi_", false},
        {"\177ELF....mpi_comm_world ompi_mpi_comm_world", true},
        {"#!/bin/sh\n# ompi_mpi_comm_world", false},
        {"\177EL", false},
        {"", false},
    };
    char folder[] = "/tmp/test-open-mpi-XXXXXX", path[64], search[128];

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/prog", folder);
    (void)snprintf(search, sizeof(search), "/nonexistent:%s:/bin", folder);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_true(fputs(cases[i].bytes, file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, 0700), 0);
        assert_int_equal(open_mpi_program(path, "/", NULL), cases[i].is);
        assert_int_equal(open_mpi_program("./prog", folder, NULL), cases[i].is);
        assert_int_equal(open_mpi_program("prog", "/", search), cases[i].is);
    }
    (void)unlink(path);
    assert_false(open_mpi_program(path, "/", NULL));
    assert_false(open_mpi_program("prog", "/", search));
    assert_false(open_mpi_program(folder, "/", NULL));
    assert_false(open_mpi_program("prog", folder, NULL));
    (void)rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_program_is_known_by_its_symbol)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
