/* A SentencePiece model made of rows. */
#ifndef MODEL_OF_H
#define MODEL_OF_H

#include "token/proto.h"
#include "token/tokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE };

struct row {
    const char *text;
    float score;
    int type;
};

struct model_options {
    bool bytes, no_dummy, remove_extra, suffix, unigram, denormalizer;
    struct str charsmap;
    const char *unknown_text;
};

static inline void model_put_piece(struct buf *model, struct row row)
{
    struct buf piece = {0};

    proto_put_bytes(&piece, 1, str_of(row.text));
    proto_put_float(&piece, 2, row.score);
    proto_put_varint(&piece, 3, (uint64_t)row.type);
    proto_put_bytes(model, 1, (struct str){piece.p, piece.len});
    buf_done(&piece);
}

/* The rows, and with `bytes` the 256 byte pieces behind them. */
static inline struct buf model_of(const struct row *rows, size_t count,
                                  struct model_options options)
{
    struct buf model = {0}, spec = {0};
    char name[8];

    for (size_t i = 0; i < count; i++)
        model_put_piece(&model, rows[i]);
    for (unsigned i = 0; options.bytes && i < 256; i++) {
        (void)snprintf(name, sizeof(name), "<0x%02X>", i);
        model_put_piece(&model, (struct row){name, 0, BYTE});
    }
    proto_put_varint(&spec, 3, options.unigram ? 1 : 2);
    proto_put_varint(&spec, 24, options.suffix);
    proto_put_varint(&spec, 35, options.bytes);
    if (options.unknown_text)
        proto_put_bytes(&spec, 44, str_of(options.unknown_text));
    proto_put_bytes(&model, 2, (struct str){spec.p, spec.len});
    buf_clear(&spec);
    proto_put_bytes(&spec, 2, options.charsmap);
    proto_put_varint(&spec, 3, !options.no_dummy);
    proto_put_varint(&spec, 4, options.remove_extra);
    proto_put_bytes(&model, 3, (struct str){spec.p, spec.len});
    buf_clear(&spec);
    if (options.denormalizer) {
        proto_put_bytes(&spec, 2, STR("table"));
        proto_put_bytes(&model, 5, (struct str){spec.p, spec.len});
    }
    buf_done(&spec);
    assert_false(model.failed);
    return model;
}

static inline struct tokenizer *tokenizer_of(struct buf model)
{
    struct tokenizer *tokenizer = NULL;
    struct err err = {0};

    if (tokenizer_parse("model", model.p, model.len, &tokenizer, &err) < 0)
        fail_msg("%s", err.text);
    buf_done(&model);
    return tokenizer;
}

/* Ids as text: "3 17 4". */
static inline struct buf ids_text(const struct tokens *tokens)
{
    struct buf text = {0};

    buf_puts(&text, "");
    for (size_t i = 0; i < tokens->count; i++)
        buf_printf(&text, "%s%d", i ? " " : "", (int)tokens->items[i]);
    return text;
}

static inline void assert_encodes(const struct tokenizer *tokenizer, struct str text,
                                  const char *want)
{
    struct tokenizer_scratch *scratch = tokenizer_scratch_new();
    struct tokens tokens = {0};
    struct buf got;

    assert_non_null(scratch);
    for (int again = 0; again < 2; again++) { /* the second time from memory */
        tokens.count = 0;
        assert_int_equal(tokenizer_encode(tokenizer, scratch, text, &tokens), 0);
        got = ids_text(&tokens);
        assert_string_equal(got.p, want);
        buf_done(&got);
    }
    vec_done(&tokens);
    tokenizer_scratch_free(scratch);
}

#endif
