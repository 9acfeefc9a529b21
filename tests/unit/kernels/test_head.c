/* ctest labels: threads */
#include "kernels/head.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct call {
    struct head head;
    size_t rows;
    struct mat x, dx;
    float *table, *dtable, *losses, *logits;
    int32_t *targets;
    void *packed, *scratch;
};

struct shape {
    const char *name;
    size_t rows, vocab, n;
    float cap;
};

static const struct shape small[] = {
    {"one word", 2, 1, 3, 0},
    {"no cap", 5, 7, 4, 0},
    {"a cap", 7, 11, 6, 1.5f},
};

static const struct shape wide[] = {
    {"one chunk", 9, 1024, 16, 0},
    {"chunks and a rest", 33, 2053, 24, 30},
    {"one row", 1, 1500, 33, 5},
};

static double noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(int32_t)(*state >> 33) / 0x1p30 - 1;
}

static struct mat matrix(enum dtype type, size_t rows, size_t n, uint64_t *state)
{
    struct mat m = mat_of(type, calloc(rows * (n + 2), dtype_bytes(type)), n + 2);

    for (size_t i = 0; i < rows; i++)
        for (size_t c = 0; c < n; c++)
            mat_set(m, i, c, state ? (float)noise(state) : NAN);
    return m;
}

static void call_init(struct call *call, const struct shape *shape, enum dtype type)
{
    uint64_t state = 5;

    *call = (struct call){
        .head = {shape->vocab, shape->n, 1.25f, shape->cap, type},
        .rows = shape->rows,
        .x = matrix(type, shape->rows, shape->n, &state),
        .dx = matrix(type, shape->rows, shape->n, NULL),
        .table = calloc(shape->vocab * shape->n, sizeof(float)),
        .dtable = calloc(shape->vocab * shape->n, sizeof(float)),
        .losses = calloc(shape->rows, sizeof(float)),
        .logits = calloc(shape->rows * shape->vocab, sizeof(float)),
        .targets = calloc(shape->rows, sizeof(int32_t)),
    };
    for (size_t i = 0; i < shape->vocab * shape->n; i++) {
        float value = (float)noise(&state);

        call->table[i] = type == DTYPE_F32 ? value : bf16_to_f32(bf16_from_f32(value));
        call->dtable[i] = NAN;
    }
    for (size_t i = 0; i < shape->rows; i++)
        call->targets[i] = i % 4 == 1 ? -1 : (int32_t)((i * 7919 + 3) % shape->vocab);
}

static void call_done(struct call *call)
{
    void *all[] = {call->x.p,    call->dx.p,    call->table,  call->dtable, call->losses,
                   call->logits, call->targets, call->packed, call->scratch};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(all[i]);
}

static void *room(size_t bytes)
{
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void call_run(struct call *call, enum kernel_level level, size_t threads, bool back)
{
    struct exec exec;

    assert_int_equal(exec_init(&exec, threads, kernel_level_name(level), NULL), 0);
    free(call->packed);
    free(call->scratch);
    call->packed = room(head_packed_bytes(&exec, &call->head));
    call->scratch = room(head_scratch_bytes(&exec, &call->head, call->rows));
    head_pack(&exec, &call->head, call->table, call->packed);
    head_loss(&exec, &call->head, call->table, call->packed, call->rows, call->x, call->targets,
              call->losses, 0.5f, back ? &call->dx : NULL, back ? call->dtable : NULL,
              call->scratch);
    head_logits(&exec, &call->head, call->packed, call->rows, call->x, call->logits);
    exec_done(&exec);
}

static double logit(const struct call *call, size_t row, size_t word)
{
    double sum = 0, cap = (double)call->head.cap;

    for (size_t c = 0; c < call->head.n; c++)
        sum += (double)mat_get(call->x, row, c) * (double)call->table[word * call->head.n + c];
    sum *= (double)call->head.scale;
    return cap > 0 ? cap * tanh(sum / cap) : sum;
}

static double loss(const struct call *call, size_t row)
{
    double sum = 0;

    if (call->targets[row] < 0)
        return 0;
    for (size_t v = 0; v < call->head.vocab; v++)
        sum += exp(logit(call, row, v));
    return log(sum) - logit(call, row, (size_t)call->targets[row]);
}

static double objective(const struct call *call)
{
    double sum = 0;

    for (size_t i = 0; i < call->rows; i++)
        sum += loss(call, i);
    return 0.5 * sum;
}

static void assert_near(double got, double want, double bound, const char *what, int level)
{
    if (!(fabs(got - want) <= bound))
        fail_msg("%s at %s: %.9g, want %.9g", what, kernel_level_name(level), got, want);
}

static void test_losses_and_logits_are_the_formula(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        for (int type = DTYPE_F32; type <= DTYPE_BF16; type++)
            for (int level = 0; level <= (int)kernel_level_best(); level++) {
                struct call call;

                call_init(&call, wide + i, type); /* bf16 values: the products are exact */
                call_run(&call, level, 2, false);
                for (size_t row = 0; row < call.rows; row++) {
                    assert_near((double)call.losses[row], loss(&call, row), 1e-5, wide[i].name,
                                level);
                    for (size_t v = 0; v < call.head.vocab; v += 5)
                        assert_near((double)call.logits[row * call.head.vocab + v],
                                    logit(&call, row, v), 1e-5, wide[i].name, level);
                }
                call_done(&call);
            }
}

static void test_gradients_are_the_slope_of_the_formula(void **state)
{
    const double step = 1e-3;

    (void)state;
    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        for (int level = 0; level <= (int)kernel_level_best(); level++) {
            struct call call;
            size_t n = small[i].n;

            call_init(&call, small + i, DTYPE_F32);
            call_run(&call, level, 1, true);
            for (size_t j = 0; j < (call.rows + call.head.vocab) * n; j++) {
                size_t k = j - call.rows * n;
                bool is_x = j < call.rows * n;
                float *at = is_x ? (float *)mat_at(call.x, j / n, j % n).p : call.table + k,
                      value = *at, up = (float)((double)value + step),
                      down = (float)((double)value - step);
                double slope;

                *at = up;
                slope = objective(&call);
                *at = down;
                slope = (slope - objective(&call)) / ((double)up - (double)down);
                *at = value;
                assert_near(is_x ? (double)mat_get(call.dx, j / n, j % n) : (double)call.dtable[k],
                            slope, 1e-5, small[i].name, level);
            }
            call_done(&call);
        }
}

static void test_levels_agree_with_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        for (int type = DTYPE_F32; type <= DTYPE_BF16; type++) {
            double bound = type == DTYPE_F32 ? 1e-5 : 1e-2;
            struct call ref;

            call_init(&ref, wide + i, type);
            call_run(&ref, KERNEL_REF, 2, true);
            for (int level = 1; level <= (int)kernel_level_best(); level++) {
                struct call call;

                call_init(&call, wide + i, type);
                call_run(&call, level, 1, true);
                for (size_t row = 0; row < call.rows; row++) {
                    assert_near((double)call.losses[row], (double)ref.losses[row], 1e-5,
                                wide[i].name, level);
                    for (size_t c = 0; c < call.head.n; c++)
                        assert_near((double)mat_get(call.dx, row, c),
                                    (double)mat_get(ref.dx, row, c), bound, wide[i].name, level);
                }
                for (size_t j = 0; j < call.head.vocab * call.head.n; j++)
                    assert_near((double)call.dtable[j], (double)ref.dtable[j], bound, wide[i].name,
                                level);
                call_done(&call);
            }
            call_done(&ref);
        }
}

static void test_masked_rows_count_nothing(void **state)
{
    (void)state;
    for (int level = 0; level <= (int)kernel_level_best(); level++) {
        struct call call;

        call_init(&call, wide, DTYPE_BF16);
        for (size_t i = 0; i < call.rows; i++)
            call.targets[i] = -1;
        call_run(&call, level, 1, true);
        for (size_t i = 0; i < call.rows; i++) {
            assert_true(call.losses[i] == 0);
            for (size_t c = 0; c < call.head.n; c++)
                assert_true(mat_get(call.dx, i, c) == 0);
        }
        for (size_t i = 0; i < call.head.vocab * call.head.n; i++)
            assert_true(call.dtable[i] == 0);
        call_done(&call);
    }
}

/* A vocabulary so large that 64 rows fill the scratch: the table's gradient is a sum of blocks. */
static void test_blocks_of_rows_add_up(void **state)
{
    static const struct shape shape = {"blocks", 131, 270001, 2, 0};
    double sums[2] = {0, 0};
    struct call call;

    (void)state;
    call_init(&call, &shape, DTYPE_F32);
    call_run(&call, kernel_level_best(), 2, true);
    for (size_t i = 0; i < call.head.vocab * 2; i++)
        sums[i % 2] += (double)call.dtable[i];
    for (size_t c = 0; c < 2; c++) /* softmax less one-hot sums to 0 in each row */
        assert_near(sums[c], 0, 1e-3, shape.name, kernel_level_best());
    for (size_t row = 0; row < call.rows; row += 60) {
        size_t word = (size_t)call.targets[row];

        if (call.targets[row] < 0)
            continue;
        assert_near((double)call.losses[row], loss(&call, row), 1e-4, shape.name,
                    kernel_level_best());
        for (size_t c = 0; c < 2; c++) { /* all else of this word's gradient is 1e-5 of this */
            double want = -0.5 * (double)call.head.scale * (double)mat_get(call.x, row, c);

            assert_near((double)call.dtable[word * 2 + c], want, 1e-3, shape.name,
                        kernel_level_best());
        }
    }
    call_done(&call);
}

static void test_threads_change_no_bit(void **state)
{
    (void)state;
    for (int level = 0; level <= (int)kernel_level_best(); level++) {
        struct call one, more;

        call_init(&one, wide + 1, DTYPE_BF16);
        call_run(&one, level, 1, true);
        for (size_t threads = 2; threads <= 3; threads++) {
            call_init(&more, wide + 1, DTYPE_BF16);
            call_run(&more, level, threads, true);
            assert_memory_equal(one.losses, more.losses, one.rows * sizeof(float));
            assert_memory_equal(one.dx.p, more.dx.p, one.rows * one.dx.ld * sizeof(uint16_t));
            assert_memory_equal(one.dtable, more.dtable,
                                one.head.vocab * one.head.n * sizeof(float));
            assert_memory_equal(one.logits, more.logits, one.rows * one.head.vocab * sizeof(float));
            call_done(&more);
        }
        call_done(&one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_and_logits_are_the_formula),
        cmocka_unit_test(test_gradients_are_the_slope_of_the_formula),
        cmocka_unit_test(test_levels_agree_with_the_reference),
        cmocka_unit_test(test_masked_rows_count_nothing),
        cmocka_unit_test(test_blocks_of_rows_add_up),
        cmocka_unit_test(test_threads_change_no_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
