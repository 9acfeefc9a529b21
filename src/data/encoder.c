#include "data/encoder.h"

#include <errno.h>

#define BLANK "\xe2\x96\x81" /* U+2581, which stands for a blank in SentencePiece's pieces */

static void *new_scratch(void *arg)
{
    (void)arg;
    return tokenizer_scratch_new();
}

static void free_scratch(void *scratch)
{
    tokenizer_scratch_free(scratch);
}

static int encode(void *arg, void *scratch, struct str text, struct tokens *out)
{
    return tokenizer_encode(arg, scratch, text, out);
}

/* The model's "add_dummy_prefix", seen by what it does. */
static int find_blank(const struct tokenizer *tokenizer, bool *adds)
{
    struct tokenizer_scratch *scratch = tokenizer_scratch_new();
    struct tokens tokens = {0};
    int r = scratch ? tokenizer_encode(tokenizer, scratch, STR("a"), &tokens) : -ENOMEM;

    *adds = false;
    if (r == 0 && tokens.count && tokenizer_kind_of(tokenizer) == TOKENIZER_SENTENCEPIECE) {
        float score;
        int type;

        *adds = str_starts(tokenizer_piece(tokenizer, tokens.items[0], &score, &type), BLANK);
    }
    vec_done(&tokens);
    tokenizer_scratch_free(scratch);
    return r;
}

int encoder_of_tokenizer(const struct tokenizer *tokenizer, struct encoder *out)
{
    *out = (struct encoder){
        .bytes = tokenizer_bytes(tokenizer),
        .hash = tokenizer_hash(tokenizer),
        .vocab = tokenizer_vocab(tokenizer),
        .bos = tokenizer_special_id(tokenizer, TOKENIZER_BOS),
        .eos = tokenizer_special_id(tokenizer, TOKENIZER_EOS),
        .pad = tokenizer_special_id(tokenizer, TOKENIZER_PAD),
        .arg = (void *)tokenizer,
        .scratch_new = new_scratch,
        .scratch_free = free_scratch,
        .encode = encode,
    };
    return find_blank(tokenizer, &out->adds_blank);
}
