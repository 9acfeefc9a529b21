#include "fake.h"

#include <stdlib.h>
#include <string.h>

enum { INVALID = 7 };

struct layout {
    int type;
    uint64_t rows, columns;
    int64_t leading;
};

struct desc {
    int transposed;
};

#define CUBLASLT_DECLARE(name, args) int name args;
CUBLASLT_FUNCTIONS(CUBLASLT_DECLARE)
#undef CUBLASLT_DECLARE

#define MAY_FAIL(name)                                                                             \
    do {                                                                                           \
        if (fake_fails(name, -1))                                                                  \
            return INVALID;                                                                        \
    } while (0)

static int make(void **out, size_t bytes)
{
    *out = calloc(1, bytes);
    return *out ? 0 : INVALID;
}

int cublasLtCreate(void **handle)
{
    MAY_FAIL("cublasLtCreate");
    return make(handle, 1);
}

int cublasLtDestroy(void *handle)
{
    free(handle);
    return 0;
}

int cublasLtMatmulDescCreate(void **desc, int compute, int scale)
{
    MAY_FAIL("cublasLtMatmulDescCreate");
    if (compute != CUBLAS_COMPUTE_32F || scale != CUBLAS_R_32F)
        return INVALID;
    return make(desc, sizeof(struct desc));
}

int cublasLtMatmulDescDestroy(void *desc)
{
    free(desc);
    return 0;
}

int cublasLtMatmulDescSetAttribute(void *desc, int name, const void *value, size_t bytes)
{
    MAY_FAIL("cublasLtMatmulDescSetAttribute");
    if (name != CUBLASLT_MATMUL_DESC_TRANSA || bytes != sizeof(int))
        return INVALID;
    memcpy(&((struct desc *)desc)->transposed, value, bytes);
    return 0;
}

int cublasLtMatrixLayoutCreate(void **layout, int type, uint64_t rows, uint64_t columns,
                               int64_t leading)
{
    MAY_FAIL("cublasLtMatrixLayoutCreate");
    if (make(layout, sizeof(struct layout)) != 0)
        return INVALID;
    *(struct layout *)*layout = (struct layout){type, rows, columns, leading};
    return 0;
}

int cublasLtMatrixLayoutDestroy(void *layout)
{
    free(layout);
    return 0;
}

int cublasLtMatmulPreferenceCreate(void **preference)
{
    MAY_FAIL("cublasLtMatmulPreferenceCreate");
    return make(preference, sizeof(uint64_t));
}

int cublasLtMatmulPreferenceDestroy(void *preference)
{
    free(preference);
    return 0;
}

int cublasLtMatmulPreferenceSetAttribute(void *preference, int name, const void *value,
                                         size_t bytes)
{
    MAY_FAIL("cublasLtMatmulPreferenceSetAttribute");
    if (name != CUBLASLT_PREF_WORKSPACE_BYTES || bytes != sizeof(uint64_t))
        return INVALID;
    memcpy(preference, value, bytes);
    return 0;
}

int cublasLtMatmulAlgoGetHeuristic(void *handle, void *desc, void *a, void *b, void *c, void *d,
                                   void *preference, int wanted,
                                   struct cublaslt_matmul_result *results, int *count)
{
    const struct layout *layout = a;

    MAY_FAIL("cublasLtMatmulAlgoGetHeuristic");
    if (!handle || !desc || !b || !c || !d || wanted != 1)
        return INVALID;
    if (fake_is("nobf16") && layout->type == CUBLAS_R_16BF)
        return CUBLAS_NOT_SUPPORTED;
    *count = fake_is("noway") ? 0 : 1;
    *results = (struct cublaslt_matmul_result){.algo = {layout->rows}};
    memcpy(&results->workspace_bytes, preference, sizeof(uint64_t));
    return 0;
}

int cublasLtMatmul(void *handle, void *desc, const void *alpha, uint64_t a, void *a_layout,
                   uint64_t b, void *b_layout, const void *beta, uint64_t c, void *c_layout,
                   uint64_t d, void *d_layout, const uint64_t *algo, uint64_t workspace,
                   size_t workspace_bytes, struct CUstream_st *stream)
{
    const struct layout *layout = a_layout;
    uint64_t n = layout->rows, bytes = n * n * 2;
    float one, zero;

    MAY_FAIL("cublasLtMatmul");
    memcpy(&one, alpha, sizeof(one));
    memcpy(&zero, beta, sizeof(zero));
    if (!handle || ((struct desc *)desc)->transposed != CUBLAS_OP_T || b_layout != a_layout ||
        c_layout != a_layout || d_layout != a_layout || algo[0] != n || one != 1 || zero != 0 ||
        layout->columns != n || layout->leading != (int64_t)n ||
        !fake_owns(stream->device, a, bytes) || !fake_owns(stream->device, b, bytes) ||
        !fake_owns(stream->device, c, bytes) || d != c || a + bytes > b ||
        !fake_owns(stream->device, workspace, workspace_bytes) || c + bytes > workspace)
        return INVALID;
    stream->now_ms +=
        2.0 * (double)n * (double)n * (double)n / (FAKE_MATRIX * fake_speed(stream->device)) * 1e3;
    return 0;
}
