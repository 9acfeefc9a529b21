#include "ranks/rank_log.h"

#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT (1 << 20)

static char folder[256];

static int new_folder(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    (void)snprintf(folder, sizeof(folder), "%s/rank-log-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int old_folder(void **state)
{
    char pattern[300];
    glob_t found;

    (void)state;
    (void)snprintf(pattern, sizeof(pattern), "%s/*", folder);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            (void)unlink(found.gl_pathv[i]);
        globfree(&found);
    }
    return rmdir(folder);
}

/* Line n of a rank that prints numbers: 16 bytes each, so offsets say what must be there. */
static void add_lines(struct rank_log *log, long from, long to, int at_once)
{
    struct buf lines = {0};

    for (long n = from; n < to; n++) {
        buf_printf(&lines, "%015ld\n", n);
        if ((n + 1) % at_once == 0 || n + 1 == to) {
            assert_int_equal(rank_log_add(log, (struct str){lines.p, lines.len}, NULL), 0);
            buf_clear(&lines);
        }
    }
    buf_done(&lines);
}

static struct str read_at(struct arena *arena, int64_t offset, size_t max, int64_t *first,
                          int64_t *size)
{
    const struct msg_log_read ask = {.rank = 3, .offset = offset, .bytes_max = (uint32_t)max};
    struct msg_log_data part;

    assert_int_equal(rank_log_read(arena, folder, &ask, &part, NULL), 0);
    *first = part.offset;
    *size = part.log_size;
    return part.bytes;
}

/* Every byte that is there is the one that was written at its offset. Returns how many are. */
static int64_t check_all(int64_t size)
{
    struct arena *arena = arena_new(0);
    int64_t at = 0, first, total, seen = 0;

    for (;;) {
        struct str bytes = read_at(arena, at, 70000, &first, &total);

        assert_int_equal(total, size);
        if (!bytes.len)
            break;
        assert_true(first >= at);
        for (size_t i = 0; i < bytes.len; i += 16) {
            char want[32];
            int64_t line = (first + (int64_t)i) / 16;
            size_t skip = (size_t)((first + (int64_t)i) % 16);
            size_t len = 16 - skip < bytes.len - i ? 16 - skip : bytes.len - i;

            (void)snprintf(want, sizeof(want), "%015ld\n", (long)line);
            assert_memory_equal(bytes.p + i, want + skip, len);
            i -= skip; /* only the first may begin in the middle of a line */
        }
        seen += (int64_t)bytes.len;
        at = first + (int64_t)bytes.len;
        arena_reset(arena);
    }
    assert_int_equal(at, size);
    arena_free(arena);
    return seen;
}

static int64_t bytes_on_disk(void)
{
    char pattern[300];
    struct stat file;
    int64_t sum = 0;
    glob_t found;

    (void)snprintf(pattern, sizeof(pattern), "%s/*", folder);
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc; i++)
        sum += stat(found.gl_pathv[i], &file) == 0 ? file.st_size : 0;
    globfree(&found);
    return sum;
}

static void what_fits_is_kept_whole(void **state)
{
    static const int sizes[] = {1, 7, 3000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct rank_log *log = rank_log_new(folder, 3, LIMIT);
        long lines = LIMIT / 16 - 5000;

        add_lines(log, 0, lines, sizes[i]);
        assert_int_equal(rank_log_size(log), lines * 16);
        rank_log_free(log);
        assert_int_equal(check_all(lines * 16), lines * 16);
        (void)old_folder(NULL);
        assert_int_equal(new_folder(NULL), 0);
    }
}

static void of_more_the_first_and_the_newest_stay(void **state)
{
    struct rank_log *log = rank_log_new(folder, 3, LIMIT);
    struct arena *arena = arena_new(0);
    int64_t size = INT64_C(40) << 20, first, total, seen;
    struct str bytes;

    (void)state;
    add_lines(log, 0, size / 16, 1000);
    seen = check_all(size);
    assert_in_range(seen, LIMIT / 2 + LIMIT / 2 / 4 * 3 - 65536, LIMIT);
    assert_in_range(bytes_on_disk(), seen, LIMIT + 4096);
    bytes = read_at(arena, -16, 100, &first, &total);
    assert_int_equal(first, size - 16);
    assert_int_equal(bytes.len, 16);
    bytes = read_at(arena, LIMIT, 16, &first, &total); /* missing: what comes next is given */
    assert_true(first > LIMIT && first % 16 == 0);
    assert_int_equal(bytes.len, 16);
    bytes = read_at(arena, size + 1000, 16, &first, &total);
    assert_int_equal(bytes.len, 0);
    rank_log_free(log);
    arena_free(arena);
}

static void cat_reads_it_in_order_with_a_word_on_what_is_missing(void **state)
{
    struct rank_log *log = rank_log_new(folder, 3, 65536);
    long previous = -1, missing = 0, line;
    char pattern[300], text[128];
    FILE *cat;

    (void)state;
    add_lines(log, 0, 100000, 100);
    rank_log_free(log);
    (void)snprintf(pattern, sizeof(pattern), "cat %s/rank-3.log*", folder);
    cat = popen(pattern, "r");
    assert_non_null(cat);
    while (fgets(text, sizeof(text), cat)) {
        if (sscanf(text, "--- %ld bytes are missing here", &missing) == 1 || text[0] == '\n')
            continue;
        line = atol(text);
        assert_int_equal(line, previous + 1 + (missing > 0 ? missing / 16 : 0));
        previous = line;
        missing = 0;
    }
    assert_int_equal(previous, 99999);
    assert_int_equal(pclose(cat), 0);
}

static void a_small_bound_holds_for_large_parts(void **state)
{
    struct rank_log *log = rank_log_new(folder, 3, 1);

    (void)state;
    add_lines(log, 0, 1 << 16, 1 << 15); /* half a megabyte a time */
    assert_true(bytes_on_disk() <= RANK_LOG_BYTES_MIN + 256);
    (void)check_all((1 << 16) * 16);
    rank_log_free(log);
}

static void a_log_that_is_not_there_is_empty(void **state)
{
    struct arena *arena = arena_new(0);
    int64_t first, size;

    (void)state;
    assert_int_equal(read_at(arena, 0, 100, &first, &size).len, 0);
    assert_int_equal(size, 0);
    assert_int_equal(read_at(arena, -100, 100, &first, &size).len, 0);
    assert_int_equal(first, 0);
    arena_free(arena);
}

/* A file may not grow past a limit, as a disk that is full: write says EFBIG instead of ENOSPC. */
static void a_full_disk_ends_the_log_with_one_note(void **state)
{
    struct rlimit before, small;
    struct rank_log *log = rank_log_new(folder, 3, LIMIT);
    struct arena *arena = arena_new(0);
    int64_t first, size;
    struct str bytes, line = STR("a line that takes some space on the disk\n");
    struct err err = {0};
    int complaints = 0;

    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 10000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 1000; i++)
        complaints += rank_log_add(log, line, &err) < 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(complaints, 1);
    assert_string_equal(err.text, "the log of rank 3 ends here, the rank goes on: File too large");
    assert_int_equal(rank_log_size(log), 1000 * (int64_t)line.len);
    bytes = read_at(arena, 0, 20000, &first, &size);
    assert_int_equal(bytes.len, 10000);
    assert_true(str_ends(bytes, "\n--- the log ends here: File too large ---\n"));
    rank_log_free(log);
    arena_free(arena);
}

static void a_folder_that_is_gone_is_said_once(void **state)
{
    struct rank_log *log = rank_log_new("/nonexistent/folder", 3, LIMIT);
    struct err err;

    (void)state;
    assert_int_equal(rank_log_add(log, STR("a\n"), &err), -ENOENT);
    assert_int_equal(rank_log_add(log, STR("b\n"), &err), 0);
    assert_int_equal(rank_log_size(log), 4);
    rank_log_free(log);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, new_folder, old_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_fits_is_kept_whole),
        IN_FOLDER(of_more_the_first_and_the_newest_stay),
        IN_FOLDER(cat_reads_it_in_order_with_a_word_on_what_is_missing),
        IN_FOLDER(a_small_bound_holds_for_large_parts),
        IN_FOLDER(a_log_that_is_not_there_is_empty),
        IN_FOLDER(a_full_disk_ends_the_log_with_one_note),
        IN_FOLDER(a_folder_that_is_gone_is_said_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
