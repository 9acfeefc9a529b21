/* tiktoken's ranks: where cl100k's pattern cuts, and merging by rank. What the rows want was told
 * by the pattern itself in a regular expression engine that knows \p{L} and \p{N}. */
#include "base/base64.h"
#include "base/rng.h"
#include "model_of.h"
#include "token/split.h"
#include "token/unicode.h"

#include <errno.h>

static const struct {
    const char *text, *words; /* parted by | */
} splits[] = {
    {"hello world", "hello| world"},
    {"hello  world", "hello| | world"},
    {"hello   world", "hello|  | world"},
    {"I'm we'll they'RE don't 'tis", "I|'m| we|'ll| they|'RE| don|'t| '|tis"},
    {"'s's", "'s|'s"},
    {"''s", "''|s"},
    {"x = 12345;", "x| =| |123|45|;"},
    {"a1b22c", "a|1|b|22|c"},
    {"(foo)", "(foo|)"},
    {"a\n\n  b", "a|\n\n| | b"},
    {"a  \n  b", "a|  \n| | b"},
    {"a \n\r\n", "a| \n\r\n"},
    {"end  ", "end|  "},
    {"end ", "end| "},
    {"!!\n\nx", "!!\n\n|x"},
    {" !?\r\n y", " !?\r\n| y"},
    {"\tx", "\tx"},
    {"\t\tx", "\t|\tx"},
    {"\nx", "\n|x"},
    {"\t1", "\t|1"},
    {"\xc3\xa9t\xc3\xa9 \xd0\xb4\xd0\xb0", "\xc3\xa9t\xc3\xa9| \xd0\xb4\xd0\xb0"},
    {"\xe4\xb8\xad\xe6\x96\x87\xe3\x80\x82", "\xe4\xb8\xad\xe6\x96\x87|\xe3\x80\x82"},
    {"\xe3\x80\x80x", "\xe3\x80\x80x"}, /* an ideographic blank */
    {"\xc2\xbd\xe2\x85\xa7"
     "1"
     "1",
     "\xc2\xbd\xe2\x85\xa7"
     "1|1"},                       /* numbers that are no digits */
    {"e\xcc\x81x", "e|\xcc\x81x"}, /* a combining mark is no letter */
    {"'\xc5\xbf", "'\xc5\xbf"},    /* a long s */
    {"\xff\xff"
     "a",
     "\xff\xff|a"},
};

static void text_is_cut_as_by_the_pattern(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(splits); i++) {
        struct str rest = str_of(splits[i].text);
        struct buf words = {0};

        while (rest.len) {
            size_t len = split_word(rest);

            assert_true(len > 0 && len <= rest.len);
            buf_puts(&words, words.len ? "|" : "");
            buf_add(&words, rest.p, len);
            rest = str_skip(rest, len);
        }
        assert_string_equal(words.p, splits[i].words);
        buf_done(&words);
    }
}

static void characters_have_their_kinds(void **state)
{
    static const struct {
        uint32_t code;
        enum unicode_kind kind;
    } kinds[] = {
        {'a', UNICODE_LETTER},     {'5', UNICODE_NUMBER},     {' ', UNICODE_BLANK},
        {'_', UNICODE_OTHER},      {0x00aa, UNICODE_LETTER},  {0x00b2, UNICODE_NUMBER},
        {0x0085, UNICODE_BLANK},   {0x3000, UNICODE_BLANK},   {0x200b, UNICODE_OTHER},
        {0x4e2d, UNICODE_LETTER},  {0xac00, UNICODE_LETTER},  {0x1f600, UNICODE_OTHER},
        {0x1d7d8, UNICODE_NUMBER}, {0x10ffff, UNICODE_OTHER}, {0, UNICODE_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        assert_int_equal(unicode_kind_of(kinds[i].code), kinds[i].kind);
}

static const char *const merged[] = {"ab", "bc", "abc", " a", "aa", " abc", "12", "23"};

/* All bytes, the last first, then the merged ones. */
static struct buf ranks_of(size_t merged_count)
{
    struct buf text = {0};
    unsigned char byte = 255;

    for (size_t i = 0; i < 256 + merged_count; i++, byte--) {
        if (i < 256)
            base64_encode(&text, &byte, 1);
        else
            base64_encode(&text, merged[i - 256], strlen(merged[i - 256]));
        buf_printf(&text, " %zu\n", i);
    }
    return text;
}

static void words_are_merged_by_rank(void **state)
{
    struct tokenizer *tokenizer = tokenizer_of(ranks_of(ARRAY_LEN(merged)));

    (void)state;
    assert_int_equal(tokenizer_kind_of(tokenizer), TOKENIZER_TIKTOKEN);
    assert_int_equal(tokenizer_vocab(tokenizer), 256 + ARRAY_LEN(merged) + 1);
    assert_int_equal(tokenizer_special_id(tokenizer, TOKENIZER_EOS), 256 + ARRAY_LEN(merged));
    assert_int_equal(tokenizer_special_id(tokenizer, TOKENIZER_BOS), -1);
    assert_encodes(tokenizer, STR("abc"), "258");
    assert_encodes(tokenizer, STR("abcab"), "258 256");
    assert_encodes(tokenizer, STR("aaab"), "260 256");     /* ab goes first, then aa */
    assert_encodes(tokenizer, STR("x abc"), "135 261");    /* whole words at once, or a  first */
    assert_encodes(tokenizer, STR("1234"), "262 204 203"); /* three digits at most */
    tokenizer_free(tokenizer);
}

static void any_bytes_come_back(void **state)
{
    struct tokenizer *tokenizer = tokenizer_of(ranks_of(ARRAY_LEN(merged)));
    struct tokenizer_scratch *scratch = tokenizer_scratch_new();
    struct rng rng = {3};

    (void)state;
    assert_non_null(scratch);
    for (size_t i = 0; i < 300; i++) {
        char text[64];
        size_t len = rng_below(&rng, sizeof(text)), bad;
        struct tokens tokens = {0};
        struct buf back = {0};

        for (size_t k = 0; k < len; k++)
            text[k] =
                (char)(i % 2 ? rng_below(&rng, 256) : (uint64_t) " abc12\n'"[rng_below(&rng, 8)]);
        assert_int_equal(tokenizer_encode(tokenizer, scratch, (struct str){text, len}, &tokens), 0);
        assert_int_equal(tokenizer_decode(tokenizer, tokens.items, tokens.count, &back, &bad), 0);
        assert_true(str_eq((struct str){back.p, back.len}, (struct str){text, len}));
        buf_done(&back);
        vec_done(&tokens);
    }
    tokenizer_scratch_free(scratch);
    tokenizer_free(tokenizer);
}

static const struct {
    const char *add, *err;
} refused[] = {
    {"YWJj 256\nYWJj 257\n", "rank 257 has the bytes"},
    {"YWJj 300\n", "rank 300 is too large"},
    {"YWJj 12\n", "rank 12 is there twice"},
    {"YWJj\n", "line 257: no token"},
    {"YWJj x\n", "line 257: no token"},
    {"YW*j 256\n", "line 257: YW*j is no base64"},
};

static void bad_ranks_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i <= ARRAY_LEN(refused); i++) {
        struct buf text = ranks_of(0);
        struct tokenizer *tokenizer = NULL;
        struct err err = {0};
        const char *want = "no token is the byte 0x00";

        if (i < ARRAY_LEN(refused)) {
            buf_puts(&text, refused[i].add);
            want = refused[i].err;
        } else {
            text.len = (size_t)(strstr(text.p, "AA== 255") - text.p);
        }
        assert_true(tokenizer_parse("r", text.p, text.len, &tokenizer, &err) < 0);
        if (!strstr(err.text, want))
            fail_msg("%s", err.text);
        buf_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_cut_as_by_the_pattern),
        cmocka_unit_test(characters_have_their_kinds),
        cmocka_unit_test(words_are_merged_by_rank),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(bad_ranks_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
