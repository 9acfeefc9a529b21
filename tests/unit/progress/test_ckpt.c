#include "progress/ckpt.h"

#include "base/file.h"
#include "base/manifest.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char work[512];
static struct arena *arena;

static const char *at(const char *name)
{
    return arena_printf(arena, "%s/%s", work, name);
}

/* A file with its folders; text NULL: only the folders (a name that ends in '/'). */
static void make(const char *name, const char *text)
{
    char *path = arena_printf(arena, "%s/%s", work, name);

    for (char *slash = path + strlen(work) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    if (text)
        assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
}

/* When it was changed, in seconds, where a test depends on it. */
static void changed(const char *name, long seconds)
{
    const struct timespec times[2] = {{seconds, 0}, {seconds, 0}};

    assert_int_equal(utimensat(AT_FDCWD, at(name), times, AT_SYMLINK_NOFOLLOW), 0);
}

static bool exists(const char *name)
{
    struct stat st;

    return lstat(at(name), &st) == 0;
}

static struct ckpt_rule rule_of(const char *pattern, const char *complete_when)
{
    return (struct ckpt_rule){
        .pattern = pattern, .complete_when = complete_when, .cwd = work, .quarantine = true};
}

static struct ckpt_found find(const struct ckpt_rule *rule)
{
    struct ckpt_found found;
    struct err err = {0};

    if (ckpt_find(arena, rule, &found, &err) < 0)
        fail_msg("%s", err.text);
    return found;
}

static void found_is(const struct ckpt_found *found, const char *name, int64_t step)
{
    if (name) {
        assert_non_null(found->path);
        assert_string_equal(found->path, at(name));
    } else {
        assert_null(found->path);
    }
    assert_int_equal(found->step, step);
}

/* With a MANIFEST: two files and one in a folder. */
static void make_own(const char *name, int64_t step)
{
    make(arena_printf(arena, "%s/weights", name), "some weights");
    make(arena_printf(arena, "%s/empty", name), ""); /* is as good as any other here */
    make(arena_printf(arena, "%s/optimizer/state 0", name), "moments");
    assert_int_equal(ckpt_manifest_write(at(name), step, NULL), 0);
}

static void the_newest_complete_one_is_found(void **state)
{
    struct ckpt_rule rule = rule_of("ckpt/step_*", NULL);
    struct ckpt_found found;

    (void)state;
    found = find(&rule); /* not even the folder is there */
    found_is(&found, NULL, -1);
    make("ckpt/", NULL);
    found = find(&rule);
    found_is(&found, NULL, -1);
    make("ckpt/step_9/model", "x");
    make("ckpt/step_10/model", "x");
    make("ckpt/other_99/model", "x");
    make("ckpt/step_11.tmp/model", "x"); /* was being made: neither found nor moved */
    found = find(&rule);
    found_is(&found, "ckpt/step_10", 10);
    assert_int_equal(found.moved_count, 0);
    assert_false(exists("ckpt/quarantine"));
    assert_true(exists("ckpt/step_11.tmp"));
}

/* What is done to checkpoint 2 of "ckpt/s_*"; why it is torn, or NULL: it is complete. */
static void cut_manifest(const char *from, size_t keep)
{
    char *text;
    size_t len;

    assert_int_equal(file_read(at(from), 4096, &text, &len, NULL), 0);
    assert_int_equal(file_write(at(from), text, len < keep ? len : keep, NULL), 0);
    free(text);
}

static void no_damage(void)
{
}

static void weights_cut(void)
{
    make("ckpt/s_2/weights", "some weigh");
}

static void weights_flipped(void)
{
    make("ckpt/s_2/weights", "some weightS");
}

static void weights_gone(void)
{
    assert_int_equal(unlink(at("ckpt/s_2/weights")), 0);
}

static void weights_linked(void)
{
    make("elsewhere", "some weights");
    assert_int_equal(unlink(at("ckpt/s_2/weights")), 0);
    assert_int_equal(symlink(at("elsewhere"), at("ckpt/s_2/weights")), 0);
}

static void manifest_without_end(void)
{
    cut_manifest("ckpt/s_2/MANIFEST", 60);
}

static void manifest_empty(void)
{
    make("ckpt/s_2/MANIFEST", "");
}

static void manifest_points_out(void)
{
    make("ckpt/s_2/MANIFEST",
         "firstlight checkpoint 1 step 2\n0000000000000000 1 ../s_1/weights\nend 1\n");
}

static void manifest_of_a_version_to_come(void)
{
    make("ckpt/s_2/MANIFEST", "firstlight checkpoint 2 step 2\nend 0\n");
}

static void manifest_gone_and_a_file_empty(void)
{
    assert_int_equal(unlink(at("ckpt/s_2/MANIFEST")), 0);
}

static void more_files(void)
{
    make("ckpt/s_2/notes", "of a person");
}

static const struct {
    const char *name;
    void (*damage)(void);
    const char *why;
} damages[] = {
    {"whole", no_damage, NULL},
    {"another file beside", more_files, NULL},
    {"weights cut off", weights_cut, "weights has 10 bytes, not 12"},
    {"a bit flipped", weights_flipped, "weights has other bytes than were saved"},
    {"weights gone", weights_gone, "weights: No such file or directory"},
    {"a link instead of a file", weights_linked, "weights: Too many levels of symbolic links"},
    {"MANIFEST cut off", manifest_without_end, "its MANIFEST is cut off or none"},
    {"MANIFEST empty", manifest_empty, "its MANIFEST is cut off or none"},
    {"MANIFEST that points out", manifest_points_out, "../s_1/weights: Invalid argument"},
    {"MANIFEST of a version to come", manifest_of_a_version_to_come,
     "its MANIFEST is cut off or none"},
    {"crash before the MANIFEST", manifest_gone_and_a_file_empty, "empty is empty"},
};

static void clear(void);

static void own_checkpoints_are_checked_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct ckpt_rule rule = rule_of("ckpt/s_*", NULL);
        struct ckpt_found found;

        make_own("ckpt/s_1", 1);
        make_own("ckpt/s_2", 2);
        damages[i].damage();
        found = find(&rule);
        if (!damages[i].why) {
            found_is(&found, "ckpt/s_2", 2);
            assert_int_equal(found.moved_count, 0);
        } else {
            found_is(&found, "ckpt/s_1", 1);
            assert_int_equal(found.moved_count, 1);
            assert_string_equal(found.moved[0].from, at("ckpt/s_2"));
            assert_string_equal(found.moved[0].to, at("ckpt/quarantine/s_2.1"));
            assert_string_equal(found.moved[0].why, damages[i].why);
            assert_false(exists("ckpt/s_2"));
            assert_true(exists("ckpt/quarantine/s_2.1/optimizer/state 0"));
        }
        clear();
    }
}

/* Whatever the length at which a crash cut the MANIFEST. */
static void every_prefix_of_a_manifest_is_torn(void **state)
{
    char *text;
    size_t len;
    int64_t step = -1;

    (void)state;
    make_own("c", 40);
    assert_int_equal(ckpt_manifest_check(at("c"), &step, NULL), 0);
    assert_int_equal(step, 40);
    assert_int_equal(file_read(at("c/MANIFEST"), 4096, &text, &len, NULL), 0);
    for (size_t keep = 0; keep < len; keep++) {
        struct err err = {0};

        assert_int_equal(file_write(at("c/MANIFEST"), text, keep, NULL), 0);
        assert_int_equal(ckpt_manifest_check(at("c"), NULL, &err), -EBADMSG);
        assert_true(err.text[0] != '\0');
    }
    free(text);
    assert_int_equal(ckpt_manifest_write(at("c"), 41, NULL), 0); /* over the cut one */
    assert_int_equal(ckpt_manifest_check(at("c"), &step, NULL), 0);
    assert_int_equal(step, 41);
    assert_int_equal(ckpt_manifest_check(at("nowhere"), &step, NULL), -ENOENT);
    make("d/model", "x");
    assert_int_equal(ckpt_manifest_check(at("d"), &step, NULL), -ENOENT);
}

static void a_manifest_is_not_written_over_what_it_cannot_list(void **state)
{
    struct err err = {0};

    (void)state;
    make("c/a\nb", "x");
    assert_int_equal(ckpt_manifest_write(at("c"), 1, &err), -EINVAL);
    assert_string_equal(err.text, arena_printf(arena, "%s: a newline in a file's name", at("c")));
    assert_int_equal(ckpt_manifest_write(at("nowhere"), 1, &err), -ENOENT);
    make("d/", NULL);
    assert_int_equal(symlink("/etc/passwd", at("d/link")), 0);
    assert_int_equal(ckpt_manifest_write(at("d"), 1, &err), -EINVAL);
    assert_false(exists("d/MANIFEST"));
}

static void other_formats_are_judged_by_their_shape(void **state)
{
    struct ckpt_rule rule = rule_of("out/checkpoint-*", NULL);
    struct ckpt_found found;

    (void)state;
    make("out/checkpoint-100/model.safetensors", "x");
    make("out/checkpoint-200/model.safetensors", "");
    make("out/checkpoint-300/shards/0.partial", "x");
    make("out/checkpoint-400/", NULL);
    found = find(&rule);
    found_is(&found, "out/checkpoint-100", 100);
    assert_int_equal(found.moved_count, 3);
    assert_string_equal(found.moved[0].why, "it is empty");
    assert_string_equal(found.moved[1].why, "shards/0.partial was still being written");
    assert_string_equal(found.moved[2].why, "model.safetensors is empty");
    /* The same step torn again: the next number. */
    make("out/checkpoint-400/", NULL);
    found = find(&rule);
    assert_string_equal(found.moved[0].to, at("out/quarantine/checkpoint-400.2"));
    /* Files, and a pattern in the working directory. */
    make("model_5.pt", "x");
    make("model_6.pt", "");
    rule = rule_of("model_*.pt", NULL);
    found = find(&rule);
    found_is(&found, "model_5.pt", 5);
    assert_true(exists("quarantine/model_6.pt.1"));
}

static void a_latest_file_bounds_what_is_complete(void **state)
{
    static const struct {
        const char *file, *text;
    } said[] = {{"latest", "global_step20"}, {"latest_checkpointed_iteration.txt", "20\n"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct ckpt_rule rule = rule_of("ckpt/*", NULL);
        struct ckpt_found found;

        make("ckpt/global_step10/m", "x");
        make("ckpt/global_step20/m", "x");
        make("ckpt/global_step30/m", "x");
        make(arena_printf(arena, "ckpt/%s", said[i].file), said[i].text);
        found = find(&rule);
        found_is(&found, "ckpt/global_step20", 20);
        assert_int_equal(found.moved_count, 1);
        assert_string_equal(found.moved[0].why, "the file that names the latest says 20");
        make(arena_printf(arena, "ckpt/%s", said[i].file), "release");
        make("ckpt/global_step30/m", "x");
        found = find(&rule);
        found_is(&found, "ckpt/global_step30", 30);
        clear();
    }
}

static void a_file_says_that_it_is_complete(void **state)
{
    struct ckpt_rule rule = rule_of("ckpt/*", "file .done");
    struct ckpt_found found;

    (void)state;
    make("ckpt/step_1/.done", "");
    make("ckpt/step_2/model", "x");
    make("ckpt/step_3.pt", "x");
    make("ckpt/step_0.pt", "x");
    make("ckpt/step_0.pt.done", "");
    found = find(&rule);
    found_is(&found, "ckpt/step_1", 1);
    assert_int_equal(found.moved_count, 2);
    assert_string_equal(found.moved[0].why,
                        "there is no step_3.pt.done: No such file or directory");
    assert_string_equal(found.moved[1].why, "there is no .done: No such file or directory");
    rule = rule_of("ckpt/*.pt", "file .done");
    found = find(&rule);
    found_is(&found, "ckpt/step_0.pt", 0);
}

static void a_command_gets_the_path_as_one_word(void **state)
{
    static const struct {
        const char *check, *want;
    } rows[] = {
        {"cmd test -e {}/ok", "c/a b;1"},
        {"cmd test -e \"{}/ok\"", "c/a b;1"},
        {"cmd test -e '{}/ok'", "c/a b;1"},
        {"cmd test -e ./c/*1/ok -a -d", "c/a b;1"},
        {"cmd test \"x\\\"{}\" = \"x\\\"$1\"", "c/a b;1"},
        {"cmd echo '\\' {} | grep -q 'a b;1'", "c/a b;1"},
        {"cmd [ \"$FROM_ENV\" = yes ]; true {}", "c/a b;1"},
        {"cmd exit 1", NULL},
        {"cmd kill -9 $$", NULL},
    };
    const char *const env[] = {"PATH=/usr/bin:/bin", "FROM_ENV=yes", NULL};

    (void)state;
    make("c/a b;1/ok", "x");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ckpt_rule rule = rule_of("c/*", rows[i].check);
        struct ckpt_found found;

        rule.quarantine = false;
        rule.env = env;
        found = find(&rule);
        if ((found.path != NULL) != (rows[i].want != NULL))
            fail_msg("%s: %s", rows[i].check, found.path ? "complete" : found.moved[0].why);
        if (!rows[i].want)
            assert_string_equal(found.moved[0].to, "");
    }
}

static void a_command_that_hangs_is_ended_with_its_children(void **state)
{
    struct ckpt_rule rule =
        rule_of("c/*", "cmd sleep 1000 & echo $! >pid; [ {} != \"$PWD/c/2\" ] || wait");
    struct ckpt_found found;
    char *text;
    size_t len;
    pid_t pid;

    (void)state;
    make("c/1/m", "x");
    make("c/2/m", "x");
    rule.check_ms = 300;
    found = find(&rule);
    found_is(&found, "c/1", 1);
    assert_int_equal(found.moved_count, 1);
    assert_string_equal(found.moved[0].to, ""); /* no proof that it is torn */
    assert_string_equal(found.moved[0].why, "its check has not ended in time");
    assert_true(exists("c/2"));
    /* That of c/1, which went on in the background. Its end may take a moment to be reaped. */
    assert_int_equal(file_read(at("pid"), 64, &text, &len, NULL), 0);
    pid = atoi(text);
    free(text);
    for (int i = 0; i < 5000 && kill(pid, 0) == 0; i++) {
        char name[64], stat[512] = "";
        int fd;

        (void)snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
        fd = open(name, O_RDONLY);
        if (fd < 0 || read(fd, stat, sizeof(stat) - 1) < 0 || strstr(stat, ") Z ")) {
            (void)close(fd);
            return;
        }
        (void)close(fd);
        (void)usleep(2000);
    }
    assert_int_equal(kill(pid, 0), -1);
}

static void a_check_that_cannot_run_moves_nothing(void **state)
{
    struct ckpt_rule rule = rule_of("c/*", "cmd no-such-program {}");
    struct ckpt_found found;
    struct err err = {0};

    (void)state;
    make("c/1/m", "x");
    assert_int_equal(ckpt_find(arena, &rule, &found, &err), -ENOEXEC);
    assert_string_equal(err.text, arena_printf(arena,
                                               "%s: the check 'no-such-program {}' can't be "
                                               "run: exit code 127",
                                               at("c/1")));
    assert_true(exists("c/1"));
}

static void a_rule_that_none_fulfils_moves_nothing(void **state)
{
    struct ckpt_rule rule = rule_of("c/*", "file .dnoe");
    struct ckpt_found found;
    struct err err = {0};

    (void)state;
    for (int i = 1; i <= 4; i++)
        make(arena_printf(arena, "c/step_%d/.done", i), "");
    assert_int_equal(ckpt_find(arena, &rule, &found, &err), -EBADMSG);
    assert_string_equal(err.text,
                        arena_printf(arena,
                                     "none of 4 checkpoints 'c/*' is complete (%s: there is no "
                                     ".dnoe: No such file or directory); nothing was moved",
                                     at("c/step_4")));
    assert_false(exists("c/quarantine"));
}

static void names_without_numbers_and_equal_steps_go_by_time(void **state)
{
    struct ckpt_rule rule = rule_of("c/*", NULL);
    struct ckpt_found found;

    (void)state;
    make("c/old/m", "x");
    make("c/new/m", "x");
    changed("c/old", 1000);
    changed("c/new", 2000);
    found = find(&rule);
    found_is(&found, "c/new", -1);
    make("c/epoch1-step_0020/m", "x");
    make("c/epoch2-step_20/m", "x");
    changed("c/epoch1-step_0020", 5000);
    changed("c/epoch2-step_20", 4000);
    found = find(&rule);
    found_is(&found, "c/epoch1-step_0020", 20);
    make("c/step_99999999999999999999/m", "x"); /* no step of this world */
    found = find(&rule);
    found_is(&found, "c/epoch1-step_0020", 20);
}

static void links_do_not_lead_out(void **state)
{
    struct ckpt_rule rule = rule_of("c/*", NULL);
    struct ckpt_found found;

    (void)state;
    make("elsewhere/step_9/m", "x");
    make("c/step_1/m", "x");
    assert_int_equal(symlink(at("elsewhere/step_9"), at("c/step_9")), 0);
    assert_int_equal(symlink("step_1", at("c/newest_7")), 0);
    assert_int_equal(symlink("nowhere", at("c/dangling_8")), 0);
    found = find(&rule);
    found_is(&found, "c/step_1", 1);
    assert_int_equal(found.moved_count, 0);
    /* A quarantine that is a link is not used. */
    make("elsewhere/q/", NULL);
    assert_int_equal(symlink(at("elsewhere/q"), at("c/quarantine")), 0);
    make("c/step_2/m", "");
    found = find(&rule);
    found_is(&found, "c/step_1", 1);
    assert_int_equal(found.moved_count, 1);
    assert_string_equal(found.moved[0].to, "");
    assert_true(exists("c/step_2"));
    assert_false(exists("elsewhere/q/step_2.1"));
}

static void a_thousand_candidates_need_one_look(void **state)
{
    struct ckpt_rule rule = rule_of("c/step_*", "cmd echo {} >>looks");
    struct ckpt_found found;
    char *text;
    size_t len;

    (void)state;
    for (int i = 0; i < 1000; i++)
        make(arena_printf(arena, "c/step_%d/", i), NULL);
    found = find(&rule);
    found_is(&found, "c/step_999", 999);
    assert_int_equal(file_read(at("looks"), 1 << 20, &text, &len, NULL), 0);
    assert_int_equal(len, strlen(at("c/step_999")) + 1);
    free(text);
}

static void unreadable_ones_are_passed_over_and_stay(void **state)
{
    struct ckpt_rule rule = rule_of("c/*", NULL);
    struct ckpt_found found;
    bool root = geteuid() == 0;

    (void)state;
    make("c/step_1/m", "x");
    make("c/step_2/m", "x");
    make_own("c/step_3", 3);
    assert_int_equal(chmod(at("c/step_2"), 0), 0);
    assert_int_equal(chmod(at("c/step_3/weights"), 0), 0);
    assert_int_equal(mkfifo(at("c/step_4"), 0600), 0);
    if (root) { /* whom no mode keeps out */
        assert_int_equal(chmod(work, 0755), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    found = find(&rule);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(at("c/step_2"), 0700), 0);
    found_is(&found, "c/step_1", 1);
    assert_int_equal(found.moved_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(found.moved[i].to, "");
    assert_string_equal(found.moved[0].why, "it is neither a folder nor a file");
    assert_string_equal(found.moved[1].why, "weights: Permission denied");
    assert_string_equal(found.moved[2].why, "it can't be read: Permission denied");
}

static void without_quarantine_torn_ones_stay(void **state)
{
    struct ckpt_rule rule = rule_of("c/*", NULL);
    struct ckpt_found found;

    (void)state;
    make("c/step_1/m", "x");
    make("c/step_2/m", "");
    rule.quarantine = false;
    found = find(&rule);
    found_is(&found, "c/step_1", 1);
    assert_int_equal(found.moved_count, 1);
    assert_string_equal(found.moved[0].to, "");
    assert_string_equal(found.moved[0].why, "m is empty");
    assert_true(exists("c/step_2"));
}

static const struct {
    const char *pattern, *complete_when, *err;
} wrong[] = {
    {NULL, "file .done", "when a checkpoint is complete is said, but not where checkpoints are"},
    {"", NULL, "the checkpoint pattern '' ends without a name"},
    {"ckpt/", NULL, "the checkpoint pattern 'ckpt/' ends without a name"},
    {"ckpt/..", NULL, "the checkpoint pattern 'ckpt/..' ends without a name"},
    {"c*/step_1", NULL, "the checkpoint pattern 'c*/step_1' has a wildcard before its last '/'"},
    {"c/*", "",
     "'' says not when a checkpoint is complete: it is 'file NAME', a name without '/', "
     "or 'cmd CHECK {}'"},
    {"c/*", "file ",
     "'file ' says not when a checkpoint is complete: it is 'file NAME', a name "
     "without '/', or 'cmd CHECK {}'"},
    {"c/*", "file ../x",
     "'file ../x' says not when a checkpoint is complete: it is 'file NAME', a "
     "name without '/', or 'cmd CHECK {}'"},
    {"c/*", ".done",
     "'.done' says not when a checkpoint is complete: it is 'file NAME', a name "
     "without '/', or 'cmd CHECK {}'"},
};

static void a_rule_that_makes_no_sense_is_one_sentence(void **state)
{
    const struct ckpt_rule none = {NULL};
    struct ckpt_found found;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct ckpt_rule rule = rule_of(wrong[i].pattern, wrong[i].complete_when);
        struct err err = {0};

        assert_int_equal(ckpt_rule_check(&rule, &err), -EINVAL);
        assert_string_equal(err.text, wrong[i].err);
        assert_int_equal(ckpt_find(arena, &rule, &found, NULL), -EINVAL);
    }
    assert_int_equal(ckpt_rule_check(&none, NULL), 0);
    found = find(&none);
    found_is(&found, NULL, -1);
}

static void bytes_below_a_path_are_counted(void **state)
{
    (void)state;
    assert_int_equal(ckpt_bytes(at("c")), -1);
    make("c/", NULL);
    assert_int_equal(ckpt_bytes(at("c")), 0);
    make("c/a", "12345");
    make("c/d/e/f", "123");
    assert_int_equal(ckpt_bytes(at("c")), 8);
    assert_int_equal(ckpt_bytes(at("c/a")), 5);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    return ftw->level == 0 ? 0 : remove(path);
}

static void clear(void)
{
    (void)nftw(work, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int begin(void **state)
{
    (void)state;
    arena = arena_new(0);
    return arena ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    clear();
    arena_free(arena);
    return 0;
}

#define test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_newest_complete_one_is_found),
        test(own_checkpoints_are_checked_byte_by_byte),
        test(every_prefix_of_a_manifest_is_torn),
        test(a_manifest_is_not_written_over_what_it_cannot_list),
        test(other_formats_are_judged_by_their_shape),
        test(a_latest_file_bounds_what_is_complete),
        test(a_file_says_that_it_is_complete),
        test(a_command_gets_the_path_as_one_word),
        test(a_command_that_hangs_is_ended_with_its_children),
        test(a_check_that_cannot_run_moves_nothing),
        test(a_rule_that_none_fulfils_moves_nothing),
        test(names_without_numbers_and_equal_steps_go_by_time),
        test(links_do_not_lead_out),
        test(a_thousand_candidates_need_one_look),
        test(unreadable_ones_are_passed_over_and_stay),
        test(without_quarantine_torn_ones_stay),
        test(a_rule_that_makes_no_sense_is_one_sentence),
        test(bytes_below_a_path_are_counted),
    };
    const char *tmp = getenv("TMPDIR");
    int failed;

    (void)snprintf(work, sizeof(work), "%s/firstlight-ckpt-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(work))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(work);
    return failed;
}
