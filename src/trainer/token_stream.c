#include "trainer/token_stream.h"

#include "base/file.h"
#include "base/vec.h"
#include "token/tokenizer.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_BYTES_MAX ((size_t)1 << 30) /* of what is taken as one text or line */
#define READ_BYTES     ((size_t)1 << 20)
#define FLUSH_BYTES    ((size_t)1 << 18)

/* What encode and decode read and write. */
struct stream {
    const struct token_stream *options;
    struct tokenizer *tokenizer;
    struct tokenizer_scratch *scratch;
    struct tokens tokens;
    struct buf out;
    size_t line; /* number of the one at work */
    struct err *err;
};

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "no memory for the text");
}

static int flush(struct stream *stream)
{
    int r;

    if (stream->out.failed)
        return no_memory(stream->err);
    r = file_put(STDOUT_FILENO, stream->out.p, stream->out.len);
    if (r < 0)
        return err_set(stream->err, r, "can't write: %s", strerror(-r));
    buf_clear(&stream->out);
    return 0;
}

static void put_id(struct buf *out, int32_t id)
{
    char digits[12], *p = digits + sizeof(digits);

    do {
        *--p = (char)('0' + id % 10);
        id /= 10;
    } while (id);
    buf_add(out, p, (size_t)(digits + sizeof(digits) - p));
}

static int put_special(struct stream *stream, bool wanted, enum tokenizer_special which)
{
    int32_t id = tokenizer_special_id(stream->tokenizer, which), *slot;

    if (!wanted)
        return 0;
    if (id < 0)
        return err_set(stream->err, -EINVAL, "%s has no token for the %s of a text",
                       stream->options->path, which == TOKENIZER_BOS ? "beginning" : "end");
    slot = vec_push(&stream->tokens);
    if (!slot)
        return no_memory(stream->err);
    *slot = id;
    return 0;
}

static int encode_text(struct stream *stream, struct str text)
{
    int r;

    stream->tokens.count = 0;
    r = put_special(stream, stream->options->bos, TOKENIZER_BOS);
    if (r < 0)
        return r;
    r = tokenizer_encode(stream->tokenizer, stream->scratch, text, &stream->tokens);
    if (r < 0)
        return no_memory(stream->err);
    r = put_special(stream, stream->options->eos, TOKENIZER_EOS);
    for (size_t i = 0; i < stream->tokens.count && r == 0; i++) {
        int32_t id = stream->tokens.items[i];

        if (i)
            buf_add(&stream->out, " ", 1);
        if (stream->options->pieces) {
            struct str piece = tokenizer_piece(stream->tokenizer, id, NULL, NULL);

            buf_add(&stream->out, piece.p, piece.len);
        } else {
            put_id(&stream->out, id);
        }
        if (stream->out.len > FLUSH_BYTES)
            r = flush(stream);
    }
    buf_add(&stream->out, "\n", 1);
    return r;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int parse_ids(struct stream *stream, struct str text)
{
    size_t line = stream->line, end;

    stream->tokens.count = 0;
    for (; text.len; text = str_skip(text, end)) {
        int64_t id;
        int32_t *slot;

        end = 0;
        if (is_space(text.p[0])) {
            line += text.p[0] == '\n';
            end = 1;
            continue;
        }
        while (end < text.len && !is_space(text.p[end]))
            end++;
        if (str_to_i64((struct str){text.p, end}, 10, &id) < 0 || id < 0 ||
            id >= (int64_t)tokenizer_vocab(stream->tokenizer))
            return err_set(stream->err, -EINVAL,
                           "line %zu of the input: '%.*s' is no token id: those of %s are 0 to %zu",
                           line, (int)(end < 40 ? end : 40), text.p, stream->options->path,
                           tokenizer_vocab(stream->tokenizer) - 1);
        slot = vec_push(&stream->tokens);
        if (!slot)
            return no_memory(stream->err);
        *slot = (int32_t)id;
    }
    return 0;
}

static int decode_text(struct stream *stream, struct str text)
{
    int r = parse_ids(stream, text);
    size_t bad;

    if (r < 0)
        return r;
    r = tokenizer_decode(stream->tokenizer, stream->tokens.items, stream->tokens.count,
                         &stream->out, &bad);
    if (stream->options->lines)
        buf_add(&stream->out, "\n", 1);
    return r < 0 ? no_memory(stream->err) : 0;
}

typedef int on_text(struct stream *stream, struct str text);

static int each_line(struct stream *stream, struct str *rest, on_text *act)
{
    const char *newline;
    int r = 0;

    while (r == 0 && (newline = memchr(rest->p, '\n', rest->len))) {
        struct str line = str_range(rest->p, newline);

        *rest = str_skip(*rest, line.len + 1);
        stream->line++;
        r = act(stream, line);
        if (r == 0 && stream->out.len > FLUSH_BYTES)
            r = flush(stream);
    }
    return r;
}

/* Reads stdin in pieces and hands on whole lines; the last may lack its newline. */
static int stream_lines(struct stream *stream, on_text *act)
{
    char *text = NULL;
    size_t len = 0, space = 0;
    ssize_t n = 1;
    int r = 0;

    while (r == 0 && n > 0) {
        struct str rest;

        if (len + READ_BYTES > space) {
            char *more = len > TEXT_BYTES_MAX ? NULL : realloc(text, (len + READ_BYTES) * 2);

            if (!more) {
                r = err_set(stream->err, -EFBIG, "line %zu of the input is too long",
                            stream->line + 1);
                break;
            }
            text = more;
            space = (len + READ_BYTES) * 2;
        }
        n = read(STDIN_FILENO, text + len, READ_BYTES);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        if (n < 0) {
            r = err_set(stream->err, -errno, "can't read: %s", strerror(errno));
            break;
        }
        rest = (struct str){text, len + (size_t)n};
        if (n > 0 && memchr(text + len, '\n', (size_t)n))
            r = each_line(stream, &rest, act);
        if (r == 0 && n == 0 && rest.len) {
            stream->line++;
            r = act(stream, rest);
            rest.len = 0;
        }
        memmove(text, rest.p, rest.len);
        len = rest.len;
    }
    free(text);
    return r;
}

static int stream_whole(struct stream *stream, on_text *act)
{
    char *text;
    size_t len;
    int r = file_read_stream(STDIN_FILENO, "stdin", TEXT_BYTES_MAX, &text, &len, stream->err);

    if (r < 0)
        return r;
    stream->line = 1;
    r = act(stream, (struct str){text, len});
    free(text);
    return r;
}

int token_stream_run(const struct token_stream *options, struct err *err)
{
    struct stream stream = {.options = options, .err = err};
    on_text *act = options->decode ? decode_text : encode_text;
    int r = tokenizer_load(options->path, &stream.tokenizer, err);

    if (r < 0)
        return r;
    stream.scratch = tokenizer_scratch_new();
    if (!stream.scratch)
        r = no_memory(err);
    else
        r = options->lines ? stream_lines(&stream, act) : stream_whole(&stream, act);
    if (r == 0)
        r = flush(&stream);
    tokenizer_free(stream.tokenizer);
    tokenizer_scratch_free(stream.scratch);
    vec_done(&stream.tokens);
    buf_done(&stream.out);
    return r;
}
