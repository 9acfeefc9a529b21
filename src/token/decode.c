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

int tokenizer_decode_one(const struct tokenizer *tokenizer, int32_t before, int32_t id,
                         struct buf *out)
{
    size_t count = tokenizer->pieces.count;
    const struct piece *piece;
    bool first;

    if (id < 0 || (size_t)id >= count || (before >= 0 && (size_t)before >= count))
        return -ERANGE;
    piece = meant(tokenizer, id);
    first = before < 0 || meant(tokenizer, before)->type == PIECE_CONTROL;
    if (piece->type == PIECE_BYTE)
        buf_add(out, (const char *)&piece->byte, 1);
    else
        (void)put_piece(tokenizer, piece, first, out);
    return out->failed ? -ENOMEM : 0;
}
