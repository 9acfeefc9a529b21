/* Embedding: every level against ref, and sums that do not depend on threads.
 * ctest labels: threads */
#include "kernels/embed.h"

#include "unit/kernels/lab.h"

enum pattern { ANY, ALL_EQUAL, FEW, PATTERNS };

static const struct {
    size_t rows, n, vocab;
} shapes[] = {{0, 7, 3}, {1, 1, 1}, {9, 7, 5}, {100, 33, 1000}};

static int32_t *make_tokens(size_t rows, size_t vocab, enum pattern pattern)
{
    int32_t *tokens = lab_bytes(rows * sizeof(*tokens));

    for (size_t i = 0; i < rows; i++) {
        tokens[i] = (int32_t)rng_below(&lab_rng, vocab);
        if (pattern == ALL_EQUAL)
            tokens[i] = (int32_t)vocab - 1;
        if (pattern == FEW)
            tokens[i] %= 3;
    }
    return tokens;
}

static void check(size_t rows, size_t n, size_t vocab, const int32_t *tokens)
{
    float *table = lab_floats(vocab * n, 1), *dout = lab_floats(rows * n, 1);
    struct mat out[3], dtable[3], start = mat_f32(table, n);

    for (int i = 0; i < 3; i++) {
        out[i] = lab_mat(DTYPE_F32, rows, n, 0, 1);
        dtable[i] = lab_copy(start, vocab, n);
    }
    embed_forward(lab_ref(), rows, n, tokens, table, 78.5f, out[0].p);
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < n; i++)
            assert_true(mat_get(out[0], row, i) == 78.5f * table[(size_t)tokens[row] * n + i]);
    embed_backward(lab_ref(), rows, n, vocab, tokens, dout, 0.5f, dtable[0].p);
    LAB_EACH_EXEC(exec)
    {
        const struct exec *use[] = {NULL, exec, lab_alone(exec)};

        for (int i = 1; i < 3; i++) {
            memcpy(dtable[i].p, table, vocab * n * sizeof(float));
            embed_forward(use[i], rows, n, tokens, table, 78.5f, out[i].p);
            embed_backward(use[i], rows, n, vocab, tokens, dout, 0.5f, dtable[i].p);
        }
        lab_same(out[1], out[0], rows, n);
        lab_same(dtable[1], dtable[2], vocab, n);
        lab_near(dtable[1], dtable[0], vocab, n, 1e-6, 1e-5);
    }
    for (int i = 0; i < 3; i++) {
        free(out[i].p);
        free(dtable[i].p);
    }
    free(table);
    free(dout);
}

static void every_level_is_the_same(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof(shapes) / sizeof(*shapes); s++)
        for (enum pattern pattern = 0; pattern < PATTERNS; pattern++) {
            int32_t *tokens = make_tokens(shapes[s].rows, shapes[s].vocab, pattern);

            check(shapes[s].rows, shapes[s].n, shapes[s].vocab, tokens);
            free(tokens);
        }
}

static void rows_of_one_token_are_added_in_their_order(void **state)
{
    /* 2^24 + 1 is 2^24 in fp32: only in this order is nothing of it left */
    static const int32_t tokens[] = {2, 0, 2, 2};
    static const float dout[] = {0x1p24f, 5, 1, -0x1p24f};

    (void)state;
    LAB_EACH_EXEC(exec)
    {
        float dtable[3] = {1, 2, 0};

        embed_backward(exec, 4, 1, 3, tokens, dout, 1, dtable);
        assert_true(dtable[0] == 6 && dtable[1] == 2 && dtable[2] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_is_the_same),
        cmocka_unit_test(rows_of_one_token_are_added_in_their_order),
    };

    return cmocka_run_group_tests(tests, lab_open, lab_close);
}
