#include "kernels/cpu/router.h"

#include "kernels/cpu/ref/math.h"

static void logits(size_t rows, size_t n, size_t experts, struct mat m, const float *weight,
                   float *out)
{
    memset(out, 0, rows * experts * sizeof(*out));
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < n; i++)
            for (size_t e = 0; e < experts; e++)
                out[row * experts + e] += mat_get(m, row, i) * weight[i * experts + e];
}

static float softmax(size_t experts, float cap, float *l)
{
    float largest, sum = 0;

    for (size_t e = 0; cap > 0 && e < experts; e++)
        l[e] = cap * ref_tanh(l[e] / cap);
    largest = l[0];
    for (size_t e = 1; e < experts; e++)
        largest = l[e] > largest ? l[e] : largest;
    for (size_t e = 0; e < experts; e++) {
        l[e] = ref_exp(l[e] - largest);
        sum += l[e];
    }
    for (size_t e = 0; e < experts; e++)
        l[e] /= sum;
    return largest + ref_log(sum);
}

/* dweight += the rows' part of m^T dl, by way of sums of its own. */
static void add_block(const struct router_columns *c, size_t begin, size_t end)
{
    for (size_t i = 0; i < c->columns; i++)
        for (size_t e = 0; e < c->experts; e++) {
            float sum = 0;

            for (size_t row = begin; row < end; row++)
                sum += mat_get(c->m, row, i) * c->dl[row * c->experts + e];
            c->dweight[i * c->experts + e] += sum;
        }
}

static void backward(const struct router_columns *c, float *scratch)
{
    (void)scratch;
    for (size_t row = 0; row < c->rows; row++)
        for (size_t i = 0; i < c->columns; i++) {
            float sum = 0;

            for (size_t e = 0; e < c->experts; e++)
                sum += c->dl[row * c->experts + e] * c->weight[i * c->experts + e];
            c->dm[row * c->ld_dm + i] += sum;
        }
    memset(c->dweight, 0, c->columns * c->experts * sizeof(*c->dweight));
    for (size_t row = 0; row < c->rows; row += ROUTER_ROWS_OF_SUM)
        add_block(c, row, row + ROUTER_ROWS_OF_SUM < c->rows ? row + ROUTER_ROWS_OF_SUM : c->rows);
}

static void combine(size_t n, size_t used, const uint32_t *slot, const float *gates, struct mat e,
                    struct mat out, bool add)
{
    for (size_t i = 0; i < n; i++) {
        float sum = 0;

        for (size_t k = 0; k < used; k++)
            sum += (gates ? gates[k] : 1) * mat_get(e, slot[k], i);
        mat_set(out, 0, i, add ? mat_get(out, 0, i) + sum : sum);
    }
}

static void combine_back(size_t n, size_t used, const uint32_t *slot, const float *gates,
                         struct mat e, struct mat dout, struct mat de, float *dgates)
{
    for (size_t k = 0; k < used; k++) {
        float sum = 0;

        for (size_t i = 0; i < n; i++) {
            float d = mat_get(dout, 0, i);

            sum += d * mat_get(e, slot[k], i);
            mat_set(de, slot[k], i, (gates ? gates[k] : 1) * d);
        }
        dgates[k] = sum;
    }
}

const struct router_ops router_ops_ref = {logits, softmax, backward, combine, combine_back};
