#include "node/inputs.h"

#include "base/file.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char lspci_text[] = "00:00.0 Host bridge: Intel Corporation Device 09a2 (rev 20)\n";

/* A folder with these files ("a/b.txt" makes the folder a); the caller removes it. */
static char *folder_of(struct arena *arena, const char *const *files)
{
    char *folder = arena_copy(arena, "/tmp/firstlight-test-XXXXXX", 27);

    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; files[i]; i++) {
        char *path = arena_printf(arena, "%s/%s", folder, files[i]);

        for (char *p = path + strlen(folder) + 1; (p = strchr(p, '/')); *p++ = '/') {
            *p = '\0';
            (void)mkdir(path, 0700);
        }
        assert_int_equal(file_write(path, lspci_text, sizeof(lspci_text) - 1, NULL), 0);
    }
    return folder;
}

static void remove_folder(struct arena *arena, const char *folder)
{
    assert_int_equal(system(arena_printf(arena, "rm -rf '%s'", folder)), 0);
}

static void nodes_are_found_however_people_keep_them(void **state)
{
    static const struct {
        const char *files[6];
        const char *nodes[4]; /* in order; "." is the folder itself */
    } cases[] = {
        {{"lspci.txt", "dmesg.txt", "cmdline"}, {"."}},
        {{"lspci-vvv.out", "sys/class/infiniband/mlx5_0/fw_ver"}, {"."}},
        {{"manifest.json", "cmd/lspci.txt", "proc/cmdline"}, {"."}},
        {{"n1.snap", "n2.snap", "n10.snap"}, {"n1", "n2", "n10"}},
        {{"n1.lspci.txt", "n1.dmesg.txt", "n2.lspci.txt"}, {"n1", "n2"}},
        {{"n1/lspci.txt", "n1/dmesg", "n2/lspci.txt"}, {"n1", "n2"}},
        {{"rack1/n1/lspci.txt", "rack2/n2/lspci.txt"}, {"n1", "n2"}},
        {{"a.txt", "b.txt", "README"}, {"README", "a", "b"}}, /* by content: all hold lspci */
        {{"r1/n1/lspci.txt", "r2/n1/lspci.txt"}, {"n1", "n1#2"}},
        {{"box-lspci-vvv.log", "box_dmesg.log"}, {"box"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_new(0);
        const char *folder = folder_of(arena, cases[i].files);
        struct inputs inputs;
        struct err err = {0};
        size_t want = 0;

        if (inputs_find(arena, &folder, 1, &inputs, &err) < 0)
            fail_msg("case %zu: %s", i, err.text);
        while (want < 4 && cases[i].nodes[want])
            want++;
        assert_int_equal(inputs.count, want);
        for (size_t k = 0; k < want; k++)
            assert_string_equal(inputs.items[k].name, strcmp(cases[i].nodes[k], ".")
                                                          ? cases[i].nodes[k]
                                                          : strrchr(folder, '/') + 1);
        remove_folder(arena, folder);
        arena_free(arena);
    }
}

static void files_named_together_are_one_node(void **state)
{
    static const char *const files[] = {"a.lspci.txt", "b.lspci.txt", "a.dmesg.txt", "x.txt", NULL};
    struct arena *arena = arena_new(0);
    const char *folder = folder_of(arena, files), *paths[4];
    struct inputs inputs;

    (void)state;
    for (size_t i = 0; files[i]; i++)
        paths[i] = arena_printf(arena, "%s/%s", folder, files[i]);
    assert_int_equal(inputs_find(arena, paths, 4, &inputs, NULL), 0);
    assert_int_equal(inputs.count, 3);
    assert_string_equal(inputs.items[0].name, "a");
    assert_int_equal(inputs.items[0].file_count, 2);
    assert_string_equal(inputs.items[1].name, "b");
    assert_int_equal(inputs.items[1].kind, INPUT_FILE);
    assert_string_equal(inputs.items[2].name, "x");
    remove_folder(arena, folder);
    arena_free(arena);
}

static void no_path_is_this_host(void **state)
{
    struct arena *arena = arena_new(0);
    struct inputs inputs;

    (void)state;
    assert_int_equal(inputs_find(arena, NULL, 0, &inputs, NULL), 0);
    assert_int_equal(inputs.count, 1);
    assert_int_equal(inputs.items[0].kind, INPUT_LIVE);
    arena_free(arena);
}

static void a_path_without_nodes_is_a_sentence(void **state)
{
    struct arena *arena = arena_new(0);
    const char *missing = "/nonexistent/n1";
    struct inputs inputs;
    struct err err = {0};
    const char *folder = arena_copy(arena, "/tmp/firstlight-test-XXXXXX", 27);

    (void)state;
    assert_true(inputs_find(arena, &missing, 1, &inputs, &err) < 0);
    assert_string_equal(err.text, "/nonexistent/n1: No such file or directory");
    assert_non_null(mkdtemp((char *)folder));
    assert_true(inputs_find(arena, &folder, 1, &inputs, &err) < 0);
    assert_non_null(strstr(err.text, "no node in this folder: expected snapshots"));
    remove_folder(arena, folder);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_found_however_people_keep_them),
        cmocka_unit_test(files_named_together_are_one_node),
        cmocka_unit_test(no_path_is_this_host),
        cmocka_unit_test(a_path_without_nodes_is_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
