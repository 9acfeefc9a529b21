/* token/decode - tokens to text. */
#include "token/model.h"

#include <errno.h>

/* The library looks pieces up by their texts, and two may have the same. */
static const struct piece *meant(const struct tokenizer *tokenizer, int32_t id)
{
    return &tokenizer->pieces.items[tokenizer->pieces.items[id].decoded_as];
}

/* The text of a piece that is no byte. `first`: nothing is before it, so that the blank which the
 * normaliser put there goes. Says whether one went. */
static bool put_piece(const struct tokenizer *tokenizer, const struct piece *piece, bool first,
                      struct buf *out)
{
    const struct normalizer *normalizer = &tokenizer->normalizer;
    struct str text = piece->text, blank = STR(UTF8_BLANK);
    bool went = false;

    if (piece->type == PIECE_CONTROL)
        return false;
    if (piece->type == PIECE_UNKNOWN) {
        buf_add(out, tokenizer->unknown_text.p, tokenizer->unknown_text.len);
        return false;
    }
    if (tokenizer->kind == TOKENIZER_TIKTOKEN) {
        buf_add(out, text.p, text.len);
        return false;
    }
    if (first && (normalizer->dummy_prefix || normalizer->remove_extra_blanks) &&
        str_starts(text, UTF8_BLANK)) {
        text = str_skip(text, blank.len);
        went = !normalizer->remove_extra_blanks;
    }
    while (text.len) {
        ptrdiff_t at = str_find(text, UTF8_BLANK);
        size_t len = at < 0 ? text.len : (size_t)at;

        buf_add(out, text.p, len);
        text = str_skip(text, len);
        if (text.len) {
            buf_add(out, " ", 1);
            text = str_skip(text, blank.len);
        }
    }
    return went;
}

/* Bytes that pieces stand for, from out->p[begin] on: what is no UTF-8 becomes U+FFFD, each byte
 * for itself. */
static void mend_bytes(struct buf *out, size_t begin)
{
    struct buf mended = {0};
    struct str rest = {out->p + begin, out->len - begin};
    size_t used;
    uint32_t code;

    if (out->failed)
        return;
    for (; rest.len; rest = str_skip(rest, used)) {
        used = utf8_decode(rest.p, rest.len, &code);
        if (used)
            buf_add(&mended, rest.p, used);
        else
            buf_puts(&mended, UTF8_REPLACEMENT);
        used += !used;
    }
    out->len = begin;
    buf_add(out, mended.p, mended.len);
    out->failed |= mended.failed;
    buf_done(&mended);
}

static size_t put_bytes(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                        struct buf *out)
{
    size_t begin = out->len, i = 0;

    for (; i < count; i++) {
        const struct piece *piece = meant(tokenizer, ids[i]);

        if (piece->type != PIECE_BYTE)
            break;
        buf_add(out, (const char *)&piece->byte, 1);
    }
    if (i)
        mend_bytes(out, begin);
    return i;
}

int tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                     struct buf *out, size_t *bad)
{
    size_t begin = out->len;
    bool first = true;

    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= tokenizer->pieces.count) {
            *bad = i;
            return -ERANGE;
        }
    for (size_t i = 0; i < count;) {
        const struct piece *piece = meant(tokenizer, ids[i]);

        if (piece->type == PIECE_BYTE) {
            i += put_bytes(tokenizer, ids + i, count - i, out);
            continue;
        }
        first &= out->len == begin;
        first &= !put_piece(tokenizer, piece, first, out);
        i++;
    }
    return out->failed ? -ENOMEM : 0;
}

/* How many bytes the character has that begins so; 1 where none does. */
static size_t char_bytes(unsigned char first)
{
    return first < 0xc0 || first >= 0xf8 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Are these bytes the begin of a character that the next ones may complete? */
static bool may_go_on(const struct tokenizer_stream *stream)
{
    for (size_t i = 1; i < stream->count; i++)
        if (((unsigned char)stream->bytes[i] & 0xc0) != 0x80)
            return false;
    return stream->count < char_bytes((unsigned char)stream->bytes[0]);
}

/* What of the bytes is certain: characters, and U+FFFD for those that can't be of one. */
static void put_certain(struct tokenizer_stream *stream, bool end, struct buf *out)
{
    while (stream->count && (end || !may_go_on(stream))) {
        uint32_t code;
        size_t used = utf8_decode(stream->bytes, stream->count, &code);

        if (used)
            buf_add(out, stream->bytes, used);
        else
            buf_puts(out, UTF8_REPLACEMENT);
        used += !used;
        stream->count -= used;
        memmove(stream->bytes, stream->bytes + used, stream->count);
    }
}

int tokenizer_decode_next(const struct tokenizer *tokenizer, struct tokenizer_stream *stream,
                          int32_t id, struct buf *out)
{
    const struct piece *piece;
    size_t before = out->len;

    if (id < 0 || (size_t)id >= tokenizer->pieces.count)
        return -ERANGE;
    piece = meant(tokenizer, id);
    if (piece->type == PIECE_BYTE) {
        stream->begun = true;
        stream->bytes[stream->count++] = (char)piece->byte;
        put_certain(stream, false, out);
    } else {
        put_certain(stream, true, out);
        stream->begun |= put_piece(tokenizer, piece, !stream->begun, out);
        stream->begun |= out->len > before;
    }
    return out->failed ? -ENOMEM : 0;
}

int tokenizer_decode_end(struct tokenizer_stream *stream, struct buf *out)
{
    put_certain(stream, true, out);
    *stream = (struct tokenizer_stream){0};
    return out->failed ? -ENOMEM : 0;
}
