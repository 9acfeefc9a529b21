#include "base/setting.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define WHOLE_MAX 0x1p53 /* doubles hold every whole number up to it */

static const struct {
    const char *word;
    bool value;
} truths[] = {{"true", true}, {"false", false}, {"yes", true}, {"no", false},
              {"on", true},   {"off", false},   {"1", true},   {"0", false}};

/* The part behind the last dot. */
static struct str last_part(struct str key)
{
    struct str head, rest = key, part = key;

    while (str_cut(&rest, '.', &head))
        part = head;
    return part;
}

/* The key that was meant: the nearest, where the group may be missing or wrong; NULL when none is
 * near. */
static const struct setting *nearest(const struct setting *rows, size_t count, struct str key)
{
    const struct setting *best = NULL;
    size_t best_distance = key.len / 3 + 2;

    for (size_t i = 0; i < count; i++) {
        struct str own = str_of(rows[i].key);
        size_t whole = str_distance(key, own);
        size_t part = str_distance(last_part(key), last_part(own));

        if (part != SIZE_MAX && part + 1 < whole)
            whole = part + 1; /* the right name in the wrong group */
        if (whole < best_distance) {
            best_distance = whole;
            best = &rows[i];
        }
    }
    return best;
}

static const struct setting *find(const struct setting *rows, size_t count, struct str key)
{
    for (size_t i = 0; i < count; i++)
        if (str_is(key, rows[i].key))
            return &rows[i];
    return NULL;
}

const struct setting *setting_find(const struct setting *rows, size_t count, const char *key)
{
    return find(rows, count, str_of(key));
}

static int no_such_key(const struct setting *rows, size_t count, struct str key, struct err *err)
{
    const struct setting *near = nearest(rows, count, key);

    if (key.len > STR_WORD_MAX)
        return err_set(err, -ENOENT, "there is no setting of %zu letters", key.len);
    return near ? err_set(err, -ENOENT, "there is no setting '%.*s'; did you mean %s (%s)?",
                          STR_ARG(key), near->key, near->help)
                : err_set(err, -ENOENT, "there is no setting '%.*s'", STR_ARG(key));
}

/* "4k" is 4000, and so are "4e3" and "0.004M". */
static int number_of(struct str text, int64_t *out)
{
    static const struct {
        char letter;
        int64_t factor;
    } suffixes[] = {{'k', 1000}, {'M', 1000000}, {'G', 1000000000}};
    int64_t factor = 1;
    double real;

    for (size_t i = 0; text.len && i < ARRAY_LEN(suffixes); i++)
        if (text.p[text.len - 1] == suffixes[i].letter) {
            factor = suffixes[i].factor;
            text.len--;
            break;
        }
    if (str_to_i64(text, 10, out) == 0)
        return __builtin_mul_overflow(*out, factor, out) ? -ERANGE : 0;
    if (str_to_double(text, &real) < 0 || !(fabs(real *= (double)factor) <= WHOLE_MAX) ||
        rint(real) != real)
        return -EINVAL;
    *out = (int64_t)real;
    return 0;
}

static int choice_of(const char *choices, struct str word)
{
    struct str rest = str_of(choices), choice;

    for (int i = 0; str_word(&rest, &choice); i++)
        if (str_eq(choice, word))
            return i;
    return -1;
}

static int wants(const struct setting *row, struct str value, struct err *err)
{
    struct buf range = {0};
    int r;

    switch (row->type) {
    case SETTING_BOOL:
        buf_puts(&range, "true or false");
        break;
    case SETTING_CHOICE:
        buf_printf(&range, "one of: %s", row->choices);
        break;
    case SETTING_TEXT:
        buf_printf(&range, "text of at most %d bytes", SETTING_TEXT_MAX - 1);
        break;
    case SETTING_INT:
        buf_printf(&range, "a whole number from %.0f to %.0f", row->min, row->max);
        break;
    case SETTING_REAL:
        buf_printf(&range, "a number from %g to %g", row->min, row->max);
        break;
    }
    r = err_set(err, -EINVAL, "%s is '%.*s', but takes %s", row->key,
                (int)(value.len < 80 ? value.len : 80), value.p, range.p ? range.p : "");
    buf_done(&range);
    return r;
}

static int set(const struct setting *row, void *object, struct str value, struct err *err)
{
    char *at = (char *)object + row->offset;
    double real;
    int64_t number;

    switch (row->type) {
    case SETTING_BOOL:
        for (size_t i = 0; i < ARRAY_LEN(truths); i++)
            if (str_is(value, truths[i].word)) {
                *(bool *)at = truths[i].value;
                return 0;
            }
        return wants(row, value, err);
    case SETTING_INT:
        if (number_of(value, &number) < 0 || (double)number < row->min || (double)number > row->max)
            return wants(row, value, err);
        *(int64_t *)at = number;
        return 0;
    case SETTING_REAL:
        if (str_to_double(value, &real) < 0 || !(real >= row->min && real <= row->max))
            return wants(row, value, err);
        *(double *)at = real;
        return 0;
    case SETTING_CHOICE:
        number = choice_of(row->choices, value);
        if (number < 0)
            return wants(row, value, err);
        *(int *)at = (int)number;
        return 0;
    case SETTING_TEXT:
        if (value.len >= SETTING_TEXT_MAX || memchr(value.p, 0, value.len))
            return wants(row, value, err);
        memcpy(at, value.p, value.len);
        at[value.len] = 0;
        return 0;
    }
    return -EINVAL;
}

int setting_set(const struct setting *rows, size_t count, void *object, const char *key,
                const char *value, struct err *err)
{
    const struct setting *row = setting_find(rows, count, key);

    return row ? set(row, object, str_of(value), err) : no_such_key(rows, count, str_of(key), err);
}

int setting_assign(const struct setting *rows, size_t count, void *object, const char *text,
                   struct err *err)
{
    struct str rest = str_of(text), key;
    const struct setting *row;

    if (!strchr(text, '='))
        return err_set(err, -EINVAL, "'%s' is no KEY=VALUE", text);
    (void)str_cut(&rest, '=', &key);
    key = str_trim(key);
    row = find(rows, count, key);
    return row ? set(row, object, str_trim(rest), err) : no_such_key(rows, count, key, err);
}

/* The shortest decimal that reads back as the same double. */
static void print_real(double value, struct buf *out)
{
    char text[40];

    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_puts(out, text);
}

void setting_print(const struct setting *row, const void *object, struct buf *out)
{
    const char *at = (const char *)object + row->offset;
    struct str rest, word = {0};

    switch (row->type) {
    case SETTING_BOOL:
        buf_puts(out, *(const bool *)at ? "true" : "false");
        break;
    case SETTING_INT:
        buf_printf(out, "%lld", (long long)*(const int64_t *)at);
        break;
    case SETTING_REAL:
        print_real(*(const double *)at, out);
        break;
    case SETTING_CHOICE:
        rest = str_of(row->choices);
        for (int i = 0; i <= *(const int *)at; i++)
            (void)str_word(&rest, &word);
        buf_add(out, word.p, word.len);
        break;
    case SETTING_TEXT:
        buf_puts(out, at);
        break;
    }
}

static json_t *value_to_json(const struct setting *row, const void *object)
{
    const char *at = (const char *)object + row->offset;
    struct buf text = {0};
    json_t *value;

    switch (row->type) {
    case SETTING_BOOL:
        return json_boolean(*(const bool *)at);
    case SETTING_INT:
        return json_integer(*(const int64_t *)at);
    case SETTING_REAL:
        return json_real(*(const double *)at);
    case SETTING_CHOICE:
    case SETTING_TEXT:
        break;
    }
    setting_print(row, object, &text);
    value = text.failed ? NULL : json_stringn(text.p ? text.p : "", text.len);
    buf_done(&text);
    return value;
}

json_t *setting_to_json(const struct setting *rows, size_t count, const void *object)
{
    json_t *all = json_object();

    for (size_t i = 0; all && i < count; i++)
        if (json_object_set_new(all, rows[i].key, value_to_json(&rows[i], object)) < 0) {
            json_decref(all);
            return NULL;
        }
    return all;
}

static int set_json(const struct setting *row, void *object, const json_t *value, struct err *err)
{
    char text[40];

    if (json_is_string(value))
        return set(row, object, (struct str){json_string_value(value), json_string_length(value)},
                   err);
    if (json_is_boolean(value))
        return set(row, object, str_of(json_is_true(value) ? "true" : "false"), err);
    if (json_is_integer(value))
        (void)snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        (void)snprintf(text, sizeof(text), "%.17g", json_real_value(value));
    else
        return err_set(err, -EINVAL, "%s is neither text, number nor truth", row->key);
    return set(row, object, str_of(text), err);
}

int setting_from_json(const struct setting *rows, size_t count, void *object, const json_t *json,
                      struct err *err)
{
    const char *key;
    json_t *value;

    if (!json_is_object(json))
        return err_set(err, -EINVAL, "the settings are no JSON object");
    json_object_foreach((json_t *)json, key, value)
    {
        const struct setting *row = setting_find(rows, count, key);
        int r =
            row ? set_json(row, object, value, err) : no_such_key(rows, count, str_of(key), err);

        if (r < 0)
            return r;
    }
    return 0;
}
