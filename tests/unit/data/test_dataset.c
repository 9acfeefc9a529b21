#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/build.h"
#include "data/check.h"
#include "data/dataset.h"
#include "data/index.h"
#include "fake_encoder.h"
#include "folder.h"

/* Numbers as words, so that a token says its place: document d of 1 + d % 23 words. */
static int encode_numbers(void *arg, void *scratch, struct str text, struct tokens *out)
{
    struct str word;

    (void)arg, (void)scratch;
    while (str_word(&text, &word)) {
        uint64_t number;
        int32_t *token = vec_push(out);

        if (!token || str_to_u64(word, 10, &number) < 0)
            return -ENOMEM;
        *token = (int32_t)number;
    }
    return 0;
}

/* A folder of documents of the numbers from `from` on, `count` of them, in shards of 100 tokens. */
static void build_numbers(const char *name, int from, int count, double held_out, size_t vocab)
{
    struct encoder encoder = fake_encoder(vocab);
    const struct data_build build = {.out = in_folder(name),
                                     .threads = 1,
                                     .shard_tokens = 100,
                                     .held_out = held_out,
                                     .text_key = "text"};
    struct buf lines = {0};
    struct data_built built;
    struct err err = {0};
    char file[64];
    const char *paths[1];

    encoder.arg = &encoder;
    encoder.encode = encode_numbers;
    for (int i = 0, document = 0; i < count; document++) {
        buf_puts(&lines, "{\"text\":\"");
        for (int k = 0; k <= document % 23 && i < count; k++)
            buf_printf(&lines, "%d ", from + i++);
        buf_puts(&lines, "\"}\n");
    }
    (void)snprintf(file, sizeof(file), "%s.jsonl", name);
    put_file(file, lines.p, lines.len);
    paths[0] = in_folder(file);
    if (data_build_with(&build, &encoder, 1, paths, 1, &built, &err) < 0)
        fail_msg("%s", err.text);
    buf_done(&lines);
}

static struct dataset *open_numbers(const char *name, size_t time, bool held_out)
{
    const struct dataset_source source = {in_folder(name), 0};
    const struct dataset_options options = {.time = time, .seed = 5, .held_out = held_out};
    struct dataset *dataset = NULL;
    struct err err = {0};

    if (dataset_open(&source, 1, &options, &dataset, &err) < 0)
        fail_msg("%s", err.text);
    return dataset;
}

enum { TIME = 17 };

/* Documents begin where bos is. */
static void check_first_keys(const int32_t *tokens, const int32_t *first_key, size_t time)
{
    for (size_t i = 0; i < time; i++) {
        int32_t want = tokens[i] == FAKE_BOS ? (int32_t)i : i ? first_key[i - 1] : 0;

        assert_int_equal(first_key[i], want);
    }
}

static void test_a_pass_has_every_window_once(void **state)
{
    struct dataset *dataset = open_numbers("a", TIME, false);
    uint64_t windows = dataset_windows(dataset), moved = 0;
    int32_t *first = calloc(windows, sizeof(*first));
    int32_t tokens[TIME], targets[TIME], first_key[TIME];

    (void)state;
    assert_non_null(first);
    assert_int_equal(windows, (dataset_tokens(dataset) - 1) / TIME);
    for (uint64_t pass = 0; pass < 3; pass++) {
        uint8_t *seen = calloc(6000, 1);
        size_t numbers = 0;

        assert_non_null(seen);
        for (uint64_t n = 0; n < windows; n++) {
            struct err err = {0};

            assert_int_equal(
                dataset_window(dataset, pass * windows + n, tokens, targets, first_key, &err), 0);
            for (size_t i = 0; i < TIME; i++) {
                assert_int_equal(targets[i] < 0, false);
                assert_true(i + 1 == TIME || targets[i] == tokens[i + 1]);
                if (tokens[i] >= FAKE_WORDS) { /* each number once */
                    assert_false(seen[tokens[i]]);
                    seen[tokens[i]] = 1;
                    numbers++;
                }
            }
            check_first_keys(tokens, first_key, TIME);
            moved += pass > 0 && first[n] != tokens[0];
            first[n] = tokens[0];
        }
        assert_true(numbers > 5000 - 2 * TIME);
        free(seen);
    }
    assert_true(moved > windows); /* of 2 windows in two passes, most */
    dataset_free(dataset);
    free(first);
}

static void test_position_is_the_only_state(void **state)
{
    struct dataset *one = open_numbers("a", TIME, false), *two = open_numbers("a", TIME, false);
    int32_t a[3][TIME], b[3][TIME];

    (void)state;
    for (uint64_t n = 0; n < 50; n++) {
        uint64_t number = n * 7919 % 1000000007;

        assert_int_equal(dataset_window(one, number, a[0], a[1], a[2], NULL), 0);
        assert_int_equal(dataset_window(two, 3, b[0], b[1], NULL, NULL), 0);
        assert_int_equal(dataset_window(two, number, b[0], b[1], b[2], NULL), 0);
        assert_memory_equal(a, b, sizeof(a));
    }
    dataset_free(one);
    dataset_free(two);
}

/* In order, every token a target once, padding at the end. */
static void test_held_out_is_whole(void **state)
{
    struct dataset *dataset = open_numbers("held", TIME, true);
    uint64_t windows = dataset_windows(dataset), targets_seen = 0;
    int32_t tokens[TIME], targets[TIME], first_key[TIME], before = -1;

    (void)state;
    assert_true(windows > 5);
    for (uint64_t n = 0; n < windows; n++) {
        bool last = n + 1 == windows;

        assert_int_equal(dataset_window(dataset, n, tokens, targets, first_key, NULL), 0);
        assert_true(n == 0 || before == tokens[0]);
        for (size_t i = 0; i < TIME; i++) {
            assert_true(targets[i] >= 0 || last);
            assert_true(targets[i] >= 0 || i + 1 == TIME || targets[i + 1] < 0);
            targets_seen += targets[i] >= 0;
        }
        before = targets[TIME - 1];
    }
    assert_int_equal(targets_seen, dataset_tokens(dataset) - 1);
    assert_true(dataset_text_bytes(dataset) > 0);
    assert_int_equal(dataset_window(dataset, windows, tokens, targets, NULL, NULL), -EINVAL);
    dataset_free(dataset);
    dataset = open_numbers("a", TIME, true); /* of this one nothing was held out */
    assert_int_equal(dataset_windows(dataset), 0);
    dataset_free(dataset);
}

static void test_one_short_window(void **state)
{
    struct dataset *dataset = open_numbers("short", 64, false);
    int32_t tokens[64], targets[64], first_key[64];

    (void)state;
    assert_int_equal(dataset_windows(dataset), 1);
    for (uint64_t n = 0; n < 3; n++) {
        assert_int_equal(dataset_window(dataset, n, tokens, targets, first_key, NULL), 0);
        /* documents of 1, 2 and 2 words */
        const int32_t want[] = {1, 10, 2, 1, 11, 12, 2, 1, 13, 14, 2};

        assert_memory_equal(tokens, want, sizeof(want));
        assert_memory_equal(targets, want + 1, sizeof(want) - sizeof(*want));
        for (size_t i = ARRAY_LEN(want); i < 64; i++)
            assert_int_equal(tokens[i], FAKE_PAD);
        for (size_t i = ARRAY_LEN(want) - 1; i < 64; i++)
            assert_int_equal(targets[i], -1);
    }
    dataset_free(dataset);
}

static void test_sources_by_weight(void **state)
{
    const struct dataset_source sources[] = {
        {in_folder("a"), 2}, {in_folder("b"), 7}, {in_folder("held"), 1}};
    const struct dataset_options options = {.time = TIME, .seed = 5, .check = true};
    struct dataset *dataset;
    uint64_t had[3] = {0};
    int32_t tokens[TIME], targets[TIME];
    struct err err = {0};

    (void)state;
    assert_int_equal(dataset_open(sources, 3, &options, &dataset, &err), 0);
    for (uint64_t n = 0; n < 3000; n++) {
        int32_t most = 0;

        assert_int_equal(dataset_window(dataset, n, tokens, targets, NULL, &err), 0);
        for (size_t i = 0; i < TIME; i++)
            most = tokens[i] > most ? tokens[i] : most;
        had[most < 10000 ? 0 : most < 20000 ? 1 : 2]++;
        for (size_t i = 0; i < 3; i++) /* at any time within the count of sources */
            assert_true(llabs((long long)(10 * had[i]) -
                              (long long)((n + 1) * (uint64_t)sources[i].weight)) <= 30);
    }
    dataset_free(dataset);
}

/* Without weights all sources are one, and a pass has each window of each once. */
static void test_sources_by_tokens(void **state)
{
    const struct dataset_source sources[] = {{in_folder("a"), 0}, {in_folder("b"), 0}};
    const struct dataset_options options = {.time = TIME, .seed = 1};
    struct dataset *dataset;
    int32_t tokens[TIME], targets[TIME];
    uint8_t *seen = calloc(20000, 1);
    size_t numbers = 0;

    (void)state;
    assert_non_null(seen);
    assert_int_equal(dataset_open(sources, 2, &options, &dataset, NULL), 0);
    for (uint64_t n = 0; n < dataset_windows(dataset); n++) {
        assert_int_equal(dataset_window(dataset, n, tokens, targets, NULL, NULL), 0);
        for (size_t i = 0; i < TIME; i++)
            if (tokens[i] >= FAKE_WORDS) {
                assert_false(seen[tokens[i]]);
                seen[tokens[i]] = 1;
                numbers++;
            }
    }
    assert_true(numbers > 5000 + 900 - 4 * TIME);
    dataset_free(dataset);
    free(seen);
}

static void test_bad_sources(void **state)
{
    const struct {
        struct dataset_source sources[2];
        int want;
        const char *err;
    } rows[] = {
        {{{in_folder("nowhere"), 0}, {in_folder("a"), 0}}, -ENOENT, "no finished `data build`"},
        {{{in_folder("a"), 1}, {in_folder("b"), 0}}, -EINVAL, "have a weight and some have none"},
        {{{in_folder("a"), -1}, {in_folder("b"), 1}}, -EINVAL, "to be 0 or more, not -1"},
        {{{in_folder("a"), 0}, {in_folder("narrow"), 0}}, -EINVAL, "different tokenizers"},
    };
    const struct dataset_options options = {.time = TIME};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dataset *dataset;
        struct err err = {0};

        assert_int_equal(dataset_open(rows[i].sources, 2, &options, &dataset, &err), rows[i].want);
        if (!strstr(err.text, rows[i].err))
            fail_msg("%s", err.text);
    }
}

static void last_sentence(void *arg, const char *sentence)
{
    (void)snprintf(arg, ERR_TEXT_MAX, "%s", sentence);
}

/* A bit of each file turned at seeded places, files cut and lengthened: `check` names the file, and
 * reading windows ends in a sentence or gives what it gave before. */
static void test_damage_is_noticed(void **state)
{
    struct rng rng = {11};
    struct arena *arena = arena_new(0);
    const char *const *names;
    struct err err = {0};
    long count = file_list(arena, in_folder("b"), 1000, &names, &err);
    uint64_t files;
    char said[ERR_TEXT_MAX] = "", path[128];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/b", folder);
    assert_true(count > 10);
    assert_int_equal(data_check(path, last_sentence, said, &files, &err), 0);
    assert_int_equal(files, count);
    for (long i = 0; i < count; i++)
        for (int round = 0; round < 8; round++) {
            const struct dataset_source source = {path, 0};
            const struct dataset_options options = {.time = TIME, .check = true};
            struct dataset *dataset = NULL;
            char name[128], *bytes, *wrong;
            size_t len, wrong_len, at;
            int r;

            (void)snprintf(name, sizeof(name), "b/%s", names[i]);
            assert_int_equal(file_read(in_folder(name), 1 << 20, &bytes, &len, &err), 0);
            wrong = malloc(len + 1);
            assert_non_null(wrong);
            memcpy(wrong, bytes, len);
            at = rng_below(&rng, len);
            wrong_len = round == 0 ? len + 1 : round == 1 ? at : len;
            if (round == 0)
                wrong[len] = 0;
            wrong[at] ^= (char)(1 << rng_below(&rng, 8));
            put_file(name, wrong, wrong_len);
            r = data_check(path, last_sentence, said, &files, &err);
            if (r == 1 ? !strstr(said, names[i])
                       : r != -ENOTSUP || strcmp(names[i], DATA_INDEX) != 0)
                fail_msg("%s, byte %zu, round %d: %d %s", names[i], at, round, r, said);
            err = (struct err){0};
            r = dataset_open(&source, 1, &options, &dataset, &err);
            assert_true(r == 0 || err.text[0]);
            if (r == 0) /* these are not read for training on the first split */
                assert_true(!strcmp(names[i], DATA_TOKENIZER) || !strcmp(names[i], DATA_CORPUS));
            dataset_free(dataset);
            put_file(name, bytes, len);
            free(bytes);
            free(wrong);
        }
    assert_int_equal(data_check(path, last_sentence, said, &files, &err), 0);
    arena_free(arena);
}

static int begin(void **state)
{
    (void)state;
    folder_begin();
    build_numbers("a", 10, 5000, 0, 131072);
    build_numbers("b", 10010, 900, 0, 131072);
    build_numbers("held", 20010, 900, 0.3, 131072);
    build_numbers("short", 10, 5, 0, 65536);
    build_numbers("narrow", 10, 900, 0, 65536);
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
        cmocka_unit_test(test_a_pass_has_every_window_once),
        cmocka_unit_test(test_position_is_the_only_state),
        cmocka_unit_test(test_held_out_is_whole),
        cmocka_unit_test(test_one_short_window),
        cmocka_unit_test(test_sources_by_weight),
        cmocka_unit_test(test_sources_by_tokens),
        cmocka_unit_test(test_bad_sources),
        cmocka_unit_test(test_damage_is_noticed),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
