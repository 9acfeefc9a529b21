/* Loss and gradient of the whole model against a model in double. */
#include "model/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "unit/model/oracle.h"
#include "unit/model/small.h"

#define GRAD_SCALE 0.125
#define Z_WEIGHT   0.03
#define AUX_WEIGHT 0.2

static const struct {
    const char *name, *assigns;
    size_t batch, time;
    bool apart;
} shapes[] = {
    {"as Grok-1", "pad=0", 2, 9, false},
    {"as Grok-2", SMALL_GROK_2, 2, 9, false},
    {"dense", "experts=1 experts_used=1", 2, 9, false},
    {"dense with a second path", "experts=1 experts_used=1 residual_ffn=17", 1, 5, false},
    {"no caps, documents apart", "attention_cap=0", 3, 7, true},
    {"three renormalised gates", "router_renormalize=1 experts_used=3", 2, 9, true},
    {"all experts", "experts_used=5 tied=0", 1, 4, false},
    {"odd sizes",
     "dim=7 q_heads=3 kv_heads=1 head_dim=2 ffn=5 vocab=33 layers=1 experts=3 "
     "experts_used=1 pad=7",
     1, 17, false},
    {"one token", "layers=3", 1, 1, false},
};

/* A model with its gradient, and the oracle of the same weights. */
struct pair {
    struct exec exec;
    struct model_config config;
    struct small_batch batch;
    struct model *model;
    struct model_result result;
    float *grad;
    double *w;
    struct oracle oracle;
};

static void pair_init(struct pair *pair, const char *level, enum dtype precision, size_t shape)
{
    size_t batch = shapes[shape].batch, time = shapes[shape].time;
    struct model_options options = {precision, batch, time, true, Z_WEIGHT, AUX_WEIGHT};
    struct err err = {0};
    size_t total;

    assert_int_equal(exec_init(&pair->exec, 2, level, &err), 0);
    pair->config = small_config(shapes[shape].assigns);
    small_batch_fill(&pair->batch, &pair->config, batch, time, shapes[shape].apart, 7 + shape);
    pair->model = small_model(&pair->exec, &pair->config, &options, 3);
    total = model_params(pair->model)->total;
    pair->grad = malloc(total * sizeof(*pair->grad));
    memset(pair->grad, 0xff, total * sizeof(*pair->grad)); /* NaN: all must be overwritten */
    pair->result = (struct model_result){0};
    assert_int_equal(model_gradient(pair->model, &pair->batch.batch, GRAD_SCALE, batch * time,
                                    pair->grad, &pair->result, &err),
                     0);
    pair->w = malloc(total * sizeof(*pair->w));
    for (size_t i = 0; i < total; i++)
        pair->w[i] = model_weights(pair->model)[i];
    pair->oracle = (struct oracle){
        .config = &pair->config,
        .params = model_params(pair->model),
        .w = pair->w,
        .bias = model_router_bias(pair->model),
        .chosen = calloc((size_t)(pair->config.layers * pair->config.experts_used) * batch * time,
                         sizeof(int)),
        .share = calloc((size_t)(pair->config.layers * pair->config.experts), sizeof(double)),
        .z_weight = Z_WEIGHT,
        .aux_weight = AUX_WEIGHT};
}

static void pair_done(struct pair *pair)
{
    model_free(pair->model);
    exec_done(&pair->exec);
    free(pair->grad);
    free(pair->w);
    free(pair->oracle.chosen);
    free(pair->oracle.share);
}

/* Did the model choose the experts that the oracle chose? */
static void assert_same_choice(const struct pair *pair)
{
    size_t used = (size_t)pair->config.experts_used;
    size_t choices = pair->batch.batch.batch * pair->batch.batch.time * used;

    for (size_t l = 0; l < (size_t)pair->config.layers && pair->config.experts > 1; l++)
        for (size_t i = 0; i < choices; i++)
            assert_int_equal(pair->model->layers[l].routes.chosen[i],
                             pair->oracle.chosen[l * choices + i]);
}

/* d objective / d (w + step direction) by a central difference, direction in +-1 over one tensor,
 * or one weight of it. */
static double difference(struct pair *pair, const struct param *param, size_t only, uint64_t seed,
                         double *of_model)
{
    const double step = 1e-5;
    double sides[2];

    *of_model = 0;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < param->count; i++) {
            size_t at = param->offset + i;
            double sign = random_u32(seed, 5, (uint32_t)param->offset, i) & 1 ? 1 : -1;

            if (only < param->count)
                sign = i == only;
            pair->w[at] = model_weights(pair->model)[at] + (side ? -step : step) * sign;
            if (side == 0)
                *of_model += sign * (double)pair->grad[at];
        }
        sides[side] = oracle_run(&pair->oracle, &pair->batch.batch, GRAD_SCALE, NULL).objective;
    }
    for (size_t i = 0; i < param->count; i++)
        pair->w[param->offset + i] = model_weights(pair->model)[param->offset + i];
    return (sides[0] - sides[1]) / (2 * step);
}

static double norm_of(const struct pair *pair, const struct param *param)
{
    double sum = 0;

    for (size_t i = 0; i < param->count; i++)
        sum += (double)pair->grad[param->offset + i] * (double)pair->grad[param->offset + i];
    return sqrt(sum);
}

static double norm_of_all(const struct pair *pair)
{
    double sum = 0;

    for (size_t i = 0; i < pair->oracle.params->count; i++)
        sum += norm_of(pair, &pair->oracle.params->items[i]) *
               norm_of(pair, &pair->oracle.params->items[i]);
    return sqrt(sum);
}

static void check_shape(size_t shape, const char *level)
{
    struct pair pair;
    struct oracle_result want;
    double worst = 0;

    pair_init(&pair, level, DTYPE_F32, shape);
    want = oracle_run(&pair.oracle, &pair.batch.batch, GRAD_SCALE, NULL);
    assert_same_choice(&pair);
    pair.oracle.frozen = true;
    assert_true(fabs(pair.result.loss_sum - want.loss_sum) < 1e-5 * want.loss_sum);
    assert_true(fabs(pair.result.z_loss - want.z_loss) <= 1e-5 * fabs(want.z_loss));
    assert_true(fabs(pair.result.aux_loss - want.aux_loss) <= 1e-5 * fabs(want.aux_loss));
    for (size_t i = 0; i < pair.oracle.params->count; i++) {
        const struct param *param = &pair.oracle.params->items[i];
        /* An error of every weight adds up at random in a direction over all of them. What should
         * be 0 (attention to one key) is a difference of what is not. */
        double bound = 2e-5 * norm_of(&pair, param) + 1e-7 * norm_of_all(&pair);

        for (size_t probe = 0; probe < 5; probe++) {
            size_t only = probe < 3 ? SIZE_MAX : random_u32(9, 0, 4, i * 5 + probe) % param->count;
            double got, fd = difference(&pair, param, only, probe, &got);

            if (!(fabs(got - fd) <= bound))
                fail_msg("%s, %s, %s: gradient %.9g, but the difference is %.9g, bound %.3g",
                         shapes[shape].name, level, param->name, got, fd, bound);
            worst = fmax(worst, fabs(got - fd) / bound);
        }
    }
    print_message("%s, %s: worst error %.2f of its bound\n", shapes[shape].name, level, worst);
    pair_done(&pair);
}

static void gradient_is_that_of_the_formulas(void **state)
{
    (void)state;
    for (size_t shape = 0; shape < ARRAY_LEN(shapes); shape++)
        check_shape(shape, "ref");
}

static void gradient_of_vector_code_too(void **state)
{
    (void)state;
    for (size_t shape = 0; shape < ARRAY_LEN(shapes); shape++)
        check_shape(shape, "auto");
}

/* bf16 has 8 bits: held against fp32 of plain code, tensor by tensor. */
static void check_bf16(size_t shape, const char *level)
{
    struct pair wide, narrow;
    double worst = 0;

    pair_init(&wide, "ref", DTYPE_F32, shape);
    pair_init(&narrow, level, DTYPE_BF16, shape);
    for (size_t l = 0; l < (size_t)wide.config.layers && wide.config.experts > 1; l++)
        assert_memory_equal(
            wide.model->layers[l].routes.chosen, narrow.model->layers[l].routes.chosen,
            wide.model->rows_max * (size_t)wide.config.experts_used * sizeof(int32_t));
    assert_true(fabs(wide.result.loss_sum - narrow.result.loss_sum) < 0.02 * wide.result.loss_sum);
    for (size_t i = 0; i < wide.oracle.params->count; i++) {
        const struct param *param = &wide.oracle.params->items[i];
        double sum = 0;

        for (size_t j = 0; j < param->count; j++) {
            double error =
                (double)wide.grad[param->offset + j] - (double)narrow.grad[param->offset + j];

            sum += error * error;
        }
        if (norm_of(&wide, param) > 1e-4 * norm_of_all(&wide))
            worst = fmax(worst, sqrt(sum) / norm_of(&wide, param));
    }
    print_message("%s, %s: bf16 within %.4f\n", shapes[shape].name, level, worst);
    assert_true(worst < 0.1);
    pair_done(&wide);
    pair_done(&narrow);
}

static void gradient_in_bf16_is_near(void **state)
{
    (void)state;
    for (int level = KERNEL_REF; level <= (int)kernel_level_best(); level++)
        for (size_t shape = 0; shape < ARRAY_LEN(shapes); shape++)
            check_bf16(shape, kernel_level_name(level));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_is_that_of_the_formulas),
        cmocka_unit_test(gradient_of_vector_code_too),
        cmocka_unit_test(gradient_in_bf16_is_near),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
