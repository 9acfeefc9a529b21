#include "base/opt.h"

#include <errno.h>
#include <stdio.h>

#define HELP_COLUMN 30

static const struct opt *find_name(const struct opt *opts, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_is(name, opts[i].name))
            return &opts[i];
    return NULL;
}

static const struct opt *find_letter(const struct opt *opts, size_t count, char letter)
{
    for (size_t i = 0; i < count; i++)
        if (opts[i].letter == letter)
            return &opts[i];
    return NULL;
}

static int number_of(const struct opt *opt, const char *text, int64_t *out, struct err *err)
{
    static const struct {
        char suffix;
        int64_t factor;
    } units[] = {{'k', 1000}, {'M', 1000000}, {'G', 1000000000}};
    struct str s = str_of(text);
    int64_t factor = 1, value;

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (s.len > 1 && s.p[s.len - 1] == units[i].suffix) {
            factor = units[i].factor;
            s.len--;
            break;
        }
    if (str_to_i64(s, 10, &value) < 0 || value < 0 || value > INT64_MAX / factor)
        return err_set(err, -EINVAL, "--%s takes a number, not '%s'", opt->name, text);
    *out = value * factor;
    return 0;
}

static int store(const struct opt *opt, void *args, const char *value, struct err *err)
{
    char *into = (char *)args + opt->offset;
    struct opt_list *list;

    switch (opt->type) {
    case OPT_FLAG:
        *(bool *)into = true;
        return 0;
    case OPT_TEXT:
        *(const char **)into = value;
        return 0;
    case OPT_NUMBER:
        return number_of(opt, value, (int64_t *)into, err);
    case OPT_REAL:
        if (str_to_double(str_of(value), (double *)into) < 0)
            return err_set(err, -EINVAL, "--%s takes a number, not '%s'", opt->name, value);
        return 0;
    case OPT_LIST:
        list = (struct opt_list *)into;
        if (list->count == OPT_LIST_MAX)
            return err_set(err, -EINVAL, "--%s was given more than %d times", opt->name,
                           OPT_LIST_MAX);
        list->items[list->count++] = value;
        return 0;
    }
    return 0;
}

/* One word that starts with '-': *at moves on when its value is the next word. */
static int take(const struct opt *opts, size_t count, void *args, int argc, char **argv, int *at,
                struct err *err)
{
    const char *word = argv[*at], *value = NULL;
    const struct opt *opt;

    if (word[1] == '-') {
        const char *equals = strchr(word, '=');
        struct str name = {word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2)};

        opt = find_name(opts, count, name);
        value = equals ? equals + 1 : NULL;
        if (!opt)
            return err_set(err, -EINVAL, "there is no option --%.*s", STR_ARG(name));
        if (value && opt->type == OPT_FLAG)
            return err_set(err, -EINVAL, "--%s takes no value", opt->name);
    } else {
        opt = find_letter(opts, count, word[1]);
        if (!opt)
            return err_set(err, -EINVAL, "there is no option -%c", word[1]);
        if (word[2] && opt->type == OPT_FLAG)
            return err_set(err, -EINVAL, "give -%c and what follows it apart: '%s'", word[1], word);
        value = word[2] ? word + 2 : NULL;
    }
    if (opt->type != OPT_FLAG && !value) {
        if (*at + 1 >= argc)
            return err_set(err, -EINVAL, "--%s needs a value: %s", opt->name, opt->arg);
        value = argv[++*at];
    }
    return store(opt, args, value, err);
}

int opt_parse(const struct opt *opts, size_t count, void *args, int argc, char **argv, int *words,
              struct err *err)
{
    bool ended = false;
    int kept = 0;

    for (int i = 1; i < argc; i++) {
        int r;

        if (ended || argv[i][0] != '-' || !argv[i][1]) {
            argv[kept++] = argv[i];
            continue;
        }
        if (!strcmp(argv[i], "--")) {
            ended = true;
            continue;
        }
        r = take(opts, count, args, argc, argv, &i, err);
        if (r < 0)
            return r;
    }
    *words = kept;
    return 0;
}

void opt_help(const struct opt *opts, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        char left[64], letter[8] = "    ";
        int len;

        if (opts[i].letter)
            (void)snprintf(letter, sizeof(letter), "-%c, ", opts[i].letter);
        len = snprintf(left, sizeof(left), "%s--%s%s%s", letter, opts[i].name,
                       opts[i].arg ? " " : "", opts[i].arg ? opts[i].arg : "");
        if (len > HELP_COLUMN - 3) /* a long one stands on a line of its own */
            buf_printf(out, "  %s\n%*s", left, HELP_COLUMN, "");
        else
            buf_printf(out, "  %-*s", HELP_COLUMN - 2, left);
        buf_wrap(out, opts[i].help, HELP_COLUMN, HELP_COLUMN, OPT_HELP_WIDTH);
    }
}
