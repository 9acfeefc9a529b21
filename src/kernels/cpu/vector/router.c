#include "kernels/cpu/router.h"

#include "kernels/cpu/vector/vec.h"

#include <math.h>

#define ROWS  8   /* that share what is loaded of the weights */
#define CHUNK 256 /* of a row of m, as fp32 in the first cache */
#define WIDTH ROUTER_COLUMNS_MAX

/* `rows` rows of n as fp32, each `ld` from the one before, 0 up to `width`. */
static void widen(size_t rows, size_t n, size_t width, struct mat m, size_t ld, float *out)
{
    for (size_t row = 0; row < rows; row++) {
        struct mat in = mat_at(m, row, 0);

        for (size_t i = 0; i < n; i += VF_LANES)
            vf_put_left(DTYPE_F32, out + row * ld, i, vf_get_left(m.type, in.p, i, n - i), n - i);
        for (size_t i = n; i < width; i++)
            out[row * ld + i] = 0;
    }
}

/* ---- logits ---- */

/* logits (rows, experts) += m (rows, n) weight (n, experts), with k in order. */
VEC_INLINE void add_products(size_t rows, size_t n, size_t experts, const float *m,
                             const float *weight, float *logits)
{
    for (size_t e = 0; e < experts; e += VF_LANES) {
        size_t left = experts - e;
        vf sums[ROWS];

        for (size_t row = 0; row < rows; row++)
            sums[row] = vf_get_left(DTYPE_F32, logits + row * experts, e, left);
        for (size_t k = 0; k < n; k++) {
            vf w = vf_get_left(DTYPE_F32, weight + k * experts, e, left);

            for (size_t row = 0; row < rows; row++)
                sums[row] = vf_fma(vf_set(m[row * CHUNK + k]), w, sums[row]);
        }
        for (size_t row = 0; row < rows; row++)
            vf_put_left(DTYPE_F32, logits + row * experts, e, sums[row], left);
    }
}

static void logits(size_t rows, size_t n, size_t experts, struct mat m, const float *weight,
                   float *out)
{
    float wide[ROWS * CHUNK];

    memset(out, 0, rows * experts * sizeof(*out));
    for (size_t row = 0; row < rows; row += ROWS) {
        size_t here = rows - row < ROWS ? rows - row : ROWS;

        for (size_t k = 0; k < n; k += CHUNK) {
            size_t part = n - k < CHUNK ? n - k : CHUNK;

            widen(here, part, part, mat_at(m, row, k), CHUNK, wide);
            if (here == ROWS)
                add_products(ROWS, part, experts, wide, weight + k * experts, out + row * experts);
            for (size_t i = 0; here < ROWS && i < here; i++)
                add_products(1, part, experts, wide + i * CHUNK, weight + k * experts,
                             out + (row + i) * experts);
        }
    }
}

/* ---- softmax ---- */

/* Lanes past the end are -inf, which is nothing to a maximum and to a sum of exp. */
VEC_INLINE vf get_logits(const float *l, size_t e, size_t experts)
{
    size_t left = experts - e;

    if (left >= VF_LANES)
        return vf_load(l + e);
    return vf_select(vm_first(left), vf_load_n(l + e, left), vf_set(-INFINITY));
}

static float softmax(size_t experts, float cap, float *l)
{
    vf most = vf_set(-INFINITY), sums = vf_zero();
    float largest, sum, one;

    for (size_t e = 0; cap > 0 && e < experts; e += VF_LANES) {
        vf x = vf_div(vf_get_left(DTYPE_F32, l, e, experts - e), vf_set(cap));

        vf_put_left(DTYPE_F32, l, e, vf_mul(vf_set(cap), vf_tanh(x)), experts - e);
    }
    for (size_t e = 0; e < experts; e += VF_LANES)
        most = vf_max(get_logits(l, e, experts), most);
    largest = vf_largest(most);
    for (size_t e = 0; e < experts; e += VF_LANES) {
        vf p = vf_exp(vf_sub(get_logits(l, e, experts), vf_set(largest)));

        sums = vf_add(sums, p);
        vf_put_left(DTYPE_F32, l, e, p, experts - e);
    }
    sum = vf_sum(sums);
    for (size_t e = 0; e < experts; e += VF_LANES)
        vf_put_left(DTYPE_F32, l, e, vf_div(vf_get_left(DTYPE_F32, l, e, experts - e), vf_set(sum)),
                    experts - e);
    vf_store_n(&one, vf_log(vf_set(sum)), 1);
    return largest + one;
}

/* ---- backward ---- */

/* dm (rows, columns) += dl (rows, experts) wt (experts, WIDTH) */
static void add_to_dm(const struct router_columns *c, size_t row, const float *wt)
{
    const float *dl = c->dl + row * c->experts;
    float *dm = c->dm + row * c->ld_dm;
    vf sums[WIDTH / VF_LANES];

    for (size_t v = 0; v < WIDTH / VF_LANES; v++)
        sums[v] = vf_zero();
    for (size_t e = 0; e < c->experts; e++)
        for (size_t v = 0; v < WIDTH / VF_LANES; v++)
            sums[v] = vf_fma(vf_set(dl[e]), vf_load(wt + e * WIDTH + v * VF_LANES), sums[v]);
    for (size_t v = 0, i = 0; i < c->columns; v++, i += VF_LANES) {
        size_t left = c->columns - i;

        vf_put_left(DTYPE_F32, dm, i, vf_add(vf_get_left(DTYPE_F32, dm, i, left), sums[v]), left);
    }
}

/* sums (experts, WIDTH) += dl^T m of `rows` rows, m (rows, WIDTH) */
VEC_INLINE void add_to_sums(size_t rows, size_t experts, const float *dl, const float *m,
                            float *sums)
{
    for (size_t e = 0; e < experts; e++)
        for (size_t i = 0; i < WIDTH; i += VF_LANES) {
            vf sum = vf_load(sums + e * WIDTH + i);

            for (size_t row = 0; row < rows; row++)
                sum = vf_fma(vf_set(dl[row * experts + e]), vf_load(m + row * WIDTH + i), sum);
            vf_store(sums + e * WIDTH + i, sum);
        }
}

/* The block's rows: dm, and dl^T m into `sums`. */
static void back_block(const struct router_columns *c, size_t begin, size_t end, const float *wt,
                       float *sums)
{
    float wide[ROWS * WIDTH];

    memset(sums, 0, c->experts * WIDTH * sizeof(*sums));
    for (size_t row = begin; row < end; row += ROWS) {
        size_t here = end - row < ROWS ? end - row : ROWS;
        const float *dl = c->dl + row * c->experts;

        widen(here, c->columns, WIDTH, mat_at(c->m, row, 0), WIDTH, wide);
        if (here == ROWS)
            add_to_sums(ROWS, c->experts, dl, wide, sums);
        for (size_t i = 0; here < ROWS && i < here; i++)
            add_to_sums(1, c->experts, dl + i * c->experts, wide + i * WIDTH, sums);
        for (size_t i = 0; i < here; i++)
            add_to_dm(c, row + i, wt);
    }
}

static void backward(const struct router_columns *c, float *scratch)
{
    size_t block = c->experts * WIDTH;
    float *wt = scratch, *sums = wt + block, *total = sums + block;

    memset(scratch, 0, 3 * block * sizeof(*scratch));
    for (size_t i = 0; i < c->columns; i++)
        for (size_t e = 0; e < c->experts; e++)
            wt[e * WIDTH + i] = c->weight[i * c->experts + e];
    for (size_t row = 0; row < c->rows; row += ROUTER_ROWS_OF_SUM) {
        size_t end = row + ROUTER_ROWS_OF_SUM < c->rows ? row + ROUTER_ROWS_OF_SUM : c->rows;

        back_block(c, row, end, wt, sums);
        for (size_t i = 0; i < block; i += VF_LANES)
            vf_store(total + i, vf_add(vf_load(total + i), vf_load(sums + i)));
    }
    for (size_t i = 0; i < c->columns; i++)
        for (size_t e = 0; e < c->experts; e++)
            c->dweight[i * c->experts + e] = total[e * WIDTH + i];
}

/* ---- combining ---- */

VEC_INLINE void combine_typed(size_t n, size_t used, const uint32_t *slot, const float *gates,
                              struct mat e, enum dtype e_type, struct mat out, enum dtype out_type,
                              bool add)
{
    for (size_t i = 0; i < n; i += VF_LANES) {
        size_t left = n - i;
        vf sum = vf_zero();

        for (size_t k = 0; k < used; k++)
            sum = vf_fma(vf_set(gates ? gates[k] : 1),
                         vf_get_left(e_type, e.p, slot[k] * e.ld + i, left), sum);
        if (add)
            sum = vf_add(vf_get_left(out_type, out.p, i, left), sum);
        vf_put_left(out_type, out.p, i, sum, left);
    }
}

static void combine(size_t n, size_t used, const uint32_t *slot, const float *gates, struct mat e,
                    struct mat out, bool add)
{
    if (e.type == DTYPE_F32 && out.type == DTYPE_F32)
        combine_typed(n, used, slot, gates, e, DTYPE_F32, out, DTYPE_F32, add);
    else if (e.type == DTYPE_BF16 && out.type == DTYPE_BF16)
        combine_typed(n, used, slot, gates, e, DTYPE_BF16, out, DTYPE_BF16, add);
    else
        combine_typed(n, used, slot, gates, e, e.type, out, out.type, add);
}

VEC_INLINE float combine_back_typed(size_t n, float gate, const void *e, enum dtype e_type,
                                    const void *dout, enum dtype dout_type, void *de,
                                    enum dtype de_type)
{
    vf sums[2] = {vf_zero(), vf_zero()};

    for (size_t i = 0; i < n; i += 2 * VF_LANES)
        for (size_t s = 0, j = i; s < 2 && j < n; s++, j += VF_LANES) {
            size_t left = n - j;
            vf d = vf_get_left(dout_type, dout, j, left);

            sums[s] = vf_fma(d, vf_get_left(e_type, e, j, left), sums[s]);
            vf_put_left(de_type, de, j, vf_mul(vf_set(gate), d), left);
        }
    return vf_sum(vf_add(sums[0], sums[1]));
}

static void combine_back(size_t n, size_t used, const uint32_t *slot, const float *gates,
                         struct mat e, struct mat dout, struct mat de, float *dgates)
{
    for (size_t k = 0; k < used; k++) {
        const void *from = mat_at(e, slot[k], 0).p;
        void *to = mat_at(de, slot[k], 0).p;
        float gate = gates ? gates[k] : 1;

        if (e.type == DTYPE_F32 && dout.type == DTYPE_F32 && de.type == DTYPE_F32)
            dgates[k] =
                combine_back_typed(n, gate, from, DTYPE_F32, dout.p, DTYPE_F32, to, DTYPE_F32);
        else if (e.type == DTYPE_BF16 && dout.type == DTYPE_BF16 && de.type == DTYPE_BF16)
            dgates[k] =
                combine_back_typed(n, gate, from, DTYPE_BF16, dout.p, DTYPE_BF16, to, DTYPE_BF16);
        else
            dgates[k] = combine_back_typed(n, gate, from, e.type, dout.p, dout.type, to, de.type);
    }
}

const struct router_ops LEVEL(router_ops) = {logits, softmax, backward, combine, combine_back};
