/* train/meta - what a checkpoint's meta.json says: everything of a run but its long vectors. */
#ifndef TRAIN_META_H
#define TRAIN_META_H

#include "ckpt/ckpt.h"
#include "train/config.h"
#include "train/watch.h"

#define META_FILE      "meta.json"
#define META_TOKENIZER "tokenizer.model"

/* The vectors beside it. */
#define CKPT_WEIGHTS "weights"
#define CKPT_M       "m"
#define CKPT_V       "v"

struct meta {
    struct train_config config; /* without folders and sources */
    int64_t step, updates;
    uint64_t tokens, data_hash; /* data_hash: dataset_hash() of what it was trained on */
    double smooth_loss;
    char kernels[32]; /* the level whose bits these are; "" : of no training (imported) */
    struct watch watch;
    size_t experts;     /* layers * experts: of the next two */
    float *router_bias; /* owned */
    int64_t *dying;     /* owned */
};

/* Zeroed arrays for the model of meta->config. Returns 0 or -ENOMEM. */
int meta_init(struct meta *meta, struct err *err);
void meta_done(struct meta *meta);

/* malloc'ed; NULL when there is no memory. */
char *meta_print(const struct meta *meta);

/* `path` begins the sentences. Returns 0 (meta_done frees), -EBADMSG or -ENOMEM. */
int meta_parse(const char *path, const char *text, size_t len, struct meta *meta, struct err *err);

/* The settings of the newest checkpoint in a folder (or of the one that it is), as far as they can
 * be read; nothing is said of whether all of it is whole. Folders and sources are empty. Returns 0,
 * -ENOENT (there is none), or -ENOMEM. */
int meta_newest_config(const char *folder, struct train_config *out);

/* The meta.json of an open checkpoint. */
int meta_read(struct ckpt *ckpt, struct meta *meta, struct err *err);

#endif
