/* model/params - the table of a model's weights, which lie in one flat vector of fp32. */
#ifndef MODEL_PARAMS_H
#define MODEL_PARAMS_H

#include "model/config.h"

#define PARAM_ALIGN 16 /* items: every tensor begins on a cache line */

enum param_kind {
    PARAM_EMBED,              /* (V, D) */
    PARAM_HEAD,               /* (V, D), when not tied */
    PARAM_FINAL_NORM,         /* (D) */
    PARAM_NORM_ATTENTION_IN,  /* n1 (D) */
    PARAM_NORM_ATTENTION_OUT, /* n2 (D) */
    PARAM_NORM_MOE_IN,        /* n3 (D) */
    PARAM_NORM_MOE_OUT,       /* n4 (D) */
    PARAM_Q,                  /* (D, Hq d): all matrices are (in, out) */
    PARAM_K,                  /* (D, Hkv d) */
    PARAM_V,                  /* (D, Hkv d) */
    PARAM_O,                  /* (Hq d, D) */
    PARAM_ROUTER,             /* (D, E) */
    PARAM_W1,                 /* (E, D, F), goes through gelu */
    PARAM_WV,                 /* (E, D, F) */
    PARAM_W2,                 /* (E, F, D) */
    PARAM_RESIDUAL_W1,        /* (D, R) */
    PARAM_RESIDUAL_WV,        /* (D, R) */
    PARAM_RESIDUAL_W2,        /* (R, D) */
    PARAM_KINDS
};

struct param {
    enum param_kind kind;
    int layer;       /* -1: of no layer */
    char name[64];   /* "layers.3.attention.q": what people and checkpoints call it */
    size_t shape[3]; /* its first `dims` count */
    size_t dims;
    size_t offset, count; /* items in the flat vector */
    bool decay;           /* weight decay: matrices yes, norms no */
};

struct params {
    struct param *items; /* in the order of their offsets */
    size_t count;
    size_t total; /* items of the flat vector, with what aligns */
};

/* Does each layer have one? */
bool param_of_layer(enum param_kind kind);

/* The shape (what is beyond its dimensions is 1) of a weight of this kind: returns how many
 * dimensions, 0 when the model has none. */
size_t param_shape(const struct model_config *config, enum param_kind kind, size_t shape[3]);

/* The caller frees with params_done. Returns 0 or -ENOMEM. */
int params_init(struct params *params, const struct model_config *config, struct err *err);
void params_done(struct params *params);

/* A search from the start; layer -1 for those of no layer; NULL when the model has none. */
const struct param *params_find(const struct params *params, enum param_kind kind, int layer);

/* Weights, and those that one token meets (the router's choice of experts). */
uint64_t params_weights(const struct params *params);
uint64_t params_active(const struct params *params, const struct model_config *config);

#endif
