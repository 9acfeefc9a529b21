#include "ranks/last_words.h"

#include "job/utf8.h"

#include <jansson.h>
#include <stdlib.h>

void last_words_done(struct last_words *words)
{
    free(words->ring);
    *words = (struct last_words){0};
}

void last_words_add(struct last_words *words, struct str bytes)
{
    if (!words->ring)
        words->ring = malloc(LAST_WORDS_BYTES);
    if (!words->ring)
        return;
    if (bytes.len > LAST_WORDS_BYTES) {
        words->total += bytes.len - LAST_WORDS_BYTES;
        bytes = str_skip(bytes, bytes.len - LAST_WORDS_BYTES);
    }
    while (bytes.len) {
        size_t at = words->total % LAST_WORDS_BYTES;
        size_t len = LAST_WORDS_BYTES - at < bytes.len ? LAST_WORDS_BYTES - at : bytes.len;

        memcpy(words->ring + at, bytes.p, len);
        words->total += len;
        bytes = str_skip(bytes, len);
    }
}

/* The bytes of an escape sequence: colours and the like, of which a text has no need. */
static size_t escape_bytes(const char *text)
{
    size_t bytes = 2;

    if (text[0] != '\033' || text[1] != '[')
        return 0;
    while (text[bytes] >= 0x20 && text[bytes] < 0x40)
        bytes++;
    return text[bytes] >= 0x40 ? bytes + 1 : bytes;
}

/* What an event, JSON and a terminal can carry, in place: lines of UTF-8 without control
 * characters. A carriage return ends a line, for a progress bar is many of them. Returns the
 * length. */
static size_t clean(char *text, size_t len)
{
    size_t out = 0;

    for (size_t at = 0, bytes; at < len; at += bytes) {
        uint32_t c = text[at] ? utf8_next(text + at, &bytes) : 0;

        if (!c)
            bytes = 1;
        if (escape_bytes(text + at)) {
            bytes = escape_bytes(text + at);
        } else if (c == '\r') {
            text[out++] = '\n';
        } else if (c == UTF8_BAD || (c < 0x20 && c != '\n' && c != '\t') ||
                   (c >= 0x7f && c < 0xa0)) {
            text[out++] = '?';
        } else {
            memmove(text + out, text + at, bytes);
            out += bytes;
        }
    }
    return out;
}

/* The end of a text, from the beginning of a line unless that line alone is longer. */
static struct str last_lines(struct str text, size_t max, bool whole)
{
    const char *newline;

    text = str_trim(text);
    if (text.len > max) {
        bool at_line = text.p[text.len - max - 1] == '\n';

        text = str_skip(text, text.len - max);
        while (text.len && ((unsigned char)text.p[0] & 0xc0) == 0x80)
            text = str_skip(text, 1); /* of a character that was cut */
        whole = at_line;
    }
    newline = whole || !text.len ? NULL : memchr(text.p, '\n', text.len);
    return newline ? str_trim(str_skip(text, (size_t)(newline + 1 - text.p))) : text;
}

struct str last_words_text(const struct last_words *words, struct arena *arena, size_t max)
{
    bool cut = words->total > LAST_WORDS_BYTES;
    size_t len = cut ? LAST_WORDS_BYTES : words->total;
    size_t begin = cut ? words->total % LAST_WORDS_BYTES : 0;
    char *text = words->ring && len ? arena_alloc(arena, len + 1) : NULL;

    if (!text)
        return (struct str){"", 0};
    memcpy(text, words->ring + begin, len - begin);
    memcpy(text + len - begin, words->ring, begin);
    text[len] = '\0';
    return last_lines((struct str){text, clean(text, len)}, max, !cut);
}

struct str last_words_error_file(struct arena *arena, struct str json, size_t max)
{
    json_t *root = json_loadb(json.p, json.len, JSON_DISABLE_EOF_CHECK, NULL);
    const json_t *message = json_object_get(root, "message");
    struct str text = {"", 0};

    if (json_is_object(message))
        message = json_object_get(message, "message");
    if (json_is_string(message)) {
        size_t len = json_string_length(message);
        char *copy;

        if (len > max)
            len = max;
        copy = arena_copy(arena, json_string_value(message), len);
        if (copy)
            text = str_trim((struct str){copy, clean(copy, len)});
    }
    json_decref(root);
    return text;
}
