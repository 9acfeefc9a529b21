/* model/state - what a model holds; of this room alone. Letters as in docs/design/model.md: N rows
 * (tokens of a shard), S slots (rows times experts used), T the type of products. */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/head.h"
#include "kernels/router.h"
#include "model/model.h"
#include "tensor/storage.h"

#define MODEL_ROWS_MAX ((size_t)1 << 22) /* so that no count of bytes wraps round */

/* A matrix (or one for each expert) ready for the products of the way there. Those of the way back
 * pack W^T themselves: once a shard, but it need not lie in memory for the whole step. */
struct pack {
    char *p;
    size_t bytes; /* of one expert's */
};

/* z = gelu(m W1) * (m Wv), out = z W2, for one matrix of each kind or for one an expert. */
struct ffn {
    enum param_kind w1, wv, w2;
    size_t experts, width;
    uint32_t *offset; /* (experts + 1): which rows of g, u, out belong to an expert */
    uint32_t *token;  /* (S): the row of m that a slot reads; NULL: the same row */
    struct mat g, u;  /* (S, width) of T */
};

/* What the forward pass leaves for the way back. A model that never trains has one set of it, and
 * all layers point there. */
struct layer {
    const struct param *param[PARAM_KINDS]; /* NULL: it has none */
    struct pack pack[PARAM_KINDS];
    float *h;                 /* (N, D): what it reads */
    float *h1;                /* (N, D): behind attention */
    float *r1, *r2, *r3, *r4; /* (N): of its norms */
    struct mat a;             /* (N, D) of T: rms(h; n1) */
    struct mat qkv;           /* (N, (Hq + 2 Hkv) d) of T, q and k turned by their positions */
    struct mat o;             /* (N, Hq d) of T */
    float *lse;               /* (N, Hq) */
    struct mat y;             /* (N, D) of T: o Wo */
    struct mat m;             /* (N, D) of T: rms(h1; n3) */
    struct routes routes;     /* of experts > 1, as what follows */
    uint32_t *slot;           /* (S) */
    struct mat e;             /* (S, D) of T: what the experts say */
    struct ffn experts;       /* when dense: one, without routes */
    struct ffn residual;      /* width 0: none */
    struct mat mo;            /* (N, D) of T, fp32 with a residual path: what n4 reads */
};

struct model {
    const struct exec *exec;
    struct model_config config;
    struct model_options options;
    struct params params;
    size_t rows_max; /* N */
    struct head head;

    float *weights, *router_bias;
    char *packed_head;
    struct layer *layers;

    float *h_last;              /* (N, D): what the last layer says */
    float *r_final;             /* (N) */
    struct mat x;               /* (N, D) of T: rms(h_last; nf) */
    float *losses;              /* (N) */
    uint8_t *key_hidden;        /* (N) */
    float *rope_cos, *rope_sin; /* (context, d / 2) */
    float *temperature;         /* (context), or NULL */
    struct gemm *list;          /* products of one call */

    /* Scratch of one layer; what is of attention, of the experts and of the head lies in one place,
     * since no two are in use at a time. */
    float *dh;         /* (N, D): the gradient of the residual stream */
    float *wide;       /* (N, D) */
    struct mat narrow; /* (N, D) of T */
    struct mat dattn;  /* (N, Hq d) of T */
    struct mat dqkv;   /* as qkv */
    struct mat z, dz;  /* (S, F) of T */
    float *wide_slots; /* (S, D) */
    float *dgates;     /* (N, K) */
    float *dlogits;    /* (N, E) */
    float *share;      /* (E) */
    char *head_scratch;

    struct storage own_weights, packed, activations, scratch;
};

static inline float *model_weight(const struct model *model, const struct layer *layer,
                                  enum param_kind kind)
{
    return model->weights + layer->param[kind]->offset;
}

static inline bool model_has_router(const struct model *model)
{
    return model->config.experts > 1;
}

/* The router of layer `index`, for so many rows. */
struct router model_router(const struct model *model, const struct layer *layer, size_t index,
                           size_t rows);

/* One way through the layers. */
struct pass {
    size_t rows;
    size_t time;           /* row i has position i % time ... */
    const int32_t *pos;    /* ... or pos[i] */
    const int32_t *tokens; /* (rows) */
    struct attention at;   /* heads, scale and cap are filled in by pass_begin */
    /* From q, k, v of a layer to its o. */
    void (*attend)(struct model *model, const struct pass *pass, size_t layer);
    void *arg; /* of attend */
};

/* A pass with what the model's constants say of attention, and attention within the rows. */
struct pass pass_begin(struct model *model, size_t batch, size_t time);

/* From tokens to model->x, leaving what the way back needs. */
void pass_forward(struct model *model, const struct pass *pass);

/* From model->narrow, the gradient of model->x, to all gradients but those of the head's table.
 * When the table is tied, what is in its gradient is added to. */
void pass_backward(struct model *model, const struct pass *pass, float *grad, size_t rows_step);

/* The parts of q, k, v in (N, (Hq + 2 Hkv) d). */
struct mat model_q(const struct model *model, struct mat qkv);
struct mat model_k(const struct model *model, struct mat qkv);
struct mat model_v(const struct model *model, struct mat qkv);

/* C = A W: one product. */
struct gemm layer_product(const struct layer *layer, enum param_kind kind, size_t rows,
                          struct mat a, struct mat c);

/* Is this token one of the vocabulary? Returns 0 or -EINVAL with a sentence. */
int model_check_token(const struct model *model, int32_t token, struct err *err);

#endif
