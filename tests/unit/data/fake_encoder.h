/* A tokenizer for tests: a token is a word with the blanks before it; a blank is put in front of
 * the text, as SentencePiece does. */
#ifndef FAKE_ENCODER_H
#define FAKE_ENCODER_H

#include "base/hash.h"
#include "data/encoder.h"

#include <errno.h>

enum { FAKE_PAD, FAKE_BOS, FAKE_EOS, FAKE_WORDS };

static void *fake_scratch_new(void *arg)
{
    (void)arg;
    return malloc(1);
}

static int fake_encode(void *arg, void *scratch, struct str text, struct tokens *out)
{
    const struct encoder *encoder = arg;
    uint64_t blanks = 1;

    (void)scratch;
    while (text.len || blanks) {
        size_t word = 0;
        int32_t *token;

        for (; text.len && *text.p == ' '; text = str_skip(text, 1))
            blanks++;
        while (word < text.len && text.p[word] != ' ')
            word++;
        token = vec_push(out);
        if (!token)
            return -ENOMEM;
        *token = (int32_t)(FAKE_WORDS +
                           hash_mix(hash64(text.p, word), blanks) % (encoder->vocab - FAKE_WORDS));
        text = str_skip(text, word);
        blanks = 0;
    }
    return 0;
}

static inline struct encoder fake_encoder(size_t vocab)
{
    return (struct encoder){.bytes = STR("a model"),
                            .hash = 0x1234567890abcdef,
                            .vocab = vocab,
                            .bos = FAKE_BOS,
                            .eos = FAKE_EOS,
                            .pad = FAKE_PAD,
                            .adds_blank = true,
                            .scratch_new = fake_scratch_new,
                            .scratch_free = free,
                            .encode = fake_encode};
}

#endif
