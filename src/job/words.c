#include "job/words.h"

#include <errno.h>
#include <stdio.h>

int words_add(struct arena *arena, struct job_words *words, struct str word, struct err *err)
{
    const char **items = words->items;
    size_t count = words->count;
    char *copy;

    if (count == JOB_ARGS_MAX)
        return err_set(err, -E2BIG, "more than %d words", JOB_ARGS_MAX);
    /* 1, 3, 7 ... words and the NULL fill what was taken: it doubles. */
    if ((count & (count + 1)) == 0) {
        items = arena_alloc(arena, 2 * (count + 1) * sizeof(*items));
        if (items && count)
            memcpy(items, words->items, count * sizeof(*items));
    }
    copy = items ? arena_copy(arena, word.p, word.len) : NULL;
    if (!copy)
        return err_set(err, -ENOMEM, "no memory for the words");
    items[count] = copy;
    items[count + 1] = NULL;
    *words = (struct job_words){items, count + 1};
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What a backslash does: outside of quotes it takes any character, inside "..." only these. */
static bool is_escaped(char quote, char next)
{
    return quote == '\0' || next == '"' || next == '\\' || next == '$' || next == '`' ||
           next == '\n';
}

/* Cut one word off *rest, which starts with it. */
static int cut_word(struct str *rest, struct buf *word, struct err *err)
{
    char quote = '\0';

    for (; rest->len && (quote || !is_blank(rest->p[0])); *rest = str_skip(*rest, 1)) {
        char c = rest->p[0];

        if (c == '\\' && quote != '\'' && rest->len > 1 && is_escaped(quote, rest->p[1])) {
            *rest = str_skip(*rest, 1);
            if (rest->p[0] != '\n')
                buf_add(word, rest->p, 1);
        } else if (quote ? c == quote : c == '\'' || c == '"') {
            quote = quote ? '\0' : c;
        } else {
            buf_add(word, &c, 1);
        }
    }
    if (quote)
        return err_set(err, -EINVAL, "a %c without its end in '%.40s%s'", quote, word->p,
                       word->len > 40 ? "..." : "");
    return 0;
}

/* Blanks and lines that a backslash joins. */
static void skip_blanks(struct str *rest)
{
    for (;;) {
        if (rest->len && is_blank(rest->p[0]))
            *rest = str_skip(*rest, 1);
        else if (str_starts(*rest, "\\\n"))
            *rest = str_skip(*rest, 2);
        else
            return;
    }
}

int words_split(struct arena *arena, struct str text, struct job_words *words, struct err *err)
{
    struct job_words list = {0};
    struct buf word = {0};
    int r = 0;

    for (skip_blanks(&text); text.len && r == 0; skip_blanks(&text)) {
        buf_clear(&word);
        buf_puts(&word, "");
        r = cut_word(&text, &word, err);
        if (r == 0 && word.failed)
            r = err_set(err, -ENOMEM, "no memory for the words");
        if (r == 0)
            r = words_add(arena, &list, (struct str){word.p, word.len}, err);
    }
    buf_done(&word);
    if (r == 0)
        *words = list;
    return r;
}

void words_print(const struct job_words *words, struct buf *out)
{
    for (size_t i = 0; i < words->count; i++) {
        if (i)
            buf_puts(out, " ");
        buf_put_word(out, words->items[i]);
    }
}
