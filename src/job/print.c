/* job/print - a job as YAML for people and as JSON for programs; see job.h. Both read back to the
 * same job. */
#include "job/keys.h"
#include "job/units.h"
#include "job/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#define LINE_COLUMNS 96  /* a list that fits stays on its line */
#define NAME_COLUMNS 256 /* YAML takes names of up to 1024 bytes */

/* What a YAML reader would refuse, or take for a line's end. All are below U+10000. */
static bool needs_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
           c == 0xfffe || c == 0xffff;
}

/* In double quotes, as both JSON and YAML have them. */
static void print_quoted(struct buf *out, const char *text)
{
    size_t bytes;

    buf_puts(out, "\"");
    for (; *text; text += bytes) {
        uint32_t c = utf8_next(text, &bytes);

        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", (int)c);
        else if (c == '\n')
            buf_puts(out, "\\n");
        else if (c == '\t')
            buf_puts(out, "\\t");
        else if (c == UTF8_BAD)
            buf_puts(out, "\\ufffd");
        else if (needs_escape(c))
            buf_printf(out, "\\u%04x", (unsigned)c);
        else
            buf_add(out, text, bytes);
    }
    buf_puts(out, "\"");
}

/* Does YAML take it for this text without quotes, anywhere? */
static bool is_plain(const char *text)
{
    static const char *const others[] = {"null", "true", "false", "yes", "no",
                                         "on",   "off",  "y",     "n"};
    const char *body = text + strspn(text, "-./");

    if (!((*body >= 'a' && *body <= 'z') || (*body >= 'A' && *body <= 'Z') || *body == '_'))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (!strcasecmp(text, others[i]))
            return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "_-./+=@*") == strlen(text);
}

static void print_text(struct buf *out, const char *text)
{
    if (is_plain(text))
        buf_puts(out, text);
    else
        print_quoted(out, text);
}

static void print_json_words(struct buf *out, const struct job_words *words)
{
    buf_puts(out, "[");
    for (size_t i = 0; i < words->count; i++) {
        buf_puts(out, i ? ", " : "");
        print_quoted(out, words->items[i]);
    }
    buf_puts(out, "]");
}

static void print_yaml_words(struct buf *out, const struct job_words *words)
{
    struct buf line = {0};

    for (size_t i = 0; i < words->count; i++) {
        buf_puts(&line, i ? ", " : "");
        print_text(&line, words->items[i]);
    }
    if (words->count == 0) {
        buf_puts(out, " []");
    } else if (!line.failed && line.len <= LINE_COLUMNS) {
        buf_printf(out, " [%s]", line.p);
    } else {
        for (size_t i = 0; i < words->count; i++) {
            buf_puts(out, "\n  - ");
            print_text(out, words->items[i]);
        }
    }
    buf_done(&line);
}

/* Can env be names with values: each name once, none too long for YAML? */
static bool has_plain_names(const struct job_words *env)
{
    for (size_t i = 0; i < env->count; i++) {
        size_t len = strcspn(env->items[i], "=");

        if (len > NAME_COLUMNS || len == 0 || !env->items[i][len])
            return false;
        for (size_t j = 0; j < i; j++)
            if (!strncmp(env->items[i], env->items[j], len + 1))
                return false;
    }
    return env->count > 0;
}

static void print_yaml_env(struct buf *out, const struct job_words *env)
{
    if (!has_plain_names(env)) {
        print_yaml_words(out, env);
        return;
    }
    for (size_t i = 0; i < env->count; i++) {
        const char *value = strchr(env->items[i], '=') + 1;
        char name[NAME_COLUMNS + 1];

        (void)snprintf(name, sizeof(name), "%.*s", (int)(value - 1 - env->items[i]), env->items[i]);
        buf_puts(out, "\n  ");
        print_text(out, name);
        buf_puts(out, ": ");
        print_text(out, value);
    }
}

static void print_json_value(struct buf *out, const struct job_key *key, const void *value)
{
    const char *text;

    switch (key->type) {
    case KEY_TEXT:
    case KEY_HOSTS:
        text = *(const char *const *)value;
        if (text)
            print_quoted(out, text);
        else
            buf_puts(out, "null");
        break;
    case KEY_NUMBER:
    case KEY_BYTES:
        if (*(const int64_t *)value < key->min) /* not given: what follows from the rest */
            buf_puts(out, "null");
        else
            buf_printf(out, "%" PRId64, *(const int64_t *)value);
        break;
    case KEY_SECONDS:
        seconds_print_plain(*(const double *)value, out);
        break;
    case KEY_FLAG:
        buf_puts(out, *(const bool *)value ? "true" : "false");
        break;
    case KEY_CHOICE:
        print_quoted(out, key->choices[*(const unsigned *)value]);
        break;
    case KEY_WORDS:
    case KEY_ENV:
        print_json_words(out, value);
        break;
    }
}

static void print_yaml_value(struct buf *out, const struct job_key *key, const void *value)
{
    if (key->type == KEY_WORDS) {
        print_yaml_words(out, value);
        return;
    }
    if (key->type == KEY_ENV) {
        print_yaml_env(out, value);
        return;
    }
    buf_puts(out, " ");
    switch (key->type) {
    case KEY_TEXT:
    case KEY_HOSTS:
        if (*(const char *const *)value)
            print_text(out, *(const char *const *)value);
        else
            buf_puts(out, "null");
        break;
    case KEY_BYTES:
        bytes_print(*(const int64_t *)value, out);
        break;
    case KEY_SECONDS:
        seconds_print(*(const double *)value, out);
        break;
    case KEY_CHOICE:
        buf_puts(out, key->choices[*(const unsigned *)value]);
        break;
    default:
        print_json_value(out, key, value);
        break;
    }
}

static bool same_words(const struct job_words *a, const struct job_words *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

bool job_key_same(const struct job_key *key, const struct job *a, const struct job *b)
{
    const void *x = job_value(a, key), *y = job_value(b, key);
    const char *s, *t;

    switch (key->type) {
    case KEY_TEXT:
    case KEY_HOSTS:
        s = *(const char *const *)x;
        t = *(const char *const *)y;
        return s && t ? !strcmp(s, t) : s == t;
    case KEY_NUMBER:
    case KEY_BYTES:
        return *(const int64_t *)x == *(const int64_t *)y;
    case KEY_SECONDS:
        return *(const double *)x == *(const double *)y;
    case KEY_FLAG:
        return *(const bool *)x == *(const bool *)y;
    case KEY_CHOICE:
        return *(const unsigned *)x == *(const unsigned *)y;
    case KEY_WORDS:
    case KEY_ENV:
        return same_words(x, y);
    }
    return false;
}

void job_print_yaml(const struct job *job, struct buf *out)
{
    struct job fresh;

    job_init(&fresh);
    for (size_t i = 0; i < job_key_count; i++) {
        if (job_key_same(&job_keys[i], job, &fresh))
            continue;
        buf_printf(out, "%s:", job_keys[i].name);
        print_yaml_value(out, &job_keys[i], job_value(job, &job_keys[i]));
        buf_puts(out, "\n");
    }
}

void job_print_json(const struct job *job, struct buf *out)
{
    buf_puts(out, "{\n");
    for (size_t i = 0; i < job_key_count; i++) {
        buf_printf(out, "  \"%s\": ", job_keys[i].name);
        print_json_value(out, &job_keys[i], job_value(job, &job_keys[i]));
        buf_puts(out, i + 1 < job_key_count ? ",\n" : "\n");
    }
    buf_puts(out, "}\n");
}
