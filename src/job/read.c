/* job/read - a job from YAML, of which JSON is a part; see job.h.
 *
 * libyaml's events go straight into the table's fields: a job is one level of keys, whose values
 * are a word, a list of words or names with words, so nothing here recurses and a deeper text ends
 * where it goes too deep. */
#include "job/keys.h"
#include "job/words.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define SAID_BYTES 128
#define LINES_MAX  64

struct reader {
    yaml_parser_t yaml;
    yaml_event_t event; /* the one at hand */
    struct arena *arena;
    struct job *job;
    struct err *err;
    size_t lines[LINES_MAX]; /* where each key stands; 0: not seen */
};

static size_t line_of(const struct reader *r)
{
    return r->event.start_mark.line + 1;
}

#define fail(r, ...) fail_at((r), line_of(r), __VA_ARGS__)
#define fail_at(r, line, ...)                                                                      \
    (err_set((r)->err, -EINVAL, __VA_ARGS__),                                                      \
     err_wrap((r)->err, -EINVAL, "line %zu", (size_t)(line)))

/* The next event; the one before it is gone. */
static int next(struct reader *r)
{
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->yaml, &r->event)) {
        if (r->yaml.error == YAML_MEMORY_ERROR)
            return err_set(r->err, -ENOMEM, "no memory for the job");
        return fail_at(r, r->yaml.problem_mark.line + 1, "%s%s%s",
                       r->yaml.context ? r->yaml.context : "", r->yaml.context ? ": " : "",
                       r->yaml.problem ? r->yaml.problem : "no YAML");
    }
    if (r->event.type == YAML_ALIAS_EVENT)
        return fail(r, "an alias (*%.40s): write the value out",
                    (const char *)r->event.data.alias.anchor);
    return 0;
}

static struct str scalar(const struct reader *r)
{
    return (struct str){(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
}

static bool is_null(const struct reader *r)
{
    struct str word = scalar(r);

    return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (word.len == 0 || str_is(word, "null") || str_is(word, "~"));
}

/* A word in a list or a name's value: no list, no null, no NUL. */
static int check_word(struct reader *r, const char *of)
{
    if (r->event.type != YAML_SCALAR_EVENT)
        return fail(r, "%s takes words, no lists or keys inside", of);
    if (r->event.data.scalar.tag)
        return fail(r, "tags such as %.40s are not taken", (const char *)r->event.data.scalar.tag);
    if (memchr(scalar(r).p, '\0', scalar(r).len))
        return fail(r, "%s has a NUL in it", of);
    return 0;
}

/* The line in front of what `call` said. */
static int located(struct reader *r, int call)
{
    return call < 0 ? err_wrap(r->err, call, "line %zu", line_of(r)) : 0;
}

static int read_list(struct reader *r, const struct job_key *key, struct job_words *words)
{
    int code;

    while ((code = next(r)) == 0 && r->event.type != YAML_SEQUENCE_END_EVENT) {
        code = check_word(r, key->name);
        if (code == 0 && key->type == KEY_ENV)
            code = located(r, job_env_check(scalar(r), r->err));
        if (code == 0)
            code = located(r, words_add(r->arena, words, scalar(r), r->err));
        if (code < 0)
            return code;
    }
    return code;
}

/* "NAME: VALUE" lines of env. */
static int read_names(struct reader *r, struct job_words *words)
{
    int code;

    while ((code = next(r)) == 0 && r->event.type != YAML_MAPPING_END_EVENT) {
        const char *name, *word;

        code = check_word(r, "env");
        if (code < 0)
            return code;
        name = arena_copy(r->arena, scalar(r).p, scalar(r).len);
        if (!name)
            return err_set(r->err, -ENOMEM, "no memory for the job");
        if (strchr(name, '=') || !*name)
            return fail(r, "'%.40s' is no name of a variable", name);
        code = next(r);
        if (code == 0)
            code = check_word(r, "env");
        if (code < 0)
            return code;
        if (is_null(r))
            return fail(r, "%.40s has no value (\"\" is an empty one)", name);
        word = arena_printf(r->arena, "%s=%.*s", name, STR_ARG(scalar(r)));
        if (!word)
            return err_set(r->err, -ENOMEM, "no memory for the job");
        code = located(r, words_add(r->arena, words, str_of(word), r->err));
        if (code < 0)
            return code;
    }
    return code;
}

/* null takes a key back to what it is without the file. */
static void set_nothing(const struct job_key *key, struct job *job)
{
    struct job fresh;

    job_init(&fresh);
    switch (key->type) {
    case KEY_TEXT:
    case KEY_HOSTS:
        *(const char **)job_field(job, key) = *(const char *const *)job_value(&fresh, key);
        break;
    case KEY_WORDS:
    case KEY_ENV:
        *(struct job_words *)job_field(job, key) = (struct job_words){0};
        break;
    case KEY_NUMBER:
    case KEY_BYTES:
        *(int64_t *)job_field(job, key) = *(const int64_t *)job_value(&fresh, key);
        break;
    default:
        break;
    }
}

static bool may_be_null(const struct job_key *key)
{
    return key->type != KEY_SECONDS && key->type != KEY_FLAG && key->type != KEY_CHOICE;
}

static int wrong_type(struct reader *r, const struct job_key *key, const char *what)
{
    struct buf takes = {0};
    int code;

    job_key_takes(key, &takes);
    code =
        fail(r, "%s takes %s, not %s", key->name, takes.failed ? "something else" : takes.p, what);
    buf_done(&takes);
    return code;
}

static int read_scalar(struct reader *r, const struct job_key *key)
{
    char said[SAID_BYTES];
    int code = check_word(r, key->name);

    if (code < 0)
        return code;
    if (is_null(r) && may_be_null(key)) {
        set_nothing(key, r->job);
        return 0;
    }
    (void)snprintf(said, sizeof(said), "line %zu: %s", line_of(r), key->name);
    return job_key_set(r->arena, key, r->job, scalar(r), said, r->err);
}

/* hosts as a list: the same as with commas between. */
static int join_hosts(struct reader *r, const struct job_words *words, const char **hosts)
{
    struct buf text = {0};

    for (size_t i = 0; i < words->count; i++)
        buf_printf(&text, "%s%s", i ? "," : "", words->items[i]);
    *hosts = text.failed ? NULL : arena_copy(r->arena, text.p ? text.p : "", text.len);
    buf_done(&text);
    return *hosts ? 0 : err_set(r->err, -ENOMEM, "no memory for the job");
}

static int read_value(struct reader *r, const struct job_key *key)
{
    struct job_words words = {0};
    bool listed = key->type == KEY_WORDS || key->type == KEY_ENV || key->type == KEY_HOSTS;
    int code = next(r);

    if (code < 0)
        return code;
    if (r->event.type == YAML_SCALAR_EVENT)
        return read_scalar(r, key);
    if (r->event.type == YAML_SEQUENCE_START_EVENT && listed)
        code = read_list(r, key, &words);
    else if (r->event.type == YAML_MAPPING_START_EVENT && key->type == KEY_ENV)
        code = read_names(r, &words);
    else
        return wrong_type(
            r, key, r->event.type == YAML_SEQUENCE_START_EVENT ? "a list" : "keys with values");
    if (code < 0)
        return code;
    if (key->type == KEY_HOSTS)
        return join_hosts(r, &words, job_field(r->job, key));
    *(struct job_words *)job_field(r->job, key) = words;
    return 0;
}

static int read_key(struct reader *r)
{
    const struct job_key *key;
    size_t *line;

    if (r->event.type != YAML_SCALAR_EVENT)
        return fail(r, "a key is one word");
    key = job_key_find(scalar(r));
    if (!key) {
        struct str name = scalar(r);
        const char *like = job_key_like(name);

        if (name.len > 40)
            name.len = 40;
        if (like)
            return fail(r, "there is no key '%.*s' (did you mean '%s'?)", STR_ARG(name), like);
        return fail(r, "there is no key '%.*s'", STR_ARG(name));
    }
    line = &r->lines[key - job_keys];
    if (*line)
        return fail(r, "%s stands in line %zu already", key->name, *line);
    *line = line_of(r);
    return read_value(r, key);
}

static int read_document(struct reader *r)
{
    int code = next(r); /* the stream's start */

    if (code == 0)
        code = next(r);
    if (code < 0 || r->event.type == YAML_STREAM_END_EVENT) /* nothing but comments */
        return code;
    code = next(r);
    if (code < 0)
        return code;
    if (r->event.type == YAML_SCALAR_EVENT && is_null(r))
        code = 0;
    else if (r->event.type != YAML_MAPPING_START_EVENT)
        return fail(r, "a job is made of keys with values, such as 'nodes: 4'");
    else
        while ((code = next(r)) == 0 && r->event.type != YAML_MAPPING_END_EVENT) {
            code = read_key(r);
            if (code < 0)
                return code;
        }
    if (code == 0)
        code = next(r); /* the document's end */
    if (code == 0)
        code = next(r);
    if (code == 0 && r->event.type != YAML_STREAM_END_EVENT)
        return fail(r, "a second document: a file holds one job");
    return code;
}

/* Other JSON writers split characters above U+FFFF into "\ud83d\ude00", which YAML does not know:
 * here they become its "\U0001f600". */
static int join_surrogates(struct arena *arena, struct str *whole)
{
    struct str text = *whole;
    size_t at = 0, len = 0;
    char *copy;

    if (!str_starts(str_trim(text), "{") ||
        (str_find(text, "\\ud") < 0 && str_find(text, "\\uD") < 0))
        return 0;
    copy = arena_alloc(arena, text.len + 1);
    if (!copy)
        return -ENOMEM;
    while (at < text.len) {
        unsigned high = 0, low = 0;
        char pair[13] = "";

        if (text.p[at] == '\\' && text.len - at >= 12)
            memcpy(pair, text.p + at, 12);
        if (sscanf(pair, "\\u%4x\\u%4x", &high, &low) == 2 && high >= 0xd800 && high < 0xdc00 &&
            low >= 0xdc00 && low < 0xe000) {
            len += (size_t)snprintf(copy + len, 13, "\\U%08x",
                                    0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            at += 12;
            continue;
        }
        copy[len++] = text.p[at];
        if (text.p[at++] == '\\' && at < text.len) /* what it escapes begins nothing */
            copy[len++] = text.p[at++];
    }
    *whole = (struct str){copy, len};
    return 0;
}

int job_read(struct arena *arena, struct str text, const char *name, struct job *job,
             struct err *err)
{
    struct reader r = {.arena = arena, .job = job, .err = err};
    struct job before = *job;
    int code;

    assert(job_key_count <= LINES_MAX);
    if (text.len > JOB_FILE_BYTES)
        return err_set(err, -E2BIG, "%s: larger than %u MiB", name, JOB_FILE_BYTES >> 20);
    if (join_surrogates(arena, &text) < 0 || !yaml_parser_initialize(&r.yaml))
        return err_set(err, -ENOMEM, "%s: no memory for the job", name);
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text.p, text.len);
    code = read_document(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.yaml);
    if (code < 0) {
        *job = before;
        return err_wrap(err, code, "%s", name);
    }
    return 0;
}
