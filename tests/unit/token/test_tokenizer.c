/* SentencePiece models, against what the library's own tools say of the same rows and, for random
 * vocabularies, against the definition written down plainly. */
#include "token/tokenizer.h"

#include "base/rng.h"
#include "model_of.h"

#include <errno.h>

#define B "\xe2\x96\x81"
#define R "\xef\xbf\xbd"

static const struct row rows[] = {
    {"<unk>", 0, UNKNOWN},   {"<s>", 0, CONTROL},       {"</s>", 0, CONTROL}, /* 0 1 2 */
    {"xy", 0, USER_DEFINED}, {"\n", 0, USER_DEFINED},                         /* 3 4 */
    {B "a", -1, NORMAL},     {"ab", -2, NORMAL},        {B "ab", -3, NORMAL}, /* 5 6 7 */
    {"aa", -4, NORMAL},      {B B, -5, NORMAL},                               /* 8 9 */
    {B, -6, NORMAL},         {"a", -7, NORMAL},         {"b", -8, NORMAL},    /* 10 11 12 */
    {"x", -9, NORMAL},       {"\xc3\xa9", -10, NORMAL}, {"<0x61>", -11, NORMAL},
};

static const struct {
    const char *text, *ids;
} encoded[] = {
    {"", ""},
    {"a", "5"},
    {"ab", "7"}, /* the blank and a first, then b */
    {"aab", "5 6"},
    {" ab", "10 7"},
    {"a ab", "5 7"},
    {"aaa", "5 8"},
    {"aaaa", "5 8 11"}, /* the left one of two that are as good */
    {"xya", "10 3 11"},
    {"xxyy", "10 13 3 0"},
    {"qq", "10 0"}, /* unknown ones side by side are one */
    {"qaq", "10 0 11 0"},
    {"<s>", "10 0"},
    {"\xc3\xa9", "10 14"},
    {"\xc3", "10 0"}, /* U+FFFD */
    {"\n\na", "10 4 4 11"},
    {B "a", "10 5"},
};

static void text_becomes_the_librarys_tokens(void **state)
{
    struct tokenizer *tokenizer =
        tokenizer_of(model_of(rows, ARRAY_LEN(rows), (struct model_options){0}));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(encoded); i++)
        assert_encodes(tokenizer, str_of(encoded[i].text), encoded[i].ids);
    assert_int_equal(tokenizer_vocab(tokenizer), ARRAY_LEN(rows));
    assert_int_equal(tokenizer_special_id(tokenizer, TOKENIZER_UNK), 0);
    assert_int_equal(tokenizer_special_id(tokenizer, TOKENIZER_BOS), 1);
    assert_int_equal(tokenizer_special_id(tokenizer, TOKENIZER_EOS), 2);
    assert_int_equal(tokenizer_special_id(tokenizer, TOKENIZER_PAD), -1);
    tokenizer_free(tokenizer);
}

static void unknown_characters_become_bytes(void **state)
{
    struct tokenizer *tokenizer =
        tokenizer_of(model_of(rows, 14, (struct model_options){.bytes = true, .no_dummy = true}));

    (void)state;
    assert_encodes(tokenizer, STR("q"), "127");               /* 14 + 'q' */
    assert_encodes(tokenizer, STR("\xc3\xa9"), "209 183");    /* in two */
    assert_encodes(tokenizer, STR("\xff"), "253 205 203");    /* U+FFFD */
    assert_encodes(tokenizer, STR("a\0q\0"), "11 14 127 14"); /* NUL is a character */
    assert_encodes(tokenizer, STR("\xed\xa0\x80"), "253 205 203 253 205 203 253 205 203");
    tokenizer_free(tokenizer);
}

static void blanks_go_where_the_model_says_so(void **state)
{
    struct model_options extra = {.remove_extra = true};
    struct model_options suffix = {.remove_extra = true, .suffix = true};
    struct tokenizer *tokenizer = tokenizer_of(model_of(rows, ARRAY_LEN(rows), extra));

    (void)state;
    assert_encodes(tokenizer, STR("  a   a  "), "5 5");
    assert_encodes(tokenizer, STR("   "), "");
    assert_encodes(tokenizer, STR(B), "");
    tokenizer_free(tokenizer);
    tokenizer = tokenizer_of(model_of(rows, ARRAY_LEN(rows), suffix));
    assert_encodes(tokenizer, STR(" a  a "), "11 5 10");
    tokenizer_free(tokenizer);
}

static const struct {
    int32_t ids[8];
    size_t count;
    const char *text;
} decoded[] = {
    {{5}, 1, "a"},
    {{10, 5}, 2, " a"},
    {{9, 6}, 2, " ab"},
    {{1, 5, 2}, 3, "a"},
    {{1, 0, 5}, 3, " \xe2\x81\x87  a"},
    {{5, 10, 4}, 3, "a \n"},
    {{113, 5}, 2, "a a"}, /* 16 + 'a' */
    {{211, 185}, 2, "\xc3\xa9"},
    {{211, 5}, 2, R " a"},
    {{211, 211, 185}, 3, R "\xc3\xa9"},
};

static void tokens_become_the_librarys_text(void **state)
{
    struct tokenizer *tokenizer =
        tokenizer_of(model_of(rows, 16, (struct model_options){.no_dummy = false}));
    struct buf text = {0};
    int32_t strange[] = {5, 16};
    size_t bad = 9;

    (void)state;
    assert_int_equal(tokenizer_decode(tokenizer, strange, 2, &text, &bad), -ERANGE);
    assert_int_equal(bad, 1);
    assert_int_equal(text.len, 0);
    tokenizer_free(tokenizer);
    /* "<0x61>" of the rows is also a byte piece: what it means is the byte. */
    tokenizer = tokenizer_of(model_of(rows, 16, (struct model_options){.bytes = true}));
    for (size_t i = 0; i < ARRAY_LEN(decoded); i++) {
        buf_clear(&text);
        assert_int_equal(tokenizer_decode(tokenizer, decoded[i].ids, decoded[i].count, &text, &bad),
                         0);
        assert_string_equal(text.p, decoded[i].text);
    }
    buf_clear(&text);
    assert_int_equal(tokenizer_decode(tokenizer, (int32_t[]){15, 15}, 2, &text, &bad), 0);
    assert_string_equal(text.p, "aa");
    tokenizer_free(tokenizer);
    buf_done(&text);
}

/* Random tokens, control pieces, bytes and blanks among them, begin with as few as one. */
static void a_stream_says_what_the_whole_says(void **state)
{
    static const struct model_options kinds[] = {
        {.bytes = true},
        {.bytes = true, .no_dummy = true},
        {.bytes = true, .remove_extra = true},
        {.bytes = true, .no_dummy = true, .remove_extra = true},
    };
    struct rng rng = {3};

    (void)state;
    for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        struct tokenizer *tokenizer = tokenizer_of(model_of(rows, 15, kinds[kind]));
        struct tokenizer_stream stream = {0};
        struct buf whole = {0}, parts = {0};

        for (int round = 0; round < 2000; round++) {
            /* of the bytes those of a few characters, whole and in pieces */
            static const unsigned char bytes[] = {'a', 0xc3, 0xa9, 0xe2, 0x96, 0x81, 0xf0, 0x9f};
            int32_t ids[12];
            size_t count = 1 + rng_below(&rng, ARRAY_LEN(ids)), bad;

            buf_clear(&whole);
            buf_clear(&parts);
            for (size_t i = 0; i < count; i++) {
                ids[i] = (int32_t)rng_below(&rng, 15);
                if (rng_below(&rng, 2))
                    ids[i] = 15 + bytes[rng_below(&rng, sizeof(bytes))];
                assert_int_equal(tokenizer_decode_next(tokenizer, &stream, ids[i], &parts), 0);
            }
            assert_int_equal(tokenizer_decode_end(&stream, &parts), 0);
            assert_int_equal(tokenizer_decode(tokenizer, ids, count, &whole, &bad), 0);
            assert_int_equal(parts.len, whole.len);
            if (whole.len)
                assert_memory_equal(parts.p, whole.p, whole.len);
        }
        assert_int_equal(tokenizer_decode_next(tokenizer, &stream, 271, &parts), -ERANGE);
        assert_int_equal(tokenizer_decode_next(tokenizer, &stream, -1, &parts), -ERANGE);
        buf_done(&whole);
        buf_done(&parts);
        tokenizer_free(tokenizer);
    }
}

/* No byte waits that can't become a part of a character. */
static void a_stream_says_at_once_what_is_certain(void **state)
{
    static const struct {
        int32_t id;
        const char *text; /* so far */
    } steps[] = {
        {1, ""},
        {5, "a"},
        {15 + 0xc3, "a"},
        {15 + 0xa9, "a\xc3\xa9"},
        {2, "a\xc3\xa9"},
        {5, "a\xc3\xa9 a"},
        {15 + 0x81, "a\xc3\xa9 a" R},
        {15 + 0xe2, "a\xc3\xa9 a" R},
        {3, "a\xc3\xa9 a" R R "xy"},
    };
    struct tokenizer *tokenizer =
        tokenizer_of(model_of(rows, 15, (struct model_options){.bytes = true}));
    struct tokenizer_stream stream = {0};
    struct buf text = {0};

    (void)state;
    buf_puts(&text, "");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_int_equal(tokenizer_decode_next(tokenizer, &stream, steps[i].id, &text), 0);
        assert_string_equal(text.p, steps[i].text);
    }
    buf_done(&text);
    tokenizer_free(tokenizer);
}

/* "?b" is seen twice, the second time with an unknown one before it. */
static void unknown_ones_are_one_in_words_seen_before(void **state)
{
    static const struct row unknown[] = {
        {"?", 0, UNKNOWN}, {"b", -1, NORMAL}, {"c", -2, NORMAL}, {"?bb", -3, NORMAL}};
    struct tokenizer *tokenizer = tokenizer_of(
        model_of(unknown, ARRAY_LEN(unknown), (struct model_options){.no_dummy = true}));

    (void)state;
    assert_encodes(tokenizer, STR("?bcq?bc?b"), "0 1 2 0 1 2 0 1");
    tokenizer_free(tokenizer);
}

/* Random vocabularies of a few characters. */
#define PIECES_MAX 160
#define CHARS_MAX  220

struct random_model {
    char texts[PIECES_MAX][32];
    struct row rows[PIECES_MAX];
    size_t count;
};

static const char *const letters[] = {"a", "b", "c", B, "\xc3\xa9", "\xf0\x9f\x98\x80", ",", "q"};

static size_t find_piece(const struct random_model *model, struct str text)
{
    for (size_t i = 1; i < model->count; i++)
        if (str_is(text, model->rows[i].text))
            return i;
    return 0;
}

static void make_model(struct random_model *model, struct rng *rng, bool with_blanks_inside)
{
    model->count = 1;
    model->rows[0] = (struct row){"<unk>", 0, UNKNOWN};
    for (size_t i = 0; i < PIECES_MAX - 10; i++) {
        size_t chars = i < 6 ? 1 : 2 + rng_below(rng, 4);
        char *text = model->texts[model->count];

        text[0] = '\0';
        for (size_t k = 0; k < chars; k++) {
            size_t letter = i < 6 ? i : rng_below(rng, 7); /* ',' alone is unknown */

            if (k && letter == 3 && !with_blanks_inside)
                letter = 0;
            (void)strcat(text, letters[letter]);
        }
        if (!find_piece(model, str_of(text)))
            model->rows[model->count++] = (struct row){text, -(float)rng_below(rng, 60), NORMAL};
    }
}

/* Merge the best pair, the left one of equals, until there is none: as the words say it. */
static struct buf plainly(const struct random_model *model, const char *const *chars, size_t count)
{
    struct str symbols[CHARS_MAX + 1];
    struct buf text = {0}, ids = {0};
    bool after_unknown = false;
    size_t at = 0;

    buf_puts(&text, B);
    for (size_t i = 0; i < count; i++)
        buf_puts(&text, chars[i]);
    symbols[0] = (struct str){text.p, strlen(B)};
    for (size_t i = 0; i < count; i++)
        symbols[i + 1] = (struct str){symbols[i].p + symbols[i].len, strlen(chars[i])};
    count++;
    for (;;) {
        size_t best = 0;

        for (size_t i = 0; i + 1 < count; i++) {
            size_t piece =
                find_piece(model, (struct str){symbols[i].p, symbols[i].len + symbols[i + 1].len});

            if (piece && (!best || model->rows[piece].score > model->rows[best].score)) {
                best = piece;
                at = i;
            }
        }
        if (!best)
            break;
        symbols[at].len += symbols[at + 1].len;
        memmove(symbols + at + 1, symbols + at + 2, (count - at - 2) * sizeof(*symbols));
        count--;
    }
    buf_puts(&ids, "");
    for (size_t i = 0; i < count; i++) {
        size_t piece = find_piece(model, symbols[i]);

        if (piece || !after_unknown)
            buf_printf(&ids, "%s%zu", ids.len ? " " : "", piece);
        after_unknown = !piece;
    }
    buf_done(&text);
    return ids;
}

static void any_vocabulary_is_merged_as_defined(void **state)
{
    struct rng rng = {7};
    struct random_model *model = calloc(1, sizeof(*model));

    (void)state;
    assert_non_null(model);
    for (size_t round = 0; round < 60; round++) {
        struct tokenizer *tokenizer;

        make_model(model, &rng, round % 2);
        tokenizer = tokenizer_of(model_of(model->rows, model->count, (struct model_options){0}));
        for (size_t i = 0; i < 6; i++) {
            const char *chars[CHARS_MAX];
            size_t count = 1 + rng_below(&rng, i ? 30 : CHARS_MAX - 1);
            struct buf text = {0}, want;

            for (size_t k = 0; k < count; k++) {
                chars[k] = letters[rng_below(&rng, ARRAY_LEN(letters))];
                buf_puts(&text, chars[k]);
            }
            want = plainly(model, chars, count);
            assert_encodes(tokenizer, (struct str){text.p, text.len}, want.p);
            buf_done(&want);
            buf_done(&text);
        }
        tokenizer_free(tokenizer);
    }
    free(model);
}

/* Unused pieces fall apart as they were put together last, in the whole text. */
static void unused_pieces_fall_apart(void **state)
{
    static const struct row unused[] = {
        {"<unk>", 0, UNKNOWN}, {"abc", -3, UNUSED}, {"ab", -1, NORMAL}, {"bc", -2, NORMAL},
        {"a", -4, NORMAL},     {"b", -5, NORMAL},   {"c", -6, NORMAL},  {B, -7, NORMAL},
        {"xy", -8, UNUSED},    {"x", -9, UNUSED},   {"y", -9, NORMAL},  {"zz", 0, USER_DEFINED},
    };
    struct tokenizer *tokenizer =
        tokenizer_of(model_of(unused, ARRAY_LEN(unused), (struct model_options){.no_dummy = true}));

    (void)state;
    assert_encodes(tokenizer, STR("abc"), "2 6");
    assert_encodes(tokenizer, STR("xy"), "9 10");
    assert_encodes(tokenizer, STR("abczzabc xy"), "2 6 11 2 6 7 9 10");
    tokenizer_free(tokenizer);
}

/* 'A' becomes "b c", and "A," nothing: two entries of a double array, placed by hand. */
static void a_table_replaces_characters(void **state)
{
    enum { UNITS = 512 };
    uint32_t units[UNITS] = {0};
    struct buf charsmap = {0};
    struct tokenizer *tokenizer;
    char four[4];

    (void)state;
    units[0] = 256u << 10;                              /* the root's children: 256 ^ byte */
    units[256 ^ 'A'] = 'A' | 1 << 8 | (64u ^ 16) << 10; /* ends an entry; children elsewhere */
    units[(256 ^ 'A') ^ (64 ^ 16)] = 0 | 1u << 31;      /* its value: at 0 */
    units[(256 ^ 'A') ^ (64 ^ 16) ^ ','] = ',' | 1 << 8 | 1u << 10;
    units[((256 ^ 'A') ^ (64 ^ 16) ^ ',') ^ 1] = 4 | 1u << 31;
    for (size_t i = 0; i < 4; i++)
        four[i] = (char)(sizeof(units) >> 8 * i);
    buf_add(&charsmap, four, 4);
    for (size_t k = 0; k < UNITS; k++) {
        for (size_t i = 0; i < 4; i++)
            four[i] = (char)(units[k] >> 8 * i);
        buf_add(&charsmap, four, 4);
    }
    buf_add(&charsmap, "b a\0\0", 5);
    tokenizer = tokenizer_of(model_of(
        rows, ARRAY_LEN(rows), (struct model_options){.charsmap = {charsmap.p, charsmap.len}}));
    assert_encodes(tokenizer, STR("A"), "10 12 5");
    assert_encodes(tokenizer, STR("aA,b"), "7");
    assert_encodes(tokenizer, STR("xyA"), "10 3 12 5");
    tokenizer_free(tokenizer);
    buf_done(&charsmap);
}

static const struct {
    const char *name;
    struct row rows[4];
    struct model_options options;
    const char *err;
} refused[] = {
    {"a unigram model", {{"<unk>", 0, UNKNOWN}}, {.unigram = true}, "of another type than BPE"},
    {"no unknown piece", {{"a", 0, NORMAL}}, {.bytes = false}, "no unknown piece"},
    {"two unknown pieces", {{"a", 0, UNKNOWN}, {"b", 0, UNKNOWN}}, {.bytes = false}, "both the"},
    {"twice", {{"a", 0, UNKNOWN}, {"b", 0, NORMAL}, {"b", 0, NORMAL}}, {.bytes = false}, "twice"},
    {"an empty piece", {{"a", 0, UNKNOWN}, {"", 0, NORMAL}}, {.bytes = false}, "has 0 bytes"},
    {"no UTF-8", {{"a", 0, UNKNOWN}, {"\xc3", 0, NORMAL}}, {.bytes = false}, "is not UTF-8"},
    {"not finite", {{"a", 0, UNKNOWN}, {"b", 0.0f / 0.0f, NORMAL}}, {.bytes = false}, "finite"},
    {"bytes missing", {{"a", 0, UNKNOWN}, {"<0x00>", 0, BYTE}}, {.bytes = false}, "byte fallback"},
    {"a byte's name", {{"a", 0, UNKNOWN}, {"<0x0a>", 0, BYTE}}, {.bytes = true}, "not called like"},
    {"a control character", {{"a", 0, UNKNOWN}, {"b", 0, CONTROL}}, {.bytes = false}, "one char"},
    {"a piece and control",
     {{"a", 0, UNKNOWN}, {"bb", 0, CONTROL}, {"bb", 0, NORMAL}},
     {.bytes = false},
     "control piece too"},
    {"a denormaliser", {{"a", 0, UNKNOWN}}, {.denormalizer = true}, "denormalises"},
    {"a small table", {{"a", 0, UNKNOWN}}, {.charsmap = {"abc", 3}}, "table is cut off"},
    {"a wrong table", {{"a", 0, UNKNOWN}}, {.charsmap = {"\x04\0\0\0abcd", 8}}, "4 bytes of 4"},
    {"an endless string",
     {{"a", 0, UNKNOWN}},
     {.charsmap = {"\x04\0\0\0abcde", 9}},
     "last replacement is cut off"},
};

static void what_is_not_exact_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        size_t count = 0;
        struct tokenizer *tokenizer = NULL;
        struct err err = {0};
        struct buf model;

        while (count < 4 && refused[i].rows[count].text)
            count++;
        model = model_of(refused[i].rows, count, refused[i].options);
        assert_true(tokenizer_parse("m", model.p, model.len, &tokenizer, &err) < 0);
        assert_null(tokenizer);
        if (!strstr(err.text, refused[i].err))
            fail_msg("%s: %s", refused[i].name, err.text);
        buf_done(&model);
    }
}

static void a_cut_off_model_is_no_model(void **state)
{
    struct buf model = model_of(rows, 14, (struct model_options){.bytes = true});

    (void)state;
    for (size_t len = 0; len < model.len; len++) {
        struct tokenizer *tokenizer = NULL;
        struct err err = {0};
        char *exact = malloc(len ? len : 1);

        assert_non_null(exact);
        memcpy(exact, model.p, len);
        if (tokenizer_parse("m", exact, len, &tokenizer, &err) == 0)
            assert_int_equal(len, model.len - 8); /* the last field, of 8 bytes, is optional */
        else
            assert_true(err.text[0]);
        tokenizer_free(tokenizer);
        free(exact);
    }
    buf_done(&model);
}

static void one_scratch_serves_several(void **state)
{
    static const struct row other[] = {{"<unk>", 0, UNKNOWN}, {B "a", 0, NORMAL}};
    struct tokenizer *one = tokenizer_of(model_of(rows, 14, (struct model_options){0}));
    struct tokenizer *two = tokenizer_of(model_of(other, 2, (struct model_options){0}));
    struct tokenizer_scratch *scratch = tokenizer_scratch_new();
    struct tokens tokens = {0};

    (void)state;
    assert_non_null(scratch);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tokenizer_encode(one, scratch, STR("a"), &tokens), 0);
        assert_int_equal(tokenizer_encode(two, scratch, STR("a"), &tokens), 0);
    }
    assert_int_equal(tokens.count, 4);
    assert_int_equal(tokens.items[0], 5);
    assert_int_equal(tokens.items[1], 1);
    assert_int_equal(tokens.items[2], 5);
    assert_int_equal(tokens.items[3], 1);
    assert_true(tokenizer_hash(one) != tokenizer_hash(two));
    vec_done(&tokens);
    tokenizer_scratch_free(scratch);
    tokenizer_free(one);
    tokenizer_free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_the_librarys_tokens),
        cmocka_unit_test(unknown_characters_become_bytes),
        cmocka_unit_test(blanks_go_where_the_model_says_so),
        cmocka_unit_test(tokens_become_the_librarys_text),
        cmocka_unit_test(a_stream_says_what_the_whole_says),
        cmocka_unit_test(a_stream_says_at_once_what_is_certain),
        cmocka_unit_test(unknown_ones_are_one_in_words_seen_before),
        cmocka_unit_test(any_vocabulary_is_merged_as_defined),
        cmocka_unit_test(unused_pieces_fall_apart),
        cmocka_unit_test(a_table_replaces_characters),
        cmocka_unit_test(what_is_not_exact_is_refused),
        cmocka_unit_test(a_cut_off_model_is_no_model),
        cmocka_unit_test(one_scratch_serves_several),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
