/* The router and the way to the experts and back: every level against ref, gradients against
 * differences. ctest labels: threads */
#include "kernels/router.h"

#include "unit/kernels/lab.h"

static const struct {
    size_t rows, n, experts, used, pad;
    float cap;
    bool renormalize;
} shapes[] = {{0, 7, 8, 2, 0, 0, false},     {1, 1, 1, 1, 0, 0, false},
              {7, 33, 8, 2, 3, 0, false},    {33, 257, 5, 5, 0, 30, true},
              {40, 64, 17, 3, 1, 2, true},   {300, 100, 16, 4, 0, 0, true},
              {9, 20, 1024, 16, 0, 5, false}};

#define SHAPES (sizeof(shapes) / sizeof(*shapes))

struct out {
    struct routes routes;
    float *logits, *dm, *dweight;
};

static struct out new_out(const struct router *r)
{
    struct out out = {{lab_floats(r->rows * r->experts, 1), lab_floats(r->rows, 1),
                       lab_bytes(r->rows * r->used * sizeof(int32_t)),
                       lab_floats(r->rows * r->used, 1)},
                      lab_floats(r->rows * r->experts, 1),
                      lab_floats(r->rows * r->n, 0),
                      lab_floats(r->n * r->experts, 1)};

    return out;
}

static void free_out(struct out out)
{
    free(out.routes.probs);
    free(out.routes.log_sum);
    free(out.routes.chosen);
    free(out.routes.gates);
    free(out.logits);
    free(out.dm);
    free(out.dweight);
}

static void same(const float *got, const float *want, size_t count)
{
    assert_memory_equal(got, want, count * sizeof(*got));
}

static void near(const float *got, const float *want, size_t count, double absolute)
{
    lab_near(mat_f32((float *)got, count), mat_f32((float *)want, count), 1, count, 1e-5, absolute);
}

/* Both ways; the way back from the routes of `from`, so that levels that chose otherwise between
 * two equals can be compared. */
static void route(const struct exec *exec, const struct router *r, struct mat m,
                  const struct routes *from, const float *dgates,
                  const struct router_losses *losses, struct out *out)
{
    router_forward(exec, r, m, &out->routes);
    memset(out->dm, 0, r->rows * r->n * sizeof(float));
    router_backward(exec, r, from ? from : &out->routes, losses, m, dgates, out->logits, out->dm,
                    out->dweight);
}

static void every_level_is_the_same(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++)
        for (enum dtype type = DTYPE_F32; type <= DTYPE_BF16; type++) {
            struct router r = {shapes[s].rows, shapes[s].n,   shapes[s].experts,
                               shapes[s].used, shapes[s].cap, shapes[s].renormalize};
            float *weight = lab_floats(r.n * r.experts, 1), *bias = lab_floats(r.experts, 0.1);
            float *dgates = lab_floats(r.rows * r.used, 1), *share = lab_floats(r.experts, 1);
            struct router_losses losses = {0.01f, 0.02f, 0.1f, share};
            struct mat m = lab_mat(type, r.rows, r.n, shapes[s].pad, 1);
            struct out want, alone, got;

            r.weight = weight;
            r.bias = bias;
            want = new_out(&r);
            alone = new_out(&r);
            got = new_out(&r);
            route(lab_ref(), &r, m, NULL, dgates, &losses, &want);
            LAB_EACH_EXEC(exec)
            {
                route(lab_alone(exec), &r, m, &want.routes, dgates, &losses, &alone);
                route(exec, &r, m, &want.routes, dgates, &losses, &got);
                near(got.routes.probs, want.routes.probs, r.rows * r.experts, 1e-5);
                near(got.routes.log_sum, want.routes.log_sum, r.rows, 1e-5);
                near(got.dm, want.dm, r.rows * r.n, 2e-5);
                near(got.dweight, want.dweight, r.n * r.experts, 2e-5);
                same(got.routes.probs, alone.routes.probs, r.rows * r.experts);
                same(got.routes.log_sum, alone.routes.log_sum, r.rows);
                same(got.routes.gates, alone.routes.gates, r.rows * r.used);
                assert_memory_equal(got.routes.chosen, alone.routes.chosen,
                                    r.rows * r.used * sizeof(int32_t));
                same(got.dm, alone.dm, r.rows * r.n);
                same(got.dweight, alone.dweight, r.n * r.experts);
            }
            free_out(want);
            free_out(alone);
            free_out(got);
            free(m.p);
            free(weight);
            free(bias);
            free(dgates);
            free(share);
        }
}

/* One row whose logits are given: m is 1, and they are the weights. */
static void route_logits(const struct exec *exec, size_t experts, size_t used, const float *logits,
                         const float *bias, bool renormalize, struct routes *out)
{
    struct router r = {1, 1, experts, used, 0, renormalize, logits, bias};
    float one = 1;

    router_forward(exec, &r, mat_f32(&one, 1), out);
}

static void the_choice_is_by_p_plus_bias_and_the_lowest_index(void **state)
{
    static const struct {
        const char *name;
        size_t used;
        float logits[5], bias[5];
        int32_t want[5];
    } cases[] = {
        {"the largest first", 3, {1, 3, 2, 0, -1}, {0}, {1, 2, 0}},
        {"all equal", 5, {0}, {0}, {0, 1, 2, 3, 4}},
        {"two equal behind one", 2, {1, 5, 1, 1, 0}, {0}, {1, 0}},
        {"the bias steers", 2, {1, 5, 1, 1, 0}, {0, 0, 0, 2, 1}, {3, 4}},
        {"equal by bias", 2, {0}, {0, 0.5f, 0, 0.5f, 0}, {1, 3}},
        {"NaN everywhere", 3, {0, NAN, 0, 0, 0}, {0}, {0, 1, 2}},
        {"an infinite logit", 2, {0, 0, INFINITY, 0, 0}, {0}, {0, 1}},
        {"a bias that is NaN is the least", 5, {0}, {NAN, 0, 0, -1, 0}, {1, 2, 4, 3, 0}},
        {"a bias without end", 5, {0}, {-INFINITY, 0, INFINITY, 0, 0}, {2, 1, 3, 4, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        LAB_EACH_EXEC(exec)
        {
            float probs[5], log_sum, gates[5];
            int32_t chosen[5];
            struct routes out = {probs, &log_sum, chosen, gates};

            route_logits(exec, 5, cases[i].used, cases[i].logits, cases[i].bias, false, &out);
            if (memcmp(chosen, cases[i].want, cases[i].used * sizeof(*chosen)) != 0)
                fail_msg("%s: %d %d ...", cases[i].name, chosen[0], chosen[1]);
            for (size_t k = 0; k < cases[i].used; k++) /* the bias is not in the gates */
                assert_memory_equal(&gates[k], &probs[chosen[k]], sizeof(float));
        }
}

static void gates_that_vanish_are_zero_not_nan(void **state)
{
    static const float logits[] = {0, -2000, -2000}, bias[] = {0, 5, 5};

    (void)state;
    LAB_EACH_EXEC(exec)
    {
        float probs[3], log_sum, gates[2];
        int32_t chosen[2];
        struct routes out = {probs, &log_sum, chosen, gates};

        route_logits(exec, 3, 2, logits, bias, true, &out);
        assert_true(chosen[0] == 1 && chosen[1] == 2 && gates[0] == 0 && gates[1] == 0);
    }
}

/* ---- the gradient against differences ---- */

#define ROWS    6
#define N       5
#define EXPERTS 7
#define USED    3

struct formula {
    double m[ROWS * N], weight[N * EXPERTS];
    const float *dgates, *share;
    const int32_t *chosen;
    double cap, z_weight, aux_weight, rows_inverse;
    bool renormalize;
};

static double row_loss(const struct formula *f, size_t row)
{
    double p[EXPERTS], total = 0, sum = 0, norm = 1, log_sum;

    for (size_t e = 0; e < EXPERTS; e++) {
        double l = 0;

        for (size_t i = 0; i < N; i++)
            l += f->m[row * N + i] * f->weight[i * EXPERTS + e];
        p[e] = exp(f->cap > 0 ? f->cap * tanh(l / f->cap) : l);
        sum += p[e];
    }
    log_sum = log(sum);
    for (size_t e = 0; e < EXPERTS; e++) {
        p[e] /= sum;
        total += f->aux_weight * EXPERTS * f->share[e] * p[e] * f->rows_inverse;
    }
    if (f->renormalize) {
        norm = 0;
        for (size_t k = 0; k < USED; k++)
            norm += p[f->chosen[row * USED + k]];
    }
    for (size_t k = 0; k < USED; k++)
        total += f->dgates[row * USED + k] * p[f->chosen[row * USED + k]] / norm;
    return total + f->z_weight * log_sum * log_sum * f->rows_inverse;
}

static double loss(const void *arg)
{
    double total = 0;

    for (size_t row = 0; row < ROWS; row++)
        total += row_loss(arg, row);
    return total;
}

static void check_gradient(const struct exec *exec, float cap, bool renormalize, float z_weight,
                           float aux_weight)
{
    float *m = lab_floats(ROWS * N, 1), *weight = lab_floats(N * EXPERTS, 1.5);
    float *dgates = lab_floats(ROWS * USED, 1), *share = lab_floats(EXPERTS, 1);
    struct router r = {ROWS, N, EXPERTS, USED, cap, renormalize, weight, NULL};
    struct router_losses losses = {z_weight, aux_weight, 0.25f, aux_weight != 0 ? share : NULL};
    struct out out = new_out(&r);
    struct formula f = {.dgates = dgates, .share = share, .chosen = out.routes.chosen, .cap = cap};

    f.z_weight = z_weight;
    f.aux_weight = aux_weight;
    f.rows_inverse = 0.25;
    f.renormalize = renormalize;
    for (size_t i = 0; i < ROWS * N; i++)
        f.m[i] = m[i];
    for (size_t i = 0; i < N * EXPERTS; i++)
        f.weight[i] = weight[i];
    route(exec, &r, mat_f32(m, N), NULL, dgates, &losses, &out);
    lab_differences(loss, &f, f.m, ROWS * N, out.dm, 2e-5);
    lab_differences(loss, &f, f.weight, N * EXPERTS, out.dweight, 2e-5);
    for (size_t i = 0; i < ROWS * N; i++) /* dm is added to */
        out.dm[i] = 1;
    router_backward(exec, &r, &out.routes, &losses, mat_f32(m, N), dgates, out.logits, out.dm,
                    out.dweight);
    for (size_t i = 0; i < ROWS * N; i++)
        out.dm[i] -= 1;
    lab_differences(loss, &f, f.m, ROWS * N, out.dm, 2e-5);
    free_out(out);
    free(m);
    free(weight);
    free(dgates);
    free(share);
}

static void backward_is_the_difference(void **state)
{
    (void)state;
    LAB_EACH_EXEC(exec)
    {
        for (int bits = 0; bits < 16; bits++)
            check_gradient(exec, bits & 1 ? 2 : 0, bits & 2, bits & 4 ? 0.1f : 0,
                           bits & 8 ? 0.3f : 0);
    }
}

/* ---- slots ---- */

static void slots_are_a_stable_sort(void **state)
{
    (void)state;
    for (size_t rows = 0; rows < 40; rows += 3)
        for (size_t used = 1; used <= 4; used++) {
            size_t experts = 6, count = rows * used, slot_now = 0;
            int32_t *chosen = lab_bytes(count * sizeof(*chosen));
            uint32_t *offset = lab_bytes((experts + 1) * sizeof(*offset));
            uint32_t *token = lab_bytes(count * sizeof(*token));
            uint32_t *slot = lab_bytes(count * sizeof(*slot));

            for (size_t i = 0; i < count; i++)
                chosen[i] = (int32_t)rng_below(&lab_rng, experts - 1); /* the last has none */
            dispatch_plan(rows, used, experts, chosen, offset, token, slot);
            for (size_t e = 0; e < experts; e++) {
                assert_int_equal(offset[e], slot_now);
                for (size_t i = 0; i < count; i++)
                    if (chosen[i] == (int32_t)e) {
                        assert_int_equal(slot[i], slot_now);
                        assert_int_equal(token[slot_now], i / used);
                        slot_now++;
                    }
            }
            assert_int_equal(offset[experts], count);
            free(chosen);
            free(offset);
            free(token);
            free(slot);
        }
}

static void combining_and_its_way_back(void **state)
{
    static const size_t ns[] = {1, 7, 33, 100};
    const size_t rows = 37, used = 3, slots = rows * used;

    (void)state;
    for (size_t s = 0; s < 4; s++)
        for (int types = 0; types < 8; types++) {
            size_t n = ns[s];
            bool with_gates = types != 5, add = !(types & 2);
            struct mat e = lab_mat(types & 1, slots, n, 2, 1);
            struct mat out = lab_mat(types >> 1 & 1, rows, n, 1, 1);
            struct mat dout = lab_mat(types >> 2 & 1, rows, n, 0, 1);
            float *gates = lab_floats(slots, 1), *dgates = lab_floats(slots, 1);
            uint32_t *slot = lab_bytes(slots * sizeof(*slot));

            for (size_t i = 0; i < slots; i++)
                slot[i] = (uint32_t)((i * 7 + 5) % slots); /* 7 and 111 have no common factor */
            LAB_EACH_EXEC(exec)
            {
                struct mat sum = lab_copy(out, rows, n), de = lab_copy(e, slots, n);
                struct mat alone = lab_copy(out, rows, n), alone_de = lab_copy(e, slots, n);
                float *alone_dgates = lab_floats(slots, 1);

                combine_forward(exec, rows, used, n, slot, with_gates ? gates : NULL, e, sum, add);
                combine_forward(lab_alone(exec), rows, used, n, slot, with_gates ? gates : NULL, e,
                                alone, add);
                lab_same(sum, alone, rows, n);
                combine_backward(exec, rows, used, n, slot, with_gates ? gates : NULL, e, dout, de,
                                 dgates);
                combine_backward(lab_alone(exec), rows, used, n, slot, with_gates ? gates : NULL,
                                 alone_de, dout, alone_de, alone_dgates); /* de in the place of e */
                lab_same(de, alone_de, slots, n);
                same(dgates, alone_dgates, slots);
                for (size_t i = 0; i < slots; i++) {
                    struct mat row = mat_at(e, slot[i], 0), d = mat_at(dout, i / used, 0);
                    double gate = with_gates ? gates[i] : 1, want = 0;

                    for (size_t j = 0; j < n; j++) {
                        double got = mat_get(de, slot[i], j), exact = gate * mat_get(d, 0, j);

                        want += (double)mat_get(row, 0, j) * mat_get(d, 0, j);
                        assert_true(fabs(got - exact) <=
                                    (de.type == DTYPE_BF16 ? 1 / 256. : 1e-7) * fabs(exact));
                    }
                    assert_true(fabs(dgates[i] - want) < 1e-5);
                }
                for (size_t row = 0; row < rows; row++)
                    for (size_t j = 0; j < n; j++) {
                        double want = add ? mat_get(out, row, j) : 0;

                        for (size_t k = 0; k < used; k++)
                            want += (with_gates ? gates[row * used + k] : 1) *
                                    (double)mat_get(e, slot[row * used + k], j);
                        assert_true(fabs(mat_get(sum, row, j) - want) <=
                                    1e-6 + (sum.type == DTYPE_BF16 ? fabs(want) / 256 : 0));
                    }
                free(sum.p);
                free(de.p);
                free(alone.p);
                free(alone_de.p);
                free(alone_dgates);
            }
            free(e.p);
            free(out.p);
            free(dout.p);
            free(gates);
            free(dgates);
            free(slot);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_is_the_same),
        cmocka_unit_test(the_choice_is_by_p_plus_bias_and_the_lowest_index),
        cmocka_unit_test(gates_that_vanish_are_zero_not_nan),
        cmocka_unit_test(backward_is_the_difference),
        cmocka_unit_test(slots_are_a_stable_sort),
        cmocka_unit_test(combining_and_its_way_back),
    };

    return cmocka_run_group_tests(tests, lab_open, lab_close);
}
