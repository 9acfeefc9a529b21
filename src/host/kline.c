#include "host/kline.h"

#include "facts/node.h"

#include <ctype.h>

/* No prefix that we know reaches further into the line. */
#define PREFIX_MAX 160

static struct str skip_blanks(struct str s)
{
    while (s.len && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = str_skip(s, 1);
    return s;
}

/* The length of "[...]" when it holds a time or a thread: "12.345", "+0.000000", "T123", "C7",
 * "Feb26 10:50", "Sun Feb 23 16:24:18 2025"; else 0. */
static size_t bracket(struct str s)
{
    const char *end;
    struct str in;
    bool digits = false;

    if (!s.len || s.p[0] != '[')
        return 0;
    end = memchr(s.p, ']', s.len < 64 ? s.len : 64);
    if (!end)
        return 0;
    in = str_trim(str_range(s.p + 1, end));
    if (!in.len)
        return 0;
    for (size_t i = 0; i < in.len; i++)
        digits |= char_is_digit(in.p[i]);
    if (!digits)
        return 0;
    if (char_is_digit(in.p[0]) || in.p[0] == '+') {
        for (size_t i = 1; i < in.len; i++)
            if (!char_is_digit(in.p[i]) && in.p[i] != '.')
                return 0;
    } else if ((in.p[0] == 'T' || in.p[0] == 'C') && in.len > 1 && char_is_digit(in.p[1])) {
        for (size_t i = 1; i < in.len; i++)
            if (!char_is_digit(in.p[i]))
                return 0;
    } else if (!isupper((unsigned char)in.p[0]) || str_find(in, ":") < 0) {
        return 0;
    }
    return (size_t)(end - s.p) + 1;
}

/* Any run of "<6>" and brackets with times at the start. */
static struct str skip_times(struct str s)
{
    for (;;) {
        size_t n = bracket(s);

        if (n) {
            s = skip_blanks(str_skip(s, n));
            continue;
        }
        if (s.len >= 3 && s.p[0] == '<' && char_is_digit(s.p[1])) {
            n = 2;
            while (n < s.len && n < 5 && char_is_digit(s.p[n]))
                n++;
            if (n < s.len && s.p[n] == '>') {
                s = skip_blanks(str_skip(s, n + 1));
                continue;
            }
        }
        return s;
    }
}

/* "6,3973,227996636,-;message" */
static bool skip_kmsg(struct str *s)
{
    const char *end = s->len ? memchr(s->p, ';', s->len < PREFIX_MAX ? s->len : PREFIX_MAX) : NULL;
    size_t commas = 0;

    if (!end || !char_is_digit(s->p[0]))
        return false;
    for (const char *c = s->p; c < end && commas < 3; c++) {
        if (*c == ',')
            commas++;
        else if (!char_is_digit(*c))
            return false;
    }
    if (commas < 3)
        return false;
    *s = str_range(end + 1, s->p + s->len);
    return true;
}

/* "kern  :warn  : " of dmesg -x, then perhaps an ISO time. */
static struct str skip_level(struct str s)
{
    static const char *const facilities[] = {"kern ",  "user ", "daemon",
                                             "syslog", "auth ", "local"};

    for (size_t i = 0; i < ARRAY_LEN(facilities); i++) {
        struct str rest;
        ptrdiff_t colon;

        if (!str_starts(s, facilities[i]))
            continue;
        rest = (struct str){s.p, s.len < 40 ? s.len : 40};
        colon = str_find(rest, ":");
        if (colon < 0)
            break;
        rest = str_skip(rest, (size_t)colon + 1);
        colon = str_find(rest, ":");
        if (colon < 0 || colon > 10)
            break;
        return skip_blanks(str_skip(s, (size_t)(rest.p - s.p) + (size_t)colon + 1));
    }
    return s;
}

/* "2025-01-21T04:41:44,283302+00:00 " */
static struct str skip_iso(struct str s)
{
    if (s.len > 19 && char_is_digit(s.p[0]) && s.p[4] == '-' && s.p[7] == '-' && s.p[10] == 'T' &&
        s.p[13] == ':') {
        struct str rest = s, word;

        if (str_word(&rest, &word))
            return skip_blanks(rest);
    }
    return s;
}

/* "program[pid]: " or "kernel: " at the place where syslog has it. */
static bool cut_tag(struct str s, struct kline *out)
{
    struct str rest = s, word, tag;
    const char *pid;

    if (!str_word(&rest, &word) || word.len < 2 || word.p[word.len - 1] != ':')
        return false;
    tag = (struct str){word.p, word.len - 1};
    pid = memchr(tag.p, '[', tag.len);
    if (!pid && !str_is(tag, "kernel"))
        return false;
    if (pid)
        tag = str_range(tag.p, pid);
    out->program = str_is(tag, "kernel") ? (struct str){tag.p, 0} : tag;
    out->message = skip_times(skip_blanks(rest));
    return true;
}

static bool is_month(struct str s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    if (s.len < 4 || s.p[3] != ' ')
        return false;
    for (size_t i = 0; i + 3 < sizeof(months); i += 3)
        if (!memcmp(s.p, months + i, 3))
            return true;
    return false;
}

static struct kline strip(struct str line)
{
    struct kline out = {.message = line, .program = {line.p, 0}};
    struct str s = line, word, rest, head;
    ptrdiff_t at;

    if (skip_kmsg(&s)) {
        out.message = s;
        return out;
    }
    s = skip_times(s);
    if (s.p == line.p)
        s = skip_iso(skip_level(s));
    s = skip_times(s);
    out.message = s;
    if (cut_tag(s, &out))
        return out;
    /* "Aug 17 06:18:01 host tag: " and "<ISO time> host tag: " */
    rest = s;
    if (is_month(s)) {
        (void)str_word(&rest, &word);
        (void)str_word(&rest, &word);
        if (!str_word(&rest, &word) || word.len != 8 || word.p[2] != ':')
            return out;
        if (str_word(&rest, &word)) {
            out.message = skip_blanks(rest);
            (void)cut_tag(skip_blanks(rest), &out);
        }
        return out;
    }
    if (s.p != line.p) {
        struct kline tagged = out;

        if (str_word(&rest, &word) && !memchr(word.p, ':', word.len) &&
            cut_tag(skip_blanks(rest), &tagged) && str_starts(skip_blanks(rest), "kernel"))
            return tagged;
        return out;
    }
    /* "n001: [   12.345] message" */
    head = (struct str){line.p, line.len < PREFIX_MAX ? line.len : PREFIX_MAX};
    at = str_find(head, ": [");
    if (at > 0 && !memchr(line.p, ' ', (size_t)at) && bracket(str_skip(line, (size_t)at + 2)))
        out.message = skip_times(str_skip(line, (size_t)at + 2));
    return out;
}

/* rsyslog folds equal lines: "message repeated 3 times: [ NVRM: Xid ...]". */
static void unfold(struct kline *line)
{
    ptrdiff_t at;

    if (!str_starts(line->message, "message repeated "))
        return;
    at = str_find(line->message, " times: [");
    if (at < 0)
        return;
    line->message = str_trim(str_skip(line->message, (size_t)at + 9));
    if (str_ends(line->message, "]"))
        line->message.len--;
    line->message = skip_times(line->message);
}

struct kline kline_of(struct str line)
{
    struct kline out = strip(line);

    unfold(&out);
    return out;
}

bool kline_device(struct str message, struct kline_device *out)
{
    struct str rest = message, bdf, port;

    if (!str_word(&rest, &out->driver) || str_ends(out->driver, ":") || !str_word(&rest, &bdf))
        return false;
    out->port = (struct str){bdf.p, 0};
    if (bdf.p[bdf.len - 1] == ':') {
        bdf.len--;
    } else if (bdf.len >= 7 && str_word(&rest, &port) && port.p[port.len - 1] == ':') {
        out->port = (struct str){port.p, port.len - 1};
    } else {
        return false;
    }
    if (bdf_parse(bdf, &out->bdf) < 0)
        return false;
    out->rest = skip_blanks(rest);
    return true;
}
