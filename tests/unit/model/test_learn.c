/* Does it learn? */
#include "kernels/flat.h"
#include "model/state.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "unit/model/small.h"

struct learner {
    struct exec exec;
    struct model *model;
    struct model_result result;
    float *grad, *m, *v;
    size_t total;
    int step;
};

static void learner_init(struct learner *l, const struct model_config *config, size_t batch,
                         size_t time, enum dtype precision)
{
    struct model_options options = {precision, batch, time, true, 1e-3, 1e-2};

    *l = (struct learner){0};
    assert_int_equal(exec_init(&l->exec, 2, NULL, NULL), 0);
    assert_int_equal(model_new(&l->exec, config, &options, NULL, &l->model, NULL), 0);
    model_init(l->model, 1);
    model_pack(l->model);
    l->total = model_params(l->model)->total;
    l->grad = calloc(l->total, sizeof(float));
    l->m = calloc(l->total, sizeof(float));
    l->v = calloc(l->total, sizeof(float));
}

static void learner_done(struct learner *l)
{
    model_free(l->model);
    exec_done(&l->exec);
    free(l->grad);
    free(l->m);
    free(l->v);
}

/* One step of Adam; returns the mean loss before it. */
static double learn(struct learner *l, const struct model_batch *batch, float lr)
{
    size_t rows = batch->batch * batch->time;
    struct adamw adamw = {.lr = lr, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .grad_scale = 1};

    assert_int_equal(
        model_gradient(l->model, batch, 1.0 / (double)rows, rows, l->grad, &l->result, NULL), 0);
    l->step++;
    adamw.correction1 = (float)(1 - pow(0.9, l->step));
    adamw.correction2 = (float)(1 - pow(0.95, l->step));
    flat_adamw(&l->exec, &adamw, l->total, l->grad, model_weights(l->model), l->m, l->v);
    model_pack(l->model);
    return l->result.loss_sum / (double)l->result.targets;
}

static void one_batch_is_learnt_by_heart(void **state)
{
    static const char *const assigns[] = {
        "dim=32 head_dim=8 ffn=32 embed_scale=5.66",
        SMALL_GROK_2 " dim=32 head_dim=8 ffn=32 embed_scale=5.66 final_cap=30",
        "dim=32 head_dim=8 ffn=64 embed_scale=5.66 experts=1 experts_used=1",
    };

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(assigns); i++) {
        struct model_config config = small_config(assigns[i / 2]);
        struct small_batch batch;
        struct learner l;
        double first, last;

        small_batch_fill(&batch, &config, 4, 16, false, 2);
        learner_init(&l, &config, 4, 16, i % 2 ? DTYPE_BF16 : DTYPE_F32);
        first = last = learn(&l, &batch.batch, 1e-2f);
        for (int step = 0; step < 120; step++)
            last = learn(&l, &batch.batch, 1e-2f * (float)(120 - step) / 120);
        print_message("%s, %s: %.3f to %.5f\n", assigns[i / 2], i % 2 ? "bf16" : "fp32", first,
                      last);
        assert_true(fabs(first - log(19)) < 0.5);
        assert_true(last < 0.02);
        learner_done(&l);
    }
}

/* Untrained, all tokens are about as likely: docs/design/model.md. */
static void a_new_model_knows_nothing(void **state)
{
    struct model_config config;
    struct model_batch batch = {.batch = 2, .time = 128};
    uint64_t rows[3 * 8];
    int32_t tokens[256], targets[256];
    struct learner l;

    (void)state;
    assert_int_equal(model_preset("grok-nano", &config, NULL), 0);
    for (size_t i = 0; i < 256; i++) {
        tokens[i] = (int32_t)(4 + random_u32(1, 0, 1, i) % 1020);
        targets[i] = (int32_t)(4 + random_u32(1, 0, 2, i) % 1020);
    }
    batch.tokens = tokens;
    batch.targets = targets;
    learner_init(&l, &config, 2, 128, DTYPE_F32);
    l.result.expert_rows = rows;
    assert_int_equal(model_loss(l.model, &batch, &l.result, NULL), 0);
    print_message("loss %.3f, ln V %.3f\n", l.result.loss_sum / 256, log(1024));
    assert_true(fabs(l.result.loss_sum / 256 - log(1024)) < 0.3);
    for (size_t i = 0; i < 24; i++) { /* a fair share is 64 */
        print_message("%d%s", (int)rows[i], i % 8 == 7 ? "\n" : " ");
        assert_true(rows[i] > 16 && rows[i] < 160);
    }
    learner_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_batch_is_learnt_by_heart),
        cmocka_unit_test(a_new_model_knows_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
