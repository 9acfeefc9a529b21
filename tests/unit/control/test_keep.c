#include "control/keep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], folder[128];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s/keep-XXXXXX",
                   getenv("TMPDIR") && strlen(getenv("TMPDIR")) < 40 ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(folder, sizeof(folder), "%s/nodes/n1/attempt-2", dir);
    return 0;
}

static int remove_dir(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

/* All that is kept, in `arena`. */
static struct str read_all(struct arena *arena, int64_t offset)
{
    struct msg_log_read ask = {.rank = 7, .offset = offset, .bytes_max = 1000000};
    struct msg_log_data part;
    struct buf all = {0};
    char *text;

    do {
        assert_int_equal(keep_read(arena, folder, &ask, &part, NULL), 0);
        buf_add(&all, part.bytes.p, part.bytes.len);
        ask.offset = part.offset + (int64_t)part.bytes.len;
    } while (part.bytes.len);
    assert_int_equal(ask.offset, part.log_size);
    text = arena_copy(arena, all.p ? all.p : "", all.len);
    part.bytes = (struct str){text, all.len};
    buf_done(&all);
    return part.bytes;
}

static void what_was_added_is_read(void **state)
{
    struct arena *arena = arena_new(0);
    struct stat st;
    char path[192];

    (void)state;
    assert_int_equal(read_all(arena, 0).len, 0);
    keep_add(dir, "n1", 2, 7, STR("one\n"));
    keep_add(dir, "n1", 2, 7, STR("two\n"));
    keep_add(dir, "n1", 2, 8, STR("another rank's\n"));
    keep_add(dir, "n1", 3, 7, STR("another attempt's\n"));
    keep_add(dir, "n2", 2, 7, STR("another node's\n"));
    assert_string_equal(read_all(arena, 0).p, "one\ntwo\n");
    assert_string_equal(read_all(arena, -4).p, "two\n");
    assert_string_equal(read_all(arena, 5).p, "wo\n");
    assert_string_equal(read_all(arena, -400).p, "one\ntwo\n");
    (void)snprintf(path, sizeof(path), "%s/rank-7.forwarded", folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    arena_free(arena);
}

static void only_the_end_is_kept(void **state)
{
    struct arena *arena = arena_new(0);
    static char large[KEEP_BYTES_MAX];
    struct str all;
    char line[32];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        int len = snprintf(line, sizeof(line), "line %06d\n", i);

        keep_add(dir, "n1", 2, 7, (struct str){line, (size_t)len});
    }
    all = read_all(arena, 0);
    assert_in_range(all.len, KEEP_BYTES_MAX / 2 - 12, KEEP_BYTES_MAX);
    assert_true(str_ends(all, "line 099998\nline 099999\n"));
    assert_int_equal(all.len % 12, 0); /* no line is missing between the two files */
    assert_memory_equal(all.p, "line ", 5);
    assert_int_equal(atoi(all.p + 5), 100000 - (int)(all.len / 12));
    memset(large, 'x', sizeof(large));
    keep_add(dir, "n1", 2, 7, (struct str){large, sizeof(large)});
    assert_in_range(read_all(arena, 0).len, KEEP_BYTES_MAX / 2, KEEP_BYTES_MAX);
    arena_free(arena);
}

static void a_name_that_leads_elsewhere_is_not_used(void **state)
{
    char path[128];

    (void)state;
    keep_add(dir, "../../evil", 2, 7, STR("x"));
    keep_add(dir, "..", 2, 7, STR("x"));
    (void)snprintf(path, sizeof(path), "%s/nodes/../attempt-2", dir);
    assert_int_not_equal(access(path, F_OK), 0);
    (void)snprintf(path, sizeof(path), "%s/nodes", dir);
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_added_is_read, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(only_the_end_is_kept, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_name_that_leads_elsewhere_is_not_used, make_dir,
                                        remove_dir),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
