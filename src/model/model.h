/* model/model - a Grok: loss, gradient and next tokens of given weights. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "kernels/exec.h"
#include "model/params.h"

struct model;

struct model_options {
    enum dtype precision; /* of the products; sums, norms, softmax and the residual are fp32 */
    size_t batch, time;   /* the largest shard, for which memory is taken at once */
    bool train;           /* room for the way back */
    double z_weight,
        aux_weight; /* losses of the router, in the gradient but not in the loss told */
};

/* Takes all memory it will ever use. `weights`, fp32 of model_params()->total, is the caller's when
 * not NULL (and must outlive the model), else the model's own. */
int model_new(const struct exec *exec, const struct model_config *config,
              const struct model_options *options, float *weights, struct model **out,
              struct err *err);
void model_free(struct model *model);

const struct model_config *model_config_of(const struct model *model);
const struct params *model_params(const struct model *model);
float *model_weights(struct model *model);

/* (layers, experts) fp32: steers the router's choice (kernels/router.h); 0 at first; changed by the
 * trainer. */
float *model_router_bias(struct model *model);

/* Seeded initial weights: docs/design/model.md says which and why. A function of the seed and each
 * weight's place alone. */
void model_init(struct model *model, uint64_t seed);

/* Is every weight finite? Returns 0 or -EBADMSG with a sentence that names the first that is not.
 */
int model_check_weights(const struct model *model, struct err *err);

/* After the weights changed, before anything is computed from them. */
void model_pack(struct model *model);

struct model_batch {
    size_t batch, time;
    const int32_t *tokens;    /* (batch, time), in [0, vocab) */
    const int32_t *targets;   /* (batch, time); -1: counts nothing */
    const int32_t *first_key; /* (batch, time): where a position's document begins; NULL: 0 */
};

struct model_result {
    double loss_sum;         /* of the targets' cross entropy, nats, summed in the order of rows */
    uint64_t targets;        /* how many counted */
    double z_loss, aux_loss; /* of the router, means over layers, unweighted */
    uint64_t *expert_rows;   /* (layers, experts), overwritten with how many choices fell on each;
                                the caller's, or NULL */
};

/* Loss and the gradient of grad_scale * loss_sum (and of the router's losses, which `rows_step`,
 * the rows of the whole step, makes means): grad, as the weights, overwritten. Returns 0 or -EINVAL
 * (a token out of range, a shard larger than the options said). */
int model_gradient(struct model *model, const struct model_batch *batch, double grad_scale,
                   size_t rows_step, float *grad, struct model_result *result, struct err *err);

/* Loss alone. */
int model_loss(struct model *model, const struct model_batch *batch, struct model_result *result,
               struct err *err);

/* logits (batch * time, vocab) fp32 of all positions. */
int model_logits(struct model *model, const struct model_batch *batch, float *logits,
                 struct err *err);

/* Keys and values of what was said so far, for `batch` sequences of at most `time` tokens. */
struct model_cache;
int model_cache_new(struct model *model, size_t batch, size_t time, struct model_cache **out,
                    struct err *err);
void model_cache_free(struct model_cache *cache);
/* Tokens in sequence `row`; cut back to fewer. */
size_t model_cache_length(const struct model_cache *cache, size_t row);
void model_cache_cut(struct model_cache *cache, size_t row, size_t length);

/* Add count[row] tokens (0: none) to each sequence, tokens (batch, stride), and get the logits
 * (batch, vocab) after the last of each. Returns 0 or -EINVAL (cache full, token out of range). */
int model_decode(struct model *model, struct model_cache *cache, const int32_t *tokens,
                 size_t stride, const size_t *count, float *logits, struct err *err);

/* Bytes by purpose of a model with these options. Counted by the same code that takes the memory.
 */
struct model_memory {
    uint64_t weights, packed, activations, scratch;
};
int model_memory_plan(const struct exec *exec, const struct model_config *config,
                      const struct model_options *options, struct model_memory *out,
                      struct err *err);

#endif
