/* token/sentencepiece - the model of the SentencePiece library: pieces with scores, and how text is
 * normalised. What can't be done exactly as the library does it is refused. */
#include "token/merges.h"
#include "token/proto.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

/* Numbers of the fields of sentencepiece_model.proto. */
enum { MODEL_PIECE = 1, MODEL_TRAINER = 2, MODEL_NORMALIZER = 3, MODEL_DENORMALIZER = 5 };
enum { FIELD_TEXT = 1, FIELD_SCORE = 2, FIELD_TYPE = 3 };
enum { TRAINER_TYPE = 3, TRAINER_BLANK_IS_SUFFIX = 24, TRAINER_BYTE_FALLBACK = 35 };
enum { TRAINER_UNKNOWN_TEXT = 44, TRAINER_UNKNOWN_PIECE = 45 }; /* then bos, eos and pad */
enum { NORMALIZER_CHARSMAP = 2, NORMALIZER_DUMMY = 3, NORMALIZER_EXTRA = 4, NORMALIZER_ESCAPE = 5 };
enum { TYPE_BPE = 2 };

/* What parsing knows and encoding does not need. */
struct reading {
    struct tokenizer *tokenizer;
    struct names mergeable, reserved; /* pieces that text may become, and the others */
    struct str special_pieces[4];     /* by enum tokenizer_special */
    uint64_t type;
    struct err *err;
};

static int cut_off(struct reading *reading, const char *what)
{
    return err_set(reading->err, -EINVAL, "no SentencePiece model: %s is cut off or damaged", what);
}

static int check_text(struct reading *reading, size_t index, struct str text)
{
    uint32_t code;
    size_t used;

    if (!text.len || text.len >= PIECE_BYTES_MAX)
        return err_set(reading->err, -EINVAL, "piece %zu has %zu bytes", index, text.len);
    for (; text.len; text = str_skip(text, used)) {
        used = utf8_decode(text.p, text.len, &code);
        if (!used || !code)
            return err_set(reading->err, -EINVAL, "piece %zu is not UTF-8 text", index);
    }
    return 0;
}

static int read_piece(struct reading *reading, struct str message)
{
    struct tokenizer *tokenizer = reading->tokenizer;
    size_t index = tokenizer->pieces.count;
    struct proto_field field;
    struct piece *piece;
    int r;

    if (index == TOKENIZER_PIECES_MAX)
        return err_set(reading->err, -EFBIG, "more than %d pieces", TOKENIZER_PIECES_MAX);
    piece = vec_push(&tokenizer->pieces);
    if (!piece)
        return err_set(reading->err, -ENOMEM, "no memory for the pieces");
    piece->type = PIECE_NORMAL;
    while ((r = proto_next(&message, &field)) > 0) {
        if (field.number == FIELD_TEXT && field.type == PROTO_BYTES)
            piece->text = field.bytes;
        if (field.number == FIELD_SCORE && field.type == PROTO_FIXED32)
            piece->score = proto_float(&field);
        if (field.number == FIELD_TYPE && field.type == PROTO_VARINT && field.value >= 1 &&
            field.value <= PIECE_BYTE)
            piece->type = (enum piece_type)field.value;
    }
    if (r < 0)
        return cut_off(reading, "a piece");
    if (!isfinite(piece->score))
        return err_set(reading->err, -EINVAL, "piece %zu has no finite score", index);
    return check_text(reading, index, piece->text);
}

static int read_trainer(struct reading *reading, struct str message)
{
    struct tokenizer *tokenizer = reading->tokenizer;
    struct proto_field field;
    int r;

    while ((r = proto_next(&message, &field)) > 0) {
        bool number = field.type == PROTO_VARINT;

        if (field.number == TRAINER_TYPE && number)
            reading->type = field.value;
        else if (field.number == TRAINER_BLANK_IS_SUFFIX && number)
            tokenizer->normalizer.blank_is_suffix = field.value != 0;
        else if (field.number == TRAINER_BYTE_FALLBACK && number)
            tokenizer->byte_fallback = field.value != 0;
        else if (field.number == TRAINER_UNKNOWN_TEXT && !number)
            tokenizer->unknown_text = field.bytes;
        else if (field.number >= TRAINER_UNKNOWN_PIECE &&
                 field.number < TRAINER_UNKNOWN_PIECE + ARRAY_LEN(reading->special_pieces) &&
                 field.type == PROTO_BYTES && field.bytes.len)
            reading->special_pieces[field.number - TRAINER_UNKNOWN_PIECE] = field.bytes;
    }
    return r < 0 ? cut_off(reading, "the trainer's part") : 0;
}

static int read_normalizer(struct reading *reading, struct str message)
{
    struct normalizer *normalizer = &reading->tokenizer->normalizer;
    struct str charsmap = {0};
    struct proto_field field;
    int r;

    while ((r = proto_next(&message, &field)) > 0) {
        if (field.number == NORMALIZER_CHARSMAP && field.type == PROTO_BYTES)
            charsmap = field.bytes;
        if (field.type != PROTO_VARINT)
            continue;
        if (field.number == NORMALIZER_DUMMY)
            normalizer->dummy_prefix = field.value != 0;
        if (field.number == NORMALIZER_EXTRA)
            normalizer->remove_extra_blanks = field.value != 0;
        if (field.number == NORMALIZER_ESCAPE)
            normalizer->escape_blanks = field.value != 0;
    }
    if (r < 0)
        return cut_off(reading, "the normaliser's part");
    return normalizer_set_charsmap(normalizer, charsmap, reading->err);
}

static int refuse_denormalizer(struct reading *reading, struct str message)
{
    struct proto_field field;
    int r;

    while ((r = proto_next(&message, &field)) > 0)
        if (field.number == NORMALIZER_CHARSMAP && field.type == PROTO_BYTES && field.bytes.len)
            return err_set(reading->err, -EINVAL,
                           "the model denormalises what it decodes, which is not supported");
    return r < 0 ? cut_off(reading, "the denormaliser's part") : 0;
}

static int read_model(struct reading *reading)
{
    static int (*const parts[])(struct reading *, struct str) = {
        [MODEL_PIECE] = read_piece,
        [MODEL_TRAINER] = read_trainer,
        [MODEL_NORMALIZER] = read_normalizer,
        [MODEL_DENORMALIZER] = refuse_denormalizer,
    };
    struct str rest = {reading->tokenizer->bytes, reading->tokenizer->len};
    struct proto_field field;
    int r;

    while ((r = proto_next(&rest, &field)) > 0) {
        if (field.number >= ARRAY_LEN(parts) || !parts[field.number] || field.type != PROTO_BYTES)
            continue;
        r = parts[field.number](reading, field.bytes);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return cut_off(reading, "a field");
    if (!reading->tokenizer->pieces.count)
        return err_set(reading->err, -EINVAL, "neither a SentencePiece model nor tiktoken's ranks");
    if (reading->type != TYPE_BPE)
        return err_set(reading->err, -EINVAL,
                       "the SentencePiece model is of another type than BPE (%d; 1 is unigram)",
                       (int)reading->type);
    return 0;
}

/* The id that a text means to the library. */
static int32_t id_of(const struct reading *reading, struct str text)
{
    int32_t id = names_find(&reading->reserved, text);

    return id >= 0 ? id : names_find(&reading->mergeable, text);
}

static int note_byte(struct reading *reading, int32_t id)
{
    struct tokenizer *tokenizer = reading->tokenizer;
    struct piece *piece = &tokenizer->pieces.items[id];
    struct str text = piece->text;
    int high = text.len == 6 ? char_hex(text.p[3]) : -1;
    int low = text.len == 6 ? char_hex(text.p[4]) : -1;
    char name[8];

    piece->byte = (unsigned char)((high < 0 ? 0 : high) << 4 | (low < 0 ? 0 : low));
    (void)snprintf(name, sizeof(name), "<0x%02X>", piece->byte);
    if (!str_is(text, name))
        return err_set(reading->err, -EINVAL, "byte piece %d is not called like <0x0A>", (int)id);
    if (!tokenizer->byte_fallback)
        return err_set(reading->err, -EINVAL, "byte piece %s without byte fallback", name);
    tokenizer->byte_ids[piece->byte] = id;
    return 0;
}

static int note_piece(struct reading *reading, int32_t id)
{
    struct tokenizer *tokenizer = reading->tokenizer;
    struct piece *piece = &tokenizer->pieces.items[id];
    struct names *names = piece_mergeable(piece) ? &reading->mergeable : &reading->reserved;

    uint32_t code;

    if (names_add(names, piece->text, id) < 0)
        return err_set(reading->err, -EINVAL, "piece %d is there twice: %.*s", (int)id,
                       STR_ARG(piece->text));
    if (piece->type == PIECE_CONTROL &&
        utf8_decode(piece->text.p, piece->text.len, &code) == piece->text.len)
        return err_set(reading->err, -EINVAL,
                       "control piece %d is one character, which text would be taken for", (int)id);
    if (piece->type == PIECE_UNUSED)
        tokenizer->has_unused = true;
    if (piece->type == PIECE_USER_DEFINED &&
        matcher_add(&tokenizer->user_defined, piece->text, id) < 0)
        return err_set(reading->err, -ENOMEM, "no memory for the pieces");
    if (piece->type == PIECE_UNKNOWN) {
        if (tokenizer->specials[TOKENIZER_UNK] >= 0)
            return err_set(reading->err, -EINVAL, "pieces %d and %d are both the unknown one",
                           (int)tokenizer->specials[TOKENIZER_UNK], (int)id);
        tokenizer->specials[TOKENIZER_UNK] = id;
    }
    return piece->type == PIECE_BYTE ? note_byte(reading, id) : 0;
}

static int note_pieces(struct reading *reading)
{
    struct tokenizer *tokenizer = reading->tokenizer;
    size_t count = tokenizer->pieces.count, mergeable = 0;
    int r = 0;

    for (size_t i = 0; i < count; i++)
        mergeable += piece_mergeable(&tokenizer->pieces.items[i]);
    if (names_init(&reading->mergeable, mergeable) < 0 ||
        names_init(&reading->reserved, count - mergeable) < 0)
        return err_set(reading->err, -ENOMEM, "no memory for the pieces");
    for (size_t i = 0; i < count && r == 0; i++)
        r = note_piece(reading, (int32_t)i);
    if (r < 0)
        return r;
    if (tokenizer->specials[TOKENIZER_UNK] < 0)
        return err_set(reading->err, -EINVAL, "the model has no unknown piece");
    for (size_t i = 0; tokenizer->byte_fallback && i < 256; i++)
        if (tokenizer->byte_ids[i] < 0)
            return err_set(reading->err, -EINVAL, "byte fallback without the piece <0x%02X>",
                           (unsigned)i);
    for (size_t i = TOKENIZER_BOS; i < ARRAY_LEN(reading->special_pieces); i++) {
        int32_t id = id_of(reading, reading->special_pieces[i]);

        if (id >= 0 && tokenizer->pieces.items[id].type == PIECE_CONTROL)
            tokenizer->specials[i] = id;
    }
    for (size_t i = 0; i < count; i++) {
        struct piece *piece = &tokenizer->pieces.items[i];

        piece->decoded_as = names_find(&reading->reserved, piece->text);
        if (piece->decoded_as < 0)
            piece->decoded_as = (int32_t)i;
        if (piece_mergeable(piece) &&
            tokenizer->pieces.items[piece->decoded_as].type == PIECE_CONTROL)
            return err_set(reading->err, -EINVAL, "piece %zu is a control piece too: %.*s", i,
                           STR_ARG(piece->text));
    }
    return 0;
}

int sentencepiece_parse(struct tokenizer *tokenizer, struct err *err)
{
    struct reading reading = {
        .tokenizer = tokenizer,
        .special_pieces = {STR("<unk>"), STR("<s>"), STR("</s>"), STR("<pad>")},
        .type = 1, /* what the library takes when nothing is said */
        .err = err,
    };
    int r;

    tokenizer->kind = TOKENIZER_SENTENCEPIECE;
    tokenizer->unknown_text = STR(" \xe2\x81\x87 ");
    tokenizer->normalizer = (struct normalizer){
        .dummy_prefix = true,
        .remove_extra_blanks = true,
        .escape_blanks = true,
        .kept = &tokenizer->user_defined,
    };
    r = read_model(&reading);
    if (r == 0)
        r = note_pieces(&reading);
    if (r == 0)
        r = merges_make(tokenizer, &reading.mergeable, err);
    names_done(&reading.mergeable);
    names_done(&reading.reserved);
    return r;
}
