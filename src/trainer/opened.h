/* trainer/opened - a trained model from its checkpoint, to use it. */
#ifndef TRAINER_OPENED_H
#define TRAINER_OPENED_H

#include "model/model.h"
#include "token/tokenizer.h"
#include "train/meta.h"

struct opened {
    char path[4500]; /* of the checkpoint that was read */
    struct meta *meta;
    struct exec exec;
    struct model *model;
    struct tokenizer *tokenizer; /* NULL: none lay beside it */
};

struct open_options {
    size_t batch,
        time;        /* 0, 0: as in training; the most that model_loss and model_logits will see */
    int64_t threads; /* 0: one a CPU */
    const char *kernels;   /* NULL: the best */
    const char *precision; /* "fp32", "bf16"; NULL: as trained */
};

/* `path`: a checkpoint or a folder of them; what is passed over is said on stderr. Returns 0 or a
 * negative errno with a sentence; opened_done also after an error. */
int opened_init(struct opened *opened, const char *path, const struct open_options *options,
                struct err *err);
void opened_done(struct opened *opened);

/* The word of --precision; NULL: as `trained` says (enum precision_kind). Returns 0 or -EINVAL. */
int opened_precision(const char *word, const struct train_config *config, enum dtype *out,
                     struct err *err);

/* Meta and tokenizer, without weights. */
int opened_meta(struct opened *opened, const char *path, struct err *err);

#endif
