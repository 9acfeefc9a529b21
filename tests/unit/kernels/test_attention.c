/* ctest labels: threads */
#include "kernels/attention.h"

#include "support/tsan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define MATS 8

enum { Q, K, V, O, DOUT, DQ, DK, DV };

/* A call with its memory; what the mask says is made from the case. */
struct call {
    struct attention at;
    enum dtype type;
    struct mat mats[MATS];
    float *lse, *temperature;
    uint8_t *hidden;
    int32_t *first_key, *lengths;
};

struct shape {
    const char *name;
    size_t batch, time, q_heads, kv_heads, head_dim;
    float cap;
    bool temperature, hidden, documents;
};

static const struct shape small[] = {
    {"one key", 1, 1, 1, 1, 2, 0, false, false, false},
    {"a cap", 1, 7, 2, 2, 6, 1.5f, false, false, false},
    {"grouped heads, all masks, a cap", 2, 9, 6, 2, 4, 2, true, true, true},
    {"odd sizes", 1, 5, 3, 1, 10, 0, true, true, false},
};

static const struct shape wide[] = {
    {"one tile", 1, 64, 1, 1, 64, 0, false, false, false},
    {"tiles and a rest", 1, 131, 2, 1, 64, 30, false, false, false},
    {"wide heads", 1, 97, 2, 2, 128, 30, true, false, false},
    {"documents", 2, 150, 4, 2, 16, 5, false, true, true},
    {"a head of an odd number of pairs", 1, 70, 1, 1, 34, 0, false, true, false},
    {"short", 3, 33, 3, 3, 80, 20, false, false, true},
};

static double noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(int32_t)(*state >> 33) / 0x1p30 - 1;
}

static size_t columns(const struct call *call, size_t which)
{
    return call->at.head_dim * (which == K || which == V || which == DK || which == DV
                                    ? call->at.kv_heads
                                    : call->at.q_heads);
}

static void call_init(struct call *call, const struct shape *shape, enum dtype type)
{
    size_t rows = shape->batch * shape->time;
    uint64_t state = 7;

    *call = (struct call){.type = type};
    call->at = (struct attention){
        .batch = shape->batch,
        .time = shape->time,
        .q_heads = shape->q_heads,
        .kv_heads = shape->kv_heads,
        .head_dim = shape->head_dim,
        .scale = 1.7f / sqrtf((float)shape->head_dim),
        .cap = shape->cap,
    };
    for (size_t i = 0; i < MATS; i++) {
        size_t ld = columns(call, i) + 3; /* rows need not touch */

        call->mats[i] = mat_of(type, calloc(rows * ld, dtype_bytes(type)), ld);
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < columns(call, i); c++)
                mat_set(call->mats[i], r, c, i == O || i >= DQ ? NAN : (float)noise(&state));
    }
    call->lse = calloc(rows * shape->q_heads, sizeof(float));
    call->temperature = calloc(shape->time, sizeof(float));
    call->hidden = calloc(rows, 1);
    call->first_key = calloc(rows, sizeof(int32_t));
    call->lengths = calloc(shape->batch, sizeof(int32_t));
    for (size_t t = 0; t < shape->time; t++)
        call->temperature[t] = 1 + (float)t / 64;
    for (size_t i = 0; i < rows; i++) {
        size_t t = i % shape->time;

        call->hidden[i] = i % 5 == 3 || t == 0; /* the first query sees nothing */
        call->first_key[i] = (int32_t)(t < shape->time / 3       ? 0
                                       : t < shape->time * 3 / 4 ? shape->time / 3
                                                                 : shape->time * 3 / 4);
    }
    call->at.temperature = shape->temperature ? call->temperature : NULL;
    call->at.key_hidden = shape->hidden ? call->hidden : NULL;
    call->at.first_key = shape->documents ? call->first_key : NULL;
}

static void call_done(struct call *call)
{
    for (size_t i = 0; i < MATS; i++)
        free(call->mats[i].p);
    free(call->lse);
    free(call->temperature);
    free(call->hidden);
    free(call->first_key);
    free(call->lengths);
}

static void call_run(struct call *call, enum kernel_level level, size_t threads)
{
    struct mat *m = call->mats;
    struct exec exec;
    struct err err;

    assert_int_equal(exec_init(&exec, threads, kernel_level_name(level), &err), 0);
    attention_forward(&exec, &call->at, m[Q], m[K], m[V], m[O], call->lse);
    attention_backward(&exec, &call->at, m[Q], m[K], m[V], m[O], call->lse, m[DOUT], m[DQ], m[DK],
                       m[DV]);
    exec_done(&exec);
}

/* The formula, in double, of one query and head: out (head_dim). */
static void formula(const struct call *call, size_t row, size_t head, double *out)
{
    const struct attention *at = &call->at;
    size_t d = at->head_dim, t = row % at->time, base = row - t,
           kv = head / (at->q_heads / at->kv_heads);
    double total = 0;

    for (size_t c = 0; c < d; c++)
        out[c] = 0;
    for (size_t u = at->first_key ? (size_t)at->first_key[row] : 0; u <= t; u++) {
        double s = 0, p;

        if (at->key_hidden && at->key_hidden[base + u])
            continue;
        for (size_t c = 0; c < d; c++)
            s += (double)mat_get(call->mats[Q], row, head * d + c) *
                 (double)mat_get(call->mats[K], base + u, kv * d + c);
        s *= (double)at->scale;
        if (at->cap > 0)
            s = (double)at->cap * tanh(s / (double)at->cap);
        p = exp(s * (at->temperature ? (double)at->temperature[t] : 1));
        total += p;
        for (size_t c = 0; c < d; c++)
            out[c] += p * (double)mat_get(call->mats[V], base + u, kv * d + c);
    }
    for (size_t c = 0; c < d; c++)
        out[c] = total > 0 ? out[c] / total : 0;
}

/* <dout, out> over everything. */
static double objective(const struct call *call)
{
    size_t d = call->at.head_dim;
    double sum = 0, *out = calloc(d, sizeof(*out));

    for (size_t row = 0; row < call->at.batch * call->at.time; row++)
        for (size_t head = 0; head < call->at.q_heads; head++) {
            formula(call, row, head, out);
            for (size_t c = 0; c < d; c++)
                sum += out[c] * (double)mat_get(call->mats[DOUT], row, head * d + c);
        }
    free(out);
    return sum;
}

static void assert_near(double got, double want, double bound, const char *what, const char *level)
{
    if (!(fabs(got - want) <= bound))
        fail_msg("%s at %s: %.9g, want %.9g", what, level, got, want);
}

static void test_forward_is_the_formula(void **state)
{
    double out[128];

    (void)state;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        for (int type = DTYPE_F32; type <= DTYPE_BF16; type++)
            for (int level = 0; level <= (int)kernel_level_best(); level++) {
                struct call call;
                size_t d = wide[i].head_dim;

                call_init(&call, wide + i, type);
                call_run(&call, level, 1);
                for (size_t row = 0; row < wide[i].batch * wide[i].time; row += 3)
                    for (size_t head = 0; head < wide[i].q_heads; head++) {
                        formula(&call, row, head, out);
                        for (size_t c = 0; c < d; c++)
                            assert_near((double)mat_get(call.mats[O], row, head * d + c), out[c],
                                        type == DTYPE_F32 ? 2e-6 : 8e-3, wide[i].name,
                                        kernel_level_name(level));
                    }
                call_done(&call);
            }
}

static void test_backward_is_the_slope_of_the_formula(void **state)
{
    static const int inputs[] = {Q, K, V};
    const double step = 1e-3;

    (void)state;
    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        for (int level = 0; level <= (int)kernel_level_best(); level++) {
            struct call call;

            call_init(&call, small + i, DTYPE_F32);
            call_run(&call, level, 2);
            for (size_t which = 0; which < 3; which++) {
                struct mat m = call.mats[inputs[which]];

                for (size_t row = 0; row < small[i].batch * small[i].time; row++)
                    for (size_t c = 0; c < columns(&call, inputs[which]); c++) {
                        float at = mat_get(m, row, c), up = (float)((double)at + step),
                              down = (float)((double)at - step);
                        double slope;

                        mat_set(m, row, c, up);
                        slope = objective(&call);
                        mat_set(m, row, c, down);
                        slope = (slope - objective(&call)) / ((double)up - (double)down);
                        mat_set(m, row, c, at);
                        assert_near((double)mat_get(call.mats[DQ + which], row, c), slope, 2e-5,
                                    small[i].name, kernel_level_name(level));
                    }
            }
            call_done(&call);
        }
}

static void test_levels_agree_with_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        for (int type = DTYPE_F32; type <= DTYPE_BF16; type++) {
            struct call ref;

            call_init(&ref, wide + i, type);
            call_run(&ref, KERNEL_REF, 2);
            for (int level = 1; level <= (int)kernel_level_best(); level++) {
                struct call call;

                call_init(&call, wide + i, type);
                call_run(&call, level, 2);
                for (size_t which = O; which < MATS; which++)
                    for (size_t row = 0; row < wide[i].batch * wide[i].time; row++)
                        for (size_t c = 0; c < columns(&call, which); c++)
                            assert_near((double)mat_get(call.mats[which], row, c),
                                        (double)mat_get(ref.mats[which], row, c),
                                        type == DTYPE_F32 ? 2e-5 : 0.06, wide[i].name,
                                        kernel_level_name(level));
                for (size_t j = 0; j < wide[i].batch * wide[i].time * wide[i].q_heads; j++)
                    assert_near((double)call.lse[j], (double)ref.lse[j], 1e-5, wide[i].name, "lse");
                call_done(&call);
            }
            call_done(&ref);
        }
}

static void test_a_query_that_sees_nothing_gives_nothing(void **state)
{
    (void)state;
    for (int level = 0; level <= (int)kernel_level_best(); level++) {
        struct call call;
        size_t d = wide[3].head_dim * wide[3].q_heads;

        call_init(&call, wide + 3, DTYPE_BF16);
        call_run(&call, level, 1);
        assert_true(call.lse[0] == 0); /* lse */
        for (size_t c = 0; c < d; c++) {
            assert_true(mat_get(call.mats[O], 0, c) == 0);
            assert_true(mat_get(call.mats[DQ], 0, c) == 0);
        }
        for (size_t c = 0; c < columns(&call, K); c++) /* a hidden key */
            assert_true(mat_get(call.mats[DK], 3, c) == 0 && mat_get(call.mats[DV], 3, c) == 0);
        call_done(&call);
    }
}

static void test_threads_change_no_bit(void **state)
{
    (void)state;
    for (int type = DTYPE_F32; type <= DTYPE_BF16; type++)
        for (int level = 0; level <= (int)kernel_level_best(); level++) {
            struct call one, more;

            call_init(&one, wide + 3, type);
            call_run(&one, level, 1);
            for (size_t threads = 2; threads <= 3; threads++) {
                call_init(&more, wide + 3, type);
                call_run(&more, level, threads);
                for (size_t i = O; i < MATS; i++)
                    assert_memory_equal(one.mats[i].p, more.mats[i].p,
                                        wide[3].batch * wide[3].time * one.mats[i].ld *
                                            dtype_bytes(type));
                call_done(&more);
            }
            call_done(&one);
        }
}

/* A prompt that comes in pieces: whichever queries are asked for, each has the same bits. */
static void test_queries_do_not_depend_on_each_other(void **state)
{
    static const size_t pasts[] = {1, 30, 64, 131};
    static const struct shape shapes[] = {
        {"all masks", 2, 150, 4, 2, 18, 5, true, true, true},
        {"wide", 1, 170, 2, 1, 64, 0, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < 16; i++)
        for (int level = i > 0; level <= (int)kernel_level_best(); level++) {
            const struct shape *shape = &shapes[i / 8];
            size_t past = pasts[i / 2 % 4], left = shape->time - past;
            size_t n = shape->q_heads * shape->head_dim, bytes;
            struct call call;
            struct mat q, o;
            struct exec exec;
            float *lse = calloc(shape->batch * left * shape->q_heads, sizeof(*lse));

            call_init(&call, shape, i % 2 ? DTYPE_BF16 : DTYPE_F32);
            bytes = n * dtype_bytes(call.type);
            q = mat_of(call.type, calloc(shape->batch * left, bytes), n);
            o = mat_of(call.type, calloc(shape->batch * left, bytes), n);
            for (size_t row = 0; row < shape->batch * left; row++)
                memcpy(mat_at(q, row, 0).p,
                       mat_at(call.mats[Q], row / left * shape->time + past + row % left, 0).p,
                       bytes);
            assert_int_equal(exec_init(&exec, 2, kernel_level_name(level), NULL), 0);
            attention_forward(&exec, &call.at, call.mats[Q], call.mats[K], call.mats[V],
                              call.mats[O], call.lse);
            call.at.past = past;
            attention_forward(&exec, &call.at, q, call.mats[K], call.mats[V], o, lse);
            for (size_t row = 0; row < shape->batch * left; row++) {
                size_t whole = row / left * shape->time + past + row % left;

                assert_memory_equal(mat_at(o, row, 0).p, mat_at(call.mats[O], whole, 0).p, bytes);
                assert_memory_equal(lse + row * shape->q_heads, call.lse + whole * shape->q_heads,
                                    shape->q_heads * sizeof(*lse));
            }
            exec_done(&exec);
            free(q.p);
            free(o.p);
            free(lse);
            call_done(&call);
        }
}

/* The last query of a forward pass, by decode: of one chunk of keys, and of several. */
static void test_decode_is_the_last_query(void **state)
{
    static const struct shape shapes[] = {
        {"short caches", 3, 37, 4, 2, 64, 30, true, true, false},
        {"chunks", 2, 600, 3, 1, 18, 0, false, true, false},
        {"one kv head a query head", 1, 300, 2, 2, 128, 10, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        for (int type = DTYPE_F32; type <= DTYPE_BF16; type++)
            for (int level = under_tsan ? (int)kernel_level_best() : 0;
                 level <= (int)kernel_level_best(); level++) {
                struct call call;
                struct exec exec;
                size_t n = shapes[i].q_heads * shapes[i].head_dim;
                struct mat q, o;

                call_init(&call, shapes + i, type);
                assert_int_equal(exec_init(&exec, 2, kernel_level_name(level), NULL), 0);
                q = mat_of(type, calloc(shapes[i].batch * n, dtype_bytes(type)), n);
                o = mat_of(type, calloc(shapes[i].batch * n, dtype_bytes(type)), n);
                attention_forward(&exec, &call.at, call.mats[Q], call.mats[K], call.mats[V],
                                  call.mats[O], call.lse);
                for (size_t b = 0; b < shapes[i].batch; b++) {
                    call.lengths[b] = (int32_t)(shapes[i].time - b * 5);
                    for (size_t c = 0; c < n; c++)
                        mat_set(q, b, c,
                                mat_get(call.mats[Q],
                                        b * shapes[i].time + (size_t)call.lengths[b] - 1, c));
                }
                attention_decode(&exec, &call.at, q, call.mats[K], call.mats[V], call.lengths, o);
                for (size_t b = 0; b < shapes[i].batch; b++)
                    for (size_t c = 0; c < n; c++)
                        assert_near(
                            (double)mat_get(o, b, c),
                            (double)mat_get(call.mats[O],
                                            b * shapes[i].time + (size_t)call.lengths[b] - 1, c),
                            type == DTYPE_F32 ? 3e-6 : 8e-3, shapes[i].name,
                            kernel_level_name(level));
                exec_done(&exec);
                free(q.p);
                free(o.p);
                call_done(&call);
            }
}

static void test_a_cache_of_hidden_keys_gives_nothing(void **state)
{
    static const struct shape shape = {"hidden", 1, 300, 1, 1, 16, 0, false, true, false};

    (void)state;
    for (int level = 0; level <= (int)kernel_level_best(); level++) {
        struct call call;
        struct exec exec;
        int32_t length = 300;

        call_init(&call, &shape, DTYPE_F32);
        memset(call.hidden, 1, 300);
        assert_int_equal(exec_init(&exec, 1, kernel_level_name(level), NULL), 0);
        attention_decode(&exec, &call.at, call.mats[Q], call.mats[K], call.mats[V], &length,
                         call.mats[O]);
        for (size_t c = 0; c < 16; c++)
            assert_true(mat_get(call.mats[O], 0, c) == 0);
        exec_done(&exec);
        call_done(&call);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_is_the_formula),
        cmocka_unit_test(test_backward_is_the_slope_of_the_formula),
        cmocka_unit_test(test_levels_agree_with_the_reference),
        cmocka_unit_test(test_a_query_that_sees_nothing_gives_nothing),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_queries_do_not_depend_on_each_other),
        cmocka_unit_test(test_decode_is_the_last_query),
        cmocka_unit_test(test_a_cache_of_hidden_keys_gives_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
