#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/texts.h"
#include "folder.h"

#include <errno.h>

/* All pieces together. */
static int read_all(const char *const *paths, size_t count, struct texts_options options,
                    struct buf *out, struct err *err)
{
    struct texts *texts;
    int r;

    options.text_key = options.text_key ? options.text_key : "text";
    r = texts_open(paths, count, &options, &texts, err);
    if (r < 0)
        return r;
    while ((r = texts_next(texts, out, err)) > 0)
        ;
    if (r == 0)
        assert_true(texts_done(texts) >= 0.5 && texts_done(texts) <= 1);
    texts_free(texts);
    return r;
}

static void expect(const char *const *paths, size_t count, struct texts_options options,
                   struct str want)
{
    struct buf all = {0};
    struct err err = {0};

    if (read_all(paths, count, options, &all, &err) < 0)
        fail_msg("%s", err.text);
    if (!str_eq((struct str){all.p, all.len}, want))
        fail_msg("'%.*s'", (int)all.len, all.p);
    buf_done(&all);
}

static void texts_and_lines_are_read_as_what_they_say(void **state)
{
    const char *paths[] = {in_folder("a.txt"), in_folder("b.jsonl"), in_folder("c.txt")};

    (void)state;
    put_text("a.txt", "one two");
    put_text("b.jsonl", "\xef\xbb\xbf{\"text\": \"thr\\u0065e\\nfour\"}\r\n\r\n{\"text\": \"\"}\n"
                        "{\"text\": \"five\"}");
    put_text("c.txt", "six\n");
    expect(paths, 3, (struct texts_options){0}, STR("one two\nthree\nfour\nfive\nsix\n"));
}

static void pieces_of_a_long_text_are_the_text(void **state)
{
    struct rng rng = {3};
    struct buf text = {0};
    const char *path = in_folder("long");

    (void)state;
    random_words(&rng, 3500000, &text);
    buf_puts(&text, "\n");
    put_file("long", text.p, text.len);
    expect(&path, 1, (struct texts_options){0}, (struct str){text.p, text.len});
    buf_done(&text);
}

/* A file twice as long gives half; of lines only whole ones count. */
static void no_more_is_taken_than_was_asked_for(void **state)
{
    const char *paths[] = {in_folder("half"), in_folder("lines.jsonl")};

    (void)state;
    put_text("half", "0123456789abcdefghij");
    expect(paths, 1, (struct texts_options){.bytes_max = 10}, STR("0123456789\n"));
    expect(paths, 1, (struct texts_options){.bytes_max = 1000}, STR("0123456789abcdefghij\n"));
    put_text("lines.jsonl", "{\"text\":\"ab\"}\n{\"text\":\"cd\"}\n"
                            "{\"text\":\"ef\"}\n{\"text\":\"gh\"}\n");
    expect(paths + 1, 1, (struct texts_options){.bytes_max = 14 * 5 / 2}, STR("ab\ncd\n"));
}

/* The rest of a file is passed over, whatever its size. */
static void the_next_file_follows_a_share(void **state)
{
    const char *paths[] = {in_folder("first"), in_folder("second")};
    struct rng rng = {3};
    struct buf text = {0}, all = {0};
    struct err err = {0};

    (void)state;
    random_words(&rng, 5000000, &text);
    put_file("first", text.p, text.len);
    put_text("second", "the end");
    assert_int_equal(read_all(paths, 2, (struct texts_options){.bytes_max = 2500000}, &all, &err),
                     0);
    assert_true(all.len > 2490000 && all.len <= 2500002);
    assert_memory_equal(all.p + all.len - 5, "\nthe\n", 5);
    buf_done(&text);
    buf_done(&all);
}

static void what_is_no_text_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *name, *text, *err;
        int want;
    } cases[] = {
        {"latin", "caf\xe9", "latin: byte 3 is not UTF-8", -EILSEQ},
        {"x.jsonl", "{\"text\": \"a\"}\n{\"text\": 5}\n", "x.jsonl: line 2: \"text\" is not",
         -EINVAL},
        {"y.jsonl", "{\"text\": \"a\"\n", "y.jsonl: line 1: column", -EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *path = in_folder(cases[i].name);
        struct buf all = {0};
        struct err err = {0};

        put_text(cases[i].name, cases[i].text);
        assert_int_equal(read_all(&path, 1, (struct texts_options){0}, &all, &err), cases[i].want);
        if (!strstr(err.text, cases[i].err))
            fail_msg("%s", err.text);
        buf_done(&all);
    }
    expect((const char *[]){in_folder("latin")}, 1, (struct texts_options){.allow_invalid = true},
           STR("caf\xe9\n"));
}

static int begin(void **state)
{
    (void)state;
    folder_begin();
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
        cmocka_unit_test(texts_and_lines_are_read_as_what_they_say),
        cmocka_unit_test(pieces_of_a_long_text_are_the_text),
        cmocka_unit_test(no_more_is_taken_than_was_asked_for),
        cmocka_unit_test(the_next_file_follows_a_share),
        cmocka_unit_test(what_is_no_text_is_refused_with_its_place),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
