/* data/encoder - what building needs of a tokenizer, as a table of functions. */
#ifndef DATA_ENCODER_H
#define DATA_ENCODER_H

#include "base/err.h"
#include "token/tokenizer.h"

struct encoder {
    struct str bytes; /* of the model, which is copied beside the shards */
    uint64_t hash;
    size_t vocab;
    int32_t bos, eos, pad; /* -1: none */
    /* It puts a blank in front of each text, so a text that is cut before a blank loses it. */
    bool adds_blank;
    void *arg;
    void *(*scratch_new)(void *arg); /* one a thread */
    void (*scratch_free)(void *scratch);
    int (*encode)(void *arg, void *scratch, struct str text, struct tokens *out);
};

/* `tokenizer` is lent. Returns 0 or -ENOMEM. */
int encoder_of_tokenizer(const struct tokenizer *tokenizer, struct encoder *out);

#endif
