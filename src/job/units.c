#include "job/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    double seconds;
} time_units[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}, {"ms", 1e-3}};

/* Cut the digits and points that *text starts with, as a number; false when it starts with none. */
static bool cut_number(struct str *text, double *number)
{
    size_t len = 0;
    struct str digits;

    while (len < text->len && (char_is_digit(text->p[len]) || text->p[len] == '.'))
        len++;
    digits = (struct str){text->p, len};
    *text = str_skip(*text, len);
    return len && str_to_double(digits, number) == 0;
}

static bool cut_unit(struct str *text, double *factor)
{
    size_t len = 0;

    while (len < text->len && !char_is_digit(text->p[len]) && text->p[len] != '.')
        len++;
    for (size_t i = 0; i < ARRAY_LEN(time_units); i++)
        if (str_is((struct str){text->p, len}, time_units[i].name)) {
            *factor = time_units[i].seconds;
            *text = str_skip(*text, len);
            return true;
        }
    return false;
}

int seconds_parse(struct str text, double *seconds)
{
    struct str rest = str_trim(text);
    double sum = 0;

    do {
        double number, factor = 1;
        bool alone = sum == 0;

        if (!cut_number(&rest, &number))
            return -EINVAL;
        if (!(alone && rest.len == 0) && !cut_unit(&rest, &factor))
            return -EINVAL;
        /* 0.25 s is a quarter exactly, and so is 250 ms: dividing rounds once. */
        sum += factor < 1 ? number / (1 / factor) : number * factor;
        if (!(sum <= SECONDS_MAX))
            return -ERANGE;
    } while (rest.len);
    *seconds = sum;
    return 0;
}

void seconds_print_plain(double seconds, struct buf *out)
{
    char text[64];

    for (int digits = 0; digits <= 20; digits++) {
        (void)snprintf(text, sizeof(text), "%.*f", digits, seconds);
        if (strtod(text, NULL) == seconds)
            break;
    }
    buf_puts(out, text);
}

void seconds_print(double seconds, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(time_units); i++) {
        double factor = time_units[i].seconds, count = seconds / factor;

        /* Half a day says less than 12h: whole numbers only. */
        if (factor > 1 && count >= 1 && count == (double)(int64_t)count) {
            buf_printf(out, "%" PRId64 "%s", (int64_t)count, time_units[i].name);
            return;
        }
    }
    seconds_print_plain(seconds, out);
    buf_puts(out, "s");
}

static const char size_units[] = "KMGT";

int bytes_parse(struct str text, int64_t *bytes)
{
    struct str rest = str_trim(text), digits = str_digits(&rest, 10);
    int64_t number, base = 1024, factor = 1;
    const char *unit;
    int r = str_to_i64(digits, 10, &number);

    if (r < 0)
        return r;
    if (str_is(rest, "B"))
        rest.len = 0;
    if (rest.len) {
        char letter = (char)(rest.p[0] == 'k' ? 'K' : rest.p[0]);
        struct str tail = str_skip(rest, 1);

        unit = letter ? strchr(size_units, letter) : NULL;
        if (!unit || (tail.len && !str_is(tail, "B") && !str_is(tail, "iB")))
            return -EINVAL;
        if (str_is(tail, "B"))
            base = 1000;
        for (const char *p = size_units; p <= unit; p++)
            factor *= base;
    }
    if (number > INT64_MAX / factor)
        return -ERANGE;
    *bytes = number * factor;
    return 0;
}

void bytes_print(int64_t bytes, struct buf *out)
{
    char unit[2] = "";

    for (const char *p = size_units; *p && bytes && bytes % 1024 == 0; p++) {
        bytes /= 1024;
        unit[0] = *p;
    }
    buf_printf(out, "%" PRId64 "%s", bytes, unit);
}
