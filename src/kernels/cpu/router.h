/* kernels/cpu/router - the inner parts of the router and of combining experts, at each level. */
#ifndef KERNELS_CPU_ROUTER_H
#define KERNELS_CPU_ROUTER_H

#include "kernels/exec.h"

#include <stdbool.h>

#define ROUTER_COLUMNS_MAX 64 /* of m that `backward` is given at once */

/* The columns of m that one item of the way back owns, all rows. */
struct router_columns {
    size_t rows, columns, experts;
    struct mat m;        /* (rows, columns) */
    const float *dl;     /* (rows, experts) */
    const float *weight; /* (columns, experts) */
    float *dm;           /* (rows, columns), added to */
    size_t ld_dm;
    float *dweight; /* (columns, experts), overwritten */
};

struct router_ops {
    /* logits (rows, experts) = m weight; m (rows, n), weight (n, experts). */
    void (*logits)(size_t rows, size_t n, size_t experts, struct mat m, const float *weight,
                   float *logits);

    /* One row of logits becomes probabilities, capped first where cap > 0; gives their log sum. */
    float (*softmax)(size_t experts, float cap, float *logits);

    /* dm += dl weight^T, dweight = m^T dl, the rows in blocks of ROUTER_ROWS_OF_SUM. `scratch` is
     * router_scratch_floats() long. */
    void (*backward)(const struct router_columns *columns, float *scratch);

    /* One row of combine_forward, and of its way back: slot and gates are the row's own. */
    void (*combine)(size_t n, size_t used, const uint32_t *slot, const float *gates, struct mat e,
                    struct mat out, bool add);
    void (*combine_back)(size_t n, size_t used, const uint32_t *slot, const float *gates,
                         struct mat e, struct mat dout, struct mat de, float *dgates);
};

#define ROUTER_ROWS_OF_SUM 256

/* Three blocks of (experts, ROUTER_COLUMNS_MAX). */
static inline size_t router_scratch_floats(size_t experts)
{
    return 3 * experts * ROUTER_COLUMNS_MAX;
}

extern const struct router_ops router_ops_ref;
extern const struct router_ops router_ops_avx2;
extern const struct router_ops router_ops_avx512;
extern const struct router_ops router_ops_avx512bf16;

#endif
