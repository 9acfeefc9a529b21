#include "base/manifest.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char work[64];
static struct arena *arena;

static const char *at(const char *name)
{
    return arena_printf(arena, "%s/%s", work, name);
}

static void put(const char *name, const char *text)
{
    assert_int_equal(file_write(at(name), text, strlen(text), NULL), 0);
}

static int begin(void **state)
{
    (void)state;
    arena = arena_new(0);
    (void)snprintf(work, sizeof(work), "/tmp/firstlight-manifest-XXXXXX");
    return arena && mkdtemp(work) && mkdir(at("parts"), 0755) == 0 ? 0 : -1;
}

static int end(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", work);
    arena_free(arena);
    return system(command);
}

/* What was visited, a line each; stops when `left` is used up. */
struct seen {
    struct buf text;
    int left, stop;
};

static int see(void *arg, const struct ckpt_manifest_file *file)
{
    struct seen *seen = arg;

    if (seen->left-- == 0)
        return seen->stop;
    buf_printf(&seen->text, "%s %" PRIu64 " %" PRIx64 "\n", file->name, file->bytes, file->hash);
    return 0;
}

static struct ckpt_manifest_file of(const char *name, const char *text)
{
    return (struct ckpt_manifest_file){name, strlen(text), hash64(text, strlen(text))};
}

static void what_is_known_is_written_as_what_is_read(void **state)
{
    const struct ckpt_manifest_file files[] = {of("a", "light"), of("parts/b", "")};
    char *known, *read;
    size_t known_len, read_len;

    (void)state;
    put("a", "light");
    put("parts/b", "");
    assert_int_equal(ckpt_manifest_write_known(work, 12, files, ARRAY_LEN(files), NULL), 0);
    assert_int_equal(file_read(at(CKPT_MANIFEST), 4096, &known, &known_len, NULL), 0);
    assert_int_equal(ckpt_manifest_write(work, 12, NULL), 0);
    assert_int_equal(file_read(at(CKPT_MANIFEST), 4096, &read, &read_len, NULL), 0);
    assert_int_equal(known_len, read_len);
    assert_memory_equal(known, read, read_len);
    free(known);
    free(read);
}

/* It says what it was told: that a file is other than that is the check's to find. */
static void what_is_known_wrongly_is_found_by_the_check(void **state)
{
    struct ckpt_manifest_file files[] = {of("a", "light"), of("gone", "x")};
    struct err err = {0};
    int64_t step = -1;

    (void)state;
    put("a", "light");
    assert_int_equal(ckpt_manifest_write_known(work, 3, files, 2, NULL), 0);
    assert_int_equal(ckpt_manifest_check(work, &step, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "gone: No such file"));
    assert_int_equal(step, -1);
    files[0].bytes++;
    assert_int_equal(ckpt_manifest_write_known(work, 3, files, 1, NULL), 0);
    assert_int_equal(ckpt_manifest_check(work, NULL, &err), -EBADMSG);
    assert_string_equal(err.text, "a has 5 bytes, not 6");
    files[0].bytes--;
    files[0].hash ^= 1;
    assert_int_equal(ckpt_manifest_write_known(work, 3, files, 1, NULL), 0);
    assert_int_equal(ckpt_manifest_check(work, NULL, &err), -EBADMSG);
    assert_string_equal(err.text, "a has other bytes than were saved");
    files[0].hash ^= 1;
    assert_int_equal(ckpt_manifest_write_known(work, 3, files, 1, NULL), 0);
    assert_int_equal(ckpt_manifest_check(work, &step, NULL), 0);
    assert_int_equal(step, 3);
    assert_int_equal(ckpt_manifest_write_known(work, 4, NULL, 0, NULL), 0); /* of no file at all */
    assert_int_equal(ckpt_manifest_check(work, &step, NULL), 0);
    assert_int_equal(step, 4);
    assert_int_equal(ckpt_manifest_write_known(at("nowhere"), 3, files, 1, &err), -ENOENT);
    assert_string_equal(err.text,
                        arena_printf(arena, "%s: No such file or directory", at("nowhere")));
}

static void a_read_visits_each_line_and_no_file(void **state)
{
    const struct ckpt_manifest_file files[] = {of("not there", "x"), of("nor this", "yz")};
    struct seen seen = {.left = 100};
    struct err err = {0};
    int64_t step = -1;

    (void)state;
    assert_int_equal(ckpt_manifest_write_known(work, -7, files, 2, NULL), 0);
    assert_int_equal(ckpt_manifest_read(work, &step, see, &seen, &err), 0);
    assert_int_equal(step, -7);
    assert_string_equal(seen.text.p,
                        arena_printf(arena, "not there 1 %" PRIx64 "\nnor this 2 %" PRIx64 "\n",
                                     hash64("x", 1), hash64("yz", 2)));
    buf_done(&seen.text);
    assert_int_equal(ckpt_manifest_read(at("nowhere"), &step, see, &seen, &err), -ENOENT);
    assert_int_equal(ckpt_manifest_read(at("parts"), &step, see, &seen, &err), -ENOENT);
    assert_string_equal(err.text, "its MANIFEST: No such file or directory");
}

/* An error of the visitor, or a number above 0: either ends it, and is what comes back. */
static void a_visitor_may_end_it(void **state)
{
    const struct ckpt_manifest_file files[] = {of("a", "x"), of("b", "x"), of("c", "x")};
    static const int stops[] = {-ENOMEM, 5};

    (void)state;
    assert_int_equal(ckpt_manifest_write_known(work, 1, files, 3, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        struct seen seen = {.left = 1, .stop = stops[i]};
        int64_t step = -1;

        assert_int_equal(ckpt_manifest_read(work, &step, see, &seen, NULL), stops[i]);
        assert_int_equal(step, -1);
        assert_true(str_starts((struct str){seen.text.p, seen.text.len}, "a 1 "));
        assert_null(strstr(seen.text.p, "\nb "));
        buf_done(&seen.text);
    }
}

static void what_is_no_manifest_is_told(void **state)
{
    static const struct {
        const char *name, *text, *err;
    } cases[] = {
        {"empty", "", "its MANIFEST is cut off or none"},
        {"of another version", "firstlight checkpoint 2 step 1\nend 0\n",
         "its MANIFEST is cut off or none"},
        {"a step that is no number", "firstlight checkpoint 1 step one\nend 0\n",
         "its MANIFEST is cut off or none"},
        {"without its last newline", "firstlight checkpoint 1 step 1\nend 0",
         "its MANIFEST is cut off or none"},
        {"without an end", "firstlight checkpoint 1 step 1\n", "its MANIFEST is cut off"},
        {"too few lines", "firstlight checkpoint 1 step 1\n0123456789abcdef 1 a\nend 2\n",
         "its MANIFEST is cut off"},
        {"too many lines", "firstlight checkpoint 1 step 1\n0123456789abcdef 1 a\nend 0\n",
         "its MANIFEST is cut off"},
        {"more behind the end", "firstlight checkpoint 1 step 1\nend 0\nend 0\n",
         "its MANIFEST is cut off"},
        {"a short hash", "firstlight checkpoint 1 step 1\n0123 1 a\nend 1\n",
         "its MANIFEST has the line '0123 1 a'"},
        {"no hash", "firstlight checkpoint 1 step 1\n0123456789abcdeg 1 a\nend 1\n",
         "its MANIFEST has the line '0123456789abcdeg 1 a'"},
        {"a length below 0", "firstlight checkpoint 1 step 1\n0123456789abcdef -1 a\nend 1\n",
         "its MANIFEST has the line '0123456789abcdef -1 a'"},
        {"no name", "firstlight checkpoint 1 step 1\n0123456789abcdef 1 \nend 1\n",
         "its MANIFEST has the line '0123456789abcdef 1 '"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct seen seen = {.left = 100};
        struct err err = {0};

        put(CKPT_MANIFEST, cases[i].text);
        if (ckpt_manifest_read(work, NULL, see, &seen, &err) != -EBADMSG ||
            strcmp(err.text, cases[i].err) != 0)
            fail_msg("%s: '%s'", cases[i].name, err.text);
        buf_done(&seen.text);
    }
}

/* A name may not lead out of the folder, be it there or not. */
static void a_name_that_leads_elsewhere_is_not_followed(void **state)
{
    static const char *const names[] = {"../secret", "/etc/passwd", "link", "parts/../a", "parts"};
    struct err err = {0};

    (void)state;
    put("a", "x");
    assert_int_equal(symlink("a", at("link")), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct ckpt_manifest_file file = of(names[i], "x");

        assert_int_equal(ckpt_manifest_write_known(work, 1, &file, 1, NULL), 0);
        if (ckpt_manifest_check(work, NULL, &err) >= 0)
            fail_msg("%s was taken", names[i]);
        assert_true(str_starts(str_of(err.text), names[i]));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_known_is_written_as_what_is_read),
        TEST(what_is_known_wrongly_is_found_by_the_check),
        TEST(a_read_visits_each_line_and_no_file),
        TEST(a_visitor_may_end_it),
        TEST(what_is_no_manifest_is_told),
        TEST(a_name_that_leads_elsewhere_is_not_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
