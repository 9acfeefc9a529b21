#include "kernels/router.h"

#include "kernels/cpu/ref/math.h"
#include "kernels/cpu/router.h"
#include "kernels/cut.h"

#include <assert.h>
#include <math.h>

#define ROWS_OF_ITEM 32

static const struct router_ops *ops_of(const struct exec *exec)
{
    static const struct router_ops *const levels[KERNEL_LEVELS] = {
        [KERNEL_REF] = &router_ops_ref,
        [KERNEL_AVX2] = &router_ops_avx2,
        [KERNEL_AVX512] = &router_ops_avx512,
        [KERNEL_AVX512_BF16] = &router_ops_avx512bf16,
    };

    return levels[exec->level];
}

/* ---- forward ---- */

struct forward {
    const struct router_ops *ops;
    const struct router *router;
    struct mat m;
    const struct routes *out;
};

/* The `used` largest of p + bias, the largest first, the lowest index where equal. A NaN is less
 * than anything, so that `chosen` is always in range and without a double. */
static void choose(const struct router *router, const float *probs, int32_t *chosen)
{
    float score[ROUTER_EXPERTS_MAX];
    bool taken[ROUTER_EXPERTS_MAX] = {false};

    for (size_t e = 0; e < router->experts; e++) {
        score[e] = probs[e] + (router->bias ? router->bias[e] : 0);
        if (isnan(score[e]))
            score[e] = -INFINITY;
    }
    for (size_t k = 0; k < router->used; k++) {
        size_t best = router->experts;

        for (size_t e = 0; e < router->experts; e++)
            if (!taken[e] && (best == router->experts || score[e] > score[best]))
                best = e;
        taken[best] = true;
        chosen[k] = (int32_t)best;
    }
}

static float chosen_sum(const struct router *router, const float *probs, const int32_t *chosen)
{
    float sum = 0;

    for (size_t k = 0; k < router->used; k++)
        sum += probs[chosen[k]];
    return sum;
}

static void forward_rows(void *arg, size_t item, size_t thread)
{
    const struct forward *f = arg;
    const struct router *router = f->router;
    size_t begin = item * ROWS_OF_ITEM, end = min(router->rows, begin + ROWS_OF_ITEM);
    size_t experts = router->experts, used = router->used;

    (void)thread;
    f->ops->logits(end - begin, router->n, experts, mat_at(f->m, begin, 0), router->weight,
                   f->out->probs + begin * experts);
    for (size_t row = begin; row < end; row++) {
        float *probs = f->out->probs + row * experts;
        int32_t *chosen = f->out->chosen + row * used;
        float sum = 1;

        f->out->log_sum[row] = f->ops->softmax(experts, router->cap, probs);
        choose(router, probs, chosen);
        if (router->renormalize)
            sum = chosen_sum(router, probs, chosen);
        for (size_t k = 0; k < used; k++)
            f->out->gates[row * used + k] = sum == 0 ? 0 : probs[chosen[k]] / sum;
    }
}

void router_forward(const struct exec *exec, const struct router *router, struct mat m,
                    struct routes *out)
{
    struct forward f = {ops_of(exec), router, m, out};

    assert(router->experts > 0 && router->experts <= ROUTER_EXPERTS_MAX);
    assert(router->used <= router->experts && router->used <= ROUTER_USED_MAX);
    pool_run(exec->pool, parts_of(router->rows, ROWS_OF_ITEM), forward_rows, &f);
}

/* ---- backward ---- */

struct backward {
    const struct router_ops *ops;
    const struct router *router;
    const struct routes *routes;
    const struct router_losses *losses;
    struct mat m;
    const float *dgates;
    float *dl, *dm, *dweight;
    struct pool *pool;
};

/* dl = the gradient of the row's logits: through the gates, the probabilities and the cap, and of
 * the losses. */
static void row_gradient(const struct backward *b, size_t row, float *dl)
{
    const struct router *router = b->router;
    const struct router_losses *losses = b->losses;
    size_t experts = router->experts, used = router->used;
    const float *p = b->routes->probs + row * experts, *dgates = b->dgates + row * used;
    const float *gates = b->routes->gates + row * used;
    const int32_t *chosen = b->routes->chosen + row * used;
    float log_sum = b->routes->log_sum[row], along = 0, mean = 0, sum = 1;
    float z = 2 * losses->z_weight * losses->rows_inverse * log_sum;
    float aux = losses->aux_weight * (float)experts * losses->rows_inverse;

    for (size_t e = 0; e < experts; e++)
        dl[e] = losses->aux_weight != 0 ? aux * losses->share[e] : 0;
    if (router->renormalize) {
        sum = chosen_sum(router, p, chosen);
        for (size_t k = 0; k < used; k++)
            along += gates[k] * dgates[k];
    }
    for (size_t k = 0; k < used; k++)
        dl[chosen[k]] += sum == 0 ? 0 : (dgates[k] - along) / sum;
    for (size_t e = 0; e < experts; e++)
        mean += p[e] * dl[e];
    for (size_t e = 0; e < experts; e++) {
        float capped = router->cap > 0 && p[e] > 0 ? (ref_log(p[e]) + log_sum) / router->cap : 0;

        dl[e] = p[e] * (dl[e] - mean + z) * (1 - capped * capped);
    }
}

static void gradient_rows(void *arg, size_t item, size_t thread)
{
    const struct backward *b = arg;
    size_t end = min(b->router->rows, (item + 1) * ROWS_OF_ITEM);

    (void)thread;
    for (size_t row = item * ROWS_OF_ITEM; row < end; row++)
        row_gradient(b, row, b->dl + row * b->router->experts);
}

static void backward_columns(void *arg, size_t item, size_t thread)
{
    const struct backward *b = arg;
    const struct router *router = b->router;
    size_t begin = item * ROUTER_COLUMNS_MAX, experts = router->experts;
    struct router_columns columns = {
        .rows = router->rows,
        .columns = min(router->n - begin, ROUTER_COLUMNS_MAX),
        .experts = experts,
        .m = mat_at(b->m, 0, begin),
        .dl = b->dl,
        .weight = router->weight + begin * experts,
        .dm = b->dm + begin,
        .ld_dm = router->n,
        .dweight = b->dweight + begin * experts,
    };

    b->ops->backward(&columns,
                     pool_scratch(b->pool, thread, router_scratch_floats(experts) * sizeof(float)));
}

void router_backward(const struct exec *exec, const struct router *router,
                     const struct routes *routes, const struct router_losses *losses, struct mat m,
                     const float *dgates, float *logits, float *dm, float *dweight)
{
    struct backward b = {.ops = ops_of(exec), .router = router, .routes = routes, .m = m};

    b.losses = losses;
    b.dgates = dgates;
    b.dl = logits;
    b.dm = dm;
    b.dweight = dweight;
    b.pool = exec->pool;
    for (size_t thread = 0; thread < pool_threads(exec->pool); thread++)
        (void)pool_scratch(exec->pool, thread,
                           router_scratch_floats(router->experts) * sizeof(float));
    pool_run(exec->pool, parts_of(router->rows, ROWS_OF_ITEM), gradient_rows, &b);
    pool_run(exec->pool, parts_of(router->n, ROUTER_COLUMNS_MAX), backward_columns, &b);
}

/* ---- to the experts and back ---- */

void dispatch_plan(size_t rows, size_t used, size_t experts, const int32_t *chosen,
                   uint32_t *offset, uint32_t *token, uint32_t *slot)
{
    size_t count = rows * used;

    memset(offset, 0, (experts + 1) * sizeof(*offset));
    for (size_t i = 0; i < count; i++) {
        assert(chosen[i] >= 0 && (size_t)chosen[i] < experts);
        offset[chosen[i] + 1]++;
    }
    for (size_t e = 0; e < experts; e++)
        offset[e + 1] += offset[e];
    for (size_t i = 0; i < count; i++) { /* offset[e] runs to where e ends ... */
        slot[i] = offset[chosen[i]]++;
        token[slot[i]] = (uint32_t)(i / used);
    }
    for (size_t e = experts; e > 0; e--) /* ... which is where e + 1 began */
        offset[e] = offset[e - 1];
    offset[0] = 0;
}

struct combine {
    const struct router_ops *ops;
    size_t rows, used, n;
    const uint32_t *slot;
    const float *gates;
    struct mat e, out, de; /* out is dout on the way back */
    bool add;
    float *dgates;
};

static void combine_rows(void *arg, size_t item, size_t thread)
{
    const struct combine *c = arg;
    size_t end = min(c->rows, (item + 1) * ROWS_OF_ITEM);

    (void)thread;
    for (size_t row = item * ROWS_OF_ITEM; row < end; row++)
        c->ops->combine(c->n, c->used, c->slot + row * c->used,
                        c->gates ? c->gates + row * c->used : NULL, c->e, mat_at(c->out, row, 0),
                        c->add);
}

void combine_forward(const struct exec *exec, size_t rows, size_t used, size_t n,
                     const uint32_t *slot, const float *gates, struct mat e, struct mat out,
                     bool add)
{
    struct combine c = {ops_of(exec), rows, used, n, slot, gates, e, out, .add = add};

    assert(!add || out.type == DTYPE_F32);
    pool_run(exec->pool, parts_of(rows, ROWS_OF_ITEM), combine_rows, &c);
}

static void combine_rows_back(void *arg, size_t item, size_t thread)
{
    const struct combine *c = arg;
    size_t end = min(c->rows, (item + 1) * ROWS_OF_ITEM);

    (void)thread;
    for (size_t row = item * ROWS_OF_ITEM; row < end; row++)
        c->ops->combine_back(c->n, c->used, c->slot + row * c->used,
                             c->gates ? c->gates + row * c->used : NULL, c->e,
                             mat_at(c->out, row, 0), c->de, c->dgates + row * c->used);
}

void combine_backward(const struct exec *exec, size_t rows, size_t used, size_t n,
                      const uint32_t *slot, const float *gates, struct mat e, struct mat dout,
                      struct mat de, float *dgates)
{
    struct combine c = {ops_of(exec), rows, used, n, slot, gates, e, dout, de, .dgates = dgates};

    pool_run(exec->pool, parts_of(rows, ROWS_OF_ITEM), combine_rows_back, &c);
}
