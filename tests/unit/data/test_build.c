/* ctest labels: threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/build.h"
#include "data/check.h"
#include "data/index.h"
#include "data/section.h"
#include "fake_encoder.h"
#include "folder.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct encoder encoder;

static int build_into(const char *out, size_t threads, uint64_t save_bytes, double held_out,
                      const char *const *paths, size_t count, struct data_built *built,
                      struct err *err)
{
    const struct data_build build = {.out = out,
                                     .threads = threads,
                                     .held_out = held_out,
                                     .shard_tokens = 30000,
                                     .text_key = "text"};

    encoder.arg = &encoder;
    return data_build_with(&build, &encoder, save_bytes, paths, count, built, err);
}

/* 3 MB in all the forms that a corpus has. */
static void put_corpus(void)
{
    struct rng rng = {7};
    struct buf text = {0}, lines = {0};

    assert_int_equal(mkdir(in_folder("corpus"), 0700), 0);
    assert_int_equal(mkdir(in_folder("corpus/deep"), 0700), 0);
    random_words(&rng, 1500000, &text);
    put_file("corpus/big.txt", text.p, text.len);
    for (int i = 0; i < 3000; i++) {
        buf_clear(&text);
        random_words(&rng, rng_below(&rng, 900), &text);
        buf_puts(&lines, "{\"id\": 1, \"text\": \"");
        for (size_t k = 0; k < text.len; k++)
            buf_add(&lines, text.p[k] == '\n' ? "\\n" : &text.p[k], text.p[k] == '\n' ? 2 : 1);
        buf_puts(&lines, "\"}\n");
    }
    put_file("corpus/deep/lines.jsonl", lines.p, lines.len);
    put_text("corpus/empty.txt", "");
    put_text("corpus/small.txt", "and the last");
    buf_done(&text);
    buf_done(&lines);
}

/* Are two finished folders the same, byte by byte? */
static bool same_folders(const char *a, const char *b)
{
    char command[256];

    (void)snprintf(command, sizeof(command), "diff -rq '%s/%s' '%s/%s' >/dev/null", folder, a,
                   folder, b);
    return system(command) == 0;
}

static void test_threads_change_nothing(void **state)
{
    const char *paths[] = {in_folder("corpus")};
    char out[128];
    struct data_built built[3];
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(out, sizeof(out), "%s/threads%zu", folder, i + 1);
        assert_int_equal(build_into(out, i + 1, 1 << 20, 0.1, paths, 1, &built[i], &err), 0);
        assert_memory_equal(&built[i], &built[0], sizeof(built[0]));
    }
    assert_true(same_folders("threads1", "threads2"));
    assert_true(same_folders("threads1", "threads3"));
    assert_true(built[0].tokens > 400000 && built[0].shards > 15 && built[0].empty > 1);
    assert_true(built[0].held_tokens > built[0].tokens / 20 &&
                built[0].held_tokens < built[0].tokens / 5);
    /* called again, it is all there */
    assert_int_equal(build_into(out, 1, 1 << 20, 0.1, paths, 1, &built[1], &err), 0);
    assert_int_equal(built[1].reused_shards, built[0].shards);
    assert_int_equal(built[1].tokens, built[0].tokens);
}

static void count_wrong(void *arg, const char *sentence)
{
    (void)sentence;
    ++*(int *)arg;
}

/* Killed at seeded moments, by whatever the build does then, until one call gets through. */
static void test_killed_and_called_again(void **state)
{
    const char *paths[] = {in_folder("corpus")};
    struct rng rng = {3};
    struct data_built built;
    struct err err = {0};
    int kills = 0, wrong = 0;
    uint64_t files;
    char whole[128], out[128];

    (void)state;
    (void)snprintf(whole, sizeof(whole), "%s/whole", folder);
    (void)snprintf(out, sizeof(out), "%s/killed", folder);
    assert_int_equal(build_into(whole, 2, 1 << 20, 0.1, paths, 1, &built, &err), 0);
    for (int round = 0; round < 6; round++) {
        folder_remove(out);
        for (int status = 1; status != 0;) {
            pid_t child = fork();

            assert_true(child >= 0);
            if (child == 0) {
                struct data_built mine;

                _exit(build_into(out, 1 + rng_below(&rng, 3), 200000, 0.1, paths, 1, &mine, NULL));
            }
            (void)usleep((useconds_t)rng_below(&rng, 25000)); /* any moment is right */
            (void)kill(child, SIGKILL);
            assert_int_equal(waitpid(child, &status, 0), child);
            kills += WIFSIGNALED(status);
            if (rng_below(&rng, 8) == 0) { /* and let one through */
                assert_int_equal(build_into(out, 2, 200000, 0.1, paths, 1, &built, &err), 0);
                status = 0;
            }
        }
        assert_true(same_folders("whole", "killed"));
    }
    assert_true(kills > 0);
    assert_int_equal(data_check(out, count_wrong, &wrong, &files, &err), 0);
    assert_int_equal(wrong, 0);
}

/* What is in the files: bos, the words, eos; and the ends point behind each eos. */
static void test_documents_on_disk(void **state)
{
    const char *paths[] = {in_folder("two.jsonl")};
    struct tokens want = {0};
    struct data_index index;
    struct data_built built;
    struct err err = {0};
    char *text;
    size_t len;

    (void)state;
    put_text("two.jsonl",
             "{\"text\":\"let there be\"}\n\n{\"text\":\"\"}\r\n {\"text\": \"light\\n\"}");
    for (size_t wide = 0; wide < 2; wide++) {
        char out[128];

        (void)snprintf(out, sizeof(out), "%s/two%zu", folder, wide);
        encoder.vocab = wide ? 131072 : 65536;
        encoder.arg = &encoder;
        assert_int_equal(build_into(out, 1, 1, 0, paths, 1, &built, &err), 0);
        assert_int_equal(built.documents, 2);
        assert_int_equal(built.empty, 1);
        assert_int_equal(built.bytes, strlen("let there be") + strlen("light\n"));
        want.count = 0;
        *(int32_t *)vec_push(&want) = FAKE_BOS;
        assert_int_equal(fake_encode(&encoder, NULL, STR("let there be"), &want), 0);
        *(int32_t *)vec_push(&want) = FAKE_EOS;
        *(int32_t *)vec_push(&want) = FAKE_BOS;
        assert_int_equal(fake_encode(&encoder, NULL, STR("light\n"), &want), 0);
        *(int32_t *)vec_push(&want) = FAKE_EOS;
        assert_int_equal(data_index_read(out, DATA_INDEX, &index, &err), 0);
        assert_int_equal(data_token_bytes(&index), wide ? 4 : 2);
        data_index_done(&index);
        (void)snprintf(out, sizeof(out), "two%zu/train-00000.tokens", wide);
        assert_int_equal(file_read(in_folder(out), 1000, &text, &len, &err), 0);
        assert_int_equal(len, want.count * (wide ? 4 : 2));
        for (size_t i = 0; i < want.count; i++) {
            uint32_t token = 0;

            memcpy(&token, text + i * (wide ? 4 : 2), wide ? 4 : 2);
            assert_int_equal(token, want.items[i]);
        }
        free(text);
        (void)snprintf(out, sizeof(out), "two%zu/train-00000.ends", wide);
        assert_int_equal(file_read(in_folder(out), 1000, &text, &len, &err), 0);
        assert_int_equal(len, 8);
        assert_int_equal(((uint32_t *)text)[0], 5);
        assert_int_equal(((uint32_t *)text)[1], want.count);
        free(text);
    }
    encoder.vocab = 131072;
    vec_done(&want);
}

/* The tokens of a text of many sections are those of the whole. */
static void test_sections_are_the_whole(void **state)
{
    const char *paths[] = {in_folder("corpus/big.txt")};
    struct tokens want = {0};
    struct data_built built;
    struct err err = {0};
    char *text, *shard;
    size_t len, shard_len, at = 0;

    (void)state;
    assert_int_equal(build_into(in_folder("big"), 2, 1 << 20, 0, paths, 1, &built, &err), 0);
    assert_int_equal(built.documents, 1);
    assert_int_equal(file_read(paths[0], 1 << 24, &text, &len, &err), 0);
    assert_int_equal(built.bytes, len);
    *(int32_t *)vec_push(&want) = FAKE_BOS;
    assert_int_equal(fake_encode(&encoder, NULL, (struct str){text, len}, &want), 0);
    *(int32_t *)vec_push(&want) = FAKE_EOS;
    assert_int_equal(built.tokens, want.count);
    for (size_t i = 0; i < built.shards; i++) {
        char *path = data_shard_path(in_folder("big"), DATA_TRAIN, i, false);

        assert_int_equal(file_read(path, 1 << 24, &shard, &shard_len, &err), 0);
        assert_true(shard_len == 30000 * 4 || i + 1 == built.shards);
        assert_memory_equal(shard, want.items + at, shard_len);
        at += shard_len / 4;
        free(shard);
        free(path);
    }
    assert_int_equal(at, want.count);
    free(text);
    vec_done(&want);
}

static void test_bad_corpora(void **state)
{
    static const struct {
        const char *name, *text;
        int want;
        const char *err;
    } rows[] = {
        {"bad.txt", "good\xff", -EILSEQ, "bad.txt: byte 4 is not UTF-8"},
        {"cut.txt", "good \xe5\x85", -EILSEQ, "cut.txt: byte 5 is not UTF-8"},
        {"bad.jsonl", "{\"text\":\"a\"}\n{\"text\":\xc3}\n", -EILSEQ, "bad.jsonl: byte 21 "},
        {"a.jsonl", "{\"text\":\"a\"}\n{\"text\":\"a}\n", -EINVAL,
         "a.jsonl: line 2: column 12: a string without its end"},
        {"b.jsonl", "\n{\"txt\":\"a\"}", -EINVAL, "b.jsonl: line 2: no key \"text\""},
        {"c.jsonl", "{\"text\":7}", -EINVAL, "c.jsonl: line 1: \"text\" is not a string"},
        {"none.txt", "", -ENODATA, "there is no text to train on"},
        {"packed.txt.gz", "plain", -EBADMSG, "packed.txt.gz: what is compressed is broken"},
        {"packed.txt.zst", "plain", -EBADMSG, "packed.txt.zst: what is compressed is broken"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *paths[] = {in_folder(rows[i].name)};
        struct data_built built;
        struct err err = {0};

        put_text(rows[i].name, rows[i].text);
        /* nothing was saved, so the same folder takes the next corpus */
        assert_int_equal(build_into(in_folder("bad"), 2, 1 << 20, 0, paths, 1, &built, &err),
                         rows[i].want);
        if (!strstr(err.text, rows[i].err))
            fail_msg("%s: %s", rows[i].name, err.text);
    }
}

static void test_invalid_text_when_allowed(void **state)
{
    const char *paths[] = {in_folder("bad.txt")};
    const struct data_build build = {.out = in_folder("allowed"),
                                     .threads = 1,
                                     .shard_tokens = 100,
                                     .text_key = "text",
                                     .allow_invalid = true};
    struct data_built built;
    struct err err = {0};

    (void)state;
    put_text("bad.txt", "good\xff");
    assert_int_equal(data_build_with(&build, &encoder, 1, paths, 1, &built, &err), 0);
    assert_int_equal(built.bytes, 5);
}

static int build_lines(const char *name, const char *text, bool skip_broken,
                       struct data_built *built, struct err *err)
{
    const char *path = in_folder("lines.jsonl");
    const struct data_build build = {.out = in_folder(name),
                                     .threads = 2,
                                     .shard_tokens = 100,
                                     .text_key = "text",
                                     .skip_broken = skip_broken};

    put_text("lines.jsonl", text);
    return data_build_with(&build, &encoder, 1, &path, 1, built, err);
}

static void test_broken_lines_when_they_may_be(void **state)
{
    static const char broken[] =
        "\xef\xbb\xbf{\"text\":\"one\"}\nno json\n{\"text\":\"t\xffo\"}\r\n\n"
        "{\"txt\":\"a\"}\n{\"text\":5}\n{\"text\":\"two\"}\n{\"text\":\"thr";
    struct data_built built, want;
    struct err err = {0};

    (void)state;
    assert_int_equal(build_lines("skips", broken, false, &built, &err), -EILSEQ);
    if (build_lines("skips", broken, true, &built, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(built.broken, 5);
    assert_int_equal(
        build_lines("unbroken", "{\"text\":\"one\"}\n{\"text\":\"two\"}", false, &want, &err), 0);
    assert_int_equal(want.broken, 0);
    assert_int_equal(built.documents, 2);
    assert_int_equal(built.tokens, want.tokens);
    assert_int_equal(built.bytes, want.bytes);
    /* it says so again of what is built */
    assert_int_equal(build_lines("skips", broken, true, &built, &err), 0);
    assert_int_equal(built.broken, 5);
    assert_int_equal(build_lines("skips", broken, false, &built, &err), -ESTALE);
}

/* Stop a build by a bad file behind a good one, then change something. */
static void test_changes_are_noticed(void **state)
{
    const char *paths[] = {in_folder("corpus/big.txt"), in_folder("second.txt")};
    struct data_built built;
    struct err err = {0};
    char out[128];

    (void)state;
    (void)snprintf(out, sizeof(out), "%s/changed", folder);
    put_text("second.txt", "bad \xff");
    assert_int_equal(build_into(out, 2, 100000, 0, paths, 2, &built, &err), -EILSEQ);
    assert_int_equal(access(in_folder("changed/" DATA_BUILDING), F_OK), 0);
    put_text("second.txt", "good");
    assert_int_equal(build_into(out, 2, 100000, 0, paths, 2, &built, &err), -ESTALE);
    assert_non_null(strstr(err.text, "was 'file 5 1000000000000000000 second.txt', is 'file 4 "));
    put_text("second.txt", "fine ");
    if (build_into(out, 2, 100000, 0, paths, 2, &built, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(built.reused_tokens > 0);
    encoder.hash++;
    assert_int_equal(build_into(out, 2, 100000, 0, paths, 2, &built, &err), -ESTALE);
    assert_non_null(strstr(err.text, "was 'tokenizer 1234567890abcdef 7', is '"));
    encoder.hash--;
    assert_int_equal(build_into(out, 2, 100000, 0.5, paths, 2, &built, &err), -ESTALE);
    assert_non_null(strstr(err.text, "was 'held_out 0', is 'held_out 0.5'"));
}

/* A disk that takes no more, as a limit on the size of files shows it; later it does again. */
static void test_full_disk(void **state)
{
    const char *paths[] = {in_folder("corpus")};
    struct rlimit limit, less;
    struct data_built built;
    struct err err = {0};
    char out[128];

    (void)state;
    (void)snprintf(out, sizeof(out), "%s/full", folder);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    less = (struct rlimit){100000, limit.rlim_max}; /* a shard has 120,000 bytes */
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
    assert_int_equal(build_into(out, 2, 1 << 16, 0.1, paths, 1, &built, &err), -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_non_null(strstr(err.text, "full/train-00000.tokens: File too large"));
    assert_int_equal(build_into(out, 2, 1 << 16, 0.1, paths, 1, &built, &err), 0);
    assert_true(same_folders("whole", "full"));
}

static int begin(void **state)
{
    (void)state;
    encoder = fake_encoder(131072);
    encoder.arg = &encoder;
    folder_begin();
    put_corpus();
    return 0;
}

static int end(void **state)
{
    (void)state;
    folder_end();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_killed_and_called_again),
        cmocka_unit_test(test_documents_on_disk),
        cmocka_unit_test(test_sections_are_the_whole),
        cmocka_unit_test(test_bad_corpora),
        cmocka_unit_test(test_invalid_text_when_allowed),
        cmocka_unit_test(test_broken_lines_when_they_may_be),
        cmocka_unit_test(test_changes_are_noticed),
        cmocka_unit_test(test_full_disk),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
