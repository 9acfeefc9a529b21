/* Live output: whole lines, within the credit, the rest counted. */
#include "ranks/live_output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void on_send(void *data, const struct msg_log *log)
{
    assert_int_equal(log->attempt, 3);
    buf_printf(data, "[%u/%u", log->rank, log->stream);
    if (log->skipped)
        buf_printf(data, " -%d", (int)log->skipped);
    buf_puts(data, " ");
    buf_add(data, log->bytes.p, log->bytes.len);
    buf_puts(data, "]");
}

/* "1:text" goes to rank 1's stdout, "1!text" to its stderr, "1." ends it; ~ is a newline. */
static const struct {
    const char *name;
    uint64_t credit;
    const char *words[6];
    const char *want;
} cases[] = {
    {"whole lines as they came", 99, {"0:a~b~"}, "[8/1 a~b~]"},
    {"a line waits for its end",
     99,
     {"0:a~be", "0:gin", "0:s~c~d", "0."},
     "[8/1 a~][8/1 begins~][8/1 c~][8/1 d]"},
    {"streams and ranks do not mix",
     99,
     {"0:a", "0!b", "1:c", "0:1~", "0!2~", "1:3~"},
     "[8/1 a1~][8/2 b2~][9/1 c3~]"},
    {"without credit nothing goes", 0, {"0:a~b~", "0:c"}, ""},
    {"what did not go is told at the end", 0, {"0:a~b~", "0!c", "0."}, "[8/1 -2 ][8/2 -1 ]"},
    {"lines beyond the credit are counted and told with the next",
     4,
     {"0:ab~cd~ef~", "0:x~", "0:yz~"},
     "[8/1 ab~]"},
    {"what fits after a line that did not", 5, {"0:abcdefg~", "0:xy~"}, "[8/1 -1 xy~]"},
    {"empty lines", 9, {"0:~~", "0:~"}, "[8/1 ~~][8/1 ~]"},
    {"the end of a rank that left nothing", 9, {"0:a~", "0.", "0."}, "[8/1 a~]"},
};

static void replace(char *text, char from, char to)
{
    for (; *text; text++)
        if (*text == from)
            *text = to;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf got = {0};
        struct live_output *output =
            live_output_new(3, 8, 2, &(struct live_output_watch){.data = &got, .send = on_send});
        uint64_t credit = cases[i].credit;

        assert_non_null(output);
        for (size_t w = 0; w < 6 && cases[i].words[w]; w++) {
            char *word = strdup(cases[i].words[w]);
            uint32_t rank = (uint32_t)(word[0] - '0');

            replace(word, '~', '\n');
            if (word[1] == '.')
                live_output_end(output, rank, &credit);
            else
                live_output_add(output, rank, word[1] == '!' ? 2 : 1, str_of(word + 2), &credit);
            free(word);
        }
        if (got.p)
            replace(got.p, '\n', '~');
        if (strcmp(got.p ? got.p : "", cases[i].want) != 0)
            fail_msg("%s\n  want: %s\n   got: %s", cases[i].name, cases[i].want, got.p);
        live_output_free(output);
        buf_done(&got);
    }
}

static void on_count(void *data, const struct msg_log *log)
{
    *(size_t *)data += log->bytes.len;
    assert_true(log->bytes.len <= 2 * LIVE_LINE_MAX);
}

static void test_a_line_without_end_goes_in_pieces(void **state)
{
    size_t sent = 0;
    uint64_t credit = UINT64_MAX;
    char piece[1000];
    struct live_output *output =
        live_output_new(1, 0, 1, &(struct live_output_watch){.data = &sent, .send = on_count});

    (void)state;
    memset(piece, 'x', sizeof(piece));
    for (int i = 0; i < 1000; i++)
        live_output_add(output, 0, 1, (struct str){piece, sizeof(piece)}, &credit);
    assert_true(sent > 1000 * sizeof(piece) - LIVE_LINE_MAX); /* what is kept is bounded */
    live_output_end(output, 0, &credit);
    assert_int_equal(sent, 1000 * sizeof(piece));
    assert_true(credit == UINT64_MAX - 1000 * sizeof(piece));
    live_output_free(output);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_a_line_without_end_goes_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
