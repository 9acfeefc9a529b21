/* token/train - see train.h. */
#include "token/train.h"

#include "token/counting.h"
#include "token/learn.h"
#include "token/model.h"
#include "token/proto.h"

#include <errno.h>
#include <stdio.h>

#define COVERAGE         0.9995
#define PIECE_CHARS      16
#define BLANK_CODE       0x2581
#define PROGRESS_MERGES  256
#define BYTES            256
#define USER_DEFINED_MAX 32

struct char_count {
    uint64_t count;
    uint32_t code;
};

struct trainer {
    struct tokenizer_training training;
    struct wordcount words;
    VEC(struct char_count) chars; /* the most frequent first */
    int32_t *symbols;             /* by character; -1: not covered */
    struct learn *learn;
    VEC(struct str) merged;
    VEC(struct str) user_defined;
    struct err *err;
};

static int no_memory(struct trainer *trainer)
{
    return err_set(trainer->err, -ENOMEM, "no memory to learn pieces");
}

static int add_user_defined(struct trainer *trainer)
{
    static const char newlines[] = "\n\n\n\n\n\n\n\n\n\n", tabs[] = "\t\t\t\t\t\t\t\t";
    static const char digits[] = "0123456789";
    struct str texts[USER_DEFINED_MAX];
    size_t count = 0;

    for (size_t i = 1; i < sizeof(newlines); i++)
        texts[count++] = (struct str){newlines, i};
    for (size_t i = 0; trainer->training.split_digits && i < 10; i++)
        texts[count++] = (struct str){digits + i, 1};
    for (size_t i = 1; i < sizeof(tabs); i++)
        texts[count++] = (struct str){tabs, i};
    for (size_t i = 0; i < count; i++) {
        struct str *text = vec_push(&trainer->user_defined);

        if (!text)
            return no_memory(trainer);
        *text = texts[i];
    }
    return 0;
}

static int by_count(const void *a, const void *b)
{
    const struct char_count *x = a, *y = b;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->code > y->code) - (x->code < y->code);
}

/* Every character of the words, with its count; the blank as if it were the most frequent. *total:
 * of all others. */
static int count_chars(struct trainer *trainer, uint64_t *total)
{
    uint64_t *counts = calloc(UTF8_CODES, sizeof(*counts));
    uint32_t code = 0;
    size_t used;

    if (!counts)
        return no_memory(trainer);
    *total = 0;
    for (size_t i = 0; i < trainer->words.words.count; i++) {
        const struct counted *word = &trainer->words.words.items[i];
        struct str text = counted_text(&trainer->words, word);

        for (; text.len; text = str_skip(text, used)) {
            used = utf8_decode(text.p, text.len, &code);
            counts[code] += word->count;
            *total += word->count;
        }
    }
    *total -= counts[BLANK_CODE];
    counts[BLANK_CODE] = UINT64_MAX;
    for (code = 0; code < UTF8_CODES; code++) {
        struct char_count *added = counts[code] ? vec_push(&trainer->chars) : NULL;

        if (added)
            *added = (struct char_count){counts[code], code};
        else if (counts[code])
            break;
    }
    free(counts);
    return code < UTF8_CODES ? no_memory(trainer) : 0;
}

/* Keeps the characters that cover enough, and makes symbols of them. */
static int choose_chars(struct trainer *trainer)
{
    double coverage = trainer->training.character_coverage;
    uint64_t total = 0, covered = 0;
    size_t kept = 0;
    int r = count_chars(trainer, &total);

    if (r < 0)
        return r;
    trainer->symbols = malloc(UTF8_CODES * sizeof(*trainer->symbols));
    if (!trainer->symbols)
        return no_memory(trainer);
    for (size_t i = 0; i < UTF8_CODES; i++)
        trainer->symbols[i] = -1;
    qsort(trainer->chars.items, trainer->chars.count, sizeof(*trainer->chars.items), by_count);
    for (; kept < trainer->chars.count && (!kept || (double)covered < coverage * (double)total);
         kept++) {
        uint32_t code = trainer->chars.items[kept].code;
        char text[4];
        int32_t symbol = learn_add_symbol(
            trainer->learn, (struct str){text, utf8_encode(code, text)}, code == BLANK_CODE);

        if (symbol < 0)
            return no_memory(trainer);
        trainer->symbols[code] = symbol;
        covered += code == BLANK_CODE ? 0 : trainer->chars.items[kept].count;
    }
    trainer->chars.count = kept;
    return 0;
}

/* A word is cut at characters that are not covered. */
static int add_word(struct trainer *trainer, const struct counted *word)
{
    struct str text = counted_text(&trainer->words, word);
    int32_t symbols[WORDCOUNT_CHARS_MAX];
    size_t count = 0, used;
    uint32_t code = 0;
    int r = 0;

    for (; text.len && r == 0; text = str_skip(text, used)) {
        used = utf8_decode(text.p, text.len, &code);
        if (trainer->symbols[code] >= 0) {
            symbols[count++] = trainer->symbols[code];
            continue;
        }
        r = learn_add_word(trainer->learn, symbols, count, word->count);
        count = 0;
    }
    if (r == 0)
        r = learn_add_word(trainer->learn, symbols, count, word->count);
    return r < 0 ? no_memory(trainer) : 0;
}

static size_t fixed_pieces(const struct trainer *trainer)
{
    return 4 + trainer->user_defined.count + BYTES + trainer->chars.count;
}

/* How many merges are wanted at most. */
static int count_merges(const struct trainer *trainer, size_t *out)
{
    const struct tokenizer_training *training = &trainer->training;
    size_t fixed = fixed_pieces(trainer), vocab = training->vocab;

    if (!vocab) /* room for as many words as there are characters */
        vocab = 2 * fixed > TOKENIZER_VOCAB ? 2 * fixed : TOKENIZER_VOCAB;
    if (vocab < fixed)
        return err_set(trainer->err, -EINVAL,
                       "a vocabulary of %zu is too small: %zu are taken by specials, bytes and the "
                       "characters that cover %g of the text",
                       vocab, fixed, training->character_coverage);
    *out = vocab - fixed;
    return 0;
}

static int learn_pieces(struct trainer *trainer)
{
    const struct tokenizer_training *training = &trainer->training;
    size_t fixed = fixed_pieces(trainer), wanted = 0;
    int r = count_merges(trainer, &wanted);

    for (size_t i = 0; i < trainer->words.words.count && r == 0; i++)
        r = add_word(trainer, &trainer->words.words.items[i]);
    while (r == 0 && trainer->merged.count < wanted) {
        struct str text, *merged;

        if (training->progress && trainer->merged.count % PROGRESS_MERGES == 0)
            training->progress(training->arg, (double)trainer->merged.count / (double)wanted);
        r = learn_merge(trainer->learn, &text);
        if (r == LEARN_ENOUGH && !training->vocab)
            break;
        if (r == LEARN_ENOUGH)
            return err_set(trainer->err, -EINVAL,
                           "the text gives a vocabulary of %zu, not of %zu: ask for less, or give "
                           "more text",
                           fixed + trainer->merged.count, training->vocab);
        merged = r == 0 ? vec_push(&trainer->merged) : NULL;
        if (!merged)
            return no_memory(trainer);
        *merged = text;
    }
    trainer->training.vocab = fixed + trainer->merged.count;
    return r < 0 ? r : 0;
}

static void put_piece(struct buf *model, struct str text, float score, enum piece_type type)
{
    struct buf piece = {0};

    proto_put_bytes(&piece, 1, text);
    proto_put_float(&piece, 2, score);
    if (type != PIECE_NORMAL)
        proto_put_varint(&piece, 3, type);
    proto_put_bytes(model, 1, (struct str){piece.p, piece.len});
    model->failed |= piece.failed;
    buf_done(&piece);
}

static const char *const special_names[] = {"[PAD]", "[BOS]", "[EOS]", "[UNK]"};

static void put_pieces(const struct trainer *trainer, struct buf *model)
{
    size_t rank = 0;
    char text[8];

    for (size_t i = 0; i < ARRAY_LEN(special_names); i++)
        put_piece(model, str_of(special_names[i]), 0,
                  i + 1 < ARRAY_LEN(special_names) ? PIECE_CONTROL : PIECE_UNKNOWN);
    for (size_t i = 0; i < trainer->user_defined.count; i++)
        put_piece(model, trainer->user_defined.items[i], 0, PIECE_USER_DEFINED);
    for (unsigned byte = 0; byte < BYTES; byte++) {
        (void)snprintf(text, sizeof(text), "<0x%02X>", byte);
        put_piece(model, str_of(text), 0, PIECE_BYTE);
    }
    for (size_t i = 0; i < trainer->merged.count; i++)
        put_piece(model, trainer->merged.items[i], -(float)rank++, PIECE_NORMAL);
    for (size_t i = 0; i < trainer->chars.count; i++)
        put_piece(model, (struct str){text, utf8_encode(trainer->chars.items[i].code, text)},
                  -(float)rank++, PIECE_NORMAL);
}

/* Fields of TrainerSpec and NormalizerSpec in sentencepiece_model.proto. */
static void put_specs(const struct trainer *trainer, struct buf *model)
{
    static const struct {
        uint32_t number, value;
    } numbers[] = {
        {3, 2},  /* model_type: BPE */
        {22, 1}, /* split_by_whitespace */
        {23, 1}, /* split_by_number */
        {26, 1}, /* allow_whitespace_only_pieces */
        {35, 1}, /* byte_fallback */
        {40, 3}, /* unk_id, bos_id, eos_id, pad_id */
        {41, 1}, {42, 2}, {43, 0},
    };
    static const uint32_t names[] = {48, 46, 47, 45}; /* of special_names */
    struct buf spec = {0};

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        proto_put_varint(&spec, numbers[i].number, numbers[i].value);
    proto_put_varint(&spec, 4, trainer->training.vocab);
    proto_put_float(&spec, 10, (float)trainer->training.character_coverage);
    proto_put_varint(&spec, 20, trainer->training.piece_chars_max);
    proto_put_varint(&spec, 25, trainer->training.split_digits);
    for (size_t i = 0; i < trainer->user_defined.count; i++)
        proto_put_bytes(&spec, 31, trainer->user_defined.items[i]);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        proto_put_bytes(&spec, names[i], str_of(special_names[i]));
    proto_put_bytes(model, 2, (struct str){spec.p, spec.len});
    model->failed |= spec.failed;
    buf_clear(&spec);
    proto_put_bytes(&spec, 1, STR("identity"));
    proto_put_bytes(&spec, 2, STR(""));
    proto_put_varint(&spec, 3, 1); /* add_dummy_prefix */
    proto_put_varint(&spec, 4, 0); /* remove_extra_whitespaces */
    proto_put_varint(&spec, 5, 1); /* escape_whitespaces */
    proto_put_bytes(model, 3, (struct str){spec.p, spec.len});
    model->failed |= spec.failed;
    buf_done(&spec);
}

static int check_training(const struct tokenizer_training *training, struct err *err)
{
    if (training->vocab > TOKENIZER_PIECES_MAX)
        return err_set(err, -EINVAL, "a vocabulary of %zu is too large: at most %d",
                       training->vocab, TOKENIZER_PIECES_MAX);
    if (!(training->character_coverage > 0 && training->character_coverage <= 1))
        return err_set(err, -EINVAL, "a character coverage of %g is not above 0 and at most 1",
                       training->character_coverage);
    if (training->piece_chars_max > WORDCOUNT_CHARS_MAX)
        return err_set(err, -EINVAL, "pieces of %zu characters are too long: at most %d",
                       training->piece_chars_max, WORDCOUNT_CHARS_MAX);
    return 0;
}

int tokenizer_train(const struct tokenizer_training *training, struct buf *model, struct err *err)
{
    struct trainer trainer = {.training = *training, .err = err};
    int r;

    if (!trainer.training.character_coverage)
        trainer.training.character_coverage = COVERAGE;
    if (!trainer.training.piece_chars_max)
        trainer.training.piece_chars_max = PIECE_CHARS;
    r = check_training(&trainer.training, err);
    if (r < 0)
        return r;
    trainer.words.digits_apart = training->split_digits;
    trainer.learn = learn_new((uint32_t)trainer.training.piece_chars_max);
    r = trainer.learn ? add_user_defined(&trainer) : no_memory(&trainer);
    if (r == 0)
        r = count_words(&trainer.training, &trainer.words, err);
    if (r == 0) {
        wordcount_sort(&trainer.words);
        r = choose_chars(&trainer);
    }
    if (r == 0)
        r = learn_pieces(&trainer);
    if (r == 0) {
        put_pieces(&trainer, model);
        put_specs(&trainer, model);
        r = model->failed ? no_memory(&trainer) : 0;
    }
    wordcount_done(&trainer.words);
    vec_done(&trainer.chars);
    free(trainer.symbols);
    learn_free(trainer.learn);
    vec_done(&trainer.merged);
    vec_done(&trainer.user_defined);
    return r;
}
