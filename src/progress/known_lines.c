#include "progress/known_lines.h"

#include "progress/numbers.h"

#include <math.h>

/* Before a word: no letter, digit or '_', so that "step" is not found in "micro_step". */
static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || char_is_digit(c) || c == '_';
}

/* From where `word` ends in `line`, as a whole word at or after *at; advances *at. */
static bool next_word(struct str line, const char *word, size_t *at, struct str *after)
{
    size_t len = strlen(word);
    ptrdiff_t found;

    while ((found = str_find(str_skip(line, *at), word)) >= 0) {
        size_t begin = *at + (size_t)found, end = begin + len;

        *at = end;
        *after = str_skip(line, end);
        if ((begin == 0 || !is_word_byte(line.p[begin - 1])) &&
            (end == line.len || !is_word_byte(line.p[end])))
            return true;
    }
    return false;
}

/* What may stand between a word and its number: "step: 5", "'loss': 5", "step=5", "(step 5". */
static void cut_separator(struct str *rest)
{
    while (rest->len > 0 && memchr(" \t:='\"", rest->p[0], 6))
        *rest = str_skip(*rest, 1);
}

/* "/ 100" after a step. */
static void cut_total(struct str *rest, int64_t *total)
{
    struct str at = *rest;

    (void)number_cut_blanks(&at);
    if (at.len == 0 || at.p[0] != '/')
        return;
    at = str_skip(at, 1);
    (void)number_cut_blanks(&at);
    if (number_cut_count(&at, total))
        *rest = at;
}

/* In order of trust: where both stand, "iter" counts micro-batches (litgpt). */
static const char *const step_words[] = {
    "global_step", "num_updates", "step", "steps", "iteration", "iter",
};

static bool find_step(struct str line, struct pattern_found *out)
{
    for (size_t i = 0; i < ARRAY_LEN(step_words); i++) {
        struct str rest;
        size_t at = 0;

        while (next_word(line, step_words[i], &at, &rest)) {
            size_t before = rest.len;

            cut_separator(&rest);
            if (rest.len == before || !number_cut_count(&rest, &out->step))
                continue;
            cut_total(&rest, &out->total);
            return true;
        }
    }
    return false;
}

/* "val loss", "eval/loss", "z loss": losses that training does not go down by. */
static bool is_other_loss(struct str before)
{
    static const char *const others[] = {"val",        "valid",     "validation", "eval",
                                         "evaluation", "test",      "dev",        "aux",
                                         "z",          "balancing", "balance",    "router"};

    while (before.len > 0 && memchr(" \t/.-'\"", before.p[before.len - 1], 7))
        before.len--;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        size_t len = strlen(others[i]);

        if (str_ends(before, others[i]) &&
            (before.len == len || !is_word_byte(before.p[before.len - len - 1])))
            return true;
    }
    return false;
}

/* "loss scale: 1.0" has no number where one must be. */
static bool find_loss(struct str line, double *loss)
{
    static const char *const words[] = {"lm loss", "lm_loss", "train_loss", "loss", "closs"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct str rest;
        size_t at = 0;

        while (next_word(line, words[i], &at, &rest)) {
            if (is_other_loss((struct str){line.p, at - strlen(words[i])}))
                continue;
            cut_separator(&rest);
            if (str_starts(rest, "train")) { /* litgpt: "loss train: 1.657" */
                rest = str_skip(rest, strlen("train"));
                cut_separator(&rest);
            }
            if (number_cut_real(&rest, loss))
                return true;
        }
    }
    return false;
}

static void find_tokens(struct str line, int64_t *tokens)
{
    static const char *const words[] = {"consumed tokens", "num_input_tokens_seen", "num_tokens",
                                        "tokens_seen",     "tokens seen",           "total_tokens"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct str rest;
        size_t at = 0;

        if (next_word(line, words[i], &at, &rest)) {
            cut_separator(&rest);
            if (number_cut_count(&rest, tokens))
                return;
        }
    }
}

/* Drop "[rank0]:", "[trainer0|0]:" and blanks at the beginning. */
static struct str without_prefix(struct str line)
{
    line = str_trim(line);
    while (line.len > 0 && line.p[0] == '[') {
        const char *end = memchr(line.p, ']', line.len);

        if (!end)
            break;
        line = str_skip(line, (size_t)(end - line.p) + 1);
        cut_separator(&line);
    }
    return line;
}

/* "490 | loss 5.7543" (llama2.c), "1|54|loss: 1.09" (torchtune: epoch, step). */
static bool find_step_first(struct str line, int64_t *step)
{
    struct str rest = without_prefix(line);
    int64_t number;

    for (int i = 0; i < 2 && number_cut_count(&rest, &number); i++) {
        (void)number_cut_blanks(&rest);
        if (!str_starts(rest, "|"))
            return false;
        rest = str_skip(rest, 1);
        (void)number_cut_blanks(&rest);
        if (str_starts(rest, "loss")) {
            *step = number;
            return true;
        }
    }
    return false;
}

/* What stands before a bar's percentage. Only training's bars count: those without a title (HF),
 * "Epoch 3:" (Lightning), "Training:", "Steps:". Others download, tokenize, validate. */
static bool is_training_bar(struct str title, int64_t *epoch)
{
    static const char *const titles[] = {"", "training", "train", "steps", "step"};
    struct str rest = str_trim(title);

    if (str_ends(rest, ":"))
        rest.len--;
    for (size_t i = 0; i < ARRAY_LEN(titles); i++)
        if (str_is(rest, titles[i]))
            return true;
    if (!str_starts(rest, "epoch"))
        return false;
    rest = str_skip(rest, strlen("epoch"));
    cut_separator(&rest);
    return number_cut_count(&rest, epoch);
}

/* tqdm: "  4%|##   | 1317/36234 [11:37<5:10:26,  1.87it/s, loss=2.3]". */
static bool find_bar(struct str line, struct pattern_found *out)
{
    struct str rest, title = without_prefix(line);
    ptrdiff_t percent = str_find(title, "%|");
    int64_t done, total = -1, epoch = -1;
    size_t digits = (size_t)(percent < 0 ? 0 : percent);
    const char *bar;

    if (percent < 0)
        return false;
    rest = str_skip(title, (size_t)percent + 2);
    while (digits > 0 && char_is_digit(title.p[digits - 1]))
        digits--;
    bar = memchr(rest.p, '|', rest.len);
    if (digits == (size_t)percent || !bar ||
        !is_training_bar((struct str){title.p, digits}, &epoch))
        return false;
    rest = str_range(bar + 1, rest.p + rest.len);
    (void)number_cut_blanks(&rest);
    if (!number_cut_count(&rest, &done))
        return false;
    cut_total(&rest, &total);
    if (total < 0 || number_cut_blanks(&rest) == 0 || !str_starts(rest, "["))
        return false;
    if (epoch >=
        0) { /* Lightning's bar begins anew with each epoch; how many there are, it hides */
        if (total > 0 && epoch > (INT64_MAX - done) / total)
            return false;
        done += epoch * total;
        total = -1;
    }
    out->step = done;
    out->total = total;
    (void)find_loss(rest, &out->loss);
    return true;
}

/* Forms with a step alone: DeepSpeed's "step=40, skipped=2", OLMo's "[step=10/1000,epoch=0]",
 * Megatron's iteration whose loss overflowed. */
static bool is_step_alone(struct str line)
{
    static const char *const signs[] = {"skipped=", "[step=", "elapsed time per iteration"};

    for (size_t i = 0; i < ARRAY_LEN(signs); i++)
        if (str_find(line, signs[i]) >= 0)
            return true;
    return false;
}

/* HF's dict; the step is in the bar beside it. */
static bool is_loss_alone(struct str line)
{
    line = without_prefix(line);
    return str_starts(line, "{'loss'") || str_starts(line, "{\"loss\"");
}

/* By memchr for the byte that ordinary lines lack: most lines end here, 1 ns for each byte. */
static bool has_pair(struct str line, char rare, ptrdiff_t other_at, char other)
{
    const char *end = line.p + line.len, *at = line.p;

    while ((at = memchr(at, rare, (size_t)(end - at))) != NULL) {
        const char *beside = at + other_at;

        if (beside >= line.p && beside < end && *beside == other)
            return true;
        at++;
    }
    return false;
}

bool known_line_possible(struct str line)
{
    return line.len > 0 && (has_pair(line, '%', 1, '|') || has_pair(line, '=', -1, 'p') ||
                            str_find(line, "oss") >= 0);
}

bool known_line_find(struct str line, struct pattern_found *out)
{
    struct pattern_found found = {-1, -1, -1, NAN};
    bool step, loss, known;

    loss = find_loss(line, &found.loss);
    /* Before bars: torchtune's bar has the step in its title. */
    step = loss && find_step_first(line, &found.step);
    if (!step && find_bar(line, &found)) {
        known = true;
    } else {
        step = step || find_step(line, &found);
        known = step ? loss || is_step_alone(line) : is_loss_alone(line) && !isnan(found.loss);
    }
    if (!known)
        return false;
    find_tokens(line, &found.tokens);
    *out = found;
    return true;
}
