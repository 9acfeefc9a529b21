/* train/sampler - text from a model: seeded, a batch of prompts at a time, told as it grows. */
#ifndef TRAIN_SAMPLER_H
#define TRAIN_SAMPLER_H

#include "model/model.h"
#include "token/tokenizer.h"

#define SAMPLER_PROMPTS_MAX     256
#define SAMPLER_TEMPERATURE_MAX 100

struct sampler_options {
    size_t tokens;      /* at most so many new ones for each prompt */
    double temperature; /* 0: the likeliest, lowest index first */
    double top_p;       /* of the likeliest tokens whose probabilities reach this; 1: all */
    uint64_t seed;
    uint32_t step; /* draws are a function of (seed, step, prompt, place) */
};

/* Draw one of `count` logits. `draw` is uniform in [0, 1). The candidates are ranked by
 * probability, then by lowest index. `order` (count) is scratch. */
int32_t sampler_choose(const float *logits, size_t count, double temperature, double top_p,
                       double draw, int32_t *order);

/* The tokens of a prompt are added to *out: bos, where the tokenizer has it, and the text's. Where
 * that is nothing, the end-of-text token stands before what follows, as between documents. Returns
 * 0, -EINVAL (there is none either) or -ENOMEM, with a sentence. */
int sampler_prompt(const struct tokenizer *tokenizer, const char *text, struct tokens *out,
                   struct err *err);

/* Continue each prompt until the end-of-text token, the number of tokens, or the model's context.
 * token(arg, prompt, id) is told every new token as it comes; it returns false to stop that
 * prompt. Prompts are token ids with bos in front; none may be empty. Returns 0 or a negative errno
 * with a sentence, -EINVAL for options out of range. */
int sampler_run(struct model *model, const struct sampler_options *options,
                const struct tokens *prompts, size_t count,
                bool (*token)(void *arg, size_t prompt, int32_t id), void *arg, struct err *err);

/* One prompt's text with what follows it. */
int sampler_text(struct model *model, const struct tokenizer *tokenizer,
                 const struct sampler_options *options, const char *prompt, struct buf *out,
                 struct err *err);

#endif
